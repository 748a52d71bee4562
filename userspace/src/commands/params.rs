// SPDX-License-Identifier: MIT

//! `rmcp-kctl params`: what is set for amdgpu and rmcp, what is wrong with it, and the change that
//! mends it.

use super::Exit;
use crate::cli;
use crate::lock::Lock;
use crate::params::edit::Change;
use crate::params::settings::Origin;
use crate::params::{self, Check, Finding, Module, Setting, Severity, Skipped, Sources};
use crate::report::{printable, wrap, Terminal, Tone};
use crate::root::Root;
use crate::steps;
use crate::sysfs::module::{self, Live};
use anyhow::{bail, Context, Result};
use serde::Serialize;
use std::path::{Path, PathBuf};

/// Wide enough for every terminal.
const COLUMNS: usize = 80;

/// Runs the command.
///
/// # Errors
///
/// When a command line exists but cannot be read, or a file cannot be written.
pub fn run(root: &Root, terminal: &Terminal, what: &cli::Params) -> Result<Exit> {
    match what {
        cli::Params::Check => check(root, terminal),
        cli::Params::Fix(args) => fix(root, terminal, args),
        cli::Params::List => list(root, terminal),
    }
}

/// The result of `params check`.
#[derive(Debug, Serialize)]
struct Checked {
    exit_code: u8,
    summary: String,
    #[serde(flatten)]
    check: Check,
    /// What `params fix` would do.
    changes: Vec<Shown>,
}

/// A change as a script gets it.
#[derive(Debug, Serialize)]
struct Shown {
    #[serde(flatten)]
    change: Change,
    diff: String,
}

impl Shown {
    fn all(changes: Vec<Change>) -> Vec<Self> {
        changes
            .into_iter()
            .map(|change| Self {
                diff: change.diff(),
                change,
            })
            .collect()
    }
}

fn check(root: &Root, terminal: &Terminal) -> Result<Exit> {
    let check = params::check(root)?;
    let exit = if check.needs_action() {
        Exit::NotInEffect
    } else {
        Exit::Success
    };
    let checked = Checked {
        exit_code: exit.code(),
        summary: summary(&check),
        changes: Shown::all(check.changes(root)),
        check,
    };
    if terminal.json() {
        terminal.document(&checked)?;
    } else {
        checked.print(terminal);
    }
    Ok(exit)
}

fn summary(check: &Check) -> String {
    let some: Vec<String> = [Severity::Error, Severity::Warning, Severity::Note]
        .into_iter()
        .filter(|severity| check.count(*severity) > 0)
        .map(|severity| plural(check.count(severity), severity.as_str()))
        .collect();
    let found = if some.is_empty() {
        "nothing to complain about".to_owned()
    } else {
        some.join(", ")
    };
    match check.skipped.len() {
        0 => found,
        skipped => format!("{found}; {} skipped", plural(skipped, "check")),
    }
}

fn plural(count: usize, what: &str) -> String {
    let s = if count == 1 { "" } else { "s" };
    format!("{count} {what}{s}")
}

fn tone(severity: Severity) -> Tone {
    match severity {
        Severity::Error => Tone::Bad,
        Severity::Warning => Tone::Warning,
        Severity::Note => Tone::Plain,
    }
}

impl Checked {
    fn print(&self, terminal: &Terminal) {
        let worst = self.check.findings.iter().map(|f| f.severity).min();
        terminal.line(
            match worst {
                Some(severity) => tone(severity),
                None if self.check.skipped.is_empty() => Tone::Good,
                None => Tone::Warning,
            },
            &self.summary,
        );
        for finding in &self.check.findings {
            print_finding(terminal, finding);
        }
        if !self.check.skipped.is_empty() {
            terminal.line(Tone::Plain, "");
        }
        for Skipped { rule, why } in &self.check.skipped {
            hanging(terminal, "skipped", &format!("{rule}: {why}"));
        }
        if !self.changes.is_empty() {
            terminal.line(Tone::Plain, "");
            let text = "This change mends what needs no decision; 'rmcp-kctl params fix' makes it:";
            terminal.line(Tone::Plain, text);
            terminal.line(Tone::Plain, "");
        }
        for shown in &self.changes {
            print_diff(terminal, &shown.diff);
        }
    }
}

fn print_finding(terminal: &Terminal, finding: &Finding) {
    terminal.line(Tone::Plain, "");
    let head = format!(
        "{:<8} {}  {}",
        finding.severity.as_str(),
        finding.place,
        finding.rule
    );
    terminal.line(tone(finding.severity), &printable(&head));
    hanging(terminal, "  found", &finding.found);
    hanging(terminal, "  why", &finding.why);
    hanging(terminal, "  do", &finding.todo);
    hanging(terminal, "  source", &finding.source);
}

/// A name, and a text beside it in as many lines as it needs.
fn hanging(terminal: &Terminal, name: &str, text: &str) {
    const INDENT: usize = 9;
    for (i, line) in wrap(text, COLUMNS - INDENT).iter().enumerate() {
        let name = if i == 0 { name } else { "" };
        let line = format!("{name:<INDENT$}{line}");
        terminal.line(Tone::Plain, line.trim_end());
    }
}

fn print_diff(terminal: &Terminal, diff: &str) {
    for line in diff.lines() {
        let tone = match line.chars().next() {
            Some('+') => Tone::Good,
            Some('-') => Tone::Bad,
            _ => Tone::Plain,
        };
        terminal.line(tone, &printable(&line.replace('\t', "    ")));
    }
}

