// SPDX-License-Identifier: MIT

//! The firmware of a chip: which files its driver asks for, and whether they are on the disk.

use crate::gpu::GcVersion;
use crate::root::Root;
use crate::sysfs::firmware_loader;

/// What amdgpu calls a chip in the names of its firmware (`amdgpu_ucode_legacy_naming`; newer chips
/// by their GC version).
pub fn prefix(gc: GcVersion) -> Option<&'static str> {
    Some(match (gc.0, gc.1, gc.2) {
        (10, 1, 10) => "navi10",
        (10, 1, 1) => "navi14",
        (10, 1, 2) => "navi12",
        (10, 1, 3 | 4) => "cyan_skillfish2",
        (10, 3, 0) => "sienna_cichlid",
        (10, 3, 1) => "vangogh",
        (10, 3, 2) => "navy_flounder",
        (10, 3, 3) => "yellow_carp",
        (10, 3, 4) => "dimgrey_cavefish",
        (10, 3, 5) => "beige_goby",
        (10, 3, 6) => "gc_10_3_6",
        (10, 3, 7) => "gc_10_3_7",
        _ => return None,
    })
}

/// Those without which amdgpu's probe fails (`gfx_v10_0_init_microcode`).
pub const REQUIRED: [&str; 5] = ["pfp", "me", "ce", "rlc", "mec"];

/// Whether the kernel of this release finds a firmware file, where its loader looks
/// (`drivers/base/firmware_loader/main.c`).
pub fn exists(root: &Root, release: &str, name: &str) -> bool {
    let usual = [
        format!("/lib/firmware/updates/{release}"),
        "/lib/firmware/updates".to_owned(),
        format!("/lib/firmware/{release}"),
        "/lib/firmware".to_owned(),
    ];
    let directories = firmware_loader::own_path(root).into_iter().chain(usual);
    directories.into_iter().any(|directory| {
        ["", ".zst", ".xz"]
            .iter()
            .any(|suffix| root.exists(format!("{directory}/{name}{suffix}")))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::CHIPS;

    #[test]
    fn every_guarded_chip_has_a_name() {
        for chip in &CHIPS {
            let gc = GcVersion(chip.gc.0, chip.gc.1, chip.gc.2);
            assert!(prefix(gc).is_some(), "{gc}");
        }
        assert_eq!(prefix(GcVersion(11, 0, 0)), None);
    }
}
