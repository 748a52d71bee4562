// SPDX-License-Identifier: GPL-2.0 OR MIT

//! What the module must know of amdgpu's structures, as numbers, and the proof that the numbers
//! belong to the amdgpu at hand. The numbers themselves are generated from BTF by
//! `rmcp-kctl layout`; none is written here. `core` only: user space compiles this file too.

use crate::fingerprint::{fnv1a64, fnv1a64_words};

/// What the first argument of `gmc_v10_0_hw_init` and `gmc_v10_0_sw_fini` is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AdevFrom {
    /// `struct amdgpu_device *`, passed as `void *handle`.
    Handle,
    /// `struct amdgpu_ip_block *`, with the device pointer at this byte offset.
    IpBlock {
        /// Offset of `adev`.
        adev: usize,
    },
}

/// The function of amdgpu through which every request for a memory type passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MtypeHook {
    /// `gmc_v10_0_get_vm_pte(adev, vm, bo, vm_flags, flags)`.
    GetVmPte,
    /// `gmc_v10_0_map_mtype(adev, flags)`.
    MapMtype,
}

/// Offsets in bytes, all but `drm_dev` from the start of `struct amdgpu_device`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    /// The kernel whose amdgpu this was read from.
    pub kernel_release: &'static str,
    /// Length of amdgpu's `.BTF` section.
    pub btf_len: usize,
    /// FNV-1a of amdgpu's `.BTF` section.
    pub btf_fnv1a64: u64,
    /// How a probe finds the device.
    pub adev_from: AdevFrom,
    /// Which function is watched for MTYPE_CC.
    pub mtype_hook: MtypeHook,
    /// Size of `struct amdgpu_device`.
    pub adev_size: usize,
    /// `pdev`, a `struct pci_dev *`.
    pub pdev: usize,
    /// `dev`, a `struct device *`.
    pub dev: usize,
    /// `ddev`, the embedded `struct drm_device`.
    pub ddev: usize,
    /// `dev` inside `struct drm_device`.
    pub drm_dev: usize,
    /// `gmc.noretry`, an `int`.
    pub noretry: usize,
    /// `vm_manager.fragment_size`, a `uint32_t`.
    pub fragment_size: usize,
    /// `ip_versions[GC_HWIP][0]`, a `uint32_t`.
    pub gc_version: usize,
    /// Checksum of all numbers above, see [`Layout::compute_sum`].
    pub sum: u64,
}

impl Layout {
    /// The checksum that a layout's numbers must have. It makes a generated file that was edited,
    /// truncated or merged recognisable.
    pub const fn compute_sum(&self) -> u64 {
        let (from, adev) = match self.adev_from {
            AdevFrom::Handle => (0, 0),
            AdevFrom::IpBlock { adev } => (1, adev as u64),
        };
        let hook = match self.mtype_hook {
            MtypeHook::GetVmPte => 0,
            MtypeHook::MapMtype => 1,
        };
        fnv1a64_words(&[
            fnv1a64(self.kernel_release.as_bytes()),
            self.btf_len as u64,
            self.btf_fnv1a64,
            from,
            adev,
            hook,
            self.adev_size as u64,
            self.pdev as u64,
            self.dev as u64,
            self.ddev as u64,
            self.drm_dev as u64,
            self.noretry as u64,
            self.fragment_size as u64,
            self.gc_version as u64,
        ])
    }

    /// Whether the numbers are those that were generated.
    pub const fn intact(&self) -> bool {
        self.sum == self.compute_sum()
    }

    /// Whether this is the `.BTF` section that the layout was read from.
    pub const fn matches_btf(&self, btf: &[u8]) -> bool {
        btf.len() == self.btf_len && fnv1a64(btf) == self.btf_fnv1a64
    }
}

/// Whether this `.BTF` section is of an amdgpu that has the policy itself, by the patch of
/// `patches/linux/`: it names the structure that the patch adds.
pub fn has_policy(btf: &[u8]) -> bool {
    const NAME: &[u8] = b"amdgpu_gmc_v10_policy";
    // By the zeros between names: a comparison at each of millions of bytes would take its time.
    btf.split(|&byte| byte == 0).any(|name| name == NAME)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BTF: &[u8] = b"not really BTF";

    fn layout() -> Layout {
        let mut layout = Layout {
            kernel_release: "7.2.12+deb13-amd64",
            btf_len: BTF.len(),
            btf_fnv1a64: fnv1a64(BTF),
            adev_from: AdevFrom::IpBlock { adev: 16 },
            mtype_hook: MtypeHook::GetVmPte,
            adev_size: 4096,
            pdev: 8,
            dev: 16,
            ddev: 24,
            drm_dev: 32,
            noretry: 1000,
            fragment_size: 2000,
            gc_version: 3000,
            sum: 0,
        };
        layout.sum = layout.compute_sum();
        layout
    }

    #[test]
    fn a_changed_number_is_noticed() {
        assert!(layout().intact());
        let edits: [fn(&mut Layout); 13] = [
            |l| l.kernel_release = "7.2.11+deb13-amd64",
            |l| l.btf_len += 1,
            |l| l.btf_fnv1a64 ^= 1,
            |l| l.adev_from = AdevFrom::IpBlock { adev: 24 },
            |l| l.adev_from = AdevFrom::Handle,
            |l| l.mtype_hook = MtypeHook::MapMtype,
            |l| l.adev_size += 8,
            |l| l.pdev += 8,
            |l| l.dev += 8,
            |l| l.ddev += 8,
            |l| l.noretry += 4,
            |l| l.fragment_size += 4,
            |l| l.gc_version += 4,
        ];
        for (i, edit) in edits.iter().enumerate() {
            let mut edited = layout();
            edit(&mut edited);
            assert!(!edited.intact(), "edit {i}");
        }
    }

    #[test]
    fn a_driver_with_the_policy_is_told_by_the_name_of_its_structure() {
        assert!(has_policy(b"..\0amdgpu_gmc_v10_policy\0v10_policy\0"));
        assert!(!has_policy(b"..\0amdgpu_gmc_v10_policy_\0"));
        assert!(!has_policy(b""));
    }

    #[test]
    fn only_the_very_btf_matches() {
        assert!(layout().matches_btf(BTF));
        assert!(!layout().matches_btf(b"not really BTG"));
        assert!(!layout().matches_btf(b"not really BTF "));
        assert!(!layout().matches_btf(b""));
    }
}
