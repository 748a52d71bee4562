// SPDX-License-Identifier: MIT

//! The initramfs of each kernel: which tool makes it, and what is in it, by listing it.

use crate::kernel::{self, MODULES};
use crate::process;
use crate::root::Root;
use anyhow::{bail, Context, Result};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// A program that makes initramfs images.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tool {
    /// Debian's initramfs-tools.
    InitramfsTools,
    /// dracut.
    Dracut,
    /// Arch's mkinitcpio.
    Mkinitcpio,
}

impl Tool {
    /// The tool of this system, or `None`.
    pub fn find() -> Option<Self> {
        if process::find("update-initramfs").is_some() {
            Some(Self::InitramfsTools)
        } else if process::find("dracut").is_some() {
            Some(Self::Dracut)
        } else if process::find("mkinitcpio").is_some() {
            Some(Self::Mkinitcpio)
        } else {
            None
        }
    }

    /// The command that rebuilds a kernel's image.
    pub fn rebuild(self, release: &str, image: &Path) -> Vec<String> {
        let image = image.to_string_lossy();
        let words: &[&str] = match self {
            Self::InitramfsTools => &["update-initramfs", "-u", "-k", release],
            Self::Dracut => &["dracut", "--force", &image, release],
            Self::Mkinitcpio => &["mkinitcpio", "-k", release, "-g", &image],
        };
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    fn lister(self) -> &'static str {
        match self {
            Self::InitramfsTools => "lsinitramfs",
            Self::Dracut => "lsinitrd",
            Self::Mkinitcpio => "lsinitcpio",
        }
    }
}

/// What of interest an image holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Contents {
    /// amdgpu.ko.
    pub amdgpu: bool,
    /// rmcp.ko.
    pub rmcp: bool,
    /// The file of modprobe.d that is to be in it.
    pub conf: bool,
}

impl Contents {
    /// What a listing of an image says.
    fn of_listing(listing: &str, conf: Option<&str>) -> Self {
        let names = || listing.split_whitespace();
        let holds = |module: &str| {
            names()
                .filter_map(|word| word.rsplit('/').next())
                .any(|name| kernel::is_module_file(name, module))
        };
        Self {
            amdgpu: holds("amdgpu"),
            rmcp: holds("rmcp"),
            conf: conf.is_some_and(|conf| {
                names()
                    .any(|word| word.trim_start_matches(['.', '/']) == conf.trim_start_matches('/'))
            }),
        }
    }
}

/// What an image is to be like.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "wanted")]
pub enum Wanted {
    /// With amdgpu, rmcp and the file of modprobe.d that loads it first.
    Module {
        /// The file.
        conf: String,
    },
    /// With amdgpu, the file of modprobe.d that has its options.
    Options {
        /// The file.
        conf: String,
    },
    /// Without rmcp, and without this file of modprobe.d.
    Nothing {
        /// The file; `None` when it stays.
        conf: Option<String>,
    },
}

impl Wanted {
    fn conf(&self) -> Option<&str> {
        match self {
            Self::Module { conf } | Self::Options { conf } => Some(conf),
            Self::Nothing { conf } => conf.as_deref(),
        }
    }

    /// What is wrong with an image; `None` when it is in order.
    pub fn fault(&self, found: Contents) -> Option<&'static str> {
        match self {
            Self::Module { .. } if found.amdgpu && !found.rmcp => Some("amdgpu.ko but not rmcp.ko"),
            Self::Module { .. } | Self::Options { .. } if found.amdgpu && !found.conf => {
                Some("amdgpu.ko but not the file of modprobe.d that goes with it")
            }
            Self::Nothing { .. } if found.rmcp => Some("rmcp.ko"),
            Self::Nothing { .. } if found.conf => Some("rmcp's file of modprobe.d"),
            _ => None,
        }
    }
}

