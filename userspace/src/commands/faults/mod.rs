// SPDX-License-Identifier: MIT

//! `rmcp-kctl faults`: what amdgpu, amdkfd and ROCr logged of page faults, timeouts and resets, decoded
//! and grouped into incidents.

mod screen;

use super::Exit;
use crate::cli;
use crate::faultlog::incident::{Incident, Incidents};
use crate::faultlog::{meaning, scan};
use crate::report::Terminal;
use crate::root::Root;
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
pub fn run(_root: &Root, terminal: &Terminal, args: &cli::Faults) -> Result<Exit> {
    let log: Box<dyn Read> = match args.log.as_path() {
        path if path == Path::new("-") => Box::new(io::stdin().lock()),
        path => {
            let file = File::open(path);
            Box::new(file.with_context(|| format!("cannot read {}", path.display()))?)
        }
    };
    let mut output = Output { terminal, count: 0 };
    let mut incidents = Incidents::default();
    let mut outcome = Ok(());
    scan::lines(log, |line| {
        incidents.line(line);
        outcome = output.print(&incidents.over());
        match outcome {
            Ok(()) => ControlFlow::Continue(()),
            Err(_) => ControlFlow::Break(()),
        }
    })
    .context("cannot read the log")?;
    incidents.end();
    if outcome
        .and_then(|()| output.print(&incidents.over()))
        .is_ok()
    {
        output.end()?;
    }
    Ok(match output.count {
        0 => Exit::Success,
        _ => Exit::NotInEffect,
    })
}

/// Prints incidents as they end.
struct Output<'a> {
    terminal: &'a Terminal,
    count: usize,
}

impl Output<'_> {
    /// A reader that went away is an error.
    fn print(&mut self, incidents: &[Incident]) -> io::Result<()> {
        for incident in incidents {
            self.count += 1;
            let explained = meaning::explain(incident, None);
            let lines = match self.terminal.json() {
                true => vec![screen::json(&explained)?],
                false => screen::incident(&explained),
            };
            self.terminal.print(&lines)?;
        }
        Ok(())
    }

    fn end(&self) -> io::Result<()> {
        match self.terminal.json() {
            true => Ok(()),
            false => self.terminal.print(&[screen::summary(self.count)]),
        }
    }
}
