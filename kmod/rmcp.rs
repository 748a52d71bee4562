// SPDX-License-Identifier: GPL-2.0

//! rmcp: pins the memory policy of RDNA1 and RDNA2 GPUs under the stock amdgpu driver.
//!
//! The module places probes in amdgpu when amdgpu comes, writes two fields before the memory hubs
//! are programmed, replaces requests for one memory type, and publishes what it found and did. It
//! replaces no function pointer and no code, so it can be removed at any time.

// Sources as old as Linux 6.18 name to clippy an older compiler than this module takes.
#![allow(clippy::incompatible_msrv)]

mod adev;
mod bindings_generated;
mod btf_file;
mod c_string;
mod guard;
mod kprobe;
mod layout_generated;
mod notifier;
mod params;
mod pci;
mod sysfs;

// These are compiled into user space too, which uses what the module does not.
#[allow(dead_code, unreachable_pub)]
mod fingerprint;
#[allow(dead_code, unreachable_pub)]
mod layout;
#[allow(dead_code, unreachable_pub)]
mod policy;

use kernel::prelude::*;

module! {
    type: Rmcp,
    name: "rmcp",
    description: "Pins the memory policy of RDNA1 and RDNA2 GPUs under the stock amdgpu driver",
    license: "GPL",
}

/// `/sys/module/rmcp/version`.
#[link_section = ".modinfo"]
#[used(compiler)]
static MODINFO_VERSION: [u8; 12] = *b"version=1.0\0";

/// Here, because `module!` has another word for it in each of two generations of the kernel crate.
#[link_section = ".modinfo"]
#[used(compiler)]
static MODINFO_AUTHOR: [u8; 24] = *b"author=The rmcp authors\0";

/// What is taken back when the module goes; the fields drop in this order.
struct Rmcp {
    _pci: notifier::PciNotifier<guard::GpuBinding>,
    _modules: notifier::ModuleNotifier<guard::AmdgpuModule>,
    _directory: Option<sysfs::Directory>,
    _probes: guard::ProbesLock,
}

impl kernel::Module for Rmcp {
    fn init(module: &'static ThisModule) -> Result<Self> {
        // SAFETY: Init runs once. What takes the lock is reached through the fields before it.
        let probes = unsafe { guard::ProbesLock::make()? };
        let directory = sysfs::Directory::for_module(module)
            .inspect_err(|error| pr_warn!("no /sys/module/rmcp/guard: {:?}\n", error))
            .ok();
        // Both notifiers are in place before a live amdgpu is looked for, so that none is missed.
        let rmcp = Self {
            _pci: notifier::PciNotifier::register()?,
            _modules: notifier::ModuleNotifier::register()?,
            _directory: directory,
            _probes: probes,
        };
        guard::take_over();
        Ok(rmcp)
    }
}

impl Drop for Rmcp {
    fn drop(&mut self) {
        // While the notifier still tells of unbinding, so that no directory is left behind.
        guard::close();
    }
}
