// SPDX-License-Identifier: MIT

//! What is being done to the system, and what was: written down before each step and after it, so
//! that an installation that was interrupted is known as such.

use super::files::{remove, write_atomically};
use super::Step;
use crate::root::Root;
use anyhow::{bail, Context, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// What rmcp keeps of its own.
pub const DIRECTORY: &str = "/var/lib/rmcp";
const FILE: &str = "/var/lib/rmcp/journal.json";
/// The only form of the file so far.
const FORMAT: u32 = 1;

/// The journal of the last installation or uninstallation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Journal {
    format: u32,
    /// What is done.
    pub work: Work,
    /// How far it is.
    pub state: State,
    /// The steps, in their order.
    pub steps: Vec<Entry>,
    /// Directories as install wrote them, by their fingerprints.
    pub written: BTreeMap<String, String>,
}

/// What is done to the system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Work {
    /// `rmcp-kctl install`.
    Install,
    /// `rmcp-kctl uninstall`.
    Uninstall,
}

/// How far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// Under way, or interrupted.
    Running,
    /// A step failed; those before it are being taken back.
    TakingBack,
    /// Through.
    Done,
}

/// One step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The step.
    pub step: Step,
    /// How far it is.
    pub progress: Progress,
}

/// How far a step is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Progress {
    /// Not begun.
    Waiting,
    /// Begun; nobody knows how much of it was done.
    Begun,
    /// Done.
    Done,
}

impl fmt::Display for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Install => "installation",
            Self::Uninstall => "uninstallation",
        })
    }
}

impl Journal {
    /// A journal of steps, none of which is begun.
    pub fn new(work: Work, steps: &[Step], before: Option<&Self>) -> Self {
        Self {
            format: FORMAT,
            work,
            state: State::Running,
            steps: steps
                .iter()
                .map(|step| Entry {
                    step: step.clone(),
                    progress: Progress::Waiting,
                })
                .collect(),
            written: before.map_or_else(BTreeMap::new, |before| before.written.clone()),
        }
    }

    /// The journal of this system; `None` when it has none.
    ///
    /// # Errors
    ///
    /// When it cannot be read or is not of a known form.
    pub fn read(root: &Root) -> Result<Option<Self>> {
        let Some(text) = root.read(FILE)? else {
            return Ok(None);
        };
        let journal: Self = serde_json::from_str(&text)
            .with_context(|| format!("{FILE} is not a journal of rmcp-kctl"))?;
        if journal.format != FORMAT {
            bail!(
                "{FILE} has the format {}, this rmcp-kctl knows {FORMAT}: use the rmcp-kctl that wrote it",
                journal.format
            );
        }
        Ok(Some(journal))
    }

    /// Writes it down, for good.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    pub fn write(&self, root: &Root) -> Result<()> {
        let text = serde_json::to_string_pretty(self)?;
        write_atomically(&root.path(FILE), text.as_bytes(), 0o644)
    }

    /// Removes it, and its directory where nothing else is in it.
    ///
    /// # Errors
    ///
    /// When it cannot be removed.
    pub fn remove(root: &Root) -> Result<()> {
        remove(&root.path(FILE))?;
        if root.list(DIRECTORY).is_empty() {
            remove(&root.path(DIRECTORY))?;
        }
        Ok(())
    }

    /// The steps that were planned and are not known to be done, when nobody is at it any more.
    pub fn unfinished(&self) -> impl Iterator<Item = &Step> {
        self.steps
            .iter()
            .filter(|entry| self.state != State::Done && entry.progress != Progress::Done)
            .map(|entry| &entry.step)
    }

    /// The step that was begun and is not known to be done.
    pub fn begun(&self) -> Option<&Step> {
        self.steps
            .iter()
            .find(|entry| self.state != State::Done && entry.progress == Progress::Begun)
            .map(|entry| &entry.step)
    }

    /// One sentence on what was interrupted, and what to do; `None` when nothing was.
    pub fn interruption(&self) -> Option<String> {
        let at = match self.state {
            State::Done => return None,
            State::Running => {
                let done = self
                    .steps
                    .iter()
                    .filter(|entry| entry.progress == Progress::Done)
                    .count();
                let next = self.steps.get(done).map_or_else(
                    || "after its last step".to_owned(),
                    |entry| {
                        format!(
                            "at step {} of {} ({})",
                            done + 1,
                            self.steps.len(),
                            entry.step.describe()
                        )
                    },
                );
                format!("an {} was interrupted {next}", self.work)
            }
            State::TakingBack => format!(
                "an {} failed, and taking it back was interrupted",
                self.work
            ),
        };
        Some(format!(
            "{at}: 'rmcp-kctl install' completes it, 'rmcp-kctl uninstall' removes what there is"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn journal() -> Journal {
        let step = |path: &str| Step::Remove {
            path: path.to_owned(),
        };
        Journal::new(Work::Install, &[step("/a"), step("/b")], None)
    }

    #[test]
    fn a_journal_reads_back() {
        let directory = tempfile::tempdir().unwrap();
        let root = Root::new(directory.path());
        assert_eq!(Journal::read(&root).unwrap(), None);
        journal().write(&root).unwrap();
        assert_eq!(Journal::read(&root).unwrap(), Some(journal()));
    }

    #[test]
    fn an_interruption_names_the_step() {
        let mut journal = journal();
        assert!(journal.interruption().unwrap().contains("step 1 of 2"));
        journal.steps[0].progress = Progress::Done;
        journal.steps[1].progress = Progress::Begun;
        let sentence = journal.interruption().unwrap();
        assert!(sentence.contains("step 2 of 2 (remove /b)"), "{sentence}");
        assert_eq!(journal.unfinished().count(), 1);
        journal.state = State::TakingBack;
        assert!(journal.interruption().unwrap().contains("taking it back"));
        journal.state = State::Done;
        assert_eq!(journal.interruption(), None);
        assert_eq!((journal.unfinished().count(), journal.begun()), (0, None));
    }

    proptest! {
        #[test]
        fn no_text_panics(text: String) {
            let directory = tempfile::tempdir().unwrap();
            let root = Root::new(directory.path());
            write_atomically(&root.path(FILE), text.as_bytes(), 0o644).unwrap();
            prop_assert!(Journal::read(&root).is_err());
        }
    }
}
