// SPDX-License-Identifier: MIT

//! Profiles: named sets of variables. Some are rmcp's own; the administrator's and the user's are files.

use crate::report::printable;
use crate::root::Root;
use crate::shell;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The profile that every other one builds upon.
pub const DEFAULT: &str = "default";

/// The administrator's profiles.
const SYSTEM_DIRECTORY: &str = "/etc/rmcp/profiles.d";
/// The user's, below the home directory.
const HOME_DIRECTORY: &str = ".config/rmcp";

/// A named set of variables.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Profile {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub about: String,
    /// Its file; `None` for one of rmcp's own.
    pub file: Option<String>,
    /// What it sets.
    pub set: BTreeMap<String, String>,
    /// What it takes away.
    pub unset: Vec<String>,
}

/// A file that is no profile.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Bad {
    /// The name that the profile would have.
    pub name: String,
    /// The file.
    pub file: String,
    /// Why it is none.
    pub why: String,
}

/// All profiles.
#[derive(Debug, Default)]
pub struct Profiles {
    /// Those that can be used.
    pub good: Vec<Profile>,
    /// The files that cannot.
    pub bad: Vec<Bad>,
}

/// A profile's file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Form {
    #[serde(default)]
    about: String,
    #[serde(default)]
    set: BTreeMap<String, String>,
    #[serde(default)]
    unset: Vec<String>,
}

/// rmcp's own: name, what it is for, what it sets.
type Own = (
    &'static str,
    &'static str,
    &'static [(&'static str, &'static str)],
);

const OWN: [Own; 4] = [
    (
        DEFAULT,
        "for work: sets nothing, and takes away what does harm on the GPUs of this machine",
        &[],
    ),
    (
        "conservative",
        "less cleverness, to find a fault: no shared virtual memory, kernels and copies one after the \
         other, no fragment allocator. Slow",
        &[
            ("AMD_SERIALIZE_COPY", "3"),
            ("AMD_SERIALIZE_KERNEL", "3"),
            ("HSA_DISABLE_FRAGMENT_ALLOCATOR", "1"),
            ("HSA_USE_SVM", "0"),
        ],
    ),
    (
        "coherence-check",
        "every allocation uncached (MTYPE_UC): a fault that stays is not one of coherence. Very slow",
        &[("HSA_DISABLE_CACHE", "1")],
    ),
    (
        "noncached",
        "PyTorch without its caching allocator, so that a stray access hits no neighbour's memory. Very \
         slow",
        &[
            ("PYTORCH_NO_CUDA_MEMORY_CACHING", "1"),
            ("PYTORCH_NO_HIP_MEMORY_CACHING", "1"),
        ],
    ),
];

impl Profiles {
    /// rmcp's own, the administrator's, and those of the user with this home directory; which go
    /// before the administrator's of the same name.
    pub fn read(root: &Root, home: Option<&str>) -> Self {
        let mut found = Self {
            good: OWN.iter().map(Profile::own).collect(),
            bad: Vec::new(),
        };
        let home = home.filter(|home| home.starts_with('/'));
        let home = home.map(|home| format!("{}/{HOME_DIRECTORY}", home.trim_end_matches('/')));
        for directory in home.into_iter().chain([SYSTEM_DIRECTORY.to_owned()]) {
            for entry in root.list(&directory) {
                if let Some(name) = entry.strip_suffix(".toml") {
                    found.add(root, name, format!("{directory}/{entry}"));
                }
            }
        }
        found
    }

    fn add(&mut self, root: &Root, name: &str, file: String) {
        if self.bad.iter().any(|bad| bad.name == name) {
            return;
        }
        match self.good.iter().find(|profile| profile.name == name) {
            Some(Profile { file: Some(_), .. }) => return,
            Some(_) => {
                return self.bad.push(Bad {
                    name: name.to_owned(),
                    why: "rmcp has a profile of that name: give the file another".to_owned(),
                    file,
                });
            }
            None => {}
        }
        let text = match root.read_whole(&file) {
            Ok(Some(text)) => Profile::parse(name, &file, &text),
            Ok(None) => return,
            Err(error) => Err(error.to_string()),
        };
        match text {
            Ok(profile) => self.good.push(profile),
            Err(why) => self.bad.push(Bad {
                name: name.to_owned(),
                file,
                why,
            }),
        }
    }

