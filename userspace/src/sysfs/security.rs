// SPDX-License-Identifier: MIT

//! How strict the running kernel is about its own integrity: lockdown, and signatures of modules.

use crate::root::Root;
use std::fmt;
use std::io;

const LOCKDOWN: &str = "/sys/kernel/security/lockdown";

/// The kernel's lockdown level (`security/lockdown/lockdown.c`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lockdown {
    /// Nothing is closed.
    None,
    /// What could change the running kernel is closed: modules without a trusted signature too.
    Integrity,
    /// What could show the kernel's secrets is closed as well.
    Confidentiality,
}

impl fmt::Display for Lockdown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "none",
            Self::Integrity => "integrity",
            Self::Confidentiality => "confidentiality",
        })
    }
}

impl Lockdown {
    fn parse(word: &str) -> Option<Self> {
        [Self::None, Self::Integrity, Self::Confidentiality]
            .into_iter()
            .find(|level| level.to_string() == word)
    }

    /// Whether debugfs refuses to open a file for writing, and one that could be written or knows
    /// ioctl or mmap, such as `amdgpu_regs2`, at all. In Linux 7.2.12 one that only knows read, such as
    /// `amdgpu_regs`, is opened at every level (`fs/debugfs/file.c`, `debugfs_locked_down`).
    pub fn restricts_debugfs(self) -> bool {
        self >= Self::Integrity
    }
}

/// The level in force; `None` when the kernel does not know lockdown, or securityfs is not mounted.
///
/// # Errors
///
/// When the file cannot be read or names no level.
pub fn lockdown(root: &Root) -> io::Result<Option<Lockdown>> {
    let Some(text) = root.read(LOCKDOWN)? else {
        return Ok(None);
    };
    let level = text
        .split_whitespace()
        .find_map(|word| word.strip_prefix('[')?.strip_suffix(']'))
        .and_then(Lockdown::parse);
    match level {
        Some(level) => Ok(Some(level)),
        None => Err(io::Error::new(
            io::ErrorKind::InvalidData,
            format!("{LOCKDOWN} holds {text:?}, expected one level in brackets"),
        )),
    }
}

/// Whether the kernel refuses every module without a trusted signature; `None` when it was built
/// without signatures of modules.
///
/// # Errors
///
/// When the file cannot be read.
pub fn signatures_enforced(root: &Root) -> io::Result<Option<bool>> {
    let value = root.read("/sys/module/module/parameters/sig_enforce")?;
    Ok(value.map(|value| value == "Y"))
}
