// SPDX-License-Identifier: MIT

//! Where faults are kept, and whether they can be: before a job is started, not after its fault.

use crate::accounts;
use crate::root::Root;
use crate::steps::{remove, write_atomically};
use anyhow::{Context, Result};
use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

/// What a fault may take on the disk, generously.
const ROOM: usize = 256 << 10;

/// The directory that was asked for, or that where programs keep such things.
///
/// # Errors
///
/// When this user has no home directory.
pub(super) fn directory(root: &Root, asked: Option<&Path>) -> Result<PathBuf> {
    if let Some(asked) = asked {
        return Ok(asked.to_owned());
    }
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty());
    let state = match (set("XDG_STATE_HOME"), set("HOME")) {
        (Some(state), _) => PathBuf::from(state),
        (None, Some(home)) => Path::new(&home).join(STATE),
        (None, None) => {
            let own = accounts::own(root).filter(|user| user.home.starts_with('/'));
            let own = own.context("there is no home directory: name one with --log")?;
            root.path(own.home).join(STATE)
        }
    };
    Ok(state.join("rmcp/runs"))
}

/// Below a home directory.
const STATE: &str = ".local/state";

/// Makes the directory, for this user alone, and writes there what a fault may take, which is removed
/// again.
///
/// # Errors
///
/// When a fault could not be kept there.
pub(super) fn prepare(directory: &Path) -> Result<()> {
    make(directory, true)?;
    try_out(directory)
}

/// The same where nothing may be made that stays: what is there already is tried.
///
/// # Errors
///
/// When a fault could not be kept there.
pub(super) fn could_prepare(directory: &Path) -> Result<()> {
    let there = |path: &&Path| path.symlink_metadata().is_ok();
    let above = directory.ancestors().find(there);
    try_out(above.unwrap_or(Path::new(".")))
        .with_context(|| format!("cannot make {}", directory.display()))
}

/// Makes a directory that nobody else may read.
///
/// # Errors
///
/// When it cannot be made; where nothing above is made, also when it is there.
pub(super) fn make(directory: &Path, also_above: bool) -> Result<()> {
    let mut builder = DirBuilder::new();
    let made = builder.mode(0o700).recursive(also_above).create(directory);
    made.with_context(|| format!("cannot make {}", directory.display()))
}

fn try_out(directory: &Path) -> Result<()> {
    let trial = directory.join(format!(".rmcp-kctl-{}", std::process::id()));
    make(&trial, false)?;
    let written = write_atomically(&trial.join("trial"), &[b'x'; ROOM], 0o600);
    remove(&trial)?;
    written
}
