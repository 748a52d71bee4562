// SPDX-License-Identifier: MIT

//! A job on a terminal, under a shell with job control. No key is pressed while a job's own shell may
//! be starting a program: dash's vfork(2) then holds up Ctrl-Z and swallows Ctrl-C, with rmcp-kctl or
//! without.

use super::faults::{bundles, logged, with_fault};
use super::{inheriting, job};
use crate::status::enforced;
use crate::support::Tree;
use std::io::{BufReader, Read, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

const LONGEST: Duration = Duration::from_secs(60);
const CTRL_C: &str = "\x03";
const CTRL_S: &str = "\x13";
const CTRL_Q: &str = "\x11";
const CTRL_Z: &str = "\x1a";

/// An interactive shell on a terminal that script(1) makes.
struct Shell {
    script: Child,
    keyboard: ChildStdin,
    screen: Receiver<u8>,
    seen: String,
}

impl Shell {
    /// `None` where there is no script.
    fn start() -> Option<Self> {
        let mut shell = Self::running("sh -i")?;
        // Not as it is typed, which is on the screen, too.
        shell.types("PS1='next''> '\n").prompts();
        Some(shell)
    }

    /// Waits until it has the terminal.
    fn prompts(&mut self) -> &mut Self {
        self.shows("next> ")
    }

    /// The same with a command in place of the shell.
    fn running(command: &str) -> Option<Self> {
        let spawned = Command::new("script")
            .args(["--quiet", "--return", "--command", command, "/dev/null"])
            .env_remove("ENV")
            .env("TERM", "xterm")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn();
        let Ok(mut script) = spawned else {
            eprintln!("skipped: script (util-linux) is not installed, to make a terminal with");
            return None;
        };
        let keyboard = script.stdin.take().unwrap();
        let output = script.stdout.take().unwrap();
        let (send, screen) = mpsc::channel();
        thread::spawn(move || {
            for byte in BufReader::new(output).bytes().map_while(Result::ok) {
                if send.send(byte).is_err() {
                    break;
                }
            }
        });
        Some(Self {
            script,
            keyboard,
            screen,
            seen: String::new(),
        })
    }

    fn types(&mut self, keys: &str) -> &mut Self {
        self.keyboard.write_all(keys.as_bytes()).unwrap();
        self.keyboard.flush().unwrap();
        self
    }

    /// Waits until this is on the screen, after what was waited for before.
    fn shows(&mut self, text: &str) -> &mut Self {
        let until = Instant::now() + LONGEST;
        loop {
            if let Some(at) = self.seen.find(text) {
                self.seen.drain(..at + text.len());
                return self;
            }
            let left = until.saturating_duration_since(Instant::now());
            match self.screen.recv_timeout(left) {
                Ok(byte) => self.seen.push(byte.into()),
                Err(why) => panic!("no {text:?} ({why}) in {:?}", self.seen),
            }
        }
    }

    fn end(mut self) {
        self.types("exit\n");
        let _ = self.script.wait();
    }
}

/// Hangs up, which ends what is left when a test fails.
impl Drop for Shell {
    fn drop(&mut self) {
        let _ = self.script.kill();
        let _ = self.script.wait();
    }
}

/// What to type for the command; the script is in a file, so that the screen shows nothing of it.
fn typed(tree: &Tree, options: &[&str], script: &str) -> String {
    tree.write("/job.sh", script);
    let command = job(
        tree,
        options,
        &format!(". {}", tree.path("/job.sh").display()),
    );
    words(&command) + "\n"
}

fn words(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let words: Vec<String> = words
        .map(|word| format!("'{}'", word.to_str().unwrap()))
        .collect();
    words.join(" ")
}

/// A script's `&` leaves it in the script's own process group.
#[test]
fn what_a_script_starts_in_the_background_leaves_it_the_terminal() {
    let tree = enforced();
    let job = words(&inheriting(&tree, &[], "sleep 1000"));
    let script = format!("{job} &\nsleep 1; read word; echo the script has $word");
    tree.write("/script.sh", &script);
    let script = format!(
        "env --default-signal sh {}",
        tree.path("/script.sh").display()
    );
    let Some(mut shell) = Shell::running(&script) else {
        return;
    };
    shell.types("keys\n").shows("the script has keys");
}

#[test]
fn the_job_reads_the_keyboard_and_ctrl_c_is_for_it() {
    let tree = enforced();
    let Some(mut shell) = Shell::start() else {
        return;
    };
    let script = "read word; echo got $word; trap 'echo caught; exit 9' INT
        echo ready; while :; do sleep 0.02; done";
    shell.types(&typed(&tree, &[], script)).types("hello\n");
    shell.shows("got hello").shows("ready").types(CTRL_C);
    // The shell has the terminal again.
    shell
        .shows("caught")
        .types("echo code $?\n")
        .shows("code 9");
    shell
        .types("read word\nagain\n")
        .types("echo got $word\n")
        .shows("got again");
    shell.end();
}

#[test]
fn ctrl_c_ends_a_job_that_does_not_catch_it() {
    let tree = enforced();
    let Some(mut shell) = Shell::start() else {
        return;
    };
    shell
        .types(&typed(&tree, &[], "echo ready; read word"))
        .shows("ready");
    shell
        .types(CTRL_C)
        .prompts()
        .types("echo code $?\n")
        .shows("code 130");
    shell.end();
}

#[test]
fn ctrl_z_stops_and_fg_goes_on() {
    let tree = enforced();
    let Some(mut shell) = Shell::start() else {
        return;
    };
    let script = "echo ready; read word; echo got $word; exit 6";
    shell
        .types(&typed(&tree, &[], script))
        .shows("ready")
        .types(CTRL_Z);
    shell
        .shows("Stopped")
        .types("echo now $((40 + 2))\n")
        .shows("now 42");
    shell.types("fg\n").types("hello\n").shows("got hello");
    shell.types("echo code $?\n").shows("code 6");
    shell.end();
}

#[test]
fn in_the_background_it_runs_and_stops_when_it_reads() {
    let tree = enforced();
    let Some(mut shell) = Shell::start() else {
        return;
    };
    let script = "echo ready; read word; echo got $word";
    let background = typed(&tree, &[], script).replace('\n', " &\n");
    shell.types(&background).shows("ready");
    // The job is stopped as it reads, and rmcp-kctl with it.
    shell.types("sleep 2; jobs\n").shows("Stopped");
    shell.types("fg\n").types("hello\n").shows("got hello");
    shell.end();
}

#[test]
fn the_size_of_the_window_is_the_jobs_business() {
    let tree = enforced();
    let Some(mut shell) = Shell::start() else {
        return;
    };
    // The job gets the terminal a moment after its start.
    let script = "trap 'set -- $(stty size); echo columns $2; exit' WINCH
        until [ $(ps -o tpgid= -p $$) = $$ ]; do :; done
        stty cols 91; while :; do sleep 0.02; done";
    shell.types(&typed(&tree, &[], script)).shows("columns 91");
    shell.end();
}

#[test]
fn the_title_shows_memory_and_faults_while_the_job_runs() {
    let tree = logged();
    let device = format!("/sys/bus/pci/devices/{}", crate::status::BDF);
    for (name, mib) in [
        ("vram_total", 8192_u64),
        ("vis_vram_total", 256),
        ("vram_used", 300),
    ] {
        tree.write(
            &format!("{device}/mem_info_{name}"),
            &(mib << 20).to_string(),
        );
    }
    let Some(mut shell) = Shell::start() else {
        return;
    };
    let script = with_fault(&tree, "sleep 1.5; fault $$; sleep 2.5; exit 3");
    let log = tree.path("/kept");
    let log = ["--log", log.to_str().unwrap()];
    shell.types(&typed(&tree, &log, &script));
    shell.shows("\x1b[22;2t\x1b]2;rmcp-kctl: ");
    shell.shows(" MiB resident, 300 MiB of 8.0 GiB VRAM, no GPU fault\x07");
    shell.shows("1 line of a GPU fault\x07").shows("\x1b[23;2t");
    shell.prompts().types("echo code $?\n").shows("code 3");
    shell.end();
}

#[test]
fn a_halted_terminal_does_not_hold_up_what_is_kept() {
    let tree = logged();
    let Some(mut shell) = Shell::start() else {
        return;
    };
    let script = with_fault(&tree, "echo ready; sleep 4; fault $$; exit 3");
    let log = tree.path("/kept");
    let log = ["--log", log.to_str().unwrap()];
    shell.types(&typed(&tree, &log, &script));
    shell.shows("no GPU fault\x07").types(CTRL_S);
    let until = Instant::now() + LONGEST;
    while !bundles(&tree)
        .iter()
        .any(|kept| kept.join("run.json").exists())
    {
        assert!(Instant::now() < until, "nothing is kept");
        thread::sleep(Duration::from_millis(50));
    }
    shell.types(CTRL_Q).shows("what there is to know is in");
    shell.prompts().types("echo code $?\n").shows("code 3");
    shell.end();
}

#[test]
fn where_nobody_could_continue_it_ctrl_z_does_nothing() {
    let tree = enforced();
    let words = typed(&tree, &[], "echo ready; read word; echo got $word; exit 8");
    let Some(mut shell) = Shell::running(&format!("exec {words}")) else {
        return;
    };
    shell.shows("ready").types(CTRL_Z).types("hello\n");
    shell.shows("got hello");
    assert_eq!(shell.script.wait().unwrap().code(), Some(8));
}
