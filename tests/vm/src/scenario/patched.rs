// SPDX-License-Identifier: MIT

//! amdgpu with the patches of `patches/linux/`: what it does alone is what the kernel's own does with
//! rmcp; rmcp beside it knows it and stands by; and the commands judge it as they judge rmcp.

use super::doctor::doctor;
use super::modes::{of_this_one_change_it, Keeper};
use super::mtype::{expect_types, NC};
use super::support::{
    expect_guard, expect_healthy_kernel, expect_registers, expect_status, load_amdgpu_alone,
    new_kernel_log, read, unload_both, OPTIONS, RELOAD,
};
use super::verify::{check, expect_registers_of_the_gpus, verify};
use crate::page_tables::PageTables;
use crate::report::{Registers, Retry};
use crate::vm::Vm;
use anyhow::{ensure, Context, Result};

/// The file of the kernel's own amdgpu.
pub(super) const KERNELS_OWN: &str =
    "/lib/modules/$(uname -r)/kernel/drivers/gpu/drm/amd/amdgpu/amdgpu.ko*";
const STRIPPED: &str = "/usr/local/lib/rmcp-tests/amdgpu-patched-stripped.ko.zst";
const REASON: &str = "this amdgpu has the policy itself";

pub(super) fn stands_in_for_rmcp(vm: &mut Vm) -> Result<()> {
    vm.wait_for_amdgpu()?;
    let log = vm.guest.check("dmesg")?;
    expect_stands_by(vm, &log)?;
    judged_by_the_commands(vm)?;

    // And an rmcp that comes when amdgpu is there already.
    let mut seen = log.lines().count();
    vm.guest.check(RELOAD)?;
    let log = new_kernel_log(vm, &mut seen)?;
    expect_stands_by(vm, &log)?;
    judged_by_the_commands(vm)?;

    does_what_rmcp_does(vm)?;
    without_btf(vm)?;

    of_this_one_change_it(vm, Keeper::Amdgpu)?;
    out_of_range(vm)?;
    expect_healthy_kernel(vm)?;
    unload_both(vm)
}

/// rmcp gives its reason, in sysfs and in one line of the kernel log, and probes nothing.
fn expect_stands_by(vm: &mut Vm, log: &str) -> Result<()> {
    expect_guard(vm, "report-only")?;
    let given = read(vm, "/sys/module/rmcp/guard/reason")?;
    ensure!(
        given.starts_with(REASON),
        "rmcp gives the reason {given:?}, expected was one with {REASON:?}"
    );
    let said = log.lines().filter(|line| line.contains(REASON)).count();
    ensure!(
        said == 1,
        "rmcp said so {said} times, expected was once: {log}"
    );
    let probes = vm.guest.check("cat /sys/kernel/debug/kprobes/list")?;
    ensure!(
        probes.is_empty(),
        "rmcp stands by, but has probes: {probes}"
    );
    let own = vm.gpu_file(Keeper::Rmcp.directory());
    vm.guest.check(&format!("! test -e {own}"))?;
    Ok(())
}

/// With rmcp or without, they take the driver's word where its values agree.
fn judged_by_the_commands(vm: &mut Vm) -> Result<()> {
    expect_registers(vm, Retry::Off)?;
    let status = expect_status(vm, 0)?;
    ensure!(
        status["driver_policy"]["mtype_cc"] == "nc",
        "status does not say that amdgpu has the policy: {status}"
    );

    let seen = verify(vm, "", "--probe", 0)?;
    expect_registers_of_the_gpus(vm, &seen)?;
    ensure!(
        seen["gpus"][0]["keeper"] == "amdgpu",
        "verify takes another for the keeper: {seen}"
    );
    // Of a driver that needs no kprobe, only a page table shows what becomes of a request for CC.
    verify(vm, "", "", 4)?;

    let found = doctor(vm, "")?;
    found.expect_word("module", "good", "amdgpu has the policy itself")?;
    found.expect_word("gpu", "good", "enforced")?;

    let detected = vm.guest.check("rmcp-kctl detect")?;
    ensure!(
        detected.ends_with("guarded=yes usable=yes\n"),
        "detect says {detected:?}"
    );
    Ok(())
}

/// All that can be seen of the policy.
#[derive(Debug, PartialEq)]
struct Effect {
    registers: Registers,
    /// By DEV_INFO.
    fragment_size: u64,
    tables: PageTables,
    /// Files and values.
    attributes: String,
}

impl Effect {
    fn of(vm: &mut Vm, keeper: Keeper) -> Result<Self> {
        let tables = expect_types(vm, 0, NC)?;
        let seen = verify(vm, "", "--probe", 0)?;
        let told = check(&seen["gpus"][0], "fragment_size", "DEV_INFO")?;
        let directory = vm.gpu_file(keeper.directory());
        Ok(Self {
            registers: vm.registers(),
            fragment_size: told["values"]["pte_fragment_size"]
                .as_u64()
                .context("verify read no fragment size")?,
            tables,
            attributes: vm.guest.check(&format!("cd {directory} && grep . *"))?,
        })
    }
}

/// The patched amdgpu alone, and then the kernel's own with rmcp.
fn does_what_rmcp_does(vm: &mut Vm) -> Result<()> {
    unload_both(vm)?;
    load_amdgpu_alone(vm)?;
    let patched = Effect::of(vm, Keeper::Amdgpu)?;
    judged_by_the_commands(vm)?;

    unload_amdgpu(vm)?;
    vm.guest.check("modprobe rmcp")?;
    load_file(vm, KERNELS_OWN, OPTIONS)?;
    let guarded = Effect::of(vm, Keeper::Rmcp)?;
    ensure!(
        patched == guarded,
        "the patched amdgpu does {patched:?}, the kernel's own with rmcp {guarded:?}"
    );
    Ok(())
}

/// rmcp, which is loaded, then cannot know the policy, and refuses; the driver's word is taken as ever.
fn without_btf(vm: &mut Vm) -> Result<()> {
    unload_amdgpu(vm)?;
    load_file(vm, STRIPPED, OPTIONS)?;
    expect_guard(vm, "refused")?;
    judged_by_the_commands(vm)
}

/// Loads amdgpu from a file, with these parameters. What it needs must be there.
pub(super) fn load_file(vm: &mut Vm, file: &str, options: &str) -> Result<()> {
    vm.guest.check(&format!("insmod {file} {options}"))?;
    vm.wait_for_amdgpu()
}

/// Takes amdgpu out and leaves what it needs.
pub(super) fn unload_amdgpu(vm: &mut Vm) -> Result<()> {
    vm.guest.check("rmmod amdgpu")?;
    Ok(())
}

/// As with amdgpu's other parameters, a warning, and the default.
fn out_of_range(vm: &mut Vm) -> Result<()> {
    let mut seen = 0;
    new_kernel_log(vm, &mut seen)?;
    Keeper::Amdgpu.load(vm, "noretry=7 fragment_size=3 mtype_cc=cc")?;
    let log = new_kernel_log(vm, &mut seen)?;
    for warning in [
        "gmc_v10_noretry=7 is out of range: 1 is used",
        "gmc_v10_fragment_size=3 is out of range: 9 is used",
        "gmc_v10_mtype_cc=cc is out of range: nc is used",
    ] {
        ensure!(log.contains(warning), "amdgpu does not say {warning:?}");
    }
    judged_by_the_commands(vm)
}
