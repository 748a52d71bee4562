// SPDX-License-Identifier: MIT

//! A process asks for memory types through the driver's ioctls. What it asked to be CC is NC in its
//! page tables; every other type and every coherent buffer is what it is without rmcp.

use super::support::{expect_healthy_kernel, read, start_enforced};
use crate::page_tables::{decides_mtype, page_tables, PageTables, MAP_MTYPE};
use crate::vm::Vm;
use anyhow::{ensure, Result};
use std::collections::BTreeMap;

// Hardware numbers of memory types in a page-table entry.
pub(super) const NC: u8 = 0;
const WC: u8 = 1;
pub(super) const CC: u8 = 2;
pub(super) const UC: u8 = 3;

pub(super) fn cc_leaves_as_nc(vm: &mut Vm) -> Result<()> {
    start_enforced(vm)?;
    expect_counted(vm, NC, Counted::Rewritten)?;

    vm.guest.check("rmmod rmcp")?;
    expect_types(vm, 0, CC)?;
    expect_healthy_kernel(vm)
}

/// What the counters must say of requests for CC.
#[derive(Clone, Copy)]
pub(super) enum Counted {
    NotAtAll,
    Seen,
    Rewritten,
}

/// Requests for CC must end as this type and be counted so; every other type as ever.
pub(super) fn expect_counted(vm: &mut Vm, cc: u8, counted: Counted) -> Result<()> {
    expect_counted_on(vm, 0, cc, counted)
}

/// [`expect_counted`] on the GPU of this index.
pub(super) fn expect_counted_on(vm: &mut Vm, gpu: usize, cc: u8, counted: Counted) -> Result<()> {
    let before = counters(vm, gpu)?;
    let requests = expect_types(vm, gpu, cc)?.cc_requests;
    let after = counters(vm, gpu)?;
    let more = match counted {
        Counted::NotAtAll => [0, 0],
        Counted::Seen => [requests, 0],
        Counted::Rewritten => [requests, requests],
    };
    ensure!(
        after == [before[0] + more[0], before[1] + more[1]],
        "requests for CC and rewritten ones went from {before:?} to {after:?}, expected was {more:?} more"
    );
    Ok(())
}

/// `mtype_cc_requests` and `mtype_cc_rewritten`.
pub(super) fn counters(vm: &mut Vm, gpu: usize) -> Result<[u64; 2]> {
    let mut counts = [0; 2];
    for (count, name) in counts.iter_mut().zip(["requests", "rewritten"]) {
        // In the one directory that has them: rmcp's, or that of an amdgpu that has the policy itself.
        let path = vm.gpus()[gpu].file(&format!("*/mtype_cc_{name}"));
        *count = read(vm, &path)?.parse()?;
    }
    Ok(counts)
}

/// Page tables must hold for CC what is given, and for all else what the driver gives by itself.
pub(super) fn expect_types(vm: &mut Vm, gpu: usize, cc: u8) -> Result<PageTables> {
    let tables = page_tables(vm, gpu)?;
    let requests = [
        ("DEFAULT", NC),
        ("NC", NC),
        ("WC", WC),
        ("CC", cc),
        ("UC", UC),
        ("RW", NC),
    ];
    let ordinary = BTreeMap::from(requests);
    let mut coherent = BTreeMap::from(requests.map(|(request, _)| (request, UC)));
    // That amdgpu makes coherent buffers for the KFD alone (`amdgpu_gem_create_ioctl`).
    if decides_mtype(vm)? == MAP_MTYPE {
        coherent.clear();
    }
    ensure!(
        tables.ordinary == ordinary && tables.coherent == coherent,
        "page tables are {tables:?}, expected was {ordinary:?}, and of coherent buffers {coherent:?}"
    );
    Ok(tables)
}
