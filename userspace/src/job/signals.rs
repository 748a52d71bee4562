// SPDX-License-Identifier: MIT

//! The signals that are caught while a job runs.

use crate::sysfs::process;
use anyhow::{Context, Result};
use nix::sys::signal::{SigSet, SigmaskHow};
use signal_hook::consts::{SIGCHLD, SIGCONT, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2};
use signal_hook::iterator;
use std::thread::{self, JoinHandle};

/// Those that are passed on to the job.
const PASSED: [i32; 6] = [SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2];
/// Those after which nothing is started again.
pub(super) const ENDING: [i32; 4] = [SIGHUP, SIGINT, SIGQUIT, SIGTERM];

/// Whether a shell without job control started this process in the background, as a script does with `&`:
/// it lets it ignore Ctrl-C and keeps the terminal, though both are in one process group.
pub(super) fn in_the_background() -> bool {
    [SIGINT, SIGQUIT].into_iter().all(process::ignores)
}

/// Caught signals, until it is dropped.
#[derive(Debug)]
pub struct Signals {
    caught: iterator::Signals,
    asked_to_end: bool,
}

impl Signals {
    /// Catches them. What this process was told to ignore, as by `nohup`, it and the job go on to
    /// ignore.
    ///
    /// # Errors
    ///
    /// When the system does not let it.
    pub fn catch() -> Result<Self> {
        let passed = PASSED
            .into_iter()
            .filter(|&signal| !process::ignores(signal));
        let signals: Vec<i32> = passed.chain([SIGCHLD, SIGCONT]).collect();
        Ok(Self {
            caught: iterator::Signals::new(signals).context("cannot catch signals")?,
            asked_to_end: false,
        })
    }

    /// Whether one came that asks to end.
    pub fn asked_to_end(&self) -> bool {
        self.asked_to_end
    }

    /// Waits for at least one; each kind once.
    pub fn wait(&mut self) -> Vec<i32> {
        let signals: Vec<i32> = self.caught.wait().collect();
        self.note(&signals);
        signals
    }

    /// Those that came; each kind once.
    pub fn pending(&mut self) -> Vec<i32> {
        let signals: Vec<i32> = self.caught.pending().collect();
        self.note(&signals);
        signals
    }

    fn note(&mut self, signals: &[i32]) {
        self.asked_to_end |= signals.iter().any(|signal| ENDING.contains(signal));
    }
}

/// Starts a thread that gets no signal.
pub fn thread<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
    without(SigSet::all(), || thread::spawn(work))
}

/// Does something without being interrupted by these signals, such as being stopped for taking the
/// terminal. A thread that is started meanwhile never gets them.
pub(super) fn without<T>(signals: SigSet, work: impl FnOnce() -> T) -> T {
    let before = signals.thread_swap_mask(SigmaskHow::SIG_BLOCK);
    let outcome = work();
    if let Ok(before) = before {
        let _ = before.thread_set_mask();
    }
    outcome
}
