// SPDX-License-Identifier: MIT

//! What is started: the job, and what comes after a fault.

use super::environment::Environment;
use crate::cli;
use crate::variables::known::{Weight, KNOWN};
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::process::Command;
use std::str::FromStr;

/// The value with which each variable that can hides every GPU.
const NONE: &str = "-1";

/// What hides every GPU: which of these a job's libraries read depends on what they are.
fn hide() -> Vec<(&'static str, &'static str)> {
    let hides = KNOWN.iter().filter(|known| known.weight == Weight::Hides);
    hides.map(|known| (known.name, NONE)).collect()
}

/// What is done after a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fallback {
    /// Nothing.
    None,
    /// The job is run once more, without a GPU.
    Cpu,
    /// The job is run again, so many times at most.
    Retry(u32),
}

impl FromStr for Fallback {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let times = text.strip_prefix("retry:").map(str::parse);
        match (text, times) {
            ("none", _) => Ok(Self::None),
            ("cpu", _) => Ok(Self::Cpu),
            (_, Some(Ok(times))) if times > 0 => Ok(Self::Retry(times)),
            _ => Err("it is none of cpu, retry:N (N from 1) and none".to_owned()),
        }
    }
}

/// One start of a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Attempt {
    pub(super) words: Vec<OsString>,
    pub(super) gpus_hidden: bool,
    environment: Environment,
}

impl Attempt {
    /// The job as it was asked for.
    pub(super) fn first(words: Vec<OsString>, environment: &Environment) -> Self {
        Self {
            words,
            gpus_hidden: false,
            environment: environment.clone(),
        }
    }

    /// What is started after so many faults; `None` when nothing is.
    pub(super) fn after(&self, args: &cli::Run, faults: u32) -> Option<Self> {
        let most = match (args.fallback, &args.resume_with) {
            (Fallback::Retry(times), _) => times,
            (Fallback::None, None) => 0,
            (Fallback::Cpu, _) | (Fallback::None, Some(_)) => 1,
        };
        let words = match &args.resume_with {
            Some(resume) => vec!["sh".into(), "-c".into(), resume.clone()],
            None => self.words.clone(),
        };
        (faults <= most).then_some(Self {
            words,
            gpus_hidden: args.fallback == Fallback::Cpu,
            environment: self.environment.clone(),
        })
    }

    /// What it sets in the environment.
    pub(super) fn sets(&self) -> BTreeMap<&str, &str> {
        let own = self.environment.set.iter();
        let own = own.map(|(name, value)| (name.as_str(), value.as_str()));
        own.chain(hide().into_iter().filter(|_| self.gpus_hidden))
            .collect()
    }

    /// Whether a variable of this process is the job's, too, with its value.
    pub(super) fn inherits(&self, name: &OsStr) -> bool {
        let unset = &self.environment.unset;
        !self.sets().keys().any(|set| *set == name) && !unset.iter().any(|unset| **unset == *name)
    }

    /// It, to be started.
    pub(super) fn command(&self) -> Option<Command> {
        let (program, arguments) = self.words.split_first()?;
        let mut command = Command::new(program);
        command.args(arguments);
        for name in &self.environment.unset {
            command.env_remove(name);
        }
        command.envs(self.sets());
        Some(command)
    }

    /// It, as a person reads it.
    pub(super) fn text(&self) -> String {
        let set = self.sets();
        let set = set.iter().map(|(name, value)| format!("{name}={value}"));
        let words = self
            .words
            .iter()
            .map(|word| word.to_string_lossy().into_owned());
        set.chain(words).collect::<Vec<_>>().join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_to_hide_does_so() {
        for (name, value) in hide() {
            let known = crate::variables::find(name).unwrap();
            assert!(known.when.holds(Some(value)), "{name}");
        }
    }

    #[test]
    fn a_fallback_is_named() {
        let parsed = |text: &str| text.parse::<Fallback>().ok();
        assert_eq!(parsed("cpu"), Some(Fallback::Cpu));
        assert_eq!(parsed("retry:3"), Some(Fallback::Retry(3)));
        assert_eq!(parsed("none"), Some(Fallback::None));
        for text in [
            "", "retry", "retry:", "retry:0", "retry:-1", "retry:x", "gpu",
        ] {
            assert_eq!(parsed(text), None, "{text}");
        }
    }

    #[test]
    fn so_much_is_started_again_and_no_more() {
        let args = |fallback, resume: Option<&str>| cli::Run {
            profiles: Vec::new(),
            preset: None,
            fallback,
            resume_with: resume.map(Into::into),
            log: None,
            force: false,
            dry_run: false,
            command: vec!["train".into()],
        };
        let after = |args: &cli::Run, faults| {
            let first = Attempt::first(args.command.clone(), &Environment::default());
            first.after(args, faults).map(|attempt| attempt.text())
        };
        let plain = args(Fallback::None, None);
        assert_eq!(after(&plain, 1), None);
        let retry = args(Fallback::Retry(2), None);
        assert_eq!(after(&retry, 2).as_deref(), Some("train"));
        assert_eq!(after(&retry, 3), None);
        let resume = args(Fallback::None, Some("train --resume"));
        assert_eq!(after(&resume, 1).as_deref(), Some("sh -c train --resume"));
        assert_eq!(after(&resume, 2), None);
        let cpu = args(Fallback::Cpu, None);
        let hidden = "CUDA_VISIBLE_DEVICES=-1 HIP_VISIBLE_DEVICES=-1 ROCR_VISIBLE_DEVICES=-1 train";
        assert_eq!(after(&cpu, 1).as_deref(), Some(hidden));
        assert_eq!(after(&cpu, 2), None);
    }
}
