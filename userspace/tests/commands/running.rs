// SPDX-License-Identifier: MIT

//! A command that runs while a test looks at what it prints.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStdout, Command, Stdio};

/// A running command, and the lines that it prints.
pub(crate) struct Running {
    pub(crate) process: Child,
    pub(crate) lines: BufReader<ChildStdout>,
}

impl Running {
    pub(crate) fn start(mut command: Command) -> Self {
        let mut process = command.stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap());
        Self { process, lines }
    }

    pub(crate) fn line(&mut self) -> String {
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    pub(crate) fn kill(&self, signal: &str) {
        assert!(kill(signal, &self.process.id().to_string()));
    }

    /// What it prints from here to its end, and its exit code.
    pub(crate) fn end(mut self) -> (String, Option<i32>) {
        let mut rest = String::new();
        self.lines.read_to_string(&mut rest).unwrap();
        (rest, self.process.wait().unwrap().code())
    }
}

/// Sends a signal to a process, or to a group when the number is negative.
pub(crate) fn kill(signal: &str, pid: &str) -> bool {
    let mut kill = Command::new("kill");
    kill.args([signal, "--", pid]).stderr(Stdio::null());
    kill.status().unwrap().success()
}
