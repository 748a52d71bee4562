// SPDX-License-Identifier: MIT

//! A program that is started and waited for as a shell does: in a process group of its own, which has
//! the terminal while it runs, gets the signals that come for this process, and stops and goes on with
//! it.
//!
//! A process of the job whose parent ends gets this one as its parent, and is reaped by it. One that
//! outlives the last job is left alone: when this process ends, it is init's.

mod faults;
mod output;
mod signals;
mod terminal;
mod watch;

pub use faults::{Ended, Faults, Glance};
pub use output::Output;
pub use signals::{thread, Signals};
pub use terminal::Terminal;
pub use watch::Seen;

use crate::sysfs::process;
use anyhow::{Context, Result};
use rustix::process::{
    getpid, kill_current_process_group, kill_process, kill_process_group, set_child_subreaper,
    test_kill_process_group, wait, Pid, Signal, WaitOptions,
};
use signal_hook::consts::{SIGCHLD, SIGCONT, SIGTTIN, SIGTTOU};
use std::collections::BTreeSet;
use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

/// How long what is left of a job may take to end when it is told to, and then when it is made to.
const PATIENCE: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(10);
/// How often what ended is looked for while the job's output is waited for.
const EVERY: Duration = Duration::from_millis(50);

/// How a program ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// By itself, with this code.
    Code(u8),
    /// By this signal.
    Signal(i32),
}

impl End {
    /// What a shell makes of it.
    pub fn code(self) -> u8 {
        match self {
            Self::Code(code) => code,
            Self::Signal(signal) => 128u8.saturating_add(u8::try_from(signal).unwrap_or(u8::MAX)),
        }
    }

    /// Whether somebody wanted it, as by Ctrl-C, which comes to the job alone; a shell makes a code of
    /// such a signal.
    pub fn was_wanted(self) -> bool {
        let ended_by = |signal: i32| self.code() == Self::Signal(signal).code();
        signals::ENDING.into_iter().any(ended_by)
    }
}

/// A running program.
#[derive(Debug)]
pub struct Job {
    /// That of the first process, and the number of the group.
    pid: Pid,
    terminal: Option<Terminal>,
    /// What this process had started before, or had from the program that it was before.
    elder: BTreeSet<u32>,
}

impl Job {
    /// Starts the program. The signals are caught already, so that none is lost.
    ///
    /// # Errors
    ///
    /// As the system has it: that there is no such program, for one.
    pub fn start(command: &mut Command, _caught: &Signals) -> io::Result<Self> {
        set_child_subreaper(Some(getpid()))?;
        let elder = process::descendants()
            .iter()
            .map(|process| process.pid)
            .collect();
        let child = command.process_group(0).spawn()?;
        let job = Self {
            pid: Pid::from_child(&child),
            terminal: Terminal::controlling().filter(|_| !signals::in_the_background()),
            elder,
        };
        job.give_terminal();
        Ok(job)
    }

    /// The number of the first process and of the group.
    pub fn pid(&self) -> u32 {
        self.pid.as_raw_pid().unsigned_abs()
    }

    /// Waits for the first process to end, and passes on what happens meanwhile.
    ///
    /// # Errors
    ///
    /// When the process cannot be waited for.
    pub fn wait(&mut self, signals: &mut Signals) -> Result<End> {
        loop {
            for signal in signals.wait() {
                match signal {
                    SIGCHLD => {
                        if let Some(end) = self.reap()? {
                            if let Some(terminal) = &self.terminal {
                                terminal.take_back(self.pid);
                            }
                            return Ok(end);
                        }
                    }
                    SIGCONT => self.go_on(),
                    other => self.signal_raw(other),
                }
            }
        }
    }

    /// Ends what is left of the group, and what left it for a group or session of its own: it may hold
    /// the GPU that is needed again.
    pub fn end_rest(&mut self) {
        for signal in [Signal::TERM, Signal::KILL] {
            // A stopped process would never learn of it.
            for signal in [signal, Signal::CONT] {
                self.signal(signal);
                for pid in self.strays() {
                    let _ = kill_process(pid, signal);
                }
            }
            let until = Instant::now() + PATIENCE;
            while Instant::now() < until {
                reap_all();
                if test_kill_process_group(self.pid).is_err() && self.strays().next().is_none() {
                    return;
                }
                thread::sleep(PAUSE);
            }
        }
    }

