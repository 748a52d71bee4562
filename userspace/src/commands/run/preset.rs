// SPDX-License-Identifier: MIT

//! `--preset`: arguments that a program gets where they are not given.

use clap::ValueEnum;
use std::ffi::OsString;
use std::path::Path;

/// A program whose arguments are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Preset {
    /// 'yolo train': batch=4 amp=False epochs=10
    Ultralytics,
}

/// Its own are batch=16, amp=True and epochs=100 (ultralytics/cfg/default.yaml).
const ARGUMENTS: [(&str, &str); 3] = [("batch", "4"), ("amp", "False"), ("epochs", "10")];
/// What its command is called.
const PROGRAMS: [&str; 2] = ["yolo", "ultralytics"];

/// What is added to a command, and why not more.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Added {
    pub(super) words: Vec<String>,
    pub(super) not: Option<&'static str>,
}

impl Preset {
    /// What the command gets at its end.
    ///
    /// # Errors
    ///
    /// When it is not of the program that the preset is for.
    pub(super) fn adds(self, command: &[OsString]) -> Result<Added, String> {
        let program = command.first().and_then(|word| Path::new(word).file_name());
        let is_yolo = PROGRAMS.iter().any(|name| program == Some(name.as_ref()));
        let words: Vec<String> = command
            .iter()
            .skip(1)
            .map(|word| word.to_string_lossy().into_owned())
            .collect();
        let trains = words
            .iter()
            .any(|word| word == "train" || word == "mode=train");
        if !is_yolo || !trains {
            return Err(
                "the preset ultralytics is for the command 'yolo train', and this is another"
                    .to_owned(),
            );
        }
        let given = |name: &str| words.iter().any(|word| self::name(word) == name);
        let not = if given("resume") {
            Some("a training that is resumed has its arguments in its checkpoint")
        } else if given("cfg") {
            Some("what is in the file of cfg= would be overridden")
        } else {
            None
        };
        // time= goes before epochs=.
        let has = |name: &str| given(name) || name == "epochs" && given("time");
        let missing = ARGUMENTS.iter().filter(|(name, _)| !has(name));
        let missing = missing.map(|(name, value)| format!("{name}={value}"));
        Ok(Added {
            words: missing.filter(|_| not.is_none()).collect(),
            not,
        })
    }
}

/// That of `name=value`, which may also be in several words, and begin with `--`.
fn name(word: &str) -> &str {
    let word = word.trim_start_matches("--");
    word.split_once('=').map_or(word, |(name, _)| name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn added(command: &str) -> Result<Added, String> {
        let words: Vec<OsString> = command.split(' ').map(Into::into).collect();
        Preset::Ultralytics.adds(&words)
    }

    #[test]
    fn only_what_is_not_given_is_added() {
        for (command, expected) in [
            ("yolo train data=a.yaml", "batch=4 amp=False epochs=10"),
            ("/venv/bin/yolo detect train batch=8", "amp=False epochs=10"),
            ("yolo mode=train --amp=True epochs = 3", "batch=4"),
            ("yolo train time=1", "batch=4 amp=False"),
            ("yolo train batch=1 amp=0 epochs=1", ""),
            ("yolo train resume=True", ""),
            ("yolo train resume", ""),
            ("yolo train cfg=mine.yaml", ""),
        ] {
            let added = added(command).unwrap();
            assert_eq!(added.words.join(" "), expected, "{command}");
            let whole = command.contains("resume") || command.contains("cfg");
            assert_eq!(added.not.is_some(), whole, "{command}");
        }
    }

    #[test]
    fn another_command_is_refused() {
        for command in ["python3 train.py", "yolo predict", "yolo", "train yolo"] {
            assert!(added(command).is_err(), "{command}");
        }
        assert!(Preset::Ultralytics.adds(&[]).is_err());
    }

    proptest! {
        #[test]
        fn no_words_panic(words: Vec<String>) {
            let command = ["yolo", "train"].map(OsString::from).into_iter();
            let command: Vec<OsString> = command.chain(words.into_iter().map(Into::into)).collect();
            prop_assert!(Preset::Ultralytics.adds(&command).is_ok());
        }
    }
}
