// SPDX-License-Identifier: MIT
//! The interrupt handler block: interrupt vectors (IVs) written to the driver's ring, then an MSI.
//! Only ring 0 exists; the driver uses rings 1 and 2 for retry faults and polls no register of theirs.

use anyhow::Result;

use crate::device::Device;
use crate::fault::FaultReport;
use crate::hub::Hub;
use crate::names::Names;

const CLIENT_SDMA0: u8 = 0x08;
const CLIENT_VMC: u8 = 0x12;
const CLIENT_GRBM_CP: u8 = 0x14;
const CLIENT_UTCL2: u8 = 0x1B;

const SRC_PAGE_FAULT: u8 = 0;
const SRC_CP_GENERIC: u8 = 178;
const SRC_CP_EOP: u8 = 181;
const SRC_SDMA_TRAP: u8 = 224;

const IV_SIZE: u32 = 32;

const RB_ENABLE: u32 = 1 << 0;
const WPTR_WRITEBACK_ENABLE: u32 = 1 << 8;
const ENABLE_INTR: u32 = 1 << 17;
/// MC_SPACE: the ring is at a DMA address (`use_bus_addr`), not a GPU address.
const MC_SPACE_BUS: u32 = 1;

/// One interrupt, as `amdgpu_ih_decode_iv_helper` takes it apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Interrupt {
    client: u8,
    source: u8,
    ring: u8,
    vmid: u8,
    /// True on the multimedia hub.
    vmid_source: bool,
    pasid: u32,
    data: [u32; 2],
}

impl Interrupt {
    pub(crate) fn page_fault(fault: &FaultReport) -> Self {
        // src_data[1]: address bits 47:44, then read or write (gmc_v10_0_process_interrupt).
        let access = if fault.write { 0x20 } else { 0x40 };
        Interrupt {
            client: match fault.hub {
                Hub::Gfx => CLIENT_UTCL2,
                Hub::Mm => CLIENT_VMC,
            },
            source: SRC_PAGE_FAULT,
            // event_interrupt_wq_v10 has the reason it gives user space from here.
            ring: fault.permission_faults << 3,
            vmid: fault.vmid & 0xF,
            vmid_source: fault.hub == Hub::Mm,
            pasid: fault.pasid.into(),
            data: [
                (fault.address >> 12) as u32,
                (fault.address >> 44) as u32 & 0xF | access,
            ],
        }
    }

    /// sdma_v5_0_process_trap_irq.
    pub(crate) fn sdma_trap() -> Self {
        Interrupt {
            client: CLIENT_SDMA0,
            source: SRC_SDMA_TRAP,
            ..Default::default()
        }
    }

    /// event_interrupt_wq_v10: a signal of a process on an SDMA queue, which names one of its events.
    pub(crate) fn sdma_signal(vmid: u8, pasid: u32, event: u32) -> Self {
        Interrupt {
            // sdma_v5_0_process_trap_irq: not the graphics ring.
            ring: 1,
            vmid,
            pasid,
            data: [event, 0],
            ..Self::sdma_trap()
        }
    }

    /// gfx_v10_0_eop_irq: a fence of a graphics or compute ring.
    pub(crate) fn end_of_pipe(ring: u8) -> Self {
        Interrupt {
            client: CLIENT_GRBM_CP,
            source: SRC_CP_EOP,
            ring,
            ..Default::default()
        }
    }

    /// event_interrupt_wq_v10: a signal of a process, which names one of its events.
    pub(crate) fn signal(ring: u8, vmid: u8, pasid: u32, event: u32) -> Self {
        Interrupt {
            vmid,
            pasid,
            data: [event, 0],
            ..Self::end_of_pipe(ring)
        }
    }

    /// gfx_v10_0_kiq_irq: a fence of the kernel interface queue.
    pub(crate) fn cp_generic(ring: u8) -> Self {
        Interrupt {
            client: CLIENT_GRBM_CP,
            source: SRC_CP_GENERIC,
            ring,
            ..Default::default()
        }
    }

