// SPDX-License-Identifier: MIT

//! The bytes of a named section in an ELF file of x86-64: a kernel module or a `vmlinux`. Nothing
//! else of ELF is read, neither symbols nor relocations.

use object::elf::{FileHeader64, SHF_COMPRESSED, SHT_NOBITS};
use object::read::elf::{FileHeader, SectionHeader};
use object::LittleEndian;

/// The four bytes that an ELF file starts with.
pub const MAGIC: [u8; 4] = *b"\x7fELF";

/// Why a section cannot be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ElfError {
    /// The file is no ELF file of this kind, or damaged.
    #[error("not a sound 64-bit little-endian ELF file: {reason}")]
    Malformed {
        /// What the parser found.
        reason: String,
    },
    /// The section is there, but not as plain bytes.
    #[error("the ELF section {name} is {state}, expected its plain bytes")]
    NotPlain {
        /// The section.
        name: String,
        /// What was found instead.
        state: &'static str,
    },
}

impl From<object::read::Error> for ElfError {
    fn from(error: object::read::Error) -> Self {
        Self::Malformed {
            reason: error.to_string(),
        }
    }
}

/// The bytes of the section called `name`, `None` if the file has none.
///
/// # Errors
/// A file that is not ELF64 little-endian or whose headers lead outside it, and a section that
/// is compressed or without bytes in the file.
pub fn section<'a>(file: &'a [u8], name: &str) -> Result<Option<&'a [u8]>, ElfError> {
    let header = FileHeader64::<LittleEndian>::parse(file)?;
    let endian = header.endian()?;
    let sections = header.sections(endian, file)?;
    let Some((_, section)) = sections.section_by_name(endian, name.as_bytes()) else {
        return Ok(None);
    };
    let not_plain = |state| ElfError::NotPlain {
        name: name.to_owned(),
        state,
    };
    if section.sh_type(endian) == SHT_NOBITS {
        return Err(not_plain("empty in this file (NOBITS)"));
    }
    if section.sh_flags(endian) & u64::from(SHF_COMPRESSED) != 0 {
        return Err(not_plain("compressed"));
    }
    Ok(Some(section.data(endian, file)?))
}

#[cfg(test)]
pub(crate) mod testing;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::testing::elf;
    use super::*;

    #[test]
    fn a_section_is_found_by_name() {
        let file = elf(&[(".modinfo", b"info"), (".BTF", b"types")]);
        assert_eq!(section(&file, ".BTF"), Ok(Some(&b"types"[..])));
        assert_eq!(section(&file, ".modinfo"), Ok(Some(&b"info"[..])));
        assert_eq!(section(&file, ".text"), Ok(None));
    }

    #[test]
    fn what_is_no_elf_is_refused() {
        for bytes in [&b""[..], b"\x7fELF", &[0; 4096]] {
            let error = section(bytes, ".BTF").unwrap_err();
            assert!(matches!(error, ElfError::Malformed { .. }), "{error}");
        }
    }

    #[test]
    fn a_compressed_section_is_refused() {
        let mut file = elf(&[(".BTF", b"types")]);
        let entry = file.len() - 2 * 64;
        file[entry + 9] = 0x08;
        assert_eq!(
            section(&file, ".BTF").unwrap_err().to_string(),
            "the ELF section .BTF is compressed, expected its plain bytes"
        );
    }

    proptest! {
        #[test]
        fn damaged_files_never_panic(
            edits in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
            keep in any::<prop::sample::Index>(),
        ) {
            let mut file = elf(&[(".modinfo", b"info"), (".BTF", b"types")]);
            for (at, byte) in edits {
                let at = at.index(file.len());
                file[at] = byte;
            }
            let _ = section(&file, ".BTF");
            let _ = section(&file[..keep.index(file.len())], ".BTF");
        }
    }
}
