// SPDX-License-Identifier: MIT

//! The environment variables that change what ROCm does with memory and with code.

use super::finding::{Check, Finding, Outcome};
use super::Patient;
use crate::environment::{Environment, Variable};
use crate::policy::Chip;
use crate::sysfs::kfd;
use crate::sysfs::pci::Gpu;

const OVERRIDE: Check = Check {
    name: "override",
    why: "it makes ROCm run code of another GPU; across minor versions (gfx1030 code on gfx101x) \
          that is a documented cause of HSA_STATUS_ERROR_MEMORY_APERTURE_VIOLATION",
    source: "libhsakmt/src/topology.c, HSA_OVERRIDE_GFX_VERSION",
};

const ENVIRONMENT: Check = Check {
    name: "environment",
    why: "jobs start with what these files set",
    source: "environ(7)",
};

/// A variable, when it matters and how much.
struct Known {
    name: &'static str,
    outcome: Outcome,
    when: When,
    check: Check,
}

/// The values of a variable that matter.
enum When {
    Any,
    /// Neither empty nor 0.
    On,
    /// 0.
    Off,
    /// A list that ends before it has a GPU, at -1.
    HidesAll,
    /// The same; one that is empty, too.
    HidesAllOrEmpty,
    /// On, where one of the GPUs is of this series.
    OnWith(&'static str),
}

const fn known(
    name: &'static str,
    outcome: Outcome,
    when: When,
    why: &'static str,
    source: &'static str,
) -> Known {
    let check = Check {
        name: "environment",
        why,
        source,
    };
    Known {
        name,
        outcome,
        when,
        check,
    }
}

const KNOWN: [Known; 17] = [
    known(
        "HSA_FORCE_FINE_GRAIN_PCIE",
        Outcome::Warning,
        When::On,
        "it offers programs a pool of uncached video memory; only RCCL between several GPUs asks \
         for it",
        "ROCr, amd_gpu_agent.cpp:511-516",
    ),
    known(
        "HSA_DISABLE_CACHE",
        Outcome::Warning,
        When::On,
        "it makes every allocation uncached: to look for a fault of coherence, not for work",
        "libhsakmt/src/fmm.c:2590-2620",
    ),
    known(
        "OPENCL_USE_NC_MEMORY_POLICY",
        Outcome::Warning,
        When::Any,
        "it changes no memory type; it takes away fine-grained memory, which hipHostMalloc asks for",
        "rocclr/device/rocm/rocsettings.cpp:50; rocdevice.cpp:1643-1661",
    ),
    known(
        "HIP_FORCE_DEV_KERNARG",
        Outcome::Warning,
        When::OnWith("gfx101"),
        "it puts kernel arguments into video memory; gfx101x has trouble with the flushes that this \
         takes, so newer ROCm ignores it there",
        "rocclr/device/rocm/rocsettings.cpp:251-266; ROCr, amd_blit_sdma.cpp:173-177",
    ),
    known(
        "HIP_VISIBLE_DEVICES",
        Outcome::Warning,
        When::HidesAll,
        "it hides every GPU",
        "rocclr/device/rocm/rocdevice.cpp, Device::init",
    ),
    known(
        "ROCR_VISIBLE_DEVICES",
        Outcome::Warning,
        When::HidesAllOrEmpty,
        "it hides every GPU",
        "ROCr, util/flag.h",
    ),
    known(
        "CUDA_VISIBLE_DEVICES",
        Outcome::Warning,
        When::HidesAll,
        "it hides every GPU, from HIP too",
        "rocclr/device/rocm/rocdevice.cpp, Device::init",
    ),
    known(
        "HSA_XNACK",
        Outcome::Note,
        When::Any,
        "it has no effect on RDNA1 and RDNA2: amdkfd refuses it from GC 10.1.1 on",
        "amdkfd/kfd_process.c:1545-1547",
    ),
    known(
        "HSA_USE_SVM",
        Outcome::Note,
        When::Off,
        "hipMallocManaged then takes cached system memory that does not migrate",
        "libhsakmt/src/openclose.c:194",
    ),
    known(
        "HIP_HOST_COHERENT",
        Outcome::Note,
        When::Off,
        "0 is the default, and does not make hipHostMalloc's memory non-coherent",
        "hipamd/src/hip_memory.cpp:400-404",
    ),
    known(
        "HSA_ENABLE_SDMA",
        Outcome::Note,
        When::Off,
        "copies are then done by shaders: for finding faults",
        "ROCr, util/flag.h",
    ),
    known(
        "HSA_DISABLE_FRAGMENT_ALLOCATOR",
        Outcome::Note,
        When::On,
        "faults then hit nearer to their cause, and allocations are slower",
        "ROCr, util/flag.h",
    ),
    known(
        "HSA_ENABLE_INTERRUPT",
        Outcome::Note,
        When::Off,
        "a CPU then polls for every signal",
        "ROCr, util/flag.h",
    ),
    known(
        "AMD_SERIALIZE_KERNEL",
        Outcome::Note,
        When::On,
        "kernels then run one after the other: for finding faults",
        "rocclr/utils/flags.hpp",
    ),
    known(
        "HIP_LAUNCH_BLOCKING",
        Outcome::Note,
        When::On,
        "each launch then waits: for finding faults",
        "rocclr/utils/flags.hpp",
    ),
    known(
        "PYTORCH_NO_CUDA_MEMORY_CACHING",
        Outcome::Note,
        When::Any,
        "every tensor is then an allocation of its own: for finding faults, and very slow",
        "PyTorch, c10/cuda/CUDACachingAllocator",
    ),
    known(
        "PYTORCH_NO_HIP_MEMORY_CACHING",
        Outcome::Note,
        When::Any,
        "every tensor is then an allocation of its own: for finding faults, and very slow",
        "PyTorch, c10/cuda/CUDACachingAllocator",
    ),
];

pub(super) fn examine(patient: &Patient) -> Vec<Finding> {
    let environment = Environment::read(patient.root, patient.user.as_ref().ok());
    let mut findings = Vec::new();
    if !patient.root.is_running_system() {
        findings.push(ENVIRONMENT.skipped("this process is not of the system below another root"));
    }
    if let Err(why) = &patient.user {
        findings.push(ENVIRONMENT.skipped(format!("no home directory was looked into: {why}")));
    }
    let unread = environment.unread.iter();
    findings.extend(unread.map(|why| ENVIRONMENT.skipped(why.clone()).private([why.clone()])));
    let before = findings.len();
    for variable in &environment.variables {
        let nodes = Nodes::of_override(&variable.name);
        let of_override = nodes.map(|nodes| override_finding(patient, variable, nodes));
        let known = KNOWN.iter().filter(|known| known.name == variable.name);
        let found = known
            .filter_map(|known| known.finding(patient, variable))
            .chain(of_override);
        // Without the line, so that what is left says that it is a file of somebody's.
        let file = variable
            .place
            .rsplit_once(':')
            .map(|(file, _)| file.to_owned());
        let private = file.filter(|file| file.contains(' '));
        findings.extend(found.map(|finding| finding.private(private.clone())));
    }
    if findings.len() == before {
        findings.push(ENVIRONMENT.good(format!(
            "none of {} variables that matter is set where it was looked",
            KNOWN.len() + 1
        )));
    }
    findings
}

/// Which GPUs the variable is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Nodes {
    All,
    /// That which amdkfd has at this number: newer libraries know this form.
    One(u32),
}

