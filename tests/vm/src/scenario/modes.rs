// SPDX-License-Identifier: MIT

//! The parameters change what is done: `enforce=0` only looks, -1 leaves a field alone, and
//! `mtype_cc=uc` and `report` deal with a request for MTYPE_CC in their own ways. So do those of an
//! amdgpu that has the policy itself.

use super::mtype::{expect_counted, Counted, CC, NC, UC};
use super::support::{
    expect_file, expect_guard, expect_healthy_kernel, expect_registers, expect_status,
    start_enforced, unload_both, AMDGPU_ALONE,
};
use crate::report::Retry;
use crate::vm::Vm;
use anyhow::Result;

/// Who keeps the policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keeper {
    Rmcp,
    /// An amdgpu that has it itself, alone.
    Amdgpu,
}

pub(super) fn change_what_is_done(vm: &mut Vm) -> Result<()> {
    start_enforced(vm)?;
    of_this_one_change_it(vm, Keeper::Rmcp)
}

pub(super) fn of_this_one_change_it(vm: &mut Vm, keeper: Keeper) -> Result<()> {
    keeper.load(vm, "enforce=0")?;
    if keeper == Keeper::Rmcp {
        expect_guard(vm, "armed")?;
    }
    keeper.expect(vm, "state", "report-only")?;
    keeper.expect(vm, "noretry", "0")?;
    expect_status(vm, 2)?;
    expect_registers(vm, Retry::On)?;
    expect_counted(vm, CC, Counted::Seen)?;

    keeper.load(vm, "noretry=-1 mtype_cc=uc")?;
    keeper.expect(vm, "state", "enforced")?;
    keeper.expect(vm, "noretry", "0")?;
    expect_registers(vm, Retry::On)?;
    expect_counted(vm, UC, Counted::Rewritten)?;

    keeper.load(vm, "fragment_size=4 mtype_cc=report")?;
    keeper.expect(vm, "fragment_size", "4")?;
    keeper.expect(vm, "fragment_size_driver_default", "9")?;
    expect_status(vm, 0)?;
    expect_registers(vm, Retry::Off)?;
    expect_counted(vm, CC, Counted::Seen)?;

    keeper.load(vm, "noretry=-1 fragment_size=-1")?;
    keeper.expect(vm, "state", "report-only")?;
    expect_status(vm, 0)?;
    expect_counted(vm, NC, Counted::Rewritten)?;

    keeper.load(vm, "mtype_cc=off")?;
    expect_counted(vm, CC, Counted::NotAtAll)?;
    expect_healthy_kernel(vm)?;
    // No other scenario is to find these parameters.
    unload_both(vm)
}

impl Keeper {
    /// Its directory in that of a GPU.
    pub(super) fn directory(self) -> &'static str {
        match self {
            Self::Rmcp => "rmcp",
            Self::Amdgpu => "gmc_v10_policy",
        }
    }

    /// Loads it with these parameters, and amdgpu.
    pub(super) fn load(self, vm: &mut Vm, parameters: &str) -> Result<()> {
        unload_both(vm)?;
        let command = match self {
            Self::Rmcp => format!("modprobe rmcp {parameters} && modprobe amdgpu"),
            Self::Amdgpu => {
                let words = parameters.split_whitespace();
                let named: Vec<_> = words.map(|word| format!(" gmc_v10_{word}")).collect();
                format!("{AMDGPU_ALONE}{}", named.concat())
            }
        };
        vm.guest.check(&command)?;
        vm.wait_for_amdgpu()
    }

    pub(super) fn expect(self, vm: &mut Vm, file: &str, expected: &str) -> Result<()> {
        let path = vm.gpu_file(&format!("{}/{file}", self.directory()));
        expect_file(vm, &path, expected)
    }
}
