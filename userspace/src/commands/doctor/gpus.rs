// SPDX-License-Identifier: MIT

//! The GPUs, and what rmcp says of each.

use super::finding::{Check, Finding};
use super::Patient;
use crate::sysfs::rmcp;

const GPU: Check = Check {
    name: "gpu",
    why: "the policy is in force on a GPU only when rmcp wrote it before amdgpu used it",
    source: "/sys/bus/pci/devices/*/rmcp; 'rmcp-kctl status' compares each value",
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
        return vec![GPU.note(format!(
            "no RDNA1/RDNA2 GPU (GC 10.1.x or 10.3.x) was found; {others}"
        ))];
    }
    let concerned = patient
        .gpus
        .iter()
        .filter(|gpu| gpu.covered() != Some(false));
    concerned
        .map(|gpu| {
            let name = patient.title(gpu);
            match rmcp::guard(patient.root, &gpu.bdf) {
                Ok(Some(guard)) if guard.state == "enforced" => {
                    GPU.good(format!("{name}: enforced"))
                }
                Ok(Some(guard)) => GPU
                    .error(format!("{name}: {}: {}", guard.state, guard.reason))
                    .mend("rmcp-kctl status"),
                Ok(None) => GPU
                    .error(format!(
                        "{name}: rmcp has not adopted it; {}",
                        match gpu.driver.as_deref() {
                            Some(driver) => format!("its driver is {driver}"),
                            None => "no driver is bound to it".to_owned(),
                        }
                    ))
                    .mend("rmcp-kctl status"),
                Err(error) => GPU.skipped(format!("{name}: {error:#}")),
            }
        })
        .collect()
}
