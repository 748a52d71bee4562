// SPDX-License-Identifier: MIT

//! An amdgpu that is not the one rmcp was built for: without BTF, with a function renamed, gone or
//! of another prototype. rmcp names what is not as expected and stays away from it, whichever of
//! the two comes first, and is back with the kernel's own amdgpu.

use super::support::{
    expect_healthy_kernel, expect_registers, expect_status, new_kernel_log, OPTIONS, RELOAD,
};
use super::tampered::expect_stood_down;
use crate::page_tables::{decides_mtype, MAP_MTYPE};
use crate::report::Retry;
use crate::vm::Vm;
use anyhow::{ensure, Result};

/// What rmcp says of BTF that is not the one it knows, whatever differs in it.
const OTHER_BTF: &str = "this amdgpu's BTF is not the one rmcp was built for";

/// The altered copies, and what rmcp says of each.
const COPIES: [(&str, &str); 5] = [
    ("stripped", "this amdgpu has no BTF that can be read"),
    ("argument", OTHER_BTF),
    ("renamed", OTHER_BTF),
    (
        "gmc_v10_0_hw_init",
        "this amdgpu has no function gmc_v10_0_hw_init to place a kprobe on",
    ),
    (
        "gmc_v10_0_sw_fini",
        "this amdgpu has no function gmc_v10_0_sw_fini to place a kprobe on",
    ),
];

pub(super) fn is_refused_by_name(vm: &mut Vm) -> Result<()> {
    vm.guest.check("modprobe amdgpu")?;
    let decides = decides_mtype(vm)?;
    expect_refusal_at_build(vm, decides)?;
    // What the kernel's own amdgpu needs stays loaded: its copies need it as well.
    vm.guest.check("rmmod amdgpu && rmmod rmcp")?;
    vm.guest
        .check("/usr/local/lib/rmcp-tests/replace good && modprobe rmcp")?;
    let mut seen = 0;
    new_kernel_log(vm, &mut seen)?;
    let no_function = format!("this amdgpu has no function {decides} to place a kprobe on");
    for (copy, reason) in COPIES.into_iter().chain([(decides, &*no_function)]) {
        // modprobe would give it the options that the kernel was started with.
        vm.guest
            .check(&format!("insmod {} {OPTIONS}", file(copy)))?;
        vm.wait_for_amdgpu()?;
        let log = new_kernel_log(vm, &mut seen)?;
        expect_stood_down(vm, &log, reason)?;
        // And an rmcp that comes when it is there already.
        vm.guest.check(RELOAD)?;
        let log = new_kernel_log(vm, &mut seen)?;
        expect_stood_down(vm, &log, reason)?;
        vm.guest.check("rmmod amdgpu")?;
    }
    vm.guest.check("modprobe amdgpu")?;
    vm.wait_for_amdgpu()?;
    expect_registers(vm, Retry::Off)?;
    expect_status(vm, 0)?;
    expect_healthy_kernel(vm)
}

/// `rmcp-kctl layout` and `install` name what they can see in the file.
fn expect_refusal_at_build(vm: &mut Vm, decides: &str) -> Result<()> {
    let (before, last) = if decides == MAP_MTYPE {
        ("uint64_t (struct amdgpu_device *adev", "uint32_t flags")
    } else {
        (
            "void (struct amdgpu_device *adev, struct amdgpu_vm *vm, struct amdgpu_bo *bo, \
             uint32_t vm_flags",
            "uint64_t *flags",
        )
    };
    let prototype = format!("{decides} is {before}, {last}, {last}), expected {before}, {last})");
    for (command, expected) in [
        (
            format!("rmcp-kctl layout --amdgpu {}", file("stripped")),
            "amdgpu.ko has no .BTF section",
        ),
        (
            format!("rmcp-kctl layout --amdgpu {}", file("renamed")),
            "no function gmc_v10_0_hw_init in amdgpu's BTF",
        ),
        (
            format!("rmcp-kctl layout --amdgpu {}", file("argument")),
            &prototype,
        ),
        (
            format!(
                "unshare --mount sh -c 'mount --bind {} \
                 /lib/modules/$(uname -r)/kernel/drivers/gpu/drm/amd/amdgpu/amdgpu.ko* && \
                 rmcp-kctl install --dry-run'",
                file("argument")
            ),
            &prototype,
        ),
    ] {
        let output = vm.guest.run(&command)?;
        ensure!(
            output.status != 0 && format!("{}{}", output.stdout, output.stderr).contains(expected),
            "`{command}` was to fail and name {expected:?}; it ended with {} and says: {}{}",
            output.status,
            output.stdout,
            output.stderr
        );
    }
    Ok(())
}

fn file(copy: &str) -> String {
    format!("/usr/local/lib/rmcp-tests/amdgpu-{copy}.ko.zst")
}
