// SPDX-License-Identifier: MIT

//! `rmcp-kctl faults`: what amdgpu, amdkfd and ROCr logged of page faults, timeouts and resets, decoded
//! and grouped into incidents.

mod follow;
mod screen;

use super::Exit;
use crate::cli;
use crate::faultlog::clients::Gpu;
use crate::faultlog::incident::{Incident, Incidents};
use crate::faultlog::since::Since;
use crate::faultlog::{line, meaning, scan};
use crate::gpu::GcVersion;
use crate::kmsg::{self, Device, Journal, Lost, Running, Tail};
use crate::report::{Line, Terminal};
use crate::root::Root;
use crate::sysfs::discovery;
use anyhow::{Context, Result};
use std::fs::File;
use std::io::{self, Read};
use std::ops::ControlFlow;
use std::path::Path;

/// Runs the command.
///
/// # Errors
///
/// When the log cannot be read.
pub fn run(root: &Root, terminal: &Terminal, args: &cli::Faults) -> Result<Exit> {
    let Log {
        text,
        lost,
        running: _running,
    } = open(root, terminal, args)?;
    let booted = kmsg::booted(root)?;
    let mut reader = Reader {
        root,
        terminal,
        since: args.since,
        own: args.log.is_none(),
        booted,
        lost,
        incidents: Incidents::default(),
        count: 0,
    };
    match args.follow {
        true => follow::run(&mut reader, text)?,
        false => reader.read(text)?,
    }
    Ok(match reader.count {
        0 => Exit::Success,
        _ => Exit::NotInEffect,
    })
}

/// A log.
struct Log {
    text: Box<dyn Read + Send>,
    lost: Lost,
    /// The program that yields it.
    running: Option<Running>,
}

impl Log {
    fn of(text: impl Read + Send + 'static) -> Self {
        Self {
            text: Box::new(text),
            lost: Lost::default(),
            running: None,
        }
    }
}

fn open(root: &Root, terminal: &Terminal, args: &cli::Faults) -> Result<Log> {
    let cannot = |path: &Path| format!("cannot read {}", path.display());
    Ok(match &args.log {
        None if args.journal => {
            let since = match args.since {
                Some(Since::Moment(moment)) => Some(moment),
                _ => None,
            };
            let (journal, running) = Journal::open(root, since, args.follow)?;
            Log {
                running: Some(running),
                ..Log::of(journal)
            }
        }
        None => {
            let device = Device::open(root, args.follow)?;
            let gone = kmsg::overwritten(root)?;
            if gone > 0 {
                terminal.progress(&format!(
                    "the kernel's log is full: its first {gone} messages are gone; --journal may have them"
                ));
            }
            Log {
                lost: device.lost(),
                ..Log::of(device)
            }
        }
        Some(path) if path == Path::new("-") => Log::of(io::stdin()),
        Some(path) if args.follow => Log::of(Tail::open(path).with_context(|| cannot(path))?),
        Some(path) => Log::of(File::open(path).with_context(|| cannot(path))?),
    })
}

/// Reads lines, and prints incidents as they end.
struct Reader<'a> {
    root: &'a Root,
    terminal: &'a Terminal,
    since: Option<Since>,
    /// Whether the log is this machine's.
    own: bool,
    booted: Option<u64>,
    lost: Lost,
    incidents: Incidents,
    count: usize,
}

impl Reader<'_> {
    /// Reads a log to its end, or until nobody reads what is printed.
    fn read(&mut self, log: impl Read) -> Result<()> {
        let mut outcome = Ok(());
        scan::lines(log, |bytes| {
            self.take(bytes);
            outcome = self.print();
            match outcome {
                Ok(()) => ControlFlow::Continue(()),
                Err(_) => ControlFlow::Break(()),
            }
        })
        .context("cannot read the log")?;
        self.end(outcome.is_ok());
        Ok(())
    }

    /// Whether the line told of anything.
    fn take(&mut self, bytes: &[u8]) -> bool {
        let Some(line) = line::parse(bytes) else {
            return false;
        };
        // Seconds after boot are of this boot only in this machine's own log.
        let booted = self.booted.filter(|_| self.own);
        let kept = match self.since {
            Some(Since::Boot) => Since::Boot.keeps(line.at.as_ref(), self.booted),
            Some(since) => since.keeps(line.at.as_ref(), booted),
            None => true,
        };
        if kept {
            self.incidents.push(line);
        }
        kept
    }

    /// Prints what is over, and whether lines are missing. A reader that went away is an error.
    fn print(&mut self) -> io::Result<()> {
        if self.lost.take() {
            self.terminal.progress(kmsg::LOST);
        }
        for incident in self.incidents.over() {
            self.count += 1;
            let explained = meaning::explain(&incident, self.gpu(&incident));
            let lines = match self.terminal.json() {
                true => vec![screen::json(&explained)?],
                false => screen::incident(&explained),
            };
            self.terminal.print(&lines)?;
        }
        Ok(())
    }

    /// Prints the rest, if anybody reads it.
    fn end(&mut self, read: bool) {
        self.incidents.end();
        // What is left is counted even where nobody reads it.
        if !read || self.print().is_err() || self.terminal.json() {
            self.count += self.incidents.over().len();
            return;
        }
        let _ = self.terminal.print(&[screen::summary(self.count)]);
    }

    /// What is known of the GPU, when the log is of this machine.
    fn gpu(&self, incident: &Incident) -> Gpu {
        match self.own {
            true => gpu(self.root, incident),
            false => Gpu::Unknown,
        }
    }
}

/// An incident in this machine's own log, as a person reads it.
pub(super) fn told(root: &Root, incident: &Incident) -> Vec<Line> {
    screen::incident(&meaning::explain(incident, gpu(root, incident)))
}

/// What this machine knows of the GPU of an incident in its own log.
pub(super) fn gpu(root: &Root, incident: &Incident) -> Gpu {
    let version = |block| {
        let bdf = incident.gpu.as_deref()?;
        discovery::version(root, bdf, block).ok()?
    };
    match version("GC") {
        None => Gpu::Unknown,
        Some((major, minor, revision)) => match GcVersion(major, minor, revision).chip() {
            Some(_) => Gpu::Rdna {
                mmhub: version("MMHUB"),
            },
            None => Gpu::Other,
        },
    }
}
