// SPDX-License-Identifier: MIT

//! Where the few fields of amdgpu that rmcp needs are, in one very kernel: worked out from the
//! BTF of its `amdgpu.ko`, and written down as a Rust file for the kernel module. All that is
//! known of amdgpu's structs is in `layout/amdgpu.rs`; nothing is derived from a version number,
//! and what does not look exactly as expected is refused.

mod agreed;
mod amdgpu;
mod error;
mod generate;
mod modinfo;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

use serde::{Serialize, Serializer};

use crate::btf::{Btf, BtfError};
use crate::elf;
use crate::fingerprint::fnv1a64;
pub use crate::kmod_layout::{AdevFrom, MtypeHook};

pub use error::LayoutError;

/// The layout of one amdgpu. Offsets and sizes are in bytes, offsets from the start of
/// `struct amdgpu_device` unless said otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Layout {
    /// The kernel that amdgpu was built for, as `uname -r` says it.
    pub kernel_release: String,
    /// amdgpu's `srcversion`, if it has one.
    pub srcversion: Option<String>,
    /// Length of amdgpu's `.BTF` section.
    pub btf_len: usize,
    /// FNV-1a of amdgpu's `.BTF` section.
    #[serde(serialize_with = "as_hexadecimal")]
    pub btf_fnv1a64: u64,
    /// What the first argument of `gmc_v10_0_hw_init` and `gmc_v10_0_sw_fini` is.
    #[serde(with = "AdevFromNames")]
    pub adev_from: AdevFrom,
    /// The function through which requests for a memory type pass.
    #[serde(with = "MtypeHookNames")]
    pub mtype_hook: MtypeHook,
    /// Size of `struct amdgpu_device`.
    pub adev_size: usize,
    /// `pdev`, a `struct pci_dev *`.
    pub pdev: usize,
    /// `dev`, a `struct device *`.
    pub dev: usize,
    /// `ddev`, the embedded `struct drm_device`.
    pub ddev: usize,
    /// `dev` of `struct drm_device`, from the start of that.
    pub drm_dev: usize,
    /// `gmc.noretry`, an `int`.
    pub noretry: usize,
    /// `vm_manager.fragment_size`, a `uint32_t`.
    pub fragment_size: usize,
    /// The enumerator `GC_HWIP`, the row of `ip_versions` that is the graphics core's.
    pub gc_hwip: usize,
    /// `ip_versions[GC_HWIP][0]`, a `uint32_t`.
    pub gc_version: usize,
}

/// As text, because a JSON number cannot hold 64 bits everywhere.
fn as_hexadecimal<S: Serializer>(number: &u64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("{number:#018x}"))
}

#[derive(Serialize)]
#[serde(remote = "AdevFrom", rename_all = "snake_case")]
enum AdevFromNames {
    Handle,
    IpBlock { adev: usize },
}

#[derive(Serialize)]
#[serde(remote = "MtypeHook", rename_all = "snake_case")]
enum MtypeHookNames {
    GetVmPte,
    MapMtype,
}

impl Layout {
    /// Works out the layout of the amdgpu in `amdgpu_ko` (an ELF file, decompressed) on top of
    /// `base_btf`, the BTF of its kernel. A module that carries its own base (`.BTF.base`, built
    /// outside the kernel tree) is read on top of that instead.
    ///
    /// # Errors
    /// Anything that is not exactly what rmcp knows: a missing function, struct or member, one of
    /// another type, copies of a definition that disagree, and damaged files.
    pub fn resolve(amdgpu_ko: &[u8], base_btf: &[u8]) -> Result<Self, LayoutError> {
        let section = |name| elf::section(amdgpu_ko, name).map_err(LayoutError::Elf);
        let missing = |section| LayoutError::NoSection { section };
        let modinfo = section(".modinfo")?.ok_or(missing(".modinfo"))?;
        let own_btf = section(".BTF")?.ok_or(missing(".BTF"))?;
        let own_base = section(".BTF.base")?;

        let in_base = |reason| LayoutError::Btf {
            of: "the kernel",
            reason,
        };
        let base = Btf::parse(own_base.unwrap_or(base_btf)).map_err(in_base)?;
        let btf = Btf::parse_split(own_btf, &base).map_err(in_amdgpu)?;
        let found = amdgpu::Found::resolve(&btf)?;
        Ok(Self {
            kernel_release: modinfo::kernel_release(modinfo)?,
            srcversion: modinfo::srcversion(modinfo)?,
            btf_len: own_btf.len(),
            btf_fnv1a64: fnv1a64(own_btf),
            adev_from: found.adev_from,
            mtype_hook: found.mtype_hook,
            adev_size: found.adev_size,
            pdev: found.pdev,
            dev: found.dev,
            ddev: found.ddev,
            drm_dev: found.drm_dev,
            noretry: found.noretry,
            fragment_size: found.fragment_size,
            gc_hwip: found.gc_hwip,
            gc_version: found.gc_version,
        })
    }
}

fn in_amdgpu(reason: BtfError) -> LayoutError {
    LayoutError::Btf {
        of: "amdgpu",
        reason,
    }
}
