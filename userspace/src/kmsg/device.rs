// SPDX-License-Identifier: MIT

//! /dev/kmsg: a record for each read, from the oldest that the kernel still has
//! (Documentation/ABI/testing/dev-kmsg).

use super::PAUSE;
use crate::root::Root;
use rustix::fs::OFlags;
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::thread;

/// The kernel's own log.
#[derive(Debug)]
pub struct Device {
    file: File,
    follow: bool,
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
        Ok(Self { file, follow })
    }
}

impl Read for Device {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.file.read(buffer) {
                // The kernel overwrote the record; the next read has the oldest there is.
                Err(error) if error.kind() == ErrorKind::BrokenPipe => {}
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
