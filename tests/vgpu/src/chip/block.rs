// SPDX-License-Identifier: MIT
//! IP blocks: their ids and versions, and the registers that the driver's code for a version uses.

use std::fmt;

/// Hardware ids of the IP discovery table (`hw_id` values, `soc15_hw_ip.h`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
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
        f.pad(&format!("{}.{}.{}", self.0, self.1, self.2))
    }
}

/// One IP block as the discovery table announces it.
#[derive(Debug)]
pub struct Ip {
    pub id: HwId,
    pub version: IpVersion,
    /// Base address of each segment, in dwords of the register BAR.
    pub bases: Vec<u32>,
    /// Register lists of the block; when two give one address a name, the first list wins.
    pub registers: &'static [&'static str],
}

/// The version of each block, by which the driver takes its code for it.
#[derive(Clone, Copy, Debug)]
pub struct Versions {
    pub gc: IpVersion,
    pub mmhub: IpVersion,
    pub athub: IpVersion,
    pub osssys: IpVersion,
    pub hdp: IpVersion,
    pub nbif: IpVersion,
    pub mp0: IpVersion,
    pub mp1: IpVersion,
    pub smuio: IpVersion,
    pub sdma: IpVersion,
    pub vcn: IpVersion,
}

impl Versions {
    pub(super) fn blocks(&self) -> [(HwId, IpVersion); 11] {
        [
            (HwId::Gc, self.gc),
            (HwId::Mmhub, self.mmhub),
            (HwId::Athub, self.athub),
            (HwId::Osssys, self.osssys),
            (HwId::Hdp, self.hdp),
            (HwId::Nbif, self.nbif),
            (HwId::Mp0, self.mp0),
            (HwId::Mp1, self.mp1),
            (HwId::Smuio, self.smuio),
            (HwId::Sdma0, self.sdma),
            (HwId::Vcn, self.vcn),
        ]
    }
}

macro_rules! registers {
    ($($list:literal),*) => {
        &[$(include_str!(concat!("../../registers/", $list, ".txt"))),*]
    };
}

/// The lists of the registers by which the driver's code for this version of a block addresses it.
pub(super) fn registers(id: HwId, version: IpVersion) -> &'static [&'static str] {
    match (id, version) {
        (HwId::Gc, IpVersion(9, _, _)) => registers!("gc_9_0", "gfx_v9_0"),
        // `gfx_v10_0.c` addresses both generations by the names of gc_10_1_0.
        (HwId::Gc, IpVersion(11, _, _)) => registers!("gc_11_0_0"),
        (HwId::Gc, IpVersion(10, 1, _)) => registers!("gc_10_1_0", "gfx_v10_0"),
        (HwId::Gc, _) => registers!("gc_10_3_0", "gc_10_1_0", "gfx_v10_0", "gfxhub_v2_1"),
        (HwId::Mmhub, IpVersion(9, _, _)) => registers!("mmhub_1_0"),
        (HwId::Mmhub, IpVersion(3, _, _)) => registers!("mmhub_3_0_0"),
        // gmc_v10_0_set_mmhub_funcs
        (HwId::Mmhub, IpVersion(2, 3 | 4, _)) => registers!("mmhub_2_3_0"),
        (HwId::Mmhub, _) => registers!("mmhub_2_0_0"),
        (HwId::Athub, IpVersion(9, _, _)) => registers!("athub_1_0"),
        (HwId::Athub, IpVersion(3, _, _)) => registers!("athub_3_0_0"),
        // gmc_v10_0_set_clockgating_state
        (HwId::Athub, IpVersion(2, 0, _)) => registers!("athub_2_0_0"),
        (HwId::Athub, _) => registers!("athub_2_1_0"),
        (HwId::Osssys, IpVersion(4, _, _)) => registers!("osssys_4_0"),
        (HwId::Osssys, IpVersion(6, _, _)) => registers!("osssys_6_0_0"),
        (HwId::Osssys, _) => registers!("osssys_5_0_0"),
        (HwId::Hdp, IpVersion(4, _, _)) => registers!("hdp_4_0"),
        (HwId::Hdp, IpVersion(6, _, _)) => registers!("hdp_6_0_0"),
        (HwId::Hdp, _) => registers!("hdp_5_0_0"),
        (HwId::Nbif, IpVersion(2, 5, _)) => registers!("discovery", "nbio_7_0"),
        (HwId::Nbif, IpVersion(4, _, _)) => registers!("discovery", "nbio_4_3_0"),
        (HwId::Nbif, IpVersion(7, _, _)) => registers!("discovery", "nbio_7_2_0", "nbio_v7_2"),
        (HwId::Nbif, _) => registers!("discovery", "nbio_2_3"),
        // `soc15.c`, `soc21.c` and `nv.c`.
        (HwId::Mp0, IpVersion(11, 0, 3)) => registers!("mp_9_0", "soc15"),
        (HwId::Mp0, IpVersion(13, 0, 0)) => registers!("mp_13_0_0"),
        (HwId::Mp0, _) => registers!("mp_11_0"),
        (HwId::Mp1, _) => registers!("mp_12_0_0"),
        // The code of SMU 12 reads a register of its own SMUIO.
        (HwId::Smuio, IpVersion(10, _, _)) => registers!("smuio_12_0_0", "smuio_9_0"),
        (HwId::Smuio, IpVersion(13, 0, 6)) => registers!("smuio_12_0_0", "smuio_13_0_6"),
        (HwId::Smuio, IpVersion(11, 0, 0 | 8)) => registers!("smuio_12_0_0", "smuio_11_0_0"),
        (HwId::Smuio, _) => registers!("smuio_12_0_0", "smuio_11_0_6"),
        (HwId::Sdma0, IpVersion(4, _, _)) => registers!("sdma0_4_2"),
        // The later ones' are in the header of GC; the video block has none here.
        (HwId::Sdma0 | HwId::Vcn, _) => &[],
    }
}
