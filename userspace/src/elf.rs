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
pub(crate) mod testing {
    //! A writer of ELF files that hold only sections.

    const HEADER: usize = 64;
    const ENTRY: usize = 64;

    /// An ELF file with these sections, in this order.
    pub(crate) fn elf(sections: &[(&str, &[u8])]) -> Vec<u8> {
        let mut names = vec![0];
        let mut contents = Vec::new();
        let mut entries = vec![[0; ENTRY]];
        let mut add = |name_at: usize, kind: u32, start: usize, len: usize| {
            let mut entry = [0; ENTRY];
            entry[0..4].copy_from_slice(&(name_at as u32).to_le_bytes());
            entry[4..8].copy_from_slice(&kind.to_le_bytes());
            entry[24..32].copy_from_slice(&((HEADER + start) as u64).to_le_bytes());
            entry[32..40].copy_from_slice(&(len as u64).to_le_bytes());
            entries.push(entry);
        };
        for (name, bytes) in sections {
            add(names.len(), 1, contents.len(), bytes.len());
            names.extend(name.as_bytes());
            names.push(0);
            contents.extend(*bytes);
        }
        let name_at = names.len();
        names.extend(b".shstrtab\0");
        add(name_at, 3, contents.len(), names.len());
        contents.extend(&names);

        let mut file = vec![0; HEADER];
        file[..8].copy_from_slice(b"\x7fELF\x02\x01\x01\0");
        file[16] = 1;
        file[18] = 62;
        file[20] = 1;
        file[40..48].copy_from_slice(&((HEADER + contents.len()) as u64).to_le_bytes());
        file[52] = HEADER as u8;
        file[58] = ENTRY as u8;
        file[60..62].copy_from_slice(&(entries.len() as u16).to_le_bytes());
        file[62..64].copy_from_slice(&(entries.len() as u16 - 1).to_le_bytes());
        file.extend(&contents);
        file.extend(entries.iter().flatten());
        file
    }
}

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
