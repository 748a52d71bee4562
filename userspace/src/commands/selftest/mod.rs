// SPDX-License-Identifier: MIT

//! `rmcp-kctl selftest`: from the kernel's driver up to PyTorch, does each part do its work on the GPUs
//! that rmcp guards? What cannot be tried is skipped, with the reason, and proves nothing.

mod log;
mod steps;

use super::Exit;
use crate::process;
use crate::report::{paragraph, Line, Terminal, Tone};
use crate::root::Root;
use anyhow::{ensure, Result};
use serde::Serialize;
use std::sync::atomic::Ordering;

/// Columns before what a step found.
const WORD: usize = 8;
const NAME: usize = 12;

/// How a step ended, the least grave first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Outcome {
    Passed,
    Skipped,
    Failed,
}

/// One step of the ladder.
#[derive(Debug, Serialize)]
struct Step {
    name: &'static str,
    outcome: Outcome,
    /// What was found; of one that was skipped, why.
    detail: String,
}

/// All steps.
#[derive(Debug, Serialize)]
struct Ladder {
    exit_code: u8,
    steps: Vec<Step>,
}

impl Outcome {
    fn exit(self) -> Exit {
        match self {
            Self::Passed => Exit::Success,
            Self::Skipped => Exit::Unconfirmed,
            Self::Failed => Exit::NotInEffect,
        }
    }

    fn words(self) -> (Tone, &'static str) {
        match self {
            Self::Passed => (Tone::Good, "passed"),
            Self::Skipped => (Tone::Warning, "skipped"),
            Self::Failed => (Tone::Bad, "failed"),
        }
    }
}

impl Step {
    fn passed(name: &'static str, detail: impl Into<String>) -> Self {
        Self::new(name, Outcome::Passed, detail)
    }

    fn skipped(name: &'static str, why: impl Into<String>) -> Self {
        Self::new(name, Outcome::Skipped, why)
    }

    fn failed(name: &'static str, detail: impl Into<String>) -> Self {
        Self::new(name, Outcome::Failed, detail)
    }

    fn new(name: &'static str, outcome: Outcome, detail: impl Into<String>) -> Self {
        let detail = detail.into();
        Self {
            name,
            outcome,
            detail,
        }
    }

    fn lines(&self) -> Vec<Line> {
        let (tone, word) = self.outcome.words();
        let mut head = Line::new(tone, &format!("{word:<WORD$}"));
        head.push(Tone::Strong, &format!("{:<NAME$}", self.name));
        paragraph(head, Tone::Plain, &self.detail)
    }
}

/// Runs the command.
///
/// # Errors
///
/// When something in /sys exists but cannot be read, the result cannot be written, or it is interrupted.
pub fn run(root: &Root, terminal: &Terminal) -> Result<Exit> {
    let asked_to_end = process::asked_to_end()?;
    let mut steps = Vec::new();
    // A person sees each step as it ends: some take a while.
    steps::climb(root, &asked_to_end, |step| {
        ensure!(
            !asked_to_end.load(Ordering::Relaxed),
            "interrupted: what was running is ended, and nothing more is tried"
        );
        if !terminal.json() {
            terminal.print(&step.lines())?;
        }
        steps.push(step);
        Ok(())
    })?;
    let worst = steps.iter().map(|step| step.outcome).max();
    let exit = worst.unwrap_or(Outcome::Skipped).exit();
    if terminal.json() {
        terminal.document(&Ladder {
            exit_code: exit.code(),
            steps,
        })?;
    }
    Ok(exit)
}
