// SPDX-License-Identifier: MIT

//! `rmcp-kctl uninstall`: takes back what install did. The command itself stays.

use super::Exit;
use crate::cli;
use crate::dkms;
use crate::initramfs::{self, Tool};
use crate::kernel;
use crate::modprobe;
use crate::packaged;
use crate::report::{Terminal, Tone};
use crate::root::Root;
use crate::steps::{self, Step};
use anyhow::{bail, Result};

/// What rmcp keeps of its own.
const STATE: &str = "/var/lib/rmcp";

/// Runs the command.
///
/// # Errors
///
/// When a step fails.
pub fn run(root: &Root, terminal: &Terminal, args: &cli::Uninstall) -> Result<Exit> {
    if !root.is_running_system() && !args.dry_run {
        bail!("uninstall changes the running system only; below --root, only --dry-run works");
    }
    let packaged = packaged::removed_by(root);
    if let (Some(how), false) = (packaged, args.package) {
        bail!("rmcp came with a package, which takes everything back when it goes: {how}");
    }
    let plan = plan(root, packaged.is_some())?;
    if terminal.json() {
        terminal.document(&plan)?;
    } else if plan.is_empty() {
        terminal.line(Tone::Plain, "rmcp is not installed: nothing to do");
    } else {
        steps::print(terminal, &plan);
    }
    if args.dry_run || plan.is_empty() {
        return Ok(Exit::Success);
    }
    steps::confirm(terminal, args.yes)?;
    steps::execute(terminal, root, &plan)?;
    if root.exists("/sys/module/rmcp") {
        terminal.progress("uninstalled; rmcp is still loaded until 'rmmod rmcp' or the next boot");
    }
    Ok(Exit::Success)
}

/// What the package manager removes next, and the initramfs images that are made from it, are left to
/// it.
fn plan(root: &Root, packaged: bool) -> Result<Vec<Step>> {
    let mut steps = Vec::new();
    if dkms::added(root) {
        if !root.exists(format!("{}/dkms.conf", dkms::SOURCE)) {
            // DKMS cannot remove what it has no source of.
            steps.push(Step::Source {
                path: dkms::SOURCE.to_owned(),
            });
        }
        steps.push(Step::Run {
            what: "removing the module from every kernel".to_owned(),
            command: dkms::command("remove", &["--all"]),
            undo: None,
        });
    }
    if let Some(text) = root.read(modprobe::FILE)? {
        steps.push(match modprobe::without_softdep(&text) {
            Some(users) => Step::Write {
                path: modprobe::FILE.to_owned(),
                text: users,
                mode: 0o644,
            },
            None => Step::Remove {
                path: modprobe::FILE.to_owned(),
            },
        });
    }
    let source = root.path(dkms::SOURCE);
    let ours = !packaged && source.symlink_metadata().is_ok() && !source.join(".git").exists();
    if ours || matches!(steps.first(), Some(Step::Source { .. })) {
        steps.push(Step::Remove {
            path: dkms::SOURCE.to_owned(),
        });
    }
    if root.exists(STATE) {
        steps.push(Step::Remove {
            path: STATE.to_owned(),
        });
    }
    if root.is_running_system() && !packaged {
        for release in kernel::installed(root) {
            // An image that cannot be listed may hold it.
            let may_hold_rmcp = initramfs::contents(root, &release)
                .map_or(true, |contents| contents.is_some_and(|c| c.rmcp));
            if let (true, Some(tool)) = (may_hold_rmcp, Tool::find()) {
                steps.push(Step::Run {
                    what: format!("taking rmcp out of the initramfs of {release}"),
                    command: tool.rebuild(&release),
                    undo: None,
                });
            }
        }
    }
    Ok(steps)
}
