// SPDX-License-Identifier: MIT

//! ROCm and PyTorch on the disk, and whether they have code for the GPUs that are there.

use super::finding::{Check, Finding};
use super::Patient;
use crate::rocm::{self, PyTorch};
use std::collections::BTreeSet;

const ROCM: Check = Check {
    name: "rocm",
    why: "several versions side by side are a common reason for libraries that do not fit",
    source: "/opt/rocm*/.info/version; dpkg's list of packages",
};

const ROCBLAS: Check = Check {
    name: "rocblas",
    why: "rocBLAS runs only on GPUs that it has kernels for; that gfx1010 has none is why people \
          make it run gfx1030 code, a documented cause of memory faults",
    source: "the names of the files in rocblas/library",
};

const PYTORCH: Check = Check {
    name: "pytorch",
    why: "a PyTorch that was built for CUDA, or for the CPU, does not use these GPUs",
    source: "torch/version.py",
};

const ULTRALYTICS: Check = Check {
    name: "ultralytics",
    why: "it trains with batch=16, amp=True and epochs=100 where nothing else is said; with less memory, \
          without half precision and with few epochs a first try shows sooner whether a fault is of these",
    source: "ultralytics/cfg/default.yaml; rmcp-kctl run --help",
};

pub(super) fn examine(patient: &Patient) -> Vec<Finding> {
    let mut findings = versions(patient);
    for (directory, targets) in rocm::rocblas(patient.root) {
        findings.extend(kernels(patient, &directory, &targets));
    }
    let home = patient.user.as_ref().ok().map(|user| user.home.as_str());
    let found = rocm::pytorches(patient.root, home);
    if found.is_empty() {
        findings.push(match &patient.user {
            Ok(_) => PYTORCH.note(
                "no PyTorch is where it was looked: with the system's Python, in /opt, at home",
            ),
            Err(why) => PYTORCH.skipped(format!("none was found outside home directories; {why}")),
        });
    }
    for pytorch in &found {
        // The directory of somebody's work may say what it is.
        let place = Some(&pytorch.place).filter(|place| !place.starts_with("/usr/"));
        let private = || place.cloned();
        findings.push(built_for(pytorch).private(private()));
        if let Some(version) = rocm::ultralytics(patient.root, pytorch) {
            let found = format!("Ultralytics {version} is beside {}", pytorch.place);
            let finding = ULTRALYTICS.note(found).private(private());
            findings.push(
                finding
                    .mend("for a first try: rmcp-kctl run --preset ultralytics -- yolo train ..."),
            );
        }
        if let Some(targets) = rocm::rocblas_of(patient.root, pytorch) {
            let kernels = kernels(patient, &pytorch.place, &targets).into_iter();
            findings.extend(kernels.map(|finding| finding.private(private())));
        }
    }
    findings
}

fn versions(patient: &Patient) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut installed = Vec::new();
    for read in [rocm::of_amd(patient.root), rocm::packages(patient.root)] {
        match read {
            Ok(found) => installed.extend(found),
            Err(error) => findings.push(ROCM.skipped(error.to_string())),
        }
    }
    if installed.is_empty() {
        if findings.is_empty() {
            findings.push(ROCM.note("no ROCm is where it was looked: /opt and dpkg's list"));
        }
        return findings;
    }
    let list: Vec<String> = installed
        .iter()
        .map(|one| format!("{} {}", one.what, one.version))
        .collect();
    let of_amd = installed.iter().filter(|one| one.what.starts_with('/'));
    let of_distribution = installed.iter().any(|one| one.distributions);
    findings.push(if of_amd.count() + usize::from(of_distribution) > 1 {
        ROCM.note(format!("several: {}", list.join(", ")))
    } else {
        ROCM.good(list.join(", "))
    });
    findings
}

fn built_for(pytorch: &PyTorch) -> Finding {
    let PyTorch { place, version, .. } = pytorch;
    match (&pytorch.hip, &pytorch.cuda) {
        (Some(hip), _) => PYTORCH.good(format!("{place}: {version}, for HIP {hip}")),
        (None, Some(cuda)) => PYTORCH.warning(format!("{place}: {version}, for CUDA {cuda}")),
        (None, None) => PYTORCH.note(format!("{place}: {version}, for the CPU")),
    }
}

/// Whether a rocBLAS has kernels for each instruction set of the guarded GPUs.
fn kernels(patient: &Patient, place: &str, targets: &BTreeSet<String>) -> Vec<Finding> {
    let wanted: BTreeSet<&str> = patient.guarded().map(|(_, chip)| chip.gfx_target).collect();
    if wanted.is_empty() {
        return vec![ROCBLAS.skipped(patient.no_guarded_gpu())];
    }
    let find = |target: &str| {
        if targets.contains(target) {
            ROCBLAS.good(format!("{place} has kernels for {target}"))
        } else if target.starts_with("gfx103") && targets.contains("gfx1030") {
            ROCBLAS.note(format!(
                "{place} has kernels for gfx1030, none for {target}, on which those mostly run"
            ))
        } else {
            ROCBLAS
                .warning(format!("{place} has no kernels for {target}"))
                .mend(format!("use a rocBLAS that was built for {target}"))
        }
    };
    wanted.into_iter().map(find).collect()
}
