// SPDX-License-Identifier: MIT

//! The directory below which the system is read: `/`, or a tree that a test made.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// The longest file that is read unless more is asked for: far more than any that the kernel or an
/// administrator writes.
const LONGEST: u64 = 1 << 20;

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
    /// As [`Root::read_whole`].
    pub fn read(&self, absolute: impl AsRef<Path>) -> io::Result<Option<String>> {
        let text = self.read_whole(absolute)?;
        Ok(text.map(|text| text.trim_end().to_owned()))
    }

    /// A file's text with every blank and line break in it; `None` when there is no such file.
    ///
    /// # Errors
    ///
    /// Any failure but that of a missing file, with the path in the message: that it is longer than
    /// 1 MiB is one, or that it is no regular file, such as a pipe, which would never end.
    pub fn read_whole(&self, absolute: impl AsRef<Path>) -> io::Result<Option<String>> {
        self.bounded(absolute.as_ref(), LONGEST)
    }

    /// As [`Root::read`], of a file that programs write, and which may be longer.
    ///
    /// # Errors
    ///
    /// As [`Root::read_whole`], with this bound in place of 1 MiB.
    pub fn read_up_to(
        &self,
        absolute: impl AsRef<Path>,
        longest: u64,
    ) -> io::Result<Option<String>> {
        let text = self.bounded(absolute.as_ref(), longest)?;
        Ok(text.map(|text| text.trim_end().to_owned()))
    }

    fn bounded(&self, absolute: &Path, longest: u64) -> io::Result<Option<String>> {
        let path = self.path(absolute);
        match read_bounded(&path, longest) {
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

fn read_bounded(path: &Path, longest: u64) -> io::Result<Vec<u8>> {
    let refused = |why: String| io::Error::new(io::ErrorKind::InvalidData, why);
    if !fs::metadata(path)?.is_file() {
        return Err(refused("it is not a regular file".to_owned()));
    }
    let mut bytes = Vec::new();
    File::open(path)?
        .take(longest + 1)
        .read_to_end(&mut bytes)?;
    if bytes.len() as u64 > longest {
        return Err(refused(format!("it is longer than {longest} bytes")));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_short_regular_file_is_refused_and_what_is_missing_is_not_there() {
        let directory = tempfile::tempdir().unwrap();
        let root = Root::new(directory.path());
        let at = |name: &str| directory.path().join(name);
        fs::write(at("text"), "one\n\n").unwrap();
        fs::create_dir(at("directory")).unwrap();
        File::create(at("long")).unwrap().set_len(1 << 40).unwrap();
        std::os::unix::fs::symlink("loop", at("loop")).unwrap();
        std::os::unix::fs::symlink("/dev/zero", at("device")).unwrap();
        assert_eq!(root.read("/text").unwrap().as_deref(), Some("one"));
        assert_eq!(root.read("/missing").unwrap(), None);
        assert_eq!(root.read("/text/below").unwrap(), None);
        for (name, why) in [
            ("/directory", "not a regular file"),
            ("/device", "not a regular file"),
            ("/long", "longer than 1048576"),
            ("/loop", "cannot read"),
        ] {
            let error = root.read(name).unwrap_err().to_string();
            assert!(error.contains(why), "{error}");
        }
    }

    #[test]
    fn how_long_a_file_may_be_is_the_readers_choice() {
        let directory = tempfile::tempdir().unwrap();
        let root = Root::new(directory.path());
        fs::write(directory.path().join("text"), "1234\n").unwrap();
        let read = |longest| root.read_up_to("/text", longest);
        assert_eq!(read(5).unwrap().as_deref(), Some("1234"));
        assert!(read(4).is_err());
    }
}
