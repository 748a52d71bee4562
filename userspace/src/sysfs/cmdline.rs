// SPDX-License-Identifier: MIT

//! The command line that the running kernel was started with.

use crate::root::Root;
use crate::traced::{Place, Traced};
use std::io;

/// Where the kernel shows it.
pub const FILE: &str = "/proc/cmdline";

/// The line; `None` where /proc has none.
///
/// # Errors
///
/// When it exists but cannot be read.
pub fn running(root: &Root) -> io::Result<Option<Traced>> {
    let text = root.read(FILE)?;
    Ok(text.map(|text| Traced::new(&text, Place::file(FILE))))
}

/// Its words.
///
/// # Errors
///
/// As [`running`].
pub fn words(root: &Root) -> io::Result<Vec<String>> {
    let line = running(root)?.unwrap_or_default();
    Ok(line.text().split_whitespace().map(str::to_owned).collect())
}
