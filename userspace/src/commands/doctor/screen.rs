// SPDX-License-Identifier: MIT

//! An examination as people read it: one line for what is good, everything for what is not.
//! Explanations of what is worth no more than a note are for those who ask for more.

use super::finding::{Finding, Outcome};
use super::Examination;
use crate::report::{wrap, Terminal, Tone};

/// Columns of a terminal.
const WIDTH: usize = 80;
/// Columns in front of the text: how a check ended, and its name.
const MARGIN: usize = 22;

impl Outcome {
    const fn word(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Skipped => "skipped",
            Self::Note => "note",
            Self::Warning => "WARNING",
            Self::Error => "ERROR",
        }
    }

    const fn tone(self) -> Tone {
        match self {
            Self::Good => Tone::Good,
            Self::Skipped | Self::Note => Tone::Plain,
            Self::Warning => Tone::Warning,
            Self::Error => Tone::Bad,
        }
    }
}

/// How many checks ended how, the gravest first.
pub(super) fn summary(findings: &[Finding]) -> String {
    let counts = [
        (Outcome::Error, "error", "errors"),
        (Outcome::Warning, "warning", "warnings"),
        (Outcome::Note, "note", "notes"),
        (Outcome::Good, "good", "good"),
        (Outcome::Skipped, "skipped", "skipped"),
    ];
    let words: Vec<String> = counts
        .iter()
        .filter_map(|(outcome, one, many)| {
            let of_it = findings
                .iter()
                .filter(|finding| finding.outcome == *outcome);
            match of_it.count() {
                0 => None,
                1 => Some(format!("1 {one}")),
                count => Some(format!("{count} {many}")),
            }
        })
        .collect();
    words.join(", ")
}

/// Prints it.
pub(super) fn print(terminal: &Terminal, examination: &Examination) {
    for line in lines(examination, terminal.verbose()) {
        terminal.line(line.0, &line.1);
    }
}

/// Its lines.
pub(super) fn lines(examination: &Examination, verbose: bool) -> Vec<(Tone, String)> {
    let gravest = examination.findings.iter().map(|finding| finding.outcome);
    let tone = gravest.max().map_or(Tone::Plain, Outcome::tone);
    let mut lines = vec![
        (tone, examination.summary.clone()),
        (Tone::Plain, String::new()),
    ];
    for finding in &examination.findings {
        add(&mut lines, finding, verbose);
    }
    lines
}

fn add(lines: &mut Vec<(Tone, String)>, finding: &Finding, verbose: bool) {
    let tone = finding.outcome.tone();
    let head = format!("{:<8} {:<12} ", finding.outcome.word(), finding.check);
    text(lines, tone, &head, &finding.found);
    let explain = verbose || finding.outcome > Outcome::Note;
    if explain {
        text(lines, Tone::Plain, &row("why"), &finding.why);
    }
    for step in &finding.mend {
        text(lines, Tone::Plain, &row("do"), step);
    }
    if explain {
        text(lines, Tone::Plain, &row("source"), &finding.source);
    }
}

fn row(name: &str) -> String {
    format!("{:<13}{name:<9}", "")
}

/// A text beside its head, in as many lines as it takes.
fn text(lines: &mut Vec<(Tone, String)>, tone: Tone, head: &str, text: &str) {
    let wrapped = wrap(text, WIDTH - MARGIN).into_iter().enumerate();
    lines.extend(wrapped.map(|(i, line)| {
        let head = if i == 0 { head } else { "" };
        (tone, format!("{head:<MARGIN$}{line}"))
    }));
}
