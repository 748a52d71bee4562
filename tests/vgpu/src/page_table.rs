// SPDX-License-Identifier: MIT
//! The page tables that the driver builds: how an entry reads, and the walk that finds one.

use std::fmt;

use crate::device::Device;
use crate::hub::Hub;

pub(crate) const PAGE_SIZE: u64 = 4096;

pub(crate) const VALID: u64 = 1 << 0;
pub(crate) const SYSTEM: u64 = 1 << 1;
const SNOOPED: u64 = 1 << 2;
const EXECUTABLE: u64 = 1 << 4;
pub(crate) const READABLE: u64 = 1 << 5;
pub(crate) const WRITEABLE: u64 = 1 << 6;
/// AMDGPU_PDE_PTE: the directory entry maps its whole range.
pub(crate) const PDE_PTE: u64 = 1 << 54;
const ADDRESS_MASK: u64 = 0x0000_FFFF_FFFF_F000;
/// Directories are aligned to 64 bytes (`amdgpu_gmc_pd_addr`).
const DIRECTORY_MASK: u64 = 0x0000_FFFF_FFFF_FFC0;
/// `AMDGPU_PTE_MTYPE_NV10`: bits 50:48.
const MTYPE_SHIFT: u32 = 48;

/// The entry that maps a GPU virtual address, as the driver wrote it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageTableEntry {
    /// The 64 bits.
    pub value: u64,
    /// Bytes that the entry maps: 4 KiB, or more for an entry of a directory.
    pub span: u64,
}

impl PageTableEntry {
    /// Whether the GPU may use the entry at all.
    pub fn is_valid(self) -> bool {
        self.value & VALID != 0
    }

    /// Whether it leads to system memory rather than to VRAM.
    pub fn is_system(self) -> bool {
        self.value & SYSTEM != 0
    }

    /// Whether accesses snoop the processors' caches.
    pub fn is_snooped(self) -> bool {
        self.value & SNOOPED != 0
    }

    /// Whether shaders may be fetched from it.
    pub fn is_executable(self) -> bool {
        self.value & EXECUTABLE != 0
    }

    /// Where the range begins that it maps: a DMA address or an offset into VRAM.
    pub fn target(self) -> u64 {
        self.value & ADDRESS_MASK
    }

    /// The memory type, bits 50:48 (`MTYPE_NV10`): NC 0, WC 1, CC 2, UC 3.
    pub fn mtype(self) -> u8 {
        (self.value >> MTYPE_SHIFT & 7) as u8
    }
}

impl fmt::Display for PageTableEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#018x}", self.value)
    }
}

/// How deep the tables are and how wide the last one is: VM_CONTEXTn_CNTL says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    /// Levels above the page table.
    depth: u32,
    /// Index bits of the page table.
    block_bits: u32,
}

impl Shape {
    /// From PAGE_TABLE_DEPTH and PAGE_TABLE_BLOCK_SIZE.
    pub(crate) fn from_context_cntl(cntl: u32) -> Self {
        Shape {
            depth: cntl >> 1 & 3,
            block_bits: 9 + (cntl >> 3 & 0xF),
        }
    }
}

impl Device {
    /// Follows the tables from their root, an entry itself, to the entry of an address. `None` when
    /// a directory on the way is not there; the entry found may be invalid.
    pub(crate) fn walk(&self, root: u64, shape: Shape, address: u64) -> Option<PageTableEntry> {
        let mut entry = root;
        let mut level = shape.depth;
        loop {
            if entry & VALID == 0 {
                return None;
            }
            let shift = match level {
                0 => 12,
                n => 12 + shape.block_bits + 9 * (n - 1),
            };
            let bits = match level {
                _ if level == shape.depth => 64 - shift,
                0 => shape.block_bits,
                _ => 9,
            };
            let index = address >> shift & (u64::MAX >> (64 - bits));
            entry = self.read_entry(entry, index)?;
            if level == 0 || entry & PDE_PTE != 0 {
                return Some(PageTableEntry {
                    value: entry,
                    span: 1 << shift,
                });
            }
            level -= 1;
        }
    }

    /// The entry of an address in the tables of a process, which all have the shape that the driver
    /// gave context 1 (`gfxhub_v2_0_setup_vmid_config`).
    pub(crate) fn process_entry(&self, root: u64, address: u64) -> Option<PageTableEntry> {
        let cntl = self.contexts[Hub::Gfx as usize].cntl[1]?;
        self.walk(root, Shape::from_context_cntl(cntl), address)
    }

    fn read_entry(&self, table: u64, index: u64) -> Option<u64> {
        let address = (table & DIRECTORY_MASK) + index * 8;
        let mut data = [0; 8];
        let ok = if table & SYSTEM != 0 {
            self.memory.read(address, &mut data)
        } else {
            self.vram.read(address, &mut data)
        };
        ok.then(|| u64::from_le_bytes(data))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chip::CHIPS;
    use crate::log::Origin;

    #[test]
    fn an_entry_is_taken_apart() {
        // Of the driver: uncached system memory, snooped, readable, writeable, executable.
        let entry = PageTableEntry {
            value: 0x0003_0001_2345_6077,
            span: PAGE_SIZE,
        };
        assert!(entry.is_valid() && entry.is_system() && entry.is_snooped());
        assert!(entry.is_executable());
        assert_eq!(entry.target(), 0x1_2345_6000);
        assert_eq!(entry.mtype(), 3);
        assert_eq!(entry.to_string(), "0x0003000123456077");
    }

    #[test]
    fn a_process_is_walked_from_its_root() {
        let mut device = Device::new(CHIPS[0]).unwrap();
        let address = 1 << 39 | 2 << 30 | 3 << 21 | 4 << 12;
        for (at, value) in [
            (0x1_0008, 0x2_0000 | VALID),
            (0x2_0010, 0x3_0000 | VALID),
            (0x3_0018, 0x4_0000 | VALID),
            (0x4_0020, 0x0002_0000_0007_0000 | VALID),
        ] {
            assert!(device.vram.write(at, &u64::to_le_bytes(value)));
        }
        let root = 0x1_0000 | VALID;
        assert_eq!(device.process_entry(root, address), None, "no driver yet");

        let cntl = device.names.dword("GCVM_CONTEXT1_CNTL").unwrap();
        device.write_register(Origin::Cpu, cntl, 0x0055_5407);
        let entry = device.process_entry(root, address).unwrap();
        assert_eq!((entry.mtype(), entry.span), (2, PAGE_SIZE));
        assert_eq!(entry.target(), 0x7_0000);
        let next = device.process_entry(root, address + PAGE_SIZE).unwrap();
        assert!(!next.is_valid());
        assert_eq!(device.process_entry(root, address + (1 << 21)), None);
        assert_eq!(device.process_entry(root & !VALID, address), None);
    }
}
