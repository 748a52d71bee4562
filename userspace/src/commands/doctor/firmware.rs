// SPDX-License-Identifier: MIT

//! The firmware files of each guarded chip.

use super::finding::{Check, Finding};
use super::Patient;
use crate::elf;
use crate::firmware::{self, REQUIRED};
use crate::kernel;
use crate::kernel_file;
use crate::modinfo;
use std::collections::BTreeSet;

const FIRMWARE: Check = Check {
    name: "firmware",
    why: "without its graphics firmware amdgpu does not take the GPU; other files it lacks cost \
          functions, and some are optional",
    source: "MODULE_FIRMWARE of amdgpu.ko; amdgpu/gfx_v10_0.c, gfx_v10_0_init_microcode",
};

pub(super) fn examine(patient: &Patient) -> Vec<Finding> {
    let chips: BTreeSet<_> = patient
        .guarded()
        .filter_map(|(gpu, chip)| Some((chip.name, firmware::prefix(gpu.gc_version?)?)))
        .collect();
    if chips.is_empty() {
        return vec![FIRMWARE.skipped(patient.no_guarded_gpu())];
    }
    let Some(release) = patient.running.as_deref() else {
        return vec![FIRMWARE.skipped("the running kernel's release is not known")];
    };
    let named = match named(patient, release) {
        Ok(named) => named,
        Err(why) => return vec![FIRMWARE.skipped(why)],
    };
    chips
        .into_iter()
        .map(|(chip, prefix)| one(patient, release, chip, prefix, &named))
        .collect()
}

/// The files that the kernel's amdgpu names.
fn named(patient: &Patient, release: &str) -> Result<Vec<String>, String> {
    let path = kernel::amdgpu_module(patient.root, release)
        .ok_or_else(|| format!("no amdgpu.ko in /lib/modules/{release}"))?;
    let module = kernel_file::read(&path).map_err(|error| error.reason.to_string())?;
    let section = elf::section(&module, ".modinfo")
        .map_err(|error| format!("amdgpu.ko of {release}: {error}"))?
        .ok_or_else(|| format!("amdgpu.ko of {release} has no .modinfo"))?;
    Ok(modinfo::values(section, "firmware")
        .map(|name| String::from_utf8_lossy(name).into_owned())
        .collect())
}

fn one(patient: &Patient, release: &str, chip: &str, prefix: &str, named: &[String]) -> Finding {
    let missing = |name: &String| !firmware::exists(patient.root, release, name);
    let file = |part: &str| format!("amdgpu/{prefix}_{part}.bin");
    let required: Vec<String> = REQUIRED.iter().map(|part| file(part)).collect();
    let lacking: Vec<String> = required
        .iter()
        .filter(|name| missing(name))
        .cloned()
        .collect();
    let install = "install the package with AMD's firmware (Debian: firmware-amd-graphics; \
                   others: linux-firmware), then rebuild the initramfs";
    if !lacking.is_empty() {
        return FIRMWARE
            .error(format!("{chip} lacks {}", lacking.join(" ")))
            .mend(install);
    }
    let own = format!("amdgpu/{prefix}_");
    let others: Vec<&str> = named
        .iter()
        .filter(|name| name.starts_with(&own) && missing(name))
        .map(String::as_str)
        .collect();
    if others.is_empty() {
        FIRMWARE.good(format!("{chip} has every file that amdgpu names"))
    } else {
        FIRMWARE
            .note(format!(
                "{chip} has its graphics firmware; not there, though amdgpu names them: {}",
                others.join(" ")
            ))
            .mend(install)
    }
}
