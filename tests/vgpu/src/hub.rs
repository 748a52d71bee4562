// SPDX-License-Identifier: MIT
//! The two VM hubs: contexts, TLB invalidation, translation.
//! There is no TLB and no cache in the model, so an invalidation is only acknowledged.

use std::ops::Range;

use anyhow::Result;

use crate::chip::HwId;
use crate::device::Device;
use crate::fault::PageFault;
use crate::names::Names;
use crate::page_table::{PageTableEntry, Shape, PAGE_SIZE, READABLE, VALID, WRITEABLE};
use crate::vram::VRAM_SIZE;

/// A VM hub. Each has its own sixteen contexts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hub {
    /// The hub of the graphics core (registers `GCVM_*`).
    Gfx = 0,
    /// The multimedia hub (registers `MMVM_*`).
    Mm = 1,
}

pub(crate) const CONTEXT_COUNT: usize = 16;
const ENGINE_COUNT: u32 = 18;
/// Addresses have 48 bits.
pub(crate) const ADDRESS_MASK: u64 = 0x0000_FFFF_FFFF_FFFF;

/// Addresses of one hub's registers. Those of further contexts follow each other, those of further
/// engines come at a fixed distance (`ctx_distance`, `eng_distance` in `gfxhub_v2_0_init`).
#[derive(Debug)]
pub(crate) struct HubRegisters {
    context0_cntl: u32,
    page_table_base: u32,
    page_table_start: u32,
    page_table_end: u32,
    engine0_sem: u32,
    engine0_req: u32,
    engine0_ack: u32,
    engine_distance: u32,
    fault_cntl: u32,
    pub(crate) fault_status: u32,
    pub(crate) fault_address: u32,
    fb_location_base: u32,
}

impl HubRegisters {
    /// The hub of this block; `prefix` is what its registers have before `VM_` and `MC_VM_`.
    pub(crate) fn new(names: &Names, block: HwId, prefix: &str) -> Result<Self> {
        let register = |name: String| names.of_block(block, &name);
        let vm = |name: &str| register(format!("{prefix}VM_{name}"));
        let engine0_req = vm("INVALIDATE_ENG0_REQ")?;
        Ok(HubRegisters {
            context0_cntl: vm("CONTEXT0_CNTL")?,
            page_table_base: vm("CONTEXT0_PAGE_TABLE_BASE_ADDR_LO32")?,
            page_table_start: vm("CONTEXT0_PAGE_TABLE_START_ADDR_LO32")?,
            page_table_end: vm("CONTEXT0_PAGE_TABLE_END_ADDR_LO32")?,
            engine0_sem: vm("INVALIDATE_ENG0_SEM")?,
            engine0_req,
            engine0_ack: vm("INVALIDATE_ENG0_ACK")?,
            engine_distance: vm("INVALIDATE_ENG1_REQ")? - engine0_req,
            fault_cntl: vm("L2_PROTECTION_FAULT_CNTL")?,
            fault_status: vm("L2_PROTECTION_FAULT_STATUS")?,
            fault_address: vm("L2_PROTECTION_FAULT_ADDR_LO32")?,
            fb_location_base: register(format!("{prefix}MC_VM_FB_LOCATION_BASE"))?,
        })
    }

    /// The engine whose register `dword` is, given that of engine 0.
    fn engine(&self, engine0: u32, dword: u32) -> Option<u32> {
        let behind = dword.checked_sub(engine0)?;
        let engine = behind / self.engine_distance;
        (behind % self.engine_distance == 0 && engine < ENGINE_COUNT).then_some(engine)
    }
}

/// What the driver wrote to the CONTEXTn_CNTL registers of a hub.
#[derive(Clone, Debug, Default)]
pub(crate) struct ContextHistory {
    /// Since power-on or reset.
    pub(crate) cntl: [Option<u32>; CONTEXT_COUNT],
    /// Every value in order, also across resets.
    pub(crate) values: [Vec<u32>; CONTEXT_COUNT],
}

/// Where a GPU virtual address leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Location {
    Vram(u64),
    /// A DMA address.
    System(u64),
}

impl Device {
    pub(crate) fn power_on_hubs(&mut self) {
        for history in &mut self.contexts {
            history.cntl = Default::default();
        }
        for hub in &self.hubs {
            // The VBIOS of a real card has placed VRAM at 0x80_0000_0000; gmc_v10_0_vram_gtt_location
            // reads it back from here, in units of 16 MiB.
            self.registers.set(hub.fb_location_base, 0x8000);
        }
    }

