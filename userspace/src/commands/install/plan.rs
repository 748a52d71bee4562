// SPDX-License-Identifier: MIT

//! What an installation is to do, from what there is.

use super::kernels::Kernel;
use super::params_only;
use super::past::{self, Past};
use crate::cli;
use crate::conf::{self, Section};
use crate::dkms::{self, Action};
use crate::initramfs::{self, Tool, Wanted};
use crate::modprobe;
use crate::own_file::{self, OwnFile};
use crate::packaged;
use crate::packages::Manager;
use crate::report::{Terminal, Tone};
use crate::root::Root;
use crate::source;
use crate::steps::{self, Step};
use anyhow::Result;
use serde::Serialize;

/// What is to be done.
#[derive(Debug, Serialize)]
pub(super) struct Plan {
    mode: Mode,
    /// Whether rmcp came with a package.
    packaged: bool,
    /// What an earlier run left half done.
    interruption: Option<String>,
    kernels: Vec<Kernel>,
    /// Why amdgpu's options may not stand in for the module.
    refusal: Option<String>,
    /// What keeps rmcp from being loaded before amdgpu, and is not for install to change.
    pub(super) in_the_way: Option<String>,
    #[serde(serialize_with = "steps::serialize")]
    pub(super) steps: Vec<Step>,
}

/// What pins the policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Mode {
    /// The module.
    Module,
    /// amdgpu's own options.
    ParamsOnly,
}

impl Plan {
    pub(super) fn make(root: &Root, args: &cli::Install, install_deps: bool) -> Result<Self> {
        let past = Past::read(root);
        let mut plan = Self {
            mode: if args.params_only {
                Mode::ParamsOnly
            } else {
                Mode::Module
            },
            packaged: packaged::removed_by(root).is_some(),
            interruption: past.interruption(),
            kernels: Kernel::find(root, &args.kernels)?,
            refusal: None,
            in_the_way: None,
            steps: Vec::new(),
        };
        if args.params_only {
            plan.refusal = params_only::refusal(root)?;
            if plan.refusal.is_none() {
                plan.params_only(root, &past)?;
            }
        } else if let Some(packages) = plan.packages(root, install_deps) {
            plan.steps.push(packages);
        } else if plan.kernels.iter().any(Kernel::able) {
            plan.module(root, &past)?;
        }
        Ok(plan)
    }

    /// Why nothing can be done; `None` when something can, or is done already.
    pub(super) fn impossible(&self) -> Option<String> {
        match self.mode {
            Mode::ParamsOnly => self.refusal.clone(),
            Mode::Module => (self.steps.is_empty() && !self.kernels.iter().any(Kernel::able))
                .then(|| "no installed kernel can have rmcp".to_owned()),
        }
    }

    pub(super) fn print(&self, terminal: &Terminal) {
        if self.packaged {
            terminal.line(Tone::Plain, packaged::NOTE);
        }
        if let Some(interruption) = &self.interruption {
            terminal.line(Tone::Warning, interruption);
        }
        if self.mode == Mode::ParamsOnly {
            terminal.line(
                Tone::Warning,
                "without the module: amdgpu's own options cover noretry and fragment_size, not mtype_cc",
            );
        } else {
            self.print_kernels(terminal);
        }
        if self.impossible().is_some() {
            return;
        }
        if let Some(what) = &self.in_the_way {
            terminal.line(Tone::Warning, what);
        }
        if self.steps.is_empty() {
            terminal.line(Tone::Plain, "everything is in place: nothing to do");
        } else {
            terminal.line(Tone::Plain, "steps:");
            steps::print(terminal, &self.steps);
        }
        if matches!(self.steps.as_slice(), [Step::Packages { .. }]) {
            terminal.line(
                Tone::Plain,
                "  then, with these packages at hand, what the kernels need",
            );
        }
    }

    fn print_kernels(&self, terminal: &Terminal) {
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
        let unable = || self.kernels.iter().filter(|kernel| !kernel.able());
        if unable().any(|kernel| !kernel.packages.is_empty()) {
            terminal.line(
                Tone::Plain,
                "'rmcp-kctl install --install-deps' installs the packages that are missing",
            );
        }
        if unable().any(|kernel| kernel.packages.is_empty()) {
            terminal.line(
                Tone::Plain,
                "'rmcp-kctl install --params-only' pins two of the three policies on kernels without rmcp",
            );
        }
    }

    /// The packages that all kernels lack together, where they are wanted.
    fn packages(&self, root: &Root, wanted: bool) -> Option<Step> {
        let manager = Manager::of(root).filter(|_| wanted)?;
        let mut packages: Vec<String> = self
            .kernels
            .iter()
            .flat_map(|kernel| kernel.packages.iter().cloned())
            .collect();
        packages.sort();
        packages.dedup();
        (!packages.is_empty()).then(|| Step::Packages {
            command: manager.install(&packages),
        })
    }

