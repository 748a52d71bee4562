// SPDX-License-Identifier: MIT

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
