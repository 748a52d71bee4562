// SPDX-License-Identifier: MIT

//! `make bench`: how fast the command is and how much memory it takes, beside other programs that are
//! run in turn with it on the same machine. Written to target/bench/report.json; ends with 1 when an
//! aim is not met. What cannot be measured here is said to be skipped, and why.

// What makes trees for the tests makes them here.
#[allow(dead_code)]
#[path = "../src/cpio/testing.rs"]
mod cpio;
#[allow(dead_code)]
#[path = "../src/elf/testing.rs"]
mod elf;
#[allow(dead_code)]
#[path = "../tests/commands/schema.rs"]
mod schema;
#[allow(dead_code)]
#[path = "../tests/commands/support.rs"]
mod support;

use nix::sys::resource::{getrusage, UsageWho};
use serde::Serialize;
use std::ffi::OsStr;
use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};
use support::Tree;

/// How often each program is run. The fastest run counts: what makes others slower is not theirs.
const RUNS: usize = 50;

/// One line of the report.
#[derive(Debug, Serialize)]
struct Measure {
    name: &'static str,
    /// `None` when it could not be measured; `skipped` says why.
    value: Option<f64>,
    unit: &'static str,
    /// The value of what it is compared with.
    against: Option<f64>,
    /// `value` to `against`.
    ratio: Option<f64>,
    /// What `value` shall be below.
    aim: Option<f64>,
    met: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    skipped: Option<String>,
}

impl Measure {
    fn below(name: &'static str, value: f64, unit: &'static str, aim: f64) -> Self {
        Self {
            value: Some(value),
            aim: Some(aim),
            met: Some(value < aim),
            ..Self::skipped(name, unit, None)
        }
    }

    fn against(
        name: &'static str,
        unit: &'static str,
        outcome: Result<(f64, f64), String>,
    ) -> Self {
        match outcome {
            Ok((value, against)) => Self {
                value: Some(value),
                against: Some(against),
                ratio: Some(value / against),
                ..Self::skipped(name, unit, None)
            },
            Err(why) => Self::skipped(name, unit, Some(why)),
        }
    }

    fn skipped(name: &'static str, unit: &'static str, skipped: Option<String>) -> Self {
        Self {
            name,
            value: None,
            unit,
            against: None,
            ratio: None,
            aim: None,
            met: None,
            skipped,
        }
    }

    fn print(&self) {
        let Self { name, unit, .. } = self;
        let text = match (self.value, self.against, self.aim) {
            (Some(value), Some(against), _) => {
                format!(
                    "{value:.2} to {against:.2} {unit}: {:.3} of it",
                    value / against
                )
            }
            (Some(value), None, Some(aim)) => {
                let word = if value < aim { "ok" } else { "MISSED" };
                format!("{value:.2} {unit}, aim below {aim} {unit}: {word}")
            }
            _ => format!("skipped: {}", self.skipped.as_deref().unwrap_or_default()),
        };
        println!("{name:<40} {text}");
    }
}

/// A machine with 8 guarded GPUs, three kernels, and as much in modprobe.d as a distribution's lists of
/// modules that it does not load by themselves: about 30 KB.
fn eight_gpus() -> Tree {
    let tree = Tree::new();
    tree.amdgpu("0", "-1")
        .rmcp("armed", "the probes are in place")
        .write("/etc/modprobe.d/rmcp.conf", "softdep amdgpu pre: rmcp");
    let blacklist = "# Has another driver, is not loaded by itself.\nblacklist other\n".repeat(480);
    tree.write("/etc/modprobe.d/blacklist.conf", &blacklist);
    for bus in 1..=8 {
        let bdf = format!("0000:{bus:02x}:00.0");
        tree.gpu(&bdf, "0x731f", [10, 1, 10]).guarded(&bdf);
    }
    for kernel in ["6.12.107", "7.2.11", support::RELEASE] {
        let modules = format!("/lib/modules/{kernel}");
        tree.write(&format!("{modules}/kernel/x"), "")
            .write(&format!("{modules}/updates/dkms/rmcp.ko.xz"), "");
    }
    tree
}

/// A program that is measured, and the exit code that it is to end with.
struct Program {
    command: Command,
    code: i32,
}

impl Program {
    /// rmcp-kctl, whatever it finds in the tree.
    fn ours(tree: &Tree, arguments: &[&str]) -> Self {
        Self {
            command: tree.command(arguments),
            code: tree.run(arguments).code,
        }
    }

    fn other(name: &str, argument: impl AsRef<OsStr>) -> Self {
        let mut command = Command::new(name);
        command.arg(argument);
        Self { command, code: 0 }
    }
}

/// One run, in milliseconds.
fn run(Program { command, code }: &mut Program) -> Result<f64, String> {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let begin = Instant::now();
    let status = command.status();
    let took = begin.elapsed();
    match status {
        Err(_) => Err(format!("{:?} is not installed", command.get_program())),
        Ok(status) if status.code() != Some(*code) => {
            Err(format!("{command:?} ended with {status}"))
        }
        Ok(_) => Ok(milliseconds(took)),
    }
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

/// The fastest runs of two programs that take turns.
fn race(mut ours: Program, mut theirs: Program) -> Result<(f64, f64), String> {
    let mut fastest = (f64::INFINITY, f64::INFINITY);
    for _ in 0..RUNS {
        fastest = (
            fastest.0.min(run(&mut ours)?),
            fastest.1.min(run(&mut theirs)?),
        );
    }
    Ok(fastest)
}

/// The most memory that a child has had so far, in MiB.
fn peak() -> f64 {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).expect("getrusage");
    usage.max_rss() as f64 / 1024.0
}

fn main() -> ExitCode {
    let tree = eight_gpus();
    assert_eq!(tree.run(&["status"]).code, 0, "{:?}", tree.run(&["status"]));
    // Before anything larger is run.
    let memory = peak();
    let status = || Program::ours(&tree, &["status"]);
    let doctor = || Program::ours(&tree, &["doctor"]);
    let mut own = status();
    let mut fastest = f64::INFINITY;
    for _ in 0..RUNS {
        fastest = fastest.min(run(&mut own).unwrap_or(f64::INFINITY));
    }
    let dkms = |ours| race(ours, Program::other("dkms", "status"));
    let modinfo = |ours| match std::env::var_os("AMDGPU") {
        Some(amdgpu) => race(ours, Program::other("modinfo", amdgpu)),
        None => Err("AMDGPU= names no amdgpu.ko".to_owned()),
    };
    let report = [
        Measure::below("status of 8 GPUs, time", fastest, "ms", 10.0),
        Measure::below("status of 8 GPUs, memory", memory, "MiB", 10.0),
        Measure::against("status of 8 GPUs to dkms status", "ms", dkms(status())),
        Measure::against(
            "status of 8 GPUs to modinfo amdgpu",
            "ms",
            modinfo(status()),
        ),
        Measure::against("doctor of 8 GPUs to dkms status", "ms", dkms(doctor())),
        Measure::against(
            "doctor of 8 GPUs to modinfo amdgpu",
            "ms",
            modinfo(doctor()),
        ),
    ];
    report.iter().for_each(Measure::print);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/bench/report.json");
    let text = serde_json::to_string_pretty(&report).expect("numbers and texts");
    fs::create_dir_all(path.with_file_name("")).expect("target/ can be written");
    fs::write(&path, text + "\n").expect("target/ can be written");
    match report.iter().any(|measure| measure.met == Some(false)) {
        true => ExitCode::FAILURE,
        false => ExitCode::SUCCESS,
    }
}
