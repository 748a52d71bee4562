// SPDX-License-Identifier: MIT

//! Two guarded GPUs in one machine: each is enforced and counted by itself, and what happens to one
//! does not touch the other.

use super::mtype::{expect_counted_on, Counted, NC};
use super::support::{
    bind, expect_file, expect_healthy_kernel, expect_registers, expect_status, read,
    start_enforced, unbind,
};
use super::verify::{expect_registers_of_the_gpus, verify_probe};
use crate::report::Retry;
use crate::vm::Vm;
use anyhow::{ensure, Result};

/// What `rmcp/chip` says of each.
const CHIPS: [&str; 2] = ["Navi10", "Navi21"];

pub(super) fn each_by_itself(vm: &mut Vm) -> Result<()> {
    start_enforced(vm)?;
    expect_both(vm)?;
    for (own, other) in [(0, 1), (1, 0)] {
        count_on(vm, own, other)?;
        unbind_and_bind(vm, own, other)?;
        expect_both(vm)?;
    }
    expect_healthy_kernel(vm)
}

/// Both are enforced: by status, by sysfs, by the registers.
fn expect_both(vm: &mut Vm) -> Result<()> {
    let status = expect_status(vm, 0)?;
    let summary = status["summary"].as_str().unwrap_or_default();
    ensure!(
        summary == "enforced: 2 of 2 RDNA1/RDNA2 GPUs",
        "status says {summary:?}"
    );
    for (index, chip) in CHIPS.into_iter().enumerate() {
        let gpu = status["gpus"]
            .as_array()
            .into_iter()
            .flatten()
            .find(|gpu| gpu["bdf"] == vm.gpus()[index].bdf());
        ensure!(
            gpu.is_some_and(|gpu| gpu["chip"] == chip && gpu["enforced"] == true),
            "status says of the {chip}: {gpu:?}"
        );
        expect_of(vm, index, "chip", chip)?;
        expect_of(vm, index, "state", "enforced")?;
        expect_of(vm, index, "hw_inits", "1")?;
    }
    // Its own registers and page tables, of each.
    let seen = verify_probe(vm, 0, "confirmed", "mapped as CC is NC")?;
    expect_registers_of_the_gpus(vm, &seen)?;
    expect_registers(vm, Retry::Off)
}

/// A request on one is counted there alone.
fn count_on(vm: &mut Vm, own: usize, other: usize) -> Result<()> {
    let file = vm.gpus()[other].file("rmcp/mtype_cc_requests");
    let before = read(vm, &file)?;
    expect_counted_on(vm, own, NC, Counted::Rewritten)?;
    expect_file(vm, &file, &before)
}

/// One is taken from its driver and given back; the other stays as it was all the time.
fn unbind_and_bind(vm: &mut Vm, own: usize, other: usize) -> Result<()> {
    let writes = vm.gpus()[other].register_writes();
    unbind(vm, own)?;
    let left = vm.gpus()[own].file("rmcp");
    vm.guest.check(&format!("! test -e {left}"))?;

    // One GPU without its driver is not in effect, and the other is not blamed for it.
    let status = expect_status(vm, 2)?;
    let summary = status["summary"].as_str().unwrap_or_default();
    ensure!(
        summary == "not in effect: 1 of 2 RDNA1/RDNA2 GPUs are enforced",
        "status says {summary:?}"
    );
    expect_of(vm, other, "state", "enforced")?;

    bind(vm, own)?;
    ensure!(
        vm.gpus()[other].register_writes() == writes,
        "amdgpu wrote context registers of a GPU that was not bound anew"
    );
    Ok(())
}

fn expect_of(vm: &mut Vm, index: usize, name: &str, expected: &str) -> Result<()> {
    let path = vm.gpus()[index].file(&format!("rmcp/{name}"));
    expect_file(vm, &path, expected)
}
