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
