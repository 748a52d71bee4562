// SPDX-License-Identifier: MIT

//! `rmcp-kctl run` with processes of the real ROCm runtime: a fault of the GPU ends them, is told from
//! those of others, kept, and answered as was asked.

use super::compute::{hexadecimal, PATIENCE, PROBE};
use super::support::{load_amdgpu_alone, start_enforced, unload_both};
use crate::guest::Output;
use crate::vm::Vm;
use anyhow::{ensure, Context, Result};
use serde_json::Value;

/// What a process ends with that the runtime aborts, as a shell says it.
const ABORTED: i32 = 128 + 6;
/// Nothing was started.
const REFUSED: i32 = 124;
/// Where faults are kept.
const KEPT: &str = "/run/rmcp-runs";

pub(super) fn a_job_that_faults(vm: &mut Vm) -> Result<()> {
    start_enforced(vm)?;
    everything_that_is_there_passes(vm)?;
    a_fault_is_kept(vm)?;
    a_fault_is_answered(vm)?;
    others_faults_are_not_the_jobs(vm)?;
    who_may_not_read_the_log_has_the_journal(vm)?;
    a_container_is_told_from_a_machine(vm)?;

    unload_both(vm)?;
    load_amdgpu_alone(vm)?;
    let refused = run(vm, "-- echo started")?;
    expect(&refused, REFUSED, "")?;
    let forced = run(vm, "--force -- echo started")?;
    expect(&forced, 0, "started\n")?;
    unload_both(vm)
}

/// `rmcp-kctl selftest` passes with the driver, the module, amdkfd and the runtime, and says of what is not
/// installed here that it was not tried.
fn everything_that_is_there_passes(vm: &mut Vm) -> Result<()> {
    const UNCONFIRMED: i32 = 4;
    let output = vm.guest.run_within(PATIENCE, "rmcp-kctl --json selftest")?;
    let ladder: Value = serde_json::from_str(&output.stdout)?;
    let steps = ladder["steps"].as_array().context("there are no steps")?;
    let text = |step: &Value, key: &str| step[key].as_str().unwrap_or_default().to_owned();
    let found: Vec<_> = steps
        .iter()
        .map(|step| (text(step, "name"), text(step, "outcome")))
        .collect();
    let expected = [
        ("kernel", "passed"),
        ("module", "passed"),
        ("kfd node", "passed"),
        ("rocminfo", "passed"),
        ("hip compile", "skipped"),
        ("hip memory", "skipped"),
        ("pytorch", "skipped"),
        ("kernel log", "passed"),
    ];
    ensure!(
        output.status == UNCONFIRMED
            && found.len() == expected.len()
            && found
                .iter()
                .zip(expected)
                .all(|(found, expected)| (found.0.as_str(), found.1.as_str()) == expected),
        "selftest ended with {}: {ladder}",
        output.status
    );
    Ok(())
}

/// The job's end is the command's, and the bundle has what the GPU did.
fn a_fault_is_kept(vm: &mut Vm) -> Result<()> {
    let seven = run(vm, "-- sh -c 'exit 7'")?;
    expect(&seven, 7, "")?;
    ensure!(
        bundles(vm)?.is_empty(),
        "a job without a fault left a bundle"
    );

    let output = run(vm, &format!("-- {PROBE} fault copy"))?;
    let address = output
        .stdout
        .strip_prefix("address ")
        .with_context(|| format!("the job says {output:?}"))?;
    let address = hexadecimal(address.trim_end())?;
    expect(&output, ABORTED, &output.stdout)?;
    ensure!(
        output.stderr.contains("Memory access fault by GPU node-1")
            && output.stderr.contains("a GPU fault of the job"),
        "of a fault are said: {}",
        output.stderr
    );
    let [bundle] = &bundles(vm)?[..] else {
        anyhow::bail!("of one fault are kept {:?}", bundles(vm)?);
    };
    let told: Value = serde_json::from_str(&vm.guest.check(&format!("cat {bundle}/run.json"))?)?;
    ensure!(
        told["end"]["signal"] == ABORTED - 128 && told["gpus_hidden"] == false,
        "of the job is kept: {told}"
    );
    let incidents = vm.guest.check(&format!("cat {bundle}/incidents.jsonl"))?;
    let incident: Value = serde_json::from_str(incidents.trim())?;
    let fault = &incident["faults"][0];
    ensure!(
        incident["gpu"] == vm.bdf()
            && incident["task"]["pid"] == told["pid"]
            && fault["client"] == "SDMA0"
            && fault["address"] == format!("{address:#018x}"),
        "of the fault at {address:#x} is kept: {incident}"
    );
    for (file, line) in [
        ("kernel.log", "[gfxhub] page fault"),
        ("stderr.log", "Memory access fault by GPU node-1"),
        ("status.json", "enforced"),
        ("environment", "PATH="),
    ] {
        vm.guest
            .check(&format!("grep -qF '{line}' {bundle}/{file}"))
            .with_context(|| format!("{file} of the bundle"))?;
    }
    Ok(())
}

