// SPDX-License-Identifier: MIT

//! The bytes of a kernel's files as its packages ship them: modules and `vmlinux`, compressed or
//! not, and the BTF of a kernel from wherever it can be had. It decides by content, never by a
//! file's name, and does not look for files.

mod compression;
mod vmlinuz;

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

pub use compression::{Compression, CompressionError};
pub use vmlinuz::VmlinuzError;

use crate::btf;
use crate::elf::{self, ElfError};

/// The most bytes that a file may have, compressed or not: far above any kernel's, debug
/// information included.
pub const MAX_SIZE: u64 = 2 << 30;

/// Why a file could not be read, or holds no BTF.
#[derive(Debug, thiserror::Error)]
#[error("{}: {reason}", path.display())]
pub struct KernelFileError {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub reason: Reason,
}

/// What is wrong with a kernel's file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Reason {
    /// The file cannot be opened or read.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The file cannot be decompressed.
    #[error(transparent)]
    Compression(#[from] CompressionError),
    /// A kernel in a compression that is not read here.
    #[error("{0}: decompress it, or for the running kernel use /sys/kernel/btf/vmlinux")]
    UnreadKernel(CompressionError),
    /// The file is a damaged or very old boot image.
    #[error(transparent)]
    Vmlinuz(#[from] VmlinuzError),
    /// The file is no sound ELF file.
    #[error(transparent)]
    Elf(#[from] ElfError),
    /// The file is larger than any kernel.
    #[error("larger than {MAX_SIZE} bytes, which no kernel file is")]
    TooLarge,
    /// The file is none of the kinds that hold a kernel's BTF.
    #[error(
        "holds no kernel BTF: it starts with {start}, expected BTF (/sys/kernel/btf/vmlinux), \
         an ELF vmlinux or a vmlinuz boot image"
    )]
    Unrecognized {
        /// The first bytes, in hexadecimal.
        start: String,
    },
    /// The kernel was built without BTF.
    #[error("the kernel in it has no .BTF section; it must be built with CONFIG_DEBUG_INFO_BTF=y")]
    NoBtf,
}

/// The file's bytes, decompressed if it is `.gz`, `.xz`, `.zst` or `.lz4`.
///
/// # Errors
/// A file that cannot be read or decompressed, or is larger than [`MAX_SIZE`].
pub fn read(path: &Path) -> Result<Vec<u8>, KernelFileError> {
    read_plain(path).map_err(|reason| at(path, reason))
}

/// The BTF of a whole kernel, from its BTF as such (`/sys/kernel/btf/vmlinux`), an ELF `vmlinux`
/// with a `.BTF` section, or a `vmlinuz` boot image; each may be compressed.
///
/// # Errors
/// A file that cannot be read, is none of these, or is a kernel without BTF.
pub fn base_btf(path: &Path) -> Result<Vec<u8>, KernelFileError> {
    read_plain(path)
        .and_then(base_btf_of)
        .map_err(|reason| match reason {
            Reason::Compression(error @ CompressionError::Unsupported(_)) => {
                at(path, Reason::UnreadKernel(error))
            }
            other => at(path, other),
        })
}

fn at(path: &Path, reason: Reason) -> KernelFileError {
    KernelFileError {
        path: path.to_owned(),
        reason,
    }
}

fn read_plain(path: &Path) -> Result<Vec<u8>, Reason> {
    let bytes = read_at_most(File::open(path)?, MAX_SIZE)?;
    match Compression::of(&bytes) {
        Some(compression) => Ok(compression.decompress(&bytes)?),
        None => Ok(bytes),
    }
}

fn read_at_most(from: impl Read, limit: u64) -> Result<Vec<u8>, Reason> {
    let mut bytes = Vec::new();
    from.take(limit + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit {
        return Err(Reason::TooLarge);
    }
    Ok(bytes)
}

fn base_btf_of(file: Vec<u8>) -> Result<Vec<u8>, Reason> {
    if file.starts_with(&btf::MAGIC.to_le_bytes()) {
        return Ok(file);
    }
    if file.starts_with(&elf::MAGIC) {
        return btf_section(&file);
    }
    if vmlinuz::is_boot_image(&file) {
        let payload = vmlinuz::payload(&file)?;
        let kernel = match Compression::of(payload) {
            Some(compression) => compression.decompress(payload)?,
            None => payload.to_vec(),
        };
        return btf_section(&kernel);
    }
    Err(Reason::Unrecognized {
        start: hex(&file[..file.len().min(8)]),
    })
}

fn btf_section(kernel: &[u8]) -> Result<Vec<u8>, Reason> {
    let section = elf::section(kernel, ".BTF")?.ok_or(Reason::NoBtf)?;
    Ok(section.to_vec())
}

fn hex(bytes: &[u8]) -> String {
    if bytes.is_empty() {
        return "nothing".to_owned();
    }
    let bytes: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    bytes.join(" ")
}

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
