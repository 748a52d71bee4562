// SPDX-License-Identifier: MIT

//! Files that are replaced as a whole, and removed without a fuss.

use anyhow::{Context, Result};
use std::fs;
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{chown, fchown, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// What the name of a file ends with while it is being written.
pub const NEW: &str = ".rmcp-new";
/// What the name of a directory ends with while another takes its place.
pub const OLD: &str = ".rmcp-old";

/// Whose a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Owner {
    user: u32,
    group: u32,
}

impl Owner {
    /// Whose this one is.
    ///
    /// # Errors
    ///
    /// When it is not there or cannot be looked at.
    pub fn of(path: &Path) -> std::io::Result<Self> {
        let metadata = path.metadata()?;
        Ok(Self {
            user: metadata.uid(),
            group: metadata.gid(),
        })
    }
}

/// Removes a file, a link, or a directory with all that is in it. What is not there is no error.
///
/// # Errors
///
/// When it cannot be removed.
pub fn remove(path: &Path) -> Result<()> {
    let removed = match path.symlink_metadata() {
        Ok(metadata) if metadata.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) => Err(error),
    };
    match removed {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", path.display()))
        }
        _ => Ok(()),
    }
}

/// The path with something put after its last name. What looks like an extension stays: the names
/// of kernels are full of dots.
pub fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// Writes a file so that at any moment either the old or the new one is there, whole.
///
/// # Errors
///
/// When its directory cannot be made or written.
pub fn write_atomically(path: &Path, bytes: &[u8], mode: u32) -> Result<()> {
    write_owned(path, bytes, mode, None)
}

/// The same of a file that is another's.
///
/// # Errors
///
/// When its directory cannot be made or written.
pub fn write_owned(path: &Path, bytes: &[u8], mode: u32, owner: Option<Owner>) -> Result<()> {
    let directory = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let beside = beside(path)?;
    let write = || -> std::io::Result<()> {
        fs::create_dir_all(directory)?;
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(mode)
            .open(&beside)?;
        file.write_all(bytes)?;
        if let Some(Owner { user, group }) = owner {
            unless_denied(fchown(&file, Some(user), Some(group)))?;
        }
        // The mode above is subject to the umask, and an older file keeps its own.
        file.set_permissions(fs::Permissions::from_mode(mode))?;
        file.sync_all()?;
        fs::rename(&beside, path)?;
        fs::File::open(directory)?.sync_all()
    };
    let written = write();
    if written.is_err() {
        // What there is of it takes space that may be what was lacking.
        let _ = fs::remove_file(&beside);
    }
    written.with_context(|| format!("cannot write {}", path.display()))
}

/// Makes a directory and those above it that are missing: each is whose the one above it is.
///
/// # Errors
///
/// When one cannot be made.
pub fn make_owned(directory: &Path) -> std::io::Result<()> {
    if directory.is_dir() {
        return Ok(());
    }
    let above = directory.parent().unwrap_or(Path::new("/"));
    make_owned(above)?;
    fs::create_dir(directory)?;
    let Owner { user, group } = Owner::of(above)?;
    unless_denied(chown(directory, Some(user), Some(group)))
}

/// Only root can give a file away; for others it stays theirs.
fn unless_denied(result: std::io::Result<()>) -> std::io::Result<()> {
    match result {
        Err(error) if error.kind() == ErrorKind::PermissionDenied => Ok(()),
        result => result,
    }
}

/// Writes where a user said. A file is replaced as a whole, at the end of its links; what is no file, such
/// as `/dev/stdout`, is written into.
///
/// # Errors
///
/// When it cannot be written.
pub fn write_output(path: &Path, bytes: &[u8], mode: u32) -> Result<()> {
    let write = |path: &Path| {
        fs::OpenOptions::new()
            .write(true)
            .open(path)?
            .write_all(bytes)
    };
    match path.metadata() {
        Ok(metadata) if !metadata.is_file() => {
            write(path).with_context(|| format!("cannot write {}", path.display()))
        }
        Ok(_) => {
            let file = path.canonicalize();
            let file = file.with_context(|| format!("cannot find {}", path.display()))?;
            write_atomically(&file, bytes, mode)
        }
        // There is none, or the writing says why not.
        Err(_) => write_atomically(path, bytes, mode),
    }
}

/// Where a file is while it is being written. No program takes it for the file itself: it is hidden,
/// and its name ends otherwise.
///
/// # Errors
///
/// When the path names no file.
pub fn beside(path: &Path) -> Result<PathBuf> {
    let name = path
        .file_name()
        .with_context(|| format!("{} names no file", path.display()))?;
    Ok(path.with_file_name(format!(".{}{NEW}", name.to_string_lossy())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn a_suffix_leaves_the_dots_of_a_kernel_alone() {
        let path = with_suffix(Path::new("/a/7.2.12+deb13-amd64"), ".new");
        assert_eq!(path, Path::new("/a/7.2.12+deb13-amd64.new"));
    }

    #[test]
    fn a_written_file_is_whole_has_its_mode_and_leaves_nothing_beside() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("sub/file.conf");
        write_atomically(&path, b"one", 0o600).unwrap();
        write_atomically(&path, b"two", 0o755).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o755
        );
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }

    #[test]
    fn output_goes_through_links_and_into_what_is_no_file() {
        let directory = tempfile::tempdir().unwrap();
        let [file, link, fifo] = ["file", "link", "fifo"].map(|name| directory.path().join(name));
        fs::write(&file, "old").unwrap();
        symlink("file", &link).unwrap();
        write_output(&link, b"new", 0o644).unwrap();
        assert!(link.is_symlink() && fs::read(&file).unwrap() == b"new");

        rustix::fs::mkfifoat(rustix::fs::CWD, &fifo, rustix::fs::Mode::RWXU).unwrap();
        let reader = {
            let fifo = fifo.clone();
            std::thread::spawn(move || fs::read(fifo).unwrap())
        };
        write_output(&fifo, b"through", 0o644).unwrap();
        assert_eq!(reader.join().unwrap(), b"through");
        assert!(!fifo.metadata().unwrap().is_file());
    }
}
