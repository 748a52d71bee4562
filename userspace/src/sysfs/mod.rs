// SPDX-License-Identifier: MIT

//! What the kernel says in /sys: this folder and nothing else in user space knows its paths.

pub mod amdgpu;
pub mod efi;
pub mod pci;
pub mod rmcp;
pub mod security;
