// SPDX-License-Identifier: MIT

//! `rmcp-kctl run`: starts a job on guarded GPUs, keeps what there is to know of a fault, starts what
//! shall come after one, and ends as the last that was started did.

mod bundle;
mod environment;
mod line;
mod policy;
mod preset;
mod refusal;

pub use policy::Fallback;
pub use preset::Preset;

use super::Exit;
use crate::cli;
use crate::job::{End, Ended, Faults, Job, Seen, Signals};
use crate::report::{printable, Terminal};
use crate::root::Root;
use anyhow::{anyhow, Context, Result};
use bundle::Case;
use environment::Environment;
use line::StatusLine;
use policy::Attempt;
use std::ffi::OsString;
use std::io::{self, IsTerminal};
use std::process::Command;
use std::time::SystemTime;

/// Nothing was started: a GPU is not guarded, or the environment does harm.
const REFUSED: u8 = 124;
/// rmcp-kctl itself failed. This and the next two are what env(1), nice(1) and timeout(1) have.
const FAILED: u8 = 125;
/// The program is there and cannot be run.
const CANNOT_RUN: u8 = 126;
/// There is no such program.
const NOT_FOUND: u8 = 127;

/// Runs the command. Its errors have a code of their own, so that they are not taken for the job's.
pub fn run(root: &Root, terminal: &Terminal, args: &cli::Run) -> Exit {
    Exit::Job(attempt(root, terminal, args).unwrap_or_else(|error| {
        terminal.error(&error);
        FAILED
    }))
}

fn attempt(root: &Root, terminal: &Terminal, args: &cli::Run) -> Result<u8> {
    let environment = Environment::of(root, args)?;
    let mut reasons = refusal::reasons(root);
    reasons.extend(environment.harm.iter().cloned());
    for reason in &reasons {
        say(terminal, reason);
    }
    let refused = !reasons.is_empty() && !args.force;
    if refused {
        say(
            terminal,
            "the job is not started; --force starts it all the same",
        );
    }
    let code = if refused { REFUSED } else { 0 };
    let first = first(terminal, args, &environment)?;
    if args.dry_run || refused && terminal.json() {
        plan(root, terminal, args, &first, &environment, code, &reasons)?;
    }
    if args.dry_run || refused {
        return Ok(code);
    }
    let kernel = Faults::can_watch(root);
    let unwatched = unwatched(&kernel);
    if kernel.is_err() {
        for part in &unwatched {
            say(terminal, part);
        }
    }
    let mut runner = Runner {
        root,
        terminal,
        args,
        unwatched,
        signals: Signals::catch()?,
    };
    runner.all(first)
}

/// The job with what a preset adds, which is said.
fn first(terminal: &Terminal, args: &cli::Run, environment: &Environment) -> Result<Attempt> {
    let mut words = args.command.clone();
    if let Some(preset) = args.preset {
        let added = preset.adds(&words).map_err(|why| anyhow!(why))?;
        if let Some(why) = added.not {
            say(terminal, &format!("the preset adds nothing: {why}"));
        } else if added.words.is_empty() {
            say(terminal, "the preset adds nothing: all is given");
        } else {
            say(
                terminal,
                &format!("the preset adds {}", added.words.join(" ")),
            );
        }
        words.extend(added.words.into_iter().map(OsString::from));
    }
    Ok(Attempt::first(words, environment))
}

/// What one start came to.
enum Came {
    /// Nothing is to come after it.
    Over(u8),
    /// It failed by a fault, which is kept, and what comes after it is to be started.
    Fault(Attempt),
}

/// What it takes to start a job.
struct Runner<'a> {
    root: &'a Root,
    terminal: &'a Terminal,
    args: &'a cli::Run,
    unwatched: Vec<String>,
    signals: Signals,
}

