// SPDX-License-Identifier: MIT
//! GPUs that share a package with the CPU: GC 10.1 and 10.3. In a virtual machine the driver takes
//! the memory BAR as such a GPU's memory and the ROM BAR as its VBIOS, as on a card.

use super::{Chip, Firmware, IpVersion, Role, ShaderConfig, Versions};

pub(super) static CYAN_SKILLFISH: Chip = Chip {
    name: "cyan_skillfish",
    description: "Cyan Skillfish, Oberon",
    device_id: 0x13F9,
    firmware: Firmware {
        gpu_info: Some("cyan_skillfish_gpu_info"),
        ..CYAN_SKILLFISH2.firmware
    },
    // The driver reads no discovery table of this chip: these are written down in it, and so is
    // MP1 11.0.8.
    versions: Versions {
        gc: IpVersion(10, 1, 3),
        ..CYAN_SKILLFISH2.versions
    },
    parameters: &["amdgpu.ip_block_mask=0x7"],
    obstacle: Some(
        "amdgpu adds no SMU block for this chip, and gfx_v10_0_ring_begin_use then dereferences a \
         null pointer: only the blocks common, GMC and IH are brought up",
    ),
    ..CYAN_SKILLFISH2
};

pub(super) static CYAN_SKILLFISH2: Chip = Chip {
    name: "cyan_skillfish2",
    description: "Cyan Skillfish 2, BC-250",
    device_id: 0x13FE,
    revision: 0x00,
    firmware: Firmware::named("cyan_skillfish2", "cyan_skillfish2_sdma"),
    shader: ShaderConfig {
        engines: 2,
        arrays_per_engine: 2,
        wgps_per_array: [3, 2],
        render_backends_per_engine: 8,
    },
    // Those that are written down in the driver for the first Cyan Skillfish.
    versions: Versions {
        gc: IpVersion(10, 1, 4),
        mmhub: IpVersion(2, 0, 3),
        athub: IpVersion(2, 0, 3),
        osssys: IpVersion(5, 0, 1),
        hdp: IpVersion(5, 0, 1),
        nbif: IpVersion(2, 1, 1),
        mp0: IpVersion(11, 0, 8),
        mp1: IpVersion(12, 0, 0),
        smuio: IpVersion(11, 0, 8),
        sdma: IpVersion(5, 0, 1),
        vcn: IpVersion(2, 0, 3),
    },
    role: Role::Guarded,
    parameters: &[],
    obstacle: None,
    bases: include_str!("../../registers/bases/cyan_skillfish.txt"),
};

const RDNA2: Versions = Versions {
    gc: IpVersion(10, 3, 3),
    mmhub: IpVersion(2, 4, 0),
    athub: IpVersion(2, 4, 0),
    osssys: IpVersion(5, 2, 0),
    hdp: IpVersion(5, 2, 0),
    nbif: IpVersion(7, 2, 1),
    mp0: IpVersion(13, 0, 3),
    mp1: IpVersion(12, 0, 0),
    smuio: IpVersion(13, 0, 1),
    sdma: IpVersion(5, 2, 3),
    vcn: IpVersion(2, 0, 3),
};

pub(super) static VANGOGH: Chip = Chip {
    name: "vangogh",
    description: "Van Gogh, Custom GPU 0405 of the Steam Deck",
    device_id: 0x163F,
    revision: 0xAE,
    firmware: Firmware::named("vangogh", "vangogh_sdma"),
    shader: ShaderConfig {
        engines: 1,
        arrays_per_engine: 1,
        wgps_per_array: [2, 2],
        render_backends_per_engine: 4,
    },
    versions: Versions {
        gc: IpVersion(10, 3, 1),
        mmhub: IpVersion(2, 3, 0),
        athub: IpVersion(2, 1, 0),
        osssys: IpVersion(5, 0, 3),
        hdp: IpVersion(5, 0, 4),
        nbif: IpVersion(7, 2, 0),
        mp0: IpVersion(11, 5, 0),
        smuio: IpVersion(11, 5, 0),
        sdma: IpVersion(5, 2, 1),
        ..RDNA2
    },
    role: Role::Guarded,
    parameters: &[],
    obstacle: None,
    bases: include_str!("../../registers/bases/vangogh.txt"),
};

pub(super) static REMBRANDT: Chip = Chip {
    name: "rembrandt",
    description: "Rembrandt (Yellow Carp), Radeon 680M",
    device_id: 0x1681,
    revision: 0xC7,
    firmware: Firmware::named("yellow_carp", "yellow_carp_sdma"),
    shader: ShaderConfig {
        arrays_per_engine: 2,
        wgps_per_array: [2, 1],
        ..VANGOGH.shader
    },
    versions: RDNA2,
    role: Role::Guarded,
    parameters: &[],
    obstacle: None,
    bases: include_str!("../../registers/bases/yellow_carp.txt"),
};

pub(super) static RAPHAEL: Chip = Chip {
    name: "raphael",
    description: "Raphael, Radeon 610M",
    device_id: 0x164E,
    revision: 0xD8,
    firmware: Firmware::named("gc_10_3_6", "sdma_5_2_6"),
    shader: ShaderConfig {
        wgps_per_array: [1, 0],
        ..VANGOGH.shader
    },
    versions: Versions {
        gc: IpVersion(10, 3, 6),
        mmhub: IpVersion(2, 4, 1),
        osssys: IpVersion(5, 2, 1),
        nbif: IpVersion(7, 3, 0),
        mp0: IpVersion(13, 0, 5),
        smuio: IpVersion(13, 0, 9),
        sdma: IpVersion(5, 2, 6),
        ..RDNA2
    },
    role: Role::Guarded,
    parameters: &[],
    obstacle: None,
    // The kernel has no such header for this chip and the next.
    bases: REMBRANDT.bases,
};

pub(super) static MENDOCINO: Chip = Chip {
    name: "mendocino",
    description: "Mendocino, Radeon 610M",
    device_id: 0x1506,
    revision: 0xC1,
    firmware: Firmware::named("gc_10_3_7", "sdma_5_2_7"),
    shader: RAPHAEL.shader,
    versions: Versions {
        gc: IpVersion(10, 3, 7),
        mmhub: IpVersion(2, 4, 1),
        osssys: IpVersion(5, 2, 1),
        nbif: IpVersion(7, 5, 0),
        mp0: IpVersion(13, 0, 8),
        smuio: IpVersion(13, 0, 10),
        sdma: IpVersion(5, 2, 7),
        ..RDNA2
    },
    role: Role::Guarded,
    parameters: &[],
    obstacle: None,
    bases: REMBRANDT.bases,
};
