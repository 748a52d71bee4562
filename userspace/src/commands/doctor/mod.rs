// SPDX-License-Identifier: MIT

//! `rmcp-kctl doctor`: one check after the other, from the kernel to the environment of jobs. Each
//! says what was found, why it matters, what to type and where to read about it. What could not be
//! looked at is said to be skipped, never to be good.

mod access;
mod boot;
mod finding;
mod firmware;
mod gpus;
mod kernels;
mod module;
mod parameters;
mod pcie;
mod report;
mod rocm;
mod screen;
mod secure_boot;
mod variables;

use super::Exit;
use crate::accounts::{self, User};
use crate::cli;
use crate::gpu::GcVersion;
use crate::kernel;
use crate::policy::Chip;
use crate::report::Terminal;
use crate::root::Root;
use crate::sysfs;
use crate::sysfs::pci::Gpu;
use crate::sysfs::rmcp::{self, Keepers};
use anyhow::Result;
use finding::{Finding, Outcome};
use serde::Serialize;

/// All that was found.
#[derive(Debug, Serialize)]
struct Examination {
    version: &'static str,
    exit_code: u8,
    summary: String,
    findings: Vec<Finding>,
}

/// The system that is looked at, as far as several checks ask for the same.
struct Patient<'a> {
    root: &'a Root,
    kernels: Vec<String>,
    running: Option<String>,
    gpus: Vec<Gpu>,
    gpus_unread: Option<String>,
    /// What may keep the policy; or why that is not known.
    keepers: Result<Keepers, String>,
    /// Whose devices and files are looked at; or why nobody's are.
    user: Result<User, String>,
}

/// The checks, in their order: what comes later rests on what comes before.
const CHECKS: [fn(&Patient) -> Vec<Finding>; 11] = [
    kernels::examine,
    boot::examine,
    secure_boot::examine,
    module::examine,
    gpus::examine,
    parameters::examine,
    firmware::examine,
    pcie::examine,
    access::examine,
    variables::examine,
    rocm::examine,
];

/// Runs the command.
///
/// # Errors
///
/// When the user that is asked for does not exist, or the report cannot be written. What a check
/// cannot read it skips.
pub fn run(root: &Root, terminal: &Terminal, args: &cli::Doctor) -> Result<Exit> {
    let patient = Patient::receive(root, args.user.as_deref())?;
    let (examination, exit) = Examination::of(&patient);
    if let Some(path) = &args.report {
        report::write(&patient, &examination, path)?;
        terminal.progress(&format!(
            "{} holds nothing that was recognised as private; read it before you send it",
            path.display()
        ));
    }
    if terminal.json() {
        terminal.document(&examination)?;
    } else {
        screen::print(terminal, &examination);
    }
    Ok(exit)
}

impl Examination {
    fn of(patient: &Patient) -> (Self, Exit) {
        let findings: Vec<Finding> = CHECKS.iter().flat_map(|check| check(patient)).collect();
        let exit = exit(patient, &findings);
        let examination = Self {
            version: env!("CARGO_PKG_VERSION"),
            exit_code: exit.code(),
            summary: screen::summary(&findings),
            findings,
        };
        (examination, exit)
    }
}

/// By the gravest finding. That there is no GPU for rmcp goes before what is only a warning.
fn exit(patient: &Patient, findings: &[Finding]) -> Exit {
    let gravest = findings.iter().map(|finding| finding.outcome).max();
    match gravest {
        Some(Outcome::Error) => Exit::NotInEffect,
        _ if !patient.concerned() && patient.gpus_unread.is_none() => Exit::NoGpu,
        Some(Outcome::Warning) => Exit::Warnings,
        _ => Exit::Success,
    }
}

impl<'a> Patient<'a> {
    fn receive(root: &'a Root, name: Option<&str>) -> Result<Self> {
        let user = match name {
            Some(name) => Ok(accounts::named(root, name)?),
            None if root.is_running_system() => accounts::caller(root)
                .ok_or_else(|| "this user is not in /etc/passwd: name one with --user".to_owned()),
            None => Err(accounts::NOBODY.to_owned()),
        };
        let seen = || sysfs::expect_visible(root);
        let (gpus, gpus_unread) = match seen().and_then(|()| rmcp::gpus(root)) {
            Ok(gpus) => (gpus, None),
            Err(error) => (Vec::new(), Some(error.to_string())),
        };
        Ok(Self {
            root,
            kernels: kernel::installed(root),
            running: kernel::running(root).ok().flatten(),
            gpus,
            gpus_unread,
            keepers: seen()
                .map_err(Into::into)
                .and_then(|()| Keepers::read(root))
                .map_err(|error| format!("{error:#}")),
            user,
        })
    }

    /// The GPUs that rmcp guards.
    fn guarded(&self) -> impl Iterator<Item = (&Gpu, &'static Chip)> {
        self.gpus
            .iter()
            .filter_map(|gpu| Some((gpu, gpu.gc_version.and_then(GcVersion::chip)?)))
    }

    /// Whether there is a GPU that rmcp guards, or may guard.
    fn concerned(&self) -> bool {
        self.gpus.iter().any(|gpu| gpu.covered() != Some(false))
    }

    /// Whether the running amdgpu has the policy itself, so that nobody needs rmcp beside it.
    fn amdgpu_keeps_it(&self) -> bool {
        let keepers = self.keepers.as_ref();
        keepers.is_ok_and(|keepers| keepers.amdgpu.is_some())
    }

    /// Whether rmcp is needed on a kernel.
    fn needs_rmcp(&self, release: &str) -> bool {
        self.concerned() && !(self.is_running(release) && self.amdgpu_keeps_it())
    }

    /// Why a check that asks for such a GPU is skipped.
    fn no_guarded_gpu(&self) -> String {
        match &self.gpus_unread {
            Some(why) => why.clone(),
            None if self.concerned() => {
                "the GC version of the GPU is not known: amdgpu does not show it".to_owned()
            }
            None => "there is no RDNA1/RDNA2 GPU".to_owned(),
        }
    }

    fn is_running(&self, release: &str) -> bool {
        self.running.as_deref() == Some(release)
    }

    /// A kernel as people call it.
    fn name_of(&self, release: &str) -> String {
        let running = if self.is_running(release) {
            " (running)"
        } else {
            ""
        };
        format!("{release}{running}")
    }

    /// A GPU as people call it.
    fn title(&self, gpu: &Gpu) -> String {
        match gpu.gc_version.and_then(GcVersion::chip) {
            Some(chip) => format!("{} {}", gpu.bdf, chip.name),
            None => format!("{} {}", gpu.bdf, gpu.pci_id),
        }
    }
}
