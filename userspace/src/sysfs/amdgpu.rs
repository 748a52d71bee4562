// SPDX-License-Identifier: MIT

//! The amdgpu module as sysfs shows it: loaded or not, and the options that touch rmcp's policy.

use super::pci;
use crate::root::Root;
use serde::Serialize;
use std::io;

/// A loaded amdgpu.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Amdgpu {
    /// Its option `noretry`: -1 = the driver's choice. `None` when it cannot be read.
    pub noretry: Option<String>,
    /// Its option `vm_fragment_size`: -1 = the driver's choice.
    pub vm_fragment_size: Option<String>,
}

/// The loaded amdgpu, or `None`.
///
/// # Errors
///
/// When a file in sysfs exists but cannot be read.
pub fn read(root: &Root) -> io::Result<Option<Amdgpu>> {
    if !root.exists("/sys/module/amdgpu") {
        return Ok(None);
    }
    let parameter = |name: &str| root.read(format!("/sys/module/amdgpu/parameters/{name}"));
    Ok(Some(Amdgpu {
        noretry: parameter("noretry")?,
        vm_fragment_size: parameter("vm_fragment_size")?,
    }))
}

/// Every parameter of the loaded amdgpu that this user may read, with its value.
pub fn parameters(root: &Root) -> Vec<(String, String)> {
    const PARAMETERS: &str = "/sys/module/amdgpu/parameters";
    let names = root.list(PARAMETERS).into_iter();
    names
        .filter_map(|name| {
            let value = root.read(format!("{PARAMETERS}/{name}")).ok()??;
            Some((name, value))
        })
        .collect()
}

/// A GPU's video memory, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Memory {
    /// All of it.
    pub total: u64,
    /// What the CPU can reach.
    pub visible: u64,
}

/// The video memory of the GPU at `bdf`; `None` when amdgpu does not show it.
///
/// # Errors
///
/// When a file exists but cannot be read.
pub fn memory(root: &Root, bdf: &str) -> io::Result<Option<Memory>> {
    let (total, visible) = (
        bytes(root, bdf, "mem_info_vram_total")?,
        bytes(root, bdf, "mem_info_vis_vram_total")?,
    );
    Ok(total
        .zip(visible)
        .map(|(total, visible)| Memory { total, visible }))
}

/// How much of its video memory is used, by whomever, in bytes; `None` when amdgpu does not show it.
///
/// # Errors
///
/// When the file exists but cannot be read.
pub fn memory_used(root: &Root, bdf: &str) -> io::Result<Option<u64>> {
    bytes(root, bdf, "mem_info_vram_used")
}

fn bytes(root: &Root, bdf: &str, name: &str) -> io::Result<Option<u64>> {
    let text = root.read(format!("{}/{name}", pci::directory(bdf)))?;
    Ok(text.and_then(|text| text.parse().ok()))
}

/// Whether amdgpu was left all blocks of its GPUs (`ip_block_mask`).
///
/// # Errors
///
/// When a file in sysfs exists but cannot be read.
pub fn has_all_blocks(root: &Root) -> io::Result<bool> {
    let mask = root.read("/sys/module/amdgpu/parameters/ip_block_mask")?;
    Ok(mask.is_none_or(|mask| mask == u32::MAX.to_string()))
}
