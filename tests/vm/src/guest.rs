// SPDX-License-Identifier: MIT

//! Commands in a running guest, through its QEMU guest agent: JSON lines over a socket.

use crate::lines::Lines;
use crate::progress::say;
use anyhow::{bail, ensure, Context, Result};
use base64::prelude::{Engine, BASE64_STANDARD};
use serde::Deserialize;
use serde_json::{json, Value};
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// How long a command may take when nothing else is said. Guests are slow without KVM.
const COMMAND: Duration = Duration::from_secs(660);
/// How long the agent may take for one answer.
const ANSWER: Duration = Duration::from_secs(180);
/// How long the agent gets to answer a greeting before it is greeted again.
const GREETING: Duration = Duration::from_secs(1);
/// Pause between two looks at something that is not there yet.
const PAUSE: Duration = Duration::from_millis(150);

/// A connection to a guest's agent.
#[derive(Debug)]
pub struct Guest {
    lines: Lines,
    /// The number of the last greeting.
    greeting: u64,
}

/// A command that was started.
#[derive(Debug)]
pub struct Started {
    /// Its shell's process ID in the guest, or its own if it begins with `exec`.
    pub pid: u32,
    command: String,
}

/// What a command left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// Its exit status, or 128 and the number of the signal that ended it.
    pub status: i32,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Guest {
    /// Waits for the agent. `alive` is asked now and then and ends the wait with an error.
    pub fn connect(socket: &Path, limit: Duration, alive: impl Fn() -> Result<()>) -> Result<Self> {
        let mut guest = Self {
            lines: Lines::connect(socket, limit, &alive)?,
            greeting: 0,
        };
        guest.wait_until_it_answers(limit, alive)?;
        Ok(guest)
    }

    /// Waits for the agent, which may have been away: in a machine that boots, or that slept. What
    /// it still had to say is dropped.
    pub fn wait_until_it_answers(
        &mut self,
        limit: Duration,
        alive: impl Fn() -> Result<()>,
    ) -> Result<()> {
        let end = Instant::now() + limit;
        while !self.greet()? {
            alive()?;
            ensure!(
                Instant::now() < end,
                "the guest's agent did not answer within {} s",
                limit.as_secs()
            );
        }
        Ok(())
    }

    /// Waits until the guest has started everything it starts by itself.
    pub fn wait_until_settled(&mut self) -> Result<()> {
        // The exit status only repeats the word that is printed.
        let state = self.run("systemctl is-system-running --wait")?.stdout;
        match state.trim() {
            "running" => {}
            "degraded" => {
                let failed = self.run("systemctl --failed --plain --no-legend")?.stdout;
                say(format_args!("units failed in the guest:\n{failed}"));
            }
            other => bail!("the guest's systemd says {other:?}, expected was \"running\""),
        }
        self.check("udevadm settle --timeout=600")?;
        Ok(())
    }

    /// Runs a shell command.
    pub fn run(&mut self, command: &str) -> Result<Output> {
        self.run_within(COMMAND, command)
    }

    /// Runs a shell command that must succeed, and returns what it printed.
    pub fn check(&mut self, command: &str) -> Result<String> {
        let output = self.run(command)?;
        ensure!(
            output.status == 0,
            "in the guest, `{command}` ended with {}: {}{}",
            output.status,
            output.stdout,
            output.stderr
        );
        Ok(output.stdout)
    }

    /// Runs a shell command, within a time limit.
    pub fn run_within(&mut self, limit: Duration, command: &str) -> Result<Output> {
        let started = self.start(command)?;
        self.finish(limit, &started)
    }

    /// Starts a shell command and lets it run. What it prints is kept for [`Guest::finish`].
    pub fn start(&mut self, command: &str) -> Result<Started> {
        let arguments = json!({
            "path": "/bin/sh", "arg": ["-c", command], "capture-output": true,
        });
        let started = self
            .ask("guest-exec", &arguments)
            .with_context(|| format!("starting `{command}` in the guest"))?;
        let pid = started["pid"].as_u64().context("guest-exec gave no pid")?;
        Ok(Started {
            pid: pid.try_into()?,
            command: command.to_owned(),
        })
    }

    /// Waits until a command that was started has ended, within a time limit.
    pub fn finish(&mut self, limit: Duration, started: &Started) -> Result<Output> {
        let end = Instant::now() + limit;
        let Started { pid, command } = started;
        loop {
            let answer = self
                .ask("guest-exec-status", &json!({ "pid": pid }))
                .with_context(|| format!("waiting for `{command}` in the guest"))?;
            let status: ExecStatus = serde_json::from_value(answer)?;
            if status.exited {
                return status.output();
            }
            ensure!(
                Instant::now() < end,
                "in the guest, `{command}` did not end within {} s",
                limit.as_secs()
            );
            sleep(PAUSE);
        }
    }

    /// Waits until a shell command succeeds.
    pub fn wait_for(&mut self, limit: Duration, what: &str, command: &str) -> Result<()> {
        let end = Instant::now() + limit;
        while self.run(command)?.status != 0 {
            ensure!(
                Instant::now() < end,
                "waited {} s in vain: {what}",
                limit.as_secs()
            );
            sleep(PAUSE);
        }
        Ok(())
    }

    /// Sends a greeting with a number of its own; whether the agent answered with it in time.
    fn greet(&mut self) -> Result<bool> {
        self.greeting += 1;
        let id = json!(self.greeting);
        let greeting = json!({"execute": "guest-sync-delimited", "arguments": {"id": id}});
        // The byte before makes the agent drop what earlier greetings left half read.
        let message = [&[0xFF], format!("{greeting}\n").as_bytes()].concat();
        if !self.lines.send(&message)? {
            return Ok(false);
        }
        let end = Instant::now() + GREETING;
        while let Some(line) = self.lines.next(end)? {
            if parse(&line).is_ok_and(|answer| answer == id) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn ask(&mut self, execute: &str, arguments: &Value) -> Result<Value> {
        self.lines
            .send_line(&json!({"execute": execute, "arguments": arguments}))
            .context("the guest's agent hangs")?;
        let end = Instant::now() + ANSWER;
        loop {
            let line = self.lines.next(end)?.with_context(|| {
                format!(
                    "the guest's agent gave no answer within {} s",
                    ANSWER.as_secs()
                )
            })?;
            // Late answers to greetings are bare numbers.
            match parse(&line)? {
                Value::Number(_) => {}
                answer => return Ok(answer),
            }
        }
    }
}

/// The value in an agent's answer; an error it reports becomes one.
fn parse(line: &[u8]) -> Result<Value> {
    // An answer to a greeting comes with a byte before it that is in no other answer.
    let start = line
        .iter()
        .rposition(|byte| *byte == 0xFF)
        .map_or(0, |at| at + 1);
    let mut answer: Value = serde_json::from_slice(&line[start..])
        .with_context(|| format!("the guest's agent said {:?}", String::from_utf8_lossy(line)))?;
    if let Some(error) = answer.get("error") {
        bail!("the guest's agent refused: {}", error["desc"]);
    }
    Ok(answer["return"].take())
}

/// The answer to `guest-exec-status`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct ExecStatus {
    exited: bool,
    exitcode: Option<i32>,
    signal: Option<i32>,
    #[serde(default)]
    out_data: String,
    #[serde(default)]
    err_data: String,
}

impl ExecStatus {
    fn output(self) -> Result<Output> {
        let text = |data: &str| -> Result<String> {
            Ok(String::from_utf8_lossy(&BASE64_STANDARD.decode(data)?).into_owned())
        };
        Ok(Output {
            status: match (self.exitcode, self.signal) {
                (Some(status), _) => status,
                (None, signal) => 128 + signal.unwrap_or_default(),
            },
            stdout: text(&self.out_data)?,
            stderr: text(&self.err_data)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{BufRead, BufReader, Write};
    use std::os::unix::net::UnixStream;
    use std::thread;

    #[test]
    fn answers_are_parsed() {
        assert_eq!(parse(b"{\"return\": {\"pid\": 7}}\n").unwrap()["pid"], 7);
        assert_eq!(parse(b"junk\xff{\"return\": 3}\n").unwrap(), json!(3));
        let error =
            parse(b"{\"error\": {\"class\": \"x\", \"desc\": \"no such file\"}}").unwrap_err();
        assert!(error.to_string().contains("no such file"));
        assert!(parse(b"not json").is_err());
    }

    #[test]
    fn an_ended_command_is_decoded() {
        let answer = r#"{"exited": true, "exitcode": 2, "out-data": "aGk=", "err-data": "bm8K"}"#;
        let status: ExecStatus = serde_json::from_str(answer).unwrap();
        let expected = Output {
            status: 2,
            stdout: "hi".into(),
            stderr: "no\n".into(),
        };
        assert_eq!(status.output().unwrap(), expected);
        let killed: ExecStatus = serde_json::from_str(r#"{"exited": true, "signal": 9}"#).unwrap();
        assert_eq!(killed.output().unwrap().status, 137);
    }

    /// An agent that ignores its first greeting and then runs one command.
    fn agent(mut socket: UnixStream) {
        let mut lines = BufReader::new(socket.try_clone().unwrap()).split(b'\n');
        let mut questions = move || -> Value {
            let line = lines.next().unwrap().unwrap();
            let start = usize::from(line[0] == 0xFF);
            serde_json::from_slice(&line[start..]).unwrap()
        };
        questions();
        let id = questions()["arguments"]["id"].clone();
        socket.write_all(b"\xff").unwrap();
        writeln!(socket, "{}", json!({ "return": id })).unwrap();
        assert_eq!(questions()["arguments"]["arg"][1], "echo hi");
        writeln!(socket, "{}", json!({"return": {"pid": 5}})).unwrap();
        assert_eq!(questions()["arguments"]["pid"], 5);
        writeln!(socket, "{}", json!({"return": {"exited": false}})).unwrap();
        questions();
        let ended = json!({"return": {"exited": true, "exitcode": 0, "out-data": "aGkK"}});
        writeln!(socket, "{ended}").unwrap();
    }

    #[test]
    fn a_command_runs_through_an_agent_that_is_late() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("agent");
        let listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
        let server = thread::spawn(move || agent(listener.accept().unwrap().0));
        let mut guest = Guest::connect(&path, Duration::from_secs(10), || Ok(())).unwrap();
        assert_eq!(guest.check("echo hi").unwrap(), "hi\n");
        server.join().unwrap();
    }

    #[test]
    fn a_machine_that_died_ends_the_wait() {
        let result = Guest::connect(Path::new("/nonexistent"), Duration::from_secs(10), || {
            bail!("QEMU is gone")
        });
        assert_eq!(result.unwrap_err().to_string(), "QEMU is gone");
    }
}
