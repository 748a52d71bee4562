// SPDX-License-Identifier: MIT

//! Who asked for an address: the clients of the two memory hubs, by their number in the fault's status
//! register. The names are the driver's own.

use super::status::{Hub, Status};

/// A version of an IP block: major, minor, revision.
pub type Version = (u8, u8, u8);

/// `gfxhub_client_ids` of gfxhub_v2_0.c and gfxhub_v2_1.c: the same on every GC 10.1.x and 10.3.x.
const GFXHUB: [&str; 18] = [
    "CB/DB",
    "Reserved",
    "GE1",
    "GE2",
    "CPF",
    "CPC",
    "CPG",
    "RLC",
    "TCP",
    "SQC (inst)",
    "SQC (data)",
    "SQG",
    "Reserved",
    "SDMA0",
    "SDMA1",
    "GCR",
    "SDMA2",
    "SDMA3",
];

/// The clients of one kind of multimedia hub.
struct Mmhub {
    /// The versions of MMHUB, and what to call the chips that have them.
    versions: &'static [Version],
    chips: &'static str,
    reads: &'static [(u16, &'static str)],
    writes: &'static [(u16, &'static str)],
}

/// `mmhub_client_ids_*` of mmhub_v2_0.c and mmhub_v2_3.c.
const MMHUBS: [Mmhub; 4] = [
    Mmhub {
        versions: &[(2, 0, 0), (2, 0, 2)],
        chips: "Navi1x",
        reads: &[
            (3, "DCEDMC"),
            (4, "DCEVGA"),
            (5, "MP0"),
            (6, "MP1"),
            (13, "VMC"),
            (14, "HDP"),
            (15, "OSS"),
            (16, "VCNU"),
            (17, "JPEG"),
            (18, "VCN"),
        ],
        writes: &[
            (3, "DCEDMC"),
            (4, "DCEXFC"),
            (5, "DCEVGA"),
            (6, "DCEDWB"),
            (7, "MP0"),
            (8, "MP1"),
            (9, "DBGU1"),
            (10, "DBGU0"),
            (11, "XDP"),
            (14, "HDP"),
            (15, "OSS"),
            (16, "VCNU"),
            (17, "JPEG"),
            (18, "VCN"),
        ],
    },
    Mmhub {
        versions: &[(2, 1, 0), (2, 1, 1)],
        chips: "Navi21 to Navi23",
        reads: &[
            (3, "DCEDMC"),
            (4, "DCEVGA"),
            (5, "MP0"),
            (6, "MP1"),
            (8, "VMC"),
            (9, "VCNU0"),
            (10, "JPEG"),
            (12, "VCNU1"),
            (13, "VCN1"),
            (14, "HDP"),
            (15, "OSS"),
            (32 + 11, "VCN0"),
        ],
        writes: &[
            (0, "DBGU0"),
            (1, "DBGU1"),
            (2, "DCEDWB"),
            (3, "DCEDMC"),
            (4, "DCEVGA"),
            (5, "MP0"),
            (6, "MP1"),
            (7, "XDP"),
            (9, "VCNU0"),
            (10, "JPEG"),
            (11, "VCN0"),
            (12, "VCNU1"),
            (13, "VCN1"),
            (14, "HDP"),
            (15, "OSS"),
        ],
    },
    Mmhub {
        versions: &[(2, 1, 2)],
        chips: "Navi24",
        reads: &[
            (3, "DCEDMC"),
            (4, "DCEVGA"),
            (5, "MP0"),
            (6, "MP1"),
            (8, "VMC"),
            (9, "VCNU0"),
            (11, "VCN0"),
            (14, "HDP"),
            (15, "OSS"),
        ],
        writes: &[
            (0, "DBGU0"),
            (1, "DBGU1"),
            (2, "DCEDWB"),
            (3, "DCEDMC"),
            (4, "DCEVGA"),
            (5, "MP0"),
            (6, "MP1"),
            (7, "XDP"),
            (9, "VCNU0"),
            (11, "VCN0"),
            (14, "HDP"),
            (15, "OSS"),
        ],
    },
    Mmhub {
        versions: &[(2, 3, 0), (2, 4, 0), (2, 4, 1)],
        chips: "APUs",
        reads: &[
            (0, "MP0"),
            (1, "MP1"),
            (2, "DCEDMC"),
            (3, "DCEVGA"),
            (13, "UTCL2"),
            (26, "OSS"),
            (27, "HDP"),
            (28, "VCN"),
            (29, "VCNU"),
            (30, "JPEG"),
        ],
        writes: &[
            (0, "MP0"),
            (1, "MP1"),
            (2, "DCEDMC"),
            (3, "DCEVGA"),
            (4, "DCEDWB"),
            (5, "XDP"),
            (26, "OSS"),
            (27, "HDP"),
            (28, "VCN"),
            (29, "VCNU"),
            (30, "JPEG"),
        ],
    },
];

impl Mmhub {
    fn name(&self, id: u16, write: bool) -> Option<&'static str> {
        let clients = if write { self.writes } else { self.reads };
        clients
            .iter()
            .find(|(i, _)| *i == id)
            .map(|(_, name)| *name)
    }
}

