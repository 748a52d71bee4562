// SPDX-License-Identifier: MIT

//! What a program can ask amdgpu for through a render node: the description of its GPU, and a page of
//! memory mapped where the GPU would see it. The structures and numbers are those of
//! `drm_amdgpu.h`, `amdgpu_drm.h` in the kernel's `include/uapi/drm`, and are held against the
//! compiler's reading of that header by a test. This is the one file with unsafe code.

#![allow(unsafe_code)]

use crate::policy;
use crate::sysfs::fdinfo;
use anyhow::{ensure, Context, Result};
use nix::errno::Errno;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::AsRawFd;
use std::path::Path;

/// `AMDGPU_INFO_DEV_INFO`.
const DEV_INFO: u32 = 0x16;
/// `AMDGPU_GEM_DOMAIN_GTT`: the machine's memory.
const DOMAIN_GTT: u64 = 0x2;
/// `AMDGPU_VA_OP_MAP`.
const OP_MAP: u32 = 1;
/// `AMDGPU_VA_OP_UNMAP`.
const OP_UNMAP: u32 = 2;
/// `AMDGPU_VM_PAGE_READABLE`.
const READABLE: u32 = 1 << 1;
/// What is mapped, in bytes: a page of the GPU's.
const PAGE: u64 = 4096;

/// `struct drm_amdgpu_info`, whose last member is a union that `DEV_INFO` has no use for.
#[repr(C)]
struct Info {
    return_pointer: u64,
    return_size: u32,
    query: u32,
    unused: [u32; 4],
}

/// The beginning of `struct drm_amdgpu_info_device`; the driver gives as much as is asked for.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default)]
struct Device {
    device_id: u32,
    chip: [u32; 7],
    clocks: [u64; 2],
    compute_units: [u32; 18],
    backends: [u32; 4],
    ids_flags: u64,
    virtual_address_offset: u64,
    virtual_address_max: u64,
    virtual_address_alignment: u32,
    pte_fragment_size: u32,
}

/// `union drm_amdgpu_gem_create`: what is asked for; the answer is a handle in its first 32 bits.
#[repr(C)]
union Create {
    asked: CreateAsked,
    handle: u32,
}

#[repr(C)]
#[derive(Clone, Copy)]
struct CreateAsked {
    size: u64,
    alignment: u64,
    domains: u64,
    flags: u64,
}

/// `struct drm_amdgpu_gem_va` as far as every kernel has it; a kernel that knows more takes zeros for
/// the rest (`drm_ioctl`).
#[repr(C)]
#[derive(Clone, Copy)]
struct Va {
    handle: u32,
    pad: u32,
    operation: u32,
    flags: u32,
    address: u64,
    offset_in_bo: u64,
    size: u64,
}

/// `struct drm_gem_close`.
#[repr(C)]
struct Close {
    handle: u32,
    pad: u32,
}

/// `DRM_IOCTL_*`, with the driver's own numbers from `DRM_COMMAND_BASE`, 0x40, on.
mod ioctl {
    use super::{Close, Create, Info, Va};

    nix::ioctl_write_ptr!(gem_close, b'd', 0x09, Close);
    nix::ioctl_readwrite!(gem_create, b'd', 0x40, Create);
    nix::ioctl_write_ptr!(info, b'd', 0x45, Info);
    nix::ioctl_write_ptr!(gem_va, b'd', 0x48, Va);
}

/// What the driver says of its GPU.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DevInfo {
    /// Its PCI device.
    pub device_id: u32,
    /// The fragment size that user space is told, in bytes.
    pub pte_fragment_size: u32,
    /// The first GPU virtual address that a program may use.
    pub first_address: u64,
}

/// An open render node: an address space of its own on the GPU.
#[derive(Debug)]
pub struct RenderNode(File);

impl RenderNode {
    /// Opens the node.
    ///
    /// # Errors
    ///
    /// When this user may not, or there is none.
    pub fn open(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().read(true).write(true).open(path)?;
        Ok(Self(file))
    }

