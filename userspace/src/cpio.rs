// SPDX-License-Identifier: MIT

//! The files in an initramfs image (`Documentation/driver-api/early-userspace/buffer-format.rst` of
//! the kernel): cpio archives of the format "newc" one after the other, the last of which may be
//! compressed as a whole. Nothing is unpacked to a disk.

use crate::kernel_file::{Compression, CompressionError};

/// The most bytes that an image may have, compressed or not: several times those of a large one.
pub const MAX_SIZE: u64 = 1 << 30;

const MAGICS: [&[u8]; 2] = [b"070701", b"070702"];
/// The name of the entry that ends an archive.
const TRAILER: &[u8] = b"TRAILER!!!";

/// Why an image cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CpioError {
    /// Neither an archive nor something compressed.
    #[error("byte {at} starts neither a cpio archive nor compressed data")]
    Unrecognized {
        /// Where.
        at: usize,
    },
    /// An archive that is damaged or cut off.
    #[error("a damaged cpio archive: {what} at byte {at}")]
    Damaged {
        /// What is wrong.
        what: &'static str,
        /// Where in the archive.
        at: usize,
    },
    /// The compressed archive cannot be had.
    #[error(transparent)]
    Compression(#[from] CompressionError),
}

/// Shows each regular file of an image, by its path without a slash at the start.
///
/// # Errors
///
/// An image that is damaged, or compressed in a way that is not read here. What was shown before is
/// of the image all the same.
pub fn files(image: &[u8], mut each: impl FnMut(&str, &[u8])) -> Result<(), CpioError> {
    if let Some(compressed) = archives(image, &mut each)? {
        let rest = &image[compressed..];
        let compression =
            Compression::of(rest).ok_or(CpioError::Unrecognized { at: compressed })?;
        let plain = compression.decompress_within(MAX_SIZE, rest)?;
        if let Some(at) = archives(&plain, &mut each)? {
            return Err(CpioError::Unrecognized { at });
        }
    }
    Ok(())
}

/// Shows the files of the archives that are not compressed; the answer is where something else
/// follows.
fn archives(image: &[u8], each: &mut impl FnMut(&str, &[u8])) -> Result<Option<usize>, CpioError> {
    let mut at = 0;
    loop {
        // Zeros between archives are padding.
        at += image[at..].iter().take_while(|byte| **byte == 0).count();
        let rest = &image[at..];
        if rest.is_empty() {
            return Ok(None);
        }
        if !MAGICS.iter().any(|magic| rest.starts_with(magic)) {
            return Ok(Some(at));
        }
        at += archive(rest, each)?;
    }
}

/// Shows the files of one archive; the answer is its length.
fn archive(bytes: &[u8], each: &mut impl FnMut(&str, &[u8])) -> Result<usize, CpioError> {
    const HEADER: usize = 110;
    let mut at = 0;
    loop {
        let damaged = |what| CpioError::Damaged { what, at };
        let header = bytes
            .get(at..at.saturating_add(HEADER))
            .ok_or_else(|| damaged("no entry, and no end before it"))?;
        if !MAGICS.iter().any(|magic| header.starts_with(magic)) {
            return Err(damaged("no entry"));
        }
        // Thirteen numbers of eight hexadecimal digits.
        let number = |index: usize| {
            let digits = &header[6 + index * 8..][..8];
            std::str::from_utf8(digits)
                .ok()
                .and_then(|digits| u32::from_str_radix(digits, 16).ok())
                .map(|number| number as usize)
                .ok_or_else(|| damaged("a number that is none"))
        };
        let (mode, size, name_size) = (number(1)?, number(6)?, number(11)?);
        let part = |start: usize, size: usize| {
            bytes
                .get(start..start.saturating_add(size))
                .ok_or_else(|| damaged("an entry that goes beyond the end"))
        };
        let name = part(at + HEADER, name_size)?;
        let name = name.split(|byte| *byte == 0).next().unwrap_or_default();
        let start = aligned(at + HEADER + name_size);
        if name == TRAILER {
            return Ok(start.min(bytes.len()));
        }
        let content = part(start, size)?;
        const FILE_TYPE: usize = 0o170_000;
        const REGULAR: usize = 0o100_000;
        if mode & FILE_TYPE == REGULAR {
            let name = String::from_utf8_lossy(name);
            each(name.trim_start_matches(['.', '/']), content);
        }
        at = aligned(start + size);
    }
}

/// Names and contents are padded to four bytes.
fn aligned(offset: usize) -> usize {
    offset.next_multiple_of(4)
}

#[cfg(test)]
pub(crate) mod testing;

#[cfg(test)]
mod tests {
    use super::testing::archive;
    use super::*;
    use proptest::prelude::*;

    fn names(image: &[u8]) -> Result<Vec<(String, Vec<u8>)>, CpioError> {
        let mut found = Vec::new();
        files(image, |name, content| {
            found.push((name.to_owned(), content.to_owned()));
        })?;
        Ok(found)
    }

    fn entry(name: &str, content: &str) -> (String, Vec<u8>) {
        (name.to_owned(), content.as_bytes().to_owned())
    }

    #[test]
    fn an_early_archive_and_a_compressed_one_are_read() {
        let mut image = archive(&[("kernel/x86/microcode.bin", "code")]);
        image.extend([0; 100]);
        let main = archive(&[("etc/modprobe.d/a.conf", "options"), ("./init", "")]);
        image.extend(zstd::encode_all(main.as_slice(), 1).unwrap());
        assert_eq!(
            names(&image).unwrap(),
            [
                entry("kernel/x86/microcode.bin", "code"),
                entry("etc/modprobe.d/a.conf", "options"),
                entry("init", ""),
            ]
        );
        assert_eq!(names(b"").unwrap(), []);
    }

    #[test]
    fn what_is_no_image_is_told() {
        let image = archive(&[("a", "text")]);
        let told = |bytes: &[u8]| names(bytes).unwrap_err().to_string();
        assert_eq!(
            told(b"#!/bin/sh"),
            "byte 0 starts neither a cpio archive nor compressed data"
        );
        assert!(told(&image[..image.len() - 8]).contains("beyond the end"));
        assert!(told(&image[..60]).contains("no end before it"));
        assert_eq!(
            told(b"BZh9"),
            "compressed with bzip2, which rmcp-kctl does not read (it reads gzip, xz, zstd, lz4)"
        );
        let twice = zstd::encode_all(zstd::encode_all(&image[..], 1).unwrap().as_slice(), 1);
        assert!(told(&twice.unwrap()).contains("neither"));
    }

    proptest! {
        #[test]
        fn damaged_images_never_panic(
            edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
            keep in any::<prop::sample::Index>(),
        ) {
            let mut image = archive(&[("etc/modprobe.d/a.conf", "options amdgpu a=1"), ("b", "x")]);
            for (at, byte) in edits {
                let at = at.index(image.len());
                image[at] = byte;
            }
            let _ = names(&image);
            let _ = names(&image[..keep.index(image.len())]);
        }
    }
}
