// SPDX-License-Identifier: MIT

//! `rmcp-kctl run`: starts a job on guarded GPUs, keeps what there is to know of a fault, starts what
//! shall come after one, and ends as the last that was started did.

mod bundle;
mod environment;
mod line;
mod place;
mod policy;
mod preset;
mod refusal;
mod secrets;

pub use policy::Fallback;
pub use preset::Preset;

use super::{faults, Exit};
use crate::cli;
use crate::job::{End, Ended, Faults, Job, Signals};
use crate::report::{printable, Line, Terminal, Tone};
use crate::root::Root;
use anyhow::{anyhow, Context, Result};
use bundle::Case;
use environment::Environment;
use line::StatusLine;
use policy::Attempt;
use std::ffi::OsString;
use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};
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

const ASKED_TO_END: &str = "a signal asked to end";

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
    let refused = !reasons.is_empty();
    let below = place::directory(root, args.log.as_deref()).and_then(|below| {
        match args.dry_run || refused && !args.force {
            true => place::could_prepare(&below)?,
            false => place::prepare(&below)?,
        }
        Ok(below)
    });
    if let Err(error) = &below {
        let so = match goes_on(args) {
            true => ", and without that nothing is started again",
            false => "",
        };
        reasons.push(format!("a fault cannot be kept{so}: {error:#}"));
    }
    for reason in &reasons {
        say(terminal, reason);
    }
    let code = match () {
        () if args.force => 0,
        () if refused => REFUSED,
        () if below.is_err() && goes_on(args) => FAILED,
        () => 0,
    };
    if code != 0 {
        say(
            terminal,
            "the job is not started; --force starts it all the same",
        );
    }
    let first = first(terminal, args, &environment)?;
    if args.dry_run || code != 0 && terminal.json() {
        let plan = Plan {
            first,
            environment: &environment,
            code,
            reasons: &reasons,
            below: below.as_deref().ok(),
        };
        plan.print(root, terminal, args)?;
        return Ok(code);
    }
    if code != 0 {
        return Ok(code);
    }
    let mut runner = Runner {
        root,
        terminal,
        args,
        signals: Signals::catch()?,
    };
    runner.all(first)
}

/// Whether something is to be started after a fault.
fn goes_on(args: &cli::Run) -> bool {
    args.fallback != Fallback::None || args.resume_with.is_some()
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
        let unwatched = unwatched(faults.unwatched());
        if faults.unwatched().is_some() {
            unwatched.iter().for_each(|part| say(self.terminal, part));
        }
        let mut job = match Job::start(&mut command, &self.signals) {
            Ok(job) => job,
            Err(error) => return Ok(Came::Over(self.not_started(&command, error))),
        };
        // The job's ends of its pipes are the job's alone.
        drop(command);
        faults.of_job(job.pid());
        let line = StatusLine::start(self.root, &faults, job.pid());
        let end = job.wait(&mut self.signals)?;
        let Ended { seen, output } = faults.end();
        let told = seen.of_job().flat_map(|of| faults::told(self.root, of));
        let told: Vec<Line> = told.collect();
        let case = Case {
            attempt,
            pid: job.pid(),
            started,
            end,
            seen: &seen,
            told: &told,
            unwatched: &unwatched,
        };
        let worth_keeping = !seen.faults.is_empty() || !seen.unknown.is_empty();
        // Before anything is said: a terminal that Ctrl-S halts would hold it up.
        let kept = worth_keeping.then(|| self.keep(&case));
        if let Some(line) = line {
            line.end();
        }
        tell(self.terminal, &case, kept.as_ref());
        match self.after(&case, kept.is_some_and(|kept| kept.is_ok()), next) {
            Ok(next) => {
                job.end_rest();
                // That took a while.
                self.signals.pending();
                if !self.signals.asked_to_end() {
                    return Ok(Came::Fault(next));
                }
                self.not_again(ASKED_TO_END);
                return Ok(Came::Over(end.code()));
            }
            Err(why) if goes_on(self.args) && (worth_keeping || end != End::Code(0)) => {
                self.not_again(&why);
            }
            Err(_) => {}
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

    /// Keeps a fault; where.
    fn keep(&self, case: &Case) -> Result<PathBuf> {
        let below = place::directory(self.root, self.args.log.as_deref())?;
        bundle::keep(self.root, &below, case)
    }

    fn not_again(&self, why: &str) {
        say(self.terminal, &format!("nothing is started again: {why}"));
    }

    /// What is to be started next, or why nothing is.
    fn after(&self, case: &Case, kept: bool, next: Option<Attempt>) -> Result<Attempt, String> {
        let Case { end, seen, .. } = case;
        Err(match seen.faults.is_empty() {
            _ if self.signals.asked_to_end() => ASKED_TO_END.to_owned(),
            true if seen.unknown.is_empty() => "no GPU fault of the job was seen".to_owned(),
            true => "it is not known whether the fault was the job's".to_owned(),
            false if *end == End::Code(0) => "the job succeeded in spite of the fault".to_owned(),
            false if end.was_wanted() => format!(
                "the job ended with {}, as after a signal that asks to end",
                end.code()
            ),
            false if !kept => "the fault is not kept".to_owned(),
            false => return next.ok_or_else(|| "this was the last time".to_owned()),
        })
    }
}

/// Says of faults, what they mean, where that is kept, and what could not be seen.
fn tell(terminal: &Terminal, case: &Case, kept: Option<&Result<PathBuf>>) {
    let seen = case.seen;
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
    if kept.is_some() {
        terminal.beside(case.told);
    }
    for gap in &seen.gaps {
        say(terminal, gap);
    }
    match kept {
        Some(Ok(directory)) => {
            let kept = format!("what there is to know is in {}", directory.display());
            say(terminal, &kept);
        }
        Some(Err(error)) => say(terminal, &format!("the fault is not kept: {error:#}")),
        None => {}
    }
}

/// What would be done, or why not.
struct Plan<'a> {
    first: Attempt,
    environment: &'a Environment,
    code: u8,
    reasons: &'a [String],
    /// Where a fault is kept; `None` when it cannot be.
    below: Option<&'a Path>,
}

impl Plan<'_> {
    fn print(&self, root: &Root, terminal: &Terminal, args: &cli::Run) -> Result<()> {
        let next = self.first.after(args, 1);
        let unwatched = unwatched(Faults::can_watch(root).err().as_deref());
        if terminal.json() {
            terminal.document(&serde_json::json!({
                "exit_code": self.code,
                "reasons": self.reasons,
                "command": self.first.text(),
                "taken_away": self.environment.unset,
                "after_a_fault": next.as_ref().map(Attempt::text),
                "log": self.below,
                "not_watched": unwatched,
            }))?;
            return Ok(());
        }
        let line = |text: String| terminal.line(Tone::Plain, &printable(&text));
        line(format!("would start: {}", self.first.text()));
        for name in &self.environment.unset {
            line(format!("without the variable {name}"));
        }
        line(match next {
            Some(next) => format!("after a fault: {}", next.text()),
            None => "after a fault: nothing".to_owned(),
        });
        line(match self.below {
            Some(below) => format!("a fault is kept in: {}", below.display()),
            None => "a fault is not kept".to_owned(),
        });
        if unwatched.is_empty() {
            line("the kernel's log and the job's standard error are watched for faults".to_owned());
        }
        unwatched.into_iter().for_each(line);
        Ok(())
    }
}

/// What is not watched for faults, each part a sentence; of the kernel's log it is known why.
fn unwatched(kernel: Option<&str>) -> Vec<String> {
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
