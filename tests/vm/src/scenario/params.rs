// SPDX-License-Identifier: MIT

//! A modprobe.d full of folklore: what `rmcp-kctl params check` says of it is what the real modprobe,
//! kernel and amdgpu make of it, and after `params fix` the policy is in force.

use super::support::{
    expect_file, expect_healthy_kernel, expect_not_loaded, expect_registers, expect_status,
    new_kernel_log, start_enforced, unload_both,
};
use crate::report::Retry;
use crate::vm::Vm;
use anyhow::{ensure, Context, Result};
use serde_json::Value;
use std::collections::BTreeSet;

const FILE: &str = "/etc/modprobe.d/amdgpu.conf";

/// What folklore writes, the rule that finds it, and what the kernel log says of it.
const FOLKLORE: [(&str, &str, &str); 3] = [
    (
        "gtt_size=8192",
        "unknown-name",
        "unknown parameter 'gtt_size' ignored",
    ),
    (
        "vm_fragment_size=21",
        "out-of-range",
        "valid range is between 4 and 9",
    ),
    (
        "gttsize=1024",
        "deprecated",
        "gttsize via module parameter is deprecated",
    ),
];

pub(super) fn folklore(vm: &mut Vm) -> Result<()> {
    start_enforced(vm)?;
    unload_both(vm)?;
    let options = FOLKLORE.map(|(option, _, _)| option).join(" ");
    // Whose removal together with amdgpu harms nobody.
    let shadow = "softdep amdgpu pre: dummy";
    write(vm, &format!("options amdgpu {options}\n{shadow}"))?;

    let mut expected: BTreeSet<&str> = FOLKLORE.iter().map(|(_, rule, _)| *rule).collect();
    expected.insert("softdep-shadowed");
    expect_rules(vm, &expected)?;
    expect_status_names_no_softdep(vm)?;
    expect_modprobe_agrees(vm)?;

    // Each of them is as it says.
    let mut seen = 0;
    new_kernel_log(vm, &mut seen)?;
    vm.guest.check("modprobe amdgpu")?;
    vm.wait_for_amdgpu()?;
    let log = new_kernel_log(vm, &mut seen)?;
    for (option, _, line) in FOLKLORE {
        ensure!(
            log.contains(line),
            "with {option} the kernel does not log {line:?}: {log}"
        );
    }
    expect_file(vm, "/sys/module/amdgpu/parameters/vm_fragment_size", "-1")?;
    expect_not_loaded(vm, "rmcp")?;
    expect_registers(vm, Retry::On)?;

    unload_both(vm)?;
    vm.guest.check("rmcp-kctl params fix --yes")?;
    expect_file(
        vm,
        FILE,
        "options amdgpu gttsize=1024\nsoftdep amdgpu pre: rmcp dummy",
    )?;
    vm.guest.check("modprobe amdgpu")?;
    vm.wait_for_amdgpu()?;
    expect_status(vm, 0)?;
    expect_registers(vm, Retry::Off)?;

    // amdgpu's own help offers -1 for this one.
    unload_both(vm)?;
    write(vm, "options amdgpu gartsize=-1")?;
    expect_rules(vm, &BTreeSet::from(["not-parsable"]))?;
    let load = vm.guest.run("modprobe amdgpu")?;
    ensure!(
        load.status != 0 && load.stderr.contains("Invalid argument"),
        "modprobe amdgpu ended with {} and {:?}, expected was \"Invalid argument\"",
        load.status,
        load.stderr
    );
    vm.guest.check(&format!("rm {FILE}*"))?;
    start_enforced(vm)?;
    expect_healthy_kernel(vm)
}

/// On a machine that loads amdgpu from its initramfs: what is set now is not in that image.
pub(super) fn set_after_the_image_was_made(vm: &mut Vm) -> Result<()> {
    write(vm, "options amdgpu vm_fragment_size=8")?;
    expect_rules(vm, &BTreeSet::from(["initramfs", "not-live"]))?;
    let check = json(vm, "params check")?;
    // The softdep that install wrote is in the image, and is found there.
    let softdep = "/etc/modprobe.d/rmcp.conf";
    ensure!(
        check["findings"]
            .as_array()
            .is_some_and(|all| all.iter().all(|finding| finding["file"] != softdep)),
        "params check complains about {softdep}: {check}"
    );
    vm.guest.check(&format!("rm {FILE}"))?;
    Ok(())
}

fn write(vm: &mut Vm, text: &str) -> Result<()> {
    vm.guest
        .check(&format!("cat >{FILE} <<'END'\n{text}\nEND"))?;
    Ok(())
}

fn json(vm: &mut Vm, command: &str) -> Result<Value> {
    let output = vm.guest.run(&format!("rmcp-kctl --json {command}"))?;
    serde_json::from_str(&output.stdout)
        .with_context(|| format!("rmcp-kctl --json {command} printed no JSON: {output:?}"))
}

/// The rules that find something in the file must be these.
fn expect_rules(vm: &mut Vm, expected: &BTreeSet<&str>) -> Result<()> {
    let check = json(vm, "params check")?;
    ensure!(check["exit_code"] == 2, "params check: {check}");
    let findings = check["findings"].as_array().context("no findings")?;
    let found: BTreeSet<&str> = findings
        .iter()
        .filter(|finding| finding["file"] == FILE)
        .filter_map(|finding| finding["rule"].as_str())
        .collect();
    ensure!(
        found == *expected,
        "params check found {found:?} in {FILE}, expected was {expected:?}: {check}"
    );
    Ok(())
}

fn expect_status_names_no_softdep(vm: &mut Vm) -> Result<()> {
    let boot = &json(vm, "status")?["boot"];
    ensure!(
        boot["softdep"].is_null(),
        "status says that rmcp is loaded first: {boot}"
    );
    Ok(())
}

/// modprobe must pass amdgpu the very words that `params list` names, in the same order.
fn expect_modprobe_agrees(vm: &mut Vm) -> Result<()> {
    let config = vm.guest.check("modprobe --showconfig")?;
    let theirs: Vec<&str> = config
        .lines()
        .filter_map(|line| line.strip_prefix("options amdgpu "))
        .flat_map(str::split_whitespace)
        .collect();
    let list = json(vm, "params list")?;
    let ours: Vec<String> = list
        .as_array()
        .context("no list")?
        .iter()
        .filter(|row| row["module"] == "amdgpu")
        .map(|row| {
            let word = |name: &str| row[name].as_str().unwrap_or_default().to_owned();
            format!("{}={}", word("name"), word("value"))
        })
        .collect();
    ensure!(
        ours == theirs,
        "params list has {ours:?}, modprobe passes {theirs:?}"
    );
    Ok(())
}
