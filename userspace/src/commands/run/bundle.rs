// SPDX-License-Identifier: MIT

//! What is kept of a fault: a directory for this user alone, on the disk before anything else is done.

use super::policy::Attempt;
use crate::accounts;
use crate::clock;
use crate::commands::faults;
use crate::commands::status::Status;
use crate::faultlog::meaning;
use crate::job::{End, Seen};
use crate::kernel;
use crate::os_release;
use crate::rocm;
use crate::root::Root;
use crate::steps::write_atomically;
use anyhow::{Context, Result};
use serde_json::{json, Value};
use std::ffi::OsStr;
use std::fs::{DirBuilder, File};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// What the names of variables and options have in them whose values are kept from everybody.
const SECRET: [&str; 7] = [
    "TOKEN",
    "KEY",
    "PASSWORD",
    "PASSWD",
    "PASSPHRASE",
    "SECRET",
    "CREDENTIAL",
];
const HIDDEN: &str = "<hidden>";

/// A job that had a fault.
pub(super) struct Case<'a> {
    pub(super) attempt: &'a Attempt,
    pub(super) pid: u32,
    pub(super) started: SystemTime,
    pub(super) end: End,
    pub(super) seen: &'a Seen,
    pub(super) unwatched: &'a [String],
}

/// Where bundles are, unless somebody says otherwise.
///
/// # Errors
///
/// When this user has no home directory.
pub(super) fn directory() -> Result<PathBuf> {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty());
    let state = match set("XDG_STATE_HOME") {
        Some(state) => PathBuf::from(state),
        None => {
            let home = set("HOME").context("there is no home directory: name one with --log")?;
            Path::new(&home).join(".local/state")
        }
    };
    Ok(state.join("rmcp/runs"))
}

/// Writes the bundle; where it is.
///
/// # Errors
///
/// When it cannot be written as a whole.
pub(super) fn keep(root: &Root, below: &Path, case: &Case) -> Result<PathBuf> {
    let directory = below.join(format!("{}-{}", clock::utc(case.started), case.pid));
    let make = |directory: &Path, also_above: bool| {
        let mut builder = DirBuilder::new();
        let made = builder.mode(0o700).recursive(also_above).create(directory);
        made.with_context(|| format!("cannot make {}", directory.display()))
    };
    make(below, true)?;
    // Where others may write, too, none of them made this one.
    make(&directory, false)?;
    let write = |name: &str, bytes: &[u8]| write_atomically(&directory.join(name), bytes, 0o600);
    let incidents = case.seen.incidents.iter().map(|incident| {
        let explained = meaning::explain(incident, faults::gpu(root, incident));
        Ok(serde_json::to_string(&explained)? + "\n")
    });
    let incidents: Result<String> = incidents.collect();
    write("incidents.jsonl", incidents?.as_bytes())?;
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
        "command": without_secrets(case.attempt.words.iter().map(|word| word.to_string_lossy().into_owned())),
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
        let value = match is_secret(&name) || has_password(&value) {
            true => HIDDEN.to_owned(),
            // One line each, whatever is in it.
            false => value.escape_debug().to_string(),
        };
        format!("{name}={value}\n")
    };
    variables.into_iter().map(line).collect()
}

fn bytes(text: &OsStr) -> Vec<u8> {
    text.as_bytes().to_vec()
}

fn is_secret(name: &str) -> bool {
    let name = name.to_uppercase();
    SECRET.iter().any(|secret| name.contains(secret))
}

/// Whether this is an address such as `scheme://user:password@host`.
fn has_password(value: &str) -> bool {
    let user = value.split_once("://").map(|(_, rest)| rest);
    let user = user.and_then(|rest| rest.split('/').next()?.split_once('@'));
    user.is_some_and(|(user, _)| user.contains(':'))
}

/// The words of a command: `--token=VALUE`, `TOKEN=VALUE`, and what follows `--token`.
fn without_secrets(words: impl Iterator<Item = String>) -> Vec<String> {
    let mut hide_next = false;
    words
        .map(|word| {
            let hide = std::mem::take(&mut hide_next);
            match word.split_once('=') {
                Some((name, _)) if is_secret(name) => format!("{name}={HIDDEN}"),
                _ if hide || has_password(&word) => HIDDEN.to_owned(),
                _ => {
                    hide_next = word.starts_with('-') && is_secret(&word);
                    word
                }
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_looks_secret_is_hidden() {
        for name in [
            "HF_TOKEN",
            "AWS_SECRET_ACCESS_KEY",
            "wandb_api_key",
            "MyPassword",
        ] {
            assert!(is_secret(name), "{name}");
        }
        assert!(!is_secret("PATH") && !is_secret("HSA_USE_SVM"));
        assert!(has_password("http://ann:pw@proxy:3128/x"));
        assert!(!has_password("http://host/a:b@c") && !has_password("ann@host"));
        let words = [
            "python3",
            "--hf-token",
            "x",
            "--api-key=y",
            "TOKEN=z",
            "--lr",
            "0.1",
        ];
        let hidden = without_secrets(words.iter().map(|word| (*word).to_owned()));
        assert_eq!(
            hidden.join(" "),
            "python3 --hf-token <hidden> --api-key=<hidden> TOKEN=<hidden> --lr 0.1"
        );
    }

    proptest! {
        #[test]
        fn no_words_panic(words: Vec<String>) {
            prop_assert_eq!(without_secrets(words.iter().cloned()).len(), words.len());
        }
    }
}
