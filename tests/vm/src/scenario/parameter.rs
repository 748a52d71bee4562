// SPDX-License-Identifier: MIT

//! A parameter out of range: the load fails with EINVAL and the kernel log names the range, while
//! amdgpu goes on, and also comes up when the parameter stands in modprobe.d.

use super::support::{
    expect_healthy_kernel, expect_not_loaded, expect_registers, new_kernel_log, start_enforced,
    unload_both,
};
use crate::report::Retry;
use crate::vm::Vm;
use anyhow::{ensure, Result};

/// A bad value of each parameter, and the range as the log must name it.
const BAD: [(&str, &str); 4] = [
    ("noretry=7", "1, 0 or -1"),
    ("fragment_size=3", "4 to 9, or -1"),
    ("mtype_cc=cc", "nc, uc, report or off"),
    ("enforce=yes", "1 or 0"),
];

pub(super) fn out_of_range(vm: &mut Vm) -> Result<()> {
    start_enforced(vm)?;
    vm.guest.check("rmmod rmcp")?;
    let mut seen = 0;
    new_kernel_log(vm, &mut seen)?;
    for (parameter, range) in BAD {
        let load = vm.guest.run(&format!("modprobe rmcp {parameter}"))?;
        ensure!(
            load.status != 0 && load.stderr.contains("Invalid argument"),
            "modprobe rmcp {parameter} ended with {} and {:?}, expected was \"Invalid argument\"",
            load.status,
            load.stderr
        );
        expect_not_loaded(vm, "rmcp")?;
        let log = new_kernel_log(vm, &mut seen)?;
        ensure!(
            log.lines()
                .any(|line| line.contains(parameter) && line.contains(range)),
            "no line of the kernel log names {parameter:?} and the range {range:?}: {log}"
        );
    }
    vm.wait_for_amdgpu()?;

    unload_both(vm)?;
    let (parameter, _) = BAD[0];
    let file = "/etc/modprobe.d/bad-parameter.conf";
    vm.guest.check(&format!(
        "echo options rmcp {parameter} >{file} && modprobe amdgpu"
    ))?;
    vm.wait_for_amdgpu()?;
    expect_not_loaded(vm, "rmcp")?;
    expect_registers(vm, Retry::On)?;
    vm.guest.check(&format!("rm {file}"))?;
    expect_healthy_kernel(vm)
}
