// SPDX-License-Identifier: MIT
//! GPUs that rmcp must leave alone, to be seen left alone.

use super::navi2x::NAVI23;
use super::{Chip, Firmware, IpVersion, Role, ShaderConfig, Versions};

/// GMC v9 drives it, whose registers have other names and places. All its rings are brought up.
pub(super) static RENOIR: Chip = Chip {
    name: "renoir",
    description: "Renoir, Radeon Graphics of the Ryzen 4000 series",
    device_id: 0x1636,
    revision: 0xC1,
    firmware: Firmware::named("renoir", "renoir_sdma"),
    shader: ShaderConfig {
        engines: 1,
        arrays_per_engine: 1,
        wgps_per_array: [2, 2],
        render_backends_per_engine: 2,
    },
    versions: Versions {
        gc: IpVersion(9, 3, 0),
        mmhub: IpVersion(9, 3, 0),
        athub: IpVersion(9, 3, 0),
        osssys: IpVersion(4, 3, 0),
        hdp: IpVersion(4, 1, 2),
        nbif: IpVersion(2, 5, 0),
        mp0: IpVersion(11, 0, 3),
        mp1: IpVersion(12, 0, 1),
        smuio: IpVersion(10, 0, 2),
        sdma: IpVersion(4, 1, 2),
        vcn: IpVersion(2, 0, 3),
    },
    role: Role::Control,
    // Without an SMU block, which only `gfx_v10_0` needs: `sdma_v4_0_hw_init` would ask it for power
    // before it is up, of which the driver warns.
    parameters: &["amdgpu.dpm=0"],
    obstacle: None,
    bases: include_str!("../../registers/bases/renoir.txt"),
};

/// The next generation, which a machine may well have beside a guarded one.
pub(super) static NAVI31: Chip = Chip {
    name: "navi31",
    description: "Navi31, Radeon RX 7900 XTX",
    device_id: 0x744C,
    revision: 0xC8,
    firmware: Firmware::named("gc_11_0_0", "sdma_6_0_0"),
    shader: ShaderConfig {
        engines: 6,
        arrays_per_engine: 2,
        wgps_per_array: [2, 2],
        render_backends_per_engine: 4,
    },
    versions: Versions {
        gc: IpVersion(11, 0, 0),
        mmhub: IpVersion(3, 0, 0),
        athub: IpVersion(3, 0, 0),
        osssys: IpVersion(6, 0, 0),
        hdp: IpVersion(6, 0, 0),
        nbif: IpVersion(4, 3, 0),
        mp0: IpVersion(13, 0, 0),
        mp1: IpVersion(13, 0, 0),
        smuio: IpVersion(13, 0, 6),
        sdma: IpVersion(6, 0, 0),
        vcn: IpVersion(2, 0, 3),
    },
    role: Role::Control,
    parameters: &["amdgpu.dpm=0", "amdgpu.ip_block_mask=0x7"],
    obstacle: Some(
        "its rings take the MES, a scheduler which the model does not have: only the blocks common, \
         GMC and IH are brought up, and of the two hubs the multimedia hub",
    ),
    // The kernel has no such header for this chip. Navi23's has as many segments as are used.
    bases: NAVI23.bases,
};
