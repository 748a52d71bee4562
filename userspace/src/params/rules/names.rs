// SPDX-License-Identifier: MIT

//! Names that no parameter has. The kernel passes over them with a line in its log
//! (`kernel/module/main.c`, `unknown_module_param_cb`).

use crate::params::known::{nearest, own, Amdgpu, OF_EVERY_MODULE};
use crate::params::{Check, Finding, Module, Setting, Severity, View};
use crate::policy;

const RULE: &str = "unknown-name";

pub(super) fn apply(view: &View<'_>, check: &mut Check) {
    for setting in view.sources.to_judge() {
        if setting.name.starts_with('#') {
            if !setting.after_hash {
                check.add(comment(setting));
            }
        } else if OF_EVERY_MODULE.contains(&setting.name.as_str()) {
            // The kernel takes it for any module.
        } else if setting.module == Module::Rmcp {
            if own(&setting.name).is_none() {
                let names = policy::PARAMS.iter().map(|param| param.name);
                let near = nearest(&setting.name, names).map(str::to_owned);
                let source = "kmod/policy.rs (PARAMS)";
                let found = unknown(setting, "rmcp", near, source.to_owned(), true);
                check.findings.extend(found);
            }
        } else {
            of_amdgpu(view, setting, check);
        }
    }
}

fn of_amdgpu(view: &View<'_>, setting: &Setting, check: &mut Check) {
    let (with, without): (Vec<_>, Vec<_>) = view
        .amdgpus()
        .partition(|amdgpu| amdgpu.get(&setting.name).is_some());
    let releases = |kernels: &[&Amdgpu]| {
        let releases: Vec<&str> = kernels.iter().map(|k| k.release.as_str()).collect();
        releases.join(", ")
    };
    if without.is_empty() {
        // Known everywhere; or nowhere to look, which was said.
        return;
    }
    let source = "parm= and parmtype= of amdgpu.ko (modinfo -p amdgpu)".to_owned();
    if with.is_empty() {
        let near = without.iter().find_map(|amdgpu| {
            let name = nearest(&setting.name, amdgpu.parameters.keys().map(String::as_str))?;
            Some(format!("{name} ({})", amdgpu.get(name)?.help))
        });
        let of = format!("amdgpu of {}", releases(&without));
        // A kernel that could not be read may know it.
        let is_certain = view.every_amdgpu(|_| true);
        let found = unknown(setting, &of, near, source, is_certain);
        check.findings.extend(found);
    } else {
        check.add(Finding {
            severity: Severity::Note,
            rule: RULE,
            place: setting.place.clone(),
            found: format!(
                "{}: amdgpu of {} has no parameter {}",
                setting.written,
                releases(&without),
                setting.name
            ),
            why: format!(
                "that kernel ignores it; amdgpu of {} has it",
                releases(&with)
            ),
            todo: "keep it as long as you boot a kernel that has it".to_owned(),
            source,
            edit: None,
        });
    }
}

/// `is_certain` where no kernel knows it. What follows a # is not meant as a parameter: that there is
/// a # was said.
fn unknown(
    setting: &Setting,
    of: &str,
    near: Option<String>,
    source: String,
    is_certain: bool,
) -> Option<Finding> {
    let remove = if is_certain {
        "remove it"
    } else {
        "remove it, unless a kernel whose amdgpu could not be read knows it"
    };
    (!setting.after_hash).then(|| Finding {
        severity: Severity::Warning,
        rule: RULE,
        place: setting.place.clone(),
        found: format!(
            "{}: {of} has no parameter {}",
            setting.written, setting.name
        ),
        why: "the kernel ignores it with one line in its log: the setting does nothing".to_owned(),
        todo: match near {
            Some(near) => format!("{remove}; the nearest parameter there is: {near}"),
            None => remove.to_owned(),
        },
        source: format!("{source}; Linux kernel/module/main.c, unknown_module_param_cb"),
        edit: is_certain.then(|| setting.edit(None)),
    })
}

fn comment(setting: &Setting) -> Finding {
    Finding {
        severity: Severity::Warning,
        rule: "comment-in-options",
        place: setting.place.clone(),
        found: format!("{} in the middle of an options line", setting.written),
        why: "only a line that starts with # is a comment: what follows is passed to the module, \
              where an unknown word is ignored and a setting counts"
            .to_owned(),
        todo: "put the comment on a line of its own".to_owned(),
        source: "kmod libkmod/libkmod-config.c, kmod_config_parse".to_owned(),
        edit: None,
    }
}
