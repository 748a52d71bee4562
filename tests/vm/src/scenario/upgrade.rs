// SPDX-License-Identifier: MIT

//! Another kernel was installed, and nobody called rmcp-kctl.

use super::initramfs;
use super::support::{
    expect_file, expect_healthy_kernel, expect_not_loaded, expect_registers, expect_status,
};
use crate::checkout::Checkout;
use crate::kernels;
use crate::report::Retry;
use crate::vm::Vm;
use anyhow::{ensure, Result};

/// With its headers, so that DKMS built the module for it; the kernel package's own hooks made the
/// initramfs.
pub(super) fn boots_enforced(vm: &mut Vm) -> Result<()> {
    expect_other_kernel(vm)?;
    initramfs::rmcp_is_in_it(vm)
}

/// Without: DKMS passed it over, the machine boots as if rmcp were not there, and says so at login.
pub(super) fn boots_unguarded(vm: &mut Vm) -> Result<()> {
    expect_other_kernel(vm)?;
    vm.wait_for_amdgpu()?;
    expect_not_loaded(vm, "rmcp")?;
    expect_registers(vm, Retry::On)?;
    let status = expect_status(vm, 2)?;
    let here = status["kernels"]
        .as_array()
        .into_iter()
        .flatten()
        .find(|kernel| kernel["running"] == true);
    ensure!(
        here.is_some_and(|kernel| kernel["module"] == "absent"),
        "status says of the running kernel: {here:?}"
    );
    let login = vm.guest.run("bash --login -i -c true")?;
    let said = format!("{}{}", login.stdout, login.stderr);
    ensure!(
        said.contains("not in effect"),
        "at login, this is said: {said:?}"
    );
    expect_healthy_kernel(vm)
}

fn expect_other_kernel(vm: &mut Vm) -> Result<()> {
    let expected = kernels::upgrade(&Checkout::find()?)?.release;
    expect_file(vm, "/proc/sys/kernel/osrelease", &expected)
}
