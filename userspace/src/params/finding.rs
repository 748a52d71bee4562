// SPDX-License-Identifier: MIT

//! What a check found: where, what, why it matters, what to do, and where one can read it up.

use super::edit::Edit;
use crate::traced::Place;
use serde::Serialize;

/// How much a finding matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// It keeps a module from being loaded.
    Error,
    /// It does not do what it says, or does harm.
    Warning,
    /// Good to know; nothing has to be done.
    Note,
}

impl Severity {
    /// Whether something has to be done.
    pub const fn needs_action(self) -> bool {
        matches!(self, Self::Error | Self::Warning)
    }

    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Note => "note",
        }
    }
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// How much it matters.
    pub severity: Severity,
    /// The rule's name, which stays the same from version to version.
    pub rule: &'static str,
    /// Where it is.
    #[serde(flatten)]
    pub place: Place,
    /// What is there.
    pub found: String,
    /// Why it matters.
    pub why: String,
    /// What to do.
    pub todo: String,
    /// Where that is known from.
    pub source: String,
    /// The change of the file that `params fix` makes; `None` where a person has to decide.
    #[serde(skip)]
    pub edit: Option<Edit>,
}

/// A check that could not be made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Skipped {
    /// The name of the rule.
    pub rule: &'static str,
    /// Why it could not be made.
    pub why: String,
}
