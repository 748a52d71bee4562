// SPDX-License-Identifier: MIT

//! The machine from outside: QEMU's monitor (QMP), JSON lines over a socket.

use crate::lines::Lines;
use anyhow::{bail, Context, Result};
use serde_json::{json, Value};
use std::collections::VecDeque;
use std::path::Path;
use std::time::{Duration, Instant};

/// How long QEMU may take for one answer.
const ANSWER: Duration = Duration::from_secs(180);

/// A connection to QEMU's monitor.
#[derive(Debug)]
pub(crate) struct Monitor {
    lines: Lines,
    /// What happened and was not yet waited for.
    events: VecDeque<Value>,
}

impl Monitor {
    /// Connects to the monitor of a running machine.
    pub(crate) fn connect(socket: &Path) -> Result<Self> {
        let mut monitor = Self {
            lines: Lines::connect(socket, ANSWER, || Ok(()))?,
            events: VecDeque::new(),
        };
        monitor.execute("qmp_capabilities", json!({}))?;
        Ok(monitor)
    }

    /// Runs a command and returns what it answered.
    pub(crate) fn execute(&mut self, command: &str, arguments: Value) -> Result<Value> {
        self.lines
            .send_line(&json!({"execute": command, "arguments": arguments}))
            .context("QEMU hangs")?;
        let end = Instant::now() + ANSWER;
        loop {
            let mut message = self
                .message(end)?
                .with_context(|| format!("QEMU did not answer to {command}"))?;
            if let Some(error) = message.get("error") {
                bail!("QEMU refused {command}: {}", error["desc"]);
            }
            if let Some(answer) = message.get_mut("return") {
                return Ok(answer.take());
            }
        }
    }

    /// Forgets every event that has come so far.
    pub(crate) fn forget_events(&mut self) -> Result<()> {
        // Events come in order with answers.
        self.execute("query-status", json!({}))?;
        self.events.clear();
        Ok(())
    }

    /// Waits for an event, such as RESET, that came after the last one waited for, and returns what
    /// it says.
    pub(crate) fn wait_for(&mut self, limit: Duration, name: &str) -> Result<Value> {
        let end = Instant::now() + limit;
        loop {
            while let Some(mut event) = self.events.pop_front() {
                if event["event"] == name {
                    return Ok(event["data"].take());
                }
            }
            self.message(end)?
                .with_context(|| format!("QEMU told of no {name} within {} s", limit.as_secs()))?;
        }
    }

    /// The next message, or `None` when none came in time. Events are noted.
    fn message(&mut self, end: Instant) -> Result<Option<Value>> {
        let Some(line) = self.lines.next(end)? else {
            return Ok(None);
        };
        let message: Value = serde_json::from_slice(&line)?;
        if message.get("event").is_some() {
            self.events.push_back(message.clone());
        }
        Ok(Some(message))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{BufRead, BufReader, Write};
    use std::os::unix::net::UnixListener;
    use std::thread;

    #[test]
    fn answers_and_events_are_told_apart() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("monitor");
        let listener = UnixListener::bind(&path).unwrap();
        let qemu = thread::spawn(move || {
            let mut socket = listener.accept().unwrap().0;
            let mut questions = BufReader::new(socket.try_clone().unwrap()).lines();
            writeln!(socket, "{}", json!({"QMP": {}})).unwrap();
            questions.next().unwrap().unwrap();
            writeln!(socket, "{}", json!({"return": {}})).unwrap();
            assert!(questions.next().unwrap().unwrap().contains("system_reset"));
            writeln!(socket, "{}", json!({"event": "RESET"})).unwrap();
            writeln!(socket, "{}", json!({"return": 7})).unwrap();
            questions.next().unwrap().unwrap();
            writeln!(socket, "{}", json!({"error": {"desc": "no such device"}})).unwrap();
        });
        let mut monitor = Monitor::connect(&path).unwrap();
        assert_eq!(monitor.execute("system_reset", json!({})).unwrap(), 7);
        monitor.wait_for(Duration::from_secs(5), "RESET").unwrap();
        let error = monitor.execute("device_del", json!({})).unwrap_err();
        assert!(error.to_string().contains("no such device"));
        assert!(monitor.wait_for(Duration::ZERO, "RESET").is_err());
        qemu.join().unwrap();
    }
}
