// SPDX-License-Identifier: MIT

//! The compressions that kernels and their modules come in, told apart by their first bytes.

use std::fmt;
use std::io::{self, Read};

use super::MAX_SIZE;

/// The largest dictionary that an XZ file may ask for, in bytes: that of `scripts/xz_wrap.sh`, with
/// which kernels are compressed. The format allows 4 GiB, taken before the first byte is read.
const XZ_DICTIONARY: u32 = 128 << 20;

/// The most that a block of LZ4's legacy format holds, in bytes.
const LZ4_BLOCK: usize = 8 << 20;

/// A compression.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
#[allow(missing_docs)] // The names say it.
pub enum Compression {
    Gzip,
    Xz,
    Zstd,
    /// The format of `lz4 -l`, which the kernel uses.
    Lz4,
    Bzip2,
    Lzma,
    Lzo,
}

/// Why something could not be decompressed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CompressionError {
    /// The data is damaged or ends early.
    #[error("damaged {compression} data: {reason}")]
    Damaged {
        /// The compression found.
        compression: Compression,
        /// What the decompressor found.
        reason: io::Error,
    },
    /// A compression that is recognised, but cannot be read.
    #[error("compressed with {0}, which rmcp-kctl does not read (it reads gzip, xz, zstd, lz4)")]
    Unsupported(Compression),
    /// The data decompresses to more than is read.
    #[error(
        "this {compression} data decompresses to more than {limit} bytes, the most that is read"
    )]
    TooLarge {
        /// The compression found.
        compression: Compression,
        /// The most bytes that are read.
        limit: u64,
    },
    /// The data asks for more memory than the compressions of kernels do.
    #[error(
        "decompressing this {0} data takes a dictionary of more than {mib} MiB, which no kernel \
         file does", mib = XZ_DICTIONARY >> 20
    )]
    TooMuchMemory(Compression),
}

impl Compression {
    /// The compression that `bytes` start with the signature of.
    pub fn of(bytes: &[u8]) -> Option<Self> {
        const SIGNATURES: [(&[u8], Compression); 7] = [
            (&[0x1f, 0x8b], Compression::Gzip),
            (&[0xfd, b'7', b'z', b'X', b'Z', 0], Compression::Xz),
            (&[0x28, 0xb5, 0x2f, 0xfd], Compression::Zstd),
            (&[0x02, 0x21, 0x4c, 0x18], Compression::Lz4),
            (b"BZh", Compression::Bzip2),
            (&[0x5d, 0, 0], Compression::Lzma),
            (&[0x89, b'L', b'Z', b'O'], Compression::Lzo),
        ];
        SIGNATURES
            .iter()
            .find(|(signature, _)| bytes.starts_with(signature))
            .map(|&(_, compression)| compression)
    }

    /// Decompresses the first stream in `bytes`. What follows it is ignored: the kernel's build
    /// appends the uncompressed size.
    ///
    /// # Errors
    /// Damaged data, a result above [`MAX_SIZE`], and the compressions that are only recognised.
    pub fn decompress(self, bytes: &[u8]) -> Result<Vec<u8>, CompressionError> {
        self.decompress_within(MAX_SIZE, bytes)
    }

    /// The same with a limit of its own on the result.
    pub(crate) fn decompress_within(
        self,
        limit: u64,
        bytes: &[u8],
    ) -> Result<Vec<u8>, CompressionError> {
        let mut plain = Vec::new();
        let result = match self {
            Self::Gzip => pour(flate2::bufread::GzDecoder::new(bytes), limit, &mut plain),
            Self::Xz => {
                let memory = lzma_rust2::lzma2_get_memory_usage(XZ_DICTIONARY);
                let reader = lzma_rust2::XzReader::new_mem_limit(bytes, false, memory);
                pour(reader, limit, &mut plain)
            }
            // The decoder's own limit on a window is 128 MiB.
            Self::Zstd => zstd::Decoder::with_buffer(bytes)
                .and_then(|decoder| pour(decoder.single_frame(), limit, &mut plain)),
            Self::Lz4 => unpack_lz4(bytes, limit, &mut plain),
            Self::Bzip2 | Self::Lzma | Self::Lzo => {
                return Err(CompressionError::Unsupported(self));
            }
        };
        result.map_err(|reason| match reason.kind() {
            io::ErrorKind::OutOfMemory => CompressionError::TooMuchMemory(self),
            _ => CompressionError::Damaged {
                compression: self,
                reason,
            },
        })?;
        if plain.len() as u64 > limit {
            return Err(CompressionError::TooLarge {
                compression: self,
                limit,
            });
        }
        Ok(plain)
    }
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Gzip => "gzip",
            Self::Xz => "xz",
            Self::Zstd => "zstd",
            Self::Lz4 => "lz4",
            Self::Bzip2 => "bzip2",
            Self::Lzma => "lzma",
            Self::Lzo => "lzo",
        })
    }
}

/// Reads everything, up to one byte more than allowed.
fn pour(from: impl Read, limit: u64, into: &mut Vec<u8>) -> io::Result<()> {
    from.take(limit + 1).read_to_end(into).map(drop)
}

/// The legacy format: a signature, then blocks, each with its compressed size in front. The last
/// block may be short, and is followed by the size of everything, uncompressed.
fn unpack_lz4(bytes: &[u8], limit: u64, into: &mut Vec<u8>) -> io::Result<()> {
    let invalid = |reason: String| io::Error::new(io::ErrorKind::InvalidData, reason);
    let mut plain = vec![0; LZ4_BLOCK];
    let mut rest = bytes.get(4..).unwrap_or_default();
    while let Some((size, after)) = rest.split_first_chunk::<4>() {
        let size = u32::from_le_bytes(*size) as usize;
        if after.is_empty() && size == into.len() {
            return Ok(());
        }
        let block = after
            .get(..size)
            .ok_or_else(|| invalid(format!("a block of {size} bytes, {} left", after.len())))?;
        let len = lz4_flex::block::decompress_into(block, &mut plain)
            .map_err(|error| invalid(error.to_string()))?;
        into.extend(&plain[..len]);
        if into.len() as u64 > limit {
            return Ok(());
        }
        rest = &after[size..];
    }
    if into.is_empty() || !rest.is_empty() {
        return Err(invalid("it ends inside a block".to_owned()));
    }
    Ok(())
}
