// SPDX-License-Identifier: MIT

//! amdgpu resets the GPU and programs it anew: with the policy if rmcp is there, without it if not.

use super::faults::incidents;
use super::growth::expect_none_of_rmcp;
use super::support::{
    expect_enforced_again, expect_enforced_late, expect_no_more_errors_but, expect_registers,
    expect_status, hw_inits, kernel_errors, read, start_enforced, RELOAD, TAINT_USER,
};
use crate::report::Retry;
use crate::vm::Vm;
use anyhow::{ensure, Result};
use serde_json::Value;

/// `AMD_RESET_METHOD_PCI` (`amdgpu_reset.h`).
const BUS: i32 = 6;
/// amdgpu's own choice.
const AUTO: i32 = -1;

pub(super) fn of_the_gpu(vm: &mut Vm) -> Result<()> {
    start_enforced(vm)?;
    let errors = kernel_errors(vm)?.len();

    // MODE1 is amdgpu's choice here, of an APU MODE2. Without firmware of the PSP it asks nothing of the GPU, so that
    // the registers do not lose what they hold, but amdgpu clears and writes them as ever.
    enforced_by_reset(vm)?;
    is_told_by_faults(vm)?;

    // A reset of the bus, as amdgpu has it done when it is told to, does reach the GPU.
    choose(vm, BUS)?;
    let resets = vm.gpu().model().resets();
    enforced_by_reset(vm)?;
    ensure!(
        vm.gpu().model().resets() > resets,
        "the reset of the bus did not reach the GPU"
    );

    vm.guest.check("rmmod rmcp")?;
    reset(vm)?;
    expect_registers(vm, Retry::On)?;

    // Status promises that the policy is in effect after the next reset.
    vm.guest.check("modprobe rmcp")?;
    expect_status(vm, 2)?;
    let writes = vm.register_writes();
    reset(vm)?;
    expect_enforced_late(vm, writes)?;
    choose(vm, AUTO)?;
    expect_no_more_errors_but(vm, errors, TAINT_USER)
}

/// By amdgpu's own choice of a method, with which no parameter taints the kernel.
pub(super) fn twenty_times(vm: &mut Vm) -> Result<()> {
    expect_none_of_rmcp(
        vm,
        20,
        |vm, _| {
            enforced_by_reset(vm)?;
            vm.guest.check(RELOAD)?;
            let writes = vm.register_writes();
            reset(vm)?;
            expect_enforced_late(vm, writes)
        },
        |vm| {
            reset(vm)?;
            reset(vm)
        },
    )
}

fn enforced_by_reset(vm: &mut Vm) -> Result<()> {
    let (inits, writes) = (hw_inits(vm)?, vm.register_writes());
    reset(vm)?;
    expect_enforced_again(vm, inits + 1, writes)
}

/// `rmcp-kctl faults` has the reset from the driver's lines, from its begin to its end.
fn is_told_by_faults(vm: &mut Vm) -> Result<()> {
    let incidents = incidents(vm)?;
    let stages = |incident: &Value| -> Vec<String> {
        let happenings = incident["happenings"].as_array();
        let resets = happenings
            .into_iter()
            .flatten()
            .filter(|h| h["kind"] == "gpu-reset");
        resets
            .map(|reset| reset["stage"].as_str().unwrap_or_default().to_owned())
            .collect()
    };
    let of_ours = incidents
        .iter()
        .filter(|incident| incident["gpu"] == vm.bdf());
    ensure!(
        of_ours
            .clone()
            .any(|incident| stages(incident) == ["begun", "succeeded"]),
        "faults does not tell of the reset: {:?}",
        of_ours.collect::<Vec<_>>()
    );
    Ok(())
}

/// Has amdgpu reset the GPU; it says 0 when that worked.
fn reset(vm: &mut Vm) -> Result<()> {
    let file = format!(
        "/sys/kernel/debug/dri/{}/amdgpu_gpu_recover",
        vm.gpu().bdf()
    );
    let result = read(vm, &file)?;
    ensure!(result == "0", "amdgpu's reset of the GPU gave {result}");
    Ok(())
}

fn choose(vm: &mut Vm, method: i32) -> Result<()> {
    let file = "/sys/module/amdgpu/parameters/reset_method";
    vm.guest.check(&format!("echo {method} >{file}"))?;
    Ok(())
}
