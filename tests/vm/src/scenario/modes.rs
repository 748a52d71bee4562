// SPDX-License-Identifier: MIT

//! The parameters change what is done: `enforce=0` only looks, -1 leaves a field alone, and
//! `mtype_cc=uc` and `report` deal with a request for MTYPE_CC in their own ways.

use super::mtype::{expect_counted, Counted, CC, NC, UC};
use super::support::{
    expect_file, expect_guard, expect_healthy_kernel, expect_registers, expect_status,
    start_enforced, unload_both,
};
use crate::report::Retry;
use crate::vm::Vm;
use anyhow::Result;

pub(super) fn change_what_is_done(vm: &mut Vm) -> Result<()> {
    start_enforced(vm)?;

    load_with(vm, "enforce=0")?;
    expect_guard(vm, "armed")?;
    expect_gpu(vm, "state", "report-only")?;
    expect_gpu(vm, "noretry", "0")?;
    expect_status(vm, 2)?;
    expect_registers(vm, Retry::On)?;
    expect_counted(vm, CC, Counted::Seen)?;

    load_with(vm, "noretry=-1 mtype_cc=uc")?;
    expect_gpu(vm, "state", "enforced")?;
    expect_gpu(vm, "noretry", "0")?;
    expect_registers(vm, Retry::On)?;
    expect_counted(vm, UC, Counted::Rewritten)?;

    load_with(vm, "fragment_size=4 mtype_cc=report")?;
    expect_gpu(vm, "fragment_size", "4")?;
    expect_gpu(vm, "fragment_size_driver_default", "9")?;
    expect_status(vm, 0)?;
    expect_registers(vm, Retry::Off)?;
    expect_counted(vm, CC, Counted::Seen)?;

    load_with(vm, "noretry=-1 fragment_size=-1")?;
    expect_gpu(vm, "state", "report-only")?;
    expect_status(vm, 0)?;
    expect_counted(vm, NC, Counted::Rewritten)?;

    load_with(vm, "mtype_cc=off")?;
    expect_counted(vm, CC, Counted::NotAtAll)?;
    expect_healthy_kernel(vm)?;
    // No other scenario is to find these parameters.
    unload_both(vm)
}

/// Loads rmcp with these parameters, and amdgpu after it.
fn load_with(vm: &mut Vm, parameters: &str) -> Result<()> {
    unload_both(vm)?;
    vm.guest
        .check(&format!("modprobe rmcp {parameters} && modprobe amdgpu"))?;
    vm.wait_for_amdgpu()
}

fn expect_gpu(vm: &mut Vm, file: &str, expected: &str) -> Result<()> {
    let path = vm.gpu_file(&format!("rmcp/{file}"));
    expect_file(vm, &path, expected)
}
