// SPDX-License-Identifier: MIT

//! `rmcp-kctl verify` agrees with the GPU: what it reads of registers and page tables is what the GPU
//! itself saw, in force and not in force; and what it cannot read it says.

use super::mtype::{counters, expect_types, CC, NC};
use super::support::{expect_healthy_kernel, load_amdgpu_alone, start_enforced, unload_both};
use crate::vm::Vm;
use anyhow::{ensure, Context, Result};
use serde_json::Value;

/// Runs a command where debugfs is not mounted, for it alone.
const NO_DEBUGFS: &str = "unshare --mount --propagation=private sh -c \
    'umount --recursive --lazy /sys/kernel/debug && exec \"$@\"' sh";
/// Runs a command as a user who may nothing.
const NOBODY: &str = "setpriv --reuid=65534 --regid=65534 --clear-groups";

pub(super) fn agrees_with_the_gpu(vm: &mut Vm) -> Result<()> {
    start_enforced(vm)?;
    in_force(vm)?;
    not_everything_readable(vm)?;
    without_probes(vm)?;
    after_rmcp(vm)?;
    other_values(vm)?;
    expect_healthy_kernel(vm)
}

/// Every source confirms, by the values that the GPU has.
fn in_force(vm: &mut Vm) -> Result<()> {
    let before = counters(vm, 0)?;
    let seen = verify(vm, "", "", 0)?;
    expect_registers_of_the_gpus(vm, &seen)?;
    for (policy, source) in [
        ("noretry", "GCVM registers"),
        ("noretry", "MMVM registers"),
        ("fragment_size", "DEV_INFO"),
        ("mtype_cc", "kprobes"),
    ] {
        expect(&seen, policy, source, "confirmed", "")?;
    }
    expect(
        &seen,
        "noretry",
        "amdgpu option",
        "says-nothing",
        "noretry=0: asks for another",
    )?;
    expect(&seen, "mtype_cc", "page table", "not-read", "--probe")?;
    ensure!(
        counters(vm, 0)? == before,
        "verify without --probe has mapped something"
    );

    let text = vm.guest.check("rmcp-kctl verify")?;
    let long = text.lines().find(|line| line.chars().count() > 80);
    ensure!(long.is_none(), "a line has more than 80 columns: {long:?}");

    let mapped = u64::from(shows_page_tables(vm)?);
    expect_probe(vm, NC, 0)?;
    let after = counters(vm, 0)?;
    ensure!(
        after == [before[0] + mapped, before[1] + mapped],
        "the probe took the counters from {before:?} to {after:?}"
    );
    // A process's own mappings, as the GPU walks them.
    expect_types(vm, 0, NC).map(drop)
}

/// What is in the way is named, and confirms nothing.
fn not_everything_readable(vm: &mut Vm) -> Result<()> {
    let seen = verify(vm, NO_DEBUGFS, "--probe", 4)?;
    let why = "debugfs is not mounted";
    for source in ["GCVM registers", "MMVM registers"] {
        expect(&seen, "noretry", source, "not-read", why)?;
    }
    expect(&seen, "mtype_cc", "kprobes", "not-read", why)?;
    expect(&seen, "mtype_cc", "page table", "not-read", why)?;
    expect(&seen, "fragment_size", "DEV_INFO", "confirmed", "")?;

    let seen = verify(vm, NOBODY, "--probe", 4)?;
    for (policy, source, why) in [
        ("noretry", "GCVM registers", "only root may read"),
        ("noretry", "MMVM registers", "only root may read"),
        (
            "fragment_size",
            "DEV_INFO",
            "this user may not open /dev/dri/",
        ),
        ("mtype_cc", "kprobes", "only root may read"),
        ("mtype_cc", "page table", "this user may not open /dev/dri/"),
    ] {
        expect(&seen, policy, source, "not-read", why)?;
    }
    Ok(())
}

