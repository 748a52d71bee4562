// SPDX-License-Identifier: MIT

//! What the kernel logged of GPUs while the steps were tried.

use super::Step;
use crate::faultlog::event::{self, Event};
use crate::faultlog::{line, scan};
use crate::kmsg::{Live, Took};
use crate::report::printable;
use crate::root::Root;
use std::thread;
use std::time::{Duration, Instant};

const NAME: &str = "kernel log";
/// How long it is read at most.
const LONGEST: Duration = Duration::from_secs(5);

/// The log from the moment on that it was opened.
pub(super) struct Log(Result<Live, String>);

impl Log {
    pub(super) fn open(root: &Root) -> Self {
        Self(Live::open(root))
    }

    /// Whether there is anything in it of a GPU that went wrong.
    pub(super) fn end(self) -> Step {
        let mut log = match self.0 {
            Ok(log) => log,
            Err(why) => return Step::skipped(NAME, why),
        };
        thread::sleep(log.delay());
        let until = Instant::now() + LONGEST;
        let mut bad = Vec::new();
        let mut unread = None;
        let mut take = |line: &[u8]| bad.extend(trouble(line));
        loop {
            if Instant::now() >= until {
                unread = Some("it grew faster than it was read");
                break;
            }
            match log.read(&mut take) {
                Ok(Took::Lines) => {}
                Ok(Took::Lost) => unread = Some("the kernel overwrote lines before they were read"),
                Ok(Took::Nothing) => break,
                Ok(Took::End) => {
                    unread = Some("journalctl ended before the steps did");
                    break;
                }
                Err(error) => return Step::skipped(NAME, error.to_string()),
            }
        }
        match (bad.first(), unread) {
            (Some(first), _) => {
                let detail = format!("{first}; lines of the kind: {}", bad.len());
                Step::failed(NAME, detail)
            }
            (None, Some(why)) => Step::skipped(NAME, why),
            (None, None) => Step::passed(NAME, "no fault, timeout or reset of a GPU meanwhile"),
        }
    }
}

/// The message, if it tells of a GPU that went wrong.
fn trouble(text: &[u8]) -> Option<String> {
    let line = scan::may_matter(text)
        .then(|| line::parse(text))
        .flatten()?;
    let bad = matches!(
        event::parse(&line.message),
        Some(Event::Fault(_) | Event::Happened(_))
    );
    bad.then(|| printable(&line.message))
}