    /// The eight dwords of the IV. The time stamp (dwords 1 and 2) stays zero.
    fn encode(&self) -> [u32; 8] {
        let dw0 = u32::from(self.client)
            | u32::from(self.source) << 8
            | u32::from(self.ring) << 16
            | u32::from(self.vmid) << 24
            | u32::from(self.vmid_source) << 31;
        [dw0, 0, 0, self.pasid, self.data[0], self.data[1], 0, 0]
    }
}

/// Addresses of the block's registers. IH_RB_WPTR holds the model's write pointer: the driver sets it
/// to zero when it turns the ring off (`navi10_ih_toggle_ring_interrupts`).
#[derive(Debug)]
pub(crate) struct IhRegisters {
    rb_cntl: u32,
    rb_base: u32,
    rb_base_hi: u32,
    rb_wptr: u32,
    wptr_address_hi: u32,
    wptr_address_lo: u32,
    vmid_lut: [u32; 2],
}

impl IhRegisters {
    pub(crate) fn new(names: &Names) -> Result<Self> {
        Ok(IhRegisters {
            rb_cntl: names.dword("IH_RB_CNTL")?,
            rb_base: names.dword("IH_RB_BASE")?,
            rb_base_hi: names.dword("IH_RB_BASE_HI")?,
            rb_wptr: names.dword("IH_RB_WPTR")?,
            wptr_address_hi: names.dword("IH_RB_WPTR_ADDR_HI")?,
            wptr_address_lo: names.dword("IH_RB_WPTR_ADDR_LO")?,
            vmid_lut: [
                names.dword("IH_VMID_0_LUT")?,
                names.dword("IH_VMID_0_LUT_MM")?,
            ],
        })
    }
}

impl Device {
    /// PASID of a VMID, from the table that gmc_v10_0_emit_pasid_mapping and the hardware scheduler
    /// fill.
    pub(crate) fn vmid_pasid(&self, hub: Hub, vmid: u8) -> u32 {
        self.registers.get(self.pasid_register(hub, vmid)) & 0xFFFF
    }

    /// IH_VMID_n_LUT.
    pub(crate) fn pasid_register(&self, hub: Hub, vmid: u8) -> u32 {
        self.ih.vmid_lut[hub as usize] + u32::from(vmid)
    }

    /// Writes the IV to the ring, reports the new write pointer and signals the MSI.
    /// While the ring is off (before and after the driver) interrupts are lost, as on hardware.
    pub(crate) fn push_interrupt(&mut self, interrupt: Interrupt) {
        let cntl = self.registers.get(self.ih.rb_cntl);
        if cntl & RB_ENABLE == 0 {
            self.log
                .note(format_args!("ring off, interrupt lost: {interrupt:?}"));
            return;
        }
        let size = 4u32 << (cntl >> 1 & 0x1F);
        let base = u64::from(self.registers.get(self.ih.rb_base)) << 8
            | u64::from(self.registers.get(self.ih.rb_base_hi) & 0xFF) << 40;
        let wptr = self.registers.get(self.ih.rb_wptr) & (size - 1);

        let mut bytes = [0; IV_SIZE as usize];
        for (slot, dword) in bytes.chunks_exact_mut(4).zip(interrupt.encode()) {
            slot.copy_from_slice(&dword.to_le_bytes());
        }
        let new_wptr = (wptr + IV_SIZE) & (size - 1);
        self.log.note(format_args!(
            "interrupt client {:#x} source {} ring {} at {wptr:#x}",
            interrupt.client, interrupt.source, interrupt.ring
        ));
        if !self.ih_write(cntl, base + u64::from(wptr), &bytes) {
            self.log.note(format_args!(
                "interrupt ring at {base:#x} is not in guest memory"
            ));
            return;
        }
        self.registers.set(self.ih.rb_wptr, new_wptr);
        if cntl & WPTR_WRITEBACK_ENABLE != 0 {
            let address = self
                .registers
                .get64(self.ih.wptr_address_lo, self.ih.wptr_address_hi);
            if !self.ih_write(cntl, address, &new_wptr.to_le_bytes()) {
                self.log.note(format_args!(
                    "write pointer at {address:#x} is not in guest memory"
                ));
            }
        }
        if cntl & ENABLE_INTR != 0 {
            self.raise_msi();
        }
    }

