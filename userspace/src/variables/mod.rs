// SPDX-License-Identifier: MIT

//! The environment variables that change what ROCm and PyTorch do with memory and with code: what each
//! does, which do harm on which GPU, and the environment that a job should have.

pub mod gfx_override;
pub mod job;
pub mod known;
pub mod profile;
pub mod render;

pub use known::{Known, KNOWN};

use crate::gpu::{chips_with, GcVersion};
use crate::policy::Chip;
use crate::root::Root;
use crate::sysfs::{kfd, rmcp};
use gfx_override::Nodes;
use known::{Machines, Weight, OVERRIDE};
use std::io;

/// What is known of a variable; of `HSA_OVERRIDE_GFX_VERSION` also under its name for one node.
pub fn find(name: &str) -> Option<&'static Known> {
    let name = Nodes::of(name).map_or(name, |_| OVERRIDE);
    KNOWN.iter().find(|known| known.name == name)
}

/// A GPU that rmcp guards, as far as it matters to a variable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gpu {
    /// Its bus address.
    pub bdf: String,
    /// Its chip; where only amdkfd shows it, one with the same instruction set.
    pub chip: &'static Chip,
    /// Its number among amdkfd's nodes.
    pub node: Option<u32>,
}

/// The GPUs that rmcp guards: by their GC version, or where that cannot be seen, by amdkfd's nodes.
///
/// # Errors
///
/// When something in /sys exists but cannot be read.
pub fn gpus(root: &Root) -> io::Result<Vec<Gpu>> {
    let nodes = kfd::readable_gpus(root);
    let on_bus = rmcp::gpus(root)?;
    let hidden = nodes.iter().filter_map(|node| {
        let bdf = node.bdf.clone()?;
        let target = node.gfx_target.as_deref()?;
        let chip = chips_with(target).next()?;
        let mut known = on_bus.iter().filter(|gpu| gpu.gc_version.is_some());
        let seen = known.any(|gpu| gpu.bdf == bdf);
        (!seen).then_some((bdf, chip))
    });
    let guarded = on_bus.iter().filter_map(|gpu| {
        let chip = gpu.gc_version.and_then(GcVersion::chip)?;
        Some((gpu.bdf.clone(), chip))
    });
    Ok(guarded
        .chain(hidden)
        .map(|(bdf, chip)| Gpu {
            node: nodes
                .iter()
                .find(|node| node.bdf.as_ref() == Some(&bdf))
                .map(|node| node.number),
            bdf,
            chip,
        })
        .collect())
}

impl Machines {
    /// Whether the machine with these GPUs, of those that rmcp guards, is one.
    pub fn has(self, chips: &[&Chip]) -> bool {
        match self {
            Self::All => true,
            Self::WithOneGpu => chips.len() <= 1,
            Self::With(series) => chips.iter().any(|chip| chip.gfx_target.starts_with(series)),
        }
    }
}

/// This process's variables, as far as they are text.
pub fn own() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
}

/// Whether a variable with this value does harm on these GPUs.
pub fn harms(name: &str, value: &str, gpus: &[Gpu]) -> bool {
    let Some(known) = find(name).filter(|known| known.weight == Weight::Harmful) else {
        return false;
    };
    let chips: Vec<&Chip> = gpus.iter().map(|gpu| gpu.chip).collect();
    match Nodes::of(name) {
        None => known.when.holds(Some(value)) && known.machines.has(&chips),
        Some(nodes) => gpus
            .iter()
            .filter(|gpu| match nodes {
                Nodes::All => true,
                Nodes::One(node) => gpu.node == Some(node),
            })
            .any(|gpu| !gfx_override::is_harmless(value, gpu.chip)),
    }
}

#[cfg(test)]
pub(crate) mod testing {
    use super::Gpu;
    use crate::policy::CHIPS;

    /// GPUs with these instruction sets, in amdkfd's nodes from 1 on.
    pub(crate) fn gpus(targets: &[&str]) -> Vec<Gpu> {
        let chip = |target| CHIPS.iter().find(|chip| chip.gfx_target == target).unwrap();
        targets
            .iter()
            .zip(1..)
            .map(|(target, node)| Gpu {
                bdf: format!("0000:0{node}:00.0"),
                chip: chip(*target),
                node: Some(node),
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::testing::gpus;
    use super::*;

    #[test]
    fn an_override_harms_where_it_crosses_minor_versions() {
        let harmful =
            |name: &str, value: &str, targets: &[&str]| harms(name, value, &gpus(targets));
        assert!(harmful(OVERRIDE, "10.3.0", &["gfx1010"]));
        assert!(harmful(OVERRIDE, "10.3.0", &["gfx1030", "gfx1010"]));
        assert!(!harmful(OVERRIDE, "10.3.0", &["gfx1032"]));
        assert!(!harmful(OVERRIDE, "10.3.0", &[]));
        assert!(harmful(OVERRIDE, "nonsense", &["gfx1030"]));
        assert!(harmful(
            "HSA_OVERRIDE_GFX_VERSION_2",
            "10.3.0",
            &["gfx1030", "gfx1010"]
        ));
        assert!(!harmful(
            "HSA_OVERRIDE_GFX_VERSION_1",
            "10.3.0",
            &["gfx1030", "gfx1010"]
        ));
    }

    #[test]
    fn harm_depends_on_the_value_and_on_the_machine() {
        let one = gpus(&["gfx1010"]);
        let two = gpus(&["gfx1030", "gfx1030"]);
        assert!(harms("HSA_DISABLE_CACHE", "", &one) && !harms("HSA_DISABLE_CACHE", "0", &one));
        assert!(harms("HIP_FORCE_DEV_KERNARG", "1", &one));
        assert!(!harms("HIP_FORCE_DEV_KERNARG", "1", &two));
        assert!(harms("HSA_FORCE_FINE_GRAIN_PCIE", "1", &one));
        assert!(!harms("HSA_FORCE_FINE_GRAIN_PCIE", "1", &two));
        assert!(
            !harms("HIP_VISIBLE_DEVICES", "-1", &one),
            "a wish, not a harm"
        );
        assert!(!harms("PATH", "/bin", &one));
    }
}
