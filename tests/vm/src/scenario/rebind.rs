// SPDX-License-Identifier: MIT

//! The GPU is taken from its driver and given back, again and again; rmcp is there, or goes and
//! comes meanwhile.

use super::growth::expect_none_of_rmcp;
use super::support::{
    expect_enforced_again, expect_no_more_errors, expect_registers, kernel_errors, start_enforced,
    Meanwhile, MEANWHILE, NOTHING,
};
use crate::report::Retry;
use crate::vm::Vm;
use anyhow::Result;

const DRIVER: &str = "/sys/bus/pci/drivers/amdgpu";

pub(super) fn three_times(vm: &mut Vm) -> Result<()> {
    start_enforced(vm)?;
    let errors = kernel_errors(vm)?.len();
    for meanwhile in &MEANWHILE {
        enforced_by_rebind(vm, meanwhile)?;
    }
    expect_no_more_errors(vm, errors)
}

pub(super) fn fifty_times(vm: &mut Vm) -> Result<()> {
    expect_none_of_rmcp(
        vm,
        50,
        |vm, round| enforced_by_rebind(vm, &MEANWHILE[round % MEANWHILE.len()]),
        |vm, _| {
            rebind(vm, &NOTHING)?;
            expect_registers(vm, Retry::On)
        },
    )
}

fn enforced_by_rebind(vm: &mut Vm, meanwhile: &Meanwhile) -> Result<()> {
    let writes = vm.register_writes();
    rebind(vm, meanwhile)?;
    expect_enforced_again(vm, 1, writes)
}

fn rebind(vm: &mut Vm, Meanwhile { before, between }: &Meanwhile) -> Result<()> {
    let bdf = vm.bdf().to_owned();
    vm.guest.check(&format!(
        "{before} && echo {bdf} >{DRIVER}/unbind && {between} && echo {bdf} >{DRIVER}/bind"
    ))?;
    vm.wait_for_amdgpu()
}
