// SPDX-License-Identifier: MIT

//! `rocm apply` and `rocm reverse`: the changes of a source tree, and taking them back.

use super::check::{exit, summary, Report};
use super::{patches, tree, Exit};
use crate::cli;
use crate::report::{printable, Line, Terminal, Tone};
use crate::rocm_patches::fit::{Fit, Outcome};
use crate::rocm_patches::record::{Locked, Record, State};
use crate::rocm_patches::source::{tops, Tree};
use crate::rocm_patches::Patch;
use anyhow::{anyhow, bail, Result};
use serde::Serialize;
use std::path::{Path, PathBuf};

pub(super) fn apply(terminal: &Terminal, args: &cli::RocmApply) -> Result<Exit> {
    let patches = patches(&args.source)?;
    let tree = tree(&args.source, &patches)?;
    let patches = tree.patches(&patches).map_err(|why| anyhow!(why))?;
    let lock = Locked::take(&tree.directory)?;
    match Record::read(&tree.directory)? {
        None => {}
        Some(record) if record.state == State::Applied => {
            is_whole(&tree, &record, &patches)?;
        }
        Some(_) if args.dry_run => {
            bail!("an 'apply' or 'reverse' was interrupted here: without --dry-run it is taken back first")
        }
        Some(record) => {
            lock.reverse(record)?;
            terminal.progress("an 'apply' or 'reverse' was interrupted here: taken back");
        }
    }
    let fit = Fit::of(&tree.directory, &patches);
    let exit = exit(&fit);
    let all = summary(&fit);
    let files: Vec<&str> = fit
        .changes
        .iter()
        .map(|change| change.path.as_str())
        .collect();
    let summary = match (exit, fit.count(Outcome::Fits)) {
        (Exit::DoesNotFit, _) => format!("{all}; nothing was changed"),
        (_, 0) => format!("{all}; nothing to do"),
        _ if args.dry_run => format!("{all}; would change {}", count(&files)),
        _ => {
            let version = patches.first().map_or("", |patch| &patch.version);
            lock.apply(tree.component, version, &patches, &fit.changes)?;
            format!("{all}; changed {}", count(&files))
        }
    };
    let report = Report {
        exit_code: exit.code(),
        summary,
        source: &tree,
        recorded: Record::read(&tree.directory)?.map(|record| record.state),
        patches: &fit.patches,
        files: if exit == Exit::DoesNotFit {
            Vec::new()
        } else {
            files
        },
    };
    report.print(terminal)?;
    Ok(exit)
}

/// What is written down is what is there, and of these patches.
fn is_whole(tree: &Tree, record: &Record, patches: &[&Patch]) -> Result<()> {
    let shown = tree.directory.display();
    if !record.is_of(patches) {
        bail!("other patches were applied to {shown}: take them back first, with 'rmcp-kctl rocm reverse {shown}'");
    }
    match record.changed(&tree.directory)?.as_slice() {
        [] => Ok(()),
        [first, ..] => bail!("the patches were applied to {shown}, and {first} was changed since"),
    }
}

fn count(files: &[&str]) -> String {
    match files.len() {
        1 => "1 file".to_owned(),
        count => format!("{count} files"),
    }
}

/// What `reverse` tells.
#[derive(Debug, Serialize)]
struct Reversed<'a> {
    exit_code: u8,
    summary: String,
    directory: &'a Path,
    /// The files that were put back, or would be.
    files: Vec<String>,
    /// The files that were changed since.
    changed: Vec<String>,
}

pub(super) fn reverse(terminal: &Terminal, args: &cli::RocmReverse) -> Result<Exit> {
    let mut recorded: Vec<(PathBuf, Record)> = Vec::new();
    for top in tops(&args.source) {
        recorded.extend(Record::read(&top)?.map(|record| (top, record)));
    }
    let (top, record) = match recorded.as_slice() {
        [] if !args.source.is_dir() => bail!("there is no directory {}", args.source.display()),
        [] => {
            let nothing = Reversed {
                exit_code: Exit::Success.code(),
                summary: "nothing to take back: 'rmcp-kctl rocm apply' changed nothing here"
                    .to_owned(),
                directory: &args.source,
                files: Vec::new(),
                changed: Vec::new(),
            };
            nothing.print(terminal)?;
            return Ok(Exit::Success);
        }
        [(top, record)] => (top, record),
        [(first, _), (second, _), ..] => bail!(
            "{} and {} have patches: name one of them",
            first.display(),
            second.display()
        ),
    };
    let lock = Locked::take(top)?;
    let owned = |files: Vec<&str>| {
        files
            .into_iter()
            .map(str::to_owned)
            .collect::<Vec<String>>()
    };
    let (files, changed) = (owned(record.files()), owned(record.changed(top)?));
    let (exit, summary) = if let [_, ..] = changed.as_slice() {
        let summary = "a file was changed since the patches were applied; nothing was put back: \
                       take your change back first, or copy it away";
        (Exit::DoesNotFit, summary.to_owned())
    } else if args.dry_run {
        (Exit::Success, "would put these files back".to_owned())
    } else {
        lock.reverse(record.clone())?;
        (
            Exit::Success,
            "every file is as it was before the patches".to_owned(),
        )
    };
    let reversed = Reversed {
        exit_code: exit.code(),
        summary,
        directory: top,
        files,
        changed,
    };
    reversed.print(terminal)?;
    Ok(exit)
}

impl Reversed<'_> {
    fn print(&self, terminal: &Terminal) -> Result<()> {
        if terminal.json() {
            terminal.document(self)?;
            return Ok(());
        }
        let mut lines = Vec::new();
        for file in &self.files {
            let changed = self.changed.contains(file);
            let (tone, note) = if changed {
                (Tone::Bad, ": changed since")
            } else {
                (Tone::Plain, "")
            };
            lines.push(Line::new(tone, &printable(&format!("  {file}{note}"))));
        }
        let tone = if self.exit_code == 0 {
            Tone::Good
        } else {
            Tone::Bad
        };
        lines.push(Line::new(tone, &self.summary));
        terminal.print(&lines)?;
        Ok(())
    }
}
