// SPDX-License-Identifier: MIT

//! The kernel command line: what modprobe takes from it for modules, and what it says to the kernel
//! itself. Where it comes from at the next boot is in [`boot`].

pub mod arguments;
pub mod boot;
mod modules;

pub use modules::{module_options, ModuleOption};
