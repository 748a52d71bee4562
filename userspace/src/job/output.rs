// SPDX-License-Identifier: MIT

//! The job's standard error on its way through here, byte for byte. One that is a terminal is left
//! alone: what writes to a pipe behaves otherwise.

use super::signals;
use super::watch::Shared;
use rustix::event::{poll, PollFd, PollFlags};
use rustix::fs::fstat;
use rustix::pipe::{pipe_with, PipeFlags};
use std::cell::Cell;
use std::fs::File;
use std::io::{self, ErrorKind, IsTerminal, Read, Write};
use std::process::{Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::Duration;

const BLOCK: usize = 64 << 10;

/// How long what a job that ended has written may take to pass.
const SETTLE: Duration = Duration::from_secs(2);

/// What passes through here. It is over when the last process that writes has ended.
#[derive(Debug)]
pub struct Output {
    over: Receiver<()>,
    is_over: Cell<bool>,
}

impl Output {
    /// Waits until it is over, but not long.
    pub(super) fn settle(&self) {
        self.look(SETTLE);
    }

    /// Whether it was over when it was looked at last.
    pub fn is_over(&self) -> bool {
        self.is_over.get()
    }

    /// Waits so long at most.
    pub(super) fn look(&self, longest: Duration) {
        let timeout = self.over.recv_timeout(longest) == Err(RecvTimeoutError::Timeout);
        self.is_over.set(self.is_over() || !timeout);
    }
}

/// Lets the command's standard error pass through here; `None` when it is left alone.
///
/// # Errors
///
/// When the system gives no pipe.
pub(super) fn pass(command: &mut Command, shared: &Shared) -> io::Result<Option<Output>> {
    if io::stderr().is_terminal() {
        return Ok(None);
    }
    let (read, write) = pipe_with(PipeFlags::CLOEXEC)?;
    // Where both go to one file they stay in their order.
    if is_one_file() {
        command.stdout(Stdio::from(write.try_clone()?));
    }
    command.stderr(Stdio::from(write));
    let (done, over) = mpsc::channel();
    let shared = shared.clone();
    let pump = move || {
        pump(&mut File::from(read), &shared);
        let _ = done.send(());
    };
    signals::thread(pump);
    let is_over = Cell::new(false);
    Ok(Some(Output { over, is_over }))
}

fn is_one_file() -> bool {
    let identity = |stat: rustix::fs::Stat| (stat.st_dev, stat.st_ino);
    match (fstat(io::stdout()), fstat(io::stderr())) {
        (Ok(out), Ok(err)) => identity(out) == identity(err),
        _ => false,
    }
}

fn pump(from: &mut File, shared: &Shared) {
    let mut block = [0; BLOCK];
    loop {
        let read = match from.read(&mut block) {
            Ok(0) => return,
            Ok(read) => &block[..read],
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(_) => return,
        };
        shared.stderr(read);
        match write(read) {
            Ok(()) => {}
            // Nobody reads: the job learns it as it does without this process between.
            Err(error) if error.kind() == ErrorKind::BrokenPipe => return,
            // A full disk, for one, is no reason to end the job.
            Err(error) => shared.gap(format!(
                "some of the job's standard error could not be written: {error}"
            )),
        }
    }
}

/// Writes all to standard error, which others may have made one that does not wait.
fn write(mut bytes: &[u8]) -> io::Result<()> {
    let mut stderr = io::stderr().lock();
    while !bytes.is_empty() {
        match stderr.write(bytes) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(written) => bytes = &bytes[written..],
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                let _ = poll(&mut [PollFd::new(&stderr, PollFlags::OUT)], None);
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
