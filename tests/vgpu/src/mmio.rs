// SPDX-License-Identifier: MIT
//! The register file behind BAR5: storage, the two index/data windows, and the registers outside
//! the engines that must not read zero. What an engine does on a write is in the module of the engine.

use std::collections::HashMap;

use anyhow::Result;

use crate::device::Device;
use crate::discovery;
use crate::hub::Hub;
use crate::log::Origin;
use crate::names::Names;
use crate::vbios;
use crate::vram::VRAM_SIZE;

/// 512 KiB. The BAR must reach the HDP flush register that `nbio_v2_3_remap_hdp_registers` puts at
/// byte 0x7F000, `MMIO_REG_HOLE_OFFSET`.
pub(crate) const REGISTER_COUNT: u32 = 0x2_0000;

/// MP1_FIRMWARE_FLAGS in the SMN space: `smu_v12_0_check_fw_status` wants bit 0, "interrupts enabled".
const SMN_MP1_FIRMWARE_FLAGS: u32 = 0x03B1_0024;

/// MM_INDEX bit 31: the window shows VRAM, not registers (`amdgpu_device_mm_access`).
const MM_INDEX_VRAM: u32 = 1 << 31;

/// Addresses of the registers handled in this module.
#[derive(Debug)]
pub(crate) struct BusRegisters {
    mm_index: u32,
    mm_index_hi: u32,
    mm_data: u32,
    pcie_index2: u32,
    pcie_data2: u32,
    memsize: u32,
    bios_scratch_7: u32,
    psp_sign: u32,
    smu_response: u32,
    gfxoff_status: u32,
    rlc_safe_mode: u32,
    /// Those that the generation has.
    icache_op_cntl: Vec<u32>,
}

impl BusRegisters {
    pub(crate) fn new(names: &Names) -> Result<Self> {
        Ok(BusRegisters {
            mm_index: names.dword("MM_INDEX")?,
            mm_index_hi: names.dword("MM_INDEX_HI")?,
            mm_data: names.dword("MM_DATA")?,
            pcie_index2: names.any(&[
                "PCIE_INDEX2",
                "BIF_BX0_PCIE_INDEX2",
                "BIF_BX_PF0_RSMU_INDEX",
            ])?,
            pcie_data2: names.any(&["PCIE_DATA2", "BIF_BX0_PCIE_DATA2", "BIF_BX_PF0_RSMU_DATA"])?,
            memsize: names.dword("RCC_CONFIG_MEMSIZE")?,
            bios_scratch_7: vbios::SCRATCH_BASE + 7,
            psp_sign: names.dword("MP0_SMN_C2PMSG_33")?,
            smu_response: names.dword("MP1_SMN_C2PMSG_90")?,
            gfxoff_status: names.dword("SMUIO_GFX_MISC_CNTL")?,
            rlc_safe_mode: names.dword("RLC_SAFE_MODE")?,
            icache_op_cntl: ["PFP", "ME", "CE", "CPC"]
                .iter()
                .filter_map(|engine| names.dword(&format!("CP_{engine}_IC_OP_CNTL")).ok())
                .collect(),
        })
    }
}

/// The stored values. Every register remembers its last write; most need no more than that.
pub(crate) struct RegisterFile {
    values: Vec<u32>,
    smn: HashMap<u32, u32>,
}

impl RegisterFile {
    pub(crate) fn new() -> Self {
        RegisterFile {
            values: vec![0; REGISTER_COUNT as usize],
            smn: HashMap::new(),
        }
    }

    /// An address outside the BAR reads zero, never all ones: from RCC_IOV_FUNC_IDENTIFIER ones
    /// would mean an SR-IOV virtual function (`amdgpu_virt_init_detect_asic`).
    pub(crate) fn get(&self, dword: u32) -> u32 {
        self.values.get(dword as usize).copied().unwrap_or(0)
    }

    pub(crate) fn set(&mut self, dword: u32, value: u32) {
        if let Some(slot) = self.values.get_mut(dword as usize) {
            *slot = value;
        }
    }

    /// A 64-bit value kept in two registers.
    pub(crate) fn get64(&self, lo: u32, hi: u32) -> u64 {
        u64::from(self.get(lo)) | u64::from(self.get(hi)) << 32
    }

    pub(crate) fn set64(&mut self, lo: u32, hi: u32, value: u64) {
        self.set(lo, value as u32);
        self.set(hi, (value >> 32) as u32);
    }
}

