// SPDX-License-Identifier: MIT

//! Files: damaged ELF and compressed ones, and small ones that decompress to much.

use super::amdgpu;
use super::limits::within_limits;
use super::mutation::{mutate, mutations};
use super::tape::decisions;
use super::{run, Seen};
use crate::elf;
use crate::kernel_file::testing::compress;
use crate::kernel_file::{Compression, CompressionError};
use proptest::prelude::*;

const COMPRESSIONS: [Compression; 4] = [
    Compression::Gzip,
    Compression::Xz,
    Compression::Zstd,
    Compression::Lz4,
];

/// What a decompressor may take beside its result: a dictionary of 128 MiB, and a little.
const DICTIONARY: u64 = 130 << 20;

/// Decompresses within the limit, in memory that it bounds.
fn decompress(
    compression: Compression,
    limit: u64,
    file: &[u8],
) -> Result<Vec<u8>, CompressionError> {
    let mut result = None;
    let used = allocation_counter::measure(|| {
        result = Some(compression.decompress_within(limit, file));
    });
    // A buffer that grows is copied into one of twice its size.
    let most = 4 * limit + DICTIONARY;
    assert!(used.bytes_max <= most, "{compression}: {used:?}");
    result.expect("it ran")
}

#[test]
fn damaged_compressed_files() {
    let text = prop::collection::vec(prop_oneof![3 => Just(7_u8), 1 => any::<u8>()], 0..600);
    run(
        5,
        (0..4_usize, text, mutations(2)),
        |(which, text, damage)| {
            let compression = COMPRESSIONS[which];
            let mut file = compress(compression, &text);
            mutate(&mut file, &damage);
            match decompress(compression, 1 << 16, &file) {
                Ok(plain) if damage.is_empty() => prop_assert_eq!(plain, text),
                Ok(_) => {}
                Err(_) => return Ok(Seen::Refused),
            }
            Ok(Seen::Read)
        },
    );
}

#[test]
fn damaged_elf_files() {
    run(5, (decisions(), mutations(3)), |(decisions, damage)| {
        let mut file = amdgpu::build(&decisions).file();
        mutate(&mut file, &damage);
        let mut seen = Seen::Refused;
        for name in [".BTF", ".modinfo", ".BTF.base"] {
            let section = within_limits(file.len(), || elf::section(&file, name));
            if let Ok(Some(section)) = section {
                prop_assert_eq!(Some(section), rmcp_oracle::elf::section(&file, name));
                seen = Seen::Read;
            }
        }
        Ok(seen)
    });
}

#[test]
fn a_small_file_that_decompresses_to_much_is_refused() {
    let zeros = vec![0; 9 << 20];
    for compression in COMPRESSIONS {
        let bomb = compress(compression, &zeros);
        assert!(bomb.len() < zeros.len() / 100, "{compression}");
        let error = decompress(compression, 1 << 20, &bomb).expect_err("too large");
        assert!(
            matches!(error, CompressionError::TooLarge { .. }),
            "{error}"
        );
    }
}

#[test]
fn a_dictionary_larger_than_any_kernels_is_refused_before_it_is_taken() {
    let mut file = compress(Compression::Xz, b"kernel");
    // The block's header: its size, flags, one filter with one byte, which is the dictionary's.
    assert_eq!(file[13..16], [0, 0x21, 1]);
    let end = 12 + 4 * usize::from(file[12]);
    for (byte, refused) in [(30, false), (31, true), (40, true)] {
        file[16] = byte;
        let mut crc = flate2::Crc::new();
        crc.update(&file[12..end]);
        file[end..end + 4].copy_from_slice(&crc.sum().to_le_bytes());
        let result = decompress(Compression::Xz, 1 << 16, &file);
        let too_much = matches!(result, Err(CompressionError::TooMuchMemory(_)));
        assert_eq!(too_much, refused, "{byte}: {result:?}");
        assert_eq!(result.is_ok(), !refused, "{byte}");
    }
}
