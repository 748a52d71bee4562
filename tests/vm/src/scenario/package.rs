// SPDX-License-Identifier: MIT

//! The package on a running machine: `dkms install rmcp/1.0` as typed, and an uninstall that leaves
//! nothing.

use super::support::{
    expect_healthy_kernel, expect_not_loaded, expect_registers, expect_status, run_long,
    start_enforced, unload_both,
};
use crate::report::Retry;
use crate::vm::Vm;
use anyhow::{ensure, Result};

pub(super) fn dkms_install(vm: &mut Vm) -> Result<()> {
    start_enforced(vm)?;
    unload_both(vm)?;
    run_long(vm, "dkms remove rmcp/1.0 --all")?;
    expect_no_module(vm)?;
    run_long(vm, "dkms add rmcp/1.0")?;
    run_long(vm, "dkms install rmcp/1.0")?;
    vm.guest.check("modprobe amdgpu")?;
    vm.wait_for_amdgpu()?;
    expect_status(vm, 0)?;
    expect_healthy_kernel(vm)
}

pub(super) fn uninstall(vm: &mut Vm) -> Result<()> {
    start_enforced(vm)?;
    unload_both(vm)?;
    run_long(vm, "rmcp-kctl uninstall --yes")?;
    expect_no_module(vm)?;
    let left = vm.guest.check(
        "ls -d /etc/modprobe.d/rmcp* /usr/src/rmcp* /var/lib/rmcp* /var/lib/dkms/rmcp* 2>/dev/null || true",
    )?;
    ensure!(left.is_empty(), "uninstall left behind: {left}");
    let again = vm.guest.check("rmcp-kctl uninstall --yes")?;
    ensure!(
        again.contains("nothing to do"),
        "a second uninstall says {again:?}, expected was that there is nothing to do"
    );

    vm.guest.check("modprobe amdgpu")?;
    vm.wait_for_amdgpu()?;
    expect_not_loaded(vm, "rmcp")?;
    expect_status(vm, 2)?;
    expect_registers(vm, Retry::On)?;
    expect_healthy_kernel(vm)
}

fn expect_no_module(vm: &mut Vm) -> Result<()> {
    let found = vm.guest.check("find /lib/modules/ -name 'rmcp.ko*'")?;
    ensure!(found.is_empty(), "the module is still there: {found}");
    Ok(())
}
