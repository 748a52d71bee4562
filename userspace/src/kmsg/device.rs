// SPDX-License-Identifier: MIT

//! /dev/kmsg: a record for each read, from the oldest that the kernel still has
//! (Documentation/ABI/testing/dev-kmsg).

use super::{Lost, PAUSE};
use crate::root::Root;
use rustix::fs::OFlags;
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::thread;

/// The kernel's own log.
#[derive(Debug)]
pub struct Device<R = File> {
    file: R,
    follow: bool,
    lost: Lost,
}

impl Device {
    /// Opens it.
    ///
    /// # Errors
    ///
    /// When it cannot be opened, with what to do.
    pub fn open(root: &Root, follow: bool) -> io::Result<Self> {
        let path = root.path(super::DEVICE);
        let mut options = OpenOptions::new();
        options
            .read(true)
            .custom_flags(OFlags::NONBLOCK.bits() as i32);
        let file = options.open(&path).map_err(|error| {
            let why = match error.kind() {
                ErrorKind::PermissionDenied => {
                    ": the kernel shows its log to root only (kernel.dmesg_restrict); use sudo, or \
                     --journal if you are in the group adm or systemd-journal"
                }
                _ => "; --journal reads the journal, and FILE any other log",
            };
            let text = format!("cannot read {}: {error}{why}", path.display());
            io::Error::new(error.kind(), text)
        })?;
        Ok(Self {
            file,
            follow,
            lost: Lost::default(),
        })
    }

    /// What is to be known of records that were overwritten.
    pub fn lost(&self) -> Lost {
        self.lost.clone()
    }
}

impl<R: Read> Read for Device<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.file.read(buffer) {
                // The kernel overwrote the record; the next read has the oldest there is.
                Err(error) if error.kind() == ErrorKind::BrokenPipe => self.lost.note(),
                Ok(0) if self.follow => thread::sleep(PAUSE),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    if !self.follow {
                        return Ok(0);
                    }
                    thread::sleep(PAUSE);
                }
                read => return read,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A log whose first record was overwritten.
    struct Wrapped(bool);

    impl Read for Wrapped {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            if !std::mem::replace(&mut self.0, true) {
                return Err(ErrorKind::BrokenPipe.into());
            }
            buffer[0] = b'x';
            Ok(1)
        }
    }

    #[test]
    fn what_was_overwritten_is_told_once_and_reading_goes_on() {
        let lost = Lost::default();
        let mut device = Device {
            file: Wrapped(false),
            follow: true,
            lost: lost.clone(),
        };
        assert!(!lost.take());
        assert_eq!(device.read(&mut [0]).unwrap(), 1);
        assert!(lost.take() && !lost.take());
    }
}
