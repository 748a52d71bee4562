// SPDX-License-Identifier: MIT

//! Settings that the running system does not have: the loaded module holds another value, or the
//! kernel was started with another command line than the one written down.

use super::meaning;
use crate::params::afterwards::IMAGES;
use crate::params::known::own;
use crate::params::settings::Origin;
use crate::params::value::{Kind, Value};
use crate::params::{Check, Finding, Module, Setting, Severity, Sources, View};
use crate::sysfs::module::{self, Live};

pub(super) fn apply(view: &View<'_>, check: &mut Check) {
    for setting in view.sources.now() {
        let winner = Sources::winner(view.sources.now(), setting);
        if winner.is_some_and(|winner| std::ptr::eq(winner, setting)) {
            loaded(view, setting, check);
        }
    }
    for setting in &view.sources.settings {
        match setting.origin {
            Origin::Boot(_) => started(view, setting, check),
            Origin::Running if !view.sources.boot.is_empty() => written_down(view, setting, check),
            Origin::Running | Origin::ModprobeD => {}
        }
    }
}

/// How the values of one parameter are compared.
enum Comparison {
    Word(&'static crate::policy::Param),
    Kind(Kind),
}

impl Comparison {
    fn of(view: &View<'_>, setting: &Setting) -> Option<Self> {
        match setting.module {
            Module::Rmcp => own(&setting.name).map(Self::Word),
            Module::Amdgpu => view
                .amdgpus()
                .find_map(|amdgpu| amdgpu.get(&setting.name)?.kind())
                .map(Self::Kind),
        }
    }

    /// Whether the kernel holds what was set; `None` when what was set is nothing that it holds.
    fn agree(&self, setting: &Setting, live: &str) -> Option<bool> {
        let value = setting.value.as_deref();
        match self {
            Self::Word(param) => {
                let wanted = param.parse(value?)?;
                Some(param.parse(live) == Some(wanted))
            }
            Self::Kind(kind) => {
                let wanted = kind.parse(value)?;
                if let Value::Number(number) = wanted {
                    if !meaning::is_kept(&setting.name, number) {
                        return None;
                    }
                }
                Some(kind.parse(Some(live)) == Some(wanted))
            }
        }
    }
}

fn loaded(view: &View<'_>, setting: &Setting, check: &mut Check) {
    const RULE: &str = "not-live";
    let Some(comparison) = Comparison::of(view, setting) else {
        return;
    };
    let name = setting.module.name();
    match module::live(view.root, name, &setting.name) {
        Ok(Live::NotLoaded) => {}
        Ok(Live::NotShown) => check.skip(
            RULE,
            format!(
                "the loaded {name} does not show its parameter {}",
                setting.name
            ),
        ),
        Err(error) => check.skip(RULE, error.to_string()),
        Ok(Live::Value(live)) => {
            if comparison.agree(setting, &live) == Some(false) {
                check.add(Finding {
                    severity: Severity::Warning,
                    rule: RULE,
                    place: setting.place.clone(),
                    found: format!("{}: the loaded {name} has {live}", setting.assignment()),
                    why: format!(
                        "{name} was loaded before this was set, or from an initramfs without it, or \
                         something replaced the value since; it counts when {name} is loaded"
                    ),
                    todo: format!(
                        "where {name} is loaded from the initramfs, rebuild that ({IMAGES}); then \
                         reboot"
                    ),
                    source: module::file(name, &setting.name),
                    edit: None,
                });
            }
        }
    }
}

/// What is written down for the next boot and was not there at this one.
fn started(view: &View<'_>, setting: &Setting, check: &mut Check) {
    let Origin::Boot(loader) = setting.origin else {
        return;
    };
    let Some(running) = &view.sources.running else {
        return;
    };
    let is_same = |other: &Setting| {
        other.origin == Origin::Running
            && other.same_parameter(setting)
            && other.value == setting.value
    };
    if view.sources.settings.iter().any(is_same) || running.text().is_empty() {
        return;
    }
    check.add(Finding {
        // Where there are two such places, one of them is not in use.
        severity: if view.sources.boot.len() == 1 {
            Severity::Warning
        } else {
            Severity::Note
        },
        rule: "not-started-with",
        place: setting.place.clone(),
        found: format!(
            "{}: the running kernel was started without it",
            setting.written
        ),
        why: "it counts once it is in the boot entries and the machine was started again"
            .to_owned(),
        todo: format!("run {}, then reboot", loader.apply()),
        source: crate::sysfs::cmdline::FILE.to_owned(),
        edit: None,
    });
}

/// What was there at this boot and is written down nowhere.
fn written_down(view: &View<'_>, setting: &Setting, check: &mut Check) {
    if view.sources.written_down(setting) {
        return;
    }
    let files: Vec<&str> = view
        .sources
        .boot
        .iter()
        .map(|boot| boot.loader.file())
        .collect();
    check.add(Finding {
        severity: Severity::Note,
        rule: "only-this-boot",
        place: setting.place.clone(),
        found: format!("{}: not in {}", setting.written, files.join(" or ")),
        why: "it was typed at the boot menu, comes from another place, or the next boot will be \
              without it"
            .to_owned(),
        todo: "write it down, if it is to stay".to_owned(),
        source: crate::sysfs::cmdline::FILE.to_owned(),
        edit: None,
    });
}
