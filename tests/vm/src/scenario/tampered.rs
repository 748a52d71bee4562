// SPDX-License-Identifier: MIT

//! An rmcp whose layout is not that of the running amdgpu stands down and writes nothing.

use super::support::{
    expect_guard, expect_healthy_kernel, expect_registers, expect_status, new_kernel_log, read,
    unload_both,
};
use crate::report::Retry;
use crate::vm::Vm;
use anyhow::{ensure, Result};

/// The guest has booted with the layout of another amdgpu.
pub(super) fn at_boot(vm: &mut Vm) -> Result<()> {
    vm.wait_for_amdgpu()?;
    let log = vm.guest.check("dmesg")?;
    expect_stood_down(vm, &log, "BTF is not the one rmcp was built for")
}

/// One offset was changed after the layout was generated.
pub(super) fn offset(vm: &mut Vm) -> Result<()> {
    unload_both(vm)?;
    let mut seen = 0;
    new_kernel_log(vm, &mut seen)?;
    vm.guest
        .check("/usr/local/lib/rmcp-tests/replace offset && modprobe amdgpu")?;
    vm.wait_for_amdgpu()?;
    let log = new_kernel_log(vm, &mut seen)?;
    expect_stood_down(vm, &log, "does not match its own checksum")
}

/// rmcp gives this reason, in sysfs and in one line of the kernel log, and amdgpu works as without it.
pub(super) fn expect_stood_down(vm: &mut Vm, log: &str, reason: &str) -> Result<()> {
    expect_guard(vm, "refused")?;
    let given = read(vm, "/sys/module/rmcp/guard/reason")?;
    ensure!(
        given.contains(reason),
        "rmcp gives the reason {given:?}, expected was one with {reason:?}"
    );
    let lines: Vec<&str> = log.lines().filter(|line| line.contains("rmcp: ")).collect();
    let refusals = lines.iter().filter(|line| line.contains("refused")).count();
    ensure!(
        refusals == 1,
        "rmcp wrote {refusals} lines on its refusal, expected was one: {lines:?}"
    );
    let probes = vm.guest.check("cat /sys/kernel/debug/kprobes/list")?;
    ensure!(probes.is_empty(), "rmcp refused, but has probes: {probes}");
    expect_status(vm, 2)?;
    expect_registers(vm, Retry::On)?;
    expect_healthy_kernel(vm)
}
