// SPDX-License-Identifier: MIT
//! Register names of one chip and their addresses, read from the lists in `registers/`.
//! It knows no behaviour; what a register does is in the module of its block.

use std::collections::HashMap;

use anyhow::{anyhow, bail, Context, Result};

use crate::chip::{Chip, HwId};
use crate::mmio::REGISTER_COUNT;

/// Addresses which have a meaning only through the driver's code, and are in no header.
const DRIVER_MADE: [(u32, &str); 3] = [
    // amdgpu_atombios_scratch_need_asic_init before the VBIOS is read: BIOS_SCRATCH_7 with a base of 0.
    (0x0_0007, "BIOS_SCRATCH_7_BASE_0"),
    // remap_hdp_registers of the NBIO code puts the two into a hole at MMIO_REG_HOLE_OFFSET.
    (0x1_FC00, "HOLE_HDP_MEM_FLUSH_CNTL"),
    (0x1_FC01, "HOLE_HDP_REG_FLUSH_CNTL"),
];

/// The named registers of a chip, by address and by name. Addresses are dwords of the register BAR.
#[derive(Debug)]
pub(crate) struct Names {
    by_dword: HashMap<u32, &'static str>,
    by_name: HashMap<&'static str, Vec<(HwId, u32)>>,
}

impl Names {
    pub(crate) fn new(chip: &Chip) -> Result<Self> {
        let mut names = Names {
            by_dword: DRIVER_MADE.into(),
            by_name: HashMap::new(),
        };
        for ip in chip.ips() {
            for list in ip.registers {
                for line in list.lines().filter(|line| !line.starts_with('#')) {
                    let (segment, offset, name) = parse_line(line)
                        .with_context(|| format!("register list of {:?}: `{line}`", ip.id))?;
                    let base = ip.bases.get(segment).ok_or_else(|| {
                        anyhow!("{name}: {:?} has no address segment {segment}", ip.id)
                    })?;
                    let dword = base + offset;
                    // Beyond the BAR the driver goes through an index and a data register.
                    if dword < REGISTER_COUNT {
                        names.by_dword.entry(dword).or_insert(name);
                        names.by_name.entry(name).or_default().push((ip.id, dword));
                    }
                }
            }
        }
        Ok(names)
    }

    /// Address of a register the model gives a meaning to. A chip without it cannot be emulated.
    pub(crate) fn dword(&self, name: &str) -> Result<u32> {
        self.any(&[name])
    }

    /// Address of a register which generations call differently.
    pub(crate) fn any(&self, names: &[&str]) -> Result<u32> {
        let found = names
            .iter()
            .find_map(|name| self.by_name.get(name)?.first());
        match found {
            Some((_, dword)) => Ok(*dword),
            None => bail!(
                "no register list of this chip has {}; add it to registers/manifest",
                names.join(" or ")
            ),
        }
    }

    /// Address of a register of one block, for a name that more than one block has.
    pub(crate) fn of_block(&self, block: HwId, name: &str) -> Result<u32> {
        let places = self.by_name.get(name).into_iter().flatten();
        let mut found = places.filter(|(id, _)| *id == block);
        match found.next() {
            Some((_, dword)) => Ok(*dword),
            None => bail!("no register list of {block:?} has {name}; add it to registers/manifest"),
        }
    }

    pub(crate) fn name(&self, dword: u32) -> Option<&'static str> {
        self.by_dword.get(&dword).copied()
    }
}

fn parse_line(line: &'static str) -> Result<(usize, u32, &'static str)> {
    let mut fields = line.split_ascii_whitespace();
    let (Some(segment), Some(offset), Some(name), None) =
        (fields.next(), fields.next(), fields.next(), fields.next())
    else {
        bail!("expected `segment offset name`");
    };
    let offset = offset
        .strip_prefix("0x")
        .ok_or_else(|| anyhow!("the offset must begin with 0x"))?;
    Ok((segment.parse()?, u32::from_str_radix(offset, 16)?, name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chip::{chip, CHIPS};

    #[test]
    fn every_list_is_readable() {
        for chip in CHIPS {
            Names::new(chip).unwrap();
        }
    }

    #[test]
    fn addresses_of_the_hubs_differ_between_generations() {
        let navi10 = Names::new(chip("navi10").unwrap()).unwrap();
        let navi21 = Names::new(chip("navi21").unwrap()).unwrap();
        for (name, on_navi10, on_navi21) in [
            ("GCVM_CONTEXT0_CNTL", 0x2880, 0x285C),
            ("GCVM_CONTEXT15_CNTL", 0x288F, 0x286B),
            ("GCVM_INVALIDATE_ENG0_SEM", 0x2891, 0x286D),
            ("GCVM_L2_PROTECTION_FAULT_STATUS", 0x284C, 0x2828),
            ("GCMC_VM_FB_LOCATION_BASE", 0x2980, 0x295C),
            ("RLC_SAFE_MODE", 0xEC05, 0xECA0),
            ("MMVM_CONTEXT1_CNTL", 0x1A6C1, 0x1A6C1),
            ("IH_RB_CNTL", 0x1120, 0x1120),
            ("CP_HQD_ACTIVE", 0x320B, 0x320B),
        ] {
            assert_eq!(navi10.dword(name).unwrap(), on_navi10, "{name}");
            assert_eq!(navi21.dword(name).unwrap(), on_navi21, "{name}");
            assert_eq!(navi10.name(on_navi10), Some(name));
            assert_eq!(navi21.name(on_navi21), Some(name));
        }
    }

    /// Both hubs of GMC v9 call their registers the same.
    #[test]
    fn a_name_of_two_blocks_is_found_in_each() {
        let renoir = Names::new(chip("renoir").unwrap()).unwrap();
        for (block, context1) in [(HwId::Gc, 0x2881), (HwId::Mmhub, 0x1A6C1)] {
            let found = renoir.of_block(block, "VM_CONTEXT1_CNTL").unwrap();
            assert_eq!(found, context1);
        }
        assert!(renoir.of_block(HwId::Hdp, "VM_CONTEXT1_CNTL").is_err());
    }

    #[test]
    fn a_missing_register_is_refused_by_name() {
        let names = Names::new(chip("navi10").unwrap()).unwrap();
        let error = names.dword("GCVM_CONTEXT16_CNTL").unwrap_err().to_string();
        assert!(error.contains("GCVM_CONTEXT16_CNTL"), "{error}");
    }

    #[test]
    fn a_malformed_line_is_refused() {
        assert!(parse_line("0 1620 NAME").is_err());
        assert!(parse_line("0 0x1620").is_err());
        assert!(parse_line("0 0x1620 NAME more").is_err());
        assert_eq!(parse_line("1 0x20 NAME").unwrap(), (1, 0x20, "NAME"));
    }
}