    pub(crate) fn hub_register_value(&self, hub: Hub, dword: u32) -> Option<u32> {
        let map = &self.hubs[hub as usize];
        // gmc_v10_0_flush_gpu_tlb takes the semaphore by reading 1 and gives it back by writing 0.
        // Only one client uses it here, so it is always free.
        map.engine(map.engine0_sem, dword).map(|_| 1)
    }

    pub(crate) fn hub_register_written(&mut self, hub: Hub, dword: u32, value: u32) {
        let map = &self.hubs[hub as usize];
        if let Some(engine) = map.engine(map.engine0_req, dword) {
            // Bits 15:0 of the request are the VMIDs (`get_invalidate_req`), and so of the ACK.
            let ack = map.engine0_ack + engine * map.engine_distance;
            self.registers.set(ack, value & 0xFFFF);
        }
        let context = dword.wrapping_sub(map.context0_cntl) as usize;
        if context < CONTEXT_COUNT {
            let history = &mut self.contexts[hub as usize];
            history.cntl[context] = Some(value);
            history.values[context].push(value);
        }
        // gmc_v10_0_process_interrupt clears the fault with bit 0 of L2_PROTECTION_FAULT_CNTL.
        if dword == map.fault_cntl && value & 1 != 0 {
            self.registers.set(map.fault_status, 0);
        }
    }

    /// CONTEXTn_PAGE_TABLE_BASE_ADDR_LO32; the other half follows.
    pub(crate) fn root_register(&self, hub: Hub, vmid: u8) -> u32 {
        self.hubs[hub as usize].page_table_base + 2 * u32::from(vmid)
    }

    /// The root of a context's page tables, an entry itself.
    pub(crate) fn root(&self, hub: Hub, vmid: u8) -> u64 {
        let low = self.root_register(hub, vmid);
        self.registers.get64(low, low + 1)
    }

    /// Translates one address; the result is valid up to the end of its 4 KiB page.
    pub(crate) fn translate(
        &self,
        hub: Hub,
        vmid: u8,
        address: u64,
        write: bool,
    ) -> Option<Location> {
        let map = &self.hubs[hub as usize];
        let address = address & ADDRESS_MASK;
        if vmid == 0 {
            let base = u64::from(self.registers.get(map.fb_location_base) & 0xFF_FFFF) << 24;
            if (base..base + VRAM_SIZE).contains(&address) {
                return Some(Location::Vram(address - base));
            }
        }

        let entry = self.context_entry(hub, vmid, address)?;
        let needed = VALID | if write { WRITEABLE } else { READABLE };
        if entry.value & needed != needed {
            return None;
        }
        // Entries of more than a page are only in contexts that begin at address 0
        // (`gfxhub_v2_0_setup_vmid_config`).
        let target = entry.target() + address % entry.span;
        Some(if entry.is_system() {
            Location::System(target)
        } else {
            Location::Vram(target)
        })
    }

    /// The page-table entry of an address in the context of a VMID.
    pub(crate) fn context_entry(&self, hub: Hub, vmid: u8, address: u64) -> Option<PageTableEntry> {
        let map = &self.hubs[hub as usize];
        let context = u32::from(vmid);
        let cntl = self.registers.get(map.context0_cntl + context);
        if cntl & 1 == 0 {
            return None; // ENABLE_CONTEXT
        }
        let pair = |first: u32| {
            self.registers
                .get64(first + 2 * context, first + 2 * context + 1)
        };
        let page = address / PAGE_SIZE;
        let start = pair(map.page_table_start);
        if page < start || page > pair(map.page_table_end) {
            return None;
        }
        let relative = (page - start) * PAGE_SIZE;
        let root = self.root(hub, vmid);
        self.walk(root, Shape::from_context_cntl(cntl), relative)
    }

    /// Reads GPU virtual memory of a context of the graphics hub.
    pub(crate) fn gpu_read(
        &self,
        vmid: u8,
        address: u64,
        data: &mut [u8],
    ) -> Result<(), PageFault> {
        self.by_page(
            vmid,
            address,
            data.len(),
            false,
            |place, part| match place {
                Location::Vram(offset) => self.vram.read(offset, &mut data[part]),
                Location::System(dma) => self.memory.read(dma, &mut data[part]),
            },
        )
    }

    /// Writes GPU virtual memory of a context of the graphics hub.
    pub(crate) fn gpu_write(&self, vmid: u8, address: u64, data: &[u8]) -> Result<(), PageFault> {
        self.by_page(vmid, address, data.len(), true, |place, part| match place {
            Location::Vram(offset) => self.vram.write(offset, &data[part]),
            Location::System(dma) => self.memory.write(dma, &data[part]),
        })
    }

