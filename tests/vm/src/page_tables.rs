// SPDX-License-Identifier: MIT

//! What a process in a guest gets for the memory types it asks for. `map_mtypes` maps buffers by the
//! driver's ioctls and has SDMA move data through the mappings; every page-table entry that the
//! driver made of that is read on the GPU's side.

use crate::address_space::AddressSpace;
use crate::gpu::PluggedGpu;
use crate::progress::say;
use crate::vm::Vm;
use anyhow::{ensure, Context, Result};
use rmcp_vgpu::PageTableEntry;
use std::collections::BTreeMap;

/// The functions of which amdgpu has one to decide on memory types: for each writing of entries, as
/// since Linux 6.18 at the latest, or once for a mapping, as in 6.12.
pub(crate) const GET_VM_PTE: &str = "gmc_v10_0_get_vm_pte";
pub(crate) const MAP_MTYPE: &str = "gmc_v10_0_map_mtype";

pub(crate) const PROGRAM: &str = "/usr/local/lib/rmcp-tests/map_mtypes";
/// What user space can ask for: `AMDGPU_VM_MTYPE_*`.
const REQUESTS: [&str; 6] = ["DEFAULT", "NC", "WC", "CC", "UC", "RW"];
const PAGE: u64 = 4096;
/// What an entry of the lowest directory maps.
const LARGE_PAGE: u64 = 2 << 20;
/// For each type the program runs one job on all buffers and one on that which has moved.
const JOBS: usize = 2 * REQUESTS.len();

/// What page-table entries hold in bits 50:48, by what was asked for.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct PageTables {
    /// Of ordinary buffers.
    pub(crate) ordinary: BTreeMap<&'static str, u8>,
    /// Of buffers that were created coherent or uncached.
    pub(crate) coherent: BTreeMap<&'static str, u8>,
    /// How many requests for CC the driver had to decide on: one for each mapping, and where it decides
    /// as it writes entries (`amdgpu_vm_bo_update`) one more for each whose buffer moved.
    pub(crate) cc_requests: u64,
    /// How many pages were looked at.
    pages: u64,
}

/// Has a process map and use memory of every type on the GPU of this index, and reads all of its
/// page tables.
pub(crate) fn page_tables(vm: &mut Vm, gpu: usize) -> Result<PageTables> {
    let earlier_jobs = vm.gpus()[gpu].jobs().len();
    let decides_again = decides_mtype(vm)? == GET_VM_PTE;
    while_mapped(vm, gpu, |gpu, mappings, space| {
        let mut tables = look(gpu, mappings, space, earlier_jobs)?;
        let cc = mappings.iter().filter(|mapping| mapping.request == "CC");
        let requests = |mapping: &Mapping| match mapping.buffer {
            Buffer::Moved if decides_again => 2,
            _ => 1,
        };
        tables.cc_requests = cc.map(requests).sum();
        Ok(tables)
    })
}

/// Which function of the loaded amdgpu decides on memory types.
pub(crate) fn decides_mtype(vm: &mut Vm) -> Result<&'static str> {
    let has_old = format!("grep -qE ' {MAP_MTYPE}\\s+.amdgpu.$' /proc/kallsyms");
    let has_old = vm.guest.run(&has_old)?.status == 0;
    Ok(if has_old { MAP_MTYPE } else { GET_VM_PTE })
}

/// The entry of an address that the driver itself has mapped for such a process.
pub(crate) fn entry_of_driver(vm: &mut Vm, address: u64) -> Result<PageTableEntry> {
    while_mapped(vm, 0, |gpu, _, space| {
        gpu.page_table_entry(space, address)
            .with_context(|| format!("no directory leads to {address:#x}"))
    })
}

/// Has a process map and use memory, and looks at its page tables while it is there.
fn while_mapped<T>(
    vm: &mut Vm,
    gpu: usize,
    look: impl FnOnce(&PluggedGpu, &[Mapping], &AddressSpace) -> Result<T>,
) -> Result<T> {
    let nodes = vm.gpus()[gpu].file("drm");
    let output = vm.guest.check(&format!(
        "{PROGRAM} /dev/dri/$(cd {nodes} && echo renderD*)"
    ))?;
    let (mappings, pid) = parse(&output)?;
    let found = AddressSpace::of_process(vm, gpu, pid)
        .and_then(|space| look(&vm.gpus()[gpu], &mappings, &space));
    vm.guest.check(&format!(
        "kill {pid} && while test -e /proc/{pid}; do sleep 0.1; done"
    ))?;
    found
}

