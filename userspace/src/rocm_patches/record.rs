// SPDX-License-Identifier: MIT

//! What was changed in a source tree: written down in the tree before it is done, with a copy of each
//! file as it was, so that it can be taken back byte for byte, whatever interrupted it.

use super::files::{self, Content};
use super::fit::Change;
use super::{Component, Patch};
use crate::steps::{beside, make_owned, remove, write_owned, Owner};
use anyhow::{anyhow, bail, Context, Result};
use rustix::fs::{flock, FlockOperation};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fs::{self, File};
use std::path::{Path, PathBuf};

/// Where it is written down, below the top of the tree.
pub const DIRECTORY: &str = ".rmcp-patches";
/// The record itself.
const FILE: &str = "record.json";
/// What this program writes and reads.
const FORMAT: u32 = 1;

/// What was applied to a tree, or is being applied or taken back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    format: u32,
    /// How far it is.
    pub state: State,
    /// What the tree is the source of.
    pub component: Component,
    /// The version that the patches are for.
    pub version: String,
    /// The patches.
    pub patches: Vec<Named>,
    /// The files that they change.
    files: Vec<Changed>,
    /// Directories that were made for new files, the outer ones first.
    directories: Vec<String>,
}

/// How far a change of a tree is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// Files are being changed.
    Applying,
    /// All are.
    Applied,
    /// Files are being put back.
    Reversing,
}

/// A patch by its name and its SHA-256.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Named {
    /// The name of its file.
    pub name: String,
    sha256: String,
}

/// A file before and after; `None` where it is not there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Changed {
    path: String,
    before: Option<Hashed>,
    after: Option<Hashed>,
}

/// What a file held.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Hashed {
    sha256: String,
    mode: u32,
}

impl Hashed {
    fn of(content: &Content) -> Self {
        Self {
            sha256: sha256(&content.bytes),
            mode: content.mode,
        }
    }
}

/// A tree that nobody else changes as long as this is held.
#[derive(Debug)]
pub struct Locked<'a> {
    top: &'a Path,
    _lock: File,
}

impl<'a> Locked<'a> {
    /// Takes it.
    ///
    /// # Errors
    ///
    /// When somebody else has it.
    pub fn take(top: &'a Path) -> Result<Self> {
        let shown = top.display();
        let lock = File::open(top).with_context(|| format!("cannot open {shown}"))?;
        flock(&lock, FlockOperation::NonBlockingLockExclusive).map_err(|_| {
            anyhow!("another rmcp-kctl is changing {shown}: wait until it has ended")
        })?;
        Ok(Self { top, _lock: lock })
    }

    /// Makes the changes, and writes down which and of what patches.
    ///
    /// # Errors
    ///
    /// When something cannot be written; what was changed is then put back.
    pub fn apply(
        &self,
        component: Component,
        version: &str,
        patches: &[&Patch],
        changes: &[Change],
    ) -> Result<()> {
        let mut record = Record {
            format: FORMAT,
            state: State::Applying,
            component,
            version: version.to_owned(),
            patches: Named::all(patches),
            files: changes.iter().map(Changed::of).collect(),
            directories: self.missing_directories(changes),
        };
        let done = self.keep(changes, &record).and_then(|()| {
            for change in changes {
                self.put(&change.path, change.after.as_ref(), None)?;
            }
            record.state = State::Applied;
            self.write(&record)
        });
        done.map_err(|error| match self.restore(&record) {
            Ok(()) => error.context("nothing was changed"),
            Err(also) => error.context(format!(
                "and what was changed could not be put back ({also:#})"
            )),
        })
    }

    /// Takes an application back that is whole and unchanged, or one that was interrupted.
    ///
    /// # Errors
    ///
    /// When a file was changed since, or something cannot be written.
    pub fn reverse(&self, mut record: Record) -> Result<()> {
        self.expect(&record)?;
        record.state = State::Reversing;
        self.write(&record)?;
        self.restore(&record)
    }

    /// Nothing but what is written down was done to the files.
    fn expect(&self, record: &Record) -> Result<()> {
        let changed = record.changed(self.top)?;
        if let [first, ..] = changed.as_slice() {
            bail!(
                "{} changed since the patches were applied{}: take your change back first, or copy it away",
                first,
                match changed.len() - 1 {
                    0 => String::new(),
                    more => format!(", and {more} more"),
                }
            );
        }
        Ok(())
    }

    /// Copies of the files as they are, then the record.
    fn keep(&self, changes: &[Change], record: &Record) -> Result<()> {
        remove(&self.top.join(DIRECTORY))?;
        for (i, change) in changes.iter().enumerate() {
            if let Some(before) = &change.before {
                let original = located(self.top, &change.path)?;
                write_like(&original, &self.copy(i), &before.bytes, 0o644)?;
            }
        }
        self.write(record)
    }

