// SPDX-License-Identifier: MIT

//! A request for MTYPE_CC reaches the driver and leaves as NC; every other type stays what it is.
//! The requests come from `mtype_probe`, a module that calls the driver's own function on the live
//! device.

use super::support::{expect_healthy_kernel, new_kernel_log, read, start_enforced};
use crate::vm::Vm;
use anyhow::{ensure, Context, Result};
use serde_json::Value;

/// What a page-table entry's memory type is, in the order in which the probe asks.
type Types = [(&'static str, u32); 5];

/// The hardware's numbers: NC 0, WC 1, CC 2, UC 3. The driver's default is NC.
const DRIVER: Types = [("DEFAULT", 0), ("NC", 0), ("WC", 1), ("CC", 2), ("UC", 3)];
/// What rmcp makes of CC unless told otherwise.
pub(super) const NC: u32 = 0;

pub(super) fn cc_leaves_as_nc(vm: &mut Vm) -> Result<()> {
    start_enforced(vm)?;
    expect_counted(vm, NC, Counted::Rewritten)?;

    // Without rmcp the same request arrives as CC: the probe does see what the driver makes of it.
    vm.guest.check("rmmod rmcp")?;
    expect_types(vm, 0, DRIVER)?;
    expect_healthy_kernel(vm)
}

/// What rmcp's counters must say of a request for CC.
#[derive(Clone, Copy)]
pub(super) enum Counted {
    NotAtAll,
    Seen,
    Rewritten,
}

/// A request for CC must end as this type and be counted so; every other type as ever.
pub(super) fn expect_counted(vm: &mut Vm, cc: u32, counted: Counted) -> Result<()> {
    expect_counted_on(vm, 0, cc, counted)
}

/// [`expect_counted`] on the GPU of this index.
pub(super) fn expect_counted_on(vm: &mut Vm, gpu: usize, cc: u32, counted: Counted) -> Result<()> {
    let before = counters(vm, gpu)?;
    expect_types(
        vm,
        gpu,
        DRIVER.map(|(name, mtype)| (name, if name == "CC" { cc } else { mtype })),
    )?;
    let after = counters(vm, gpu)?;
    let more = match counted {
        Counted::NotAtAll => [0, 0],
        Counted::Seen => [1, 0],
        Counted::Rewritten => [1, 1],
    };
    ensure!(
        after == [before[0] + more[0], before[1] + more[1]],
        "requests for CC and rewritten ones went from {before:?} to {after:?}, expected was {more:?} more"
    );
    Ok(())
}

/// `mtype_cc_requests` and `mtype_cc_rewritten`.
pub(super) fn counters(vm: &mut Vm, gpu: usize) -> Result<[u64; 2]> {
    let mut counts = [0; 2];
    for (count, name) in counts.iter_mut().zip(["requests", "rewritten"]) {
        let path = vm.gpus()[gpu].file(&format!("rmcp/mtype_cc_{name}"));
        *count = read(vm, &path)?.parse()?;
    }
    Ok(counts)
}

fn expect_types(vm: &mut Vm, gpu: usize, expected: Types) -> Result<()> {
    let layout: Value = serde_json::from_str(&vm.guest.check("rmcp-kctl --json layout")?)?;
    let ddev = layout["ddev"]
        .as_u64()
        .context("rmcp-kctl layout names no offset of ddev")?;
    let symbols = vm
        .guest
        .check("grep -w gmc_v10_0_get_vm_pte /proc/kallsyms")?;
    let address = symbols.split(' ').next().unwrap_or_default();

    let mut seen = 0;
    new_kernel_log(vm, &mut seen)?;
    let bdf = vm.gpus()[gpu].bdf().to_owned();
    // It works while it is loaded, and stays out.
    let probe = vm.guest.run(&format!(
        "insmod /usr/local/lib/rmcp-tests/mtype_probe.ko bdf={bdf} ddev_offset={ddev} get_vm_pte=0x{address}"
    ))?;
    let log = new_kernel_log(vm, &mut seen)?;
    let expected: Vec<String> = expected
        .iter()
        .map(|(name, mtype)| format!("mtype_probe: {name} -> {mtype}"))
        .collect();
    let found: Vec<&str> = log
        .lines()
        .filter_map(|line| line.find("mtype_probe: ").map(|at| &line[at..]))
        .filter(|line| line.contains("->"))
        .collect();
    ensure!(
        found == expected,
        "page-table entries are {found:?}, expected was {expected:?} ({})",
        probe.stderr.trim_end()
    );
    Ok(())
}