    /// Asks the driver for `AMDGPU_INFO_DEV_INFO`.
    ///
    /// # Errors
    ///
    /// When it does not answer.
    pub fn dev_info(&self) -> Result<DevInfo> {
        let mut device = Device::default();
        let request = Info {
            return_pointer: (&raw mut device).expose_provenance() as u64,
            return_size: size_of::<Device>() as u32,
            query: DEV_INFO,
            unused: [0; 4],
        };
        // SAFETY: the driver writes no more than `return_size` bytes to `return_pointer`, which are
        // those of `device`; any bytes are a value of it, and it outlives the call.
        unsafe { ioctl::info(self.0.as_raw_fd(), &request) }.context("AMDGPU_INFO_DEV_INFO")?;
        Ok(DevInfo {
            device_id: device.device_id,
            pte_fragment_size: device.pte_fragment_size,
            first_address: device.virtual_address_offset,
        })
    }

    /// The number by which debugfs knows this opening of the node.
    ///
    /// # Errors
    ///
    /// When the kernel does not say.
    pub fn client(&self) -> Result<u64> {
        fdinfo::drm_client(&self.0)
    }

    /// Maps a page of the machine's memory at an address, asking for MTYPE_CC. Nothing ever uses it.
    ///
    /// # Errors
    ///
    /// When the driver refuses.
    pub fn map_cc(&self, address: u64) -> Result<Mapping<'_>> {
        let mut create = Create {
            asked: CreateAsked {
                size: PAGE,
                alignment: PAGE,
                domains: DOMAIN_GTT,
                flags: 0,
            },
        };
        // SAFETY: the driver reads and writes the union, and nothing beyond it; it has its layout.
        unsafe { ioctl::gem_create(self.0.as_raw_fd(), &mut create) }.context("GEM_CREATE")?;
        let mapping = Mapping {
            node: self,
            // SAFETY: the driver has written the handle there; any bits are one.
            handle: unsafe { create.handle },
            address,
        };
        ensure!(mapping.handle != 0, "GEM_CREATE gave no handle");
        mapping
            .operate(OP_MAP, READABLE | policy::VM_MTYPE_CC)
            .context("GEM_VA")?;
        Ok(mapping)
    }
}

/// A page that is mapped for the GPU until this goes.
#[derive(Debug)]
pub struct Mapping<'a> {
    node: &'a RenderNode,
    handle: u32,
    address: u64,
}

impl Mapping<'_> {
    fn operate(&self, operation: u32, flags: u32) -> Result<(), Errno> {
        let va = Va {
            handle: self.handle,
            pad: 0,
            operation,
            flags,
            address: self.address,
            offset_in_bo: 0,
            size: PAGE,
        };
        // SAFETY: the driver reads the structure, which has its layout, and keeps no pointer to it.
        unsafe { ioctl::gem_va(self.node.0.as_raw_fd(), &va) }.map(drop)
    }
}

