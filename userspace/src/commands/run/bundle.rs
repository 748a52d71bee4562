// SPDX-License-Identifier: MIT

//! What is kept of a fault: a directory for this user alone, on the disk before anything else is done.

use super::policy::Attempt;
use super::{place, secrets};
use crate::accounts;
use crate::clock;
use crate::commands::faults;
use crate::commands::status::Status;
use crate::faultlog::meaning;
use crate::job::{End, Seen};
use crate::kernel;
use crate::os_release;
use crate::report::Line;
use crate::rocm;
use crate::root::Root;
use crate::steps::write_atomically;
use anyhow::{Context, Result};
use serde_json::{json, Value};
use std::ffi::OsStr;
use std::fs::File;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// A job that had a fault.
pub(super) struct Case<'a> {
    pub(super) attempt: &'a Attempt,
    pub(super) pid: u32,
    pub(super) started: SystemTime,
    pub(super) end: End,
    pub(super) seen: &'a Seen,
    /// What a person is told of it.
    pub(super) told: &'a [Line],
    pub(super) unwatched: &'a [String],
}

/// Writes the bundle; where it is.
///
/// # Errors
///
/// When it cannot be written as a whole.
pub(super) fn keep(root: &Root, below: &Path, case: &Case) -> Result<PathBuf> {
    let directory = below.join(format!("{}-{}", clock::utc(case.started), case.pid));
    place::make(below, true)?;
    // Where others may write, too, none of them made this one.
    place::make(&directory, false)?;
    let write = |name: &str, bytes: &[u8]| write_atomically(&directory.join(name), bytes, 0o600);
    let incidents = case.seen.incidents.iter().map(|incident| {
        let explained = meaning::explain(incident, faults::gpu(root, incident));
        Ok(serde_json::to_string(&explained)? + "\n")
    });
    let incidents: Result<String> = incidents.collect();
    write("incidents.jsonl", incidents?.as_bytes())?;
    let told: String = case.told.iter().map(|line| line.text() + "\n").collect();
    write("incidents.txt", told.as_bytes())?;
    let kernel: Vec<&[u8]> = case.seen.kernel.iter().map(Vec::as_slice).collect();
    write("kernel.log", &kernel.join(&b'\n'))?;
    let stderr: Vec<u8> = case.seen.stderr.iter().copied().collect();
    write("stderr.log", &stderr)?;
    write("environment", environment(case.attempt).as_bytes())?;
    let status = match Status::read(root) {
        Ok(status) => serde_json::to_value(&status)?,
        Err(error) => json!({ "error": format!("{error:#}") }),
    };
    write("status.json", &serde_json::to_vec_pretty(&status)?)?;
    write(
        "run.json",
        &serde_json::to_vec_pretty(&summary(root, case))?,
    )?;
    // The name of the directory is on the disk, too.
    let named = File::open(below).and_then(|directory| directory.sync_all());
    named.with_context(|| format!("cannot write {}", below.display()))?;
    Ok(directory)
}

fn summary(root: &Root, case: &Case) -> Value {
    let ended = match case.end {
        End::Code(code) => json!({ "code": code }),
        End::Signal(signal) => json!({ "signal": signal }),
    };
    json!({
        "rmcp-kctl": env!("CARGO_PKG_VERSION"),
        "kernel": kernel::running(root).ok().flatten(),
        "distribution": os_release::value(root, "PRETTY_NAME"),
        "rocm": rocm(root),
        "pytorch": pytorch(root),
        "command": secrets::words(case.attempt.words.iter().map(|word| word.to_string_lossy().into_owned())),
        "gpus_hidden": case.attempt.gpus_hidden,
        "pid": case.pid,
        "started": clock::utc(case.started),
        "ended": clock::utc(SystemTime::now()),
        "end": ended,
        "faults": case.seen.faults,
        "faults_of_unknown_processes": case.seen.unknown,
        "not_seen": case.seen.gaps,
        "not_watched": case.unwatched,
    })
}

/// The ROCm versions on the disk, or why they cannot be told.
fn rocm(root: &Root) -> Vec<String> {
    let [of_amd, packages] = [rocm::of_amd(root), rocm::packages(root)].map(|found| match found {
        Ok(found) => found
            .into_iter()
            .map(|one| format!("{} {}", one.what, one.version))
            .collect(),
        Err(error) => vec![format!("not known: {error}")],
    });
    [of_amd, packages].concat()
}

/// The PyTorch versions on the disk.
fn pytorch(root: &Root) -> Vec<String> {
    let user = accounts::asked(root, None).ok().flatten();
    let found = rocm::pytorches(root, user.as_ref().map(|user| user.home.as_str())).into_iter();
    found
        .map(|one| format!("{} {}", one.place, one.version))
        .collect()
}

/// The job's, one variable in a line.
fn environment(attempt: &Attempt) -> String {
    let mut variables: Vec<(Vec<u8>, Vec<u8>)> = std::env::vars_os()
        .filter(|(name, _)| attempt.inherits(name))
        .map(|(name, value)| (bytes(&name), bytes(&value)))
        .chain(
            attempt
                .sets()
                .into_iter()
                .map(|(name, value)| (bytes(name.as_ref()), bytes(value.as_ref()))),
        )
        .collect();
    variables.sort();
    let line = |(name, value): (Vec<u8>, Vec<u8>)| {
        let name = String::from_utf8_lossy(&name).into_owned();
        let value = String::from_utf8_lossy(&value).into_owned();
        // One line each, whatever is in it.
        let value = secrets::value(&name, &value);
        format!("{name}={}\n", value.escape_debug())
    };
    variables.into_iter().map(line).collect()
}

fn bytes(text: &OsStr) -> Vec<u8> {
    text.as_bytes().to_vec()
}
