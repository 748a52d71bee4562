// SPDX-License-Identifier: MIT

//! A GPU of another generation is left alone: with rmcp its context registers are what the driver
//! makes them without rmcp, retries included, and status says that it is not rmcp's.

use super::support::{
    expect_guard, expect_healthy_kernel, expect_registers, expect_registers_of, expect_status,
    load_amdgpu_alone, unload_both,
};
use super::verify::{expect_registers_of_the_gpus, verify};
use crate::report::{Registers, Retry};
use crate::vm::Vm;
use anyhow::{ensure, Result};

pub(super) fn is_left_alone(vm: &mut Vm) -> Result<()> {
    vm.wait_for_amdgpu()?;
    expect_guard(vm, "armed")?;
    let with_rmcp = untouched(vm)?;

    unload_both(vm)?;
    load_amdgpu_alone(vm)?;
    let without_rmcp = vm.registers();
    ensure!(
        with_rmcp == without_rmcp,
        "with rmcp the registers are {with_rmcp:x?}, without it {without_rmcp:x?}"
    );
    // rmcp comes to an amdgpu that is up already.
    vm.guest.check("modprobe rmcp")?;
    let with_rmcp = untouched(vm)?;
    ensure!(
        with_rmcp == without_rmcp,
        "when rmcp came the registers became {with_rmcp:x?}, they were {without_rmcp:x?}"
    );

    // They do show what the driver was told, so that a change by rmcp would have been seen.
    unload_both(vm)?;
    vm.guest
        .check("modprobe --config=/dev/null amdgpu noretry=1")?;
    vm.wait_for_amdgpu()?;
    expect_registers(vm, Retry::Off)?;
    expect_healthy_kernel(vm)
}

/// rmcp enforces its policy on the first GPU and leaves the second alone.
pub(super) fn beside_a_guarded_one(vm: &mut Vm) -> Result<()> {
    vm.wait_for_amdgpu()?;
    let status = expect_status(vm, 0)?;
    ensure!(
        status["summary"] == "enforced: 1 of 1 RDNA1/RDNA2 GPUs",
        "status says {}",
        status["summary"]
    );
    // amdgpu was told to leave blocks out here, so that verify asks it nothing it may not survive.
    let seen = verify(vm, "", "--probe", 4)?;
    expect_registers_of_the_gpus(vm, &seen)?;
    let directory = vm.gpus()[1].file("rmcp");
    vm.guest.check(&format!("! test -e {directory}"))?;
    expect_registers_of(&vm.gpus()[0], Retry::Off)?;
    let with_rmcp = vm.gpus()[1].registers();
    // GMC v11 leaves the graphics hub to the driver of the rings.
    let failures = with_rmcp.mmvm_failures(Retry::On);
    ensure!(failures.is_empty(), "beside it: {}", failures.join("; "));

    unload_both(vm)?;
    load_amdgpu_alone(vm)?;
    expect_registers_of(&vm.gpus()[0], Retry::On)?;
    let without_rmcp = vm.gpus()[1].registers();
    ensure!(
        with_rmcp == without_rmcp,
        "with rmcp the registers are {with_rmcp:x?}, without it {without_rmcp:x?}"
    );
    expect_healthy_kernel(vm)
}

/// rmcp is there and has nothing to do with the GPU, on which amdgpu retries as it was told to.
/// Returns its registers.
fn untouched(vm: &mut Vm) -> Result<Registers> {
    let status = expect_status(vm, 3)?;
    let gpu = &status["gpus"][0];
    ensure!(
        gpu["bdf"] == vm.bdf() && gpu["covered"] == false && gpu["enforced"] == false,
        "status says of the GPU: {gpu}"
    );
    let directory = vm.gpu_file("rmcp");
    vm.guest.check(&format!("! test -e {directory}"))?;
    expect_registers(vm, Retry::On)?;
    Ok(vm.registers())
}
