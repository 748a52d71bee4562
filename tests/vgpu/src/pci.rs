// SPDX-License-Identifier: MIT
//! PCI configuration space of the function: ids, BAR sizing, power management, MSI and PCI
//! Express capabilities.
//! QEMU emulates MSI itself and programs its own copy; only what it passes on arrives here.

use crate::chip::Chip;
use crate::mmio::REGISTER_COUNT;
use crate::vram::VRAM_SIZE;

pub(crate) const VENDOR_AMD: u16 = 0x1002;
/// That of AMD's own Navi10 card. Any but Dell's will do: those have quirks in the driver.
const SUBSYSTEM_ID: u16 = 0x0B36;
pub(crate) const CONFIG_SIZE: usize = 4096;

/// Doorbells. Size 0 or no BAR would make `amdgpu_doorbell_init` fail.
pub(crate) const DOORBELL_SIZE: u64 = 2 << 20;
/// The driver does not use the I/O BAR; real cards have it.
pub(crate) const IO_SIZE: u64 = 256;
pub(crate) const MMIO_SIZE: u64 = REGISTER_COUNT as u64 * 4;
pub(crate) const ROM_SIZE: u64 = 64 << 10;

const COMMAND: usize = 0x04;
const BAR0: usize = 0x10;
const ROM_BAR: usize = 0x30;
const PM_CAP: usize = 0x48;
const MSI_CAP: usize = 0x50;
const PCIE_CAP: usize = 0x70;

/// The space: its bytes, and for each bit whether a write changes it.
pub(crate) struct ConfigSpace {
    bytes: Vec<u8>,
    writable: Vec<u8>,
}

impl ConfigSpace {
    pub(crate) fn new(chip: &Chip) -> Self {
        let mut config = ConfigSpace {
            bytes: vec![0; CONFIG_SIZE],
            writable: vec![0; CONFIG_SIZE],
        };
        config.set16(0x00, VENDOR_AMD);
        config.set16(0x02, chip.device_id);
        config.make_writable(COMMAND, &0x0407u16.to_le_bytes());
        config.set16(0x06, 0x0010); // status: there is a capability list
        config.bytes[0x08] = chip.revision;
        // Display controller, other: unlike a VGA controller it takes no part in VGA arbitration.
        config.bytes[0x09..0x0C].copy_from_slice(&[0x00, 0x80, 0x03]);
        config.make_writable(0x0C, &[0xFF]); // cache line size
        config.set16(0x2C, VENDOR_AMD);
        config.set16(0x2E, SUBSYSTEM_ID);
        config.bytes[0x34] = PM_CAP as u8;
        config.make_writable(0x3C, &[0xFF]); // interrupt line
        config.bytes[0x3D] = 1; // INTA

        config.bar64(0, VRAM_SIZE);
        config.bar64(2, DOORBELL_SIZE);
        config.bar32(4, IO_SIZE, 0x1);
        config.bar32(5, MMIO_SIZE, 0x0);
        // pci_map_rom: the address and the enable bit.
        config.make_writable(ROM_BAR, &(!(ROM_SIZE as u32 - 1) | 1).to_le_bytes());

        // Power management: D0 and D3hot, from where registers come back as they were.
        config.set16(PM_CAP, 0x01 | (MSI_CAP as u16) << 8);
        config.set16(PM_CAP + 2, 0x0003);
        config.set16(PM_CAP + 4, 0x0008);
        config.make_writable(PM_CAP + 4, &[0x03]);

        // MSI: one vector, 64-bit address.
        config.set16(MSI_CAP, 0x05 | (PCIE_CAP as u16) << 8);
        config.set16(MSI_CAP + 2, 0x0080);
        config.make_writable(MSI_CAP + 2, &0x0071u16.to_le_bytes());
        config.make_writable(MSI_CAP + 4, &[0xFC, 0xFF, 0xFF, 0xFF]);
        config.make_writable(MSI_CAP + 8, &[0xFF; 6]);

        // PCI Express endpoint, Gen4 x16. amdgpu_device_get_pcie_info reads the link capabilities.
        config.set16(PCIE_CAP, 0x10);
        config.set16(PCIE_CAP + 2, 0x0002);
        config.set32(PCIE_CAP + 0x04, 0x0000_8001); // device capabilities: payload 256
        config.make_writable(PCIE_CAP + 0x08, &[0xFF, 0x7F]);
        config.set32(PCIE_CAP + 0x0C, 0x0000_0104); // link capabilities
        config.make_writable(PCIE_CAP + 0x10, &[0xC3, 0x00]);
        config.set16(PCIE_CAP + 0x12, 0x0104); // link status
        config.set32(PCIE_CAP + 0x2C, 0x0000_001E); // supported speeds 2.5 to 16 GT/s
        config.set16(PCIE_CAP + 0x30, 0x0004); // target speed
        config
    }

