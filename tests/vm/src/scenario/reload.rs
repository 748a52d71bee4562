// SPDX-License-Identifier: MIT

//! rmcp goes and comes while amdgpu drives the GPU, many times, and so does amdgpu; nothing of rmcp
//! stays behind.

use super::growth::expect_none_of_rmcp;
use super::support::{
    expect_enforced_again, expect_healthy_kernel, expect_not_loaded, expect_status,
    load_amdgpu_alone, start_enforced, Meanwhile,
};
use crate::vm::Vm;
use anyhow::{ensure, Result};

const TIMES: usize = 20;

pub(super) fn twenty_times(vm: &mut Vm) -> Result<()> {
    start_enforced(vm)?;
    // The list that must be empty later is one that shows probes.
    let probes = vm.guest.check("cat /sys/kernel/debug/kprobes/list")?;
    ensure!(
        probes.lines().count() == 3,
        "rmcp has the probes {probes:?}, expected are three"
    );
    for _ in 0..TIMES {
        vm.guest.check("rmmod rmcp")?;
        expect_nothing_left(vm)?;
        vm.guest.check("modprobe rmcp")?;
        // What is in force was not written by this rmcp, so it must not call it enforced.
        expect_status(vm, 2)?;
    }
    vm.wait_for_amdgpu()?;

    // With rmcp in, so that it sees amdgpu go; then without it.
    vm.guest.check("rmmod amdgpu")?;
    vm.guest.check("rmmod rmcp")?;
    expect_not_loaded(vm, "amdgpu")?;
    expect_not_loaded(vm, "rmcp")?;
    expect_healthy_kernel(vm)?;

    vm.guest.check("modprobe amdgpu")?;
    vm.wait_for_amdgpu()?;
    expect_status(vm, 0)?;
    vm.guest.check("rmmod rmcp && rmmod amdgpu")?;
    expect_nothing_left(vm)?;
    expect_healthy_kernel(vm)
}

pub(super) fn of_amdgpu_twenty_times(vm: &mut Vm) -> Result<()> {
    expect_none_of_rmcp(vm, 20, enforced_by_reload, |vm| {
        vm.guest.check("rmmod amdgpu")?;
        load_amdgpu_alone(vm)
    })
}

fn enforced_by_reload(vm: &mut Vm, Meanwhile { before, between }: &Meanwhile) -> Result<()> {
    let writes = vm.register_writes();
    vm.guest.check(&format!(
        "{before} && rmmod amdgpu && {between} && modprobe amdgpu"
    ))?;
    vm.wait_for_amdgpu()?;
    expect_enforced_again(vm, 1, writes)
}

fn expect_nothing_left(vm: &mut Vm) -> Result<()> {
    let directory = vm.gpu_file("rmcp");
    let found = vm.guest.check(&format!(
        "cat /sys/kernel/debug/kprobes/list && {{ ls -d {directory} 2>/dev/null || true; }}"
    ))?;
    ensure!(
        found.is_empty(),
        "rmcp is gone, but this of it is not: {found}"
    );
    Ok(())
}
