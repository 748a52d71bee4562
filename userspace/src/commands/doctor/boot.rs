// SPDX-License-Identifier: MIT

//! The wiring of the boot: rmcp must be loaded before amdgpu, from the initramfs as well.

use super::finding::{Check, Finding};
use super::Patient;
use crate::conf::{self, Section};
use crate::dkms;
use crate::initramfs::{self, Contents, Wanted};
use crate::modprobe::{self, LoadOrder};
use anyhow::Result;

const SOFTDEP: Check = Check {
    name: "load-order",
    why: "amdgpu programs the GPU when it is loaded; rmcp must be there before",
    source: "modprobe.d(5), softdep",
};

const INITRAMFS: Check = Check {
    name: "initramfs",
    why: "a machine that loads amdgpu from its initramfs must find rmcp there too",
    source: "the listing of the image",
};

pub(super) fn examine(patient: &Patient) -> Vec<Finding> {
    let LoadOrder { file, obstacle } = modprobe::load_order(patient.root, conf::FILE);
    let mut findings = vec![match &file {
        Some(file) => SOFTDEP.good(format!("{file} loads rmcp before amdgpu")),
        None if patient.amdgpu_keeps_it() => {
            SOFTDEP.note("nothing loads rmcp before amdgpu, which has the policy itself")
        }
        None if !patient.concerned() || conf::holds(patient.root, Section::ParamsOnly) => {
            SOFTDEP.note("nothing loads rmcp before amdgpu")
        }
        None => match obstacle {
            Some(obstacle) => SOFTDEP.error(obstacle.to_string()).mend(obstacle.todo()),
            None => SOFTDEP
                .error("nothing loads rmcp before amdgpu")
                .mend("rmcp-kctl install"),
        },
    }];
    let with_module = patient
        .kernels
        .iter()
        .filter(|release| dkms::state(patient.root, release) == dkms::State::Installed);
    let wanted = Wanted::Module {
        conf: file.unwrap_or(conf::FILE.to_owned()),
    };
    findings.extend(with_module.map(|release| image(patient, release, &wanted)));
    findings
}

fn image(patient: &Patient, release: &str, wanted: &Wanted) -> Finding {
    let name = patient.name_of(release);
    if !patient.root.is_running_system() {
        return INITRAMFS.skipped(format!(
            "{name}: an image below another root is not listed with this system's tools"
        ));
    }
    judge(
        &name,
        wanted,
        initramfs::contents(patient.root, release, wanted),
    )
}

fn judge(name: &str, wanted: &Wanted, contents: Result<Option<Contents>>) -> Finding {
    match contents {
        // It may have one elsewhere: in a unified kernel image, or on the EFI system partition.
        Ok(None) => INITRAMFS.skipped(format!("no image of {name} was found in /boot")),
        Ok(Some(found)) => match wanted.fault(found) {
            Some(fault) => INITRAMFS
                .error(format!("the initramfs of {name} holds {fault}"))
                .mend("rmcp-kctl install"),
            None => INITRAMFS.good(format!(
                "the initramfs of {name} holds {}",
                if found.amdgpu {
                    "amdgpu.ko and rmcp.ko"
                } else {
                    "no amdgpu.ko: it is loaded later"
                }
            )),
        },
        Err(why) => INITRAMFS.skipped(format!("{name}: {why:#}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::doctor::finding::Outcome;

    #[test]
    fn an_image_that_was_not_found_is_not_called_good() {
        let wanted = Wanted::Module {
            conf: conf::FILE.to_owned(),
        };
        let holds = |amdgpu, rmcp| Contents {
            amdgpu,
            rmcp,
            conf: rmcp,
        };
        for (contents, outcome) in [
            (Ok(None), Outcome::Skipped),
            (Ok(Some(holds(true, true))), Outcome::Good),
            (Ok(Some(holds(false, false))), Outcome::Good),
            (Ok(Some(holds(true, false))), Outcome::Error),
            (Err(anyhow::anyhow!("no lister")), Outcome::Skipped),
        ] {
            let finding = judge("7.2", &wanted, contents);
            assert_eq!(finding.outcome, outcome, "{finding:?}");
        }
    }
}
