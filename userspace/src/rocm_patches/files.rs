// SPDX-License-Identifier: MIT

//! The files of a source tree that patches name. A link is never followed: what it leads to is not of
//! the tree.

use super::diff::inner_path;
use std::fs::{self, File};
use std::io::{ErrorKind, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// The longest file that is read; ROCm's longest sources have 1 MB.
const LONGEST: u64 = 32 << 20;

/// What a file holds, and its permission bits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Its permission bits.
    pub mode: u32,
}

/// Where a file of the tree is.
///
/// # Errors
///
/// When the path leaves the tree, by its words or over a link.
pub fn locate(top: &Path, path: &str) -> Result<PathBuf, String> {
    let path = inner_path(path.as_bytes())?;
    let mut at = top.to_path_buf();
    for part in Path::new(&path).components() {
        at.push(part);
        match at.symlink_metadata() {
            Ok(metadata) if metadata.is_symlink() => {
                return Err(format!("{} is a link, which is not followed", at.display()))
            }
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(format!("cannot look at {}: {error}", at.display()))
            }
            _ => {}
        }
    }
    Ok(at)
}

/// A file of the tree; `None` when there is none.
///
/// # Errors
///
/// When it cannot be read, is no regular file, or too long.
pub fn read(top: &Path, path: &str) -> Result<Option<Content>, String> {
    let at = locate(top, path)?;
    let failed = |error| format!("cannot read {path}: {error}");
    let metadata = match fs::metadata(&at) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        metadata => metadata.map_err(failed)?,
    };
    if !metadata.is_file() || metadata.len() > LONGEST {
        return Err(format!(
            "{path} is no regular file of at most {LONGEST} bytes"
        ));
    }
    let mut bytes = Vec::new();
    let file = File::open(&at).map_err(failed)?;
    file.take(LONGEST).read_to_end(&mut bytes).map_err(failed)?;
    Ok(Some(Content {
        bytes,
        mode: metadata.permissions().mode() & 0o7777,
    }))
}
