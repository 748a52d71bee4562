// SPDX-License-Identifier: MIT

//! The GPUs, and what rmcp says of each.

use super::finding::{Check, Finding};
use super::Patient;
use crate::commands::status::Status;
use crate::gpu::NONE_FOUND;

const GPU: Check = Check {
    name: "gpu",
    why: "the policy is in force on a GPU only when it was written before amdgpu used it",
    source:
        "/sys/bus/pci/devices/*/rmcp, or gmc_v10_policy of an amdgpu that has the policy itself; \
             'rmcp-kctl status' has each value",
};

pub(super) fn examine(patient: &Patient) -> Vec<Finding> {
    if let Some(why) = &patient.gpus_unread {
        return vec![GPU.skipped(why.clone())];
    }
    if !patient.concerned() {
        let others = match patient.gpus.len() {
            0 => "no other of AMD's either".to_owned(),
            1 => "one other of AMD's".to_owned(),
            number => format!("{number} others of AMD's"),
        };
        return vec![GPU.note(format!("{NONE_FOUND}; {others}"))];
    }
    let status = match Status::read(patient.root) {
        Ok(status) => status,
        Err(error) => return vec![GPU.skipped(format!("{error:#}"))],
    };
    let concerned = status.gpus.iter().filter(|gpu| gpu.covered != Some(false));
    concerned
        .map(|gpu| {
            let name = format!("{} {}", gpu.bdf, gpu.chip.unwrap_or(&gpu.pci_id));
            if gpu.enforced {
                return GPU.good(format!("{name}: enforced"));
            }
            let state = gpu.guard.as_ref().map(|guard| format!("{}: ", guard.state));
            let state = state.unwrap_or_default();
            GPU.error(format!("{name}: {state}{}", gpu.reason))
                .mend("rmcp-kctl status")
        })
        .collect()
}
