// SPDX-License-Identifier: MIT

//! The module's source in its directory.

use super::files::{remove, with_suffix, write_atomically, NEW, OLD};
use crate::fingerprint::fnv1a64;
use crate::source;
use anyhow::{bail, Context, Result};
use std::fs;
use std::path::{Path, PathBuf};

/// What takes the place of a directory, and where the directory is now.
pub(super) struct Replaced {
    /// `None` when there was none.
    pub(super) before: Option<PathBuf>,
}

/// Puts the source at the directory. What was there goes to `keep`, or aside until it is not needed.
pub(super) fn write(directory: &Path, keep: Option<&Path>) -> Result<Replaced> {
    if directory.join(".git").exists() {
        bail!(
            "{} is a git checkout, not what rmcp-kctl wrote there: move it away first",
            directory.display()
        );
    }
    let new = with_suffix(directory, NEW);
    remove(&new)?;
    for file in source::FILES {
        write_atomically(&new.join(file.path), file.text.as_bytes(), file.mode)?;
    }
    let old = keep.map_or_else(|| with_suffix(directory, OLD), Path::to_path_buf);
    if keep.is_none() {
        remove(&old)?;
    }
    let before = directory.exists();
    if before {
        rename(directory, &old)?;
    }
    rename(&new, directory)?;
    Ok(Replaced {
        before: before.then_some(old),
    })
}

/// Removes the directory, which is whole or gone at any moment: half of it would look as if somebody
/// had changed it.
pub(super) fn take_away(directory: &Path) -> Result<()> {
    let aside = with_suffix(directory, OLD);
    remove(&aside)?;
    if directory.is_dir() {
        rename(directory, &aside)?;
    }
    remove(&aside)?;
    remove(directory)
}

/// Moves a directory back to where another is now, which goes.
pub(super) fn put_back(from: &Path, to: &Path) -> Result<()> {
    let aside = with_suffix(to, NEW);
    remove(&aside)?;
    if to.symlink_metadata().is_ok() {
        rename(to, &aside)?;
    }
    rename(from, to)?;
    remove(&aside)
}

pub(super) fn rename(from: &Path, to: &Path) -> Result<()> {
    fs::rename(from, to)
        .with_context(|| format!("cannot move {} to {}", from.display(), to.display()))?;
    if let Some(parent) = to.parent() {
        fs::File::open(parent)?.sync_all()?;
    }
    Ok(())
}

/// What tells a directory apart from one of other contents; `None` when there is none. Links and what
/// cannot be read count by their names.
pub fn fingerprint(directory: &Path) -> Option<String> {
    let mut files = Vec::new();
    collect(directory, directory, &mut files)?;
    files.sort();
    Some(format!("{:016x}", fnv1a64(&files.concat())))
}

fn collect(top: &Path, directory: &Path, files: &mut Vec<Vec<u8>>) -> Option<()> {
    for entry in fs::read_dir(directory).ok()?.flatten() {
        let path = entry.path();
        let name = path
            .strip_prefix(top)
            .unwrap_or(&path)
            .display()
            .to_string();
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            let _ = collect(top, &path, files);
        } else {
            let text = fs::read(&path).unwrap_or_default();
            let head = format!("{name}\0{}\0", text.len());
            files.push([head.as_bytes(), &text].concat());
        }
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_taken_away_with_what_an_earlier_run_left_of_it() {
        let directory = tempfile::tempdir().unwrap();
        let source = directory.path().join("rmcp-1.0");
        for path in [&source, &with_suffix(&source, OLD)] {
            fs::create_dir_all(path.join("kmod")).unwrap();
        }
        take_away(&source).unwrap();
        take_away(&source).unwrap();
        fs::write(&source, "a file").unwrap();
        take_away(&source).unwrap();
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_fingerprint_tells_contents_and_names_apart() {
        let directory = tempfile::tempdir().unwrap();
        let top = directory.path();
        assert_eq!(fingerprint(&top.join("none")), None);
        let of = |name: &str, text: &str| {
            fs::create_dir_all(top.join("sub")).unwrap();
            fs::write(top.join(name), text).unwrap();
            let found = fingerprint(top);
            fs::remove_file(top.join(name)).unwrap();
            found
        };
        assert_eq!(of("sub/a", "x"), of("sub/a", "x"));
        assert_ne!(of("sub/a", "x"), of("sub/a", "y"));
        assert_ne!(of("sub/a", "x"), of("sub/b", "x"));
    }
}
