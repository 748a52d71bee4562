// SPDX-License-Identifier: MIT

//! Somebody switches all probes of the kernel off. What amdgpu then does unseen, rmcp does not call
//! enforced; when they are on again, all is as ever.

use super::support::{
    bind, expect_enforced_again, expect_file, expect_healthy_kernel, expect_registers,
    expect_status, read, start_enforced, unbind,
};
use crate::report::Retry;
use crate::vm::Vm;
use anyhow::{ensure, Result};

/// All kprobes, and ftrace, on which those at the entry of a function rest.
const SWITCHES: [&str; 2] = [
    "/sys/kernel/debug/kprobes/enabled",
    "/proc/sys/kernel/ftrace_enabled",
];

pub(super) fn while_a_gpu_comes(vm: &mut Vm) -> Result<()> {
    for switch in SWITCHES {
        start_enforced(vm)?;
        unbind(vm, 0)?;
        set(vm, switch, 0)?;
        bind(vm, 0)?;
        expect_missed(vm)?;

        // It goes unseen, too.
        unbind(vm, 0)?;
        set(vm, switch, 1)?;
        let writes = vm.register_writes();
        bind(vm, 0)?;
        expect_enforced_again(vm, 1, writes)?;
    }
    expect_healthy_kernel(vm)
}

fn set(vm: &mut Vm, switch: &str, value: u8) -> Result<()> {
    vm.guest.check(&format!("echo {value} >{switch}"))?;
    expect_file(vm, switch, &value.to_string())
}

fn expect_missed(vm: &mut Vm) -> Result<()> {
    expect_registers(vm, Retry::On)?;
    let state = vm.gpu_file("rmcp/state");
    expect_file(vm, &state, "refused")?;
    let reason = vm.gpu_file("rmcp/reason");
    let reason = read(vm, &reason)?;
    ensure!(
        reason.contains("kprobes or ftrace switched off"),
        "rmcp gives the reason {reason:?}"
    );
    expect_status(vm, 2)?;
    Ok(())
}
