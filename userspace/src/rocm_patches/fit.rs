// SPDX-License-Identifier: MIT

//! Whether patches fit a source tree, one after the other, hunk by hunk. Nothing is written.

use super::diff::{FileDiff, Kind, Place};
use super::files::{self, Content};
use super::Patch;
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::Path;

/// How a patch or a hunk stands to a tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It can be applied.
    Fits,
    /// It is in the tree already.
    Applied,
    /// Neither.
    DoesNotFit,
}

impl Outcome {
    /// As a person reads it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Fits => "fits",
            Self::Applied => "applied already",
            Self::DoesNotFit => "does not fit",
        }
    }
}

/// A patch that was held against a tree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Tried {
    /// The name of its file.
    pub name: String,
    /// Its subject.
    pub title: String,
    /// What it does.
    pub about: String,
    /// How it stands to the tree.
    pub outcome: Outcome,
    /// The same of each hunk.
    pub hunks: Vec<TriedHunk>,
}

/// A hunk that was held against a tree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TriedHunk {
    /// The file that it changes.
    pub file: String,
    /// The line that begins it in the patch.
    pub header: String,
    /// How it stands to the tree.
    pub outcome: Outcome,
    /// The line, from 1, at which it is, or at which the file is not as it expects.
    pub line: usize,
    /// How many lines further down than it says.
    pub offset: isize,
    /// What is there and what is expected, if it does not fit.
    pub why: Option<String>,
}

/// A file that all patches together change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Its path below the top of the tree.
    pub path: String,
    /// What it holds now; `None` when it is not there.
    pub before: Option<Content>,
    /// What it is to hold.
    pub after: Option<Content>,
}

/// All patches, held against a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fit {
    /// Each, in their order.
    pub patches: Vec<Tried>,
    /// What applying those that fit changes.
    pub changes: Vec<Change>,
}

impl Fit {
    /// Holds the patches against the tree, each on what those before it leave.
    pub fn of(top: &Path, patches: &[&Patch]) -> Self {
        let mut files = Overlay::new(top);
        // What is in the tree is found from the last one on: a later patch may lie over an earlier one.
        let mut applied = vec![false; patches.len()];
        for (i, patch) in patches.iter().enumerate().rev() {
            if files.with(&patch.files).is_none() {
                let reversed: Vec<FileDiff> =
                    patch.files.iter().rev().map(FileDiff::reversed).collect();
                if let Some(without) = files.with(&reversed) {
                    files.take(without);
                    applied[i] = true;
                }
            }
        }
        let tried = patches.iter().zip(applied).map(|(patch, applied)| {
            let hunks = files.hunks(&patch.files);
            let outcome = match files.with(&patch.files) {
                Some(with) => {
                    files.take(with);
                    if applied {
                        Outcome::Applied
                    } else {
                        Outcome::Fits
                    }
                }
                None => Outcome::DoesNotFit,
            };
            Tried {
                name: patch.name.clone(),
                title: patch.title.clone(),
                about: patch.about.clone(),
                hunks: hunks
                    .into_iter()
                    .map(|hunk| hunk.of_patch(outcome))
                    .collect(),
                outcome,
            }
        });
        Self {
            patches: tried.collect(),
            changes: files.changes(),
        }
    }

    /// How many patches stand so to the tree.
    pub fn count(&self, outcome: Outcome) -> usize {
        let patches = self.patches.iter();
        patches.filter(|patch| patch.outcome == outcome).count()
    }
}

impl TriedHunk {
    /// A hunk that would fit is applied where its whole patch is.
    fn of_patch(mut self, outcome: Outcome) -> Self {
        if outcome == Outcome::Applied {
            self.outcome = outcome;
        }
        self
    }
}

type Held = Result<Option<Content>, String>;

/// Files of the tree, and what patches made of them.
struct Overlay<'a> {
    top: &'a Path,
    before: BTreeMap<String, Held>,
    now: BTreeMap<String, Option<Content>>,
}

impl<'a> Overlay<'a> {
    fn new(top: &'a Path) -> Self {
        Self {
            top,
            before: BTreeMap::new(),
            now: BTreeMap::new(),
        }
    }

    fn get(&mut self, path: &str) -> Held {
        if let Some(now) = self.now.get(path) {
            return Ok(now.clone());
        }
        let read = || files::read(self.top, path);
        self.before
            .entry(path.to_owned())
            .or_insert_with(read)
            .clone()
    }

    fn take(&mut self, files: BTreeMap<String, Option<Content>>) {
        self.now.extend(files);
    }