    /// The processes of the job that left its group and have not ended: they have this one as an ancestor
    /// as long as it lives.
    fn strays(&self) -> impl Iterator<Item = Pid> + '_ {
        let strays = process::descendants()
            .into_iter()
            .filter(|process| process.group != self.pid() && !self.elder.contains(&process.pid));
        strays.filter_map(|process| Pid::from_raw(i32::try_from(process.pid).ok()?))
    }

    /// Waits until all its output has passed, or until a signal asks to end, which its processes get;
    /// and a moment longer for what they say of that.
    pub fn wait_for(&self, output: &Output, signals: &mut Signals) {
        while !output.is_over() && !signals.asked_to_end() {
            output.look(EVERY);
            let passed = signals.pending().into_iter();
            for signal in passed.filter(|signal| !matches!(*signal, SIGCHLD | SIGCONT)) {
                self.signal_raw(signal);
                output.settle();
            }
            reap_all();
        }
    }

    /// Takes note of every child that ended or stopped; how the job's first process ended, if it did.
    fn reap(&mut self) -> Result<Option<End>> {
        let options = WaitOptions::NOHANG | WaitOptions::UNTRACED;
        let mut end = None;
        while let Some((pid, status)) = wait(options).or_else(|error| match (error, end) {
            (rustix::io::Errno::CHILD, Some(_)) => Ok(None),
            _ => Err(error).context("cannot wait for the job"),
        })? {
            if pid != self.pid {
                continue;
            }
            if let Some(signal) = status.stopping_signal() {
                self.stop(signal);
            } else if let Some(code) = status.exit_status() {
                end = Some(End::Code(u8::try_from(code & 0xff).unwrap_or(u8::MAX)));
            } else if let Some(signal) = status.terminating_signal() {
                end = Some(End::Signal(signal));
            }
        }
        Ok(end)
    }

    /// The job stopped. On a terminal this process does so, too, with all in its group: as if the
    /// signal had come for it. Where nobody could continue it the kernel does not stop it, and the job
    /// goes on.
    fn stop(&mut self, signal: i32) {
        let Some(terminal) = &self.terminal else {
            return;
        };
        if matches!(signal, SIGTTIN | SIGTTOU) && terminal.is_of(self.pid) {
            // It asked for the terminal in the moment before it was given it.
            self.signal(Signal::CONT);
            return;
        }
        terminal.take_back(self.pid);
        // Returns when somebody continued this process.
        let _ = kill_current_process_group(Signal::TSTP);
        self.go_on();
    }

    /// This process was continued: by `fg`, which gave it the terminal, by `bg`, or by who stopped the
    /// job as well.
    fn go_on(&mut self) {
        self.give_terminal();
        self.signal(Signal::CONT);
    }

    /// Gives the job the terminal when it is this process's to give; whether it was.
    fn give_terminal(&self) -> bool {
        let terminal = self.terminal.as_ref();
        terminal.is_some_and(|terminal| terminal.give(self.pid))
    }

    fn signal_raw(&self, signal: i32) {
        if let Some(signal) = Signal::from_named_raw(signal) {
            self.signal(signal);
        }
    }

    /// Nobody is left to get it: no error.
    fn signal(&self, signal: Signal) {
        let _ = kill_process_group(self.pid, signal);
    }
}

/// Nobody asks how these ended.
fn reap_all() {
    while let Ok(Some(_)) = wait(WaitOptions::NOHANG) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ctrl_c_is_seen_through_a_shell_and_a_crash_is_not_wanted() {
        assert!(End::Signal(2).was_wanted() && End::Code(130).was_wanted());
        assert!(!End::Signal(6).was_wanted() && !End::Code(1).was_wanted());
    }

    #[test]
    fn a_code_is_kept_and_a_signal_is_added_to_128() {
        assert_eq!(End::Code(255).code(), 255);
        assert_eq!(End::Signal(9).code(), 137);
    }
}
