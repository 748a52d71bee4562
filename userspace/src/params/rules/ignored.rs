// SPDX-License-Identifier: MIT

//! What is written about amdgpu or rmcp where modprobe does not read it: lines that it does not
//! understand, files of another name, and files masked by others.

use crate::modprobe::{Directive, Kind, Unused};
use crate::params::{Check, Finding, Module, Severity, View};
use crate::traced::Place;

const SOURCE: &str = "kmod libkmod/libkmod-config.c, kmod_config_parse";

pub(super) fn apply(view: &View<'_>, check: &mut Check) {
    for line in &view.sources.modprobe.directives {
        if line.kind == Kind::Bad && concerns_us(line) {
            check.add(bad(line));
        }
    }
    for file in &view.sources.modprobe.unused {
        if file.directives.iter().any(concerns_us) {
            check.findings.extend(unread(file));
        }
    }
}

/// Whether a line is about one of the modules.
fn concerns_us(line: &Directive) -> bool {
    line.text
        .text()
        .split(|c: char| c.is_whitespace() || c == '.')
        .any(|word| Module::ALL.iter().any(|module| module.name() == word))
}

fn bad(line: &Directive) -> Finding {
    let text = line.text.text().trim();
    let first = text.split_whitespace().next().unwrap_or_default();
    let todo = match first {
        "option" => "write 'options'".to_owned(),
        "options" => "write 'options MODULE NAME=VALUE'".to_owned(),
        comment if comment.starts_with('#') => {
            "start the line with the #, without blanks before it".to_owned()
        }
        setting => match setting.split_once('.') {
            Some((module, argument)) => {
                format!("write 'options {module} {argument}': this form is the command line's")
            }
            None => "correct or remove the line".to_owned(),
        },
    };
    Finding {
        severity: if first.starts_with('#') {
            Severity::Note
        } else {
            Severity::Warning
        },
        rule: "ignored-line",
        place: line.place.clone(),
        found: format!("{text}: not a line that modprobe understands"),
        why: "modprobe passes over it with a message".to_owned(),
        todo,
        source: SOURCE.to_owned(),
        edit: None,
    }
}

/// A file that was put out of the way on purpose is named so: `x.conf.old`, `x.conf~`.
fn unread(file: &Unused) -> Option<Finding> {
    let (severity, found, todo) = match &file.masked_by {
        Some(by) => (
            Severity::Note,
            format!("not read: {by} has the same name and is in a directory that comes first"),
            "nothing, if it is meant so".to_owned(),
        ),
        None if file.path.contains(".conf") => return None,
        None => (
            Severity::Warning,
            "not read: its name does not end with .conf".to_owned(),
            format!("rename it to {}.conf, or remove it", file.path),
        ),
    };
    Some(Finding {
        severity,
        rule: "unread-file",
        place: Place::file(&file.path),
        found,
        why: "what it says about amdgpu or rmcp has no effect".to_owned(),
        todo,
        source: "kmod libkmod/libkmod-config.c, conf_files_filter_out and \
                 conf_files_insert_sorted"
            .to_owned(),
        edit: None,
    })
}
