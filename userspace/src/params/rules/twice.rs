// SPDX-License-Identifier: MIT

//! Parameters that are set more than once. A module is passed what every modprobe.d file says, in
//! the order of the files' names, then what the command line says (`libkmod-module.c`,
//! `kmod_module_get_options`; `libkmod-config.c`, `kmod_config_new`); the kernel takes one after
//! the other, so that the last wins.

use crate::params::known::own;
use crate::params::settings::Origin;
use crate::params::{Check, Finding, Module, Setting, Severity, Sources, View};

pub(super) fn apply(view: &View<'_>, check: &mut Check) {
    let mut told: Vec<&Setting> = Vec::new();
    for boot in boots(view.sources) {
        for setting in boot.iter().filter(|setting| is_parameter(view, setting)) {
            let winner = Sources::winner(boot.iter().copied(), setting);
            let Some(winner) = winner.filter(|winner| !std::ptr::eq(*winner, *setting)) else {
                continue;
            };
            let judged = view.sources.to_judge().any(|s| std::ptr::eq(s, *setting));
            if judged && !told.iter().any(|t| std::ptr::eq(*t, *setting)) {
                told.push(setting);
                check.add(finding(setting, winner));
            }
        }
    }
}

/// What is set in each boot that is known of: this one, and the next from each place where its
/// command line is written down.
fn boots(sources: &Sources) -> Vec<Vec<&Setting>> {
    let next = sources.boot.iter().map(|boot| {
        let origin = Origin::Boot(boot.loader);
        let of_next = |s: &&Setting| s.origin == Origin::ModprobeD || s.origin == origin;
        sources.settings.iter().filter(of_next).collect()
    });
    next.chain([sources.now().collect()]).collect()
}

/// What is no parameter at all is not set even once.
pub(super) fn is_parameter(view: &View<'_>, setting: &Setting) -> bool {
    match setting.module {
        Module::Rmcp => own(&setting.name).is_some(),
        Module::Amdgpu => view.amdgpus().any(|k| k.get(&setting.name).is_some()),
    }
}

fn finding(setting: &Setting, winner: &Setting) -> Finding {
    let same = setting.value == winner.value;
    let is_certain = setting.origin != Origin::Running && winner.origin != Origin::Running;
    let why = if winner.origin == Origin::ModprobeD {
        "modprobe passes the options of all files in the order of the files' names, and the last \
         of a parameter wins"
    } else {
        "modprobe passes the command line after modprobe.d, and the last of a parameter wins"
    };
    Finding {
        severity: if same {
            Severity::Note
        } else {
            Severity::Warning
        },
        rule: "set-twice",
        place: setting.place.clone(),
        found: if same {
            format!("{}: said again at {}", setting.written, winner.place)
        } else {
            format!(
                "{}: overridden by {} at {}",
                setting.written, winner.written, winner.place
            )
        },
        why: why.to_owned(),
        todo: "keep one of them: removing this one changes nothing".to_owned(),
        source: "kmod libkmod/libkmod-module.c, kmod_module_get_options; \
                 libkmod/libkmod-config.c, kmod_config_new"
            .to_owned(),
        edit: is_certain.then(|| setting.edit(None)),
    }
}
