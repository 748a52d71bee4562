// SPDX-License-Identifier: MIT

//! rmcp's reader of layouts against bpftool, on the amdgpu of many of Debian's kernels. Of each
//! kernel the root filesystem's bpftool prints all types; what follows from them must be, field by
//! field, what `rmcp-kctl layout` says, and where that refuses, bpftool's types must be the reason.

pub(crate) mod kernel;
mod verdict;

use crate::checkout::Checkout;
use crate::progress::say;
use crate::rootfs::RootFs;
use anyhow::{ensure, Context, Result};
use kernel::Kernel;
use serde::Serialize;
use std::fs;
use std::path::Path;
use verdict::Verdict;

/// Where the results go, in the checkout.
const REPORT: &str = "target/corpus/report.json";

/// What was found on one kernel.
#[derive(Debug, Serialize)]
struct Row {
    kernel: String,
    suite: String,
    #[serde(flatten)]
    verdict: Verdict,
}

/// Compares on the root filesystem's own kernel and, unless only that was asked for, on those of
/// the list whose releases contain one of the filters. The answer is whether all is as it must be.
///
/// # Errors
/// Kernels that cannot be had, and programs that cannot be run.
pub fn run(checkout: &Checkout, kctl: &Path, installed: bool, filters: &[String]) -> Result<bool> {
    let rootfs = RootFs::get(checkout)?;
    let mut kernels = vec![Kernel::installed(&rootfs)];
    if !installed {
        kernels.extend(kernel::list(&checkout.harness("corpus.txt"))?);
    }
    kernels.retain(|kernel| {
        filters.is_empty() || filters.iter().any(|part| kernel.release.contains(part))
    });
    ensure!(!kernels.is_empty(), "no kernel is called like {filters:?}");

    let mut rows: Vec<Row> = Vec::new();
    for (i, kernel) in kernels.iter().enumerate() {
        let number = i + 1;
        say(format_args!(
            "{number} of {}: {}",
            kernels.len(),
            kernel.release
        ));
        let verdict = kernel
            .read(checkout, &rootfs, kctl)
            .and_then(|evidence| verdict::compare(&kernel.release, evidence))
            .with_context(|| kernel.release.clone())?;
        println!("{:28} {verdict}", kernel.release);
        rows.push(Row {
            kernel: kernel.release.clone(),
            suite: kernel.suite.clone(),
            verdict,
        });
    }
    let count = |of: fn(&Verdict) -> bool| rows.iter().filter(|row| of(&row.verdict)).count();
    let different = count(|verdict| matches!(verdict, Verdict::Different { .. }));
    println!(
        "{} kernels: {} the same, {} refused by both, {different} different, {} without amdgpu",
        rows.len(),
        count(|verdict| matches!(verdict, Verdict::Same { .. })),
        count(|verdict| matches!(verdict, Verdict::BothRefuse { .. })),
        count(|verdict| matches!(verdict, Verdict::NoAmdgpu)),
    );
    let report = checkout.path(REPORT);
    if let Some(directory) = report.parent() {
        fs::create_dir_all(directory)?;
    }
    fs::write(&report, serde_json::to_vec_pretty(&rows)?)?;
    say(format_args!("written to {REPORT}"));
    Ok(different == 0)
}
