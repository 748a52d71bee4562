// SPDX-License-Identifier: MIT

//! The initramfs of each kernel: which tool makes it, and what is in it, by listing it.

use crate::process;
use crate::root::Root;
use anyhow::{bail, Context, Result};
use std::path::PathBuf;

/// A program that makes initramfs images.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tool {
    /// Debian's initramfs-tools.
    InitramfsTools,
    /// dracut.
    Dracut,
}

impl Tool {
    /// The tool of this system, or `None`.
    pub fn find() -> Option<Self> {
        if process::find("update-initramfs").is_some() {
            Some(Self::InitramfsTools)
        } else if process::find("dracut").is_some() {
            Some(Self::Dracut)
        } else {
            None
        }
    }

    /// The command that rebuilds a kernel's image.
    pub fn rebuild(self, release: &str) -> Vec<String> {
        let words: &[&str] = match self {
            Self::InitramfsTools => &["update-initramfs", "-u", "-k"],
            Self::Dracut => &["dracut", "--force", "--kver"],
        };
        words
            .iter()
            .copied()
            .chain([release])
            .map(str::to_owned)
            .collect()
    }

    fn lister(self) -> &'static str {
        match self {
            Self::InitramfsTools => "lsinitramfs",
            Self::Dracut => "lsinitrd",
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
}

impl Contents {
    /// What a listing of an image says.
    fn of_listing(listing: &str) -> Self {
        let holds = |module: &str| {
            listing.split_whitespace().any(|word| {
                word.rsplit('/')
                    .next()
                    .and_then(|name| name.strip_prefix(module))
                    .is_some_and(|rest| rest == ".ko" || rest.starts_with(".ko."))
            })
        };
        Self {
            amdgpu: holds("amdgpu"),
            rmcp: holds("rmcp"),
        }
    }

    /// A machine that loads amdgpu from its initramfs must find rmcp there too.
    pub fn in_order(self) -> bool {
        self.rmcp || !self.amdgpu
    }
}

/// The image of a kernel; `None` when it has none.
pub fn image(root: &Root, release: &str) -> Option<PathBuf> {
    [
        format!("/boot/initrd.img-{release}"),
        format!("/boot/initramfs-{release}.img"),
    ]
    .iter()
    .map(|path| root.path(path))
    .find(|path| path.is_file())
}

/// Lists a kernel's image; `None` when it has none.
///
/// # Errors
///
/// When the lister is missing or fails.
pub fn contents(root: &Root, release: &str) -> Result<Option<Contents>> {
    let Some(image) = image(root, release) else {
        return Ok(None);
    };
    let tool = Tool::find().with_context(|| {
        format!(
            "{} exists, but neither initramfs-tools nor dracut is installed to look into it",
            image.display()
        )
    })?;
    let lister =
        process::find(tool.lister()).with_context(|| format!("{} was not found", tool.lister()))?;
    let listing = process::capture(&lister, &[&image.to_string_lossy()])?;
    Ok(Some(Contents::of_listing(&listing)))
}

/// Sees that the image of a kernel is in order.
///
/// # Errors
///
/// When amdgpu is in the image and rmcp is not.
pub fn verify(root: &Root, release: &str) -> Result<()> {
    match contents(root, release)? {
        Some(contents) if !contents.in_order() => bail!(
            "the initramfs of {release} holds amdgpu.ko but not rmcp.ko, so that amdgpu would be loaded without rmcp"
        ),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn modules_are_found_by_their_names() {
        let contents = Contents::of_listing(
            "usr/lib/modules/7.2/kernel/drivers/gpu/drm/amd/amdgpu/amdgpu.ko.xz\nusr/lib/modules/7.2/updates/dkms/rmcp.ko\n",
        );
        assert!(contents.amdgpu && contents.rmcp && contents.in_order());
        let contents = Contents::of_listing("a/amdgpu.ko\nb/xrmcp.ko\nb/rmcp.kox\nrmcp\n");
        assert!(contents.amdgpu && !contents.rmcp && !contents.in_order());
        assert!(Contents::of_listing("").in_order());
        // As dracut's lister prints it.
        let contents = Contents::of_listing("-rw-r--r-- 1 root root 9 Jan 1 1970 a/rmcp.ko.zst");
        assert!(contents.rmcp && !contents.amdgpu);
    }

    proptest! {
        #[test]
        fn no_listing_panics(listing: String) {
            Contents::of_listing(&listing);
        }
    }
}
