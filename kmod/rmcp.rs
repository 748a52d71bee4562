// SPDX-License-Identifier: GPL-2.0

//! rmcp: pins the memory policy of RDNA1 and RDNA2 GPUs under the stock amdgpu driver.
//!
//! The module places probes in amdgpu when amdgpu comes, writes two fields before the memory hubs
//! are programmed, replaces requests for one memory type, and publishes what it found and did. It
//! replaces no function pointer and no code, so it can be removed at any time.

mod adev;
mod btf_file;
mod guard;
mod kprobe;
mod kprobes_generated;
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
    authors: ["The rmcp authors"],
    description: "Pins the memory policy of RDNA1 and RDNA2 GPUs under the stock amdgpu driver",
    license: "GPL",
}

/// `/sys/module/rmcp/version`.
#[link_section = ".modinfo"]
#[used]
static MODINFO_VERSION: [u8; 12] = *b"version=1.0\0";

/// What is taken back when the module goes; the fields drop in this order.
struct Rmcp {
    _pci: notifier::PciNotifier<guard::GpuBinding>,
    _modules: notifier::ModuleNotifier<guard::AmdgpuModule>,
    _directory: Option<sysfs::Directory>,
}

impl kernel::Module for Rmcp {
    fn init(module: &'static ThisModule) -> Result<Self> {
        // SAFETY: Init runs once, and this is the first use of the guard.
        unsafe { guard::init() };
        let directory = sysfs::Directory::for_module(module)
            .inspect_err(|error| pr_warn!("no /sys/module/rmcp/guard: {:?}\n", error))
            .ok();
        // Both notifiers are in place before a live amdgpu is looked for, so that none is missed.
        let rmcp = Self {
            _pci: notifier::PciNotifier::register()?,
            _modules: notifier::ModuleNotifier::register()?,
            _directory: directory,
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
