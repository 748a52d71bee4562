// SPDX-License-Identifier: MIT

//! The report as a person reads it.

use super::finding::{Finding, Life, Pte, RetryBits};
use std::collections::BTreeSet;

/// Width of each column but the last.
const WIDTHS: [usize; 7] = [8, 16, 10, 11, 36, 16, 12];

/// The head of the table.
pub(super) fn head() -> String {
    row([
        "GC",
        "chip",
        "retry bit",
        "CC is",
        "other requests are",
        "coherent buffers",
        "life",
        "status, kernel log",
    ])
}

/// One chip. The arrows lead from without rmcp to with it.
pub(super) fn line(finding: &Finding) -> String {
    let retry = format!(
        "{} -> {}",
        bit(&finding.noretry_bits_without),
        bit(&finding.noretry_bits_with)
    );
    let others: Vec<String> = finding
        .ptes
        .iter()
        .filter(|(request, _)| **request != "CC")
        .map(|(request, pte)| format!("{request} {}", ends(pte)))
        .collect();
    let coherent: BTreeSet<String> = finding.coherent_ptes.values().map(ends).collect();
    let log = if finding.kernel_log_clean {
        "clean"
    } else {
        "errors"
    };
    let role = match (finding.guarded, finding.obstacle) {
        (false, _) => ", rmcp leaves it alone",
        (true, Some(_)) => ", only in part",
        (true, None) => "",
    };
    row([
        &finding.gc_version,
        finding.chip,
        &retry,
        &finding.ptes.get("CC").map_or("-".to_owned(), ends),
        &others.join(", "),
        &Vec::from_iter(coherent).join(", "),
        &life(&finding.life),
        &format!("{}, {log}{role}", finding.status_exit),
    ])
}

/// The bit that all contexts have, or those of the graphics and those of the multimedia hub.
fn bit(bits: &RetryBits) -> String {
    let [gcvm, mmvm] = bits
        .of_each_hub()
        .map(|bit| bit.map_or("?".to_owned(), |bit| bit.to_string()));
    if gcvm == mmvm {
        gcvm
    } else {
        format!("{gcvm}/{mmvm}")
    }
}

/// The type in a page-table entry, and what it becomes if rmcp makes a difference.
fn ends(pte: &Pte) -> String {
    if pte.without == pte.with {
        pte.with.to_string()
    } else {
        format!("{} -> {}", pte.without, pte.with)
    }
}

/// How many of the scenarios went well.
fn life(scenarios: &Life) -> String {
    let passed = scenarios.values().filter(|failure| failure.is_none());
    match scenarios.len() {
        0 => "-".to_owned(),
        all => format!("{} of {all}", passed.count()),
    }
}

fn row(cells: [&str; 8]) -> String {
    let mut line = String::new();
    for (cell, width) in cells.iter().zip(WIDTHS) {
        line += &format!("{cell:<width$} ");
    }
    line + cells[WIDTHS.len()]
}
