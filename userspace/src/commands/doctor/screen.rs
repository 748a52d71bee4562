// SPDX-License-Identifier: MIT

//! An examination as people read it: one line for what is good, everything for what is not.
//! Explanations of what is worth no more than a note are for those who ask for more.

use super::finding::{Finding, Outcome};
use super::Examination;
use crate::report::{paragraph, Line, Terminal, Tone};

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
    // A reader that went away is not an error.
    let _ = terminal.print(&lines(examination, terminal.verbose()));
}

/// Its lines.
pub(super) fn lines(examination: &Examination, verbose: bool) -> Vec<Line> {
    let gravest = examination.findings.iter().map(|finding| finding.outcome);
    let tone = gravest.max().map_or(Tone::Plain, Outcome::tone);
    let mut lines = vec![Line::new(tone, &examination.summary), Line::default()];
    for finding in &examination.findings {
        add(&mut lines, finding, verbose);
    }
    lines
}

fn add(lines: &mut Vec<Line>, finding: &Finding, verbose: bool) {
    let tone = finding.outcome.tone();
    let head = format!("{:<8} {:<12} ", finding.outcome.word(), finding.check);
    lines.extend(paragraph(Line::new(tone, &head), tone, &finding.found));
    let mut row = |name: &str, text: &str| {
        let head = Line::plain(&format!("{:<13}{name:<9}", ""));
        lines.extend(paragraph(head, Tone::Plain, text));
    };
    let explain = verbose || finding.outcome > Outcome::Note;
    if explain {
        row("why", &finding.why);
    }
    for step in &finding.mend {
        row("do", step);
    }
    if explain {
        row("source", &finding.source);
    }
}
