// SPDX-License-Identifier: MIT
//! An emulated RDNA GPU: a PCI device model served to QEMU over vfio-user, which the stock amdgpu
//! driver probes and initialises with `fw_load_type=0 dpm=1` and placeholder firmware.
//!
//! The model shows what the driver programs: registers, page tables, packets. It has no caches, no
//! timing and no shader cores, so nothing about the effect of a setting on hardware follows from it.

#![forbid(unsafe_code)]
#![deny(clippy::undocumented_unsafe_blocks, unreachable_pub)]

mod aql;
mod chip;
mod cp;
mod device;
mod discovery;
mod fault;
pub mod firmware;
mod guest_memory;
mod hub;
mod hws;
mod ih;
mod log;
mod mmio;
mod names;
mod page_table;
mod pci;
mod sdma;
mod server;
mod vbios;
mod vram;

use std::io::Write;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::Result;

pub use chip::{chip, Chip, Firmware, HwId, Ip, IpVersion, Role, ShaderConfig, Versions, CHIPS};
use device::Device;
pub use fault::FaultReport;
pub use hub::Hub;

pub use page_table::PageTableEntry;
pub use sdma::Job;

/// A handle on one emulated GPU. Clones share the device, so that one thread can serve it while
/// another looks at its registers.
#[derive(Clone)]
pub struct Gpu {
    device: Arc<Mutex<Device>>,
}

impl Gpu {
    /// A GPU in its power-on state.
    pub fn new(chip: &'static Chip) -> Result<Gpu> {
        Ok(Gpu {
            device: Arc::new(Mutex::new(Device::new(chip)?)),
        })
    }

    /// Logs every register access to `sink`, one line each:
    /// `W cpu 0x02881 GCVM_CONTEXT1_CNTL 0x00555407`. Lines that begin with `#` are remarks.
    pub fn with_log(self, sink: Box<dyn Write + Send>) -> Gpu {
        lock(&self.device).log.set_sink(sink);
        self
    }

    /// The chip this GPU is.
    pub fn chip(&self) -> &'static Chip {
        lock(&self.device).chip
    }

    /// Powers the GPU up anew, makes `socket`, and serves one QEMU connection until it is closed.
    /// What the driver did can still be read afterwards. To end a call to which no QEMU will come,
    /// connect to the socket and close the connection.
    pub fn serve(&self, socket: &Path) -> Result<()> {
        server::serve(self, socket)
    }

    /// VM_CONTEXT0..15_CNTL as last written; `None` means never since power-on or reset.
    pub fn context_cntl(&self, hub: Hub) -> [Option<u32>; 16] {
        lock(&self.device).contexts[hub as usize].cntl
    }

    /// How often each VM_CONTEXTn_CNTL was written since `serve` began.
    pub fn context_cntl_writes(&self, hub: Hub) -> [u64; 16] {
        let device = lock(&self.device);
        std::array::from_fn(|context| device.contexts[hub as usize].values[context].len() as u64)
    }

    /// Every value written to VM_CONTEXTn_CNTL since `serve` began, in order. The driver writes zero
    /// when it lets the GPU go, so what it had set is found here rather than in `context_cntl`.
    pub fn context_cntl_history(&self, hub: Hub, context: usize) -> Vec<u32> {
        let device = lock(&self.device);
        let values = device.contexts[hub as usize].values.get(context);
        values.cloned().unwrap_or_default()
    }

    /// How often the machine has reset the GPU since `serve` began: when it was switched on, woke up
    /// or was rebooted, and when the bus was reset. Each puts every register into its power-on state.
    pub fn resets(&self) -> u64 {
        lock(&self.device).resets
    }

    /// The page-table entry of an address in the GPU virtual memory of a process. `root` is what the
    /// process's CONTEXTn_PAGE_TABLE_BASE_ADDR would be; debugfs prints it as `pd_address` in
    /// `dri/client-N/vm_pagetable_info`. `None` when no directory leads to the address.
    pub fn page_table_entry(&self, root: u64, address: u64) -> Option<PageTableEntry> {
        lock(&self.device).process_entry(root, address)
    }

    /// What SDMA has executed for processes since `serve` began, in order.
    pub fn jobs(&self) -> Vec<Job> {
        lock(&self.device).jobs.clone()
    }

    /// Accesses to registers the model has no name for: dword offset, reads, writes.
    pub fn unknown_registers(&self) -> Vec<(u32, u64, u64)> {
        lock(&self.device)
            .log
            .unknown()
            .iter()
            .map(|(dword, count)| (*dword, count.reads, count.writes))
            .collect()
    }

    /// Reports a page fault that no access caused, so that the driver prints its fault lines. Works
    /// while `serve` runs in another thread.
    pub fn inject_page_fault(&self, fault: &FaultReport) {
        lock(&self.device).report_page_fault(fault);
    }

    /// Whether the driver has not taken the hub's last page fault yet: the next would take its place.
    pub fn has_page_fault(&self, hub: Hub) -> bool {
        lock(&self.device).has_page_fault(hub)
    }

    /// Puts everything the guest can change into its power-on state. `serve` does this by itself.
    pub fn reset_state(&self) -> Result<()> {
        lock(&self.device).power_cycle()
    }
}

/// A panic in another thread leaves plain data behind, which can still be read.
fn lock(device: &Mutex<Device>) -> MutexGuard<'_, Device> {
    device.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_handle_can_be_shared_between_threads() {
        fn check<T: Send + Sync + Clone>() {}
        check::<Gpu>();
    }

    #[test]
    fn unknown_registers_are_reported() {
        let gpu = Gpu::new(CHIPS[0]).unwrap();
        assert!(gpu.unknown_registers().is_empty());
        lock(&gpu.device).mmio_write(0x1_FFF0 * 4, &[1, 0, 0, 0]);
        lock(&gpu.device).mmio_read(0x1_FFF0 * 4, &mut [0; 4]);
        assert_eq!(gpu.unknown_registers(), [(0x1_FFF0, 1, 1)]);
    }

    #[test]
    fn an_injected_fault_shows_in_the_status_until_it_is_cleared() {
        const STATUS: u64 = 0x2828 * 4;
        const CNTL: u64 = 0x2824 * 4;
        let gpu = Gpu::new(chip("navi21").unwrap()).unwrap();
        gpu.inject_page_fault(&FaultReport::TEST);
        let mut status = [0; 4];
        lock(&gpu.device).mmio_read(STATUS, &mut status);
        assert_eq!(u32::from_le_bytes(status), 0x0074_1A50);
        assert!(gpu.has_page_fault(Hub::Gfx) && !gpu.has_page_fault(Hub::Mm));
        lock(&gpu.device).mmio_write(CNTL, &[1, 0, 0, 0]);
        assert!(!gpu.has_page_fault(Hub::Gfx));
    }

    #[test]
    fn reset_state_forgets_the_contexts() {
        let gpu = Gpu::new(CHIPS[0]).unwrap();
        lock(&gpu.device).mmio_write(0x2881 * 4, &[1, 0, 0, 0]);
        assert_eq!(gpu.context_cntl(Hub::Gfx)[1], Some(1));
        gpu.reset_state().unwrap();
        assert_eq!(gpu.context_cntl(Hub::Gfx), [None; 16]);
        assert_eq!(gpu.context_cntl_writes(Hub::Gfx), [0; 16]);
    }
}
