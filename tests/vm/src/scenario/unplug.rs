// SPDX-License-Identifier: MIT

//! The GPU goes and comes back: by sysfs, and in a hot-plug slot.

use super::growth::expect_none_of_rmcp;
use super::support::{
    expect_enforced_again, expect_no_more_errors, expect_status, kernel_errors, start_enforced,
    Meanwhile, MEANWHILE, NOTHING,
};
use crate::vm::Vm;
use anyhow::Result;

/// What `rmcp-kctl status` ends with when there is no GPU.
const NO_GPU: i32 = 3;
/// Register writes of a GPU that is powered up.
const NEVER: [[u64; 15]; 2] = [[0; 15]; 2];

pub(super) fn and_plug_in(vm: &mut Vm) -> Result<()> {
    start_enforced(vm)?;
    let errors = kernel_errors(vm)?.len();

    let remove = vm.gpu_file("remove");
    vm.guest.check(&format!("echo 1 >{remove}"))?;
    expect_status(vm, NO_GPU)?;
    let writes = vm.register_writes();
    vm.guest.check("echo 1 >/sys/bus/pci/rescan")?;
    vm.wait_for_amdgpu()?;
    expect_enforced_again(vm, 1, writes)?;

    for meanwhile in &MEANWHILE {
        enforced_by_replug(vm, meanwhile)?;
    }
    expect_no_more_errors(vm, errors)
}

pub(super) fn twenty_times(vm: &mut Vm) -> Result<()> {
    expect_none_of_rmcp(vm, 20, enforced_by_replug, |vm| replug(vm, &NOTHING))
}

fn enforced_by_replug(vm: &mut Vm, meanwhile: &Meanwhile) -> Result<()> {
    replug(vm, meanwhile)?;
    expect_enforced_again(vm, 1, NEVER)
}

fn replug(vm: &mut Vm, Meanwhile { before, between }: &Meanwhile) -> Result<()> {
    vm.guest.check(before)?;
    vm.unplug()?;
    expect_status(vm, NO_GPU)?;
    vm.guest.check(between)?;
    vm.plug()?;
    vm.wait_for_amdgpu()
}
