// SPDX-License-Identifier: MIT

//! What an earlier installation left, as far as its journal tells.

use crate::dkms::{self, Action};
use crate::root::Root;
use crate::source;
use crate::steps::{self, Journal, Step};

/// The journal and what follows from it.
pub(in crate::commands) enum Past {
    /// There is none.
    None,
    /// It was read.
    Known(Journal),
    /// It cannot be read, so that nothing is relied on.
    Unknown(String),
}

impl Past {
    /// Reads the journal.
    pub(in crate::commands) fn read(root: &Root) -> Self {
        match Journal::read(root) {
            Ok(None) => Self::None,
            Ok(Some(journal)) => Self::Known(journal),
            Err(error) => Self::Unknown(format!("{error:#}")),
        }
    }

    /// What there is to say of it; `None` when all is well.
    pub(in crate::commands) fn interruption(&self) -> Option<String> {
        match self {
            Self::None => None,
            Self::Known(journal) => journal.interruption(),
            Self::Unknown(error) => Some(format!("{error}; what it was about is done anew")),
        }
    }

    /// Whether a kernel's module may be half there, or half gone: DKMS was stopped while it was busy
    /// with it, or somebody who was to clear that up by hand was.
    pub(in crate::commands) fn suspects_dkms(&self, kernel: &str) -> bool {
        let journal = match self {
            Self::None => return false,
            Self::Unknown(_) => return true,
            Self::Known(journal) => journal,
        };
        let dkms_was_busy = match journal.begun() {
            Some(Step::Dkms(Action::Install { release, .. } | Action::Unbuild { release })) => {
                release == kernel
            }
            Some(Step::Dkms(Action::Add | Action::Remove)) => true,
            _ => false,
        };
        let by_hand =
            |step: &Step| matches!(step, Step::Remove { path } if dkms::is_of(path, kernel));
        match journal.state {
            steps::State::Done => false,
            steps::State::Running => {
                dkms_was_busy || journal.steps.iter().any(|entry| by_hand(&entry.step))
            }
            // Nobody knows what was being taken back.
            steps::State::TakingBack => true,
        }
    }

    /// Whether a kernel's image was to be rebuilt and may not have been.
    pub(in crate::commands) fn owes_initramfs(&self, kernel: &str) -> bool {
        match self {
            Self::None => false,
            Self::Unknown(_) => true,
            Self::Known(journal) => {
                journal.state == steps::State::TakingBack
                    || journal.unfinished().any(
                        |step| matches!(step, Step::Initramfs { release, .. } if release == kernel),
                    )
            }
        }
    }

    /// Whether the source is there as somebody changed it.
    pub(in crate::commands) fn source_is_the_users(&self, root: &Root) -> bool {
        let directory = root.path(dkms::SOURCE);
        let Some(found) = steps::source_fingerprint(&directory) else {
            return false;
        };
        let written = match self {
            Self::Known(journal) => journal.written.get(dkms::SOURCE),
            _ => None,
        };
        !source::is_in(&directory) && written != Some(&found)
    }
}

/// Where what a user changed is kept: the first name that is free.
pub(in crate::commands) fn kept(root: &Root) -> String {
    (1..)
        .map(|number| format!("{}.kept-{number}", dkms::SOURCE))
        .find(|path| !root.exists(path))
        .unwrap_or_default()
}

/// What is left of files that were being replaced.
pub(in crate::commands) fn leftovers(root: &Root, conf: &str) -> Vec<Step> {
    let hidden = steps::beside(std::path::Path::new(conf)).ok();
    [
        hidden.map(|path| path.to_string_lossy().into_owned()),
        Some(format!("{}{}", dkms::SOURCE, steps::NEW)),
        Some(format!("{}{}", dkms::SOURCE, steps::OLD)),
    ]
    .into_iter()
    .flatten()
    .filter(|path| root.path(path).symlink_metadata().is_ok())
    .map(|path| Step::Remove { path })
    .collect()
}