impl Nodes {
    /// By its name; `None` for another variable.
    fn of_override(name: &str) -> Option<Self> {
        let rest = name.strip_prefix("HSA_OVERRIDE_GFX_VERSION")?;
        match rest.strip_prefix('_') {
            None => rest.is_empty().then_some(Self::All),
            Some(node) => node.parse().ok().map(Self::One),
        }
    }

    /// The guarded chips among them; or why there is none.
    fn chips(self, patient: &Patient) -> Result<Vec<&'static Chip>, String> {
        let mut gpus: Vec<(&Gpu, &Chip)> = patient.guarded().collect();
        if gpus.is_empty() {
            return Err(patient.no_guarded_gpu());
        }
        if let Self::One(number) = self {
            let nodes = kfd::gpus(patient.root).map_err(|error| error.to_string())?;
            if nodes.is_empty() {
                return Err(format!("amdkfd does not say which GPU is node {number}"));
            }
            let node = nodes.iter().find(|node| node.number == number);
            let bdf = node.and_then(|node| node.bdf.as_ref());
            gpus.retain(|(gpu, _)| Some(&gpu.bdf) == bdf);
            if gpus.is_empty() {
                return Err(format!("node {number} is no RDNA1/RDNA2 GPU"));
            }
        }
        Ok(gpus.into_iter().map(|(_, chip)| chip).collect())
    }
}

