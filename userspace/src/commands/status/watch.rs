// SPDX-License-Identifier: MIT

//! `status --watch`: looks again and again. A terminal is redrawn; a file or a pipe gets each change
//! with its time, and with `--json` a document for each.

use super::found::Status;
use crate::clock;
use crate::commands::Exit;
use crate::process;
use crate::report::{printable, Line, Terminal, Tone};
use crate::root::Root;
use anyhow::Result;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::mpsc::RecvTimeoutError;
use std::time::{Duration, SystemTime};

/// How many changes a redrawn screen shows.
const SHOWN: usize = 8;
/// Cursor to the upper left corner, and everything erased.
const CLEAR: &str = "\x1b[H\x1b[2J";

/// What was seen at one moment: a status, or the error that kept it from being read.
type Look = Result<Status>;

pub(super) fn run(root: &Root, terminal: &Terminal, every: Duration) -> Result<Exit> {
    let stop = process::interrupts()?;
    let mut before: Option<BTreeMap<String, String>> = None;
    let mut changes = VecDeque::new();
    loop {
        let look = Status::read(root);
        let exit = look.as_ref().map_or(Exit::Error, |s| s.verdict().exit());
        // What an error hides is taken to be as it was.
        let facts = match &look {
            Ok(status) => facts(status),
            Err(error) => {
                let mut facts = before.clone().unwrap_or_default();
                facts.insert("error".to_owned(), format!("{error:#}"));
                facts
            }
        };
        let now = clock::utc(SystemTime::now());
        let new = before.as_ref().map(|before| differences(before, &facts));
        let lines = match &new {
            _ if terminal.redraws() => {
                changes.extend(new.iter().flatten().map(|text| format!("{now}  {text}")));
                changes.drain(..changes.len().saturating_sub(SHOWN));
                redrawn(&look, &now, every, &changes)
            }
            Some(new) if new.is_empty() => Vec::new(),
            _ if terminal.json() => vec![document(&look)?],
            Some(new) => new
                .iter()
                .map(|text| Line::plain(&format!("{now}  {text}")))
                .collect(),
            None => [Line::plain(&now)]
                .into_iter()
                .chain(screen(&look))
                .collect(),
        };
        // Nobody reads any more: the end, as after an interrupt.
        if terminal.print(&lines).is_err() {
            return Ok(exit);
        }
        before = Some(facts);
        match stop.recv_timeout(every) {
            Err(RecvTimeoutError::Timeout) => {}
            _ => return Ok(exit),
        }
    }
}

fn screen(look: &Look) -> Vec<Line> {
    match look {
        Ok(status) => status.screen(),
        Err(error) => vec![Line::new(Tone::Bad, &printable(&format!("{error:#}")))],
    }
}

fn redrawn(look: &Look, now: &str, every: Duration, changes: &VecDeque<String>) -> Vec<Line> {
    let title = format!(
        "{CLEAR}{now}, every {} s; Ctrl-C ends, with the exit code of what is seen last",
        every.as_secs()
    );
    let mut lines = vec![Line::new(Tone::Faint, &title), Line::default()];
    lines.extend(screen(look));
    if !changes.is_empty() {
        lines.extend([Line::default(), Line::new(Tone::Strong, "changes")]);
        lines.extend(changes.iter().map(|text| Line::new(Tone::Warning, text)));
    }
    lines
}

/// One document in one line.
fn document(look: &Look) -> Result<Line> {
    let text = match look {
        Ok(status) => serde_json::to_string(status)?,
        Err(error) => serde_json::json!({ "error": format!("{error:#}") }).to_string(),
    };
    Ok(Line::plain(&text))
}

/// What can change, each with a name.
fn facts(status: &Status) -> BTreeMap<String, String> {
    let mut facts = BTreeMap::new();
    let mut fact = |name: String, value: String| facts.insert(name, value);
    fact("status".to_owned(), status.summary.clone());
    fact("module".to_owned(), status.module_row());
    fact("amdgpu".to_owned(), status.amdgpu_row());
    let softdep = status.boot.softdep.clone();
    fact(
        "boot".to_owned(),
        softdep.unwrap_or_else(|| "none".to_owned()),
    );
    fact(
        "install".to_owned(),
        status
            .interruption
            .clone()
            .unwrap_or_else(|| "not interrupted".to_owned()),
    );
    for kernel in &status.kernels {
        fact(
            format!("dkms {}", kernel.release),
            kernel.module.to_string(),
        );
    }
    for gpu in &status.gpus {
        let bdf = &gpu.bdf;
        fact(bdf.clone(), format!("{} ({})", gpu.word().1, gpu.reason));
        let driver = gpu.driver.as_deref().unwrap_or("none");
        fact(format!("{bdf} driver"), driver.to_owned());
        let power = if gpu.asleep { "asleep" } else { "awake" };
        fact(format!("{bdf} power"), power.to_owned());
        if let Some(guard) = &gpu.guard {
            fact(format!("{bdf} hw_inits"), guard.hw_inits.to_string());
        }
        for policy in &gpu.policies {
            fact(
                format!("{bdf} {} wanted", policy.name),
                policy.wanted.clone(),
            );
            fact(format!("{bdf} {} live", policy.name), policy.live.clone());
        }
    }
    facts
}

/// What is other than before, one line each.
fn differences(before: &BTreeMap<String, String>, now: &BTreeMap<String, String>) -> Vec<String> {
    let value = |facts: &BTreeMap<String, String>, name| {
        let value = facts.get(name).map_or("nothing", String::as_str);
        printable(value)
    };
    let names: BTreeSet<&String> = before.keys().chain(now.keys()).collect();
    names
        .into_iter()
        .filter(|name| before.get(*name) != now.get(*name))
        .map(|name| {
            let (before, now) = (value(before, name), value(now, name));
            format!("{}: {before} -> {now}", printable(name))
        })
        .collect()
}
