// SPDX-License-Identifier: MIT

//! What `rmcp-kctl` is made of. Commands talk to the modules below them; those never talk to
//! commands. Everything that reads the system does so under a [`root::Root`] that tests can move.

// Only `drm` asks the kernel what the standard library cannot.
#![deny(unsafe_code)]
#![warn(missing_docs)]

pub mod access_list;
pub mod accounts;
pub mod btf;
pub mod cli;
pub mod clock;
pub mod cmdline;
pub mod commands;
pub mod conf;
pub mod cpio;
pub mod dkms;
pub mod drm;
pub mod elf;
pub mod environment;
pub mod evidence;
pub mod faultlog;
pub mod firmware;
#[cfg(test)]
mod fuzz;
pub mod gpu;
pub mod initramfs;
pub mod job;
pub mod kernel;
pub mod kernel_file;
pub mod kmsg;
pub mod layout;
pub mod lock;
pub mod modinfo;
pub mod modprobe;
pub mod os_release;
pub mod own_file;
pub mod packaged;
pub mod packages;
pub mod page_table;
pub mod params;
pub mod probe;
pub mod process;
pub mod redaction;
pub mod registers;
pub mod report;
pub mod rocm;
pub mod rocm_patches;
pub mod root;
pub mod secureboot;
pub mod shell;
pub mod source;
pub mod steps;
pub mod sysfs;
pub mod traced;
pub mod variables;

/// The hash that ties a layout to one amdgpu, shared with the kernel module.
#[path = "../../kmod/fingerprint.rs"]
pub mod fingerprint;
/// The form of a generated layout, shared with the kernel module.
#[path = "../../kmod/layout.rs"]
pub mod kmod_layout;
/// The list of GPUs and parameters, shared with the kernel module.
#[path = "../../kmod/policy.rs"]
pub mod policy;
