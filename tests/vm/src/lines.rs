// SPDX-License-Identifier: MIT

//! A socket on which QEMU, or a program in the guest, says one thing a line.

use anyhow::{bail, ensure, Result};
use serde_json::Value;
use std::io::{Error, ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Pause between two tries to connect.
const PAUSE: Duration = Duration::from_millis(150);
/// How long to send may take. Nobody reads what is sent to a guest that hangs.
const SEND: Duration = Duration::from_secs(5);

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
        socket.set_write_timeout(Some(SEND))?;
        Ok(Self {
            socket,
            received: Vec::new(),
        })
    }

    /// Sends bytes as they are. The answer is whether all were taken in time.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> Result<bool> {
        match self.socket.write_all(bytes) {
            Ok(()) => Ok(true),
            Err(error) if timed_out(&error) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Sends a message as a line, which must be taken in time.
    pub(crate) fn send_line(&mut self, message: &Value) -> Result<()> {
        ensure!(
            self.send(format!("{message}\n").as_bytes())?,
            "nobody takes {message}: it was not read within {} s",
            SEND.as_secs()
        );
        Ok(())
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
                Err(error) if timed_out(&error) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

fn timed_out(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixListener;

    #[test]
    fn what_nobody_reads_is_not_waited_for() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("socket");
        let _listener = UnixListener::bind(&path).unwrap();
        let mut lines = Lines::connect(&path, SEND, || Ok(())).unwrap();
        let pause = Some(Duration::from_millis(1));
        lines.socket.set_write_timeout(pause).unwrap();
        assert!(lines.send(b"heard").unwrap());
        assert!(!lines.send(&vec![0; 16 << 20]).unwrap());
    }
}
