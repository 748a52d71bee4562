// SPDX-License-Identifier: MIT

//! Writers of the compressions, for tests only.

use super::Compression;
use std::io::Write;

/// The text as a file of this compression.
pub(crate) fn compress(compression: Compression, plain: &[u8]) -> Vec<u8> {
    let all = |result: std::io::Result<Vec<u8>>| result.expect("writing to memory");
    match compression {
        Compression::Gzip => {
            let mut encoder =
                flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            all(encoder.write_all(plain).and_then(|()| encoder.finish()))
        }
        Compression::Xz => {
            let options = lzma_rust2::XzOptions::with_preset(0);
            let mut encoder = lzma_rust2::XzWriter::new(Vec::new(), options).expect("options");
            all(encoder.write_all(plain).and_then(|()| encoder.finish()))
        }
        Compression::Zstd => all(zstd::encode_all(plain, 1)),
        Compression::Lz4 => {
            let mut file = vec![0x02, 0x21, 0x4c, 0x18];
            for block in plain.chunks(8 << 20) {
                let block = lz4_flex::block::compress(block);
                file.extend((block.len() as u32).to_le_bytes());
                file.extend(block);
            }
            file
        }
        other => panic!("{other} is not written here"),
    }
}
