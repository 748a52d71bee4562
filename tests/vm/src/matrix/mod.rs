// SPDX-License-Identifier: MIT

//! The scenarios on every kernel of `kernels.toml`, with several chips.

mod driver;
mod picture;
mod row;
mod table;

use crate::checkout::{made_by, Checkout, NotToBeHad};
use crate::image::Variant;
use crate::kernels::{self, Kernel};
use crate::parallel;
use crate::progress::say;
use crate::rootfs::RootFs;
use crate::scenario::{self, Group, Plan};
use crate::vm::Bench;
use anyhow::{bail, Context, Result};
use driver::Driver;
use row::{Row, Verdict};
use serde::Serialize;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

/// Where the report, the picture and the logs go.
const DIRECTORY: &str = "target/matrix";
/// One of each generation.
const CHIPS: [&str; 2] = ["navi10", "navi21"];

/// What `report.json` holds.
#[derive(Debug, Serialize)]
struct Report {
    rows: Vec<Row>,
}

/// Runs the scenarios that the filters name, or all that one boot can show, on these kernels and
/// chips, without any on all; the answer is whether none failed.
pub fn run(
    checkout: &Checkout,
    kctl: &Path,
    names: &[String],
    chips: &[&'static str],
    filters: &[String],
) -> Result<bool> {
    let all = kernels::all(checkout)?;
    let chosen: Vec<&Kernel> = match names {
        [] => all.iter().collect(),
        _ => names
            .iter()
            .map(|name| kernels::named(&all, name))
            .collect::<Result<_>>()?,
    };
    let chips = if chips.is_empty() { &CHIPS } else { chips };
    if chips
        .iter()
        .all(|chip| Plan::of_every_kernel(chip, filters).is_empty())
    {
        bail!("{}", scenario::unknown(filters));
    }

    let directory = checkout.path(DIRECTORY);
    let mut report = Report { rows: Vec::new() };
    for (index, kernel) in chosen.iter().enumerate() {
        say(format_args!(
            "kernel {} of {}: {}",
            index + 1,
            chosen.len(),
            kernel.release
        ));
        let rows = on_kernel(checkout, kctl, kernel, chips, filters, &directory);
        for row in &rows {
            println!("{}", table::line(row));
        }
        report.rows.extend(rows);
        // After each, so that what is interrupted isn't lost.
        write(&report, &directory)?;
    }
    println!("\n{}", table::table(&report.rows));
    say(format_args!("written: {}", directory.display()));
    Ok(report.rows.iter().all(|row| !row.failed()))
}

/// The rows of one kernel. What is in the way of all is the reason that each row gives.
fn on_kernel(
    checkout: &Checkout,
    kctl: &Path,
    kernel: &Kernel,
    chips: &[&'static str],
    filters: &[String],
    directory: &Path,
) -> Vec<Row> {
    let begin = Instant::now();
    let all = |result, why: &str| -> Vec<Row> {
        let row = |chip: &&'static str| Row::of_no_boot(kernel, chip, result, why);
        chips.iter().map(row).collect()
    };
    let result = match kernel.compile {
        Some(_) => compile(checkout, kctl, kernel).map(|said| all(Verdict::Compiled, &said)),
        None => boot_all(checkout, kctl, kernel, chips, filters, directory),
    };
    let mut rows = result.unwrap_or_else(|error| {
        let result = match error.is::<NotToBeHad>() {
            true => Verdict::Skipped,
            false => Verdict::Failed,
        };
        all(result, &format!("{error:#}"))
    });
    for row in &mut rows {
        row.seconds = begin.elapsed().as_secs();
    }
    rows
}

/// Builds the module for a kernel that isn't booted, and says what came out.
fn compile(checkout: &Checkout, kctl: &Path, kernel: &Kernel) -> Result<String> {
    let mut script = Command::new(checkout.harness("compile.sh"));
    let vermagic = made_by(script.arg(kctl).env("KERNEL", &kernel.name))?;
    Ok(format!("rmcp.ko of {vermagic}, not booted"))
}

fn boot_all(
    checkout: &Checkout,
    kctl: &Path,
    kernel: &Kernel,
    chips: &[&'static str],
    filters: &[String],
    directory: &Path,
) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    let mut jobs: Vec<(usize, Group)> = Vec::new();
    for (index, chip) in chips.iter().enumerate() {
        let plan = Plan::of_every_kernel(chip, filters);
        let mut row = Row::new(kernel, chip);
        row.add(plan.passed_over);
        rows.push(row);
        jobs.extend(plan.groups.into_iter().map(|group| (index, group)));
    }
    let rootfs = RootFs::of(checkout, kernel)?;
    let driver = Driver::of(&rootfs, kctl).context("its driver")?;
    let variants: BTreeSet<Variant> = jobs.iter().map(|(_, group)| group.variant()).collect();
    if variants.is_empty() {
        return Ok(rows);
    }
    let bench = Bench::prepare(checkout, &rootfs, kctl, variants)?;
    let outcomes = parallel::map(jobs, |(index, group)| {
        let label = format!("{} {} ", kernel.name, chips[index]);
        let logs = directory.join(&kernel.name).join(chips[index]);
        (index, group.run(&bench, &label, &logs))
    });
    for (index, outcomes) in outcomes {
        rows[index].add(outcomes);
    }
    for row in &mut rows {
        row.driver = Some(driver.clone());
    }
    Ok(rows)
}

fn write(report: &Report, directory: &Path) -> Result<()> {
    fs::create_dir_all(directory)?;
    let files = [
        ("report.json", serde_json::to_string_pretty(report)? + "\n"),
        ("matrix.txt", table::table(&report.rows)),
        ("matrix.svg", picture::svg(&report.rows)),
    ];
    for (name, content) in files {
        let path = directory.join(name);
        fs::write(&path, content).with_context(|| path.display().to_string())?;
    }
    Ok(())
}
