// SPDX-License-Identifier: MIT

//! The patches to ROCm's runtime: which there are, whether they fit a source tree, applying them and
//! taking them back. Nothing here reaches over the network.

pub mod build;
pub mod diff;
pub mod files;
pub mod fit;
pub mod prefix;
pub mod record;
pub mod source;

use diff::FileDiff;
use serde::{Deserialize, Serialize};
use std::fs;
use std::io;
use std::path::Path;

/// A part of ROCm's runtime that has a source of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Component {
    /// The HSA runtime; since ROCm 6.3 with libhsakmt in its source.
    Rocr,
    /// What talks to amdkfd.
    Libhsakmt,
    /// HIP's runtime.
    Clr,
}

impl Component {
    /// Every one.
    pub const ALL: [Self; 3] = [Self::Rocr, Self::Libhsakmt, Self::Clr];

    /// Its name here, and that of its directory of patches.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rocr => "rocr",
            Self::Libhsakmt => "libhsakmt",
            Self::Clr => "clr",
        }
    }

    /// Debian's name of its source.
    pub const fn debian(self) -> &'static str {
        match self {
            Self::Rocr => "rocr-runtime",
            Self::Libhsakmt => "roct-thunk-interface",
            Self::Clr => "rocm-hipamd",
        }
    }

    /// Upstream's name of its repository.
    pub const fn upstream(self) -> &'static str {
        match self {
            Self::Rocr => "ROCm/ROCR-Runtime",
            Self::Libhsakmt => "ROCm/ROCT-Thunk-Interface",
            Self::Clr => "ROCm/clr",
        }
    }
}

/// A patch to one version of a component.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Patch {
    /// What it is for.
    pub component: Component,
    /// The version that it is for, as upstream numbers it.
    pub version: String,
    /// The name of its file.
    pub name: String,
    /// Its subject.
    pub title: String,
    /// The first sentence of what it says of itself.
    pub about: String,
    /// What it does.
    pub files: Vec<FileDiff>,
    /// Its text.
    pub text: Vec<u8>,
}

/// A patch that this program carries.
struct Carried {
    component: Component,
    version: &'static str,
    name: &'static str,
    text: &'static [u8],
}

include!(concat!(env!("OUT_DIR"), "/rocm_patches.rs"));

impl Patch {
    fn read(component: Component, version: &str, name: &str, text: &[u8]) -> Result<Self, String> {
        let (title, about) = heading(&String::from_utf8_lossy(text));
        Ok(Self {
            component,
            version: version.to_owned(),
            name: name.to_owned(),
            title: title.unwrap_or_else(|| name.to_owned()),
            about,
            files: FileDiff::parse(text)
                .map_err(|why| format!("{}/{version}/{name}: {why}", component.name()))?,
            text: text.to_vec(),
        })
    }
}

/// The patches that this program carries, in their order.
///
/// # Errors
///
/// When one cannot be read, which a test of this program excludes.
pub fn carried() -> Result<Vec<Patch>, String> {
    CARRIED
        .iter()
        .map(|patch| Patch::read(patch.component, patch.version, patch.name, patch.text))
        .collect()
}

/// The patches below a directory, each as COMPONENT/VERSION/NAME.patch, in their order.
///
/// # Errors
///
/// When something cannot be read.
pub fn below(directory: &Path) -> Result<Vec<Patch>, String> {
    let names = |directory: &Path| -> Result<Vec<String>, String> {
        let failed = |error| format!("cannot read {}: {error}", directory.display());
        let entries = match fs::read_dir(directory) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(failed)?,
        };
        let mut names: Vec<String> = entries
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .collect();
        names.sort();
        Ok(names)
    };
    let mut found = Vec::new();
    for component in Component::ALL {
        let of_component = directory.join(component.name());
        for version in names(&of_component)? {
            let of_version = of_component.join(&version);
            for name in names(&of_version).unwrap_or_default() {
                let file = of_version.join(&name);
                if name.ends_with(".patch") {
                    let text = fs::read(&file)
                        .map_err(|error| format!("cannot read {}: {error}", file.display()))?;
                    found.push(Patch::read(component, &version, &name, &text)?);
                }
            }
        }
    }
    Ok(found)
}

/// The subject of a patch as git writes it, and the first sentence of its text.
fn heading(text: &str) -> (Option<String>, String) {
    let (head, body) = text.split_once("\n\n").unwrap_or((text, ""));
    let mut head = head
        .lines()
        .skip_while(|line| !line.starts_with("Subject:"));
    let title = head.next().map(|first| {
        let folded = head.take_while(|line| line.starts_with(' '));
        let words = first["Subject:".len()..].split_whitespace();
        words
            .chain(folded.flat_map(str::split_whitespace))
            .collect::<Vec<_>>()
            .join(" ")
    });
    let title = title.map(|title| match title.strip_prefix('[') {
        Some(rest) => rest
            .split_once("] ")
            .map_or(rest, |(_, title)| title)
            .to_owned(),
        None => title,
    });
    let paragraph = body
        .lines()
        .skip_while(|line| line.is_empty())
        .take_while(|line| !line.is_empty() && *line != "---" && !line.starts_with("diff "));
    let words: Vec<&str> = paragraph.map(str::trim).collect();
    let paragraph = words.join(" ");
    let sentence = paragraph
        .split_once(". ")
        .map_or(paragraph.as_str(), |(sentence, _)| sentence);
    (title, sentence.trim_end_matches('.').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_patch_that_is_carried_can_be_read_and_says_what_it_is() {
        for patch in carried().unwrap() {
            let name = format!("{}/{}", patch.version, patch.name);
            assert!(!patch.files.is_empty(), "{name}");
            assert!(
                patch.title != patch.name && !patch.about.is_empty(),
                "{name}"
            );
        }
        let patches = concat!(env!("CARGO_MANIFEST_DIR"), "/../patches");
        assert_eq!(carried(), below(Path::new(patches)));
    }

    #[test]
    fn a_heading_is_a_subject_and_a_sentence() {
        let text = "From: x\nSubject: [PATCH 1/2] rocr: say\n what\nDate: y\n\nIt says. And\nmore.\n\n---\n";
        assert_eq!(
            heading(text),
            (Some("rocr: say what".to_owned()), "It says".to_owned())
        );
        assert_eq!(heading("--- a/f\n"), (None, String::new()));
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "(Subject:|\\[|\\] |\n| |[a-z.]){0,30}") {
            heading(&text);
        }
    }
}
