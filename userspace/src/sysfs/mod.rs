// SPDX-License-Identifier: MIT

//! What the kernel says in /sys and of its command line: this folder and nothing else in user space
//! knows those paths.

pub mod amdgpu;
pub mod cmdline;
pub mod debugfs;
pub mod discovery;
pub mod efi;
pub mod fdinfo;
pub mod firmware_loader;
pub mod identity;
pub mod iommu;
pub mod kfd;
pub mod kprobes;
pub mod module;
pub mod pci;
pub mod pcie;
pub mod process;
pub mod rmcp;
pub mod running;
pub mod security;

use crate::root::Root;
use std::io;

/// Whether the kernel's modules and PCI devices can be seen: in some containers, what rmcp and amdgpu
/// have would look as if it was not there.
///
/// # Errors
///
/// What cannot be seen.
pub fn expect_visible(root: &Root) -> io::Result<()> {
    let hidden = if !pci::visible(root) {
        "PCI devices"
    } else if !module::visible(root) {
        "modules"
    } else {
        return Ok(());
    };
    let text = format!(
        "/sys does not show the kernel's {hidden} here, as in some containers: look outside"
    );
    Err(io::Error::new(io::ErrorKind::NotFound, text))
}