fn override_finding(patient: &Patient, variable: &Variable, nodes: Nodes) -> Finding {
    let what = set(variable);
    let remove = || remove(variable);
    let Some(value) = &variable.value else {
        return OVERRIDE
            .warning(format!("{what}: its value takes a shell to know"))
            .mend(remove());
    };
    let Some(version) = version(value) else {
        return OVERRIDE
            .warning(format!("{what} is no version such as 10.3.0"))
            .mend(remove());
    };
    let chips = match nodes.chips(patient) {
        Ok(chips) => chips,
        Err(why) => return OVERRIDE.note(format!("{what}; {why}")),
    };
    let targets = |chips: &[&Chip]| {
        let targets: Vec<&str> = chips.iter().map(|chip| chip.gfx_target).collect();
        targets.join(", ")
    };
    let minor = |chip: &Chip| target(chip).map(|(major, minor, _)| (major, minor));
    let across: Vec<&Chip> = chips
        .iter()
        .copied()
        .filter(|chip| minor(chip) != Some((version.0, version.1)))
        .collect();
    if !across.is_empty() {
        return OVERRIDE
            .error(format!(
                "{what} runs code of another GPU on {}",
                targets(&across)
            ))
            .mend(remove());
    }
    let other: Vec<&Chip> = chips
        .iter()
        .copied()
        .filter(|chip| target(chip) != Some(version))
        .collect();
    if other.is_empty() {
        OVERRIDE.note(format!("{what} is what the GPU is: it changes nothing"))
    } else {
        OVERRIDE.note(format!(
            "{what} runs code of a sister chip on {}: common, and mostly fine",
            targets(&other)
        ))
    }
}

/// 10.3.0, as the library reads it.
fn version(text: &str) -> Option<(u32, u32, u32)> {
    let mut numbers = text.trim().split('.').map(|number| number.parse().ok());
    let version = (numbers.next()??, numbers.next()??, numbers.next()??);
    numbers.next().is_none().then_some(version)
}

/// (10, 1, 0) of gfx1010: the last two digits are the minor version and the stepping.
fn target(chip: &Chip) -> Option<(u32, u32, u32)> {
    let digits = chip.gfx_target.strip_prefix("gfx")?;
    let (major, rest) = digits.split_at_checked(digits.len().checked_sub(2)?)?;
    let mut rest = rest.chars().map(|digit| digit.to_digit(16));
    Some((major.parse().ok()?, rest.next()??, rest.next()??))
}

impl Known {
    fn finding(&self, patient: &Patient, variable: &Variable) -> Option<Finding> {
        let value = variable.value.as_deref().map(str::trim);
        let on = value.is_none_or(|value| !matches!(value, "" | "0"));
        let ends_at_once =
            |value: Option<&str>| value.is_some_and(|list| list.split(',').next() == Some("-1"));
        let matters = match self.when {
            When::Any => true,
            When::On => on,
            When::Off => value.is_none_or(|value| value == "0"),
            When::HidesAll => ends_at_once(value),
            When::HidesAllOrEmpty => ends_at_once(value) || value == Some(""),
            When::OnWith(series) => {
                on && patient
                    .guarded()
                    .any(|(_, chip)| chip.gfx_target.starts_with(series))
            }
        };
        let what = set(variable);
        matters.then(|| match self.outcome {
            Outcome::Warning => self.check.warning(what).mend(remove(variable)),
            _ => self.check.note(what),
        })
    }
}

/// What is set where. A value that could be anything, such as a path, is not shown.
fn set(variable: &Variable) -> String {
    const LONGEST: usize = 32;
    let harmless = |value: &str| {
        value.len() <= LONGEST
            && value
                .chars()
                .all(|c| c.is_ascii_digit() || matches!(c, '.' | ',' | '-'))
    };
    let Variable { name, place, .. } = variable;
    match variable.value.as_deref() {
        Some(value) if harmless(value) => format!("{name}={value} ({place})"),
        _ => format!("{name} ({place})"),
    }
}

fn remove(variable: &Variable) -> String {
    let Variable { name, place, .. } = variable;
    if place.starts_with('/') {
        format!("take {name} out of {place}, and log in again")
    } else {
        format!("unset {name}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::CHIPS;
    use proptest::prelude::*;

    #[test]
    fn every_chips_target_is_a_version() {
        for chip in &CHIPS {
            let (major, minor, _) = target(chip).unwrap();
            assert_eq!(
                (major as u8, minor as u8),
                (chip.gc.0, chip.gc.1),
                "{chip:?}"
            );
        }
    }

    #[test]
    fn versions_have_three_numbers() {
        assert_eq!(version(" 10.3.0\n"), Some((10, 3, 0)));
        for text in ["", "10.3", "10.3.0.1", "gfx1030", "10.3.x", "-1.0.0"] {
            assert_eq!(version(text), None, "{text}");
        }
    }

    #[test]
    fn the_variable_is_for_all_nodes_or_for_one() {
        let of = |rest: &str| Nodes::of_override(&format!("HSA_OVERRIDE_GFX_VERSION{rest}"));
        assert_eq!((of(""), of("_1")), (Some(Nodes::All), Some(Nodes::One(1))));
        for other in ["_", "_x", "S", "_1_2"] {
            assert_eq!(of(other), None, "{other}");
        }
    }

    proptest! {
        #[test]
        fn no_value_panics(text: String) {
            version(&text);
            Nodes::of_override(&format!("HSA_OVERRIDE_GFX_VERSION_{text}"));
        }
    }
}
