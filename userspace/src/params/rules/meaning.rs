// SPDX-License-Identifier: MIT

//! What values of amdgpu's and rmcp's parameters mean: read the wrong way round, out of the driver's
//! own range, deprecated. Each fact names the function of the driver (Linux 7.2,
//! drivers/gpu/drm/amd/amdgpu/) that it was read in.

use crate::params::known::Amdgpu;
use crate::params::value::Value;
use crate::params::{Check, Finding, Module, Setting, Severity, View};
use crate::policy;

/// What the driver accepts for one parameter beyond its type.
struct Range {
    name: &'static str,
    accepts: fn(i128) -> bool,
    accepted: &'static str,
    /// What it does with any other value.
    otherwise: &'static str,
    source: &'static str,
}

const CHECK_ARGUMENTS: &str = "amdgpu_device.c, amdgpu_device_check_arguments";
const OWN_CHOICE: &str = "the driver says so in its log and takes its own choice (-1)";

const RANGES: [Range; 11] = [
    Range {
        name: "noretry",
        accepts: |n| (-1..=1).contains(&n),
        accepted: "0, 1 or -1",
        otherwise: "another value turns retries off as 1 does, and makes rmcp stand down, which \
                    takes it for a sign that it looks at the wrong field",
        source: "amdgpu_gmc.c, amdgpu_gmc_noretry_set; kmod/policy.rs, Fields::plausible",
    },
    Range {
        name: "vm_fragment_size",
        accepts: |n| n == -1 || (4..=9).contains(&n),
        accepted: "4 to 9, or -1",
        otherwise: OWN_CHOICE,
        source: CHECK_ARGUMENTS,
    },
    Range {
        name: "gttsize",
        accepts: |n| n == -1 || n >= 32,
        accepted: "32 or more (MiB), or -1",
        otherwise: OWN_CHOICE,
        source: CHECK_ARGUMENTS,
    },
    Range {
        name: "gartsize",
        // An unsigned type: 0xffffffff is its -1.
        accepts: |n| n >= 32,
        accepted: "32 or more (MiB)",
        otherwise: OWN_CHOICE,
        source: CHECK_ARGUMENTS,
    },
    Range {
        name: "vm_size",
        accepts: |n| n == -1 || n >= 1,
        accepted: "1 or more (GiB), or -1",
        otherwise: OWN_CHOICE,
        source: "amdgpu_device.c, amdgpu_device_check_vm_size",
    },
    Range {
        name: "vm_block_size",
        accepts: |n| n == -1 || n >= 9,
        accepted: "9 or more, or -1",
        otherwise: OWN_CHOICE,
        source: "amdgpu_device.c, amdgpu_device_check_block_size",
    },
    Range {
        name: "reset_method",
        accepts: |n| (-1..=4).contains(&n),
        accepted: "-1 to 4",
        otherwise: OWN_CHOICE,
        source: CHECK_ARGUMENTS,
    },
    Range {
        name: "sched_jobs",
        accepts: |n| n >= 4 && is_power_of_two(n),
        accepted: "a power of two from 4",
        otherwise: "the driver says so in its log and rounds up",
        source: CHECK_ARGUMENTS,
    },
    Range {
        name: "sched_hw_submission",
        accepts: |n| n >= 2 && is_power_of_two(n),
        accepted: "a power of two from 2",
        otherwise: "the driver says so in its log and rounds up",
        source: CHECK_ARGUMENTS,
    },
    Range {
        name: "enforce_isolation",
        accepts: |n| (-1..=3).contains(&n),
        accepted: "-1 to 3",
        otherwise: "the driver does not isolate, as with 0",
        source: CHECK_ARGUMENTS,
    },
    Range {
        name: "num_kcq",
        accepts: |n| (-1..=8).contains(&n),
        accepted: "0 to 8, or -1",
        otherwise: "the driver says so in its log and takes 8",
        source: "amdgpu_gfx.c, amdgpu_gfx_get_num_kcq",
    },
];

/// `PP_OVERDRIVE_MASK` of `ppfeaturemask` (amd_shared.h).
const OVERDRIVE: i128 = 0x4000;

/// Whether the driver keeps this value of a parameter as it is.
pub(super) fn is_kept(name: &str, number: i128) -> bool {
    let range = RANGES.iter().find(|range| range.name == name);
    range.is_none_or(|range| (range.accepts)(number))
}

fn is_power_of_two(number: i128) -> bool {
    u32::try_from(number).is_ok_and(u32::is_power_of_two)
}

pub(super) fn apply(view: &View<'_>, check: &mut Check) {
    for setting in view.sources.to_judge() {
        match setting.module {
            Module::Rmcp => check.findings.extend(of_rmcp(setting)),
            Module::Amdgpu => {
                // What the kernel refuses or ignores has no meaning.
                let number = view.amdgpus().find_map(|amdgpu| number(amdgpu, setting));
                let found = number.and_then(|number| of_amdgpu(view, setting, number));
                check.findings.extend(found);
            }
        }
    }
}

