// SPDX-License-Identifier: MIT

//! What the kernel says in /sys: this folder and nothing else in user space knows its paths.

pub mod amdgpu;
pub mod efi;
pub mod firmware_loader;
pub mod identity;
pub mod iommu;
pub mod kfd;
pub mod pci;
pub mod pcie;
pub mod rmcp;
pub mod security;