fn fix(root: &Root, terminal: &Terminal, args: &cli::ParamsFix) -> Result<Exit> {
    let _lock = (root.is_running_system() && !args.dry_run)
        .then(Lock::take)
        .transpose()?;
    let check = params::check(root)?;
    let changes = check.changes(root);
    if terminal.json() {
        terminal.document(&Shown::all(changes.clone()))?;
    } else if changes.is_empty() {
        terminal.line(Tone::Plain, &why_no_change(&check));
    } else {
        for change in &changes {
            print_diff(terminal, &change.diff());
        }
    }
    if args.dry_run || changes.is_empty() {
        return Ok(Exit::Success);
    }
    steps::confirm(terminal, args.yes)?;
    for change in &changes {
        if let Some(kept) = apply(root, change)? {
            terminal.progress(&format!("{}: what it was is kept as {kept}", change.to));
        } else {
            terminal.progress(&format!(
                "{}: written, in the place of {}",
                change.to, change.from
            ));
        }
    }
    let next = params::afterwards(&changes);
    terminal.progress(&format!("done. Next: {next}"));
    Ok(Exit::Success)
}

fn why_no_change(check: &Check) -> String {
    const SEE: &str = "see 'rmcp-kctl params check'";
    match check.skipped.len() {
        _ if check.needs_action() => {
            format!("nothing that can be mended without a decision: {SEE}")
        }
        0 => "nothing has to be mended".to_owned(),
        skipped => format!(
            "nothing has to be mended; {} skipped: {SEE}",
            plural(skipped, "check")
        ),
    }
}

/// Writes the new file; the answer is the name under which the older one is kept.
fn apply(root: &Root, change: &Change) -> Result<Option<String>> {
    let to = root.path(&change.to);
    if change.to == change.from
        && std::fs::read_to_string(&to).ok().as_ref() != Some(&change.before)
    {
        bail!(
            "{} changed while it was looked at; run this again",
            change.to
        );
    }
    let kept = if to.exists() {
        let kept = free_name(&to);
        steps::write_atomically(&kept, &std::fs::read(&to)?, change.mode)?;
        let name = kept.file_name().context("a file without a name")?;
        Some(name.to_string_lossy().into_owned())
    } else {
        None
    };
    steps::write_atomically(&to, change.after.as_bytes(), change.mode)?;
    Ok(kept)
}

/// Where an older file is kept: a name that modprobe and GRUB do not read, and that no file has.
fn free_name(file: &Path) -> PathBuf {
    let first = steps::with_suffix(file, ".rmcp-old");
    (2..)
        .map(|n| steps::with_suffix(&first, &format!("-{n}")))
        .find(|name| name.symlink_metadata().is_err())
        .filter(|_| first.symlink_metadata().is_ok())
        .unwrap_or(first)
}

/// One row of `params list`.
#[derive(Debug, Serialize)]
struct Row<'a> {
    #[serde(flatten)]
    setting: &'a Setting,
    /// Whether it is the one that a module loaded now gets.
    wins: bool,
    /// What the loaded module has.
    live: Option<String>,
}

fn list(root: &Root, terminal: &Terminal) -> Result<Exit> {
    let sources = Sources::read(root)?;
    let rows: Vec<Row<'_>> = sources
        .settings
        .iter()
        .map(|s| row(root, &sources, s))
        .collect();
    if terminal.json() {
        terminal.document(&rows)?;
        return Ok(Exit::Success);
    }
    if rows.is_empty() {
        let text = "nothing sets a parameter of amdgpu or rmcp";
        terminal.line(Tone::Plain, text);
    }
    let width = |of: fn(&Row<'_>) -> usize| rows.iter().map(of).max().unwrap_or_default();
    let (parameters, lives) = (width(|r| r.parameter().len()), width(|r| r.live().len()));
    for module in Module::ALL {
        for row in rows.iter().filter(|row| row.setting.module == module) {
            let (parameter, live) = (row.parameter(), row.live());
            let state = row.state();
            let place = &row.setting.place;
            let line = format!("{parameter:<parameters$}  {state:<10}  {live:<lives$}  {place}");
            let tone = if row.wins { Tone::Good } else { Tone::Plain };
            terminal.line(tone, &printable(&line));
        }
    }
    Ok(Exit::Success)
}

fn row<'a>(root: &Root, sources: &Sources, setting: &'a Setting) -> Row<'a> {
    let winner = Sources::winner(sources.now(), setting);
    Row {
        setting,
        wins: winner.is_some_and(|winner| std::ptr::eq(winner, setting)),
        live: match module::live(root, setting.module.name(), &setting.name) {
            Ok(Live::Value(value)) => Some(value),
            Ok(Live::NotLoaded | Live::NotShown) | Err(_) => None,
        },
    }
}

impl Row<'_> {
    fn parameter(&self) -> String {
        format!(
            "{}.{}",
            self.setting.module.name(),
            self.setting.assignment()
        )
    }

    fn state(&self) -> &'static str {
        match (self.wins, self.setting.origin) {
            (true, _) => "wins",
            (false, Origin::Boot(_)) => "next boot",
            (false, Origin::ModprobeD | Origin::Running) => "overridden",
        }
    }

    fn live(&self) -> String {
        match &self.live {
            Some(value) => format!("live: {value}"),
            None => "live: ?".to_owned(),
        }
    }
}