/// rmcp cannot know that somebody switched its probes off; the kernel does.
fn without_probes(vm: &mut Vm) -> Result<()> {
    for switch in [
        "/sys/kernel/debug/kprobes/enabled",
        "/proc/sys/kernel/ftrace_enabled",
    ] {
        vm.guest.check(&format!("echo 0 >{switch}"))?;
        let seen = verify_probe(vm, 2, "contradicted", "mapped as CC is CC")?;
        expect(&seen, "mtype_cc", "kprobes", "contradicted", "switched off")?;
        expect(&seen, "noretry", "GCVM registers", "confirmed", "")?;
        vm.guest.check(&format!("echo 1 >{switch}"))?;
        verify_probe(vm, 0, "confirmed", "mapped as CC is NC")?;
    }
    Ok(())
}

fn after_rmcp(vm: &mut Vm) -> Result<()> {
    vm.guest.check("rmmod rmcp")?;
    let seen = expect_probe(vm, CC, 2)?;
    expect(
        &seen,
        "mtype_cc",
        "kprobes",
        "contradicted",
        "no kprobe is on",
    )?;
    expect_types(vm, 0, CC)?;
    // What it wrote stays until amdgpu writes anew.
    expect(&seen, "noretry", "GCVM registers", "confirmed", "")?;

    unload_both(vm)?;
    load_amdgpu_alone(vm)?;
    let seen = verify(vm, "", "", 2)?;
    expect_registers_of_the_gpus(vm, &seen)?;
    for hub in ["GCVM", "MMVM"] {
        let named = format!("{hub}_CONTEXT1..15_CNTL: bit 7 is 1");
        expect(
            &seen,
            "noretry",
            &format!("{hub} registers"),
            "contradicted",
            &named,
        )?;
    }
    Ok(())
}

/// Other parameters are held against the same sources.
fn other_values(vm: &mut Vm) -> Result<()> {
    unload_both(vm)?;
    vm.guest
        .check("modprobe rmcp noretry=-1 fragment_size=4 mtype_cc=uc && modprobe amdgpu")?;
    vm.wait_for_amdgpu()?;
    let seen = verify_probe(vm, 0, "confirmed", "mapped as CC is UC")?;
    expect_registers_of_the_gpus(vm, &seen)?;
    expect(
        &seen,
        "noretry",
        "GCVM registers",
        "says-nothing",
        "bit 7 is 1",
    )?;
    expect(&seen, "fragment_size", "DEV_INFO", "confirmed", "65536")
}

/// On a locked-down kernel, as Secure Boot makes it, registers and page tables are read all the same.
pub(super) fn under_lockdown(vm: &mut Vm) -> Result<()> {
    start_enforced(vm)?;
    vm.guest
        .check("echo integrity >/sys/kernel/security/lockdown")?;
    let refused = "head -c 4 /sys/kernel/debug/dri/0/amdgpu_regs2";
    ensure!(
        vm.guest.run(refused)?.status != 0,
        "the lockdown lets amdgpu_regs2 be opened: it is none"
    );
    let seen = verify_probe(vm, 0, "confirmed", "mapped as CC is NC")?;
    expect_registers_of_the_gpus(vm, &seen)?;
    // The list of kprobes is read, and their switch is not.
    let seen = verify(vm, "", "", 0)?;
    expect(&seen, "mtype_cc", "kprobes", "confirmed", "cannot be read")
}

/// Of a GPU that sleeps, `verify` says so and ends so; whether it still sleeps, the caller sees.
pub(super) fn expect_not_woken(vm: &mut Vm, exit: i32) -> Result<()> {
    let seen = verify(vm, "", "--probe", exit)?;
    for (policy, source) in [
        ("noretry", "GCVM registers"),
        ("noretry", "MMVM registers"),
        ("fragment_size", "DEV_INFO"),
        ("mtype_cc", "page table"),
    ] {
        expect(&seen, policy, source, "not-read", "the GPU sleeps")?;
    }
    Ok(())
}

