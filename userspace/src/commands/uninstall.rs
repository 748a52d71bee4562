// SPDX-License-Identifier: MIT

//! `rmcp-kctl uninstall`: takes back what install did. The command itself stays.

use super::install::{kept, leftovers, Past};
use super::Exit;
use crate::cli;
use crate::conf;
use crate::dkms::{self, Action};
use crate::initramfs::{self, Tool, Wanted};
use crate::kernel;
use crate::lock::Lock;
use crate::own_file;
use crate::packaged;
use crate::report::{Terminal, Tone};
use crate::root::Root;
use crate::steps::{self, Step, Work};
use crate::sysfs::module;
use anyhow::{bail, Result};
use serde::Serialize;

/// What is to be done.
#[derive(Debug, Serialize)]
struct Plan {
    #[serde(serialize_with = "steps::serialize")]
    steps: Vec<Step>,
}

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
    let _lock = (!args.dry_run).then(Lock::take).transpose()?;
    let plan = Plan {
        steps: plan(root, args.keep_config, packaged.is_some())?,
    };
    if terminal.json() {
        terminal.document(&plan)?;
    } else if plan.steps.is_empty() {
        terminal.line(Tone::Plain, "rmcp is not installed: nothing to do");
    } else {
        steps::print(terminal, &plan.steps);
    }
    if args.dry_run || plan.steps.is_empty() {
        return Ok(Exit::Success);
    }
    steps::confirm(terminal, args.yes)?;
    steps::execute(terminal, root, Work::Uninstall, &plan.steps)?;
    terminal.progress("uninstalled");
    Ok(Exit::Success)
}

/// What the package manager removes next, and the initramfs images that are made from it, are left to
/// it.
fn plan(root: &Root, keep_config: bool, packaged: bool) -> Result<Vec<Step>> {
    let past = Past::read(root);
    // First what loads it at boot: a machine that stops in the middle boots without it.
    let mut steps = files(root, keep_config)?;
    dkms(root, &past, packaged, &mut steps);
    steps.extend(leftovers(root, conf::FILE));
    if root.is_running_system() && !packaged {
        let removed = |step: &Step| matches!(step, Step::Remove { path } if path == conf::FILE);
        let stays = root.exists(conf::FILE) && !steps.iter().any(removed);
        let wanted = Wanted::Nothing {
            conf: (!stays).then(|| conf::FILE.to_owned()),
        };
        for release in kernel::installed(root) {
            initramfs(root, &past, &release, &wanted, &mut steps);
        }
    }
    if module::is_loaded(root, "rmcp") {
        steps.push(Step::Unload);
    }
    if root.exists(steps::DIRECTORY) {
        steps.push(Step::Remove {
            path: steps::DIRECTORY.to_owned(),
        });
    }
    Ok(steps)
}

/// The files that install wrote. What a user changed stays.
fn files(root: &Root, keep_config: bool) -> Result<Vec<Step>> {
    let mut steps = Vec::new();
    let remove = |path: &str| Step::Remove {
        path: path.to_owned(),
    };
    if let Some(text) = conf::read(root)?.filter(|_| !keep_config) {
        match conf::without_sections(&text) {
            None => steps.push(remove(conf::FILE)),
            Some(users) if users == text => {}
            Some(users) => steps.push(Step::Write {
                path: conf::FILE.to_owned(),
                text: users,
                mode: 0o644,
            }),
        }
    }
    for file in own_file::ALL {
        if file.is_ours(root)? {
            steps.push(remove(file.path));
        }
    }
    Ok(steps)
}

/// The module in every kernel, and its source.
fn dkms(root: &Root, past: &Past, packaged: bool, steps: &mut Vec<Step>) {
    let remove = |path: String| Step::Remove { path };
    let kernels = kernel::installed(root);
    if kernels.iter().any(|release| past.suspects_dkms(release)) {
        // A DKMS that was stopped in the middle does not know what there is.
        for release in kernels {
            let remains = dkms::remains(root, &release);
            if !remains.is_empty() {
                steps.extend(remains.into_iter().map(remove));
                steps.push(Step::Depmod { release });
            }
        }
        if root.exists(dkms::PARENT) {
            steps.push(remove(dkms::PARENT.to_owned()));
        }
    } else if dkms::added(root) {
        if !root.exists(format!("{}/dkms.conf", dkms::SOURCE)) {
            // DKMS cannot remove what it has no source of.
            steps.push(Step::Source {
                path: dkms::SOURCE.to_owned(),
                keep: past.source_is_the_users(root).then(|| kept(root)),
            });
        }
        steps.push(Step::Dkms(Action::Remove));
    }
    // What a package brought goes with it, and a checkout is nobody's to remove.
    let source = root.path(dkms::SOURCE);
    if packaged || source.join(".git").exists() {
        return;
    }
    let written_now = steps.iter().any(|step| matches!(step, Step::Source { .. }));
    if !written_now && past.source_is_the_users(root) {
        steps.push(Step::Keep {
            path: dkms::SOURCE.to_owned(),
            to: kept(root),
        });
    } else if written_now || source.symlink_metadata().is_ok() {
        steps.push(remove(dkms::SOURCE.to_owned()));
    }
}

fn initramfs(root: &Root, past: &Past, release: &str, wanted: &Wanted, steps: &mut Vec<Step>) {
    // An image that cannot be listed may hold it.
    let holds_rmcp = initramfs::fault(root, release, wanted).map_or(true, |fault| fault.is_some());
    if !holds_rmcp && !past.owes_initramfs(release) {
        return;
    }
    if let (Some(image), Some(tool)) = (initramfs::image(root, release), Tool::find()) {
        steps.push(Step::Initramfs {
            release: release.to_owned(),
            command: tool.rebuild(release, &image),
            wanted: wanted.clone(),
        });
    }
}
