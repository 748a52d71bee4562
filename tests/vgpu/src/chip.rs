// SPDX-License-Identifier: MIT
//! The table of emulated chips: everything in which one differs from another.
//! It holds no behaviour; a new chip is one more entry of [`CHIPS`].

use std::fmt;

/// Hardware ids of the IP discovery table (`hw_id` values, `soc15_hw_ip.h`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub enum HwId {
    Mp1 = 1,
    Smuio = 4,
    Gc = 11,
    /// UVD and VCN share the id; see `amdgpu_discovery_reg_base_init`.
    Vcn = 12,
    Mmhub = 34,
    Athub = 35,
    Osssys = 40,
    Hdp = 41,
    Sdma0 = 42,
    Nbif = 108,
    Mp0 = 255,
}

/// Version of an IP block: major, minor, revision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IpVersion(pub u8, pub u8, pub u8);

impl fmt::Display for IpVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.0, self.1, self.2)
    }
}

/// One IP block as the discovery table announces it.
#[derive(Debug)]
pub struct Ip {
    pub id: HwId,
    pub version: IpVersion,
    /// Base address of each segment, in dwords of the register BAR.
    pub bases: &'static [u32],
    /// Register lists of the block; when two give one address a name, the first list wins.
    pub registers: &'static [&'static str],
}

/// One GPU.
#[derive(Debug)]
pub struct Chip {
    /// The name used on command lines.
    pub name: &'static str,
    pub description: &'static str,
    pub device_id: u16,
    pub revision: u8,
    pub subsystem_id: u16,
    /// First part of the firmware file names (`amdgpu_ucode_ip_version_decode`).
    pub firmware_prefix: &'static str,
    pub shader: ShaderConfig,
    pub ips: &'static [Ip],
}

/// The part of the GC_INFO table that says how many shader units there are.
/// `amdgpu_discovery_get_gfx_info` reads it; with no shader array `gfx_v10_0_setup_rb` would divide by zero.
#[derive(Debug)]
pub struct ShaderConfig {
    pub engines: u32,
    pub arrays_per_engine: u32,
    /// Work group processors of an array: first and second half. One is two compute units.
    pub wgps_per_array: [u32; 2],
    pub render_backends_per_engine: u32,
}

impl Chip {
    pub fn ip(&self, id: HwId) -> Option<&'static Ip> {
        self.ips.iter().find(|ip| ip.id == id)
    }
}

/// The chip of that name.
pub fn chip(name: &str) -> Option<&'static Chip> {
    CHIPS.iter().find(|chip| chip.name == name)
}

macro_rules! registers {
    ($($file:literal),*) => {
        &[$(include_str!(concat!("../registers/", $file, ".txt"))),*]
    };
}

const fn ip(
    id: HwId,
    version: IpVersion,
    bases: &'static [u32],
    registers: &'static [&'static str],
) -> Ip {
    Ip {
        id,
        version,
        bases,
        registers,
    }
}

// `gmc_v10_0` and its neighbours need the base addresses only to be consistent. These are the ones
// of the real chips, so that the register addresses in a log are the real ones too.
const GC: &[u32] = &[0x1260, 0xA000];
const MMHUB: &[u32] = &[0x1A000];
const ATHUB: &[u32] = &[0xC00];
const OSSSYS: &[u32] = &[0x10A0];
const HDP: &[u32] = &[0xF20];
const NBIF: &[u32] = &[0x0, 0x14, 0xD20, 0x10400];
const MP: &[u32] = &[0x16000];
const SMUIO: &[u32] = &[0x16800, 0x16A00];
const VCN: &[u32] = &[0x7800, 0x7E00];

