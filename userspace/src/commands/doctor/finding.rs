// SPDX-License-Identifier: MIT

//! What a check comes to.

use serde::Serialize;
use std::borrow::Cow;

/// How a check ended, the least grave first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Outcome {
    /// It is as it should be.
    Good,
    /// It could not be looked at.
    Skipped,
    /// Worth knowing; nothing need be done.
    Note,
    /// It does harm to some jobs.
    Warning,
    /// It keeps rmcp or ROCm from working, or is a known cause of memory faults.
    Error,
}

/// A thing to check, and what is the same however it ends.
#[derive(Debug)]
pub(super) struct Check {
    /// Its name, for scripts.
    pub(super) name: &'static str,
    /// Why it matters.
    pub(super) why: &'static str,
    /// Where to read that it does.
    pub(super) source: &'static str,
}

/// What a check came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Finding {
    /// The check's name.
    pub(super) check: &'static str,
    /// How it ended.
    pub(super) outcome: Outcome,
    /// What was found; for a skipped one, why it could not be looked at.
    pub(super) found: String,
    /// Why it matters.
    pub(super) why: Cow<'static, str>,
    /// What to do, in order.
    pub(super) mend: Vec<String>,
    /// Where to read about it.
    pub(super) source: Cow<'static, str>,
    /// Phrases in what was found that a report must not hold.
    #[serde(skip)]
    pub(super) private: Vec<String>,
}

impl Check {
    fn finding(&self, outcome: Outcome, found: impl Into<String>) -> Finding {
        Finding {
            check: self.name,
            outcome,
            found: found.into(),
            why: self.why.into(),
            mend: Vec::new(),
            source: self.source.into(),
            private: Vec::new(),
        }
    }

    pub(super) fn good(&self, found: impl Into<String>) -> Finding {
        self.finding(Outcome::Good, found)
    }

    pub(super) fn skipped(&self, why: impl Into<String>) -> Finding {
        self.finding(Outcome::Skipped, why)
    }

    pub(super) fn note(&self, found: impl Into<String>) -> Finding {
        self.finding(Outcome::Note, found)
    }

    pub(super) fn warning(&self, found: impl Into<String>) -> Finding {
        self.finding(Outcome::Warning, found)
    }

    pub(super) fn error(&self, found: impl Into<String>) -> Finding {
        self.finding(Outcome::Error, found)
    }
}

impl Finding {
    /// The same with something to do about it.
    pub(super) fn mend(mut self, step: impl Into<String>) -> Self {
        self.mend.push(step.into());
        self
    }

    /// The same with several things to do about it.
    pub(super) fn mend_all(mut self, steps: impl IntoIterator<Item = String>) -> Self {
        self.mend.extend(steps);
        self
    }

    /// The same with phrases that a report must not hold.
    pub(super) fn private(mut self, phrases: impl IntoIterator<Item = String>) -> Self {
        self.private.extend(phrases);
        self
    }
}