    fn ih_write(&self, cntl: u32, address: u64, data: &[u8]) -> bool {
        if cntl >> 28 & 7 == MC_SPACE_BUS {
            self.memory.write(address, data)
        } else {
            self.gpu_write(0, address, data).is_ok()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chip::CHIPS;
    use crate::log::Origin;
    use std::os::unix::fs::FileExt;

    #[test]
    fn a_fault_is_encoded_as_the_driver_decodes_it() {
        let fault = FaultReport {
            hub: Hub::Mm,
            ..FaultReport::TEST
        };
        let iv = Interrupt::page_fault(&fault).encode();
        assert_eq!(iv[0] & 0xFF, 0x12, "client VMC");
        assert_eq!(iv[0] >> 8 & 0xFF, 0, "source");
        assert_eq!(iv[0] >> 16 & 0xFF, 0x28, "prot_valid, prot_write");
        assert_eq!(iv[0] >> 24 & 0xF, 7, "vmid");
        assert_eq!(iv[0] >> 31, 1, "vmid source");
        assert_eq!(iv[3], 0x8001);
        let decoded = u64::from(iv[4]) << 12 | u64::from(iv[5] & 0xF) << 44;
        assert_eq!(decoded, 0x7123_4567_8000);
        assert_eq!(iv[5] & 0xE0, 0x20, "write, no retry");

        let iv = Interrupt::page_fault(&FaultReport {
            hub: Hub::Gfx,
            vmid: 1,
            write: false,
            permission_faults: 0b011,
            ..fault
        });
        let iv = iv.encode();
        assert_eq!(iv[0], 0x0118_001B);
        assert_eq!(iv[5] & 0xE0, 0x40, "read");
    }

    #[test]
    fn fences_are_encoded() {
        assert_eq!(Interrupt::sdma_trap().encode()[0], 0x0000_E008);
        assert_eq!(Interrupt::end_of_pipe(4).encode()[0], 0x0004_B514);
        assert_eq!(Interrupt::cp_generic(9).encode()[0], 0x0009_B214);
        let signal = Interrupt::signal(0x24, 8, 0x8001, 5).encode();
        assert_eq!(signal[..5], [0x0824_B514, 0, 0, 0x8001, 5]);
        let signal = Interrupt::sdma_signal(8, 0x8001, 6).encode();
        assert_eq!(signal[..5], [0x0801_E008, 0, 0, 0x8001, 6]);
    }

    /// A 256 byte ring at guest address 0x1000, write pointer copy at 0x1800.
    #[test]
    fn the_ring_wraps_and_reports_its_write_pointer() {
        let mut device = Device::new(CHIPS[0]).unwrap();
        let file = tempfile::tempfile().unwrap();
        file.set_len(0x2000).unwrap();
        let guest = file.try_clone().unwrap();
        device.memory.map(0, 0x2000, 0, Some(guest)).unwrap();
        let set = |device: &mut Device, name: &str, value| {
            let dword = device.names.dword(name).unwrap();
            device.write_register(Origin::Cpu, dword, value);
        };
        device.push_interrupt(Interrupt::sdma_trap());
        set(&mut device, "IH_RB_BASE", 0x10);
        set(&mut device, "IH_RB_WPTR_ADDR_LO", 0x1800);
        // Bus address, write-back, 2^6 dwords, enabled.
        set(&mut device, "IH_RB_CNTL", 1 << 28 | 1 << 8 | 6 << 1 | 1);
        let word = |at| {
            let mut data = [0; 4];
            file.read_exact_at(&mut data, at).unwrap();
            u32::from_le_bytes(data)
        };
        device.push_interrupt(Interrupt::sdma_trap());
        assert_eq!(word(0x1000), 0xE008, "the first IV after the ring went on");
        assert_eq!(word(0x1800), 32);
        for _ in 0..7 {
            device.push_interrupt(Interrupt::end_of_pipe(1));
        }
        assert_eq!(word(0x1800), 0);
        assert_eq!(word(0x10E0), 0x0001_B514);
        device.push_interrupt(Interrupt::end_of_pipe(2));
        assert_eq!(word(0x1000), 0x0002_B514);
    }
}
