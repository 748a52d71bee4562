// SPDX-License-Identifier: MIT

//! Why an amdgpu's layout is refused.

use crate::btf::BtfError;
use crate::elf::ElfError;

/// What to do about an amdgpu that differs from what rmcp expects.
const UNKNOWN: &str = "this amdgpu is not one that this rmcp knows: nothing is generated for it; \
                       look for a newer rmcp, or report the kernel's version with this line";

/// A reason not to generate a layout.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LayoutError {
    /// amdgpu.ko is no sound ELF file.
    #[error("amdgpu.ko: {0}")]
    Elf(ElfError),
    /// amdgpu.ko lacks a section.
    #[error(
        "amdgpu.ko has no {section} section; expected the module of a kernel built with \
         CONFIG_DEBUG_INFO_BTF_MODULES=y, not stripped of it"
    )]
    NoSection {
        /// The section.
        section: &'static str,
    },
    /// A `.modinfo` entry is missing or unusable.
    #[error("amdgpu.ko: modinfo `{key}` is {found}, expected {expected}")]
    Modinfo {
        /// The entry.
        key: &'static str,
        /// What it is.
        found: String,
        /// What it should be.
        expected: &'static str,
    },
    /// The BTF is damaged, or the base is not the one that the module was built on.
    #[error(
        "the BTF of {of}: {reason}; the module and the kernel's BTF must be of the same build, \
         reinstall the kernel's packages if they are"
    )]
    Btf {
        /// Whose BTF.
        of: &'static str,
        /// The defect.
        reason: BtfError,
    },
    /// There is no such function.
    #[error("no function {function} in amdgpu's BTF; {UNKNOWN}")]
    NoFunction {
        /// The function.
        function: &'static str,
    },
    /// There is no such struct or enum.
    #[error(
        "no {definition} in the BTF; if the kernel's BTF and amdgpu are of the same build, {UNKNOWN}"
    )]
    NoDefinition {
        /// The struct or enum.
        definition: String,
    },
    /// A struct or enum lacks a member.
    #[error("{definition} has no member {member}; {UNKNOWN}")]
    MissingMember {
        /// The struct or enum.
        definition: String,
        /// The member or enumerator.
        member: String,
    },
    /// A member or a function is of another type.
    #[error("{what} is {found}, expected {expected}; {UNKNOWN}")]
    WrongType {
        /// The member or function.
        what: String,
        /// Its type.
        found: String,
        /// The type it should have.
        expected: &'static str,
    },
    /// Copies of a definition differ, so none of them can be relied on.
    #[error("the BTF's copies of {what} disagree: {first}, but also {other}; {UNKNOWN}")]
    Disagree {
        /// The struct, member, enumerator or function.
        what: String,
        /// What the first copy says.
        first: String,
        /// What another says.
        other: String,
    },
}
