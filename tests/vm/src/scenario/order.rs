// SPDX-License-Identifier: MIT

//! amdgpu first, rmcp later: what is not in effect yet is said to be so, and a rebind brings it.

use super::support::{
    expect_guard, expect_healthy_kernel, expect_registers, expect_registers_written, expect_status,
    load_amdgpu_alone, rebind, start_enforced, unload_both, NOTHING,
};
use crate::report::Retry;
use crate::vm::Vm;
use anyhow::{ensure, Result};

pub(super) fn amdgpu_first(vm: &mut Vm) -> Result<()> {
    start_enforced(vm)?;
    unload_both(vm)?;
    load_amdgpu_alone(vm)?;
    expect_registers(vm, Retry::On)?;
    expect_status(vm, 2)?;

    vm.guest.check("modprobe rmcp")?;
    expect_guard(vm, "armed")?;
    let status = expect_status(vm, 2)?;
    let reason = status["gpus"][0]["reason"].as_str().unwrap_or_default();
    ensure!(
        reason.contains("before rmcp"),
        "status gives the reason {reason:?}, expected was that amdgpu was there before rmcp"
    );
    // The device is the driver's: nothing is written behind its back.
    expect_registers(vm, Retry::On)?;

    let writes = vm.register_writes();
    rebind(vm, &NOTHING)?;
    expect_registers_written(vm, writes)?;
    expect_status(vm, 0)?;
    expect_registers(vm, Retry::Off)?;
    expect_healthy_kernel(vm)
}
