// SPDX-License-Identifier: MIT

//! The page tables that amdgpu builds for GMC v10: the walk to the entry of an address, and the
//! memory type in it (`amdgpu_vm.h`, `amdgpu_vm_pt.c`).

use crate::sysfs::debugfs::PageTables;
use anyhow::{ensure, Context, Result};
use std::fmt;
use std::io;

const VALID: u64 = 1 << 0;
const SYSTEM: u64 = 1 << 1;
/// `AMDGPU_PDE_PTE`: the directory entry maps its whole range.
const PDE_PTE: u64 = 1 << 54;
/// Directories are aligned to 64 bytes.
const DIRECTORY: u64 = 0x0000_ffff_ffff_ffc0;
/// Bits of an address within a page.
const PAGE_BITS: u32 = 12;
/// Bits of an address that a directory uses.
const DIRECTORY_BITS: u32 = 9;
/// Bits of a GPU virtual address.
const ADDRESS_BITS: u32 = 48;

/// An entry that maps memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry(pub u64);

/// Where a table lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Table {
    /// In VRAM, at this address.
    Vram(u64),
    /// In the machine's memory, at this address of the GPU's.
    System(u64),
}

/// The memory type of an entry (`MTYPE_*` of `AMDGPU_PTE_MTYPE_NV10`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mtype(pub u8);

impl Mtype {
    /// Non-coherent.
    pub const NC: Self = Self(0);
    /// Cache-coherent.
    pub const CC: Self = Self(2);
    /// Uncached.
    pub const UC: Self = Self(3);
}

impl fmt::Display for Mtype {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => f.write_str("NC"),
            1 => f.write_str("WC"),
            2 => f.write_str("CC"),
            3 => f.write_str("UC"),
            other => write!(f, "type {other}"),
        }
    }
}

impl Entry {
    /// The memory type: bits 50:48.
    pub fn mtype(self) -> Mtype {
        Mtype((self.0 >> 48 & 7) as u8)
    }
}

/// The entry of an address, `None` when there is no valid one. `read` gives 64 bits of a table, which
/// are at that many bytes from its beginning.
///
/// # Errors
///
/// When the tables are of an unknown shape, or one cannot be read.
pub fn find(
    tables: PageTables,
    address: u64,
    read: impl Fn(Table, u64) -> io::Result<u64>,
) -> Result<Option<Entry>> {
    let PageTables {
        levels, block_bits, ..
    } = tables;
    ensure!(
        (1..=3).contains(&levels) && block_bits == DIRECTORY_BITS,
        "page tables of {levels} levels and blocks of {block_bits} bits are not known"
    );
    let mut entry = tables.root;
    for level in (0..=levels).rev() {
        if entry & VALID == 0 {
            return Ok(None);
        }
        let shift = PAGE_BITS + DIRECTORY_BITS * level;
        let bits = if level == levels {
            ADDRESS_BITS - shift
        } else {
            DIRECTORY_BITS
        };
        let index = address >> shift & ((1 << bits) - 1);
        let table = match entry & SYSTEM {
            0 => Table::Vram(entry & DIRECTORY),
            _ => Table::System(entry & DIRECTORY),
        };
        entry = read(table, index * 8)
            .with_context(|| format!("cannot read the page table that {entry:#x} leads to"))?;
        if entry & PDE_PTE != 0 {
            break;
        }
    }
    Ok((entry & VALID != 0).then_some(Entry(entry)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    const TABLES: PageTables = PageTables {
        root: 0x1001,
        levels: 3,
        block_bits: 9,
    };
    const ADDRESS: u64 = 1 << 39 | 2 << 30 | 3 << 21 | 4 << 12;

    /// Reads from tables in VRAM and, from bit 40 on, in system memory.
    fn find_in(memory: &[(u64, u64)], address: u64) -> Option<Entry> {
        let memory: BTreeMap<u64, u64> = memory.iter().copied().collect();
        find(TABLES, address, |table, at| {
            let base = match table {
                Table::Vram(base) => base,
                Table::System(base) => base | 1 << 40,
            };
            Ok(memory.get(&(base + at)).copied().unwrap_or(0))
        })
        .unwrap()
    }

    #[test]
    fn an_entry_is_found_through_all_levels() {
        let entry = 0x0002_0000_0123_4067;
        let memory = [
            (0x1000 + 8, 0x2001),
            (0x2000 + 2 * 8, 0x3003),
            // Of the system's memory.
            ((0x3000 + 3 * 8) | 1 << 40, 0x4001),
            (0x4000 + 4 * 8, entry),
        ];
        assert_eq!(find_in(&memory, ADDRESS), Some(Entry(entry)));
        assert_eq!(Entry(entry).mtype(), Mtype::CC);
        assert_eq!(find_in(&memory, ADDRESS + 0xfff), Some(Entry(entry)));
        assert_eq!(find_in(&memory, ADDRESS + 0x1000), None);
        for missing in 0..memory.len() {
            let mut less = memory.to_vec();
            less.remove(missing);
            assert_eq!(find_in(&less, ADDRESS), None, "{missing}");
        }
    }

    #[test]
    fn a_directory_entry_may_map_memory() {
        let entry = PDE_PTE | 0x0003_0000_0020_0001;
        let memory = [(0x1000 + 8, 0x2001), (0x2000 + 2 * 8, entry)];
        assert_eq!(find_in(&memory, ADDRESS), Some(Entry(entry)));
        assert_eq!(Entry(entry).mtype(), Mtype::UC);
    }

    #[test]
    fn types_are_named() {
        let names: Vec<String> = (0..5).map(|mtype| Mtype(mtype).to_string()).collect();
        assert_eq!(names, ["NC", "WC", "CC", "UC", "type 4"]);
    }

    proptest! {
        #[test]
        fn no_memory_panics(root: u64, levels: u32, block_bits: u32, address: u64, all: u64) {
            let shape = PageTables { root, levels, block_bits };
            let _ = find(shape, address, |_, at| Ok(all.rotate_left(at as u32)));
            let _ = find(PageTables { root, ..TABLES }, address, |_, _| Ok(all));
        }
    }
}
