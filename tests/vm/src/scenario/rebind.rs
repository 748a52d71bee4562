// SPDX-License-Identifier: MIT

//! The GPU is taken from its driver and given back, again and again; rmcp is there, or goes and
//! comes meanwhile.

use super::support::{
    expect_enforced_again, expect_no_more_errors, kernel_errors, start_enforced, Meanwhile,
    MEANWHILE,
};
use crate::vm::Vm;
use anyhow::{Context, Result};

const DRIVER: &str = "/sys/bus/pci/drivers/amdgpu";

pub(super) fn three_times(vm: &mut Vm) -> Result<()> {
    rebind_in_rounds(vm, 1)
}

/// Fifty-one.
pub(super) fn fifty_times(vm: &mut Vm) -> Result<()> {
    rebind_in_rounds(vm, 17)
}

/// Three rebinds a round.
fn rebind_in_rounds(vm: &mut Vm, rounds: usize) -> Result<()> {
    start_enforced(vm)?;
    let errors = kernel_errors(vm)?.len();
    for round in 1..=rounds {
        enforced_by_rebinds(vm).with_context(|| format!("round {round} of {rounds}"))?;
    }
    expect_no_more_errors(vm, errors)
}

fn enforced_by_rebinds(vm: &mut Vm) -> Result<()> {
    MEANWHILE.iter().try_for_each(|meanwhile| {
        let writes = vm.register_writes();
        rebind(vm, meanwhile)?;
        expect_enforced_again(vm, 1, writes)
    })
}

fn rebind(vm: &mut Vm, Meanwhile { before, between }: &Meanwhile) -> Result<()> {
    let bdf = vm.bdf().to_owned();
    vm.guest.check(&format!(
        "{before} && echo {bdf} >{DRIVER}/unbind && {between} && echo {bdf} >{DRIVER}/bind"
    ))?;
    vm.wait_for_amdgpu()
}