/// What is known of the GPU that a log is about.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Gpu {
    /// Nothing: it is taken for an RDNA1 or RDNA2.
    #[default]
    Unknown,
    /// An RDNA1 or RDNA2, with the version of its multimedia hub.
    Rdna {
        /// As its discovery table has it.
        mmhub: Option<Version>,
    },
    /// Another, whose tables are not here.
    Other,
}

/// The name of a client that only the status register gives. A multimedia hub's clients depend on its
/// version: where that is not known, and the chips differ, all names are told with their chips.
pub fn name(hub: Hub, status: Status, gpu: Gpu) -> Option<String> {
    let (id, write) = (status.client(), status.is_write());
    let mmhub = match gpu {
        Gpu::Unknown => None,
        Gpu::Rdna { mmhub } => mmhub,
        Gpu::Other => return None,
    };
    match hub {
        Hub::Gfxhub => GFXHUB.get(usize::from(id)).map(|name| (*name).to_owned()),
        Hub::Mmhub => match mmhub {
            Some(version) => {
                let hub = MMHUBS.iter().find(|hub| hub.versions.contains(&version))?;
                hub.name(id, write).map(str::to_owned)
            }
            None => on_any_chip(id, write),
        },
    }
}

fn on_any_chip(id: u16, write: bool) -> Option<String> {
    let named = |hub: &'static Mmhub| Some((hub.name(id, write)?, hub.chips));
    let names: Vec<_> = MMHUBS.iter().filter_map(named).collect();
    let (first, _) = *names.first()?;
    if names.len() == MMHUBS.len() && names.iter().all(|(name, _)| *name == first) {
        return Some(first.to_owned());
    }
    let names = names
        .iter()
        .map(|(name, chips)| format!("{name} on {chips}"));
    Some(names.collect::<Vec<_>>().join(", "))
}

/// What a client is, as Linux's Documentation/gpu/amdgpu/debugging.rst has it; `None` where that says
/// nothing.
pub fn role(name: &str) -> Option<Role> {
    Some(match name {
        "CB/DB" => Role::Backend,
        "CPF" | "CPC" | "CPG" => Role::CommandProcessor,
        "SQC (inst)" => Role::Instructions,
        "TCP" | "SQC (data)" | "SQG" => Role::Shader,
        "VCN" | "VCN0" | "VCN1" | "VCNU" | "VCNU0" | "VCNU1" => Role::Video,
        "JPEG" => Role::Jpeg,
        _ if name.starts_with("SDMA") => Role::Copy,
        _ => return None,
    })
}

/// What a client does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Writes colour and depth.
    Backend,
    /// Reads queues and packets, and writes signals.
    CommandProcessor,
    /// Fetches a kernel's code.
    Instructions,
    /// Runs a kernel.
    Shader,
    /// Copies.
    Copy,
    /// Encodes and decodes video.
    Video,
    /// Decodes JPEG.
    Jpeg,
}

impl Role {
    /// In a few words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Backend => "colour and depth backend",
            Self::CommandProcessor => "command processor",
            Self::Instructions => "shader, fetching its code",
            Self::Shader => "shader",
            Self::Copy => "copy engine",
            Self::Video => "video engine",
            Self::Jpeg => "JPEG engine",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(id: u32, write: u32) -> Status {
        Status(id << 9 | write << 18)
    }

    #[test]
    fn the_graphics_hub_has_one_table() {
        for (id, expected) in [
            (0, Some("CB/DB")),
            (8, Some("TCP")),
            (17, Some("SDMA3")),
            (18, None),
        ] {
            let known = name(Hub::Gfxhub, status(id, 0), Gpu::Unknown);
            assert_eq!(known.as_deref(), expected);
            assert_eq!(name(Hub::Gfxhub, status(id, 0), Gpu::Other), None);
        }
    }

    #[test]
    fn a_multimedia_client_depends_on_the_version_and_on_the_direction() {
        let of = |id, write, mmhub| name(Hub::Mmhub, status(id, write), Gpu::Rdna { mmhub });
        assert_eq!(of(5, 0, Some((2, 0, 2))).as_deref(), Some("MP0"));
        assert_eq!(of(5, 1, Some((2, 0, 2))).as_deref(), Some("DCEVGA"));
        assert_eq!(of(43, 0, Some((2, 1, 1))).as_deref(), Some("VCN0"));
        assert_eq!(of(43, 0, Some((2, 1, 2))), None);
        assert_eq!(of(28, 1, Some((2, 4, 1))).as_deref(), Some("VCN"));
        assert_eq!(of(5, 0, Some((3, 0, 0))), None);
    }

    #[test]
    fn without_a_version_every_name_is_told_with_its_chips() {
        let of = |id, write| name(Hub::Mmhub, status(id, write), Gpu::Unknown);
        let all = "VMC on Navi1x, VCN1 on Navi21 to Navi23, UTCL2 on APUs";
        assert_eq!(of(13, 0).as_deref(), Some(all));
        assert_eq!(of(40, 0), None);
    }

    #[test]
    fn no_client_is_named_twice() {
        for hub in &MMHUBS {
            for list in [hub.reads, hub.writes] {
                assert!(
                    list.windows(2).all(|pair| pair[0].0 < pair[1].0),
                    "{}",
                    hub.chips
                );
            }
        }
    }
}