/// Every chip the model can be.
///
/// Two entries differ from any real card, on purpose:
/// - MP1 is 12.0.0, the SMU of Renoir. With `fw_load_type=0 dpm=1` the driver takes the SMU block by
///   that version alone, and this one needs neither firmware nor a power play table. Without an SMU
///   block `gfx_v10_0_ring_begin_use` would dereference a null pointer.
///   Its code also reads a register of SMUIO 12.0.0.
/// - VCN is 2.0.3, which `amdgpu_discovery_set_mm_ip_blocks` takes as "no video block".
pub static CHIPS: &[Chip] = &[
    Chip {
        name: "navi10",
        description: "Navi10, GC 10.1.10, Radeon RX 5700 XT",
        device_id: 0x731F,
        revision: 0xC1,
        subsystem_id: 0x0B36,
        firmware_prefix: "navi10",
        shader: ShaderConfig {
            engines: 2,
            arrays_per_engine: 2,
            wgps_per_array: [3, 2],
            render_backends_per_engine: 8,
        },
        ips: &[
            ip(
                HwId::Gc,
                IpVersion(10, 1, 10),
                GC,
                registers!("gc_10_1_0", "gfx_v10_0"),
            ),
            ip(
                HwId::Mmhub,
                IpVersion(2, 0, 0),
                MMHUB,
                registers!("mmhub_2_0_0"),
            ),
            ip(
                HwId::Athub,
                IpVersion(2, 0, 0),
                ATHUB,
                registers!("athub_2_0_0"),
            ),
            ip(
                HwId::Osssys,
                IpVersion(5, 0, 0),
                OSSSYS,
                registers!("osssys_5_0_0"),
            ),
            ip(HwId::Hdp, IpVersion(5, 0, 0), HDP, registers!("hdp_5_0_0")),
            ip(
                HwId::Nbif,
                IpVersion(2, 3, 0),
                NBIF,
                registers!("nbio_2_3", "nv"),
            ),
            ip(HwId::Mp0, IpVersion(11, 0, 0), MP, registers!("mp_11_0")),
            ip(HwId::Mp1, IpVersion(12, 0, 0), MP, registers!("mp_12_0_0")),
            ip(
                HwId::Smuio,
                IpVersion(11, 0, 0),
                SMUIO,
                registers!("smuio_12_0_0", "smuio_11_0_0"),
            ),
            ip(HwId::Sdma0, IpVersion(5, 0, 0), GC, &[]),
            ip(HwId::Vcn, IpVersion(2, 0, 3), VCN, &[]),
        ],
    },
    Chip {
        name: "navi21",
        description: "Navi21 (Sienna Cichlid), GC 10.3.0, Radeon RX 6800 XT",
        device_id: 0x73BF,
        revision: 0xC1,
        subsystem_id: 0x0B36,
        firmware_prefix: "sienna_cichlid",
        shader: ShaderConfig {
            engines: 4,
            arrays_per_engine: 2,
            wgps_per_array: [3, 2],
            render_backends_per_engine: 4,
        },
        ips: &[
            // `gfx_v10_0.c` addresses both generations by the names of gc_10_1_0.
            ip(
                HwId::Gc,
                IpVersion(10, 3, 0),
                GC,
                registers!("gc_10_3_0", "gc_10_1_0", "gfx_v10_0"),
            ),
            ip(
                HwId::Mmhub,
                IpVersion(2, 1, 0),
                MMHUB,
                registers!("mmhub_2_0_0"),
            ),
            ip(
                HwId::Athub,
                IpVersion(2, 1, 0),
                ATHUB,
                registers!("athub_2_1_0"),
            ),
            ip(
                HwId::Osssys,
                IpVersion(5, 0, 3),
                OSSSYS,
                registers!("osssys_5_0_0"),
            ),
            ip(HwId::Hdp, IpVersion(5, 0, 3), HDP, registers!("hdp_5_0_0")),
            ip(
                HwId::Nbif,
                IpVersion(3, 3, 0),
                NBIF,
                registers!("nbio_2_3", "nv"),
            ),
            ip(HwId::Mp0, IpVersion(11, 0, 7), MP, registers!("mp_11_0")),
            ip(HwId::Mp1, IpVersion(12, 0, 0), MP, registers!("mp_12_0_0")),
            ip(
                HwId::Smuio,
                IpVersion(11, 0, 6),
                SMUIO,
                registers!("smuio_12_0_0", "smuio_11_0_6"),
            ),
            ip(HwId::Sdma0, IpVersion(5, 2, 0), GC, &[]),
            ip(HwId::Vcn, IpVersion(2, 0, 3), VCN, &[]),
        ],
    },
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
}
