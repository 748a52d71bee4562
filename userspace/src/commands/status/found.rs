// SPDX-License-Identifier: MIT

//! What `status` found: per GPU, each policy as it is wanted, as it is live, and as amdgpu had it before
//! rmcp. "enforced" is only ever said of values read from the running kernel just now.

use super::params_only;
use crate::commands::install::Past;
use crate::commands::not_loaded::NotLoaded;
use crate::commands::Exit;
use crate::conf::{self, Section};
use crate::dkms;
use crate::gpu::{GcVersion, NONE_FOUND};
use crate::kernel;
use crate::modprobe;
use crate::policy::{self, Param, State};
use crate::root::Root;
use crate::sysfs::amdgpu::Amdgpu;
use crate::sysfs::rmcp::{Guard, Keepers, Module};
use crate::sysfs::{self, amdgpu, pci, rmcp};
use anyhow::Result;
use serde::Serialize;
use std::collections::BTreeMap;

/// All that `status` found.
#[derive(Debug, Serialize)]
pub struct Status {
    pub(super) verdict: Verdict,
    pub(super) exit_code: u8,
    pub(super) summary: String,
    pub(super) module: Option<Module>,
    pub(super) amdgpu: Option<Amdgpu>,
    /// The policy's parameters of an amdgpu that has the policy itself; `None` for any other.
    pub(super) driver_policy: Option<BTreeMap<&'static str, String>>,
    pub(in crate::commands) gpus: Vec<Gpu>,
    pub(super) kernels: Vec<Kernel>,
    pub(super) boot: Boot,
    /// What an installation or uninstallation left half done, and what to do.
    pub(super) interruption: Option<String>,
}

/// The answer for the whole machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Every GPU that rmcp guards is enforced.
    Enforced,
    /// At least one is not.
    NotInEffect,
    /// There is none.
    NoGpu,
}

impl Verdict {
    /// The exit code that says it.
    pub fn exit(self) -> Exit {
        match self {
            Self::Enforced => Exit::Success,
            Self::NotInEffect => Exit::NotInEffect,
            Self::NoGpu => Exit::NoGpu,
        }
    }
}

/// One AMD GPU.
#[derive(Debug, Serialize)]
pub(in crate::commands) struct Gpu {
    pub(in crate::commands) bdf: String,
    pub(in crate::commands) pci_id: String,
    pub(in crate::commands) driver: Option<String>,
    pub(super) gc_version: Option<GcVersion>,
    pub(in crate::commands) chip: Option<&'static str>,
    pub(in crate::commands) gfx_target: Option<&'static str>,
    /// Whether rmcp is made for this GPU; `None` while its GC version is not known.
    pub(in crate::commands) covered: Option<bool>,
    pub(in crate::commands) enforced: bool,
    pub(super) asleep: bool,
    pub(in crate::commands) reason: String,
    pub(super) policies: Vec<Policy>,
    pub(in crate::commands) guard: Option<Guard>,
}

/// One policy on one GPU.
#[derive(Debug, Serialize)]
pub(super) struct Policy {
    pub(super) name: &'static str,
    pub(super) wanted: String,
    /// What the driver has now.
    pub(super) live: String,
    /// What the driver had before rmcp wrote.
    pub(super) driver_default: String,
    pub(super) in_force: bool,
    pub(super) note: String,
}

/// One installed kernel.
#[derive(Debug, Serialize)]
pub(super) struct Kernel {
    pub(super) release: String,
    pub(super) running: bool,
    pub(super) module: dkms::State,
}

/// How the module gets loaded.
#[derive(Debug, Serialize)]
pub(super) struct Boot {
    /// The modprobe.d file that loads rmcp before amdgpu.
    pub(super) softdep: Option<String>,
    /// What keeps rmcp's own line in modprobe.d from being in force, and what to do.
    pub(super) in_the_way: Option<String>,
    /// Whether install set amdgpu's own options in place of the module.
    pub(super) params_only: bool,
}

impl Status {
    /// The answer.
    pub fn verdict(&self) -> Verdict {
        self.verdict
    }