    pub(crate) fn read(&self, offset: usize, data: &mut [u8]) {
        for (i, byte) in data.iter_mut().enumerate() {
            *byte = self.bytes.get(offset + i).copied().unwrap_or(0xFF);
        }
    }

    /// Writes the writable bits. A BAR thereby answers the sizing write of all ones with its size.
    pub(crate) fn write(&mut self, offset: usize, data: &[u8]) {
        for (i, byte) in data.iter().enumerate() {
            let at = offset + i;
            if let (Some(old), Some(mask)) = (self.bytes.get_mut(at), self.writable.get(at)) {
                *old = (*old & !mask) | (byte & mask);
            }
        }
    }

    fn bar64(&mut self, index: usize, size: u64) {
        let at = BAR0 + index * 4;
        self.set32(at, 0xC); // 64 bits, prefetchable
        self.make_writable(at, &(!(size - 1)).to_le_bytes());
    }

    fn bar32(&mut self, index: usize, size: u64, kind: u32) {
        let at = BAR0 + index * 4;
        self.set32(at, kind);
        self.make_writable(at, &(!(size as u32 - 1)).to_le_bytes());
    }

    fn make_writable(&mut self, at: usize, mask: &[u8]) {
        self.writable[at..at + mask.len()].copy_from_slice(mask);
    }

    fn set16(&mut self, at: usize, value: u16) {
        self.bytes[at..at + 2].copy_from_slice(&value.to_le_bytes());
    }

    fn set32(&mut self, at: usize, value: u32) {
        self.bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chip::chip;

    fn config() -> ConfigSpace {
        ConfigSpace::new(chip("navi10").unwrap())
    }

    fn read32(config: &ConfigSpace, at: usize) -> u32 {
        let mut data = [0; 4];
        config.read(at, &mut data);
        u32::from_le_bytes(data)
    }

    fn sized(at: usize) -> u32 {
        let mut config = config();
        config.write(at, &[0xFF; 4]);
        read32(&config, at)
    }

    #[test]
    fn identity() {
        let config = config();
        assert_eq!(read32(&config, 0x00), 0x731F_1002);
        assert_eq!(read32(&config, 0x08), 0x0380_00C1);
        assert_eq!(read32(&config, 0x2C), 0x0B36_1002);
    }

    #[test]
    fn bars_answer_with_their_size() {
        assert_eq!(sized(0x10), 0xF000_000C, "256 MiB");
        assert_eq!(sized(0x14), 0xFFFF_FFFF);
        assert_eq!(sized(0x18), 0xFFE0_000C, "2 MiB");
        assert_eq!(sized(0x1C), 0xFFFF_FFFF);
        assert_eq!(sized(0x20), 0xFFFF_FF01, "256 B of I/O");
        assert_eq!(sized(0x24), 0xFFF8_0000, "512 KiB");
        assert_eq!(sized(0x30), 0xFFFF_0001, "64 KiB of ROM");
        // QEMU sizes the ROM without the enable bit.
        let mut config = config();
        config.write(0x30, &0xFFFF_F800u32.to_le_bytes());
        assert_eq!(read32(&config, 0x30), 0xFFFF_0000);
    }

    #[test]
    fn read_only_bytes_stay() {
        let mut config = config();
        config.write(0x00, &[0xFF; 4]);
        config.write(0x08, &[0xFF; 4]);
        assert_eq!(read32(&config, 0x00), 0x731F_1002);
        assert_eq!(read32(&config, 0x08), 0x0380_00C1);
        config.write(COMMAND, &[0x06, 0x00]);
        assert_eq!(read32(&config, COMMAND) & 0xFFFF, 0x0006);
    }

    #[test]
    fn capabilities_are_linked() {
        let config = config();
        let mut ids = Vec::new();
        let mut at = usize::from(config.bytes[0x34]);
        while at != 0 {
            ids.push(config.bytes[at]);
            at = usize::from(config.bytes[at + 1]);
        }
        assert_eq!(ids, [0x01, 0x05, 0x10]);
    }

    #[test]
    fn beyond_the_end_reads_ones() {
        let mut data = [0; 2];
        config().read(CONFIG_SIZE - 1, &mut data);
        assert_eq!(data, [0x00, 0xFF]);
    }
}
