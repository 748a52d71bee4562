// SPDX-License-Identifier: MIT

//! An ordinary boot: udev finds the GPU, modprobe loads rmcp and then amdgpu, and the policy is in
//! force, from sysfs down to the registers.

use super::support::{expect_file, expect_healthy_kernel, expect_registers, expect_status, read};
use crate::report::Retry;
use crate::vm::Vm;
use anyhow::{ensure, Context, Result};

pub(super) fn enforces(vm: &mut Vm) -> Result<()> {
    vm.wait_for_amdgpu()?;
    ensure!(
        rmcp_came_first(&read(vm, "/proc/modules")?)?,
        "amdgpu was loaded before rmcp"
    );
    expect_status(vm, 0)?;
    for (name, expected) in [
        ("state", "enforced"),
        ("noretry", "1"),
        ("fragment_size", "9"),
        // Of the kernel's command line.
        ("noretry_driver_default", "0"),
    ] {
        let path = vm.gpu_file(&format!("rmcp/{name}"));
        expect_file(vm, &path, expected)?;
    }
    expect_registers(vm, Retry::Off)?;
    // The slots of this machine cannot be switched off, unlike that of `runtime_pm.rs`.
    vm.guest
        .check("dmesg | grep 'amdgpu.*Runtime PM not available'")?;
    expect_healthy_kernel(vm)
}

/// `/proc/modules` lists the module that was loaded last first.
fn rmcp_came_first(modules: &str) -> Result<bool> {
    let position = |name: &str| {
        modules
            .lines()
            .position(|line| line.split(' ').next() == Some(name))
            .with_context(|| format!("the module {name} is not loaded"))
    };
    Ok(position("rmcp")? > position("amdgpu")?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_is_read_from_the_list() {
        let (rmcp, amdgpu) = ("rmcp 28672 0 - Live 0x0 (OE)\n", "amdgpu 1 0 - Live 0x0\n");
        assert!(rmcp_came_first(&format!("{amdgpu}drm 1 1 amdgpu,\n{rmcp}")).unwrap());
        assert!(!rmcp_came_first(&format!("{rmcp}{amdgpu}")).unwrap());
        assert!(rmcp_came_first(amdgpu).is_err());
    }
}
