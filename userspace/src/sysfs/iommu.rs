// SPDX-License-Identifier: MIT

//! What the IOMMU does to a PCI function's view of memory.

use super::pci;
use crate::root::Root;
use std::io;

/// How a PCI function sees memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum View {
    /// No IOMMU is in its way.
    Direct,
    /// The IOMMU passes its addresses through.
    Identity,
    /// The IOMMU translates its addresses; the kernel's name for how.
    Translated(String),
}

/// How the function at `bdf` sees memory.
///
/// # Errors
///
/// When the file that says so exists but cannot be read.
pub fn view(root: &Root, bdf: &str) -> io::Result<View> {
    let kind = root.read(format!("{}/iommu_group/type", pci::directory(bdf)))?;
    Ok(match kind.as_deref() {
        None => View::Direct,
        Some("identity") => View::Identity,
        Some(other) => View::Translated(other.to_owned()),
    })
}
