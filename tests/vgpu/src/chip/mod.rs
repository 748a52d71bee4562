// SPDX-License-Identifier: MIT
//! The table of emulated chips: everything in which one differs from another.
//! It holds no behaviour; a new chip is one more entry of its generation.
//!
//! Where the facts come from: PCI ids and marketing names are those of libdrm's `amdgpu.ids` and of
//! `pci.ids`; versions of GC, SDMA and MP0 are those of the kernel's tables of products
//! (`Documentation/gpu/amdgpu/*-asic-info-table.csv`), which lack Navi12 and Cyan Skillfish, and of
//! amdgpu's names of firmware (`amdgpu_ucode_legacy_naming`); bases and registers are those of its
//! headers (`registers/README.md`). No source gives the other blocks' versions: each is one that
//! `amdgpu_discovery_set_ip_blocks` takes for that generation.
//!
//! Every guarded entry differs from a real card in two blocks, on purpose:
//! - MP1 is 12.0.0, the SMU of Renoir. With `fw_load_type=0 dpm=1` the driver takes the SMU block by
//!   that version alone, and this one needs neither firmware nor a power play table. Without an SMU
//!   block `gfx_v10_0_ring_begin_use` would dereference a null pointer.
//!   Its code also reads a register of SMUIO 12.0.0.
//! - VCN is 2.0.3, which `amdgpu_discovery_set_mm_ip_blocks` takes as "no video block".

mod apu;
mod bases;
mod block;
mod control;
mod navi1x;
mod navi2x;

pub use block::{HwId, Ip, IpVersion, Versions};

/// One GPU.
#[derive(Debug)]
pub struct Chip {
    /// The name used on command lines.
    pub name: &'static str,
    /// AMD's name of the chip and of a card with it.
    pub description: &'static str,
    pub device_id: u16,
    pub revision: u8,
    pub firmware: Firmware,
    pub shader: ShaderConfig,
    pub versions: Versions,
    /// Whether rmcp guards a GPU like this one.
    pub role: Role,
    /// What the chip needs of amdgpu beyond `fw_load_type=0 dpm=1`: further parameters on the kernel's
    /// command line.
    pub parameters: &'static [&'static str],
    /// Why only a part of the chip is brought up, if that is so.
    pub obstacle: Option<&'static str>,
    /// Where the IP blocks are: a list of `registers/bases/`.
    bases: &'static str,
}

/// What a chip is in the table for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// rmcp guards it.
    Guarded,
    /// rmcp must leave it alone.
    Control,
}

/// First parts of the firmware file names (`amdgpu_ucode_ip_version_decode`).
#[derive(Clone, Copy, Debug)]
pub struct Firmware {
    pub gc: &'static str,
    pub sdma: &'static str,
    /// For a chip whose discovery table the driver does not read (`amdgpu_device_parse_gpu_info_fw`).
    pub gpu_info: Option<&'static str>,
}

impl Firmware {
    const fn named(gc: &'static str, sdma: &'static str) -> Self {
        Self {
            gc,
            sdma,
            gpu_info: None,
        }
    }
}

/// The part of the GC_INFO table that says how many shader units there are.
/// `amdgpu_discovery_get_gfx_info` reads it; with no shader array `gfx_v10_0_setup_rb` would divide by zero.
#[derive(Clone, Copy, Debug)]
pub struct ShaderConfig {
    pub engines: u32,
    pub arrays_per_engine: u32,
    /// Work group processors of an array: first and second half. One is two compute units.
    pub wgps_per_array: [u32; 2],
    pub render_backends_per_engine: u32,
}

impl ShaderConfig {
    /// Compute units of the whole chip.
    pub fn compute_units(&self) -> u32 {
        let wgps: u32 = self.wgps_per_array.iter().sum();
        self.engines * self.arrays_per_engine * wgps * 2
    }
}

impl Chip {
    /// What the names of VM hub registers have before `VM_` and `MC_VM_`: on the graphics hub, and
    /// on the multimedia hub.
    pub(crate) fn hub_prefixes(&self) -> [&'static str; 2] {
        match self.versions.gc {
            IpVersion(9, _, _) => ["", ""],
            _ => ["GC", "MM"],
        }
    }

    /// The blocks that the discovery table announces.
    pub fn ips(&self) -> Vec<Ip> {
        self.versions
            .blocks()
            .into_iter()
            .map(|(id, version)| Ip {
                id,
                version,
                bases: bases::of(self.bases, id),
                registers: block::registers(id, version),
            })
            .collect()
    }
}

/// The chip of that name.
pub fn chip(name: &str) -> Option<&'static Chip> {
    CHIPS.iter().copied().find(|chip| chip.name == name)
}

/// Every chip the model can be.
pub static CHIPS: &[&Chip] = &[
    &navi1x::NAVI10,
    &navi1x::NAVI12,
    &navi1x::NAVI14,
    &navi2x::NAVI21,
    &navi2x::NAVI22,
    &navi2x::NAVI23,
    &navi2x::NAVI24,
    &apu::CYAN_SKILLFISH,
    &apu::CYAN_SKILLFISH2,
    &apu::VANGOGH,
    &apu::REMBRANDT,
    &apu::RAPHAEL,
    &apu::MENDOCINO,
    &control::RENOIR,
    &control::NAVI31,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_device_ids_are_unique() {
        for (i, a) in CHIPS.iter().enumerate() {
            for b in &CHIPS[i + 1..] {
                assert_ne!(a.name, b.name);
                assert_ne!(a.device_id, b.device_id);
            }
        }
    }

    #[test]
    fn chips_are_found_by_name() {
        assert_eq!(chip("navi10").map(|c| c.device_id), Some(0x731F));
        assert_eq!(chip("navi21").map(|c| c.device_id), Some(0x73BF));
        assert!(chip("navi").is_none());
    }

    /// The guarded chips are exactly the kernel module's, one of each GC version.
    #[test]
    fn the_table_covers_what_rmcp_guards() {
        let guarded = CHIPS.iter().filter(|chip| chip.role == Role::Guarded);
        let mut ours: Vec<_> = guarded
            .map(|chip| (chip.versions.gc.to_string(), chip.description))
            .collect();
        let mut theirs: Vec<_> = rmcp_kctl::policy::CHIPS
            .iter()
            .map(|chip| {
                let (major, minor, revision) = chip.gc;
                (IpVersion(major, minor, revision).to_string(), chip.name)
            })
            .collect();
        ours.sort_unstable();
        theirs.sort_unstable();
        assert_eq!(ours.len(), theirs.len());
        for ((gc, description), (guarded, name)) in ours.iter().zip(&theirs) {
            assert_eq!(gc, guarded);
            assert!(description.starts_with(name), "{gc}: {description}, {name}");
        }
    }

    #[test]
    fn every_block_has_an_address() {
        for chip in CHIPS {
            for ip in chip.ips() {
                assert!(!ip.bases.is_empty(), "{}: {:?}", chip.name, ip.id);
            }
        }
    }
}
