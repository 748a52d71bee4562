// SPDX-License-Identifier: MIT

//! The parameters of amdgpu and rmcp, wherever they are set, by the rules of `params check`.

use super::finding::{Check, Finding, Outcome};
use super::Patient;
use crate::params::{self, Severity};

const PARAMETERS: Check = Check {
    name: "parameters",
    why: "a parameter that its module does not know, or reads otherwise than it looks, does \
          nothing, or harm",
    source: "'rmcp-kctl params check'",
};

pub(super) fn examine(patient: &Patient) -> Vec<Finding> {
    let check = match params::check(patient.root) {
        Ok(check) => check,
        Err(error) => return vec![PARAMETERS.skipped(format!("{error:#}"))],
    };
    let mut findings: Vec<Finding> = check.findings.iter().map(of_params).collect();
    if findings.is_empty() {
        findings.push(PARAMETERS.good("nothing that is set for amdgpu or rmcp is wrong"));
    }
    let skipped = check.skipped.iter();
    findings.extend(skipped.map(|one| PARAMETERS.skipped(format!("{}: {}", one.rule, one.why))));
    findings
}

fn of_params(found: &params::Finding) -> Finding {
    Finding {
        check: PARAMETERS.name,
        outcome: match found.severity {
            Severity::Error => Outcome::Error,
            Severity::Warning => Outcome::Warning,
            Severity::Note => Outcome::Note,
        },
        found: format!("{}: {}", found.place, found.found),
        why: found.why.clone().into(),
        mend: vec![found.todo.clone()],
        source: found.source.clone().into(),
        private: Vec::new(),
    }
}
