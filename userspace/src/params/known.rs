// SPDX-License-Identifier: MIT

//! The parameters that a module has: amdgpu's by each installed kernel's own `amdgpu.ko`, rmcp's by
//! `policy.rs`.

use super::value::Kind;
use crate::elf;
use crate::kernel;
use crate::kernel_file::{self, KernelFileError};
use crate::modinfo;
use crate::policy;
use crate::root::Root;
use std::collections::BTreeMap;

/// What every module takes besides its own parameters (`kernel/module/main.c`,
/// `unknown_module_param_cb`).
pub(super) const OF_EVERY_MODULE: [&str; 2] = ["async_probe", "dyndbg"];

/// amdgpu of one kernel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Amdgpu {
    /// The kernel's release.
    pub(super) release: String,
    /// Its parameters by name.
    pub(super) parameters: BTreeMap<String, Parameter>,
    /// Whether its code says that `gttsize` is deprecated, where that was asked for.
    pub(super) gttsize_deprecated: bool,
}

/// One parameter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Parameter {
    /// The name of its type: `parmtype=`.
    pub(super) kind: String,
    /// Its author's line of help: `parm=`.
    pub(super) help: String,
}

impl Parameter {
    /// Its type, if it is one that can be checked here.
    pub(super) fn kind(&self) -> Option<Kind> {
        Kind::of(&self.kind)
    }
}

/// Why the parameters of a kernel's amdgpu are not known.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unknown {
    #[error("{0} has no amdgpu.ko")]
    NoAmdgpu(String),
    #[error(transparent)]
    File(#[from] KernelFileError),
    #[error("amdgpu.ko of {release}: {reason}")]
    Elf {
        release: String,
        reason: elf::ElfError,
    },
    #[error("amdgpu.ko of {0} names no parameters (parmtype=)")]
    NoParameters(String),
}

impl Amdgpu {
    /// Reads a kernel's amdgpu; `with_gttsize` searches its messages, which takes a while.
    pub(super) fn read(root: &Root, release: &str, with_gttsize: bool) -> Result<Self, Unknown> {
        let path = kernel::amdgpu_module(root, release)
            .ok_or_else(|| Unknown::NoAmdgpu(release.to_owned()))?;
        let file = kernel_file::read(&path)?;
        let modinfo = elf::section(&file, ".modinfo").map_err(|reason| Unknown::Elf {
            release: release.to_owned(),
            reason,
        })?;
        let parameters = parameters(modinfo.unwrap_or_default());
        if parameters.is_empty() {
            return Err(Unknown::NoParameters(release.to_owned()));
        }
        Ok(Self {
            release: release.to_owned(),
            parameters,
            // Compilers and linkers put messages into more than one section.
            gttsize_deprecated: with_gttsize && contains(&file, GTTSIZE_DEPRECATED.as_bytes()),
        })
    }

    /// The parameter of this name, `-` and `_` being the same.
    pub(super) fn get(&self, name: &str) -> Option<&Parameter> {
        self.parameters.get(name)
    }
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}

/// The driver's own warning (`amdgpu_ttm.c`, `amdgpu_ttm_init`).
const GTTSIZE_DEPRECATED: &str = "Configuring gttsize via module parameter is deprecated";

fn parameters(modinfo: &[u8]) -> BTreeMap<String, Parameter> {
    let pairs = |key| {
        modinfo::values(modinfo, key).filter_map(|value| {
            let value = String::from_utf8_lossy(value);
            let (name, rest) = value.split_once(':')?;
            Some((normal(name), rest.to_owned()))
        })
    };
    let mut parameters: BTreeMap<String, Parameter> = BTreeMap::new();
    for (name, kind) in pairs("parmtype") {
        parameters.entry(name).or_default().kind = kind;
    }
    for (name, help) in pairs("parm") {
        parameters.entry(name).or_default().help = help;
    }
    parameters
}

/// A parameter's name as the kernel compares it (`kernel/params.c`, `parameq`).
pub(super) fn normal(name: &str) -> String {
    name.replace('-', "_")
}

/// rmcp's parameter of this name.
pub(super) fn own(name: &str) -> Option<&'static policy::Param> {
    policy::PARAMS.into_iter().find(|param| param.name == name)
}

/// The name nearest to one that is wrong, if any is near enough to be meant.
pub(super) fn nearest<'a>(wrong: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let far = wrong.len() / 3;
    names
        .map(|name| (strsim::damerau_levenshtein(wrong, name), name))
        .filter(|(distance, _)| *distance <= far)
        .min()
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_have_types_and_help() {
        let modinfo =
            b"parm=noretry:Disable retry: x\0parmtype=noretry:int\0parmtype=vm-size:uint\0parm=x\0";
        let parameters = parameters(modinfo);
        assert_eq!(parameters.len(), 2);
        assert_eq!(parameters["noretry"].kind, "int");
        assert_eq!(parameters["noretry"].help, "Disable retry: x");
        assert_eq!(parameters["vm_size"].kind, "uint");
    }

    #[test]
    fn a_near_name_is_offered_and_a_far_one_is_not() {
        let names = ["gttsize", "gartsize", "noretry"];
        let nearest = |wrong| nearest(wrong, names.into_iter());
        assert_eq!(nearest("gtt_size"), Some("gttsize"));
        assert_eq!(nearest("no_retry"), Some("noretry"));
        assert_eq!(nearest("aper_base_coherent"), None);
        assert_eq!(nearest(""), None);
    }
}
