// SPDX-License-Identifier: MIT

//! A row of the report: one kernel with one chip.

use super::driver::Driver;
use crate::kernels::Kernel;
use crate::scenario::Outcome;
use serde::Serialize;

/// What was found of a kernel with a chip.
#[derive(Debug, Serialize)]
pub(super) struct Row {
    /// As `kernels.toml` calls it.
    pub(super) kernel: String,
    pub(super) release: String,
    pub(super) chip: &'static str,
    pub(super) result: Verdict,
    /// Why nothing was run.
    pub(super) why: Option<String>,
    #[serde(flatten)]
    pub(super) driver: Option<Driver>,
    pub(super) scenarios: Vec<Scenario>,
    /// How long the kernel took, with its other chips and with what had to be made first.
    pub(super) seconds: u64,
}

/// What became of a scenario.
#[derive(Debug, Serialize)]
pub(super) struct Scenario {
    pub(super) name: &'static str,
    pub(super) result: Verdict,
    /// Of one that was not passed.
    pub(super) why: Option<String>,
}

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Verdict {
    Ok,
    /// The module was built for it; nothing was booted.
    Compiled,
    Failed,
    Skipped,
}

fn split(outcome: &Outcome) -> (Verdict, Option<String>) {
    match outcome {
        Outcome::Passed => (Verdict::Ok, None),
        Outcome::Failed(why) => (Verdict::Failed, Some(why.clone())),
        Outcome::Skipped(why) => (Verdict::Skipped, Some(why.clone())),
    }
}

impl Row {
    /// Of which nothing was run yet.
    pub(super) fn new(kernel: &Kernel, chip: &'static str) -> Self {
        Self {
            kernel: kernel.name.clone(),
            release: kernel.release.clone(),
            chip,
            result: Verdict::Skipped,
            why: None,
            driver: None,
            scenarios: Vec::new(),
            seconds: 0,
        }
    }

    /// Of a kernel that was not booted.
    pub(super) fn of_no_boot(
        kernel: &Kernel,
        chip: &'static str,
        result: Verdict,
        why: &str,
    ) -> Self {
        Self {
            result,
            why: Some(why.to_owned()),
            ..Self::new(kernel, chip)
        }
    }

    /// Adds what became of scenarios. One failure is the row's; without any, one that passed is.
    pub(super) fn add(&mut self, outcomes: Vec<(&'static str, Outcome)>) {
        for (name, outcome) in outcomes {
            let (result, why) = split(&outcome);
            self.result = match (self.result, result) {
                (Verdict::Failed, _) | (_, Verdict::Failed) => Verdict::Failed,
                (Verdict::Ok, _) | (_, Verdict::Ok) => Verdict::Ok,
                (before, _) => before,
            };
            self.scenarios.push(Scenario { name, result, why });
        }
    }

    /// Whether something is not as promised.
    pub(super) fn failed(&self) -> bool {
        self.result == Verdict::Failed
    }

    /// How many scenarios ended so.
    pub(super) fn count(&self, verdict: Verdict) -> usize {
        let scenarios = self.scenarios.iter();
        scenarios.filter(|other| other.result == verdict).count()
    }

    /// The row in a few letters.
    pub(super) fn summary(&self) -> String {
        let (ok, failed) = (self.count(Verdict::Ok), self.count(Verdict::Failed));
        match self.result {
            Verdict::Skipped => "skipped".to_owned(),
            Verdict::Compiled => "compiled".to_owned(),
            Verdict::Failed if failed == 0 => "FAILED".to_owned(),
            Verdict::Failed => format!("{failed} of {} FAILED", ok + failed),
            Verdict::Ok => format!("{ok} of {ok} ok"),
        }
    }
}

#[cfg(test)]
pub(super) mod testing {
    use super::*;
    use crate::matrix::driver::Abi;

    /// A row with these outcomes.
    pub(crate) fn row(kernel: &str, chip: &'static str, outcomes: Vec<Outcome>) -> Row {
        let mut row = Row::new(&named(kernel), chip);
        row.driver = Some(Driver {
            rustc: "1.85.1".to_owned(),
            abi: Abi {
                mtype_hook: "get_vm_pte".to_owned(),
            },
        });
        let names = ["boot", "mtype", "reset"];
        row.add(names.into_iter().zip(outcomes).collect());
        row
    }

    /// A row of which nothing was run.
    pub(crate) fn no_row(kernel: &str, chip: &'static str) -> Row {
        let gone = "not in the archive any more: linux-headers";
        Row::of_no_boot(&named(kernel), chip, Verdict::Skipped, gone)
    }

    fn named(name: &str) -> Kernel {
        Kernel {
            name: name.to_owned(),
            release: format!("{name}-amd64"),
            suites: "sid".to_owned(),
            build: None,
            compile: None,
            upgrade: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::testing::{no_row, row};
    use super::*;

    #[test]
    fn one_failure_is_the_rows() {
        let passed = || Outcome::Passed;
        let skipped = || Outcome::Skipped("no such GPU".to_owned());
        let failed = || Outcome::Failed("no".to_owned());
        let summary = |outcomes| row("7.2", "navi10", outcomes).summary();
        assert_eq!(summary(vec![passed(), skipped()]), "1 of 1 ok");
        assert_eq!(summary(vec![passed(), failed(), passed()]), "1 of 3 FAILED");
        assert_eq!(summary(vec![skipped()]), "skipped");
        assert!(row("7.2", "navi10", vec![failed(), passed()]).failed());
        assert!(!no_row("7.2", "navi10").failed());
    }

    #[test]
    fn the_document_has_one_object_a_row() {
        let one = row("7.2", "navi10", vec![Outcome::Failed("no".to_owned())]);
        let document = serde_json::to_value(&one).unwrap();
        assert_eq!(document["kernel"], "7.2");
        assert_eq!(document["result"], "failed");
        assert_eq!(document["mtype_hook"], "get_vm_pte");
        assert_eq!(document["scenarios"][0]["why"], "no");
        let none = serde_json::to_value(no_row("7.2", "navi10")).unwrap();
        assert_eq!(none["result"], "skipped");
        assert!(none.get("mtype_hook").is_none());
    }
}