    /// What the files hold after this; `None` when it does not fit.
    fn with(&mut self, diffs: &[FileDiff]) -> Option<BTreeMap<String, Option<Content>>> {
        let mut with: BTreeMap<String, Option<Content>> = BTreeMap::new();
        for diff in diffs {
            let held = match with.get(&diff.path) {
                Some(held) => held.clone(),
                None => self.get(&diff.path).ok()?,
            };
            let bytes = held.as_ref().map(|content| content.bytes.as_slice());
            let (_, after) = diff.apply(bytes);
            let mode = match (diff.kind, &held) {
                (Kind::Create(mode), _) => mode,
                (_, Some(content)) => content.mode,
                (_, None) => 0o644,
            };
            let after = after?.map(|bytes| Content { bytes, mode });
            with.insert(diff.path.clone(), after);
        }
        Some(with)
    }

    /// Each hunk on its own; of one that does not fit, whether it is in the file already.
    fn hunks(&mut self, diffs: &[FileDiff]) -> Vec<TriedHunk> {
        let mut tried = Vec::new();
        for diff in diffs {
            let held = self.get(&diff.path);
            let bytes = match &held {
                Ok(held) => held.as_ref().map(|content| content.bytes.as_slice()),
                Err(_) => None,
            };
            let places = diff.apply(bytes).0.into_iter();
            let reversed = diff.reversed().apply(bytes).0;
            for ((hunk, place), back) in diff.hunks.iter().zip(places).zip(reversed) {
                let (outcome, line, offset, why) = match (place, back) {
                    (Place::Fits { line, offset }, _) => (Outcome::Fits, line, offset, None),
                    (_, Place::Fits { line, offset }) => (Outcome::Applied, line, offset, None),
                    (Place::Nowhere { line, why }, _) => {
                        let why = held.as_ref().err().cloned().unwrap_or(why);
                        (Outcome::DoesNotFit, line, 0, Some(why))
                    }
                };
                tried.push(TriedHunk {
                    file: diff.path.clone(),
                    header: hunk.header.clone(),
                    outcome,
                    line,
                    offset,
                    why,
                });
            }
        }
        tried
    }

    fn changes(self) -> Vec<Change> {
        let mut before = self.before;
        let changes = self.now.into_iter().filter_map(|(path, after)| {
            let before = before.remove(&path)?.ok()?;
            (before != after).then_some(Change {
                path,
                before,
                after,
            })
        });
        changes.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rocm_patches::Component;
    use std::fs;

    fn patch(name: &str, text: &str) -> Patch {
        Patch::read(Component::Rocr, "6.1.2", name, text.as_bytes()).unwrap()
    }

    fn outcomes(top: &Path, patches: &[Patch]) -> Vec<Outcome> {
        let patches: Vec<&Patch> = patches.iter().collect();
        let tried = Fit::of(top, &patches).patches.into_iter();
        tried.map(|patch| patch.outcome).collect()
    }

    /// The second lies over what the first puts in.
    fn two() -> [Patch; 2] {
        [
            patch("1", "--- a/f\n+++ b/f\n@@ -1,2 +1,3 @@\n one\n+new\n two\n"),
            patch(
                "2",
                "--- a/f\n+++ b/f\n@@ -1,3 +1,3 @@\n one\n-new\n+newer\n two\n",
            ),
        ]
    }

    #[test]
    fn a_later_patch_stands_on_an_earlier_one() {
        use Outcome::{Applied, DoesNotFit, Fits};
        let directory = tempfile::tempdir().unwrap();
        let patches = two();
        for (text, expected) in [
            ("one\ntwo\n", [Fits, Fits]),
            ("one\nnew\ntwo\n", [Applied, Fits]),
            ("one\nnewer\ntwo\n", [Applied, Applied]),
            ("one\nother\ntwo\n", [DoesNotFit, DoesNotFit]),
        ] {
            fs::write(directory.path().join("f"), text).unwrap();
            assert_eq!(outcomes(directory.path(), &patches), expected, "{text}");
        }
    }

    #[test]
    fn no_link_is_followed() {
        let directory = tempfile::tempdir().unwrap();
        let outside = tempfile::tempdir().unwrap();
        fs::write(outside.path().join("f"), "one\ntwo\n").unwrap();
        let at = directory.path().join("f");
        std::os::unix::fs::symlink(outside.path().join("f"), &at).unwrap();
        let patches = two();
        let fit = Fit::of(directory.path(), &[&patches[0]]);
        assert_eq!(fit.patches[0].outcome, Outcome::DoesNotFit);
        let why = fit.patches[0].hunks[0].why.as_ref().unwrap();
        assert!(why.contains("is a link"), "{why}");
        assert_eq!(fit.changes, []);
    }
}
