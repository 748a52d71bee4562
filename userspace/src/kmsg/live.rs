// SPDX-License-Identifier: MIT

//! The kernel's log from now on: its device, or what journalctl follows where that may not be read.
//! Unlike those who read them for ever, its reader can stop at any moment, and knows what it missed.

use crate::root::Root;
use anyhow::{Context, Result};
use rustix::event::{poll, PollFd, PollFlags, Timespec};
use rustix::fs::{fcntl_getfl, fcntl_setfl, OFlags};
use rustix::io::Errno;
use rustix::process::{
    pidfd_open, pidfd_send_signal, waitid, Pid, PidfdFlags, Signal, WaitId, WaitIdOptions,
};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::process::Stdio;
use std::time::Duration;

/// The kernel's longest record (PRINTK_MESSAGE_MAX) fits several times.
const BLOCK: usize = 64 << 10;
/// Ample for what passes through the journal on a busy machine.
const JOURNAL: Duration = Duration::from_secs(1);
/// How soon a file that is no device is looked at again after its end.
const PAUSE: Duration = Duration::from_millis(20);

/// The log.
#[derive(Debug)]
pub struct Live {
    file: File,
    /// Ends the journalctl that writes it.
    writer: Option<OwnedFd>,
    /// What is read at once goes here.
    block: Vec<u8>,
    /// What was read of a line.
    rest: Vec<u8>,
}

/// What reading came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Took {
    /// Something: lines, or parts of one.
    Lines,
    /// There is nothing more for now.
    Nothing,
    /// The kernel overwrote records before they were read.
    Lost,
    /// No more is to come.
    End,
}

impl Live {
    /// Opens the log at its end.
    ///
    /// # Errors
    ///
    /// Why it cannot be read, and what would help.
    pub fn open(root: &Root) -> std::result::Result<Self, String> {
        let path = root.path(super::DEVICE);
        let flags = OFlags::NONBLOCK.bits() as i32;
        let opened = File::options().read(true).custom_flags(flags).open(&path);
        let why = match opened {
            Ok(mut file) => {
                // A pipe has no end.
                let _ = file.seek(SeekFrom::End(0));
                return Ok(Self::of(file, None));
            }
            Err(error) => format!("{}: {error}", path.display()),
        };
        Self::journal(root).map_err(|journal| format!("{why}; {journal:#}"))
    }

    fn of(file: File, writer: Option<OwnedFd>) -> Self {
        Self {
            file,
            writer,
            block: vec![0; BLOCK],
            rest: Vec::new(),
        }
    }

    /// What journalctl follows, from the last message on that was there before.
    fn journal(root: &Root) -> Result<Self> {
        let program = super::journalctl(root)?;
        let after = format!("--after-cursor={}", super::last(&program, &["--boot"])?);
        let mut child = super::messages(&program, &[&after, "--follow", "--no-tail"])
            .stderr(Stdio::null())
            .spawn()
            .with_context(|| format!("cannot run {}", program.display()))?;
        let writer = pidfd_open(Pid::from_child(&child), PidfdFlags::empty());
        let writer = writer.inspect_err(|_| drop(child.kill()));
        let writer = writer.context("cannot hold on to journalctl")?;
        let output = child.stdout.take().context("journalctl has no output")?;
        let file = File::from(OwnedFd::from(output));
        let nonblocking = fcntl_getfl(&file).and_then(|f| fcntl_setfl(&file, f | OFlags::NONBLOCK));
        nonblocking.context("cannot read what journalctl writes")?;
        Ok(Self::of(file, Some(writer)))
    }

    /// How long a line may take from the kernel to here. The device has it at once; and amdgpu logs a
    /// fault before amdkfd, and so the job, learns of it (`gmc_v10_0_process_interrupt` and then
    /// `amdgpu_amdkfd_interrupt`, both in `amdgpu_irq_dispatch`).
    pub fn delay(&self) -> Duration {
        match self.writer {
            Some(_) => JOURNAL,
            None => Duration::ZERO,
        }
    }

    /// Waits until there may be something to read, until the other file is readable, or a while.
    pub fn wait(&self, other: BorrowedFd, longest: Duration) {
        let timeout = Timespec::try_from(longest).ok();
        let mut files = [
            PollFd::from_borrowed_fd(self.file.as_fd(), PollFlags::IN),
            PollFd::from_borrowed_fd(other, PollFlags::IN),
        ];
        let _ = poll(&mut files, timeout.as_ref());
    }

    /// Reads once, and calls `each` with every line that is whole.
    ///
    /// # Errors
    ///
    /// When the log cannot be read any more.
    pub fn read(&mut self, mut each: impl FnMut(&[u8])) -> std::io::Result<Took> {
        let read = match self.file.read(&mut self.block) {
            Ok(0) if self.writer.is_some() => return Ok(Took::End),
            Ok(0) => {
                std::thread::sleep(PAUSE);
                return Ok(Took::Nothing);
            }
            Ok(read) => read,
            Err(error) => {
                return match Errno::from_io_error(&error) {
                    Some(Errno::AGAIN) => Ok(Took::Nothing),
                    Some(Errno::INTR) => Ok(Took::Lines),
                    Some(Errno::PIPE) => Ok(Took::Lost),
                    _ => Err(error),
                }
            }
        };
        self.rest.extend_from_slice(&self.block[..read]);
        let whole = self.rest.iter().rposition(|&byte| byte == b'\n');
        let whole = whole.map_or(0, |end| end + 1);
        // What follows a record of /dev/kmsg and begins with a blank is about the record.
        let lines = self.rest[..whole].split(|&byte| byte == b'\n');
        for line in lines.filter(|line| !line.is_empty() && line[0] != b' ') {
            each(line);
        }
        self.rest.drain(..whole);
        if self.rest.len() > BLOCK {
            self.rest.clear();
        }
        Ok(Took::Lines)
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        if let Some(writer) = &self.writer {
            let _ = pidfd_send_signal(writer, Signal::KILL);
            // Who waits for every child may have done so already.
            let _ = waitid(WaitId::PidFd(writer.as_fd()), WaitIdOptions::EXITED);
        }
    }
}
