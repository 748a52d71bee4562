// SPDX-License-Identifier: MIT

//! Runtime PM: amdgpu puts the idle GPU to sleep, its slot is switched off and with it every register
//! is lost, and the next use has amdgpu program it anew. rmcp stays, comes or goes meanwhile, and to
//! ask for its state wakes nobody.

use super::support::{
    expect_enforced_again, expect_no_more_errors, expect_registers, expect_registers_written,
    expect_status, hw_inits, kernel_errors, start_enforced, RELOAD,
};
use super::verify;
use crate::qemu;
use crate::report::Retry;
use crate::vm::Vm;
use anyhow::{ensure, Result};
use std::time::Duration;

/// amdgpu waits for 5 s without use.
const IDLE: Duration = Duration::from_secs(180);

pub(super) fn off_and_on(vm: &mut Vm) -> Result<()> {
    start_enforced(vm)?;
    vm.guest
        .check("dmesg | grep 'amdgpu.*Using BOCO for runtime pm'")?;
    let errors = kernel_errors(vm)?.len();
    // Of itself, Linux takes the power from no root port without the capability for power management,
    // which QEMU's are.
    let port = qemu::root_port(vm.gpu().port());
    vm.guest.check(&format!("echo 1 >{port}/d3cold_allowed"))?;

    let inits = hw_inits(vm)?;
    let writes = sleep_through(vm, "true", 0)?;
    expect_enforced_again(vm, inits + 1, writes)?;

    // rmcp comes to a GPU that sleeps, as one that amdgpu had first.
    let writes = sleep_through(vm, RELOAD, 2)?;
    expect_enforced_again(vm, 1, writes)?;

    let writes = sleep_through(vm, "rmmod rmcp", 2)?;
    expect_registers_written(vm, writes)?;
    expect_registers(vm, Retry::On)?;

    // It comes to one that is awake, and with retries.
    vm.guest.check("modprobe rmcp")?;
    expect_registers(vm, Retry::On)?;
    let writes = sleep_through(vm, "true", 2)?;
    expect_enforced_again(vm, 1, writes)?;
    expect_no_more_errors(vm, errors)
}

/// The GPU falls asleep, this command is run, `rmcp-kctl status` ends as it must, and somebody uses
/// the GPU, which then stays awake. Returns how often its registers had been written before.
fn sleep_through(vm: &mut Vm, meanwhile: &str, status: i32) -> Result<[[u64; 15]; 2]> {
    fall_asleep(vm)?;
    let writes = vm.register_writes();
    vm.guest.check(meanwhile)?;
    let enforced = status == 0;
    let status = expect_status(vm, status)?;
    ensure!(status["gpus"][0]["asleep"] == true, "status says {status}");
    verify::expect_not_woken(vm, if enforced { 4 } else { 2 })?;
    expect_asleep(vm)?;
    wake(vm)?;
    Ok(writes)
}

/// amdgpu may let the GPU sleep, and does.
fn fall_asleep(vm: &mut Vm) -> Result<()> {
    let control = vm.gpu_file("power/control");
    vm.guest.check(&format!("echo auto >{control}"))?;
    let off = switched_off(vm);
    vm.guest.wait_for(IDLE, "the GPU falls asleep", &off)?;
    expect_asleep(vm)
}

/// Its slot is off, and it has lost what the driver had written.
fn expect_asleep(vm: &mut Vm) -> Result<()> {
    let off = switched_off(vm);
    vm.guest.check(&off)?;
    let registers = vm.registers();
    ensure!(
        registers.unwritten(),
        "the GPU sleeps and its registers hold {registers:x?}"
    );
    Ok(())
}

fn switched_off(vm: &Vm) -> String {
    format!(
        "grep -qx suspended {} && grep -qx D3cold {}",
        vm.gpu_file("power/runtime_status"),
        vm.gpu_file("power_state")
    )
}

/// A process opens the GPU. It stays awake then, so that there is time to look at it.
fn wake(vm: &mut Vm) -> Result<()> {
    let device = vm.gpu_file("power");
    vm.guest.check(&format!(
        "exec 3<>/dev/dri/by-path/pci-{}-render && \
         grep -qx active {device}/runtime_status && echo on >{device}/control",
        vm.bdf()
    ))?;
    Ok(())
}
