// SPDX-License-Identifier: MIT

//! The amdgpu module as sysfs shows it: loaded or not, and the options that touch rmcp's policy.

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