fn look(
    gpu: &PluggedGpu,
    mappings: &[Mapping],
    space: &AddressSpace,
    earlier_jobs: usize,
) -> Result<PageTables> {
    // The program has compared the bytes. They went through these very tables.
    let jobs = gpu.jobs().split_off(earlier_jobs);
    ensure!(
        jobs.len() == JOBS,
        "SDMA executed {} jobs, expected were {JOBS}",
        jobs.len()
    );
    for job in jobs {
        ensure!(
            job.pasid == space.pasid && job.root == space.root,
            "SDMA executed {job:x?} for the process of {space:x?}"
        );
    }

    let mut tables = PageTables::default();
    for mapping in mappings {
        let mtype = mapping
            .mtype(gpu, space)
            .with_context(|| format!("{mapping:x?}"))?;
        let types = match mapping.buffer {
            Buffer::Ordinary | Buffer::Moved => &mut tables.ordinary,
            Buffer::Coherent => &mut tables.coherent,
        };
        let first = *types.entry(mapping.request).or_insert(mtype);
        ensure!(
            mtype == first,
            "{mapping:x?} has the type {mtype}, another of its kind has {first}"
        );
        tables.pages += mapping.size / PAGE;
    }
    say(format_args!(
        "{} jobs of one process ran on its page tables, of which {} pages of {} mappings were read",
        JOBS,
        tables.pages,
        mappings.len()
    ));
    Ok(tables)
}

/// A range of addresses that was mapped with one request.
#[derive(Debug, PartialEq, Eq)]
struct Mapping {
    request: &'static str,
    /// Whether it is GTT, not VRAM.
    system: bool,
    buffer: Buffer,
    address: u64,
    size: u64,
}

/// How a buffer came to be where it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Buffer {
    Ordinary,
    /// With a flag that overrides what mappings ask for.
    Coherent,
    /// Ordinary, moved after it was mapped.
    Moved,
}

impl Mapping {
    fn parse(line: &str) -> Option<Self> {
        let words: Vec<&str> = line.split(' ').collect();
        let [request, domain, buffer, address, size] = words[..] else {
            return None;
        };
        let number = |word: &str| u64::from_str_radix(word.strip_prefix("0x")?, 16).ok();
        Some(Self {
            request: REQUESTS.into_iter().find(|known| *known == request)?,
            system: match domain {
                "GTT" => true,
                "VRAM" => false,
                _ => return None,
            },
            buffer: match buffer {
                "ordinary" => Buffer::Ordinary,
                "coherent" | "ext_coherent" | "uncached" => Buffer::Coherent,
                "moved" => Buffer::Moved,
                _ => return None,
            },
            address: number(address)?,
            size: number(size)?,
        })
    }

    /// The memory type in the entries of all of its pages.
    fn mtype(&self, gpu: &PluggedGpu, space: &AddressSpace) -> Result<u8> {
        let mut found = None;
        for address in (self.address..self.address + self.size).step_by(PAGE as usize) {
            let entry = gpu
                .page_table_entry(space, address)
                .with_context(|| format!("no directory leads to {address:#x}"))?;
            ensure!(
                entry.is_valid() && entry.is_system() == self.system,
                "{address:#x} is mapped by {entry}, which is not valid or leads elsewhere"
            );
            // VRAM is in one piece, so that a directory's entries map it.
            ensure!(
                self.system || self.size < LARGE_PAGE || entry.span == LARGE_PAGE,
                "{address:#x} is mapped by {entry} with {:#x} others",
                entry.span
            );
            let first = *found.get_or_insert(entry.mtype());
            ensure!(
                entry.mtype() == first,
                "{address:#x} is mapped by {entry}, the pages before it have the type {first}"
            );
        }
        found.context("it has no pages")
    }
}

/// What the program prints: its mappings, and the process that keeps them.
fn parse(output: &str) -> Result<(Vec<Mapping>, u32)> {
    let (mut mappings, mut pid) = (Vec::new(), None);
    for line in output.lines() {
        match line.strip_prefix("pid ") {
            Some(number) => pid = Some(number.parse()?),
            None => mappings
                .push(Mapping::parse(line).with_context(|| format!("{PROGRAM} printed {line:?}"))?),
        }
    }
    for request in REQUESTS {
        ensure!(
            mappings.iter().any(|mapping| mapping.request == request),
            "{PROGRAM} mapped nothing as {request}"
        );
    }
    Ok((mappings, pid.context("no process keeps the mappings")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mappings_are_read() {
        let line = "CC VRAM ext_coherent 0x100800000 0x4000";
        let mapping = Mapping {
            request: "CC",
            system: false,
            buffer: Buffer::Coherent,
            address: 0x1_0080_0000,
            size: 0x4000,
        };
        assert_eq!(Mapping::parse(line), Some(mapping));
        for bad in [
            "",
            "XX VRAM ordinary 0x1000 0x1000",
            "CC GDS ordinary 0x1000 0x1000",
            "CC VRAM strange 0x1000 0x1000",
            "CC VRAM ordinary 1000 0x1000",
        ] {
            assert_eq!(Mapping::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn no_type_may_be_left_out() {
        let all = REQUESTS.map(|request| format!("{request} GTT ordinary 0x1000 0x1000\n"));
        let (mappings, pid) = parse(&format!("{}pid 7\n", all.concat())).unwrap();
        assert_eq!((mappings.len(), pid), (6, 7));
        assert!(parse(&all.concat()).is_err(), "no process");
        assert!(parse(&format!("{}pid 7\n", all[1..].concat())).is_err());
    }
}
