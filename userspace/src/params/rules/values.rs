// SPDX-License-Identifier: MIT

//! Values that a parameter does not take. Unlike an unknown name, such a value keeps the module from
//! being loaded at all (`kernel/params.c`, `parse_args`; rmcp's own parameters likewise).

use crate::params::known::own;
use crate::params::{Check, Finding, Module, Setting, Severity, View};

const RULE: &str = "not-parsable";

pub(super) fn apply(view: &View<'_>, check: &mut Check) {
    for setting in view.sources.to_judge() {
        match setting.module {
            Module::Rmcp => {
                if let Some(param) = own(&setting.name) {
                    let word = setting.value.as_deref();
                    if word.and_then(|word| param.parse(word)).is_none() {
                        let source = "kmod/policy.rs (PARAMS), kmod/params.rs";
                        check.add(refused(setting, param.range, "", source, true));
                    }
                }
            }
            Module::Amdgpu => of_amdgpu(view, setting, check),
        }
    }
}

fn of_amdgpu(view: &View<'_>, setting: &Setting, check: &mut Check) {
    let value = setting.value.as_deref();
    for amdgpu in view.amdgpus() {
        let Some(parameter) = amdgpu.get(&setting.name) else {
            continue;
        };
        let Some(kind) = parameter.kind() else {
            let why = format!(
                "{}: what a parameter of type {} takes is not known here",
                setting.name, parameter.kind
            );
            check.skip(RULE, why);
            continue;
        };
        if kind.parse(value).is_none() {
            let kind = format!("{}, as its type is {}", kind.describe(), parameter.kind);
            let on = format!(" of {}", amdgpu.release);
            let source = "parmtype= of amdgpu.ko; Linux kernel/params.c, parse_args; lib/kstrtox.c";
            let is_certain = view.every_amdgpu(|other| {
                other.get(&setting.name).is_none_or(|parameter| {
                    let kind = parameter.kind();
                    kind.is_some_and(|kind| kind.parse(value).is_none())
                })
            });
            check.add(refused(setting, &kind, &on, source, is_certain));
            return;
        }
    }
}

/// `is_certain` where no kernel takes it.
fn refused(setting: &Setting, expected: &str, on: &str, source: &str, is_certain: bool) -> Finding {
    let module = setting.module.name();
    let consequence = match setting.module {
        Module::Amdgpu => "the GPU stays without a driver",
        Module::Rmcp => "amdgpu is loaded without rmcp",
    };
    Finding {
        severity: Severity::Error,
        rule: RULE,
        place: setting.place.clone(),
        found: match &setting.value {
            Some(value) => format!("{}: {value:?} is not {expected}", setting.written),
            None => format!("{} has no value, expected is {expected}", setting.written),
        },
        why: format!(
            "the kernel refuses to load {module}{on} with it (\"invalid for parameter\"): {consequence}"
        ),
        todo: "correct the value, or remove it".to_owned(),
        source: source.to_owned(),
        edit: is_certain.then(|| setting.edit(None)),
    }
}