fn a_fault_is_answered(vm: &mut Vm) -> Result<()> {
    let faults = format!("{PROBE} fault not-present >/dev/null");
    for (policy, job, code, printed, faulted) in [
        (
            "--resume-with 'echo resumed'",
            faults.clone(),
            0,
            "resumed\n",
            1,
        ),
        ("--fallback retry:2", faults.clone(), ABORTED, "", 3),
        // The runtime itself says that it has no GPU.
        (
            "--fallback cpu",
            format!(
                "[ \"$ROCR_VISIBLE_DEVICES\" = -1 ] || exec {faults}; \
                 rocminfo >/run/agents; grep -q 'Device Type: *CPU' /run/agents && \
                 ! grep -q 'Device Type: *GPU' /run/agents && echo on the CPU"
            ),
            0,
            "on the CPU\n",
            1,
        ),
    ] {
        let before = bundles(vm)?.len();
        vm.guest
            .check(&format!("cat >/run/job <<'end'\n{job}\nend"))?;
        let output = run(vm, &format!("{policy} -- sh /run/job"))?;
        expect(&output, code, printed).with_context(|| policy.to_owned())?;
        let kept = bundles(vm)?.len() - before;
        ensure!(
            kept == faulted,
            "{policy}: of {faulted} faults, {kept} are kept"
        );
    }
    Ok(())
}

/// Another process has a fault while the job runs.
fn others_faults_are_not_the_jobs(vm: &mut Vm) -> Result<()> {
    let before = bundles(vm)?.len();
    let job = vm.guest.start(&command(
        "-- sh -c 'touch /run/started; while [ -e /run/started ]; do sleep 0.2; done'",
    ))?;
    vm.guest
        .wait_for(PATIENCE, "the job runs", "[ -e /run/started ]")?;
    let other = vm.guest.run(&format!("{PROBE} fault read-only"))?;
    ensure!(
        other.status == ABORTED,
        "the other process had no fault: {other:?}"
    );
    vm.guest.check("rm /run/started")?;
    let output = vm.guest.finish(PATIENCE, &job)?;
    expect(&output, 0, "")?;
    ensure!(
        bundles(vm)?.len() == before && !output.stderr.contains("fault"),
        "the fault of another was taken for the job's: {}",
        output.stderr
    );
    Ok(())
}

/// A user who may not read the kernel's own log sees the fault in the journal.
fn who_may_not_read_the_log_has_the_journal(vm: &mut Vm) -> Result<()> {
    const USER: &str = "setpriv --reuid=65534 --regid=65534 --groups=systemd-journal,render,video";
    vm.guest.check(&format!("! {USER} head -c 1 /dev/kmsg"))?;
    let output = vm.guest.run_within(
        PATIENCE,
        &format!("{USER} rmcp-kctl run --log /tmp/runs -- {PROBE} fault copy 2>/tmp/said"),
    )?;
    ensure!(
        output.status == ABORTED,
        "another user's job ended otherwise: {output:?}"
    );
    let said = vm.guest.check("cat /tmp/said")?;
    ensure!(!said.contains("not watched"), "the user is told: {said}");
    // Its own number is in the kernel's lines, and not in ROCr's.
    vm.guest.check(
        "pid=$(sed -n 's/^  \"pid\": \\([0-9]*\\),*$/\\1/p' /tmp/runs/*/run.json) && \
         grep -q \"Process hsa_probe pid $pid \" /tmp/runs/*/kernel.log && \
         grep -q '\"client\":\"SDMA0\"' /tmp/runs/*/incidents.jsonl",
    )?;
    Ok(())
}

/// In a container the job's numbers are not those in the kernel's log, and what is hidden is not taken for
/// missing.
fn a_container_is_told_from_a_machine(vm: &mut Vm) -> Result<()> {
    const UNSEEN: i32 = 5;
    let before = bundles(vm)?.len();
    let output = vm.guest.run_within(
        PATIENCE,
        &format!(
            "unshare --mount --pid --fork --mount-proc {}",
            command(&format!("-- {PROBE} fault copy"))
        ),
    )?;
    ensure!(
        output.status == ABORTED
            && output
                .stderr
                .contains("in a container, processes have other numbers")
            && output
                .stderr
                .contains("a GPU fault of the job: Memory access fault")
            && bundles(vm)?.len() == before + 1,
        "in a container, a fault ended with {output:?}"
    );
    for (hidden, command, code, said) in [
        ("/sys/module", "detect", UNSEEN, "guarded=unseen usable=yes"),
        (
            "/sys/module",
            "status 2>&1",
            1,
            "does not show the kernel's modules",
        ),
        (
            "/sys",
            "detect",
            UNSEEN,
            "whether there is a GPU is not known",
        ),
        (
            "/sys",
            "status 2>&1",
            1,
            "does not show the kernel's PCI devices",
        ),
    ] {
        let output = vm.guest.run(&format!(
            "unshare --mount sh -c 'mount -t tmpfs none {hidden} && rmcp-kctl {command}'"
        ))?;
        ensure!(
            output.status == code && output.stdout.contains(said),
            "with {hidden} hidden, {command} ended with {output:?}"
        );
    }
    Ok(())
}

fn command(arguments: &str) -> String {
    format!("rmcp-kctl run --log {KEPT} {arguments}")
}

fn run(vm: &mut Vm, arguments: &str) -> Result<Output> {
    vm.guest.run_within(PATIENCE, &command(arguments))
}

fn expect(output: &Output, code: i32, printed: &str) -> Result<()> {
    ensure!(
        output.status == code && output.stdout == printed,
        "expected were the exit code {code} and {printed:?}: {output:?}"
    );
    Ok(())
}

fn bundles(vm: &mut Vm) -> Result<Vec<String>> {
    let listed = vm
        .guest
        .check(&format!("ls -d {KEPT}/*/ 2>/dev/null || :"))?;
    Ok(listed
        .lines()
        .map(|line| line.trim_end_matches('/').to_owned())
        .collect())
}
