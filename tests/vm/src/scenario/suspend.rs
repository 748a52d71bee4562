// SPDX-License-Identifier: MIT

//! Suspend to RAM. The GPU loses its registers, and at resume amdgpu programs it anew. rmcp, which
//! was loaded after amdgpu, brings the policy then, as status has promised.

use super::support::{
    expect_enforced_late, expect_no_more_errors, expect_status, kernel_errors, start_enforced,
    RELOAD,
};
use crate::vm::Vm;
use anyhow::{ensure, Result};

/// Once in a boot: the second time the guest runs on without QEMU having put it to sleep.
pub(super) fn to_ram(vm: &mut Vm) -> Result<()> {
    start_enforced(vm)?;
    let errors = kernel_errors(vm)?.len();
    vm.guest.check(RELOAD)?;
    expect_status(vm, 2)?;

    let (resets, writes) = (vm.gpu().model().resets(), vm.register_writes());
    vm.suspend_and_wake()?;
    ensure!(
        vm.gpu().model().resets() > resets,
        "the GPU did not lose its registers while the machine slept"
    );
    expect_enforced_late(vm, writes)?;
    expect_no_more_errors(vm, errors)
}
