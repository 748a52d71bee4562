// SPDX-License-Identifier: MIT

//! Parameters that are set more than once. A module is passed what every modprobe.d file says, in
//! the order of the files' names, then what the command line says (`libkmod-module.c`,
//! `kmod_module_get_options`; `libkmod-config.c`, `kmod_config_new`); the kernel takes one after
//! the other, so that the last wins.

use crate::params::known::own;
use crate::params::settings::Origin;
use crate::params::{Check, Finding, Module, Setting, Severity, Sources, View};

pub(super) fn apply(view: &View<'_>, check: &mut Check) {
    let boots = boots(view.sources);
    let settings = view.sources.to_judge();
    for setting in settings.filter(|setting| is_parameter(view, setting)) {
        let (wins, loses): (Vec<_>, Vec<_>) = boots
            .iter()
            .filter(|boot| setting.counts_in(**boot))
            .filter_map(|boot| Sources::winner(view.sources.passed(*boot), setting))
            .partition(|winner| std::ptr::eq(*winner, setting));
        if let Some(winner) = loses.first() {
            check.add(finding(setting, winner, wins.is_empty()));
        }
    }
}

/// The boots that are known of, by their command lines: the next from each place where one is
/// written down, or with none that is known; and this one.
fn boots(sources: &Sources) -> Vec<Origin> {
    let mut boots: Vec<_> = sources
        .boot
        .iter()
        .map(|b| Origin::Boot(b.loader))
        .collect();
    if boots.is_empty() {
        boots.push(Origin::ModprobeD);
    }
    boots.push(Origin::Running);
    boots
}

/// What is no parameter at all is not set even once.
pub(super) fn is_parameter(view: &View<'_>, setting: &Setting) -> bool {
    match setting.module {
        Module::Rmcp => own(&setting.name).is_some(),
        Module::Amdgpu => view.amdgpus().any(|k| k.get(&setting.name).is_some()),
    }
}

/// `always` where it is overridden in every boot that it is part of.
fn finding(setting: &Setting, winner: &Setting, always: bool) -> Finding {
    let same = setting.value == winner.value;
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
        todo: if always {
            "keep one of them: removing this one changes nothing".to_owned()
        } else {
            "keep one of them: in a boot without that command line this one counts".to_owned()
        },
        source: "kmod libkmod/libkmod-module.c, kmod_module_get_options; \
                 libkmod/libkmod-config.c, kmod_config_new"
            .to_owned(),
        edit: always.then(|| setting.edit(None)),
    }
}
