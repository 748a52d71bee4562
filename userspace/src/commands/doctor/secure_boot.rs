// SPDX-License-Identifier: MIT

//! Secure Boot: will this machine load the module, and what lockdown closes.

use super::finding::{Check, Finding};
use super::Patient;
use crate::secureboot::{self, Machine, SecureBoot};

const SECURE_BOOT: Check = Check {
    name: "secure-boot",
    why: "under lockdown a kernel loads only modules that are signed with a key it trusts",
    source: "kernel/module/signing.c, module_sig_check; security/integrity/platform_certs",
};

const LOCKDOWN: Check = Check {
    name: "lockdown",
    why:
        "verify reads registers through debugfs, of which a locked-down kernel opens little: Linux \
          7.2 opens amdgpu_regs for reading, and does not let GFXOFF be held off meanwhile; later \
          kernels may not open it",
    source: "Linux 7.2, fs/debugfs/file.c, debugfs_locked_down; amdgpu_debugfs.c",
};

pub(super) fn examine(patient: &Patient) -> Vec<Finding> {
    let machine = match Machine::read(patient.root) {
        Ok(machine) => machine,
        Err(error) => return vec![SECURE_BOOT.skipped(error.to_string())],
    };
    let mut findings = Vec::new();
    for release in &patient.kernels {
        let name = patient.name_of(release);
        let Some(verdict) = secureboot::judge(patient.root, &machine, release) else {
            continue;
        };
        let found = format!(
            "{name}, Secure Boot {}: {}",
            machine.secure_boot, verdict.why
        );
        let finding = match verdict.loads {
            Some(true) => SECURE_BOOT.good(found),
            Some(false) => SECURE_BOOT
                .error(format!("the module will be refused. {found}"))
                .mend_all(verdict.steps),
            None => SECURE_BOOT.skipped(found),
        };
        // A path that somebody chose may say who.
        let path = Some(&machine.signing_key.path).filter(|path| !path.starts_with("/var/lib/"));
        findings.push(finding.private(verdict.signers).private(path.cloned()));
    }
    if findings.is_empty() {
        let state = &machine.secure_boot;
        findings.push(SECURE_BOOT.note(match state {
            SecureBoot::On => format!("Secure Boot is {state}: what DKMS builds must be signed"),
            _ => format!("Secure Boot is {state}; no module is installed to look at"),
        }));
    }
    findings.push(lockdown(&machine));
    findings
}

fn lockdown(machine: &Machine) -> Finding {
    match machine.lockdown {
        None => LOCKDOWN.skipped("the kernel does not show its lockdown (securityfs)"),
        Some(level) if level.restricts_debugfs() => LOCKDOWN.note(format!(
            "lockdown is {level}: verify may not be able to read the registers, and says so then"
        )),
        Some(level) => LOCKDOWN.good(format!("lockdown is {level}")),
    }
}
