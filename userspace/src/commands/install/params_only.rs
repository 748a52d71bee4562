// SPDX-License-Identifier: MIT

//! Doing without the module: whether amdgpu's own options, which hold for every GPU that it drives,
//! may stand in for it.

use crate::gpu::GcVersion;
use crate::root::Root;
use crate::sysfs::pci;
use anyhow::Result;

/// Why the options may not be set; `None` when they may.
///
/// # Errors
///
/// When sysfs cannot be read.
pub(super) fn refusal(root: &Root) -> Result<Option<String>> {
    let gpus = pci::gpus(root)?;
    if gpus.is_empty() {
        return Ok(Some("there is no AMD GPU here".to_owned()));
    }
    Ok(gpus.into_iter().find_map(|gpu| {
        let chip = gpu.gc_version.and_then(GcVersion::chip);
        match (chip, gpu.gc_version) {
            (Some(_), _) => None,
            (None, Some(version)) => Some(format!(
                "amdgpu's options hold for every AMD GPU, and {} ({}) is GC {version}, not RDNA1 or RDNA2",
                gpu.bdf, gpu.pci_id
            )),
            (None, None) if gpu.cannot_be_covered() => Some(format!(
                "amdgpu's options hold for every AMD GPU, and {} ({}) is not RDNA1 or RDNA2",
                gpu.bdf, gpu.pci_id
            )),
            (None, None) => Some(format!(
                "the GC version of {} ({}) is not known while amdgpu does not drive it: load amdgpu first",
                gpu.bdf, gpu.pci_id
            )),
        }
    }))
}
