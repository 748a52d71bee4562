// SPDX-License-Identifier: MIT
//! RDNA1 cards: GC 10.1.

use super::{Chip, Firmware, IpVersion, Role, ShaderConfig, Versions};

const VERSIONS: Versions = Versions {
    gc: IpVersion(10, 1, 10),
    mmhub: IpVersion(2, 0, 0),
    athub: IpVersion(2, 0, 0),
    osssys: IpVersion(5, 0, 0),
    hdp: IpVersion(5, 0, 0),
    nbif: IpVersion(2, 3, 0),
    mp0: IpVersion(11, 0, 0),
    mp1: IpVersion(12, 0, 0),
    smuio: IpVersion(11, 0, 0),
    sdma: IpVersion(5, 0, 0),
    vcn: IpVersion(2, 0, 3),
};

pub(super) static NAVI10: Chip = Chip {
    name: "navi10",
    description: "Navi10, Radeon RX 5700 XT",
    device_id: 0x731F,
    revision: 0xC1,
    firmware: Firmware::named("navi10", "navi10_sdma"),
    shader: ShaderConfig {
        engines: 2,
        arrays_per_engine: 2,
        wgps_per_array: [3, 2],
        render_backends_per_engine: 8,
    },
    versions: VERSIONS,
    role: Role::Guarded,
    parameters: &[],
    obstacle: None,
    bases: include_str!("../../registers/bases/navi10.txt"),
};

pub(super) static NAVI12: Chip = Chip {
    name: "navi12",
    description: "Navi12, Radeon Pro 5600M",
    device_id: 0x7360,
    revision: 0x41,
    firmware: Firmware::named("navi12", "navi12_sdma"),
    shader: NAVI10.shader,
    versions: Versions {
        gc: IpVersion(10, 1, 2),
        mmhub: IpVersion(2, 0, 2),
        athub: IpVersion(2, 0, 2),
        osssys: IpVersion(5, 0, 2),
        hdp: IpVersion(5, 0, 2),
        nbif: IpVersion(2, 3, 2),
        mp0: IpVersion(11, 0, 9),
        sdma: IpVersion(5, 0, 5),
        ..VERSIONS
    },
    role: Role::Guarded,
    parameters: &[],
    obstacle: None,
    bases: include_str!("../../registers/bases/navi12.txt"),
};

pub(super) static NAVI14: Chip = Chip {
    name: "navi14",
    description: "Navi14, Radeon RX 5500 XT",
    device_id: 0x7340,
    revision: 0xC5,
    firmware: Firmware::named("navi14", "navi14_sdma"),
    shader: ShaderConfig {
        engines: 1,
        arrays_per_engine: 2,
        wgps_per_array: [3, 3],
        render_backends_per_engine: 8,
    },
    versions: Versions {
        gc: IpVersion(10, 1, 1),
        nbif: IpVersion(2, 3, 1),
        mp0: IpVersion(11, 0, 5),
        sdma: IpVersion(5, 0, 2),
        ..VERSIONS
    },
    role: Role::Guarded,
    parameters: &[],
    obstacle: None,
    bases: include_str!("../../registers/bases/navi14.txt"),
};
