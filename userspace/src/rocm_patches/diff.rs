// SPDX-License-Identifier: MIT

//! What a patch does to files, and where in them it fits: every line as it is, byte for byte, at the
//! lines that it names or, shifted as a whole, at the only other ones that there are. No fuzz.

use diffy::patch_set::{FileMode, FileOperation, FilePatch, ParseOptions, PatchSet};
use diffy::{HunkRange, Line};
use std::path::{Component, Path};

/// What becomes of one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileDiff {
    /// Its path, below the top of the source tree.
    pub path: String,
    /// Whether it is there before and after.
    pub kind: Kind,
    /// The changes in their order.
    pub hunks: Vec<Hunk>,
}

/// Whether a file is there before and after.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Before and after.
    Modify,
    /// Only after, with these permission bits.
    Create(u32),
    /// Only before.
    Delete,
}

/// One change of some lines that stand together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hunk {
    /// The line that begins it in the patch.
    pub header: String,
    /// The line, from 0, at which it expects to be.
    start: usize,
    /// The lines before, each with the line break at its end.
    old: Vec<Vec<u8>>,
    /// The lines after.
    new: Vec<Vec<u8>>,
    /// The line, from 0, at which it is after all hunks before it.
    new_start: usize,
}

/// Where a hunk is in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// Here.
    Fits {
        /// The line, from 1, that it begins at.
        line: usize,
        /// How many lines further down than it says.
        offset: isize,
    },
    /// Nowhere.
    Nowhere {
        /// The line, from 1, at which the file is not as the hunk expects it.
        line: usize,
        /// What is there and what is expected.
        why: String,
    },
}

impl FileDiff {
    /// Reads all that a patch does.
    ///
    /// # Errors
    ///
    /// When it is no unified diff, leaves the source tree, or does what needs no hunks, such as a
    /// renaming.
    pub fn parse(patch: &[u8]) -> Result<Vec<Self>, String> {
        let of_git = patch
            .split(|byte| *byte == b'\n')
            .any(|line| line.starts_with(b"diff --git "));
        let options = if of_git {
            ParseOptions::gitdiff()
        } else {
            ParseOptions::unidiff()
        };
        PatchSet::parse_bytes(patch, options)
            .map(|file| Self::of(&file.map_err(|error| error.to_string())?))
            .collect()
    }

    fn of(file: &FilePatch<'_, [u8]>) -> Result<Self, String> {
        let (path, kind) = match file.operation().strip_prefix(1) {
            FileOperation::Create(path) => (path, Kind::Create(mode(file.new_mode())?)),
            FileOperation::Delete(path) => (path, Kind::Delete),
            FileOperation::Modify { original, modified } if original == modified => {
                (original, Kind::Modify)
            }
            _ => return Err("it renames or copies a file, which is not done here".to_owned()),
        };
        let path = inner_path(&path)?;
        let text = file.patch().as_text();
        let hunks = text.map(|text| text.hunks().iter().map(Hunk::of).collect());
        let hunks: Vec<Hunk> = hunks.unwrap_or_default();
        let mode_only = kind == Kind::Modify && file.old_mode() != file.new_mode();
        if hunks.is_empty() || mode_only {
            return Err(format!(
                "what it does to {path} is not a change of lines, which alone is done here"
            ));
        }
        Ok(Self { path, kind, hunks })
    }

    /// The change that takes this one back.
    pub fn reversed(&self) -> Self {
        Self {
            path: self.path.clone(),
            kind: match self.kind {
                Kind::Modify => Kind::Modify,
                Kind::Create(_) => Kind::Delete,
                Kind::Delete => Kind::Create(0o644),
            },
            hunks: self.hunks.iter().map(Hunk::reversed).collect(),
        }
    }

    /// Where each hunk is in a file that holds this (`None`: there is no such file), and what the file
    /// holds afterwards, if all of them fit.
    pub fn apply(&self, content: Option<&[u8]>) -> (Vec<Place>, Option<Option<Vec<u8>>>) {
        let nowhere = |why: &str| {
            let place = |hunk: &Hunk| Place::Nowhere {
                line: hunk.start.saturating_add(1),
                why: why.to_owned(),
            };
            (self.hunks.iter().map(place).collect(), None)
        };
        let content = match (content, self.kind) {
            (None, Kind::Create(_)) => &[],
            (Some(_), Kind::Create(_)) => return nowhere("the file is there already"),
            (None, _) => return nowhere("there is no such file"),
            (Some(content), _) => content,
        };
        let lines: Vec<&[u8]> = content.split_inclusive(|byte| *byte == b'\n').collect();
        let places = self.places(&lines);
        let all = places.iter().map(|place| match place {
            Place::Fits { line, .. } => Some(line - 1),
            Place::Nowhere { .. } => None,
        });
        let Some(starts) = all.collect::<Option<Vec<usize>>>() else {
            return (places, None);
        };
        let mut after = Vec::new();
        let mut next = 0;
        for (hunk, start) in self.hunks.iter().zip(starts) {
            after.extend(lines[next..start].iter().copied().flatten());
            after.extend(hunk.new.iter().flatten());
            next = start + hunk.old.len();
        }
        after.extend(lines[next..].iter().copied().flatten());
        match self.kind {
            Kind::Delete if after.is_empty() => (places, Some(None)),
            Kind::Delete => nowhere("the file holds more than the patch takes away"),
            _ => (places, Some(Some(after))),
        }
    }

