// SPDX-License-Identifier: MIT

//! `rmcp-kctl status`: what is in force, for a person, a script, a login, a monitor, and again and
//! again.

mod found;
mod metrics;
mod params_only;
mod screen;
mod watch;

pub(in crate::commands) use found::Gpu;
pub use found::{Status, Verdict};

use super::Exit;
use crate::cli;
use crate::report::{Line, Terminal, Tone};
use crate::root::Root;
use crate::steps;
use anyhow::Result;
use std::path::Path;
use std::time::Duration;

/// Runs the command.
///
/// # Errors
///
/// When something in /sys exists but cannot be read or is not of the documented form.
pub fn run(root: &Root, terminal: &Terminal, args: &cli::Status) -> Result<Exit> {
    if let Some(seconds) = args.watch {
        return watch::run(root, terminal, Duration::from_secs(seconds.into()));
    }
    let status = Status::read(root);
    if args.prometheus {
        export(terminal, &status, args.output.as_deref())?;
    }
    let status = status?;
    let exit = status.verdict().exit();
    match args {
        cli::Status {
            prometheus: true, ..
        } => {}
        _ if terminal.json() => terminal.document(&status)?,
        cli::Status { quiet: true, .. } if exit == Exit::Success => {}
        cli::Status { quiet: true, .. } => terminal.line(Tone::Warning, &status.in_one_line()),
        _ => terminal.print(&status.screen())?,
    }
    Ok(exit)
}

/// A monitor is told of an error, too, and not left with what was written before.
fn export(terminal: &Terminal, status: &Result<Status>, output: Option<&Path>) -> Result<()> {
    let text = status
        .as_ref()
        .map_or_else(|_| metrics::unread(), Status::metrics);
    match output {
        Some(file) => steps::write_output(file, text.as_bytes(), 0o644)?,
        None => terminal.print(&[Line::plain(text.trim_end())])?,
    }
    Ok(())
}
