// SPDX-License-Identifier: MIT

//! `rmcp-kctl install`: a plan, then its steps: the source, DKMS for every kernel that can have the
//! module, the file that loads it before amdgpu, and the initramfs images that need it.

use super::{layout, Exit};
use crate::cli;
use crate::dkms;
use crate::initramfs::{self, Tool};
use crate::kernel::{self, Obstacle, Requirements};
use crate::modprobe;
use crate::packaged;
use crate::report::{Terminal, Tone};
use crate::root::Root;
use crate::source;
use crate::steps::{self, Step};
use anyhow::{bail, Result};
use serde::Serialize;

/// What is to be done.
#[derive(Debug, Serialize)]
struct Plan {
    kernels: Vec<Kernel>,
    steps: Vec<Step>,
}

/// One installed kernel.
#[derive(Debug, Serialize)]
struct Kernel {
    release: String,
    /// Why the module cannot be built for it; `None` when it can.
    obstacle: Option<String>,
    module: dkms::State,
}

/// Runs the command.
///
/// # Errors
///
/// When no kernel can have the module, or a step fails.
pub fn run(root: &Root, terminal: &Terminal, args: &cli::Install) -> Result<Exit> {
    if !root.is_running_system() && !args.dry_run {
        bail!("install changes the running system only; below --root, only --dry-run works");
    }
    let plan = Plan::make(root, &args.kernels)?;
    if terminal.json() {
        terminal.document(&plan)?;
    } else {
        if packaged::removed_by(root).is_some() {
            terminal.line(Tone::Plain, packaged::NOTE);
        }
        plan.print(terminal);
    }
    if !plan.kernels.iter().any(Kernel::able) {
        bail!("no installed kernel can have rmcp; nothing was changed");
    }
    if args.dry_run || plan.steps.is_empty() {
        return Ok(Exit::Success);
    }
    steps::confirm(terminal, args.yes)?;
    steps::execute(terminal, root, &plan.steps)?;
    terminal
        .progress("installed; it takes effect at the next boot: reboot, then 'rmcp-kctl status'");
    Ok(Exit::Success)
}

impl Kernel {
    fn able(&self) -> bool {
        self.obstacle.is_none()
    }
}

impl Plan {
    fn make(root: &Root, only: &[String]) -> Result<Self> {
        let installed = kernel::installed(root);
        for release in only {
            if !installed.contains(release) {
                bail!(
                    "there is no kernel {release} here; installed are: {}",
                    installed.join(", ")
                );
            }
        }
        let kernels: Vec<Kernel> = installed
            .into_iter()
            .filter(|release| only.is_empty() || only.contains(release))
            .map(|release| Kernel {
                obstacle: obstacle(root, &release).map(|o| o.to_string()),
                module: dkms::state(root, &release),
                release,
            })
            .collect();
        let steps = plan_steps(root, &kernels)?;
        Ok(Self { kernels, steps })
    }

    fn print(&self, terminal: &Terminal) {
        for kernel in &self.kernels {
            match &kernel.obstacle {
                Some(why) => terminal.line(
                    Tone::Warning,
                    &format!("{}: cannot have rmcp: {why}", kernel.release),
                ),
                None => terminal.line(
                    Tone::Good,
                    &format!("{}: can have rmcp; now: {}", kernel.release, kernel.module),
                ),
            }
        }
        if !self.kernels.iter().any(Kernel::able) {
            return;
        }
        if self.steps.is_empty() {
            terminal.line(Tone::Plain, "everything is in place: nothing to do");
        } else {
            terminal.line(Tone::Plain, "steps:");
            steps::print(terminal, &self.steps);
        }
    }
}

/// Why the module cannot be built for the kernel. Below another root it only counts whether the
/// kernel's own files are there, as the tools would be this system's.
fn obstacle(root: &Root, release: &str) -> Option<Obstacle> {
    let kernel = Requirements::check(root, release, None);
    if root.is_running_system() {
        kernel
            .and_then(|kernel| kernel.tools(root))
            .and_then(|ready| known_amdgpu(&ready.kernel))
            .err()
    } else {
        kernel.err()
    }
}

/// The build would refuse an amdgpu whose layout rmcp does not know.
fn known_amdgpu(kernel: &Requirements) -> Result<(), Obstacle> {
    layout::resolve(&kernel.amdgpu, &kernel.base_btf)
        .map(drop)
        .map_err(|error| Obstacle::KernelCannot(format!("{error:#}")))
}

fn plan_steps(root: &Root, kernels: &[Kernel]) -> Result<Vec<Step>> {
    let able: Vec<&Kernel> = kernels.iter().filter(|kernel| kernel.able()).collect();
    let mut steps = Vec::new();
    if able.is_empty() {
        return Ok(steps);
    }
    let source_changed =
        packaged::removed_by(root).is_none() && !source::is_in(&root.path(dkms::SOURCE));
    let to_build: Vec<&str> = able
        .iter()
        .filter(|kernel| source_changed || kernel.module != dkms::State::Installed)
        .map(|kernel| kernel.release.as_str())
        .collect();
    // Modules of kernels that are not concerned now keep what they have.
    for kernel in &able {
        if source_changed && kernel.module != dkms::State::Absent && dkms::added(root) {
            let what = format!("taking the older module out of {}", kernel.release);
            steps.push(dkms_step(
                &what,
                "unbuild",
                &kernel.release,
                Some("install"),
            ));
        }
    }
    if source_changed {
        steps.push(Step::Source {
            path: dkms::SOURCE.to_owned(),
        });
    }
    if !dkms::added(root) {
        steps.push(Step::Run {
            what: "adding the source to DKMS".to_owned(),
            command: dkms::command("add", &[]),
            undo: Some(dkms::command("remove", &["--all"])),
        });
    }
    for release in &to_build {
        let what = format!("building and installing for {release}");
        steps.push(dkms_step(&what, "install", release, Some("unbuild")));
    }
    let order_missing = modprobe::softdep_file(root).is_none();
    if order_missing {
        steps.push(Step::Write {
            path: modprobe::FILE.to_owned(),
            text: modprobe::with_softdep(root.read(modprobe::FILE)?.as_deref()),
            mode: 0o644,
        });
    }
    if root.is_running_system() {
        for kernel in &able {
            let changed = order_missing || to_build.contains(&kernel.release.as_str());
            plan_initramfs(root, &kernel.release, changed, &mut steps)?;
        }
    }
    Ok(steps)
}

/// An image that holds amdgpu must hold the newest rmcp and the load order.
fn plan_initramfs(root: &Root, release: &str, changed: bool, steps: &mut Vec<Step>) -> Result<()> {
    let (Some(contents), Some(tool)) = (initramfs::contents(root, release)?, Tool::find()) else {
        return Ok(());
    };
    if contents.amdgpu && (changed || !contents.in_order()) {
        steps.push(Step::Initramfs {
            release: release.to_owned(),
            command: tool.rebuild(release),
        });
    }
    Ok(())
}

fn dkms_step(what: &str, verb: &str, release: &str, undo: Option<&str>) -> Step {
    let for_kernel = ["-k", release];
    Step::Run {
        what: what.to_owned(),
        command: dkms::command(verb, &for_kernel),
        undo: undo.map(|verb| dkms::command(verb, &for_kernel)),
    }
}
