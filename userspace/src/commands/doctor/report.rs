// SPDX-License-Identifier: MIT

//! The report for a bug tracker: what doctor and status found, and what of the system bears on it,
//! without what is private.

use super::finding::Finding;
use super::{screen, Examination, Patient};
use crate::commands::status::Status;
use crate::os_release;
use crate::redaction::Redactor;
use crate::steps;
use crate::sysfs::{amdgpu, cmdline};
use anyhow::Result;
use std::path::Path;

/// How the words of a kernel command line start that bear on a GPU or a module.
const COMMAND_LINE: [&str; 11] = [
    "amdgpu.",
    "rmcp.",
    "iommu=",
    "amd_iommu=",
    "intel_iommu=",
    "lockdown=",
    "module.sig_enforce",
    "modprobe.blacklist=",
    "module_blacklist=",
    "nomodeset",
    "pci=",
];

/// Writes the report.
pub(super) fn write(patient: &Patient, examination: &Examination, path: &Path) -> Result<()> {
    let private = examination.findings.iter().flat_map(|f| f.private.clone());
    let redactor = Redactor::of(patient.root, patient.user.as_ref().ok(), private);
    let text = text(patient, examination, &redactor);
    steps::write_output(path, text.as_bytes(), 0o644)
}

fn text(patient: &Patient, examination: &Examination, redactor: &Redactor) -> String {
    let mut text = format!(
        "rmcp-kctl {} report\n\
         The names of this machine and its people, what lies in their home directories,\n\
         serial numbers, UUIDs, addresses and the names of keys are left out.\n",
        examination.version
    );
    let mut section = |title: &str, body: &str| {
        text += &format!("\n== {title}\n{}\n", body.trim_end());
    };
    section("system", &redactor.redact(&system(patient)));
    let parameters: Vec<String> = amdgpu::parameters(patient.root)
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    section(
        "amdgpu's parameters",
        &redactor.redact(&parameters.join("\n")),
    );
    section("doctor", &doctor(examination, redactor));
    let status = match Status::read(patient.root) {
        Ok(status) => serde_json::to_string_pretty(&status).unwrap_or_default(),
        Err(error) => format!("{error:#}"),
    };
    section("status", &redactor.redact(&status));
    text
}

fn system(patient: &Patient) -> String {
    let os = os_release::value(patient.root, "PRETTY_NAME");
    let words = cmdline::words(patient.root).unwrap_or_default();
    let (bearing, others): (Vec<String>, Vec<String>) = words
        .into_iter()
        .partition(|word| COMMAND_LINE.iter().any(|start| word.starts_with(start)));
    format!(
        "distribution: {}\nkernel: {}\nkernels: {}\ncommand line: {} (and {} other words)\n",
        os.as_deref().unwrap_or("unknown"),
        patient.running.as_deref().unwrap_or("unknown"),
        patient.kernels.join(" "),
        bearing.join(" "),
        others.len(),
    )
}

/// As on the screen, with every explanation. A line is broken after it is redacted, as a name may
/// be of two words.
fn doctor(examination: &Examination, redactor: &Redactor) -> String {
    let redacted = Examination {
        version: examination.version,
        exit_code: examination.exit_code,
        summary: examination.summary.clone(),
        findings: examination
            .findings
            .iter()
            .map(|finding| Finding {
                check: finding.check,
                outcome: finding.outcome,
                found: redactor.redact(&finding.found),
                why: redactor.redact(&finding.why).into(),
                mend: finding
                    .mend
                    .iter()
                    .map(|step| redactor.redact(step))
                    .collect(),
                source: redactor.redact(&finding.source).into(),
                private: Vec::new(),
            })
            .collect(),
    };
    let lines = screen::lines(&redacted, true).into_iter();
    lines.map(|line| line.text() + "\n").collect()
}
