// SPDX-License-Identifier: MIT
//! Base addresses of the IP blocks, read from the lists in `registers/bases/`.

use super::HwId;

/// What the headers call a block; the first that a list has is taken.
fn names(id: HwId) -> &'static [&'static str] {
    match id {
        HwId::Mp1 => &["MP1"],
        HwId::Smuio => &["SMUIO"],
        HwId::Gc => &["GC"],
        HwId::Vcn => &["VCN", "VCN0", "UVD0"],
        HwId::Mmhub => &["MMHUB"],
        HwId::Athub => &["ATHUB"],
        HwId::Osssys => &["OSSSYS"],
        HwId::Hdp => &["HDP"],
        // Most headers have none: the engine is addressed through GC.
        HwId::Sdma0 => &["SDMA0", "SDMA", "GC"],
        HwId::Nbif => &["NBIO", "NBIF0"],
        HwId::Mp0 => &["MP0"],
    }
}

/// The address segments of a block; none if the list does not have the block.
pub(super) fn of(list: &str, id: HwId) -> Vec<u32> {
    names(id)
        .iter()
        .find_map(|name| {
            list.lines().find_map(|line| {
                let mut fields = line.split(' ');
                (fields.next() == Some(name)).then(|| fields.filter_map(hexadecimal).collect())
            })
        })
        .unwrap_or_default()
}

fn hexadecimal(text: &str) -> Option<u32> {
    u32::from_str_radix(text.strip_prefix("0x")?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_name_that_the_list_has_is_taken() {
        let list = "# a list\nGC 0x1260 0xa000\nVCN0 0x7800\nUVD0 0x1\n";
        assert_eq!(of(list, HwId::Gc), [0x1260, 0xA000]);
        assert_eq!(of(list, HwId::Vcn), [0x7800]);
        assert_eq!(of(list, HwId::Sdma0), of(list, HwId::Gc));
        assert_eq!(of(list, HwId::Hdp), [0; 0]);
    }
}
