// SPDX-License-Identifier: MIT

//! Why no rmcp is loaded, as far as its installation for the running kernel goes, and what to do.

use crate::conf::{self, Section};
use crate::dkms;
use crate::kernel::{Obstacle, Requirements};
use crate::root::Root;

/// Why it is not loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum NotLoaded {
    /// It is installed, and this boot did not load it.
    Installed,
    /// amdgpu's own options stand in for it, as somebody wanted it.
    ParamsOnly,
    /// The running kernel cannot have it, and why.
    CannotHave(String),
    /// It is not installed.
    NotInstalled,
}

impl NotLoaded {
    /// Looks for it where the running kernel has its modules.
    pub(super) fn why(root: &Root, running: Option<&str>) -> Self {
        let Some(release) = running else {
            return Self::NotInstalled;
        };
        if dkms::state(root, release) == dkms::State::Installed {
            return Self::Installed;
        }
        if conf::holds(root, Section::ParamsOnly) {
            return Self::ParamsOnly;
        }
        match Requirements::check(root, release, None) {
            Err(obstacle @ Obstacle::KernelCannot(_)) => Self::CannotHave(obstacle.to_string()),
            _ => Self::NotInstalled,
        }
    }

    /// What to do, for the end of a sentence.
    pub(super) fn todo(&self) -> String {
        match self {
            Self::Installed => "it is installed for this kernel: reboot".to_owned(),
            Self::ParamsOnly => {
                "amdgpu's own options stand in for it, as far as they go (install --params-only)"
                    .to_owned()
            }
            Self::CannotHave(why) => format!("this kernel cannot have it: {why}"),
            Self::NotInstalled => "run 'rmcp-kctl install', then reboot".to_owned(),
        }
    }
}