    fn places(&self, lines: &[&[u8]]) -> Vec<Place> {
        let (mut end, mut offset) = (0, 0);
        let mut places = Vec::new();
        for hunk in &self.hunks {
            let place = hunk.place(lines, end, offset, self.kind);
            if let Place::Fits { line, offset: here } = place {
                end = line - 1 + hunk.old.len();
                offset = here;
            }
            places.push(place);
        }
        places
    }
}

impl Hunk {
    fn of(hunk: &diffy::Hunk<'_, [u8]>) -> Self {
        let (mut old, mut new) = (Vec::new(), Vec::new());
        for line in hunk.lines() {
            match line {
                Line::Context(line) => {
                    old.push(line.to_vec());
                    new.push(line.to_vec());
                }
                Line::Delete(line) => old.push(line.to_vec()),
                Line::Insert(line) => new.push(line.to_vec()),
            }
        }
        let function = hunk.function_context().unwrap_or_default();
        let function = String::from_utf8_lossy(function);
        let range = |range: HunkRange| format!("{},{}", range.start(), range.len());
        let header = format!(
            "@@ -{} +{} @@ {}",
            range(hunk.old_range()),
            range(hunk.new_range()),
            function.trim()
        );
        Self {
            header: header.trim_end().to_owned(),
            start: hunk.old_range().start().saturating_sub(1),
            new_start: hunk.new_range().start().saturating_sub(1),
            old,
            new,
        }
    }

    fn reversed(&self) -> Self {
        Self {
            header: self.header.clone(),
            start: self.new_start,
            new_start: self.start,
            old: self.new.clone(),
            new: self.old.clone(),
        }
    }

    /// Where it is, from the line `from` on, when the hunk before it was `offset` lines further down
    /// than it said.
    fn place(&self, lines: &[&[u8]], from: usize, offset: isize, kind: Kind) -> Place {
        let nowhere = |line: usize, why: String| Place::Nowhere {
            line: line.saturating_add(1),
            why,
        };
        if self.old.is_empty() && !matches!(kind, Kind::Create(_)) {
            let why = "the patch has no line around it that would tell the place";
            return nowhere(self.start, why.to_owned());
        }
        let expected = self.start.checked_add_signed(offset).unwrap_or(0);
        let fits = |at: usize| at >= from && self.is_at(lines, at);
        let found = if fits(expected) {
            vec![expected]
        } else {
            (from..lines.len()).filter(|at| fits(*at)).collect()
        };
        match found.as_slice() {
            [at] => Place::Fits {
                line: at + 1,
                offset: at.wrapping_sub(self.start) as isize,
            },
            [] => {
                let (line, why) = self.difference(lines, expected);
                nowhere(line, why)
            }
            [first, second, ..] => {
                let (first, second) = (first + 1, second + 1);
                let why = format!("it is not where the patch says, and fits at line {first} as well as at line {second}");
                nowhere(expected, why)
            }
        }
    }

    fn is_at(&self, lines: &[&[u8]], at: usize) -> bool {
        let end = at.checked_add(self.old.len());
        let there = end.and_then(|end| lines.get(at..end));
        there.is_some_and(|there| there.iter().zip(&self.old).all(|(a, b)| *a == b.as_slice()))
    }

    /// The first line that is another than the hunk expects.
    fn difference(&self, lines: &[&[u8]], at: usize) -> (usize, String) {
        for (i, expected) in self.old.iter().enumerate() {
            let line = at.saturating_add(i);
            let expected_text = shown(expected);
            match lines.get(line) {
                None => {
                    let count = lines.len();
                    let why =
                        format!("the file ends after line {count}; expected {expected_text:?}");
                    return (line, why);
                }
                Some(found) if *found != expected.as_slice() => {
                    let why = format!("found {:?}, expected {expected_text:?}", shown(found));
                    return (line, why);
                }
                Some(_) => {}
            }
        }
        (at, "the lines are taken by the hunk before it".to_owned())
    }
}

/// As much of a line as a message has room for; what it ends with matters only where that differs.
fn shown(line: &[u8]) -> String {
    const LONGEST: usize = 60;
    let text = String::from_utf8_lossy(line);
    let text = text.strip_suffix('\n').unwrap_or(&text);
    let text = text.trim_start();
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}

fn mode(mode: Option<&FileMode>) -> Result<u32, String> {
    match mode {
        Some(FileMode::Regular) | None => Ok(0o644),
        Some(FileMode::Executable) => Ok(0o755),
        Some(FileMode::Symlink | FileMode::Gitlink) => {
            Err("it makes what is no regular file".to_owned())
        }
    }
}

/// A path that stays below the directory that it is put after.
pub(super) fn inner_path(path: &[u8]) -> Result<String, String> {
    let text = String::from_utf8_lossy(path).into_owned();
    let parts = || Path::new(&text).components();
    let inside = parts().all(|part| matches!(part, Component::Normal(_)));
    let plain = inside && parts().as_path().as_os_str().len() == text.len();
    if text.is_empty() || !plain || text.contains(|c: char| c.is_control() || c == '\u{fffd}') {
        return Err(format!("{text:?} is no path below the source tree"));
    }
    Ok(text)
}

#[cfg(test)]
mod tests;
