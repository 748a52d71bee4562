// SPDX-License-Identifier: MIT

//! What several scenarios do and ask.

use crate::console;
use crate::report::Retry;
use crate::vm::Vm;
use anyhow::{bail, ensure, Context, Result};
use serde_json::Value;

/// Taint of an out-of-tree and of an unsigned module (`TAINT_OOT_MODULE`, `TAINT_UNSIGNED_MODULE`).
const OUT_OF_TREE_AND_UNSIGNED: u64 = 1 << 12 | 1 << 13;

/// Makes the guest as it is after a good boot, whatever the scenario before left.
pub(super) fn start_enforced(vm: &mut Vm) -> Result<()> {
    vm.guest.check("modprobe amdgpu")?;
    vm.wait_for_amdgpu()?;
    if vm.guest.run("rmcp-kctl status")?.status != 0 {
        unload_both(vm)?;
        vm.guest.check("modprobe amdgpu")?;
        vm.wait_for_amdgpu()?;
    }
    expect_status(vm, 0)?;
    Ok(())
}

/// Takes both modules out, whichever are in.
pub(super) fn unload_both(vm: &mut Vm) -> Result<()> {
    vm.guest.check(
        "for module in amdgpu rmcp; do \
         ! test -e /sys/module/$module || modprobe -r $module || exit 1; done",
    )?;
    Ok(())
}

/// Loads amdgpu by itself: without modprobe.d, and so without what it says of rmcp.
pub(super) fn load_amdgpu_alone(vm: &mut Vm) -> Result<()> {
    vm.guest.check("modprobe --config=/dev/null amdgpu")?;
    vm.wait_for_amdgpu()
}

/// Runs `rmcp-kctl status`, which must end with this status, and returns what it found.
pub(super) fn expect_status(vm: &mut Vm, expected: i32) -> Result<Value> {
    let output = vm.guest.run("rmcp-kctl --json status")?;
    ensure!(
        output.status == expected,
        "rmcp-kctl status ended with {}, expected was {expected}: {}{}",
        output.status,
        output.stdout,
        output.stderr
    );
    serde_json::from_str(&output.stdout).context("rmcp-kctl --json status printed no JSON")
}

/// All 30 context registers of every GPU must say this.
pub(super) fn expect_registers(vm: &Vm, expected: Retry) -> Result<()> {
    for gpu in vm.gpus() {
        let failures = gpu.registers().failures(expected);
        ensure!(
            failures.is_empty(),
            "{}: {}",
            gpu.bdf(),
            failures.join("; ")
        );
    }
    Ok(())
}

/// One attribute of a file in sysfs, without its line end.
pub(super) fn read(vm: &mut Vm, path: &str) -> Result<String> {
    Ok(vm
        .guest
        .check(&format!("cat {path}"))?
        .trim_end()
        .to_owned())
}

/// A file must hold this.
pub(super) fn expect_file(vm: &mut Vm, path: &str, expected: &str) -> Result<()> {
    let found = read(vm, path)?;
    ensure!(
        found == expected,
        "{path} is {found:?}, expected was {expected:?}"
    );
    Ok(())
}

/// The module as a whole must be in this state.
pub(super) fn expect_guard(vm: &mut Vm, state: &str) -> Result<()> {
    expect_file(vm, "/sys/module/rmcp/guard/state", state)
}

/// A module must not be loaded.
pub(super) fn expect_not_loaded(vm: &mut Vm, module: &str) -> Result<()> {
    let found = vm.guest.run(&format!("test -e /sys/module/{module}"))?;
    ensure!(found.status != 0, "the module {module} is loaded");
    Ok(())
}

/// The kernel must be content, and tainted by nothing but a module of somebody else's.
pub(super) fn expect_healthy_kernel(vm: &mut Vm) -> Result<()> {
    let log = vm.guest.check("dmesg")?;
    let complaints = console::complaints(&log);
    if let Some(first) = complaints.first() {
        bail!(
            "the kernel complains in {} lines of its log, first: {first}",
            complaints.len()
        );
    }
    let taint = read(vm, "/proc/sys/kernel/tainted")?;
    let more = taint.parse::<u64>()? & !OUT_OF_TREE_AND_UNSIGNED;
    ensure!(
        more == 0,
        "the kernel's taint is {taint}: more than out-of-tree and unsigned modules"
    );
    Ok(())
}

/// What the kernel has logged since the last call.
pub(super) fn new_kernel_log(vm: &mut Vm, since: &mut usize) -> Result<String> {
    let log = vm.guest.check("dmesg")?;
    let new = log.lines().skip(*since).collect::<Vec<_>>().join("\n");
    *since = log.lines().count();
    Ok(new)
}
