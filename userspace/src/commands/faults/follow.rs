// SPDX-License-Identifier: MIT

//! `faults --follow`: incidents are printed when they have been quiet for a moment, until Ctrl-C.

use super::Reader;
use crate::faultlog::scan;
use crate::process;
use anyhow::{Context, Result};
use std::io::{self, Read};
use std::ops::ControlFlow;
use std::sync::mpsc::{self, RecvTimeoutError, SyncSender};
use std::thread;
use std::time::{Duration, Instant};

/// How long nothing has to come until an incident is taken to be complete: its lines come within
/// milliseconds, and ROCr's soon after.
const QUIET: Duration = Duration::from_secs(1);
/// How long incidents are kept back when it is never quiet.
const PATIENCE: Duration = Duration::from_secs(10);
/// How many lines may wait.
const WAITING: usize = 1024;

/// What there is to do.
enum Message {
    Line(Vec<u8>),
    /// The log ended, or could not be read on.
    Ended(io::Result<()>),
    /// Somebody asked for an end.
    Interrupted,
}

pub(super) fn run(reader: &mut Reader, log: impl Read + Send + 'static) -> Result<()> {
    let (send, receive) = mpsc::sync_channel(WAITING);
    interrupts(send.clone())?;
    thread::spawn(move || {
        let ended = scan::lines(log, |line| match send.send(Message::Line(line.to_vec())) {
            Ok(()) => ControlFlow::Continue(()),
            Err(_) => ControlFlow::Break(()),
        });
        let _ = send.send(Message::Ended(ended));
    });
    // When the first and the last line came of what is not printed yet.
    let mut unprinted: Option<(Instant, Instant)> = None;
    loop {
        match receive.recv_timeout(QUIET) {
            Ok(Message::Line(line)) => {
                if reader.take(&line) {
                    let now = Instant::now();
                    unprinted = Some((unprinted.map_or(now, |(first, _)| first), now));
                }
            }
            Ok(Message::Ended(ended)) => {
                reader.end(true);
                return ended.context("cannot read the log");
            }
            Err(RecvTimeoutError::Timeout) => {}
            Ok(Message::Interrupted) | Err(RecvTimeoutError::Disconnected) => {
                reader.end(true);
                return Ok(());
            }
        }
        let complete = |(first, last): (Instant, Instant)| {
            last.elapsed() >= QUIET || first.elapsed() >= PATIENCE
        };
        if unprinted.is_some_and(complete) {
            reader.incidents.end();
            unprinted = None;
        }
        // Nobody reads any more: the end, as after an interrupt.
        if reader.print().is_err() {
            reader.end(false);
            return Ok(());
        }
    }
}

fn interrupts(send: SyncSender<Message>) -> Result<()> {
    let stop = process::interrupts()?;
    thread::spawn(move || {
        if stop.recv().is_ok() {
            let _ = send.send(Message::Interrupted);
        }
    });
    Ok(())
}
