// SPDX-License-Identifier: MIT

//! The scenarios on every kernel of `kernels.toml`, with several chips.

mod driver;
mod picture;
mod row;
mod table;

use crate::checkout::{Checkout, NotToBeHad};
use crate::image::Variant;
use crate::kernels::{self, Kernel};
use crate::parallel;
use crate::progress::say;
use crate::rootfs::RootFs;
use crate::scenario::{self, Group, Outcome, Plan};
use crate::vm::Bench;
use anyhow::{bail, Context, Result};
use driver::Driver;
use row::Row;
use serde::Serialize;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
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
    let result = boot_all(checkout, kctl, kernel, chips, filters, directory);
    let mut rows: Vec<Row> = match result {
        Ok(rows) => rows,
        Err(error) => {
            let outcome = if error.is::<NotToBeHad>() {
                Outcome::Skipped(format!("{error:#}"))
            } else {
                Outcome::Failed(format!("{error:#}"))
            };
            let row = |chip| Row::of_no_boot(kernel, chip, &outcome);
            chips.iter().map(|chip| row(chip)).collect()
        }
    };
    for row in &mut rows {
        row.seconds = begin.elapsed().as_secs();
    }
    rows
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
