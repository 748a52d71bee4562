// SPDX-License-Identifier: MIT

//! Layouts: whatever rmcp yields, the independent reader must find in the same bytes.

use super::limits::within_limits;
use super::mutation::{mutate, mutations};
use super::tape::decisions;
use super::{amdgpu, run, Seen};
use crate::kmod_layout::{AdevFrom, MtypeHook};
use crate::layout::Layout;
use proptest::prelude::*;
use rmcp_oracle::{bytes, elf, fnv1a64, Opinion};

/// Reads with both readers and compares.
fn compare(ko: &[u8], base: &[u8]) -> Result<Seen, TestCaseError> {
    let read = || Layout::resolve(ko, base);
    let Ok(layout) = within_limits(ko.len() + base.len(), read) else {
        return Ok(Seen::Refused);
    };
    let opinion = opinion(ko, base).map_err(|why| {
        TestCaseError::fail(format!("rmcp yields {layout:?}, the other reader: {why}"))
    })?;
    prop_assert_eq!(of_rmcp(&layout), opinion);
    let btf = elf::section(ko, ".BTF").unwrap_or_default();
    prop_assert_eq!(
        (layout.btf_len, layout.btf_fnv1a64),
        (btf.len(), fnv1a64(btf))
    );
    Ok(Seen::Read)
}

fn opinion(ko: &[u8], base: &[u8]) -> Result<Opinion, String> {
    let btf = elf::section(ko, ".BTF").ok_or("no .BTF")?;
    let base = elf::section(ko, ".BTF.base").unwrap_or(base);
    Opinion::of(&bytes::decode(base, btf)?)
}

/// rmcp's layout in the other reader's words.
fn of_rmcp(layout: &Layout) -> Opinion {
    Opinion {
        adev_from: match layout.adev_from {
            AdevFrom::Handle => rmcp_oracle::AdevFrom::Handle,
            AdevFrom::IpBlock { adev } => rmcp_oracle::AdevFrom::IpBlock { adev: adev as u64 },
        },
        mtype_hook: match layout.mtype_hook {
            MtypeHook::GetVmPte => rmcp_oracle::MtypeHook::GetVmPte,
            MtypeHook::MapMtype => rmcp_oracle::MtypeHook::MapMtype,
        },
        adev_size: layout.adev_size as u64,
        pdev: layout.pdev as u64,
        dev: layout.dev as u64,
        ddev: layout.ddev as u64,
        drm_dev: layout.drm_dev as u64,
        noretry: layout.noretry as u64,
        fragment_size: layout.fragment_size as u64,
        gc_hwip: layout.gc_hwip as u64,
        gc_version: layout.gc_version as u64,
    }
}

#[test]
fn odd_amdgpus() {
    run(5, decisions(), |decisions| {
        let parts = amdgpu::build(&decisions);
        compare(&parts.file(), &parts.kernel_btf)
    });
}

#[test]
fn damaged_amdgpus() {
    let damaged = (decisions(), mutations(3), mutations(1), mutations(1));
    run(
        100,
        damaged,
        |(decisions, of_module, of_kernel, of_file)| {
            let mut parts = amdgpu::build(&decisions);
            mutate(&mut parts.module_btf, &of_module);
            mutate(&mut parts.kernel_btf, &of_kernel);
            let mut file = parts.file();
            mutate(&mut file, &of_file);
            compare(&file, &parts.kernel_btf)
        },
    );
}

#[test]
fn an_ordinary_amdgpu_is_read() {
    let parts = amdgpu::build(&[]);
    let seen = compare(&parts.file(), &parts.kernel_btf).expect("both readers agree");
    assert!(matches!(seen, Seen::Read));
}
