// SPDX-License-Identifier: MIT
//! RDNA2 cards: GC 10.3 with memory of their own.

use super::{Chip, Firmware, IpVersion, Role, ShaderConfig, Versions};

const VERSIONS: Versions = Versions {
    gc: IpVersion(10, 3, 0),
    mmhub: IpVersion(2, 1, 0),
    athub: IpVersion(2, 1, 0),
    osssys: IpVersion(5, 0, 3),
    hdp: IpVersion(5, 0, 3),
    nbif: IpVersion(3, 3, 0),
    mp0: IpVersion(11, 0, 7),
    mp1: IpVersion(12, 0, 0),
    smuio: IpVersion(11, 0, 6),
    sdma: IpVersion(5, 2, 0),
    vcn: IpVersion(2, 0, 3),
};

pub(super) static NAVI21: Chip = Chip {
    name: "navi21",
    description: "Navi21 (Sienna Cichlid), Radeon RX 6800 XT",
    device_id: 0x73BF,
    revision: 0xC1,
    firmware: Firmware::named("sienna_cichlid", "sienna_cichlid_sdma"),
    shader: ShaderConfig {
        engines: 4,
        arrays_per_engine: 2,
        wgps_per_array: [3, 2],
        render_backends_per_engine: 4,
    },
    versions: VERSIONS,
    role: Role::Guarded,
    parameters: &[],
    obstacle: None,
    bases: include_str!("../../registers/bases/sienna_cichlid.txt"),
};

pub(super) static NAVI22: Chip = Chip {
    name: "navi22",
    description: "Navi22 (Navy Flounder), Radeon RX 6700 XT",
    device_id: 0x73DF,
    revision: 0xC1,
    firmware: Firmware::named("navy_flounder", "navy_flounder_sdma"),
    shader: ShaderConfig {
        engines: 2,
        ..NAVI21.shader
    },
    versions: Versions {
        gc: IpVersion(10, 3, 2),
        mmhub: IpVersion(2, 1, 1),
        athub: IpVersion(2, 1, 1),
        nbif: IpVersion(3, 3, 1),
        mp0: IpVersion(11, 0, 11),
        sdma: IpVersion(5, 2, 2),
        ..VERSIONS
    },
    role: Role::Guarded,
    parameters: &[],
    obstacle: None,
    // The kernel has no such header for this chip. Those of the other RDNA2 cards agree on the
    // segments that are used.
    bases: NAVI21.bases,
};

pub(super) static NAVI23: Chip = Chip {
    name: "navi23",
    description: "Navi23 (Dimgrey Cavefish), Radeon RX 6600 XT",
    device_id: 0x73FF,
    revision: 0xC1,
    firmware: Firmware::named("dimgrey_cavefish", "dimgrey_cavefish_sdma"),
    shader: ShaderConfig {
        engines: 2,
        wgps_per_array: [2, 2],
        ..NAVI21.shader
    },
    versions: Versions {
        gc: IpVersion(10, 3, 4),
        mmhub: IpVersion(2, 1, 1),
        athub: IpVersion(2, 1, 1),
        nbif: IpVersion(3, 3, 2),
        mp0: IpVersion(11, 0, 12),
        smuio: IpVersion(11, 0, 10),
        sdma: IpVersion(5, 2, 4),
        ..VERSIONS
    },
    role: Role::Guarded,
    parameters: &[],
    obstacle: None,
    bases: include_str!("../../registers/bases/dimgrey_cavefish.txt"),
};

pub(super) static NAVI24: Chip = Chip {
    name: "navi24",
    description: "Navi24 (Beige Goby), Radeon RX 6500 XT",
    device_id: 0x743F,
    revision: 0xC1,
    firmware: Firmware::named("beige_goby", "beige_goby_sdma"),
    shader: ShaderConfig {
        engines: 1,
        wgps_per_array: [2, 2],
        ..NAVI21.shader
    },
    versions: Versions {
        gc: IpVersion(10, 3, 5),
        mmhub: IpVersion(2, 1, 2),
        athub: IpVersion(2, 1, 2),
        nbif: IpVersion(3, 3, 3),
        mp0: IpVersion(11, 0, 13),
        smuio: IpVersion(11, 0, 11),
        sdma: IpVersion(5, 2, 5),
        ..VERSIONS
    },
    role: Role::Guarded,
    parameters: &[],
    obstacle: None,
    bases: include_str!("../../registers/bases/beige_goby.txt"),
};
