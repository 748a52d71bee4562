// SPDX-License-Identifier: MIT

//! rmcp goes and comes while amdgpu drives the GPU, many times; nothing of it stays behind.

use super::support::{expect_healthy_kernel, expect_not_loaded, expect_status, start_enforced};
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