/// Runs `verify` with a command before it and arguments after it; it must end so.
pub(super) fn verify(vm: &mut Vm, before: &str, after: &str, expected: i32) -> Result<Value> {
    let output = vm
        .guest
        .run(&format!("{before} rmcp-kctl --json verify {after}"))?;
    ensure!(
        output.status == expected,
        "{before} rmcp-kctl verify {after} ended with {}, expected was {expected}: {}{}",
        output.status,
        output.stdout,
        output.stderr
    );
    let seen: Value = serde_json::from_str(&output.stdout).context("verify printed no JSON")?;
    ensure!(
        seen["exit_code"] == expected,
        "in its JSON, verify ended otherwise"
    );
    Ok(seen)
}

/// Whether amdgpu shows where page tables begin; that of Linux 6.12 does not.
fn shows_page_tables(vm: &mut Vm) -> Result<bool> {
    let found = vm
        .guest
        .run("grep -qw amdgpu_pt_info_read /proc/kallsyms")?;
    Ok(found.status == 0)
}

/// `verify --probe` must end so, and say this of the page table. Where amdgpu does not show it, it must
/// say that.
pub(super) fn verify_probe(vm: &mut Vm, exit: i32, outcome: &str, detail: &str) -> Result<Value> {
    let (outcome, detail) = if shows_page_tables(vm)? {
        (outcome, detail)
    } else {
        ("not-read", "amdgpu does not show")
    };
    let seen = verify(vm, "", "--probe", exit)?;
    expect(&seen, "mtype_cc", "page table", outcome, detail)?;
    Ok(seen)
}

/// [`verify_probe`], by the memory type in the page-table entry.
fn expect_probe(vm: &mut Vm, mtype: u8, exit: i32) -> Result<Value> {
    let outcome = if exit == 0 {
        "confirmed"
    } else {
        "contradicted"
    };
    let seen = verify_probe(vm, exit, outcome, "mapped as CC is ")?;
    if !shows_page_tables(vm)? {
        return Ok(seen);
    }
    let check = check(&seen["gpus"][0], "mtype_cc", "page table")?;
    let entry = check["values"]["page_table_entry"].as_u64();
    ensure!(
        entry.is_some_and(|entry| entry & 1 == 1 && entry >> 48 & 7 == u64::from(mtype)),
        "verify found the page-table entry {entry:#x?}, expected was one of type {mtype}"
    );
    Ok(seen)
}

/// All 30 values that `verify` read must be those that the driver wrote, on each guarded GPU.
pub(super) fn expect_registers_of_the_gpus(vm: &Vm, seen: &Value) -> Result<()> {
    for gpu in vm.gpus() {
        let mut found = seen["gpus"].as_array().into_iter().flatten();
        let found = found
            .find(|found| found["bdf"] == gpu.bdf())
            .with_context(|| format!("verify does not know {}", gpu.bdf()))?;
        if found["verdict"] == "no-gpu" {
            continue;
        }
        for (name, value) in gpu.registers().named() {
            let source = format!("{} registers", &name[..4]);
            let read = &check(found, "noretry", &source)?["values"][&name];
            ensure!(
                value.is_some() && read.as_u64() == value.map(u64::from),
                "{}: verify read {name} as {read}, the driver wrote {value:x?}",
                gpu.bdf()
            );
        }
    }
    Ok(())
}

/// What a source must have said of a policy on the first GPU.
fn expect(seen: &Value, policy: &str, source: &str, outcome: &str, detail: &str) -> Result<()> {
    let check = check(&seen["gpus"][0], policy, source)?;
    ensure!(
        check["outcome"] == outcome
            && check["detail"]
                .as_str()
                .is_some_and(|found| found.contains(detail)),
        "verify says of {policy} by {source}: {check}, expected was {outcome} with {detail:?}"
    );
    Ok(())
}

/// What a source said of a policy on a GPU.
pub(super) fn check<'a>(gpu: &'a Value, policy: &str, source: &str) -> Result<&'a Value> {
    let find = |list: &'a Value, key: &str, name: &str| {
        let mut values = list.as_array()?.iter();
        values.find(|value| value[key] == name)
    };
    find(&gpu["policies"], "name", policy)
        .and_then(|policy| find(&policy["checks"], "source", source))
        .with_context(|| format!("verify says nothing of {policy} by {source}: {gpu}"))
}