impl Runner<'_> {
    /// Starts the job, and what comes after it; the code of what was started last.
    fn all(&mut self, mut attempt: Attempt) -> Result<u8> {
        let mut faults = 1;
        loop {
            let next = attempt.after(self.args, faults);
            match self.once(&attempt, next)? {
                Came::Over(code) => return Ok(code),
                Came::Fault(next) => attempt = next,
            }
            faults += 1;
            say(self.terminal, &format!("starting {}", attempt.text()));
        }
    }

    fn once(&mut self, attempt: &Attempt, next: Option<Attempt>) -> Result<Came> {
        let mut command = attempt.command().context("there is nothing to run")?;
        let started = SystemTime::now();
        let faults = Faults::watch(self.root, &mut command)?;
        let mut job = match Job::start(&mut command, &self.signals) {
            Ok(job) => job,
            Err(error) => return Ok(Came::Over(self.not_started(&command, error))),
        };
        // The job's ends of its pipes are the job's alone.
        drop(command);
        faults.of_job(job.pid());
        let line = StatusLine::start(self.root, &faults, job.pid());
        let end = job.wait(&mut self.signals)?;
        if let Some(line) = line {
            line.end();
        }
        let Ended { seen, output } = faults.end();
        tell(self.terminal, &seen);
        let case = Case {
            attempt,
            pid: job.pid(),
            started,
            end,
            seen: &seen,
            unwatched: &self.unwatched,
        };
        let worth_keeping = !seen.faults.is_empty() || !seen.unknown.is_empty();
        let kept = worth_keeping && self.keep(&case);
        let failed = !seen.faults.is_empty() && end != End::Code(0);
        let wanted = self.signals.asked_to_end() || end.was_wanted();
        if let Some(next) = next.filter(|_| kept && failed && !wanted) {
            job.end_rest();
            // That took a while.
            self.signals.pending();
            return Ok(match self.signals.asked_to_end() {
                true => Came::Over(end.code()),
                false => Came::Fault(next),
            });
        }
        if let Some(output) = output.filter(|output| !output.is_over()) {
            say(
                self.terminal,
                "processes of the job still write to its standard error: waiting for them",
            );
            job.wait_for(&output, &mut self.signals);
        }
        Ok(Came::Over(end.code()))
    }

    /// Says why; the code for it.
    fn not_started(&self, command: &Command, error: io::Error) -> u8 {
        let code = match error.kind() {
            io::ErrorKind::NotFound => NOT_FOUND,
            _ => CANNOT_RUN,
        };
        let program = command.get_program().to_string_lossy().into_owned();
        let error = anyhow::Error::new(error).context(format!("cannot run {program}"));
        self.terminal.error(&error);
        code
    }

    /// Keeps a fault; whether it is kept.
    fn keep(&self, case: &Case) -> bool {
        let below = self.args.log.clone().map_or_else(bundle::directory, Ok);
        match below.and_then(|below| bundle::keep(self.root, &below, case)) {
            Ok(directory) => {
                let kept = format!("what there is to know is in {}", directory.display());
                say(self.terminal, &kept);
                true
            }
            Err(error) => {
                let error = error.context("the fault is not kept, and nothing is started again");
                self.terminal.error(&error);
                false
            }
        }
    }
}

/// Says of faults, and of what could not be seen.
fn tell(terminal: &Terminal, seen: &Seen) {
    let count = seen.faults.len();
    if let Some(first) = seen.faults.first() {
        let more = match count - 1 {
            0 => String::new(),
            more => format!(" (and {more} more)"),
        };
        say(terminal, &format!("a GPU fault of the job: {first}{more}"));
    }
    for fault in &seen.unknown {
        say(terminal, &format!(
            "a GPU fault of a process that ended before it was seen whether it was the job's: {fault}"
        ));
    }
    for gap in &seen.gaps {
        say(terminal, gap);
    }
}

/// What would be done, or why not.
fn plan(
    root: &Root,
    terminal: &Terminal,
    args: &cli::Run,
    first: &Attempt,
    environment: &Environment,
    code: u8,
    reasons: &[String],
) -> Result<()> {
    let next = first.after(args, 1);
    let below = args.log.clone().map_or_else(bundle::directory, Ok)?;
    let unwatched = unwatched(&Faults::can_watch(root));
    if terminal.json() {
        terminal.document(&serde_json::json!({
            "exit_code": code,
            "reasons": reasons,
            "command": first.text(),
            "taken_away": environment.unset,
            "after_a_fault": next.as_ref().map(Attempt::text),
            "log": below,
            "not_watched": unwatched,
        }))?;
        return Ok(());
    }
    let line = |text: String| terminal.line(crate::report::Tone::Plain, &printable(&text));
    line(format!("would start: {}", first.text()));
    for name in &environment.unset {
        line(format!("without the variable {name}"));
    }
    line(match next {
        Some(next) => format!("after a fault: {}", next.text()),
        None => "after a fault: nothing".to_owned(),
    });
    line(format!("a fault is kept in: {}", below.display()));
    if unwatched.is_empty() {
        line("the kernel's log and the job's standard error are watched for faults".to_owned());
    }
    unwatched.into_iter().for_each(line);
    Ok(())
}

/// What is not watched for faults, each part a sentence.
fn unwatched(kernel: &Result<(), String>) -> Vec<String> {
    let kernel = kernel.as_ref().err();
    let kernel = kernel.map(|why| format!("the kernel's log is not watched for faults: {why}"));
    let stderr = io::stderr().is_terminal().then(|| {
        "the job's standard error is a terminal, which is left alone: it is not watched for \
         faults, but is with 2>FILE, or in bash 2> >(cat >&2)"
            .to_owned()
    });
    kernel.into_iter().chain(stderr).collect()
}

fn say(terminal: &Terminal, text: &str) {
    terminal.progress(&format!("rmcp-kctl: {}", printable(text)));
}
