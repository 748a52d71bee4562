// SPDX-License-Identifier: MIT

//! A file that grows, and that another takes the place of: a log and its rotation.

use super::PAUSE;
use std::fs::File;
use std::io::{self, Read, Seek};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::thread;

/// A file that is read for ever.
#[derive(Debug)]
pub struct Tail {
    path: PathBuf,
    file: File,
}

impl Tail {
    /// Opens it.
    ///
    /// # Errors
    ///
    /// When it cannot be opened.
    pub fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        Ok(Self {
            path: path.to_owned(),
            file,
        })
    }

    /// What is there now, if it is another file, or the same and shorter than what was read.
    fn successor(&mut self) -> io::Result<Option<File>> {
        let Ok(new) = File::open(&self.path) else {
            // In the middle of a rotation.
            return Ok(None);
        };
        let (ours, theirs) = (self.file.metadata()?, new.metadata()?);
        let other = (ours.dev(), ours.ino()) != (theirs.dev(), theirs.ino());
        let shorter = ours.is_file() && theirs.len() < self.file.stream_position()?;
        Ok((other || shorter).then_some(new))
    }
}

impl Read for Tail {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let read = self.file.read(buffer)?;
            if read > 0 || buffer.is_empty() {
                return Ok(read);
            }
            match self.successor()? {
                Some(new) => self.file = new,
                None => thread::sleep(PAUSE),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::io::Write;

    #[test]
    fn what_is_appended_and_what_takes_its_place_is_read() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log");
        fs::write(&path, "one").unwrap();
        let mut tail = Tail::open(&path).unwrap();
        let mut next = || {
            let mut buffer = [0; 16];
            let read = tail.read(&mut buffer).unwrap();
            String::from_utf8(buffer[..read].to_vec()).unwrap()
        };
        assert_eq!(next(), "one");
        File::options()
            .append(true)
            .open(&path)
            .unwrap()
            .write_all(b"two")
            .unwrap();
        assert_eq!(next(), "two");
        fs::rename(&path, directory.path().join("log.1")).unwrap();
        fs::write(&path, "three").unwrap();
        assert_eq!(next(), "three");
        fs::write(&path, "4").unwrap();
        assert_eq!(next(), "4");
    }
}
