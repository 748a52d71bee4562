// SPDX-License-Identifier: MIT

//! What a kernel's amdgpu is like to rmcp, and what the kernel was built by.

use crate::corpus::kernel::layout;
use crate::rootfs::RootFs;
use anyhow::{anyhow, Context, Result};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// A kernel and its amdgpu.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Driver {
    /// The compiler of the kernel's Rust.
    pub(super) rustc: String,
    #[serde(flatten)]
    pub(super) abi: Abi,
}

/// What decides how rmcp hooks the driver, as `rmcp-kctl layout` says.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
pub(super) struct Abi {
    /// The function whose requests for MTYPE_CC are replaced.
    pub(super) mtype_hook: String,
}

impl Driver {
    /// Of the kernel that a root filesystem has.
    pub(super) fn of(rootfs: &RootFs, kctl: &Path) -> Result<Self> {
        let release = rootfs.kernel();
        let base = rootfs.path().join(format!("boot/vmlinuz-{release}"));
        let layout = layout(kctl, &rootfs.amdgpu()?, &base)?
            .map_err(|refusal| anyhow!("rmcp-kctl layout: {refusal}"))?;
        Ok(Self {
            rustc: rustc(&rootfs.kernel_config()?)
                .context("the kernel's configuration names no rustc")?,
            abi: serde_json::from_slice(&layout)?,
        })
    }
}

/// The version in CONFIG_RUSTC_VERSION_TEXT.
fn rustc(config: &str) -> Option<String> {
    let text = config
        .lines()
        .find_map(|line| line.strip_prefix("CONFIG_RUSTC_VERSION_TEXT=\"rustc "))?;
    text.split([' ', '"']).next().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_compiler_is_named_by_its_version() {
        let config = "CONFIG_RUST=y\nCONFIG_RUSTC_VERSION_TEXT=\"rustc 1.85.1 (4eb161250)\"\n";
        assert_eq!(rustc(config).as_deref(), Some("1.85.1"));
        assert_eq!(rustc("CONFIG_MODULES=y\n"), None);
    }
}