    /// The profile of this name.
    ///
    /// # Errors
    ///
    /// When there is none, or its file is bad.
    pub fn find(&self, name: &str) -> Result<&Profile, String> {
        if let Some(profile) = self.good.iter().find(|profile| profile.name == name) {
            return Ok(profile);
        }
        if let Some(bad) = self.bad.iter().find(|bad| bad.name == name) {
            return Err(format!("the profile {name:?} cannot be used: {bad}"));
        }
        let names: Vec<&str> = self.good.iter().map(|good| good.name.as_str()).collect();
        Err(format!(
            "there is no profile {name:?}, only {}",
            names.join(", ")
        ))
    }
}

impl std::fmt::Display for Bad {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.file, self.why)
    }
}

impl Profile {
    fn own((name, about, set): &Own) -> Self {
        let set = set.iter();
        Self {
            name: (*name).to_owned(),
            about: (*about).to_owned(),
            file: None,
            set: set
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
            unset: Vec::new(),
        }
    }

    /// A profile from the text of a file.
    fn parse(name: &str, file: &str, text: &str) -> Result<Self, String> {
        let form: Form = toml::from_str(text).map_err(|error| {
            let line = error.span().map_or(0, |span| {
                text.get(..span.start).unwrap_or("").matches('\n').count()
            });
            let words: Vec<&str> = error.message().split_whitespace().collect();
            format!("line {}: {}", line + 1, printable(&words.join(" ")))
        })?;
        for variable in form.set.keys().chain(&form.unset) {
            if !shell::is_name(variable) {
                return Err(format!("{variable:?} is no name of a variable"));
            }
        }
        if let Some(twice) = form.unset.iter().find(|name| form.set.contains_key(*name)) {
            return Err(format!("{twice} is both set and unset"));
        }
        let hidden = |text: &str| text.chars().any(char::is_control);
        if let Some((name, _)) = form.set.iter().find(|(_, value)| hidden(value)) {
            return Err(format!(
                "the value of {name} has a line break or the like in it"
            ));
        }
        if hidden(&form.about) {
            return Err("about has a line break or the like in it".to_owned());
        }
        Ok(Self {
            name: name.to_owned(),
            about: form.about,
            file: Some(file.to_owned()),
            set: form.set,
            unset: form.unset,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::variables::KNOWN;
    use proptest::prelude::*;

    #[test]
    fn what_rmcps_own_profiles_set_is_in_the_table() {
        for profile in OWN.iter().map(Profile::own) {
            for name in profile.set.keys() {
                assert!(KNOWN.iter().any(|known| known.name == name), "{name}");
            }
        }
    }

    #[test]
    fn a_file_says_what_it_sets_and_what_it_takes_away() {
        let text = "about = \"for night runs\"\nunset = [\"HSA_XNACK\"]\n[set]\nGPU_MAX_HW_QUEUES = \"2\"\n";
        let profile = Profile::parse("night", "/f", text).unwrap();
        assert_eq!(profile.about, "for night runs");
        assert_eq!(profile.set["GPU_MAX_HW_QUEUES"], "2");
        assert_eq!(profile.unset, ["HSA_XNACK"]);
    }

    #[test]
    fn what_is_wrong_with_a_file_is_told() {
        for (text, why) in [
            ("set = 1", "line 1"),
            ("\n\nsit = {}", "line 3: unknown field `sit`"),
            ("[set]\nA = 1", "line 2: invalid type"),
            ("[set]\n\"A B\" = \"1\"", "\"A B\" is no name"),
            ("unset = [\"A;rm\"]", "is no name"),
            ("unset = [\"A\"]\n[set]\nA = \"1\"", "both"),
            ("[set]\nA = \"1\\n2\"", "line break"),
            ("about = \"\\u001b[2J\"", "line break or the like"),
            ("[set", "line 1"),
            ("\"\\u001b[2J\" = 1", "line 1: unknown field `\u{fffd}[2J`"),
        ] {
            let error = Profile::parse("x", "/f", text).unwrap_err();
            assert!(error.contains(why), "{text}: {error}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text: String, jumble in "[\\[\\]set=\"'A1\\n.{}#,\\\\u ]{0,40}") {
            let _ = Profile::parse("x", "/f", &text);
            let _ = Profile::parse("x", "/f", &jumble);
        }

        #[test]
        fn what_is_read_is_what_was_written(value in "[^\\p{Cc}]{0,20}") {
            let text = format!("[set]\nA = {}\n", serde_json::to_string(&value).unwrap());
            let profile = Profile::parse("x", "/f", &text).unwrap();
            prop_assert_eq!(&profile.set["A"], &value);
        }
    }
}