/// The number that amdgpu of a kernel takes the value for.
fn number(amdgpu: &Amdgpu, setting: &Setting) -> Option<i128> {
    let kind = amdgpu.get(&setting.name)?.kind()?;
    match kind.parse(setting.value.as_deref())? {
        Value::Number(number) => Some(number),
        Value::Bool(_) | Value::Text(_) => None,
    }
}

fn of_amdgpu(view: &View<'_>, setting: &Setting, value: i128) -> Option<Finding> {
    let finding = of_number(view, setting, value)?;
    let is_certain = view.every_amdgpu(|amdgpu| {
        amdgpu.get(&setting.name).is_none() || number(amdgpu, setting) == Some(value)
    });
    Some(Finding {
        edit: finding.edit.filter(|_| is_certain),
        ..finding
    })
}

fn of_number(view: &View<'_>, setting: &Setting, number: i128) -> Option<Finding> {
    let range = RANGES.iter().find(|range| range.name == setting.name);
    if let Some(range) = range.filter(|range| !(range.accepts)(number)) {
        return Some(Finding {
            found: format!("{}: out of range", setting.written),
            why: format!("amdgpu accepts {}; {}", range.accepted, range.otherwise),
            todo: format!("remove it, or give {}", range.accepted),
            source: linux(range.source),
            edit: Some(setting.edit(None)),
            ..finding(setting, Severity::Warning, "out-of-range")
        });
    }
    match setting.name.as_str() {
        "noretry" if number == 0 => Some(noretry_0(setting)),
        "gttsize" if number != -1 => {
            let amdgpu = view.amdgpus().find(|k| k.gttsize_deprecated)?;
            Some(gttsize(setting, number, &amdgpu.release))
        }
        "ppfeaturemask" if number & OVERDRIVE != 0 => Some(overdrive(setting)),
        _ => None,
    }
}

fn noretry_0(setting: &Setting) -> Finding {
    let on = setting
        .written
        .strip_suffix('0')
        .map(|before| format!("{before}1"));
    Finding {
        found: format!("{}: this turns retries on, not off", setting.written),
        why: "with 0 the GPU repeats a faulting access instead of reporting it, so that a job may \
              hang without a word. 1 turns retries off, and is amdgpu's own choice on RDNA1 and \
              RDNA2 since Linux 7.2. Where rmcp is in force, its own noretry decides, which is 1 \
              unless it is set"
            .to_owned(),
        todo: "write noretry=1, or remove it".to_owned(),
        source: linux(
            "amdgpu_gmc.c, amdgpu_gmc_noretry_set; gfxhub_v2_0.c, gfxhub_v2_0_setup_vmid_config",
        ),
        edit: on.map(|on| setting.edit(Some(on))),
        ..finding(setting, Severity::Warning, "wrong-reading")
    }
}

fn gttsize(setting: &Setting, mib: i128, release: &str) -> Finding {
    Finding {
        found: format!("{}: deprecated in amdgpu of {release}", setting.written),
        why: "that driver warns of it, as its size and the limit of TTM, which then differ, are \
              meant to be one"
            .to_owned(),
        todo: format!(
            "remove it; where TTM's own limit does not do: 'options ttm pages_limit={}' (in pages \
             of 4 KiB)",
            mib * 256
        ),
        source: linux("amdgpu_ttm.c, amdgpu_ttm_init"),
        ..finding(setting, Severity::Warning, "deprecated")
    }
}

fn overdrive(setting: &Setting) -> Finding {
    Finding {
        found: format!("{}: overdrive (bit 0x4000) is on", setting.written),
        why: "clocks and voltages can be set beyond their limits; amdgpu marks the kernel as \
              tainted and asks to switch it off before a bug is reported"
            .to_owned(),
        todo: "to look for the cause of a fault, start without it".to_owned(),
        source: linux("amdgpu_drv.c, amdgpu_init"),
        ..finding(setting, Severity::Note, "overdrive")
    }
}

fn of_rmcp(setting: &Setting) -> Option<Finding> {
    let value = setting.value.as_deref()?;
    let off = setting.name == policy::ENFORCE.name && policy::ENFORCE.parse(value) == Some(0);
    off.then(|| Finding {
        found: format!("{}: rmcp only reports", setting.written),
        why: "nothing is written, so that the policy is not in force".to_owned(),
        todo: "remove it once you have seen enough".to_owned(),
        source: "kmod/policy.rs (ENFORCE)".to_owned(),
        ..finding(setting, Severity::Note, "report-only")
    })
}

fn linux(source: &str) -> String {
    format!("Linux 7.2, {source}")
}

/// The parts that every finding of this file has.
fn finding(setting: &Setting, severity: Severity, rule: &'static str) -> Finding {
    Finding {
        severity,
        rule,
        place: setting.place.clone(),
        found: String::new(),
        why: String::new(),
        todo: String::new(),
        source: String::new(),
        edit: None,
    }
}
