// SPDX-License-Identifier: MIT

//! The environment variables that change what ROCm does with memory and with code.

use super::finding::{Check, Finding};
use super::Patient;
use crate::environment::{Environment, Variable};
use crate::policy::Chip;
use crate::sysfs::kfd;
use crate::sysfs::pci::Gpu;
use crate::variables::gfx_override::{self, Nodes};
use crate::variables::known::Weight;
use crate::variables::{self, Known, KNOWN};

const ENVIRONMENT: Check = Check {
    name: "environment",
    why: "jobs start with what these files set",
    source: "environ(7)",
};

/// The check of a variable.
fn check(name: &'static str, known: &Known) -> Check {
    Check {
        name,
        why: known.does,
        source: known.source,
    }
}

pub(super) fn examine(patient: &Patient) -> Vec<Finding> {
    let environment = Environment::read(patient.root, patient.user.as_ref().ok());
    let mut findings = Vec::new();
    if !patient.root.is_running_system() {
        findings.push(ENVIRONMENT.skipped("this process is not of the system below another root"));
    }
    if let Err(why) = &patient.user {
        findings.push(ENVIRONMENT.skipped(format!("no home directory was looked into: {why}")));
    }
    let unread = environment.unread.iter();
    findings.extend(unread.map(|why| ENVIRONMENT.skipped(why.clone()).private([why.clone()])));
    let before = findings.len();
    for variable in &environment.variables {
        let found =
            variables::find(&variable.name).and_then(|known| match Nodes::of(&variable.name) {
                Some(nodes) => Some(override_finding(patient, variable, known, nodes)),
                None => finding(patient, variable, known),
            });
        // Without the line, so that what is left says that it is a file of somebody's.
        let file = variable
            .place
            .rsplit_once(':')
            .map(|(file, _)| file.to_owned());
        let private = file.filter(|file| file.contains(' '));
        findings.extend(found.map(|finding| finding.private(private.clone())));
    }
    if findings.len() == before {
        findings.push(ENVIRONMENT.good(format!(
            "none of {} variables that matter is set where it was looked",
            KNOWN.iter().filter(|known| known.weight != Weight::Harmless).count()
        )));
    }
    findings
}

/// The guarded chips that an override is for; or why there is none.
fn chips(patient: &Patient, nodes: Nodes) -> Result<Vec<&'static Chip>, String> {
    let mut gpus: Vec<(&Gpu, &Chip)> = patient.guarded().collect();
    if gpus.is_empty() {
        return Err(patient.no_guarded_gpu());
    }
    if let Nodes::One(number) = nodes {
        let nodes = kfd::gpus(patient.root).map_err(|error| error.to_string())?;
        if nodes.is_empty() {
            return Err(format!("amdkfd does not say which GPU is node {number}"));
        }
        let node = nodes.iter().find(|node| node.number == number);
        let bdf = node.and_then(|node| node.bdf.as_ref());
        gpus.retain(|(gpu, _)| Some(&gpu.bdf) == bdf);
        if gpus.is_empty() {
            return Err(format!("node {number} is no RDNA1/RDNA2 GPU"));
        }
    }
    Ok(gpus.into_iter().map(|(_, chip)| chip).collect())
}

fn override_finding(
    patient: &Patient,
    variable: &Variable,
    known: &Known,
    nodes: Nodes,
) -> Finding {
    let check = check("override", known);
    let what = set(variable);
    let remove = || remove(variable);
    let Some(value) = &variable.value else {
        return check
            .warning(format!("{what}: its value takes a shell to know"))
            .mend(remove());
    };
    let Some(version) = gfx_override::version(value) else {
        return check
            .warning(format!("{what} is no version such as 10.3.0"))
            .mend(remove());
    };
    let chips = match chips(patient, nodes) {
        Ok(chips) => chips,
        Err(why) => return check.note(format!("{what}; {why}")),
    };
    let targets = |chips: &[&Chip]| {
        let targets: Vec<&str> = chips.iter().map(|chip| chip.gfx_target).collect();
        targets.join(", ")
    };
    let across: Vec<&Chip> = chips
        .iter()
        .copied()
        .filter(|chip| gfx_override::crosses(version, chip))
        .collect();
    if !across.is_empty() {
        return check
            .error(format!(
                "{what} runs code of another GPU on {}",
                targets(&across)
            ))
            .mend(remove());
    }
    if chips
        .iter()
        .any(|chip| !gfx_override::is_harmless(value, chip))
    {
        return check
            .error(format!(
                "{what} is the version of no chip: ROCr leaves the GPU out"
            ))
            .mend(remove());
    }
    let other: Vec<&Chip> = chips
        .iter()
        .copied()
        .filter(|chip| gfx_override::target(chip) != Some(version))
        .collect();
    if other.is_empty() {
        check.note(format!("{what} is what the GPU is: it changes nothing"))
    } else {
        check.note(format!(
            "{what} runs code of a sister chip on {}: common, and mostly fine",
            targets(&other)
        ))
    }
}

fn finding(patient: &Patient, variable: &Variable, known: &Known) -> Option<Finding> {
    let chips: Vec<&Chip> = patient.guarded().map(|(_, chip)| chip).collect();
    let matters = known.when.holds(variable.value.as_deref()) && known.machines.has(&chips);
    let check = check("environment", known);
    let what = set(variable);
    match known.weight {
        _ if !matters => None,
        Weight::Harmless => None,
        Weight::Noted => Some(check.note(what)),
        Weight::Harmful | Weight::Hides => Some(check.warning(what).mend(remove(variable))),
    }
}

/// What is set where. A value that could be anything, such as a path, is not shown.
fn set(variable: &Variable) -> String {
    const LONGEST: usize = 32;
    let harmless = |value: &str| {
        value.len() <= LONGEST
            && value
                .chars()
                .all(|c| c.is_ascii_digit() || matches!(c, '.' | ',' | '-'))
    };
    let Variable { name, place, .. } = variable;
    match variable.value.as_deref() {
        Some(value) if harmless(value) => format!("{name}={value} ({place})"),
        _ => format!("{name} ({place})"),
    }
}

fn remove(variable: &Variable) -> String {
    let Variable { name, place, .. } = variable;
    if place.starts_with('/') {
        format!("take {name} out of {place}, and log in again")
    } else {
        format!("unset {name}")
    }
}
