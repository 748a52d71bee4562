// SPDX-License-Identifier: MIT

//! Page faults of every client and kind: the GPU reports them, the driver prints them, and what
//! `rmcp-kctl faults` makes of the driver's lines is what the GPU reported.

use super::support::{expect_status, new_kernel_log, start_enforced};
use crate::vm::Vm;
use anyhow::{ensure, Context, Result};
use rmcp_vgpu::{FaultReport, Hub};
use serde_json::{json, Value};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// How many clients each hub's tables can have at most, and the last number that fits the register.
const CLIENTS: [u16; 2] = [32, 64];
const LAST_CLIENT: u16 = 0x1ff;
/// No process has this number at the GPU, nor those that follow.
const FIRST_PASID: u16 = 0x4000;
/// How long the driver may take to see an interrupt.
const PATIENCE: Duration = Duration::from_secs(300);
const PERMISSIONS: [&str; 4] = [
    "not valid",
    "not readable",
    "not writable",
    "not executable",
];

pub(super) fn of_every_client(vm: &mut Vm) -> Result<()> {
    start_enforced(vm)?;
    let unlimited = "/proc/sys/kernel/printk_ratelimit";
    let limit = vm
        .guest
        .check(&format!("cat {unlimited}; echo 0 >{unlimited}"))?;
    let mut seen = 0;
    new_kernel_log(vm, &mut seen)?;
    let reports = reports();
    for report in &reports {
        inject(vm, report)?;
    }
    // The register is free before the driver has printed all that was in it.
    let printed = format!(
        "[ $(dmesg | tail -n +{} | grep -cF ' RW: 0x') -ge {} ]",
        seen + 1,
        reports.len()
    );
    vm.guest
        .wait_for(PATIENCE, "the driver prints the last fault", &printed)?;
    let log = new_kernel_log(vm, &mut seen)?;
    vm.guest
        .check(&format!("echo {} >{unlimited}", limit.trim()))?;

    let names = printed_names(&log);
    ensure!(
        names.len() == reports.len(),
        "the driver printed {} faults of {}",
        names.len(),
        reports.len()
    );
    let incidents = incidents(vm)?;
    for (report, name) in reports.iter().zip(names) {
        let incident = incidents
            .iter()
            .find(|incident| incident["faults"][0]["pasid"] == report.pasid)
            .with_context(|| format!("faults has none of {report:x?}"))?;
        is_decoded(incident, report, name, vm.bdf())?;
    }
    expect_status(vm, 0)?;
    Ok(())
}

/// Every client of both hubs, reading and writing; the other fields go through all that fits them.
fn reports() -> Vec<FaultReport> {
    let mut reports = Vec::new();
    for hub in [Hub::Gfx, Hub::Mm] {
        for client in (0..CLIENTS[hub as usize]).chain([LAST_CLIENT]) {
            for write in [false, true] {
                let count = reports.len() as u16;
                let permission_faults = (count % 16) as u8;
                let walker_error = (count / 3 % 8) as u8;
                reports.push(FaultReport {
                    hub,
                    vmid: (count / 2 % 16) as u8,
                    pasid: FIRST_PASID + count,
                    address: (u64::from(count) + 1) * 0x0123_4567_9000 & 0xffff_ffff_f000,
                    write,
                    client,
                    permission_faults,
                    walker_error,
                    mapping_error: count % 5 == 0,
                    more_faults: count % 7 == 0,
                });
            }
        }
    }
    reports
}

/// The hub has one register for its faults: the next comes when the driver has read this one.
fn inject(vm: &Vm, report: &FaultReport) -> Result<()> {
    let gpu = vm.gpu().model();
    gpu.inject_page_fault(report);
    let start = Instant::now();
    while gpu.has_page_fault(report.hub) {
        ensure!(
            start.elapsed() < PATIENCE,
            "the driver does not take {report:x?}"
        );
        sleep(Duration::from_millis(1));
    }
    Ok(())
}

/// What the driver calls the clients, in order.
fn printed_names(log: &str) -> Vec<&str> {
    log.lines()
        .filter_map(|line| line.split_once("Faulty UTCL2 client ID: "))
        .filter_map(|(_, rest)| Some(rest.rsplit_once(" (")?.0))
        .collect()
}

/// What `rmcp-kctl faults` makes of the kernel log.
pub(super) fn incidents(vm: &mut Vm) -> Result<Vec<Value>> {
    const FOUND: i32 = 2;
    let output = vm.guest.run("rmcp-kctl --json faults")?;
    ensure!(
        output.status == FOUND,
        "faults ended with {}: {}",
        output.status,
        output.stderr
    );
    let lines = output.stdout.lines();
    Ok(lines.map(serde_json::from_str).collect::<Result<_, _>>()?)
}

/// Whether the incident is of this one fault and says of it what the GPU reported; `client` is what the
/// driver calls the unit. The number of the process at the GPU is not looked at.
pub(super) fn is_decoded(
    incident: &Value,
    report: &FaultReport,
    client: &str,
    bdf: &str,
) -> Result<()> {
    let lacked: Vec<&str> = PERMISSIONS
        .into_iter()
        .enumerate()
        .filter(|(bit, _)| report.permission_faults & 1 << bit != 0)
        .map(|(_, lacked)| lacked)
        .collect();
    let expected = json!({
        "hub": match report.hub { Hub::Gfx => "gfxhub", Hub::Mm => "mmhub" },
        "space": match report.vmid { 0 => "kernel", 1..8 => "graphics", _ => "compute" },
        "vmid": report.vmid,
        "address": format!("{:#018x}", report.address),
        "client": (client != "unknown").then_some(client),
        "client_id": report.client,
        "access": if report.write { "write" } else { "read" },
        "permission_faults": lacked,
        "walker_error": report.walker_error,
        "mapping_error": report.mapping_error,
        "more_faults": report.more_faults,
    });
    let faults = incident["faults"].as_array().map_or(&[][..], Vec::as_slice);
    let same = |fault: &Value| {
        let mut fields = expected.as_object().into_iter().flatten();
        fields.all(|(key, value)| fault.get(key) == Some(value))
    };
    ensure!(
        incident["gpu"] == bdf
            && incident["fault_count"] == 1
            && faults.len() == 1
            && same(&faults[0]),
        "faults made of {report:x?}, client {client}: {incident}, expected was {expected}"
    );
    Ok(())
}
