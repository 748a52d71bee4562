// SPDX-License-Identifier: MIT

//! The directory below which the system is read: `/`, or a tree that a test made.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The root of the system that is looked at.
#[derive(Debug, Clone)]
pub struct Root(PathBuf);

impl Root {
    /// The system below `dir`.
    pub fn new(dir: &Path) -> Self {
        Self(dir.to_path_buf())
    }

    /// Whether this is the running system.
    pub fn is_running_system(&self) -> bool {
        self.0 == Path::new("/")
    }

    /// Where an absolute path of the system is.
    pub fn path(&self, absolute: impl AsRef<Path>) -> PathBuf {
        let absolute = absolute.as_ref();
        self.0.join(absolute.strip_prefix("/").unwrap_or(absolute))
    }

    /// A file's text without trailing white space; `None` when there is no such file.
    ///
    /// # Errors
    ///
    /// Any failure but that of a missing file, with the path in the message.
    pub fn read(&self, absolute: impl AsRef<Path>) -> io::Result<Option<String>> {
        let text = self.read_whole(absolute)?;
        Ok(text.map(|text| text.trim_end().to_owned()))
    }

    /// A file's text with every blank and line break in it; `None` when there is no such file.
    ///
    /// # Errors
    ///
    /// Any failure but that of a missing file, with the path in the message.
    pub fn read_whole(&self, absolute: impl AsRef<Path>) -> io::Result<Option<String>> {
        let path = self.path(absolute);
        match fs::read(&path) {
            Ok(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
                ) =>
            {
                Ok(None)
            }
            Err(error) => Err(io::Error::new(
                error.kind(),
                format!("cannot read {}: {error}", path.display()),
            )),
        }
    }

    /// The names in a directory, sorted; none when there is no such directory.
    pub fn list(&self, absolute: impl AsRef<Path>) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(self.path(absolute))
            .into_iter()
            .flatten()
            .flatten()
            .filter_map(|entry| entry.file_name().into_string().ok())
            .collect();
        names.sort();
        names
    }

    /// Whether something exists at the path.
    pub fn exists(&self, absolute: impl AsRef<Path>) -> bool {
        self.path(absolute).exists()
    }
}