/// The image of a kernel; `None` when it has none.
pub fn image(root: &Root, release: &str) -> Option<PathBuf> {
    let text = |path: &str| root.read(path).ok().flatten();
    let package = text(&format!("{MODULES}/{release}/pkgbase"));
    let machine = text("/etc/machine-id");
    [
        Some(format!("/boot/initrd.img-{release}")),
        Some(format!("/boot/initramfs-{release}.img")),
        package.map(|package| format!("/boot/initramfs-{package}.img")),
        machine.map(|machine| format!("/boot/{machine}/{release}/initrd")),
    ]
    .iter()
    .flatten()
    .map(|path| root.path(path))
    .find(|path| path.is_file())
}

/// Lists a kernel's image, and looks for what is wanted of it; `None` when it has no image.
///
/// # Errors
///
/// When the lister is missing or fails.
pub fn contents(root: &Root, release: &str, wanted: &Wanted) -> Result<Option<Contents>> {
    let Some(image) = image(root, release) else {
        return Ok(None);
    };
    let tool = Tool::find().with_context(|| {
        format!(
            "{} exists, but no tool is installed to look into it: initramfs-tools, dracut or mkinitcpio",
            image.display()
        )
    })?;
    let lister =
        process::find(tool.lister()).with_context(|| format!("{} was not found", tool.lister()))?;
    let listing = process::capture(&lister, &[&image.to_string_lossy()])?;
    Ok(Some(Contents::of_listing(&listing, wanted.conf())))
}

/// What is wrong with a kernel's image; `None` when it is as wanted, or there is none.
///
/// # Errors
///
/// When it cannot be listed.
pub fn fault(root: &Root, release: &str, wanted: &Wanted) -> Result<Option<&'static str>> {
    Ok(contents(root, release, wanted)?.and_then(|found| wanted.fault(found)))
}

/// Sees that the image of a kernel is as wanted.
///
/// # Errors
///
/// When it is not, or cannot be listed.
pub fn verify(root: &Root, release: &str, wanted: &Wanted) -> Result<()> {
    match fault(root, release, wanted)? {
        Some(fault) => bail!("the initramfs of {release} holds {fault}"),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const CONF: &str = "/etc/modprobe.d/rmcp.conf";

    fn found(listing: &str) -> Contents {
        Contents::of_listing(listing, Some(CONF))
    }

    #[test]
    fn modules_and_files_are_found_by_their_names() {
        let all = found(
            "usr/lib/modules/7.2/kernel/drivers/gpu/drm/amd/amdgpu/amdgpu.ko.xz\nusr/lib/modules/7.2/updates/dkms/rmcp.ko\netc/modprobe.d/rmcp.conf\n",
        );
        assert!(all.amdgpu && all.rmcp && all.conf);
        let others =
            found("a/amdgpu.ko\nb/xrmcp.ko\nb/rmcp.kox\nrmcp\nx/etc/modprobe.d/rmcp.conf\n");
        assert!(others.amdgpu && !others.rmcp && !others.conf);
        // As dracut's lister prints it.
        let long = found("-rw-r--r-- 1 root root 9 Jan 1 1970 a/rmcp.ko.zst");
        assert!(long.rmcp && !long.amdgpu);
    }

    #[test]
    fn an_image_is_judged_by_what_is_wanted_of_it() {
        let conf = || CONF.to_owned();
        let module = Wanted::Module { conf: conf() };
        let options = Wanted::Options { conf: conf() };
        let nothing = Wanted::Nothing { conf: Some(conf()) };
        let kept = Wanted::Nothing { conf: None };
        for (listing, faulty) in [
            ("", [false, false, false, false]),
            ("amdgpu.ko", [true, true, false, false]),
            ("amdgpu.ko rmcp.ko", [true, true, true, true]),
            (
                "amdgpu.ko etc/modprobe.d/rmcp.conf",
                [true, false, true, false],
            ),
            (
                "amdgpu.ko rmcp.ko etc/modprobe.d/rmcp.conf",
                [false, false, true, true],
            ),
        ] {
            let seen = [&module, &options, &nothing, &kept].map(|wanted| {
                wanted
                    .fault(Contents::of_listing(listing, wanted.conf()))
                    .is_some()
            });
            assert_eq!(seen, faulty, "{listing}");
        }
    }

    proptest! {
        #[test]
        fn no_listing_panics(listing: String, conf: String) {
            Contents::of_listing(&listing, Some(&conf));
        }
    }
}