    /// Goes through `len` bytes of virtual memory page by page: `access` gets where a page is and
    /// which part of the bytes lies in it, and says whether that exists.
    fn by_page(
        &self,
        vmid: u8,
        address: u64,
        len: usize,
        write: bool,
        mut access: impl FnMut(Location, Range<usize>) -> bool,
    ) -> Result<(), PageFault> {
        let mut done = 0;
        while done < len {
            let at = address + done as u64;
            let end = len.min(done + (PAGE_SIZE - at % PAGE_SIZE) as usize);
            let there = self
                .translate(Hub::Gfx, vmid, at, write)
                .is_some_and(|place| access(place, done..end));
            if !there {
                return Err(PageFault {
                    hub: Hub::Gfx,
                    vmid,
                    address: at,
                    write,
                });
            }
            done = end;
        }
        Ok(())
    }

    /// Reads dwords of GPU virtual memory.
    pub(crate) fn gpu_read_dwords(
        &self,
        vmid: u8,
        address: u64,
        count: usize,
    ) -> Result<Vec<u32>, PageFault> {
        let mut bytes = vec![0; count * 4];
        self.gpu_read(vmid, address, &mut bytes)?;
        Ok(bytes
            .chunks_exact(4)
            .map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]))
            .collect())
    }

    /// Reads a quadword of GPU virtual memory.
    pub(crate) fn gpu_read_u64(&self, vmid: u8, address: u64) -> Result<u64, PageFault> {
        let mut bytes = [0; 8];
        self.gpu_read(vmid, address, &mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chip::CHIPS;
    use crate::log::Origin;
    use crate::page_table::{PDE_PTE, SYSTEM};

    fn set(device: &mut Device, name: &str, value: u32) {
        let dword = device.names.dword(name).unwrap();
        device.write_register(Origin::Cpu, dword, value);
    }

    fn entry(device: &Device, at: u64, value: u64) {
        assert!(device.vram.write(at, &value.to_le_bytes()));
    }

    /// Page table of context 0 at VRAM 1 MiB for the first 512 MiB, as gart_enable sets it up.
    fn flat(chip: usize) -> Device {
        let mut device = Device::new(CHIPS[chip]).unwrap();
        let hub = &device.hubs[Hub::Gfx as usize];
        let (base, end, cntl) = (hub.page_table_base, hub.page_table_end, hub.context0_cntl);
        for (dword, value) in [(base, 0x10_0001), (end, 0x1_FFFF), (cntl, 1)] {
            device.write_register(Origin::Cpu, dword, value);
        }
        device
    }

    #[test]
    fn an_invalidation_is_acknowledged() {
        for chip in CHIPS {
            let mut device = Device::new(chip).unwrap();
            for (block, prefix) in [HwId::Gc, HwId::Mmhub].into_iter().zip(chip.hub_prefixes()) {
                for engine in [0, 17] {
                    let [sem, req, ack] = ["SEM", "REQ", "ACK"].map(|what| {
                        let name = format!("{prefix}VM_INVALIDATE_ENG{engine}_{what}");
                        device.names.of_block(block, &name).unwrap()
                    });
                    assert_eq!(device.read_register(Origin::Cpu, ack), 0);
                    device.write_register(Origin::Cpu, req, 0x00F8_0081);
                    assert_eq!(device.read_register(Origin::Cpu, ack), 0x0081);
                    device.write_register(Origin::Cpu, sem, 0);
                    assert_eq!(device.read_register(Origin::Cpu, sem), 1);
                }
            }
        }
    }

    #[test]
    fn context_writes_are_recorded_per_hub() {
        let mut device = Device::new(CHIPS[0]).unwrap();
        set(&mut device, "GCVM_CONTEXT1_CNTL", 0x0055_5407);
        set(&mut device, "GCVM_CONTEXT1_CNTL", 0x007F_FE07);
        set(&mut device, "MMVM_CONTEXT15_CNTL", 3);
        let [gfx, mm] = &device.contexts;
        assert_eq!(gfx.cntl[1], Some(0x007F_FE07));
        assert_eq!(gfx.values[1], [0x0055_5407, 0x007F_FE07]);
        assert_eq!(gfx.cntl[0], None);
        assert_eq!(mm.cntl[15], Some(3));
        assert_eq!(mm.cntl[1], None);
        device.reset().unwrap();
        assert_eq!(device.contexts[0].cntl[1], None);
        assert_eq!(device.contexts[0].values[1].len(), 2, "kept");
    }

    #[test]
    fn vmid_0_sees_vram_in_its_window() {
        let device = flat(0);
        let window = 0x80_0000_0000;
        assert_eq!(
            device.translate(Hub::Gfx, 0, window + 0x123, true),
            Some(Location::Vram(0x123))
        );
        assert_eq!(
            device.translate(Hub::Gfx, 0, window + VRAM_SIZE, true),
            None
        );
        assert_eq!(device.translate(Hub::Gfx, 1, window, true), None);
    }

    #[test]
    fn a_flat_table_is_walked() {
        for chip in 0..CHIPS.len() {
            let device = flat(chip);
            let flags = VALID | READABLE | WRITEABLE;
            entry(&device, 0x10_0000 + 8 * 5, 0x4000_3000 | flags | SYSTEM);
            entry(&device, 0x10_0000 + 8 * 6, 0x0070_0000 | flags);
            entry(&device, 0x10_0000 + 8 * 7, 0x0070_0000 | READABLE);
            assert_eq!(
                device.translate(Hub::Gfx, 0, 0x5008, false),
                Some(Location::System(0x4000_3008))
            );
            assert_eq!(
                device.translate(Hub::Gfx, 0, 0x6FFF, true),
                Some(Location::Vram(0x0070_0FFF))
            );
            assert_eq!(device.translate(Hub::Gfx, 0, 0x7000, false), None);
            assert_eq!(device.translate(Hub::Gfx, 0, 512 << 20, false), None);
        }
    }

    /// Context 7 with four levels, as gfxhub_v2_0_setup_vmid_config programs it.
    fn four_levels() -> Device {
        let mut device = Device::new(CHIPS[0]).unwrap();
        set(
            &mut device,
            "GCVM_CONTEXT7_PAGE_TABLE_BASE_ADDR_LO32",
            0x1_0001,
        );
        set(
            &mut device,
            "GCVM_CONTEXT7_PAGE_TABLE_END_ADDR_LO32",
            0xFFFF_FFFF,
        );
        set(&mut device, "GCVM_CONTEXT7_PAGE_TABLE_END_ADDR_HI32", 0xF);
        set(&mut device, "GCVM_CONTEXT7_CNTL", 0x0055_5407);
        device
    }

    #[test]
    fn four_levels_are_walked() {
        let device = four_levels();
        // Indices 1, 2, 3 in the directories and 4 in the page table.
        let address = 1 << 39 | 2 << 30 | 3 << 21 | 4 << 12 | 0x56;
        entry(&device, 0x1_0000 + 8, 0x2_0000 | VALID);
        entry(&device, 0x2_0000 + 8 * 2, 0x3_0000 | VALID);
        entry(&device, 0x3_0000 + 8 * 3, 0x4_0000 | VALID);
        assert_eq!(device.translate(Hub::Gfx, 7, address, false), None);
        // A cached, uncacheable (MTYPE 3) system page, readable only.
        let pte = 0x0003_0001_2345_6000 | VALID | SYSTEM | READABLE;
        entry(&device, 0x4_0000 + 8 * 4, pte);
        assert_eq!(
            device.translate(Hub::Gfx, 7, address, false),
            Some(Location::System(0x1_2345_6056))
        );
        assert_eq!(device.translate(Hub::Gfx, 7, address, true), None);
        assert_eq!(device.translate(Hub::Gfx, 6, address, false), None);
    }

    #[test]
    fn a_directory_entry_can_map_2_mib() {
        let device = four_levels();
        entry(&device, 0x1_0000, 0x2_0000 | VALID);
        entry(&device, 0x2_0000, 0x3_0000 | VALID);
        let flags = PDE_PTE | VALID | READABLE | WRITEABLE;
        entry(&device, 0x3_0000 + 8, 0x0080_0000 | flags);
        assert_eq!(
            device.translate(Hub::Gfx, 7, 0x20_0000 + 0x12_3456, true),
            Some(Location::Vram(0x0080_0000 + 0x12_3456))
        );
    }

    #[test]
    fn accesses_cross_pages() {
        let device = flat(0);
        let flags = VALID | READABLE | WRITEABLE;
        entry(&device, 0x10_0000, 0x9_0000 | flags);
        entry(&device, 0x10_0008, 0x5_0000 | flags);
        device.gpu_write(0, 0xFFE, &[1, 2, 3, 4]).unwrap();
        let mut data = [0; 2];
        assert!(device.vram.read(0x9_0FFE, &mut data));
        assert_eq!(data, [1, 2]);
        assert!(device.vram.read(0x5_0000, &mut data));
        assert_eq!(data, [3, 4]);
        let fault = device.gpu_read(0, 0x1FFE, &mut [0; 4]).unwrap_err();
        assert_eq!(fault.address, 0x2000, "the page at fault, not the start");
    }
}
