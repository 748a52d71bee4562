// SPDX-License-Identifier: MIT

//! A GC IP version as text and as a chip. The list of chips is the kernel module's own.

use crate::policy::{self, Chip};
use serde::{Serialize, Serializer};
use std::fmt;
use std::str::FromStr;

/// What is said where there is no GPU that rmcp guards.
pub const NONE_FOUND: &str = "no RDNA1/RDNA2 GPU (GC 10.1.x or 10.3.x) was found";

/// A GC IP version, such as 10.1.10.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct GcVersion(pub u8, pub u8, pub u8);

impl GcVersion {
    /// The chip that rmcp guards with this version; `None` for every other GPU.
    pub fn chip(self) -> Option<&'static Chip> {
        policy::find_chip((self.0, self.1, self.2))
    }
}

impl fmt::Display for GcVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.0, self.1, self.2)
    }
}

impl FromStr for GcVersion {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let numbers: Option<Vec<u8>> = text.split('.').map(|part| part.parse().ok()).collect();
        match numbers.as_deref() {
            Some([major, minor, revision]) => Ok(Self(*major, *minor, *revision)),
            _ => Err(format!("{text:?} is not a GC version such as 10.1.10")),
        }
    }
}

impl Serialize for GcVersion {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// The chips that rmcp guards with an instruction set: some share one.
pub fn chips_with(gfx_target: &str) -> impl Iterator<Item = &'static Chip> + '_ {
    let chips = policy::CHIPS.iter();
    chips.filter(move |chip| chip.gfx_target == gfx_target)
}

/// What to call a GPU: its chip where rmcp knows it, else what there is.
pub fn title(gc_version: Option<GcVersion>, pci_id: &str) -> String {
    match (gc_version, gc_version.and_then(GcVersion::chip)) {
        (Some(gc), Some(chip)) => format!("{} ({}, GC {gc})", chip.name, chip.gfx_target),
        (Some(gc), None) => format!("{pci_id} (GC {gc})"),
        (None, _) => pci_id.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_version_reads_back(a: u8, b: u8, c: u8) {
            let version = GcVersion(a, b, c);
            prop_assert_eq!(version.to_string().parse(), Ok(version));
        }

        #[test]
        fn no_text_panics(text: String) {
            let _ = text.parse::<GcVersion>();
        }
    }

    #[test]
    fn other_text_is_refused() {
        for text in ["", "10.1", "10.1.10.0", "10.1.256", "a.b.c"] {
            assert!(text.parse::<GcVersion>().is_err(), "{text}");
        }
    }
}