    fn params_only(&mut self, root: &Root, past: &Past) -> Result<()> {
        self.steps.extend(past::leftovers(root, conf::FILE));
        let written = self.put(root, Section::ParamsOnly)?;
        self.tell_initramfs_tool(root);
        let wanted = Wanted::Options {
            conf: conf::FILE.to_owned(),
        };
        for kernel in &self.kernels {
            let changed = written || past.owes_initramfs(&kernel.release);
            plan_initramfs(root, &kernel.release, &wanted, changed, &mut self.steps)?;
        }
        Ok(())
    }

    fn module(&mut self, root: &Root, past: &Past) -> Result<()> {
        self.steps.extend(past::leftovers(root, conf::FILE));
        let rebuilt = self.dkms(root, past);
        let order = modprobe::load_order(root, conf::FILE);
        let written = order.file.is_none() && self.put(root, Section::LoadOrder)?;
        self.in_the_way = order.obstacle.map(|obstacle| {
            let advice = obstacle.advice();
            format!("rmcp is not loaded before amdgpu: {advice}")
        });
        self.put_own(root, own_file::LOGIN);
        self.tell_initramfs_tool(root);
        let wanted = Wanted::Module {
            conf: order.file.unwrap_or(conf::FILE.to_owned()),
        };
        for kernel in self.kernels.iter().filter(|kernel| kernel.able()) {
            let release = &kernel.release;
            let changed = written || rebuilt.contains(release) || past.owes_initramfs(release);
            plan_initramfs(root, release, &wanted, changed, &mut self.steps)?;
        }
        Ok(())
    }

    /// The source, and the module of every kernel that has not this very one; the answer is which.
    fn dkms(&mut self, root: &Root, past: &Past) -> Vec<String> {
        let steps = &mut self.steps;
        // Of a package, it is the package's.
        let source_changed =
            packaged::removed_by(root).is_none() && !source::is_in(&root.path(dkms::SOURCE));
        let added = dkms::added(root);
        let mut to_build = Vec::new();
        for Kernel {
            release, module, ..
        } in self.kernels.iter().filter(|kernel| kernel.able())
        {
            let suspect = past.suspects_dkms(release);
            if !source_changed && !suspect && *module == dkms::State::Installed {
                continue;
            }
            to_build.push(release.clone());
            if suspect {
                let remains = dkms::remains(root, release).into_iter();
                steps.extend(remains.map(|path| Step::Remove { path }));
            } else if source_changed && *module != dkms::State::Absent && added {
                // Modules of kernels that are not concerned now keep what they have.
                steps.push(Step::Dkms(Action::Unbuild {
                    release: release.clone(),
                }));
            }
        }
        if source_changed {
            steps.push(Step::Source {
                path: dkms::SOURCE.to_owned(),
                keep: past.source_is_the_users(root).then(|| past::kept(root)),
            });
        }
        if !added {
            steps.push(Step::Dkms(Action::Add));
        }
        steps.extend(to_build.iter().map(|release| {
            Step::Dkms(Action::Install {
                release: release.clone(),
            })
        }));
        to_build
    }

    /// What the tool that makes the initramfs would not put into it unasked.
    fn tell_initramfs_tool(&mut self, root: &Root) {
        let tool = root.is_running_system().then(Tool::find).flatten();
        match (tool, self.mode) {
            (Some(Tool::Dracut), _) => self.put_own(root, own_file::DRACUT),
            (Some(Tool::Mkinitcpio), Mode::Module) => self.put_own(root, own_file::MKINITCPIO),
            _ => {}
        }
    }

    /// Whether a section is to be written.
    fn put(&mut self, root: &Root, section: Section) -> Result<bool> {
        let existing = conf::read(root)?;
        let text = section.put_into(existing.as_deref());
        let write = existing.as_deref() != Some(text.as_str());
        if write {
            self.steps.push(Step::Write {
                path: conf::FILE.to_owned(),
                text,
                mode: 0o644,
            });
        }
        Ok(write)
    }

    fn put_own(&mut self, root: &Root, file: OwnFile) {
        if !file.exists(root) {
            self.steps.push(Step::Write {
                path: file.path.to_owned(),
                text: file.text.to_owned(),
                mode: 0o644,
            });
        }
    }
}

/// An image that holds amdgpu must hold the newest of what goes with it.
fn plan_initramfs(
    root: &Root,
    release: &str,
    wanted: &Wanted,
    changed: bool,
    steps: &mut Vec<Step>,
) -> Result<()> {
    if !root.is_running_system() {
        return Ok(());
    }
    let (Some(image), Some(tool)) = (initramfs::image(root, release), Tool::find()) else {
        return Ok(());
    };
    let outdated = initramfs::contents(root, release, wanted)?
        .is_some_and(|found| found.amdgpu && (changed || wanted.fault(found).is_some()));
    if outdated {
        steps.push(Step::Initramfs {
            release: release.to_owned(),
            command: tool.rebuild(release, &image),
            wanted: wanted.clone(),
        });
    }
    Ok(())
}
