// SPDX-License-Identifier: MIT

//! What keeps amdgpu or rmcp from being loaded, or runs something else in their place.

use crate::cmdline::arguments;
use crate::params::settings::{self, Origin};
use crate::params::{Check, Finding, Module, Severity, Sources, View};
use crate::traced::Place;

const PROBE: &str = "kmod libkmod/libkmod-module.c, kmod_module_probe_insert_module";

pub(super) fn apply(view: &View<'_>, check: &mut Check) {
    for module in Module::ALL {
        for line in view.sources.modprobe.blacklists(module.name()) {
            let found = format!("blacklist {}", module.name());
            check.add(blacklisted(module, &line.place, found));
        }
    }
    command_lines(view, check);
    aliases(view, check);
    install(view, check);
}

/// A blacklist counts for the module that is asked for, not for those that it brings along.
fn blacklisted(module: Module, place: &Place, found: String) -> Finding {
    let (severity, why, todo) = match module {
        Module::Amdgpu => (
            Severity::Warning,
            "the GPU gets no driver at boot; only 'modprobe amdgpu' by hand still loads it",
            "remove it, unless the GPU is meant for a virtual machine",
        ),
        Module::Rmcp => (
            Severity::Note,
            "this does not keep rmcp out: a blacklist counts for the module that is asked for, and \
             rmcp comes along with amdgpu",
            "remove it; to be without rmcp, run 'rmcp-kctl uninstall', or give rmcp.enforce=0",
        ),
    };
    Finding {
        severity,
        rule: "blacklisted",
        place: place.clone(),
        found,
        why: why.to_owned(),
        todo: todo.to_owned(),
        source: PROBE.to_owned(),
        edit: None,
    }
}

fn command_lines(view: &View<'_>, check: &mut Check) {
    for (line, origin) in view.sources.command_lines() {
        for argument in arguments::split(line.text()) {
            let word = &line.text()[argument.range.clone()];
            if origin == Origin::Running && is_written_down(view.sources, word) {
                continue;
            }
            let place = settings::place(line, &argument.range);
            let modules = || {
                let list = argument.value.as_deref().unwrap_or_default();
                let listed = |module: &Module| list.split(',').any(|name| name == module.name());
                Module::ALL.into_iter().filter(listed)
            };
            match argument.name.as_str() {
                "modprobe.blacklist" => {
                    for module in modules() {
                        check.add(blacklisted(module, &place, word.to_owned()));
                    }
                }
                "module_blacklist" => {
                    for module in modules() {
                        check.add(refused(module, &place, word));
                    }
                }
                "nomodeset" if !sets_modes(view.sources) => check.add(nomodeset(&place)),
                _ => {}
            }
        }
    }
}

/// Whether a word of the running command line is in one of the next boot's.
fn is_written_down(sources: &Sources, word: &str) -> bool {
    sources.boot.iter().any(|boot| {
        let text = boot.text.text();
        arguments::split(text)
            .iter()
            .any(|argument| &text[argument.range.clone()] == word)
    })
}

fn refused(module: Module, place: &Place, word: &str) -> Finding {
    let name = module.name();
    Finding {
        severity: Severity::Error,
        rule: "blacklisted",
        place: place.clone(),
        found: word.to_owned(),
        why: format!("the kernel refuses to load {name}, by hand too"),
        todo: format!("remove {name} from it"),
        source: "Linux kernel/module/main.c, blacklisted".to_owned(),
        edit: None,
    }
}

/// Whether `amdgpu.modeset` overrides `nomodeset`.
fn sets_modes(sources: &Sources) -> bool {
    let mut modeset = sources
        .settings
        .iter()
        .filter(|s| s.module == Module::Amdgpu && s.name == "modeset");
    modeset.any(|setting| setting.value.as_deref() != Some("-1"))
}

fn nomodeset(place: &Place) -> Finding {
    Finding {
        severity: Severity::Warning,
        rule: "nomodeset",
        place: place.clone(),
        found: "nomodeset".to_owned(),
        why: "amdgpu leaves every GPU of a display class alone".to_owned(),
        todo: "remove it, or give amdgpu.modeset=1".to_owned(),
        source: "Linux 7.2, amdgpu_drv.c, amdgpu_pci_probe".to_owned(),
        edit: None,
    }
}

/// amdgpu's own name does not matter: it is asked for by the alias of its device.
fn aliases(view: &View<'_>, check: &mut Check) {
    let modprobe = &view.sources.modprobe;
    if modprobe.leads_rmcp_away().is_none() {
        return;
    }
    for (line, module) in modprobe.aliases("rmcp") {
        check.add(Finding {
            severity: Severity::Warning,
            rule: "alias",
            place: line.place.clone(),
            found: line.text.text().trim().to_owned(),
            why: format!(
                "modprobe takes the name rmcp for {module}: amdgpu is loaded without rmcp"
            ),
            todo: "remove it; to be without rmcp, run 'rmcp-kctl uninstall'".to_owned(),
            source: "kmod libkmod/libkmod-module.c, kmod_module_new_from_lookup".to_owned(),
            edit: None,
        });
    }
}

fn install(view: &View<'_>, check: &mut Check) {
    let modprobe = &view.sources.modprobe;
    if let Some((line, command)) = modprobe.install("amdgpu") {
        // A softdep that leads to a module makes kmod pass over the command.
        let passed_over = view.rmcp_installed() && modprobe.loads_rmcp_first().is_some();
        let why = if passed_over {
            "modprobe passes over it, as amdgpu has a softdep that leads to a module: amdgpu is \
             loaded all the same"
        } else {
            "this command is run in place of loading amdgpu; if it calls 'modprobe \
             --ignore-install amdgpu', no softdep is looked at, and rmcp is not loaded first"
        };
        check.add(Finding {
            severity: Severity::Warning,
            rule: "install-command",
            place: line.place.clone(),
            found: format!("install amdgpu {}", command.trim()),
            why: why.to_owned(),
            todo: "remove it; use a softdep for what is to be loaded before or after".to_owned(),
            source: format!("{PROBE} and __kmod_module_fill_softdep"),
            edit: None,
        });
    }
    if let Some((line, command)) = modprobe.install("rmcp") {
        check.add(Finding {
            severity: Severity::Warning,
            rule: "install-command",
            place: line.place.clone(),
            found: format!("install rmcp {}", command.trim()),
            why: "this command is run in place of loading rmcp: amdgpu is loaded without it"
                .to_owned(),
            todo: "remove it; to be without rmcp, run 'rmcp-kctl uninstall'".to_owned(),
            source: PROBE.to_owned(),
            edit: None,
        });
    }
}
