// SPDX-License-Identifier: MIT

//! The GPU is taken from its driver and given back, again and again; rmcp is there, or goes and
//! comes meanwhile.

use super::growth::expect_none_of_rmcp;
use super::support::{
    expect_enforced_again, expect_no_more_errors, kernel_errors, rebind, start_enforced, Meanwhile,
    MEANWHILE, NOTHING,
};
use crate::vm::Vm;
use anyhow::Result;

pub(super) fn three_times(vm: &mut Vm) -> Result<()> {
    start_enforced(vm)?;
    let errors = kernel_errors(vm)?.len();
    for meanwhile in &MEANWHILE {
        enforced_by_rebind(vm, meanwhile)?;
    }
    expect_no_more_errors(vm, errors)
}

pub(super) fn fifty_times(vm: &mut Vm) -> Result<()> {
    expect_none_of_rmcp(vm, 50, enforced_by_rebind, |vm| rebind(vm, &NOTHING))
}

fn enforced_by_rebind(vm: &mut Vm, meanwhile: &Meanwhile) -> Result<()> {
    let writes = vm.register_writes();
    rebind(vm, meanwhile)?;
    expect_enforced_again(vm, 1, writes)
}
