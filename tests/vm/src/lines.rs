// SPDX-License-Identifier: MIT

//! A socket on which QEMU, or a program in the guest, says one thing a line.

use anyhow::{bail, Result};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Pause between two tries to connect.
const PAUSE: Duration = Duration::from_millis(150);

/// The connection.
#[derive(Debug)]
pub(crate) struct Lines {
    socket: UnixStream,
    /// What was received and not yet taken as a line.
    received: Vec<u8>,
}

impl Lines {
    /// Connects as soon as somebody listens. `alive` is asked now and then and ends the wait with an
    /// error.
    pub(crate) fn connect(
        path: &Path,
        limit: Duration,
        alive: impl Fn() -> Result<()>,
    ) -> Result<Self> {
        let end = Instant::now() + limit;
        let socket = loop {
            alive()?;
            match UnixStream::connect(path) {
                Ok(socket) => break socket,
                Err(error) if Instant::now() > end => {
                    bail!("QEMU opened no socket {}: {error}", path.display())
                }
                Err(_) => sleep(PAUSE),
            }
        };
        Ok(Self {
            socket,
            received: Vec::new(),
        })
    }

    /// Sends bytes as they are.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> Result<()> {
        Ok(self.socket.write_all(bytes)?)
    }

    /// The next line, or `None` when none came in time.
    pub(crate) fn next(&mut self, end: Instant) -> Result<Option<Vec<u8>>> {
        let mut buffer = [0; 65536];
        loop {
            if let Some(length) = self.received.iter().position(|byte| *byte == b'\n') {
                let rest = self.received.split_off(length + 1);
                return Ok(Some(std::mem::replace(&mut self.received, rest)));
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(None);
            }
            self.socket.set_read_timeout(Some(left))?;
            match self.socket.read(&mut buffer) {
                Ok(0) => bail!("the guest is gone: QEMU closed the socket"),
                Ok(count) => self.received.extend_from_slice(&buffer[..count]),
                Err(error)
                    if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}
