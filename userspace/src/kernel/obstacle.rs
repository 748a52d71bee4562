// SPDX-License-Identifier: MIT

//! Why the module cannot be built for a kernel.

use crate::packages::{Manager, Need};
use std::fmt;

/// Why the module cannot be built for a kernel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Obstacle {
    /// The kernel itself is not made for it; nothing that one installs changes that.
    KernelCannot(String),
    /// Something is missing: at least one thing.
    Missing(Vec<Missing>),
}

/// Something that is missing, and what brings it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    /// What was found and what was expected.
    what: String,
    /// The package to install; `None` where its name is not known.
    package: Option<String>,
    /// What else there is to say of the remedy.
    note: Option<String>,
}

impl Missing {
    /// Something that is missing, and what is needed for it.
    pub fn new(what: impl Into<String>, need: &Need, manager: Option<Manager>) -> Self {
        Self {
            what: what.into(),
            package: need.package(manager),
            note: match need {
                Need::Rustc(version) => {
                    Some(format!("in version {version}; another does not serve"))
                }
                Need::KernelSource { .. } => {
                    Some("in the version of the kernel's headers".to_owned())
                }
                Need::NewerDkms => Some("in a later version than the installed one".to_owned()),
                _ => None,
            },
        }
    }

    /// What was found and what was expected.
    pub fn what(&self) -> &str {
        &self.what
    }

    /// What to do.
    pub fn remedy(&self) -> String {
        let package = match &self.package {
            Some(package) => format!("install the package {package}"),
            None => "install the package that has it".to_owned(),
        };
        match &self.note {
            Some(note) => format!("{package} ({note})"),
            None => package,
        }
    }

    /// The package to install; `None` where its name is not known.
    pub fn package(&self) -> Option<&str> {
        self.package.as_deref()
    }
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.what, self.remedy())
    }
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::KernelCannot(why) => f.write_str(why),
            Self::Missing(missing) => {
                for (i, one) in missing.iter().enumerate() {
                    let before = if i == 0 { "" } else { "; " };
                    write!(f, "{before}{one}")?;
                }
                Ok(())
            }
        }
    }
}

impl std::error::Error for Obstacle {}
