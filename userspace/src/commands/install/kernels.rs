// SPDX-License-Identifier: MIT

//! Every installed kernel: whether it can have the module, and if not, why.

use crate::commands::layout;
use crate::dkms;
use crate::kernel::{self, Obstacle, Ready, Requirements};
use crate::root::Root;
use anyhow::{bail, Result};
use serde::Serialize;

/// One installed kernel.
#[derive(Debug, Serialize)]
pub(super) struct Kernel {
    pub(super) release: String,
    /// Why the module cannot be built for it; `None` when it can.
    pub(super) obstacle: Option<String>,
    /// The packages that would change that; none when no package would, or their names are not known.
    pub(super) packages: Vec<String>,
    pub(super) module: dkms::State,
}

impl Kernel {
    pub(super) fn able(&self) -> bool {
        self.obstacle.is_none()
    }

    /// The kernels that were asked for, or all.
    pub(super) fn find(root: &Root, only: &[String]) -> Result<Vec<Self>> {
        let installed = kernel::installed(root);
        for release in only {
            if !installed.contains(release) {
                bail!(
                    "there is no kernel {release} here; installed are: {}",
                    installed.join(", ")
                );
            }
        }
        Ok(installed
            .into_iter()
            .filter(|release| only.is_empty() || only.contains(release))
            .map(|release| {
                let obstacle = obstacle(root, &release);
                Self {
                    packages: obstacle.as_ref().map_or_else(Vec::new, packages),
                    obstacle: obstacle.map(|obstacle| obstacle.to_string()),
                    module: dkms::state(root, &release),
                    release,
                }
            })
            .collect())
    }
}

/// Every package, if each thing that is missing comes in one whose name is known.
fn packages(obstacle: &Obstacle) -> Vec<String> {
    let Obstacle::Missing(missing) = obstacle else {
        return Vec::new();
    };
    let packages: Option<Vec<String>> = missing
        .iter()
        .map(|missing| missing.package().map(str::to_owned))
        .collect();
    packages.unwrap_or_default()
}

/// Why the module cannot be built for the kernel. Below another root it only counts whether the
/// kernel's own files are there, as the tools would be this system's.
fn obstacle(root: &Root, release: &str) -> Option<Obstacle> {
    if root.is_running_system() {
        Ready::check(root, release, None)
            .and_then(|ready| known_amdgpu(&ready.kernel))
            .err()
    } else {
        Requirements::check(root, release, None).err()
    }
}

/// The build would refuse an amdgpu whose layout rmcp does not know.
fn known_amdgpu(kernel: &Requirements) -> Result<(), Obstacle> {
    layout::resolve(&kernel.amdgpu, &kernel.base_btf)
        .map(drop)
        .map_err(|error| Obstacle::KernelCannot(format!("{error:#}")))
}
