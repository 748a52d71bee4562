// SPDX-License-Identifier: MIT

//! The steps, each upon what those before it need. Nothing is run on a GPU that is not guarded.

use super::log::Log;
use super::{Outcome, Step};
use crate::commands::detect;
use crate::commands::status::{Gpu, Status};
use crate::gpu::NONE_FOUND;
use crate::process;
use crate::report::printable;
use crate::root::Root;
use crate::sysfs::kfd::{self, Node};
use crate::variables;
use anyhow::{Context, Result};
use std::collections::BTreeSet;
use std::fs::{self, DirBuilder};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

const ROCMINFO: &str = "rocminfo";
const COMPILE: &str = "hip compile";
const RUN: &str = "hip memory";
const TORCH: &str = "pytorch";

const MEMORY: &str = include_str!("memory.hip");
const PYTORCH: &str = include_str!("pytorch.py");

/// With this code a script says that it cannot be tried.
const SKIPPED: i32 = 77;
/// The first use of a GPU may compile for a while.
const LONGEST: Duration = Duration::from_secs(300);

/// Takes each step, and hands over what it came to.
///
/// # Errors
///
/// When something in /sys exists but cannot be read, or what is handed over is not taken.
pub(super) fn climb(
    root: &Root,
    asked_to_end: &AtomicBool,
    mut each: impl FnMut(Step) -> Result<()>,
) -> Result<()> {
    let log = Log::open(root);
    let mut gpus = Status::read(root)?.gpus;
    gpus.retain(|gpu| gpu.covered != Some(false));
    let nodes = kfd::readable_gpus(root);
    let within_reach = |gpu: &Gpu| detect::out_of_reach(root, gpu, &nodes).is_none();
    // Those that no job can use are told of only where there is no other.
    if gpus.iter().any(within_reach) {
        gpus.retain(within_reach);
    }
    let mut ready = true;
    for step in [kernel(&gpus), module(&gpus), kfd_nodes(&nodes, &gpus)] {
        ready &= step.outcome == Outcome::Passed;
        each(step)?;
    }
    let obstacle = match ready {
        true => harmful_variable(root)?,
        false => Some("nothing is run on a GPU before the steps above have passed".to_owned()),
    };
    match obstacle {
        None => programs(root, &gpus, asked_to_end, &mut each)?,
        Some(why) => {
            for name in [ROCMINFO, COMPILE, RUN, TORCH] {
                each(Step::skipped(name, &why))?;
            }
        }
    }
    each(log.end())
}

/// With it, a program's failure would be the variable's.
fn harmful_variable(root: &Root) -> Result<Option<String>> {
    let gpus = variables::gpus(root)?;
    let mut own = variables::own();
    let harmful = own.find(|(name, value)| variables::harms(name, value, &gpus));
    Ok(harmful.map(|(name, value)| {
        printable(&format!(
            "{name}={value} does harm on this GPU: eval \"$(rmcp-kctl env)\" takes it away"
        ))
    }))
}

/// Those that run programs.
fn programs(
    root: &Root,
    gpus: &[Gpu],
    asked_to_end: &AtomicBool,
    each: &mut impl FnMut(Step) -> Result<()>,
) -> Result<()> {
    let targets: BTreeSet<&str> = gpus.iter().filter_map(|gpu| gpu.gfx_target).collect();
    let trials = Trials { asked_to_end };
    each(rocminfo(root, &targets, &trials))?;
    let scratch = Scratch::new()?;
    let program = scratch.0.join("memory");
    let compiled = hip_compile(root, &targets, &scratch, &program, &trials);
    let runs = compiled.outcome == Outcome::Passed;
    each(compiled)?;
    each(match runs {
        true => trials.told(RUN, &mut Command::new(&program)),
        false => Step::skipped(RUN, "its program was not compiled"),
    })?;
    each(pytorch(&trials))
}

fn kernel(gpus: &[Gpu]) -> Step {
    const NAME: &str = "kernel";
    if gpus.is_empty() {
        return Step::failed(NAME, NONE_FOUND);
    }
    let mut others = gpus
        .iter()
        .filter(|gpu| gpu.driver.as_deref() != Some("amdgpu"));
    match others.next() {
        Some(gpu) => Step::failed(NAME, format!("amdgpu does not drive {}", gpu.bdf)),
        None => Step::passed(
            NAME,
            format!("amdgpu drives {}", list(gpus.iter().map(named))),
        ),
    }
}

fn module(gpus: &[Gpu]) -> Step {
    const NAME: &str = "module";
    if gpus.is_empty() {
        return Step::skipped(NAME, NONE_FOUND);
    }
    match gpus.iter().find(|gpu| !gpu.enforced) {
        Some(gpu) => {
            let detail = format!("{} is not guarded: {}", gpu.bdf, gpu.reason);
            Step::failed(NAME, detail)
        }
        None => Step::passed(
            NAME,
            format!("rmcp enforces its policy on GPUs: {}", gpus.len()),
        ),
    }
}

