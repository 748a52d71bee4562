// SPDX-License-Identifier: MIT

//! `rocm list`: the patches, and how those for a source tree stand to it.

use super::{patches, tree, Exit};
use crate::cli;
use crate::report::{paragraph, Line, Terminal, Tone};
use crate::rocm_patches::fit::{Fit, Outcome};
use crate::rocm_patches::source::Tree;
use crate::rocm_patches::{Component, Patch};
use anyhow::Result;
use serde::Serialize;

/// A patch as a script gets it.
#[derive(Debug, Serialize)]
struct Listed<'a> {
    component: Component,
    version: &'a str,
    name: &'a str,
    title: &'a str,
    about: &'a str,
    /// The files that it changes.
    files: Vec<&'a str>,
    /// How it stands to the source; `None` without one, or when it is not for it.
    outcome: Option<Outcome>,
}

/// All of them.
#[derive(Debug, Serialize)]
struct List<'a> {
    source: Option<&'a Tree>,
    patches: Vec<Listed<'a>>,
}

pub(super) fn run(terminal: &Terminal, args: &cli::RocmSource) -> Result<Exit> {
    let patches = patches(args)?;
    let tree = args
        .source
        .is_some()
        .then(|| tree(args, &patches))
        .transpose()?;
    let fitting = tree.as_ref().map(|tree| {
        // A tree that no patch is for leaves all of them without an outcome.
        let of_tree = tree.patches(&patches).unwrap_or_default();
        let tried = Fit::of(&tree.directory, &of_tree).patches;
        of_tree.into_iter().zip(tried).collect::<Vec<_>>()
    });
    let fitting = fitting.unwrap_or_default();
    let list = List {
        source: tree.as_ref(),
        patches: patches
            .iter()
            .map(|patch| {
                let tried = fitting
                    .iter()
                    .find(|(of_tree, _)| std::ptr::eq(*of_tree, patch));
                Listed::of(patch, tried.map(|(_, tried)| tried.outcome))
            })
            .collect(),
    };
    if terminal.json() {
        terminal.document(&list)?;
    } else {
        terminal.print(&list.lines())?;
    }
    Ok(Exit::Success)
}

impl<'a> Listed<'a> {
    fn of(patch: &'a Patch, outcome: Option<Outcome>) -> Self {
        Self {
            component: patch.component,
            version: &patch.version,
            name: &patch.name,
            title: &patch.title,
            about: &patch.about,
            files: patch.files.iter().map(|file| file.path.as_str()).collect(),
            outcome,
        }
    }
}

impl List<'_> {
    fn lines(&self) -> Vec<Line> {
        let mut lines = Vec::new();
        if let Some(tree) = self.source {
            let source = format!("{} is {tree}", tree.directory.display());
            lines.extend(paragraph(Line::plain(""), Tone::Plain, &source));
        }
        if self.patches.is_empty() {
            lines.push(Line::plain("there are no patches"));
        }
        let mut before = None;
        for patch in &self.patches {
            let of = (patch.component, patch.version);
            if before != Some(of) {
                let heading = format!("{} {}", patch.component.name(), patch.version);
                lines.push(Line::new(Tone::Strong, &heading));
                before = Some(of);
            }
            let mut title = format!("{} {}", patch.name, patch.title);
            if let Some(outcome) = patch.outcome {
                title += &format!(": {}", outcome.as_str());
            }
            lines.extend(paragraph(Line::plain("  "), Tone::Plain, &title));
            lines.extend(paragraph(Line::plain("      "), Tone::Faint, patch.about));
        }
        lines
    }
}
