// SPDX-License-Identifier: MIT

//! An rmcp.ko that is missing or damaged: the machine boots, and amdgpu works as without rmcp.

use super::support::{expect_healthy_kernel, expect_not_loaded, expect_registers, expect_status};
use crate::report::Retry;
use crate::vm::Vm;
use anyhow::Result;

pub(super) fn amdgpu_works_alone(vm: &mut Vm) -> Result<()> {
    vm.wait_for_amdgpu()?;
    expect_not_loaded(vm, "rmcp")?;
    expect_registers(vm, Retry::On)?;
    expect_status(vm, 2)?;
    expect_healthy_kernel(vm)
}
