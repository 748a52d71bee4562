// SPDX-License-Identifier: MIT

//! What becomes of a request for MTYPE_CC: one page is mapped with it in an address space of our own,
//! and the entry that amdgpu made of it is read from the page table in the GPU's memory. No engine
//! ever runs in that address space, and it is gone afterwards.

use crate::drm::RenderNode;
use crate::page_table::{self, Entry, Table};
use crate::registers;
use crate::root::Root;
use crate::sysfs::debugfs::{Memory, PageTables, Registers};
use crate::sysfs::discovery::Block;
use anyhow::{Context, Result};
use std::io;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// How long the GPU may take to write an entry, which it does in its own time. Runtime PM waits for
/// longer, 5 s, before it switches an idle GPU off (`amdgpu_pci_probe`).
const LIMIT: Duration = Duration::from_secs(3);
/// Pause between two looks.
const PAUSE: Duration = Duration::from_millis(5);

/// Maps the page and reads its entry. Nothing is mapped before everything is open that the entry is
/// read through.
///
/// # Errors
///
/// When any of that is not possible, with the reason.
pub fn entry_of_cc(root: &Root, node: &RenderNode, minor: u32, gc: &Block) -> Result<Entry> {
    let vram = vram_address(root, minor, gc)?;
    let memory = Memory::open(root, minor)?;
    let client = node.client()?;
    PageTables::of_client(root, client)?;
    let address = node.dev_info()?.first_address;

    let _mapping = node.map_cc(address)?;
    let end = Instant::now() + LIMIT;
    loop {
        // The root moves when the driver moves it.
        let tables = PageTables::of_client(root, client)?;
        let entry = page_table::find(tables, address, |table, at| match table {
            Table::Vram(table) => {
                let offset = table.checked_sub(vram).ok_or(io::ErrorKind::InvalidData)?;
                memory.vram(offset + at)
            }
            Table::System(table) => memory.system(table + at),
        })?;
        if let Some(entry) = entry {
            return Ok(entry);
        }
        let late = || format!("no entry for {address:#x} after {} s", LIMIT.as_secs());
        (Instant::now() < end).then_some(()).with_context(late)?;
        sleep(PAUSE);
    }
}

/// The address that VRAM begins at in page tables (`amdgpu_gmc_vram_mc2pa`).
fn vram_address(root: &Root, minor: u32, gc: &Block) -> Result<u64> {
    let place = registers::fb_offset(gc).map_err(anyhow::Error::msg)?;
    let [offset] = Registers::open(root, minor)?.read(place)?;
    Ok(u64::from(offset) << 24)
}
