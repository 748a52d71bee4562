// SPDX-License-Identifier: MIT

//! The rows as a person reads them.

use super::row::{Row, Verdict};

/// All rows, below a head.
pub(super) fn table(rows: &[Row]) -> String {
    let head = cells(["kernel", "release", "rustc", "hook on", "chip", "scenarios"]);
    let lines = rows.iter().map(line);
    std::iter::once(head)
        .chain(lines)
        .map(|line| line + "\n")
        .collect()
}

/// One row.
pub(super) fn line(row: &Row) -> String {
    let (rustc, hook) = match &row.driver {
        Some(driver) => (&*driver.rustc, &*driver.abi.mtype_hook),
        None => ("-", "-"),
    };
    let mut found = row.summary();
    if let Some(why) = &row.why {
        found += &format!(": {why}");
    }
    for scenario in &row.scenarios {
        if let (Verdict::Failed, Some(why)) = (scenario.result, &scenario.why) {
            found += &format!("; {}: {why}", scenario.name);
        }
    }
    cells([&row.kernel, &row.release, rustc, hook, row.chip, &found])
}

fn cells([kernel, release, rustc, hook, chip, found]: [&str; 6]) -> String {
    // The rest of what has several lines is in the report.
    let found = found.lines().next().unwrap_or_default();
    format!("{kernel:<12} {release:<22} {rustc:<7} {hook:<11} {chip:<15} {found}")
}

#[cfg(test)]
mod tests {
    use super::super::row::testing::{no_row, row};
    use super::*;
    use crate::scenario::Outcome;

    #[test]
    fn what_failed_is_named() {
        let rows = [
            row("7.2.12", "navi10", vec![Outcome::Passed]),
            row(
                "7.3",
                "navi21",
                vec![Outcome::Passed, Outcome::Failed("CC is 2\nlog".to_owned())],
            ),
            no_row("7.2.6", "navi10"),
        ];
        let table = table(&rows);
        let lines: Vec<&str> = table.lines().collect();
        assert_eq!(lines.len(), 4);
        assert_eq!(
            lines[1],
            "7.2.12       7.2.12-amd64           1.85.1  get_vm_pte  navi10          1 of 1 ok"
        );
        assert!(lines[2].ends_with("1 of 2 FAILED; mtype: CC is 2"));
        assert!(lines[3].ends_with("skipped: not in the archive any more: linux-headers"));
    }
}
