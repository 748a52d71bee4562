// SPDX-License-Identifier: MIT

//! Every installed kernel: can it have the module, and does it.

use super::finding::{Check, Finding};
use super::Patient;
use crate::dkms;
use crate::kernel::{Missing, Obstacle, Ready, Requirements};

const KERNEL: Check = Check {
    name: "kernel",
    why: "rmcp is a module in Rust: the kernel must be built with Rust, kprobes and BTF, and its \
          headers must be there",
    source: "kernel/requirements.rs of rmcp-kctl",
};

const TOOLS: Check = Check {
    name: "tools",
    why: "the module is built with the very rustc that the kernel was built with, and nothing else",
    source: "CONFIG_RUSTC_VERSION_TEXT of the kernel",
};

const DKMS: Check = Check {
    name: "dkms",
    why: "a kernel without the module boots unguarded",
    source: "DKMS's tree /var/lib/dkms/rmcp and /lib/modules",
};

/// What to do where the running kernel cannot have the module.
pub(super) fn another_kernel() -> String {
    let (major, minor) = dkms::OLDEST_KERNEL;
    format!("boot a kernel of {major}.{minor} or later with CONFIG_RUST=y")
}

pub(super) fn examine(patient: &Patient) -> Vec<Finding> {
    if patient.kernels.is_empty() {
        return vec![KERNEL.skipped("no kernel with modules is in /lib/modules")];
    }
    let examine_one = |release: &String| one(patient, release);
    patient.kernels.iter().flat_map(examine_one).collect()
}

fn one(patient: &Patient, release: &str) -> Vec<Finding> {
    let root = patient.root;
    let running = patient.is_running(release);
    let needed = patient.needs_rmcp(release);
    let name = patient.name_of(release);
    let state = dkms::state(root, release);
    let dkms = match state {
        dkms::State::Installed => DKMS.good(format!("{name}: {state}")),
        _ if !needed => DKMS.note(format!("{name}: {state}")),
        _ => DKMS.warning(format!("{name}: {state}")),
    };
    match Requirements::check(root, release, None) {
        Ok(_) => {}
        // What is built already needs no headers.
        Err(obstacle) if state == dkms::State::Installed => {
            return vec![KERNEL.note(format!("{name}: {obstacle}")), dkms];
        }
        Err(obstacle @ Obstacle::KernelCannot(_)) => {
            let found = format!("{name} cannot have rmcp: {obstacle}");
            return vec![if running && needed {
                KERNEL.error(found).mend(another_kernel())
            } else {
                KERNEL.note(found)
            }];
        }
        Err(Obstacle::Missing(missing)) => {
            let lacks = |missing: &Missing| {
                let found = format!("{name}: {}", missing.what());
                if needed {
                    KERNEL.warning(found).mend(missing.remedy())
                } else {
                    KERNEL.note(found)
                }
            };
            return missing.iter().map(lacks).collect();
        }
    }
    let mut findings = vec![KERNEL.good(format!("{name} can have rmcp"))];
    if !root.is_running_system() {
        findings.push(TOOLS.skipped("the tools below another root are not this system's"));
    } else {
        match Ready::check(root, release, None) {
            Ok(_) => findings.push(TOOLS.good(format!(
                "{name}: rustc, bindgen, compiler and metadata are there"
            ))),
            Err(obstacle) if state == dkms::State::Installed => findings
                .push(TOOLS.note(format!("{name}: {obstacle}; the module is built already"))),
            Err(obstacle) if !needed => {
                findings.push(TOOLS.note(format!("{name}: {obstacle}")));
            }
            Err(Obstacle::Missing(missing)) => {
                findings.extend(missing.iter().map(|missing| {
                    let found = format!("{name}: {}", missing.what());
                    TOOLS.warning(found).mend(missing.remedy())
                }));
            }
            Err(Obstacle::KernelCannot(why)) => {
                findings.push(TOOLS.warning(format!("{name}: {why}")));
            }
        }
    }
    let mended = state == dkms::State::Installed || !needed;
    findings.push(if mended {
        dkms
    } else {
        dkms.mend("rmcp-kctl install")
    });
    findings
}
