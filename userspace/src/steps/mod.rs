// SPDX-License-Identifier: MIT

//! Changes to the system: a list of steps first, then each of them done atomically and written down
//! in a journal. When one of an installation fails, those before it are taken back; when the machine
//! loses power, the journal tells what was under way.

mod execute;
mod files;
mod journal;
mod source_tree;

pub use execute::{execute, execute_one};
pub use files::{
    beside, make_owned, remove, with_suffix, write_atomically, write_output, write_owned, Owner,
    NEW, OLD,
};
pub use journal::{Entry, Journal, Progress, State, Work, DIRECTORY};
pub use source_tree::fingerprint as source_fingerprint;

use crate::dkms;
use crate::initramfs::Wanted;
use crate::report::{Terminal, Tone};
use crate::source;
use anyhow::bail;
use serde::{Deserialize, Serialize, Serializer};
use std::io::IsTerminal;

/// One change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "do")]
pub enum Step {
    /// Install packages of the distribution. They stay when rmcp goes.
    Packages {
        /// The package manager and its arguments.
        command: Vec<String>,
    },
    /// Write a file.
    Write {
        /// The absolute path.
        path: String,
        /// Its text.
        #[serde(skip)]
        text: String,
        /// Its permission bits.
        mode: u32,
    },
    /// Put the module's source where DKMS expects it, in place of any other.
    Source {
        /// The absolute path of the directory.
        path: String,
        /// Where what a user changed there is kept.
        keep: Option<String>,
    },
    /// Move a directory that a user changed out of the way.
    Keep {
        /// The absolute path of the directory.
        path: String,
        /// Where it goes.
        to: String,
    },
    /// Remove a file or a directory with all that is in it.
    Remove {
        /// The absolute path.
        path: String,
    },
    /// Have DKMS do something.
    Dkms(dkms::Action),
    /// Rebuild a kernel's initramfs, and see by listing it that it is in order.
    Initramfs {
        /// The kernel's release.
        release: String,
        /// The program that rebuilds it, and its arguments.
        command: Vec<String>,
        /// What it is to be like then.
        #[serde(flatten)]
        wanted: Wanted,
    },
    /// Let modprobe know what modules a kernel has.
    Depmod {
        /// The kernel's release.
        release: String,
    },
    /// Unload the module.
    Unload,
}

impl Step {
    /// The step as a person reads it before it is done.
    pub fn describe(&self) -> String {
        match self {
            Self::Packages { command } => {
                format!("run {}  (these packages stay)", command.join(" "))
            }
            Self::Write { path, .. } => format!("write {path}"),
            Self::Source { path, keep } => {
                let count = source::FILES.len();
                let kept = keep.as_ref().map_or(String::new(), |keep| {
                    format!("; what was changed there is kept in {keep}")
                });
                format!("write the module's source to {path} ({count} files{kept})")
            }
            Self::Keep { path, to } => {
                format!("move {path}, which is not as rmcp wrote it, to {to}")
            }
            Self::Remove { path } => format!("remove {path}"),
            Self::Dkms(action) => format!("run {}  ({action})", action.command().join(" ")),
            Self::Initramfs {
                release, command, ..
            } => format!(
                "run {}  (the initramfs of {release}), and list what is in it",
                command.join(" ")
            ),
            Self::Depmod { release } => format!("run depmod {release}"),
            Self::Unload => {
                "run rmmod rmcp  (what it has set stays until the GPU's next reset, resume or reboot)"
                    .to_owned()
            }
        }
    }
}

/// Steps as a script reads them: each with the text that a person gets.
///
/// # Errors
///
/// When the serializer fails.
pub fn serialize<S: Serializer>(steps: &[Step], serializer: S) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct Described<'a> {
        #[serde(flatten)]
        step: &'a Step,
        text: String,
    }
    serializer.collect_seq(steps.iter().map(|step| Described {
        step,
        text: step.describe(),
    }))
}

/// Prints the steps.
pub fn print(terminal: &Terminal, steps: &[Step]) {
    for (i, step) in steps.iter().enumerate() {
        terminal.line(Tone::Plain, &format!("  {}. {}", i + 1, step.describe()));
    }
}

/// Asks whether to go on.
///
/// # Errors
///
/// When the answer is no, or nobody can be asked.
pub fn confirm(terminal: &Terminal, yes: bool) -> anyhow::Result<()> {
    if yes {
        return Ok(());
    }
    if !std::io::stdin().is_terminal() {
        bail!("nothing was changed: nobody can be asked here; give --yes, or --dry-run to see the steps");
    }
    terminal.progress("Go on? [y/N]");
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    if !matches!(answer.trim(), "y" | "Y" | "yes") {
        bail!("nothing was changed");
    }
    Ok(())
}
