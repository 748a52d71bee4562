// SPDX-License-Identifier: MIT

//! Whether the parameters of amdgpu and rmcp are what they look like: every place that sets one, or
//! decides whether and in which order the modules are loaded, judged by rules that each have a file
//! in `rules/`. A rule that lacks what it needs is skipped with the reason, never passed.

mod afterwards;
pub mod edit;
pub mod finding;
mod known;
mod rules;
pub mod settings;
#[cfg(test)]
mod tests;
mod value;

pub use afterwards::afterwards;
pub use finding::{Finding, Severity, Skipped};
pub use settings::{Module, Setting, Sources};

use crate::dkms;
use crate::kernel;
use crate::root::Root;
use anyhow::Result;
use edit::Change;
use known::Amdgpu;
use serde::Serialize;

/// What a check found.
#[derive(Debug, Default, Serialize)]
pub struct Check {
    /// The worst first, those of a kind in the order of their places.
    pub findings: Vec<Finding>,
    /// Rules that could not be applied.
    pub skipped: Vec<Skipped>,
}

/// What the rules look at.
struct View<'a> {
    root: &'a Root,
    sources: &'a Sources,
    /// Every installed one.
    kernels: &'a [Kernel],
}

/// A kernel.
struct Kernel {
    release: String,
    has_rmcp: bool,
    /// `None` where nothing is said about its parameters, or it cannot be read.
    amdgpu: Option<Amdgpu>,
}

impl View<'_> {
    /// amdgpu of every kernel that has one which can be read.
    fn amdgpus(&self) -> impl Iterator<Item = &Amdgpu> {
        self.kernels.iter().filter_map(|k| k.amdgpu.as_ref())
    }

    /// Whether amdgpu of every kernel was read and says this: only then is a file changed on the
    /// word of the kernels.
    fn every_amdgpu(&self, says: impl Fn(&Amdgpu) -> bool) -> bool {
        let mut kernels = self.kernels.iter();
        kernels.all(|kernel| kernel.amdgpu.as_ref().is_some_and(&says))
    }

    /// Whether any kernel has rmcp.
    fn rmcp_installed(&self) -> bool {
        self.kernels.iter().any(|kernel| kernel.has_rmcp)
    }
}

/// Applies every rule to the system.
///
/// # Errors
///
/// When a command line exists but cannot be read.
pub fn check(root: &Root) -> Result<Check> {
    let sources = Sources::read(root)?;
    let mut check = Check::default();
    for why in &sources.modprobe.unreadable {
        check.skip("every rule", why.clone());
    }
    let kernels = kernels(root, &sources, &mut check);
    let view = View {
        root,
        sources: &sources,
        kernels: &kernels,
    };
    rules::apply(&view, &mut check);
    check.findings.sort_by(|a, b| {
        let key = |finding: &Finding| (finding.severity, finding.place.clone());
        key(a).cmp(&key(b))
    });
    Ok(check)
}

/// The installed kernels, with their amdgpu if anything is said about its parameters.
fn kernels(root: &Root, sources: &Sources, check: &mut Check) -> Vec<Kernel> {
    let of_amdgpu = |s: &&Setting| s.module == Module::Amdgpu;
    let set: Vec<_> = sources.settings.iter().filter(of_amdgpu).collect();
    let with_gttsize = set.iter().any(|setting| setting.name == "gttsize");
    let mut amdgpu = |release: &str| match Amdgpu::read(root, release, with_gttsize) {
        Ok(amdgpu) => Some(amdgpu),
        Err(why) => {
            check.skip("parameters of amdgpu", why.to_string());
            None
        }
    };
    kernel::installed(root)
        .into_iter()
        .map(|release| Kernel {
            has_rmcp: dkms::state(root, &release) == dkms::State::Installed,
            amdgpu: if set.is_empty() {
                None
            } else {
                amdgpu(&release)
            },
            release,
        })
        .collect()
}

impl Check {
    /// Whether anything has to be done.
    pub fn needs_action(&self) -> bool {
        self.findings.iter().any(|f| f.severity.needs_action())
    }

    /// How many findings are of this severity.
    pub fn count(&self, severity: Severity) -> usize {
        self.findings
            .iter()
            .filter(|finding| finding.severity == severity)
            .count()
    }

    /// The changes of files that mend what can be mended without asking.
    pub fn changes(&self, root: &Root) -> Vec<Change> {
        edit::changes(root, self.findings.iter().filter_map(|f| f.edit.as_ref()))
    }

    fn add(&mut self, finding: Finding) {
        self.findings.push(finding);
    }

    fn skip(&mut self, rule: &'static str, why: String) {
        let skipped = Skipped { rule, why };
        if !self.skipped.contains(&skipped) {
            self.skipped.push(skipped);
        }
    }
}
