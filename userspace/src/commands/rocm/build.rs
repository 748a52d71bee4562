// SPDX-License-Identifier: MIT

//! `rocm build`: upstream's build of a source tree, installed below a directory of its own.

use super::{patches, tree, Exit};
use crate::cli;
use crate::packages::{Manager, Need};
use crate::process;
use crate::report::{printable, Line, Terminal, Tone};
use crate::rocm_patches::build::{programs, steps, Step};
use crate::rocm_patches::prefix::{self, Installed};
use crate::rocm_patches::record::{Record, State};
use crate::rocm_patches::source::Tree;
use crate::root::Root;
use crate::steps::with_suffix;
use anyhow::{anyhow, Context, Result};
use serde::Serialize;
use std::fs;
use std::path::Path;

/// What `build` tells.
#[derive(Debug, Serialize)]
struct Report<'a> {
    exit_code: u8,
    summary: String,
    source: &'a Tree,
    /// The patches that are recorded in the source.
    patches: &'a [String],
    prefix: &'a Path,
    /// Each command, as one types it.
    commands: Vec<String>,
    log: &'a Path,
    /// Programs that are not installed.
    missing: Vec<String>,
}

pub(super) fn run(root: &Root, terminal: &Terminal, args: &cli::RocmBuild) -> Result<Exit> {
    let mut tree = tree(&args.source, &patches(&args.source)?)?;
    tree.directory = tree.directory.canonicalize()?;
    let prefix = prefix::check(root, &args.prefix).map_err(|why| anyhow!(why))?;
    let build = match &args.build_dir {
        Some(directory) => std::path::absolute(directory)?,
        None => with_suffix(&tree.directory, "-build"),
    };
    let jobs = std::thread::available_parallelism().map_or(1, usize::from);
    let jobs = args.jobs.unwrap_or(jobs);
    let commands =
        steps(&tree, &build, &prefix, jobs, &args.options).map_err(|why| anyhow!(why))?;
    let patches = applied(&tree)?;
    let log = build.join("rmcp-build.log");
    let mut report = Report {
        exit_code: 0,
        summary: String::new(),
        source: &tree,
        patches: &patches,
        prefix: &prefix,
        commands: commands.iter().map(ToString::to_string).collect(),
        log: &log,
        missing: missing(root, &tree),
    };
    let exit = if args.dry_run {
        report.summary = "nothing was run".to_owned();
        Exit::Success
    } else if report.missing.is_empty() {
        let (exit, summary) = build_all(terminal, &report, &commands, &build)?;
        report.summary = summary;
        exit
    } else {
        report.summary = format!("nothing was built: missing {}", report.missing.join(", "));
        Exit::ToolMissing
    };
    report.exit_code = exit.code();
    report.print(terminal, args.dry_run)?;
    Ok(exit)
}

/// The patches that are recorded in the tree.
fn applied(tree: &Tree) -> Result<Vec<String>> {
    let record = Record::read(&tree.directory)?.filter(|record| record.state == State::Applied);
    let named = record.map(|record| record.patches).unwrap_or_default();
    Ok(named.into_iter().map(|patch| patch.name).collect())
}

/// The programs that are not installed, each with its package where that is known.
fn missing(root: &Root, tree: &Tree) -> Vec<String> {
    let manager = Manager::of(root);
    let missing = programs(tree.component)
        .iter()
        .filter(|name| process::find(name).is_none());
    missing
        .map(|name| match Need::Program(name).package(manager) {
            Some(package) if package == *name => format!("{name}: install it"),
            Some(package) => format!("{name}: install {package}"),
            None => (*name).to_owned(),
        })
        .collect()
}

fn build_all(
    terminal: &Terminal,
    report: &Report<'_>,
    commands: &[Step],
    build: &Path,
) -> Result<(Exit, String)> {
    if report.patches.is_empty() {
        terminal.progress("no patches of 'rmcp-kctl rocm apply' are in this source");
    }
    fs::create_dir_all(build).with_context(|| format!("cannot make {}", build.display()))?;
    let log = process::new_log(report.log)?;
    let cmake = process::find("cmake").context("cmake was not found")?;
    let Tree {
        component, version, ..
    } = report.source;
    let mut installed = Installed::read(report.prefix);
    for (i, step) in commands.iter().enumerate() {
        if i + 1 == commands.len() {
            installed.add(report.prefix, *component, version, report.patches, false)?;
        }
        let what = format!("[{}/{}] {}", i + 1, commands.len(), step.what);
        if !process::run_logged(terminal, &what, &cmake, &step.arguments, &log)? {
            let how = format!(
                "{} failed: the reason is in {}",
                step.what,
                report.log.display()
            );
            for line in last_lines(report.log) {
                terminal.progress(&format!("  {}", printable(&line)));
            }
            let packages = format!(
                "; what Debian's package of it is built with is installed by 'apt-get build-dep {}'",
                component.debian()
            );
            return Ok((Exit::BuildFailed, how + &packages));
        }
    }
    installed.add(report.prefix, *component, version, report.patches, true)?;
    let shown = report.prefix.display();
    let summary = format!(
        "installed below {shown}; for a shell: eval \"$(rmcp-kctl rocm env --prefix {shown})\""
    );
    Ok((Exit::Success, summary))
}

/// Enough of a log to see the error.
fn last_lines(log: &Path) -> Vec<String> {
    const LINES: usize = 15;
    let bytes = fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(LINES)..]
        .iter()
        .map(|line| (*line).to_owned())
        .collect()
}

impl Report<'_> {
    fn print(&self, terminal: &Terminal, dry_run: bool) -> Result<()> {
        if terminal.json() {
            terminal.document(self)?;
            return Ok(());
        }
        let mut lines = Vec::new();
        if dry_run {
            lines.extend(
                self.commands
                    .iter()
                    .map(|command| Line::plain(&printable(command))),
            );
            let missing = self.missing.iter();
            lines.extend(
                missing.map(|missing| Line::new(Tone::Warning, &format!("missing {missing}"))),
            );
        }
        let tone = if self.exit_code == 0 {
            Tone::Good
        } else {
            Tone::Bad
        };
        lines.push(Line::new(tone, &printable(&self.summary)));
        terminal.print(&lines)?;
        Ok(())
    }
}
