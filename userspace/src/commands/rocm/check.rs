// SPDX-License-Identifier: MIT

//! `rocm check`: whether the patches for a source tree fit it.

use super::{patches, tree, Exit};
use crate::cli;
use crate::report::{paragraph, printable, Line, Terminal, Tone};
use crate::rocm_patches::fit::{Fit, Outcome, Tried, TriedHunk};
use crate::rocm_patches::record::{Record, State};
use crate::rocm_patches::source::Tree;
use anyhow::{anyhow, Result};
use serde::Serialize;

/// What `check` and `apply` tell.
#[derive(Debug, Serialize)]
pub(super) struct Report<'a> {
    pub(super) exit_code: u8,
    pub(super) summary: String,
    pub(super) source: &'a Tree,
    /// What is written down in the tree.
    pub(super) recorded: Option<State>,
    pub(super) patches: &'a [Tried],
    /// The files that were changed, or would be.
    pub(super) files: Vec<&'a str>,
}

pub(super) fn run(terminal: &Terminal, args: &cli::RocmSource) -> Result<Exit> {
    let patches = patches(args)?;
    let tree = tree(args, &patches)?;
    let patches = tree.patches(&patches).map_err(|why| anyhow!(why))?;
    let record = Record::read(&tree.directory)?;
    let fit = Fit::of(&tree.directory, &patches);
    let exit = exit(&fit);
    let report = Report {
        exit_code: exit.code(),
        summary: summary(&fit),
        source: &tree,
        recorded: record.map(|record| record.state),
        patches: &fit.patches,
        files: Vec::new(),
    };
    report.print(terminal)?;
    Ok(exit)
}

pub(super) fn exit(fit: &Fit) -> Exit {
    if fit.count(Outcome::DoesNotFit) > 0 {
        Exit::DoesNotFit
    } else {
        Exit::Success
    }
}

/// How many patches stand how to the tree.
pub(super) fn summary(fit: &Fit) -> String {
    let all = fit.patches.len();
    let counts = [Outcome::Fits, Outcome::Applied, Outcome::DoesNotFit].map(|outcome| {
        let count = fit.count(outcome);
        let words = match (outcome, count) {
            (_, 0) => return None,
            (Outcome::Fits, 1) => "fits",
            (Outcome::Fits, _) => "fit",
            (Outcome::Applied, 1) => "is applied already",
            (Outcome::Applied, _) => "are applied already",
            (Outcome::DoesNotFit, 1) => "does not fit",
            (Outcome::DoesNotFit, _) => "do not fit",
        };
        Some(format!("{count} {words}"))
    });
    let s = if all == 1 { "" } else { "es" };
    let counts: Vec<String> = counts.into_iter().flatten().collect();
    format!("{all} patch{s}: {}", counts.join(", "))
}

fn tone(outcome: Outcome) -> Tone {
    match outcome {
        Outcome::Fits => Tone::Good,
        Outcome::Applied => Tone::Plain,
        Outcome::DoesNotFit => Tone::Bad,
    }
}

impl Report<'_> {
    pub(super) fn print(&self, terminal: &Terminal) -> Result<()> {
        if terminal.json() {
            terminal.document(self)?;
            return Ok(());
        }
        let source = format!("{} is {}", self.source.directory.display(), self.source);
        let mut lines = paragraph(Line::plain(""), Tone::Plain, &source);
        for patch in self.patches {
            lines.extend(patch_lines(patch, terminal.verbose()));
        }
        for file in &self.files {
            lines.push(Line::plain(&printable(&format!("  {file}"))));
        }
        match self.recorded {
            Some(State::Applying | State::Reversing) => {
                let text =
                    "an 'apply' or 'reverse' was interrupted here: the next one puts it right";
                lines.push(Line::new(Tone::Warning, text));
            }
            Some(State::Applied) | None => {}
        }
        lines.push(Line::new(self.tone(), &self.summary));
        terminal.print(&lines)?;
        Ok(())
    }

    fn tone(&self) -> Tone {
        if self.exit_code == 0 {
            Tone::Good
        } else {
            Tone::Bad
        }
    }
}

/// A patch in a line, and those of its hunks that are not where they say.
pub(super) fn patch_lines(patch: &Tried, all: bool) -> Vec<Line> {
    let outcome = patch.outcome;
    let mut head = Line::plain("  ");
    head.push(tone(outcome), &format!("{:<16}", outcome.as_str()));
    let title = format!("{} {}", patch.name, patch.title);
    let mut lines = paragraph(head, Tone::Plain, &title);
    for hunk in &patch.hunks {
        let fails = outcome == Outcome::DoesNotFit;
        if all || fails || hunk.offset != 0 {
            lines.extend(hunk_lines(hunk));
        }
    }
    lines
}

fn hunk_lines(hunk: &TriedHunk) -> Vec<Line> {
    let place = format!("{}:{}  {}", hunk.file, hunk.line, hunk.header);
    let mut lines = paragraph(Line::plain("    "), Tone::Faint, &place);
    let mut text = hunk.outcome.as_str().to_owned();
    match (&hunk.why, hunk.offset) {
        (Some(why), _) => text += &format!(": {why}"),
        (None, 0) => {}
        (None, offset) => {
            let count = offset.unsigned_abs();
            let s = if count == 1 { "" } else { "s" };
            let way = if offset > 0 { "down" } else { "up" };
            text += &format!(", {count} line{s} further {way} than it says");
        }
    }
    lines.extend(paragraph(Line::plain("      "), tone(hunk.outcome), &text));
    lines
}