    /// Reads the system.
    ///
    /// # Errors
    ///
    /// When something in /sys exists but cannot be read or is not of the documented form, or the kernel's
    /// modules or devices are hidden.
    pub fn read(root: &Root) -> Result<Self> {
        sysfs::expect_visible(root)?;
        Self::as_far_as_visible(root)
    }

    /// The same, where what is hidden is taken for missing.
    ///
    /// # Errors
    ///
    /// When something in /sys exists but cannot be read or is not of the documented form.
    pub(in crate::commands) fn as_far_as_visible(root: &Root) -> Result<Self> {
        let keepers = Keepers::read(root)?;
        let amdgpu = amdgpu::read(root)?;
        let running = kernel::running(root)?;
        let order = modprobe::load_order(root, conf::FILE);
        let loaded = keepers
            .module()
            .ok_or_else(|| NotLoaded::why(root, running.as_deref()));
        let mut gpus = Vec::new();
        for found in rmcp::gpus(root)? {
            let guard = keepers.guard(root, &found.bdf)?;
            let keeper = (keepers.name(), loaded.as_ref());
            gpus.push(Gpu::judge(found, guard, keeper, amdgpu.as_ref()));
        }
        let verdict = overall(&gpus);
        Ok(Self {
            verdict,
            exit_code: verdict.exit().code(),
            summary: summary(verdict, &gpus),
            kernels: kernel::installed(root)
                .into_iter()
                .map(|release| Kernel {
                    running: running.as_deref() == Some(release.as_str()),
                    module: dkms::state(root, &release),
                    release,
                })
                .collect(),
            boot: Boot {
                softdep: order.file,
                in_the_way: order.obstacle.map(|obstacle| obstacle.advice()),
                params_only: conf::holds(root, Section::ParamsOnly),
            },
            interruption: Past::read(root).interruption(),
            module: keepers.rmcp,
            amdgpu,
            driver_policy: keepers.amdgpu.map(|driver| driver.parameters),
            gpus,
        })
    }
}

fn overall(gpus: &[Gpu]) -> Verdict {
    let mut concerned = gpus
        .iter()
        .filter(|gpu| gpu.covered != Some(false))
        .peekable();
    if concerned.peek().is_none() {
        Verdict::NoGpu
    } else if concerned.all(|gpu| gpu.enforced) {
        Verdict::Enforced
    } else {
        Verdict::NotInEffect
    }
}

fn summary(verdict: Verdict, gpus: &[Gpu]) -> String {
    let concerned = gpus.iter().filter(|gpu| gpu.covered != Some(false)).count();
    let enforced = gpus.iter().filter(|gpu| gpu.enforced).count();
    match verdict {
        Verdict::Enforced => format!("enforced: {enforced} of {concerned} RDNA1/RDNA2 GPUs"),
        Verdict::NotInEffect => {
            format!("not in effect: {enforced} of {concerned} RDNA1/RDNA2 GPUs are enforced")
        }
        Verdict::NoGpu => NONE_FOUND.to_owned(),
    }
}

impl Gpu {
    fn judge(
        found: pci::Gpu,
        guard: Option<Guard>,
        (keeper, module): (&str, Result<&&Module, &NotLoaded>),
        amdgpu: Option<&Amdgpu>,
    ) -> Self {
        let gc_version = found.gc_version;
        let chip = gc_version.and_then(GcVersion::chip);
        let (policies, said) = match (&guard, module) {
            (Some(guard), Ok(module)) => {
                (policies(guard, module, amdgpu), guard.says_in_force(module))
            }
            (None, Err(NotLoaded::ParamsOnly)) => {
                (amdgpu.map_or_else(Vec::new, params_only::policies), false)
            }
            _ => (Vec::new(), false),
        };
        // The module's word and the values themselves must agree.
        let in_force = policies.iter().all(|policy| policy.in_force);
        let enforced = chip.is_some() && said && in_force;
        let covered = found.covered();
        Self {
            reason: match &guard {
                _ if covered == Some(false) => NOT_COVERED.to_owned(),
                Some(_) if said && !enforced => format!(
                    "{keeper} says that it is in force, but a live value is not the wanted one: report this"
                ),
                Some(guard) => guard.reason.clone(),
                None => not_adopted(&found, keeper, module),
            },
            asleep: found.asleep,
            bdf: found.bdf,
            pci_id: found.pci_id,
            driver: found.driver,
            gc_version,
            chip: chip.map(|chip| chip.name),
            gfx_target: chip.map(|chip| chip.gfx_target),
            covered,
            enforced,
            policies,
            guard,
        }
    }
}

