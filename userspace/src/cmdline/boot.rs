// SPDX-License-Identifier: MIT

//! Where the next boot's command line is written down: GRUB's variables, and the file that
//! kernel-install puts into boot entries.

mod shell;

use crate::root::Root;
use crate::traced::{Place, Traced};
use serde::Serialize;

/// A place that command lines are made from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Loader {
    /// `/etc/default/grub`, which `grub-mkconfig` reads.
    Grub,
    /// `/etc/kernel/cmdline`, which `kernel-install` reads.
    KernelInstall,
}

impl Loader {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Grub, Self::KernelInstall];

    /// The file.
    pub const fn file(self) -> &'static str {
        match self {
            Self::Grub => GRUB,
            Self::KernelInstall => KERNEL_INSTALL,
        }
    }

    /// Whether its command line is made from this file.
    pub fn reads(self, file: &str) -> bool {
        let below = |directory| file.strip_prefix(directory)?.strip_prefix('/');
        file == self.file() || self == Self::Grub && below(GRUB_D).is_some()
    }

    /// What brings a change of its file into the boot entries.
    pub const fn apply(self) -> &'static str {
        match self {
            Self::Grub => {
                "update-grub (Debian), grub2-mkconfig -o /boot/grub2/grub.cfg --update-bls-cmdline \
                 (Fedora), or grub-mkconfig -o /boot/grub/grub.cfg"
            }
            Self::KernelInstall => "kernel-install add-all",
        }
    }
}

/// A command line of the next boot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Configured {
    /// What makes boot entries from it.
    pub loader: Loader,
    /// The line.
    pub text: Traced,
}

/// Where GRUB's variables are: this file, then those of the directory.
const GRUB: &str = "/etc/default/grub";
const GRUB_D: &str = "/etc/default/grub.d";
/// In the order in which `grub-mkconfig` puts them on the command line.
const GRUB_VARIABLES: [&str; 2] = ["GRUB_CMDLINE_LINUX", "GRUB_CMDLINE_LINUX_DEFAULT"];
const KERNEL_INSTALL: &str = "/etc/kernel/cmdline";

/// The command lines that are written down; none where neither file is there.
///
/// # Errors
///
/// When a file exists but cannot be read.
pub fn configured(root: &Root) -> std::io::Result<Vec<Configured>> {
    let grub = grub(root)?.map(|text| (Loader::Grub, text));
    let kernel_install = kernel_install(root)?.map(|text| (Loader::KernelInstall, text));
    Ok([grub, kernel_install]
        .into_iter()
        .flatten()
        .map(|(loader, text)| Configured { loader, text })
        .collect())
}

fn grub(root: &Root) -> std::io::Result<Option<Traced>> {
    let mut variables = shell::Variables::default();
    let Some(text) = root.read_whole(GRUB)? else {
        return Ok(None);
    };
    variables.read(GRUB, &text);
    for name in root.list(GRUB_D) {
        let path = format!("{GRUB_D}/{name}");
        if name.ends_with(".cfg") && root.path(&path).is_file() {
            variables.read(&path, &root.read_whole(&path)?.unwrap_or_default());
        }
    }
    let mut line = Traced::default();
    for value in GRUB_VARIABLES.iter().filter_map(|name| variables.get(name)) {
        if let Some(place) = value.place(0) {
            line.push(" ", place);
        }
        line.append(value);
    }
    Ok(Some(line))
}

fn kernel_install(root: &Root) -> std::io::Result<Option<Traced>> {
    let Some(text) = root.read_whole(KERNEL_INSTALL)? else {
        return Ok(None);
    };
    let mut line = Traced::default();
    for (i, written) in text.lines().enumerate() {
        // kernel-install drops comments and joins lines.
        if !written.starts_with('#') {
            line.push(&format!("{written} "), &Place::line(KERNEL_INSTALL, i + 1));
        }
    }
    Ok(Some(line))
}