impl Device {
    pub(crate) fn power_on_registers(&mut self) {
        self.registers = RegisterFile::new();
        let bus = &self.bus;
        // amdgpu_discovery_get_tmr_info polls bit 31 for "the boot loader is done".
        self.registers.set(bus.psp_sign, 1 << 31);
        self.registers.set(bus.memsize, (VRAM_SIZE >> 20) as u32);
        // smu_cmn_wait_for_response: the SMU has answered.
        self.registers.set(bus.smu_response, 1);
        // smu_v12_0_gfx_off_control waits for PWR_GFXOFF_STATUS (bits 2:1) to be 2, "on", whenever an
        // SDMA job of sdma_v5_2 begins. Without it each wait takes two seconds and the job times out.
        self.registers.set(bus.gfxoff_status, 2 << 1);
        self.registers.smn.insert(SMN_MP1_FIRMWARE_FLAGS, 1);
    }

    /// Reads a register, logged.
    pub(crate) fn read_register(&mut self, origin: Origin, dword: u32) -> u32 {
        let value = self.register_value(dword);
        self.log.read(origin, dword, self.names.name(dword), value);
        value
    }

    fn register_value(&mut self, dword: u32) -> u32 {
        let stored = self.registers.get(dword);
        let bus = &self.bus;
        if dword == bus.mm_data {
            return self.mm_window_read();
        }
        if dword == bus.pcie_data2 {
            let index = self.registers.get(bus.pcie_index2);
            return self.registers.smn.get(&index).copied().unwrap_or(0);
        }
        if dword == bus.bios_scratch_7 {
            // amdgpu_atombios_scratch_need_asic_init: bit 9 says the VBIOS has initialised the chip.
            return stored | 0x200;
        }
        if dword == bus.rlc_safe_mode {
            // gfx_v10_0_set_safe_mode waits for the RLC to take the command bit away.
            return stored & !1;
        }
        if bus.icache_op_cntl.contains(&dword) {
            // gfx_v10_0_cp_gfx_load_*_microcode: bit 1, invalidation of the instruction cache done.
            return stored | 2;
        }
        for hub in [Hub::Gfx, Hub::Mm] {
            if let Some(value) = self.hub_register_value(hub, dword) {
                return value;
            }
        }
        if let Some(value) = self.hqd_register_value(dword) {
            return value;
        }
        stored
    }

    /// Writes a register, logged, with all that follows from it.
    pub(crate) fn write_register(&mut self, origin: Origin, dword: u32, value: u32) {
        self.log.write(origin, dword, self.names.name(dword), value);
        if dword == self.bus.mm_data {
            return self.mm_window_write(origin, value);
        }
        if dword == self.bus.pcie_data2 {
            let index = self.registers.get(self.bus.pcie_index2);
            self.registers.smn.insert(index, value);
            return;
        }
        if dword == self.bus.smu_response {
            // The driver clears the response before it sends a message; the answer is always "OK".
            self.registers.set(dword, 1);
            return;
        }
        if self.hqd_register_write(dword, value) {
            return;
        }
        self.registers.set(dword, value);
        self.rb_register_written(dword, value);
        for hub in [Hub::Gfx, Hub::Mm] {
            self.hub_register_written(hub, dword, value);
        }
    }

    fn mm_window_position(&self) -> u64 {
        let index = self.registers.get(self.bus.mm_index);
        let high = self.registers.get(self.bus.mm_index_hi);
        u64::from(high) << 31 | u64::from(index & !MM_INDEX_VRAM)
    }

    fn mm_window_read(&mut self) -> u32 {
        let position = self.mm_window_position();
        if self.registers.get(self.bus.mm_index) & MM_INDEX_VRAM == 0 {
            return self.registers.get((position / 4) as u32);
        }
        let mut data = [0; 4];
        if !self.vram.read(position, &mut data) {
            self.log
                .note(format_args!("MM window beyond VRAM: {position:#x}"));
        }
        u32::from_le_bytes(data)
    }

    fn mm_window_write(&mut self, origin: Origin, value: u32) {
        let position = self.mm_window_position();
        if self.registers.get(self.bus.mm_index) & MM_INDEX_VRAM == 0 {
            let dword = (position / 4) as u32;
            if dword != self.bus.mm_data {
                self.write_register(origin, dword, value);
            }
        } else if !self.vram.write(position, &value.to_le_bytes()) {
            self.log
                .note(format_args!("MM window beyond VRAM: {position:#x}"));
        }
    }

