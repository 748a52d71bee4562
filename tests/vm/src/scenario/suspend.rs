// SPDX-License-Identifier: MIT

//! Suspend to RAM. The GPU loses its registers, and at resume amdgpu programs it anew: with the
//! policy if rmcp is there, without it if not.

use super::support::{
    expect_enforced_again, expect_no_more_errors, expect_registers, expect_status, hw_inits,
    kernel_errors, start_enforced,
};
use crate::report::Retry;
use crate::vm::Vm;
use anyhow::{ensure, Result};

pub(super) fn to_ram(vm: &mut Vm) -> Result<()> {
    start_enforced(vm)?;
    let errors = kernel_errors(vm)?.len();
    enforced_by_resume(vm)?;

    vm.guest.check("rmmod rmcp")?;
    suspend(vm)?;
    expect_registers(vm, Retry::On)?;

    // Status promises that the policy is in effect after the next resume.
    vm.guest.check("modprobe rmcp")?;
    expect_status(vm, 2)?;
    enforced_by_resume(vm)?;
    expect_no_more_errors(vm, errors)
}

fn enforced_by_resume(vm: &mut Vm) -> Result<()> {
    let (inits, writes) = (hw_inits(vm)?, vm.register_writes());
    suspend(vm)?;
    expect_enforced_again(vm, inits + 1, writes)
}

fn suspend(vm: &mut Vm) -> Result<()> {
    let resets = vm.gpu().model().resets();
    vm.suspend_and_wake()?;
    ensure!(
        vm.gpu().model().resets() > resets,
        "the GPU did not lose its registers while the machine slept"
    );
    Ok(())
}