/// Why rmcp leaves a GPU alone.
const NOT_COVERED: &str = "not GC 10.1.x or 10.3.x: rmcp leaves it alone";

/// Why nothing is said of a GPU, with what to do.
fn not_adopted(found: &pci::Gpu, keeper: &str, module: Result<&&Module, &NotLoaded>) -> String {
    match (module, found.driver.as_deref()) {
        (Err(why), _) => format!("rmcp is not loaded: {}", why.todo()),
        (Ok(module), _) if module.state.as_deref() == Some(State::Refused.as_str()) => {
            let reason = module.reason.as_deref();
            format!("rmcp refused: {}", reason.unwrap_or("no reason given"))
        }
        (Ok(_), Some("amdgpu")) => {
            format!("{keeper} is loaded but has not adopted this GPU: see 'dmesg | grep {keeper}'")
        }
        (Ok(_), Some(other)) => format!("driven by {other}, not by amdgpu"),
        (Ok(_), None) => "no driver is bound to it".to_owned(),
    }
}

/// The policies on a GPU, from its live values.
fn policies(guard: &Guard, module: &Module, amdgpu: Option<&Amdgpu>) -> Vec<Policy> {
    let wanted = |param: &Param| {
        module
            .parameters
            .get(param.name)
            .cloned()
            .unwrap_or_default()
    };
    let pinned = |param: &'static Param, live: String, found: String, option: Option<&str>| {
        let wanted = wanted(param);
        let leave = param.parse(&wanted) == Some(policy::LEAVE);
        Policy {
            name: param.name,
            in_force: param.parse(&wanted).is_some() && (leave || wanted == live),
            note: match (leave, found == wanted, option) {
                (true, _, _) => "left to amdgpu",
                (_, true, Some("-1")) => "amdgpu's own default here: rmcp changes nothing",
                (_, true, _) => "amdgpu had it so by its option: rmcp changes nothing",
                _ => "",
            }
            .to_owned(),
            driver_default: found,
            wanted,
            live,
        }
    };
    let mtype_cc = wanted(&policy::MTYPE_CC);
    vec![
        pinned(
            &policy::NORETRY,
            guard.noretry.to_string(),
            guard.noretry_driver_default.to_string(),
            amdgpu.and_then(|amdgpu| amdgpu.noretry.as_deref()),
        ),
        pinned(
            &policy::FRAGMENT_SIZE,
            guard.fragment_size.to_string(),
            guard.fragment_size_driver_default.to_string(),
            amdgpu.and_then(|amdgpu| amdgpu.vm_fragment_size.as_deref()),
        ),
        Policy {
            name: policy::MTYPE_CC.name,
            live: format!(
                "{} of {} rewritten",
                guard.mtype_cc_rewritten, guard.mtype_cc_requests
            ),
            driver_default: "nc".to_owned(),
            in_force: match mtype_cc.as_str() {
                // Read one after the other while mappings go on, the counters may be one apart.
                "nc" | "uc" => guard.mtype_cc_rewritten >= guard.mtype_cc_requests,
                "report" | "off" => true,
                _ => false,
            },
            note: match (mtype_cc.as_str(), guard.mtype_cc_requests) {
                ("off", _) => "not watched",
                ("report", _) => "counted only",
                (_, 0) => "nobody asked for CC: rmcp changed nothing",
                _ => "",
            }
            .to_owned(),
            wanted: mtype_cc,
        },
    ]
}