    fn restore(&self, record: &Record) -> Result<()> {
        for (i, file) in record.files.iter().enumerate() {
            let before = match &file.before {
                None => None,
                Some(hashed) => {
                    let copy = self.copy(i);
                    let bytes = fs::read(&copy)
                        .with_context(|| format!("cannot read {}", copy.display()))?;
                    if sha256(&bytes) != hashed.sha256 {
                        bail!(
                            "{} is not the copy of {} that was kept",
                            copy.display(),
                            file.path
                        );
                    }
                    let mode = hashed.mode;
                    Some(Content { bytes, mode })
                }
            };
            self.put(&file.path, before.as_ref(), Some(&self.copy(i)))?;
        }
        for directory in record.directories.iter().rev() {
            let directory = located(self.top, directory)?;
            // Where somebody put something of their own it stays.
            let _ = fs::remove_dir(directory);
        }
        remove(&self.top.join(DIRECTORY))
    }

    /// A file stays whose it is, or was when this copy of it was made.
    fn put(&self, path: &str, content: Option<&Content>, copy: Option<&Path>) -> Result<()> {
        let at = located(self.top, path)?;
        remove(&beside(&at)?)?;
        match content {
            Some(Content { bytes, mode }) => write_like(copy.unwrap_or(&at), &at, bytes, *mode),
            None => remove(&at),
        }
    }

    fn write(&self, record: &Record) -> Result<()> {
        let text = serde_json::to_string_pretty(record)? + "\n";
        let at = self.top.join(DIRECTORY).join(FILE);
        write_like(&at, &at, text.as_bytes(), 0o644)
    }

    fn copy(&self, i: usize) -> PathBuf {
        self.top.join(DIRECTORY).join("before").join(i.to_string())
    }

    fn missing_directories(&self, changes: &[Change]) -> Vec<String> {
        let mut missing: Vec<String> = changes
            .iter()
            .flat_map(|change| Path::new(&change.path).ancestors().skip(1))
            .filter(|directory| !self.top.join(directory).exists())
            .map(|directory| directory.display().to_string())
            .collect();
        missing.sort();
        missing.dedup();
        missing
    }
}

impl Record {
    /// That of a tree; `None` when it has none.
    ///
    /// # Errors
    ///
    /// When it cannot be read or is not of a known form.
    pub fn read(top: &Path) -> Result<Option<Self>> {
        let path = format!("{DIRECTORY}/{FILE}");
        let Some(content) = files::read(top, &path).map_err(|why| anyhow!(why))? else {
            return Ok(None);
        };
        let shown = top.join(&path);
        let record: Self = serde_json::from_slice(&content.bytes)
            .with_context(|| format!("{} is no record of rmcp-kctl", shown.display()))?;
        if record.format != FORMAT {
            bail!(
                "{} has the format {}, this rmcp-kctl knows {FORMAT}: use the one that wrote it",
                shown.display(),
                record.format
            );
        }
        Ok(Some(record))
    }

    /// Whether it is of these patches.
    pub fn is_of(&self, patches: &[&Patch]) -> bool {
        self.patches == Named::all(patches)
    }

    /// The files that the patches change.
    pub fn files(&self) -> Vec<&str> {
        self.files.iter().map(|file| file.path.as_str()).collect()
    }

    /// The files that are neither as they were nor, but for an interruption, as the patches left them.
    ///
    /// # Errors
    ///
    /// When one cannot be read.
    pub fn changed(&self, top: &Path) -> Result<Vec<&str>> {
        let mut changed = Vec::new();
        for file in &self.files {
            let now = files::read(top, &file.path).map_err(|why| anyhow!(why))?;
            let now = now.as_ref().map(Hashed::of);
            let interrupted = self.state != State::Applied;
            if now != file.after && !(interrupted && now == file.before) {
                changed.push(file.path.as_str());
            }
        }
        Ok(changed)
    }
}

impl Named {
    fn all(patches: &[&Patch]) -> Vec<Self> {
        let named = patches.iter().map(|patch| Self {
            name: patch.name.clone(),
            sha256: sha256(&patch.text),
        });
        named.collect()
    }
}

impl Changed {
    fn of(change: &Change) -> Self {
        Self {
            path: change.path.clone(),
            before: change.before.as_ref().map(Hashed::of),
            after: change.after.as_ref().map(Hashed::of),
        }
    }
}

/// Writes a file that is whose another is, or whose its directory is where there is no other.
fn write_like(other: &Path, at: &Path, bytes: &[u8], mode: u32) -> Result<()> {
    let directory = at.parent().unwrap_or(Path::new("/"));
    make_owned(directory).with_context(|| format!("cannot make {}", directory.display()))?;
    let owner = Owner::of(other).or_else(|_| Owner::of(directory))?;
    write_owned(at, bytes, mode, Some(owner))
}

fn located(top: &Path, path: &str) -> Result<PathBuf> {
    files::locate(top, path).map_err(|why| anyhow!(why))
}

fn sha256(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    let digits: Vec<String> = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    digits.concat()
}

#[cfg(test)]
mod tests;
