// SPDX-License-Identifier: MIT

//! The ACPI table by which a guest can switch off the slot of a GPU, as the firmware of a laptop
//! offers it. What it switches is the slot's own power: without it the GPU answers nothing, and when
//! it comes back, the GPU is as after power-on.
//!
//! In ACPI's source language, for the root port that QEMU's firmware calls S80:
//!
//! ```text
//! Scope (\_SB.PCI0.S80)
//! {
//!     OperationRegion (SLOT, PCI_Config, 0x6C, 2)
//!     Field (SLOT, WordAcc, NoLock, Preserve) { , 10, OFF, 1 }
//!     PowerResource (PWR, 0, 0)
//!     {
//!         Method (_STA) { Return (OFF ^ 1) }
//!         Method (_ON) { OFF = 0 }
//!         Method (_OFF) { OFF = 1 }
//!     }
//!     Name (_PR0, Package { PWR })
//!     Name (_PR3, Package { PWR })
//! }
//! ```

/// The Slot Control register of QEMU's root ports, whose PCI Express capability is at 0x54.
const SLOT_CONTROL: u8 = 0x54 + 0x18;
/// In it, Power Controller Control: set = off.
const POWER_OFF: u8 = 10;

const SCOPE: &[u8] = b"\x10";
const METHOD: &[u8] = b"\x14";
const PACKAGE: &[u8] = b"\x12";
const FIELD: &[u8] = b"\x5b\x81";
const POWER_RESOURCE: &[u8] = b"\x5b\x84";

/// The table for the root port of this number on the root bus.
pub(crate) fn table(port: usize) -> Vec<u8> {
    let resource = [
        b"PWR_\x00\x00\x00".to_vec(),
        term(METHOD, b"_STA\x00\xa4\x7fOFF_\x01\x00"),
        term(METHOD, b"_ON_\x00\x70\x00OFF_"),
        term(METHOD, b"_OFF\x00\x70\x01OFF_"),
    ];
    let package = term(PACKAGE, b"\x01PWR_");
    let scope = [
        format!("\\\x2f\x03_SB_PCI0S{:02X}_", port << 3).into_bytes(),
        [b"\x5b\x80SLOT\x02\x0a", &[SLOT_CONTROL][..], b"\x0a\x02"].concat(),
        term(
            FIELD,
            &[b"SLOT\x02\x00", &[POWER_OFF][..], b"OFF_\x01"].concat(),
        ),
        term(POWER_RESOURCE, &resource.concat()),
        [b"\x08_PR0", &package[..]].concat(),
        [b"\x08_PR3", &package[..]].concat(),
    ];
    with_header(&term(SCOPE, &scope.concat()))
}

/// A term that begins with its length, which takes two bytes here.
fn term(operator: &[u8], rest: &[u8]) -> Vec<u8> {
    let length = rest.len() + 2;
    let length = [0x40 | (length & 0xF) as u8, (length >> 4) as u8];
    [operator, &length, rest].concat()
}

fn with_header(body: &[u8]) -> Vec<u8> {
    let ids = b"\x02\x00RMCP  SLOTPWR \x01\x00\x00\x00RMCP\x01\x00\x00\x00";
    let length = 4 + 4 + ids.len() + body.len();
    let mut table = [b"SSDT", &(length as u32).to_le_bytes(), &ids[..], body].concat();
    // All bytes together are zero.
    table[9] = table
        .iter()
        .fold(0, |sum: u8, byte| sum.wrapping_sub(*byte));
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_fits_the_table() {
        let table = table(0x10);
        assert_eq!(table[4..8], (table.len() as u32).to_le_bytes());
        let sum = table
            .iter()
            .fold(0, |sum: u8, byte| sum.wrapping_add(*byte));
        assert_eq!(sum, 0);
    }

    #[test]
    fn it_is_the_port_s_own() {
        let of = |port, name: &[u8]| table(port).windows(4).any(|bytes| bytes == name);
        assert!(of(0x10, b"S80_") && of(0x11, b"S88_"));
        assert!(!of(0x11, b"S80_"));
    }

    #[test]
    fn a_length_counts_itself() {
        assert_eq!(term(b"\x10", b"abc"), b"\x10\x45\x00abc");
        assert_eq!(term(b"\x10", &[0; 30])[..3], *b"\x10\x40\x02");
    }
}
