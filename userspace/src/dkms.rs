// SPDX-License-Identifier: MIT

//! The DKMS package: its name, its files, and how far it is installed for a kernel, read from
//! DKMS's own tree.

use crate::root::Root;
use serde::Serialize;
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

/// What its last build printed.
pub const LOG: &str = "/var/lib/dkms/rmcp/1.0/build/make.log";
/// `BUILD_EXCLUSIVE_KERNEL_MIN` of dkms.conf: the oldest kernel that the module was built on.
pub const OLDEST_KERNEL: (u32, u32) = (7, 2);

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

/// The dkms command for the package.
pub fn command(verb: &str, more: &[&str]) -> Vec<String> {
    ["dkms", verb, PACKAGE]
        .iter()
        .chain(more)
        .map(|word| (*word).to_owned())
        .collect()
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
    ["updates/dkms", "extra", "updates"]
        .iter()
        .find_map(|place| module_in(root, &format!("/lib/modules/{release}/{place}")))
}

/// How far the module is installed for the kernel.
pub fn state(root: &Root, release: &str) -> State {
    if installed_module(root, release).is_some() {
        State::Installed
    } else if module_in(root, &format!("{TREE}/{release}/x86_64/module")).is_some() {
        State::Built
    } else {
        State::Absent
    }
}

fn module_in(root: &Root, directory: &str) -> Option<String> {
    root.list(directory)
        .into_iter()
        .find(|name| name == "rmcp.ko" || name.starts_with("rmcp.ko."))
        .map(|name| format!("{directory}/{name}"))
}
