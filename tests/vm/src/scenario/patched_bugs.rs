// SPDX-License-Identifier: MIT

//! The bugs of amdgpu that `patches/linux/` mends: each shows with the kernel's own amdgpu, and not
//! with the patched one.

use super::mtype::{expect_types, CC, NC};
use super::patched::{load_file, unload_amdgpu, KERNELS_OWN};
use super::support::{new_kernel_log, OPTIONS};
use crate::console;
use crate::page_tables::{entry_of_driver, PROGRAM};
use crate::progress::say;
use crate::vm::Vm;
use anyhow::{ensure, Result};
use rmcp_vgpu::PageTableEntry;
use std::time::Duration;

/// How long the kernel's own amdgpu may take to an oops.
const LIMIT: Duration = Duration::from_secs(180);
const RENDER_NODE: &str = "/dev/dri/renderD128";
const PATCHED: &str = "/lib/modules/$(uname -r)/updates/amdgpu.ko.zst";

/// A NULL pointer that amdgpu follows.
struct Oops {
    /// What amdgpu is loaded with.
    options: &'static str,
    /// What is done then.
    cause: String,
    /// The functions in which that ends.
    functions: &'static [&'static str],
    /// What shows that the patched one goes on.
    mended: fn(&mut Vm) -> Result<()>,
}

pub(super) fn show_and_are_mended(vm: &mut Vm) -> Result<()> {
    be_without_rmcp(vm)?;
    the_csa(vm)?;
    let all = [
        Oops {
            options: "ip_block_mask=0x7 fw_load_type=0 dc=0",
            cause: format!("cat {RENDER_NODE}"),
            functions: &["drm_sched_entity_fini"],
            mended: opening_is_refused,
        },
        Oops {
            options: "ip_block_mask=0x17 fw_load_type=0 dc=0",
            cause: format!("{PROGRAM} {RENDER_NODE}"),
            // Opening the node gives SDMA a job.
            functions: &["amdgpu_vm_flush", "amdgpu_info_ioctl"],
            mended: memory_is_mapped_and_used,
        },
        Oops {
            options: "fw_load_type=0",
            cause: "true".to_owned(),
            functions: &["amdgpu_dpm_is_overdrive_enabled"],
            mended: memory_is_mapped_and_used,
        },
    ];
    for oops in all {
        oops.is_mended(vm)?;
        oops.shows(vm)?;
        // What oopsed holds what it held.
        vm.cut_power()?;
        be_without_rmcp(vm)?;
    }
    Ok(())
}

/// amdgpu is to show what it does by itself.
fn be_without_rmcp(vm: &mut Vm) -> Result<()> {
    vm.wait_for_amdgpu()?;
    vm.guest.check("rmmod rmcp")?;
    Ok(())
}

fn opening_is_refused(vm: &mut Vm) -> Result<()> {
    let output = vm.guest.run(&format!("cat {RENDER_NODE}"))?;
    ensure!(
        output.status == 1 && output.stderr.contains("Invalid argument"),
        "opening a render node without SDMA ended with {output:?}"
    );
    Ok(())
}

fn memory_is_mapped_and_used(vm: &mut Vm) -> Result<()> {
    expect_types(vm, 0, NC).map(drop)
}

impl Oops {
    fn is_mended(&self, vm: &mut Vm) -> Result<()> {
        unload_amdgpu(vm)?;
        let mut seen = 0;
        new_kernel_log(vm, &mut seen)?;
        load_file(vm, PATCHED, self.options)?;
        (self.mended)(vm)?;
        let log = new_kernel_log(vm, &mut seen)?;
        let complaints = console::complaints(&log);
        ensure!(
            complaints.is_empty(),
            "with the patches and {}, the kernel complains: {complaints:?}",
            self.options
        );
        unload_amdgpu(vm)
    }

    fn shows(&self, vm: &mut Vm) -> Result<()> {
        let mut seen = 0;
        new_kernel_log(vm, &mut seen)?;
        // Who oopses may never end.
        vm.guest.start(&format!(
            "insmod {KERNELS_OWN} {} && udevadm settle && {}",
            self.options, self.cause
        ))?;
        let ends = format!("dmesg | tail -n +{} | grep -c 'end trace'", seen + 1);
        vm.guest.wait_for(
            LIMIT,
            &format!("amdgpu oopses with {}", self.options),
            &format!("test $({ends}) -ge {}", self.functions.len()),
        )?;
        let log = new_kernel_log(vm, &mut seen)?;
        for function in self.functions {
            ensure!(
                log.contains("BUG: kernel NULL pointer dereference")
                    && log.contains(&format!("RIP: 0010:{function}+")),
                "with {} the kernel's own amdgpu was to follow a NULL pointer in {function}: {:?}",
                self.options,
                console::complaints(&log)
            );
            say(format_args!(
                "{}: an oops in {function}, mended",
                self.options
            ));
        }
        Ok(())
    }
}

/// With mcbp=1 amdgpu maps its save area for each process, whose pages are to be as any others.
fn the_csa(vm: &mut Vm) -> Result<()> {
    /// Valid, executable, readable and writable (`AMDGPU_PTE_*`).
    const ACCESS: u64 = 1 | 1 << 4 | 1 << 5 | 1 << 6;
    let own = csa_entry(vm, KERNELS_OWN)?;
    let patched = csa_entry(vm, PATCHED)?;
    say(format_args!(
        "mcbp=1: the CSA's page table entry is {own}, and with the patches {patched}"
    ));
    ensure!(
        !own.is_valid() && own.mtype() == CC,
        "the kernel's own amdgpu maps the CSA with {own}: the bug is not there"
    );
    ensure!(
        patched.value & ACCESS == ACCESS && patched.mtype() == NC,
        "the patched amdgpu maps the CSA with {patched}"
    );
    Ok(())
}

fn csa_entry(vm: &mut Vm, module: &str) -> Result<PageTableEntry> {
    /// Two MiB below the end of 48 bits (`AMDGPU_VA_RESERVED_CSA_START`).
    const CSA: u64 = (1 << 48) - (2 << 20);
    unload_amdgpu(vm)?;
    load_file(vm, module, &format!("{OPTIONS} mcbp=1"))?;
    entry_of_driver(vm, CSA)
}