    /// Puts the IP discovery binary where `amdgpu_discovery_read_binary_from_mem` looks for it.
    pub(crate) fn power_on_vram(&mut self) -> Result<()> {
        self.vram.clear()?;
        let binary = discovery::binary(self.chip);
        anyhow::ensure!(
            self.vram.write(discovery::VRAM_OFFSET, &binary),
            "the discovery binary does not fit into the VRAM"
        );
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chip::CHIPS;

    fn device() -> Device {
        Device::new(CHIPS[0]).unwrap()
    }

    fn write(device: &mut Device, name: &str, value: u32) {
        let dword = device.names.dword(name).unwrap();
        device.write_register(Origin::Cpu, dword, value);
    }

    fn read(device: &mut Device, name: &str) -> u32 {
        let dword = device.names.dword(name).unwrap();
        device.read_register(Origin::Cpu, dword)
    }

    #[test]
    fn values_the_probe_needs() {
        let mut device = device();
        assert_eq!(read(&mut device, "MP0_SMN_C2PMSG_33"), 0x8000_0000);
        assert_eq!(read(&mut device, "MP0_SMN_C2PMSG_81"), 0);
        assert_eq!(read(&mut device, "RCC_DEV0_EPF0_RCC_CONFIG_MEMSIZE"), 256);
        assert_eq!(
            read(&mut device, "RCC_DEV0_EPF0_RCC_IOV_FUNC_IDENTIFIER"),
            0
        );
        assert_eq!(read(&mut device, "BIOS_SCRATCH_7"), 0x200);
        assert_eq!(read(&mut device, "MP1_SMN_C2PMSG_90"), 1);
        assert_eq!(read(&mut device, "SMUIO_GFX_MISC_CNTL") >> 1 & 3, 2);
        assert_eq!(read(&mut device, "CP_ME_IC_OP_CNTL"), 2);
    }

    #[test]
    fn the_mm_window_shows_vram() {
        let mut device = device();
        let at = discovery::VRAM_OFFSET;
        write(&mut device, "MM_INDEX", at as u32 | MM_INDEX_VRAM);
        write(&mut device, "MM_INDEX_HI", (at >> 31) as u32);
        assert_eq!(read(&mut device, "MM_DATA"), 0x2821_1407);
        write(&mut device, "MM_INDEX", 0x40 | MM_INDEX_VRAM);
        write(&mut device, "MM_DATA", 0x1234_5678);
        let mut data = [0; 4];
        assert!(device.vram.read(0x40, &mut data));
        assert_eq!(u32::from_le_bytes(data), 0x1234_5678);
    }

    #[test]
    fn the_mm_window_shows_registers_without_bit_31() {
        let mut device = device();
        write(&mut device, "MM_INDEX", 0x53 * 4);
        write(&mut device, "MM_DATA", 5);
        assert_eq!(read(&mut device, "BIOS_SCRATCH_7"), 0x205);
    }

    #[test]
    fn smn_registers_are_kept_apart() {
        let mut device = device();
        write(&mut device, "PCIE_INDEX2", SMN_MP1_FIRMWARE_FLAGS);
        assert_eq!(read(&mut device, "PCIE_DATA2"), 1);
        write(&mut device, "PCIE_INDEX2", 0x1114_0288);
        assert_eq!(read(&mut device, "PCIE_DATA2"), 0);
        write(&mut device, "PCIE_DATA2", 0xABCD);
        assert_eq!(read(&mut device, "PCIE_DATA2"), 0xABCD);
        write(&mut device, "PCIE_INDEX2", 0x1114_028C);
        assert_eq!(read(&mut device, "PCIE_DATA2"), 0);
    }

    #[test]
    fn the_rlc_takes_the_safe_mode_command() {
        let mut device = device();
        write(&mut device, "RLC_SAFE_MODE", 3);
        assert_eq!(read(&mut device, "RLC_SAFE_MODE"), 2);
    }

    #[test]
    fn the_smu_always_answers() {
        let mut device = device();
        write(&mut device, "MP1_SMN_C2PMSG_90", 0);
        assert_eq!(read(&mut device, "MP1_SMN_C2PMSG_90"), 1);
    }

    #[test]
    fn registers_outside_the_bar_read_zero() {
        let mut device = device();
        assert_eq!(device.read_register(Origin::Cpu, REGISTER_COUNT), 0);
    }
}
