// SPDX-License-Identifier: MIT
//! Page faults as the L2 of a hub reports them: its status and address registers, then an interrupt.

use crate::device::Device;
use crate::hub::{Hub, ADDRESS_MASK};
use crate::ih::Interrupt;
use crate::page_table::{PageTableEntry, PAGE_SIZE};

/// An access that has no translation or not the permission it needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PageFault {
    pub(crate) hub: Hub,
    pub(crate) vmid: u8,
    pub(crate) address: u64,
    pub(crate) write: bool,
}

/// The unit behind a fault: on the graphics hub the CID of GCVM_L2_PROTECTION_FAULT_STATUS
/// (`gfxhub_client_ids` in `gfxhub_v2_0.c`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub(crate) enum Client {
    Cpc = 5,
    Cpg = 6,
    Sdma0 = 13,
}

/// A page fault, by what the driver is told of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FaultReport {
    /// The hub that reports it.
    pub hub: Hub,
    /// The address space: 0 to 15.
    pub vmid: u8,
    /// The number of the process: 16 bits.
    pub pasid: u16,
    /// The address of the access: 48 bits.
    pub address: u64,
    /// Whether it was a write.
    pub write: bool,
    /// The unit that made the access, by its number at the hub: 9 bits.
    pub client: u16,
    /// Which bits the page-table entry lacked, and more: 4 bits.
    pub permission_faults: u8,
    /// Where the walk of the page tables failed: 3 bits.
    pub walker_error: u8,
    /// Whether an address that was to be mapped was not.
    pub mapping_error: bool,
    /// Whether more faults came meanwhile.
    pub more_faults: bool,
}

#[cfg(test)]
impl FaultReport {
    /// SDMA0 wrote in the address space of VMID 7, where nothing is mapped.
    pub(crate) const TEST: Self = Self {
        hub: Hub::Gfx,
        vmid: 7,
        pasid: 0x8001,
        address: 0x7123_4567_8000,
        write: true,
        client: 0xD,
        permission_faults: 0b101,
        walker_error: 0,
        mapping_error: false,
        more_faults: false,
    };
}

impl FaultReport {
    /// GCVM_L2_PROTECTION_FAULT_STATUS: MORE_FAULTS 0, WALKER_ERROR 3:1, PERMISSION_FAULTS 7:4,
    /// MAPPING_ERROR 8, CID 17:9, RW 18, VMID 23:20.
    fn status(&self) -> u32 {
        u32::from(self.more_faults)
            | u32::from(self.walker_error & 7) << 1
            | u32::from(self.permission_faults & 0xF) << 4
            | u32::from(self.mapping_error) << 8
            | u32::from(self.client & 0x1FF) << 9
            | u32::from(self.write) << 18
            | u32::from(self.vmid & 0xF) << 20
    }
}

impl Device {
    /// Reports the fault of an access. The process is the one IH_VMID_n_LUT gives for the VMID.
    pub(crate) fn raise_page_fault(&mut self, fault: PageFault, client: Client) {
        let PageFault {
            hub,
            vmid,
            address,
            write,
        } = fault;
        let entry = self.context_entry(hub, vmid, address & ADDRESS_MASK);
        self.report_page_fault(&FaultReport {
            hub,
            vmid,
            pasid: self.vmid_pasid(hub, vmid) as u16,
            address,
            write,
            client: client as u16,
            permission_faults: permission_faults(entry, write),
            walker_error: 0,
            mapping_error: false,
            more_faults: false,
        });
    }

    /// Puts the fault into the registers of its hub, and interrupts the driver.
    pub(crate) fn report_page_fault(&mut self, report: &FaultReport) {
        let map = &self.hubs[report.hub as usize];
        let (status, address) = (map.fault_status, map.fault_address);
        self.registers.set(status, report.status());
        self.registers
            .set64(address, address + 1, report.address / PAGE_SIZE);
        self.log.note(format_args!("{report:x?}"));
        self.push_interrupt(Interrupt::page_fault(report));
    }

    /// Whether the driver has not read and cleared the status register yet.
    pub(crate) fn has_page_fault(&self, hub: Hub) -> bool {
        self.registers.get(self.hubs[hub as usize].fault_status) != 0
    }
}

/// PERMISSION_FAULTS: which of the bits of an entry the access lacked.
/// `event_interrupt_wq_v10` takes them from the interrupt, as prot_valid, prot_read and prot_write.
fn permission_faults(entry: Option<PageTableEntry>, write: bool) -> u8 {
    let valid = entry.is_some_and(PageTableEntry::is_valid);
    u8::from(!valid) | if write { 1 << 2 } else { 1 << 1 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::page_table::{READABLE, VALID};

    #[test]
    fn a_fault_says_what_the_entry_lacks() {
        let entry = |value| {
            Some(PageTableEntry {
                value,
                span: PAGE_SIZE,
            })
        };
        assert_eq!(permission_faults(None, false), 0b011);
        assert_eq!(permission_faults(entry(READABLE), true), 0b101);
        assert_eq!(permission_faults(entry(VALID | READABLE), true), 0b100);
        assert_eq!(permission_faults(entry(VALID), false), 0b010);
    }

    #[test]
    fn the_status_is_the_one_the_driver_decodes() {
        // As gmc_v10_0_process_interrupt takes it apart: SDMA0, write, vmid 7.
        let report = FaultReport::TEST;
        assert_eq!(report.status(), 0x0074_1A50);
        let all = FaultReport {
            client: 0x1FF,
            walker_error: 7,
            mapping_error: true,
            more_faults: true,
            ..report
        };
        assert_eq!(all.status(), 0x0077_FF5F);
    }
}
