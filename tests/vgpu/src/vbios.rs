// SPDX-License-Identifier: MIT
//! Builder of the expansion ROM: a VBIOS of this project's own making, with the few tables the
//! driver reads. No code of AMD is in it, and it cannot be run as a boot ROM.

use crate::chip::Chip;
use crate::pci::VENDOR_AMD;

/// Size of the image; the rest of the ROM BAR reads zero.
pub(crate) const IMAGE_SIZE: usize = 2 << 10;

const ROM_HEADER: usize = 0x100;
const DATA_TABLE: usize = 0x140;
const FIRMWARE_INFO: usize = 0x1A0;
const ASIC_INIT: usize = 0x200;
const PCIR: usize = 0x220;
/// Followed by zeros: the driver asks for tables this image does not have.
const COMMAND_TABLE: usize = 0x240;

/// First of the sixteen BIOS_SCRATCH registers, in dwords of the register BAR.
/// `amdgpu_atomfirmware_scratch_regs_init` takes it from the firmwareinfo table.
pub(crate) const SCRATCH_BASE: u32 = 0x4C;

/// The image for `chip`.
pub(crate) fn image(chip: &Chip) -> Vec<u8> {
    let mut rom = Image(vec![0; IMAGE_SIZE]);
    // PCI option ROM header (check_atom_bios; SeaBIOS calls the entry at 3, a far return).
    rom.bytes(0, &[0x55, 0xAA, (IMAGE_SIZE / 512) as u8, 0xCB]);
    rom.u16(0x18, PCIR as u16);
    rom.bytes(PCIR, b"PCIR");
    rom.u16(PCIR + 4, VENDOR_AMD);
    rom.u16(PCIR + 6, chip.device_id);
    rom.u16(PCIR + 0x0A, 0x18); // length of this block
    rom.u16(PCIR + 0x10, (IMAGE_SIZE / 512) as u16);
    // Code type 0xFF, so that SeaBIOS runs nothing, and "last image" (pci_get_rom_size).
    rom.bytes(PCIR + 0x14, &[0xFF, 0x80]);

    // amdgpu_atom_parse: ATI magic, ROM table pointer, and the strings it prints.
    rom.bytes(0x30, b" 761295520");
    rom.u16(0x48, ROM_HEADER as u16);
    rom.bytes(0x50, b"01/01/26 00:00");
    // atom_get_vbios_pn: with an empty part number here it would follow a null pointer.
    rom.bytes(0x80, b"RMCP-VGPU");

    rom.u16(ROM_HEADER, 0x24);
    rom.bytes(ROM_HEADER + 4, b"ATOM");
    rom.u16(ROM_HEADER + 0x0C, 0x80); // config file name
    rom.u16(ROM_HEADER + 0x1E, COMMAND_TABLE as u16);
    rom.u16(ROM_HEADER + 0x20, DATA_TABLE as u16);

    // Command table 0 is asic_init; amdgpu_device_asic_init runs it after a GPU reset.
    rom.u16(COMMAND_TABLE, 0x08);
    rom.u16(COMMAND_TABLE + 4, ASIC_INIT as u16);
    // Header (size, revisions, no workspace, no parameters), then the end-of-table opcode.
    rom.u16(ASIC_INIT, 8);
    rom.bytes(ASIC_INIT + 2, &[1, 1, 0, 0, 0x5B]);

    // Of the data tables only firmwareinfo exists. gfx_info must stay absent: a revision the driver
    // does not know ends in BUG() (amdgpu_atomfirmware_get_gfx_info).
    rom.u16(DATA_TABLE, 0x60);
    rom.u16(DATA_TABLE + 0x0C, FIRMWARE_INFO as u16);
    rom.u16(FIRMWARE_INFO, 0x5C);
    rom.bytes(FIRMWARE_INFO + 2, &[3, 1]);
    rom.u32(FIRMWARE_INFO + 8, 30_000); // engine clock in 10 kHz
    rom.u32(FIRMWARE_INFO + 12, 50_000); // memory clock in 10 kHz
    rom.u32(FIRMWARE_INFO + 24, SCRATCH_BASE);

    // The bytes of an option ROM sum to zero.
    let sum = rom.0.iter().fold(0u8, |sum, byte| sum.wrapping_add(*byte));
    rom.0[IMAGE_SIZE - 1] = sum.wrapping_neg();
    rom.0
}

struct Image(Vec<u8>);

impl Image {
    fn bytes(&mut self, at: usize, bytes: &[u8]) {
        self.0[at..at + bytes.len()].copy_from_slice(bytes);
    }

    fn u16(&mut self, at: usize, value: u16) {
        self.bytes(at, &value.to_le_bytes());
    }

    fn u32(&mut self, at: usize, value: u32) {
        self.bytes(at, &value.to_le_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chip::CHIPS;

    fn u16_at(rom: &[u8], at: usize) -> usize {
        usize::from(u16::from_le_bytes([rom[at], rom[at + 1]]))
    }

    #[test]
    fn signature_length_and_checksum() {
        for chip in CHIPS {
            let rom = image(chip);
            assert_eq!(rom[..2], [0x55, 0xAA]);
            assert_eq!(usize::from(rom[2]) * 512, rom.len());
            let sum: u32 = rom.iter().map(|byte| u32::from(*byte)).sum();
            assert_eq!(sum % 256, 0);
        }
    }

    #[test]
    fn pcir_names_the_device() {
        for chip in CHIPS {
            let rom = image(chip);
            let pcir = u16_at(&rom, 0x18);
            assert_eq!(&rom[pcir..pcir + 4], b"PCIR");
            assert_eq!(u16_at(&rom, pcir + 4), 0x1002);
            assert_eq!(u16_at(&rom, pcir + 6), usize::from(chip.device_id));
            assert_eq!(rom[pcir + 0x15] & 0x80, 0x80);
        }
    }

    /// Follows the pointers as amdgpu_atom_parse and its callers do.
    #[test]
    fn atom_pointers_lead_to_the_tables() {
        let rom = image(CHIPS[0]);
        assert_eq!(&rom[0x30..0x3A], b" 761295520");
        assert_eq!(rom[0x2F], 0);
        assert_ne!(rom[4], 1, "would be taken as an IIO opcode");
        let header = u16_at(&rom, 0x48);
        assert_eq!(&rom[header + 4..header + 8], b"ATOM");
        let data = u16_at(&rom, header + 0x20);
        assert_eq!(u16_at(&rom, data + 0x20), 0, "gfx_info must be absent");
        let info = u16_at(&rom, data + 0x0C);
        assert_eq!(rom[info + 2..info + 4], [3, 1]);
        assert_eq!(u16_at(&rom, info + 24), 0x4C);
        let command = u16_at(&rom, header + 0x1E);
        let asic_init = u16_at(&rom, command + 4);
        assert_eq!(rom[asic_init + 6], 0x5B);
        assert!((0x20..0x7F).contains(&rom[0x80]), "part number");
    }
}
