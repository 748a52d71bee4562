// SPDX-License-Identifier: MIT

//! Whether rmcp is loaded before amdgpu: the `softdep` lines. Of several for amdgpu kmod takes the
//! first and no other (`libkmod-module.c`, `kmod_module_get_softdeps`).

use crate::conf;
use crate::modprobe::{self, Directive, Softdep};
use crate::params::edit::Edit;
use crate::params::{Check, Finding, Severity, View};
use crate::traced::Place;

const SOURCE: &str = "kmod libkmod/libkmod-module.c, kmod_module_get_softdeps";

pub(super) fn apply(view: &View<'_>, check: &mut Check) {
    let lines: Vec<_> = view.sources.modprobe.softdeps("amdgpu").collect();
    let Some(((first, softdep), others)) = lines.split_first() else {
        if view.rmcp_installed() {
            check.add(missing(&Place::file(conf::FILE)));
        }
        return;
    };
    if !softdep.loads_first("rmcp") {
        let shadowed = others.iter().find(|(_, other)| other.loads_first("rmcp"));
        if let Some((other, _)) = shadowed {
            check.add(not_first(first, softdep, &other.place));
            return;
        }
        if is_unseen(first, softdep) {
            check.add(unseen(first));
            return;
        }
        if view.rmcp_installed() {
            check.add(Finding {
                found: format!("{}: without rmcp", first.text.text().trim()),
                todo: add_rmcp_by_hand(first, softdep),
                edit: add_rmcp(first, softdep),
                ..missing(&first.place)
            });
        }
    }
    for (other, asked) in others {
        check.add(ignored(first, softdep, other, asked));
    }
}

fn missing(place: &Place) -> Finding {
    Finding {
        severity: Severity::Warning,
        rule: "softdep-missing",
        place: place.clone(),
        found: "nothing loads rmcp before amdgpu".to_owned(),
        why: "rmcp is installed; loaded after amdgpu it is not in effect until the next resume or \
              reset"
            .to_owned(),
        todo: "run 'rmcp-kctl install'".to_owned(),
        source: SOURCE.to_owned(),
        edit: None,
    }
}

fn not_first(first: &Directive, softdep: &Softdep, shadowed: &Place) -> Finding {
    Finding {
        severity: Severity::Warning,
        rule: "softdep-shadowed",
        place: first.place.clone(),
        found: format!(
            "{}: takes the place of the line that loads rmcp ({shadowed})",
            first.text.text().trim()
        ),
        why: "of several softdep lines for amdgpu, modprobe takes the first in the order of the \
              files' names and no other: amdgpu is loaded without rmcp"
            .to_owned(),
        todo: add_rmcp_by_hand(first, softdep),
        source: SOURCE.to_owned(),
        edit: add_rmcp(first, softdep),
    }
}

/// Whether a line looks as if it loaded rmcp, and does not.
fn is_unseen(line: &Directive, softdep: &Softdep) -> bool {
    let words: Vec<&str> = line.text.text().split_whitespace().collect();
    words.get(2) == Some(&"pre:") && words.contains(&"rmcp") && softdep.pre.is_empty()
}

fn unseen(line: &Directive) -> Finding {
    Finding {
        severity: Severity::Warning,
        rule: "softdep-blanks",
        place: line.place.clone(),
        found: format!("{}: two blanks before 'pre:'", line.text.text().trim()),
        why: "modprobe takes the second blank for a part of the word and does not see 'pre:': \
              amdgpu is loaded without rmcp"
            .to_owned(),
        todo: "leave one blank there".to_owned(),
        source: "kmod libkmod/libkmod-config.c, kmod_config_add_softdep".to_owned(),
        edit: None,
    }
}

fn ignored(first: &Directive, softdep: &Softdep, line: &Directive, asked: &Softdep) -> Finding {
    let has = |names: &[String], name: &String| names.contains(name);
    let all_there = asked.pre.iter().all(|name| has(&softdep.pre, name))
        && asked.post.iter().all(|name| has(&softdep.post, name));
    Finding {
        severity: if all_there {
            Severity::Note
        } else {
            Severity::Warning
        },
        rule: "softdep-ignored",
        place: line.place.clone(),
        found: format!(
            "{}: not the first softdep line of amdgpu, which is at {}",
            line.text.text().trim(),
            first.place
        ),
        why: "modprobe takes the first in the order of the files' names and no other".to_owned(),
        todo: if all_there {
            "nothing: the first line says as much".to_owned()
        } else {
            "put both into one line".to_owned()
        },
        source: SOURCE.to_owned(),
        edit: None,
    }
}

/// The same in words. The kernel's own file is written anew with every module that is installed.
fn add_rmcp_by_hand(line: &Directive, softdep: &Softdep) -> String {
    if !line.place.file.ends_with(modprobe::MODULES_SOFTDEP) {
        return "add rmcp to this line: of several, the first counts".to_owned();
    }
    let list = |name: &str, modules: &[String]| match modules {
        [] => String::new(),
        modules => format!(" {name} {}", modules.join(" ")),
    };
    let pre = [&["rmcp".to_owned()], softdep.pre.as_slice()].concat();
    format!(
        "this line is the kernel's own: write 'softdep amdgpu{}{}' to a file of {} whose name comes \
         before {}, such as amdgpu.conf",
        list("pre:", &pre),
        list("post:", &softdep.post),
        modprobe::DIRECTORIES[0],
        modprobe::MODULES_SOFTDEP
    )
}

/// Puts rmcp at the head of what the line loads first.
fn add_rmcp(line: &Directive, softdep: &Softdep) -> Option<Edit> {
    let (word, with) = if softdep.pre.is_empty() {
        ("post:", "pre: rmcp post:")
    } else {
        ("pre:", "pre: rmcp")
    };
    let at = line.text.text().find(word)?;
    Some(Edit {
        place: line.text.place(at)?.clone(),
        word: word.to_owned(),
        with: Some(with.to_owned()),
    })
}