fn kfd_nodes(nodes: &[Node], gpus: &[Gpu]) -> Step {
    const NAME: &str = "kfd node";
    if gpus.is_empty() {
        return Step::skipped(NAME, NONE_FOUND);
    }
    let mut found = Vec::new();
    for gpu in gpus {
        let Some(node) = nodes
            .iter()
            .find(|node| node.bdf.as_ref() == Some(&gpu.bdf))
        else {
            return Step::failed(
                NAME,
                format!("amdkfd has no node that may be read of {}", gpu.bdf),
            );
        };
        if node.gfx_target.as_deref() != gpu.gfx_target {
            let (says, is) = (&node.gfx_target, gpu.gfx_target);
            let text = |target: Option<&str>| target.unwrap_or("nothing").to_owned();
            let (says, is) = (text(says.as_deref()), text(is));
            return Step::failed(
                NAME,
                format!("amdkfd says {says} of {}, which is {is}", gpu.bdf),
            );
        }
        found.push(format!("node {} is {}", node.number, gpu.bdf));
    }
    Step::passed(NAME, list(found))
}

/// Whether ROCm's runtime finds each kind of GPU.
fn rocminfo(root: &Root, targets: &BTreeSet<&str>, trials: &Trials) -> Step {
    let Some(program) = rocm_program(root, "rocminfo") else {
        return Step::skipped(ROCMINFO, "rocminfo is not installed");
    };
    let text = match trials.tried(ROCMINFO, &mut Command::new(program)) {
        Ok(text) => text,
        Err(step) => return step,
    };
    let words: BTreeSet<&str> = text.split_whitespace().collect();
    match targets.iter().find(|target| !words.contains(*target)) {
        Some(missing) => Step::failed(ROCMINFO, format!("it shows no {missing}")),
        None => Step::passed(ROCMINFO, format!("it shows {}", list(targets))),
    }
}

fn hip_compile(
    root: &Root,
    targets: &BTreeSet<&str>,
    scratch: &Scratch,
    program: &Path,
    trials: &Trials,
) -> Step {
    let Some(compiler) = rocm_program(root, "hipcc") else {
        return Step::skipped(COMPILE, "hipcc is not installed");
    };
    let source = scratch.0.join("memory.hip");
    if let Err(error) = fs::write(&source, MEMORY) {
        return Step::skipped(COMPILE, format!("{}: {error}", source.display()));
    }
    let mut command = Command::new(compiler);
    command.args(
        targets
            .iter()
            .map(|target| format!("--offload-arch={target}")),
    );
    match trials.tried(COMPILE, command.arg("-o").arg(program).arg(source)) {
        Ok(_) => Step::passed(COMPILE, format!("a program for {}", list(targets))),
        Err(step) => step,
    }
}

fn pytorch(trials: &Trials) -> Step {
    match process::find("python3") {
        Some(python) => trials.told(TORCH, Command::new(python).args(["-c", PYTORCH])),
        None => Step::skipped(TORCH, "there is no python3"),
    }
}

/// Programs that are tried, and ended when this process is asked to end.
struct Trials<'a> {
    asked_to_end: &'a AtomicBool,
}

impl Trials<'_> {
    /// What a program came to by its own word.
    fn told(&self, name: &'static str, command: &mut Command) -> Step {
        match self.tried(name, command) {
            Ok(text) => Step::passed(name, last_line(&text)),
            Err(step) => step,
        }
    }

    /// All that a program printed which succeeded, or what else came of it.
    fn tried(&self, name: &'static str, command: &mut Command) -> Result<String, Step> {
        let (status, text) = process::run_within(command, LONGEST, self.asked_to_end)
            .map_err(|error| Step::failed(name, printable(&format!("{error:#}"))))?;
        match status.code() {
            Some(0) => Ok(text),
            Some(SKIPPED) => Err(Step::skipped(name, last_line(&text))),
            _ => Err(Step::failed(
                name,
                format!("{status}: {}", error_line(&text)),
            )),
        }
    }
}

/// Where a program says why it failed: a compiler's last line only counts its errors.
fn error_line(text: &str) -> String {
    let first = text.lines().find(|line| line.contains("error: "));
    last_line(first.unwrap_or(text))
}

/// Where a program says what it came to.
fn last_line(text: &str) -> String {
    let last = text.lines().rfind(|line| !line.trim().is_empty());
    printable(last.unwrap_or("it printed nothing").trim())
}

/// A program that is found, or that is where AMD's packages have it.
fn rocm_program(root: &Root, name: &str) -> Option<PathBuf> {
    let amds = root.path(format!("/opt/rocm/bin/{name}"));
    process::find(name).or_else(|| amds.is_file().then_some(amds))
}

fn named(gpu: &Gpu) -> String {
    format!("{} {}", gpu.bdf, gpu.chip.unwrap_or(&gpu.pci_id))
}

fn list(items: impl IntoIterator<Item = impl ToString>) -> String {
    let items: Vec<String> = items.into_iter().map(|item| item.to_string()).collect();
    items.join(", ")
}

/// A directory for this user alone, as long as it lasts.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Result<Self> {
        let path = std::env::temp_dir().join(format!("rmcp-selftest-{}", std::process::id()));
        // One that is there already is somebody else's.
        let made = DirBuilder::new().mode(0o700).create(&path);
        made.with_context(|| format!("cannot make {}", path.display()))?;
        Ok(Self(path))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
