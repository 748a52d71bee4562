// SPDX-License-Identifier: MIT

//! All that is watched while a job runs.

use super::output::{self, Output};
use super::watch::{Seen, Shared, Watch};
use crate::kmsg::Live;
use crate::root::Root;
use crate::sysfs::process;
use anyhow::{Context, Result};
use std::process::Command;

/// The watch on one start of a job.
#[derive(Debug)]
pub struct Faults {
    kernel: Result<Watch, String>,
    output: Option<Output>,
    shared: Shared,
}

/// A watch that ended with its job.
#[derive(Debug)]
pub struct Ended {
    /// What was seen.
    pub seen: Seen,
    /// What still passes through here.
    pub output: Option<Output>,
}

impl Faults {
    /// Begins, with the command that is to be started.
    ///
    /// # Errors
    ///
    /// When the system gives no pipe.
    pub fn watch(root: &Root, command: &mut Command) -> Result<Self> {
        let shared = Shared::default();
        let kernel = match log(root) {
            Ok(log) => Ok(Watch::start(log, &shared).context("cannot make a pipe")?),
            Err(why) => Err(why),
        };
        let output = output::pass(command, &shared).context("cannot make a pipe")?;
        Ok(Self {
            kernel,
            output,
            shared,
        })
    }

    /// Whether the kernel's log can be watched, or why not.
    ///
    /// # Errors
    ///
    /// Why not.
    pub fn can_watch(root: &Root) -> Result<(), String> {
        log(root).map(drop)
    }

    /// Why the kernel's log is not watched, if it is not.
    pub fn unwatched(&self) -> Option<&str> {
        self.kernel.as_ref().err().map(String::as_str)
    }

    /// Whose faults to look for.
    pub fn of_job(&self, pid: u32) {
        self.shared.of_job(pid);
    }

    /// What looks at the job while it runs.
    pub fn glancer(&self) -> Glancer {
        Glancer(self.shared.clone())
    }

    /// Ends when the job has.
    pub fn end(self) -> Ended {
        if let Ok(watch) = self.kernel {
            watch.end();
        }
        if let Some(output) = &self.output {
            output.settle();
        }
        Ended {
            seen: self.shared.take(),
            output: self.output,
        }
    }
}

/// Looks at a job that runs.
#[derive(Debug)]
pub struct Glancer(Shared);

/// A job at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Glance {
    /// How much of its processes is in memory, in bytes: what several share counts for each.
    pub resident: u64,
    /// How many lines there are of faults.
    pub faults: usize,
    /// Whether the kernel's log is watched for faults.
    pub watches_kernel: bool,
}

impl Glancer {
    /// Looks.
    pub fn glance(&self) -> Glance {
        self.0.look()
    }
}

fn log(root: &Root) -> Result<Live, String> {
    if root.is_running_system() && !process::in_first_namespace() {
        return Err(
            "in a container, processes have other numbers than in the kernel's log".to_owned(),
        );
    }
    Live::open(root)
}
