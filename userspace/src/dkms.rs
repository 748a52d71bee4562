// SPDX-License-Identifier: MIT

//! The DKMS package: its name, its files, and how far it is installed for a kernel, read from
//! DKMS's own tree.

use crate::kernel::{self, MODULES};
use crate::root::Root;
use serde::{Deserialize, Serialize};
use std::fmt;

/// `PACKAGE_NAME` of dkms.conf.
pub const NAME: &str = "rmcp";
/// `PACKAGE_VERSION` of dkms.conf.
pub const VERSION: &str = "1.0";
/// Name and version as the dkms command takes them.
pub const PACKAGE: &str = "rmcp/1.0";
/// Where DKMS expects the source.
pub const SOURCE: &str = "/usr/src/rmcp-1.0";
/// Where DKMS keeps what it knows of the package.
pub const TREE: &str = "/var/lib/dkms/rmcp/1.0";

/// Where DKMS keeps every version of it.
pub const PARENT: &str = "/var/lib/dkms/rmcp";
/// Where in a kernel's directory DKMS puts modules, by distribution.
pub const PLACES: [&str; 3] = ["updates/dkms", "extra", "updates"];
/// What its last build printed.
pub const LOG: &str = "/var/lib/dkms/rmcp/1.0/build/make.log";
/// `BUILD_EXCLUSIVE_KERNEL_MIN` of dkms.conf: the oldest kernel that the module was built on.
pub const OLDEST_KERNEL: (u32, u32) = (6, 12);

/// How far the module is installed for one kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// In the kernel's module directory.
    Installed,
    /// Built, not installed.
    Built,
    /// Not built for this kernel.
    Absent,
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Installed => "rmcp is installed",
            Self::Built => "rmcp is built, not installed",
            Self::Absent => "no rmcp",
        })
    }
}

/// Something that DKMS is asked to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "action")]
pub enum Action {
    /// Take up the source.
    Add,
    /// Build the module for a kernel and put it into its directory.
    Install {
        /// The kernel's release.
        release: String,
    },
    /// Take the module out of a kernel, and forget what was built.
    Unbuild {
        /// The kernel's release.
        release: String,
    },
    /// Take the module out of every kernel, and forget the source.
    Remove,
}

impl Action {
    /// The command and its arguments.
    pub fn command(&self) -> Vec<String> {
        let (verb, more): (_, &[&str]) = match self {
            Self::Add => ("add", &[]),
            Self::Install { release } => ("install", &["-k", release]),
            Self::Unbuild { release } => ("unbuild", &["-k", release]),
            Self::Remove => ("remove", &["--all"]),
        };
        ["dkms", verb, PACKAGE]
            .iter()
            .chain(more)
            .map(|word| (*word).to_owned())
            .collect()
    }

    /// What takes it back; `None` where nothing does.
    pub fn undo(&self) -> Option<Self> {
        match self {
            Self::Add => Some(Self::Remove),
            Self::Install { release } => Some(Self::Unbuild {
                release: release.clone(),
            }),
            Self::Unbuild { release } => Some(Self::Install {
                release: release.clone(),
            }),
            Self::Remove => None,
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Add => f.write_str("adding the source to DKMS"),
            Self::Install { release } => {
                write!(f, "building and installing for {release}")
            }
            Self::Unbuild { release } => {
                write!(f, "taking the older module out of {release}")
            }
            Self::Remove => f.write_str("removing the module from every kernel"),
        }
    }
}

/// Whether `dkms add` was done.
pub fn added(root: &Root) -> bool {
    // A link to the source; it exists even where the source does not.
    root.path(format!("{TREE}/source"))
        .symlink_metadata()
        .is_ok()
}

/// The module in the kernel's module directory, compressed or not, or `None`.
pub fn installed_module(root: &Root, release: &str) -> Option<String> {
    installed_modules(root, release).next()
}

/// Everything of the module that there is for a kernel, in DKMS's tree and in the kernel's: for a DKMS
/// that was stopped in the middle, and knows less of it than there is.
pub fn remains(root: &Root, release: &str) -> Vec<String> {
    let own = [
        format!("{TREE}/{release}"),
        format!("{PARENT}/{}", mark(release)),
    ];
    let exists = |path: &String| root.path(path).symlink_metadata().is_ok();
    installed_modules(root, release)
        .chain(own.into_iter().filter(exists))
        .collect()
}

/// Whether a path is one of [`remains`] of a kernel, there or not, or what holds those of all.
pub fn is_of(path: &str, release: &str) -> bool {
    let mark = mark(release);
    path == PARENT || path.split('/').any(|name| name == release || name == mark)
}

/// The name of DKMS's mark for a module that is installed.
fn mark(release: &str) -> String {
    format!("kernel-{release}-x86_64")
}

/// How far the module is installed for the kernel.
pub fn state(root: &Root, release: &str) -> State {
    if installed_module(root, release).is_some() {
        State::Installed
    } else if module_in(root, format!("{TREE}/{release}/x86_64/module")).is_some() {
        State::Built
    } else {
        State::Absent
    }
}

fn installed_modules<'a>(root: &'a Root, release: &'a str) -> impl Iterator<Item = String> + 'a {
    PLACES
        .iter()
        .filter_map(move |place| module_in(root, format!("{MODULES}/{release}/{place}")))
}

fn module_in(root: &Root, directory: String) -> Option<String> {
    root.list(&directory)
        .into_iter()
        .find(|name| kernel::is_module_file(name, NAME))
        .map(|name| format!("{directory}/{name}"))
}
