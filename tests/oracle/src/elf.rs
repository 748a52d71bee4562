// SPDX-License-Identifier: MIT

//! A section of an ELF file of x86-64, by name, straight from the ELF specification.

/// The bytes of the first section of this name.
pub fn section<'a>(file: &'a [u8], wanted: &str) -> Option<&'a [u8]> {
    let table = number(file, 0x28, 8)?;
    let entry_size = number(file, 0x3a, 2)?;
    let first = |at| number(file, table.checked_add(at)?, 8);
    let short = |at| number(file, table.checked_add(at)?, 4);
    // Numbers too large for the header are in the first entry.
    let count = match number(file, 0x3c, 2)? {
        0 => first(0x20)?,
        count => count,
    };
    let names = match number(file, 0x3e, 2)? {
        0xffff => short(0x28)?,
        index => index,
    };
    let entry = |index: u64| {
        let at = table.checked_add(index.checked_mul(entry_size)?)?;
        let field = |offset: u64, len| number(file, at.checked_add(offset)?, len);
        Some((field(0, 4)?, field(0x18, 8)?, field(0x20, 8)?))
    };
    let (_, names_at, names_len) = entry(names)?;
    // Names are strings, so that a table that claims to be longer than the file still has some.
    let left = (file.len() as u64).saturating_sub(names_at);
    let names = slice(file, names_at, names_len.min(left))?;
    for index in 0..count {
        let (name, at, len) = entry(index)?;
        // A section whose name leads nowhere is none that is looked for.
        let name = names.get(usize::try_from(name).ok()?..).unwrap_or_default();
        let mut name = name.split(|&byte| byte == 0);
        if name.next() == Some(wanted.as_bytes()) {
            return slice(file, at, len);
        }
    }
    None
}

fn slice(file: &[u8], at: u64, len: u64) -> Option<&[u8]> {
    if len == 0 {
        return Some(&[]);
    }
    let end = at.checked_add(len)?;
    file.get(usize::try_from(at).ok()?..usize::try_from(end).ok()?)
}

fn number(file: &[u8], at: u64, len: u64) -> Option<u64> {
    let bytes = slice(file, at, len)?;
    Some(bytes.iter().rev().fold(0, |n, &b| n << 8 | u64::from(b)))
}