impl Drop for Mapping<'_> {
    fn drop(&mut self) {
        // What fails here the driver does itself when the node is closed.
        let _ = self.operate(OP_UNMAP, 0);
        let close = Close {
            handle: self.handle,
            pad: 0,
        };
        // SAFETY: the driver reads the structure, which has its layout, and keeps no pointer to it.
        let _ = unsafe { ioctl::gem_close(self.node.0.as_raw_fd(), &close) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::mem::offset_of;
    use std::process::Command;

    /// What the C compiler must find to be so.
    fn assertions() -> String {
        let size = |of: &str, size: usize| format!("_Static_assert(sizeof({of}) == {size}, \"\");");
        let at = |of: &str, member: &str, offset: usize| {
            format!("_Static_assert(offsetof({of}, {member}) == {offset}, \"\");")
        };
        let is = |name: &str, value: u64| format!("_Static_assert({name} == {value}, \"\");");
        let info = "struct drm_amdgpu_info";
        let device = "struct drm_amdgpu_info_device";
        let va = "struct drm_amdgpu_gem_va";
        let asked = "struct drm_amdgpu_gem_create_in";
        [
            size(info, size_of::<Info>()),
            at(info, "return_pointer", offset_of!(Info, return_pointer)),
            at(info, "return_size", offset_of!(Info, return_size)),
            at(info, "query", offset_of!(Info, query)),
            at(device, "device_id", offset_of!(Device, device_id)),
            at(
                device,
                "virtual_address_offset",
                offset_of!(Device, virtual_address_offset),
            ),
            at(
                device,
                "pte_fragment_size",
                offset_of!(Device, pte_fragment_size),
            ),
            size("union drm_amdgpu_gem_create", size_of::<Create>()),
            at(
                "union drm_amdgpu_gem_create",
                "out.handle",
                offset_of!(Create, handle),
            ),
            at(asked, "bo_size", offset_of!(CreateAsked, size)),
            at(asked, "alignment", offset_of!(CreateAsked, alignment)),
            at(asked, "domains", offset_of!(CreateAsked, domains)),
            at(asked, "domain_flags", offset_of!(CreateAsked, flags)),
            at(va, "handle", offset_of!(Va, handle)),
            at(va, "operation", offset_of!(Va, operation)),
            at(va, "flags", offset_of!(Va, flags)),
            at(va, "va_address", offset_of!(Va, address)),
            at(va, "offset_in_bo", offset_of!(Va, offset_in_bo)),
            at(va, "map_size", offset_of!(Va, size)),
            size("struct drm_gem_close", size_of::<Close>()),
            at("struct drm_gem_close", "handle", offset_of!(Close, handle)),
            is("DRM_COMMAND_BASE", 0x40),
            is("DRM_AMDGPU_GEM_CREATE", 0x00),
            is("DRM_AMDGPU_INFO", 0x05),
            is("DRM_AMDGPU_GEM_VA", 0x08),
            is(
                "DRM_IOCTL_GEM_CLOSE",
                nix::request_code_write!(b'd', 0x09, size_of::<Close>()),
            ),
            is(
                "DRM_IOCTL_AMDGPU_GEM_CREATE",
                nix::request_code_readwrite!(b'd', 0x40, size_of::<Create>()),
            ),
            is(
                "DRM_IOCTL_AMDGPU_INFO",
                nix::request_code_write!(b'd', 0x45, size_of::<Info>()),
            ),
            is("AMDGPU_INFO_DEV_INFO", DEV_INFO.into()),
            is("AMDGPU_GEM_DOMAIN_GTT", DOMAIN_GTT),
            is("AMDGPU_VA_OP_MAP", OP_MAP.into()),
            is("AMDGPU_VA_OP_UNMAP", OP_UNMAP.into()),
            is("AMDGPU_VM_PAGE_READABLE", READABLE.into()),
            is("AMDGPU_VM_MTYPE_MASK", policy::VM_MTYPE_MASK.into()),
            is("AMDGPU_VM_MTYPE_CC", policy::VM_MTYPE_CC.into()),
        ]
        .join("\n")
    }

    /// Compiles against the header of the kernel or of libdrm, whichever this machine has.
    #[test]
    fn the_structures_are_the_kernels() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("layout.c");
        let program = format!(
            "#include <stddef.h>\n#include <amdgpu_drm.h>\n{}",
            assertions()
        );
        std::fs::write(&file, program).unwrap();
        let compile = |source: &Path| {
            Command::new("cc")
                .args(["-std=c11", "-fsyntax-only"])
                .args(["-I/usr/include/drm", "-I/usr/include/libdrm"])
                .arg(source)
                .output()
        };
        let header = directory.path().join("header.c");
        std::fs::write(&header, "#include <amdgpu_drm.h>\n").unwrap();
        if !compile(&header).is_ok_and(|output| output.status.success()) {
            eprintln!("skipped: this machine has no C compiler, or no amdgpu_drm.h");
            return;
        }
        let output = compile(&file).unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
}
