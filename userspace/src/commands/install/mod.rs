// SPDX-License-Identifier: MIT

//! `rmcp-kctl install`: a plan, then its steps: the source, DKMS for every kernel that can have the
//! module, the file that loads it before amdgpu, and the initramfs images that need it.

mod kernels;
mod params_only;
mod past;
mod plan;

pub(super) use past::{kept, leftovers, Past};

use super::Exit;
use crate::cli;
use crate::lock::Lock;
use crate::process;
use crate::report::Terminal;
use crate::root::Root;
use crate::steps::{self, Step, Work};
use anyhow::{bail, ensure, Result};
use plan::Plan;

/// Runs the command.
///
/// # Errors
///
/// When no kernel can have the module, or a step fails.
pub fn run(root: &Root, terminal: &Terminal, args: &cli::Install) -> Result<Exit> {
    if !root.is_running_system() && !args.dry_run {
        bail!("install changes the running system only; below --root, only --dry-run works");
    }
    let _lock = (!args.dry_run).then(Lock::take).transpose()?;
    let mut plan = show(root, terminal, args, args.install_deps)?;
    if args.dry_run || plan.steps.is_empty() {
        return Ok(Exit::Success);
    }
    ensure!(
        args.params_only || process::is_for_hooks("rmcp-kctl"),
        "DKMS calls rmcp-kctl whenever a kernel is installed, and it is in none of {}: put it into \
         /usr/local/bin, as 'make install' does, and run it from there; nothing was changed",
        process::HOOKS_PATH.join(", ")
    );
    steps::confirm(terminal, args.yes)?;
    // What packages bring decides what is to be done next: at most the tools of a kernel, then those
    // of its source.
    let mut installed = Vec::new();
    while let [packages @ Step::Packages { command }] = plan.steps.as_slice() {
        // Unrecorded: the journal may tell of an earlier run that what follows has to know of.
        steps::execute_one(terminal, root, packages)?;
        installed.push(command.clone());
        plan = show(root, terminal, args, true)?;
        if matches!(plan.steps.as_slice(), [Step::Packages { command }] if installed.contains(command))
        {
            terminal
                .progress("these packages are installed, but a kernel still lacks what it needs");
            plan = show(root, terminal, args, false)?;
        }
    }
    steps::execute(terminal, root, Work::Install, &plan.steps)?;
    terminal.progress(if plan.in_the_way.is_some() {
        "installed; it takes effect at the boot after what is in the way is mended"
    } else {
        "installed; it takes effect at the next boot: reboot, then 'rmcp-kctl status'"
    });
    Ok(Exit::Success)
}

fn show(root: &Root, terminal: &Terminal, args: &cli::Install, deps: bool) -> Result<Plan> {
    let plan = Plan::make(root, args, deps)?;
    if terminal.json() {
        terminal.document(&plan)?;
    } else {
        plan.print(terminal);
    }
    if let Some(why) = plan.impossible() {
        bail!("{why}; nothing was changed");
    }
    Ok(plan)
}
