// SPDX-License-Identifier: MIT
//! The whole device: its parts, its power-on state, and which part serves which BAR.
//! It knows nothing of vfio-user; `server.rs` does.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;

use anyhow::{Context, Result};

use crate::chip::{Chip, HwId};
use crate::cp::{CpRegisters, Queue};
use crate::guest_memory::GuestMemory;
use crate::hub::{ContextHistory, HubRegisters};
use crate::hws::Scheduler;
use crate::ih::IhRegisters;
use crate::log::{Log, Origin};
use crate::mmio::{BusRegisters, RegisterFile};
use crate::names::Names;
use crate::pci::ConfigSpace;
use crate::sdma::{Job, SdmaRegisters};
use crate::vbios;
use crate::vram::Vram;

pub(crate) struct Device {
    pub(crate) chip: &'static Chip,
    pub(crate) names: Names,
    pub(crate) bus: BusRegisters,
    pub(crate) hubs: [HubRegisters; 2],
    pub(crate) ih: IhRegisters,
    pub(crate) sdma: SdmaRegisters,
    pub(crate) cp: CpRegisters,

    pub(crate) config: ConfigSpace,
    pub(crate) rom: Vec<u8>,
    pub(crate) vram: Vram,
    pub(crate) registers: RegisterFile,
    pub(crate) memory: GuestMemory,
    /// QEMU's eventfd for the MSI vector.
    pub(crate) msi: Option<File>,
    pub(crate) contexts: [ContextHistory; 2],
    /// How often the machine reset the device.
    pub(crate) resets: u64,
    /// HQD registers by bank, see `cp.rs`.
    pub(crate) hqd_banks: BTreeMap<(u32, u32), u32>,
    /// Mapped queues of the command processor by doorbell (dword index).
    pub(crate) queues: BTreeMap<u32, Queue>,
    pub(crate) scheduler: Scheduler,
    /// The SDMA engine met a packet it does not know. As on hardware, the ring stays stuck until a reset.
    pub(crate) sdma_stopped: bool,
    /// Every job that SDMA executed for a process.
    pub(crate) jobs: Vec<Job>,
    pub(crate) log: Log,
}

impl Device {
    pub(crate) fn new(chip: &'static Chip) -> Result<Self> {
        let names = Names::new(chip).with_context(|| format!("chip {}", chip.name))?;
        let [gfx, mm] = chip.hub_prefixes();
        let mut device = Device {
            chip,
            bus: BusRegisters::new(&names)?,
            hubs: [
                HubRegisters::new(&names, HwId::Gc, gfx)?,
                HubRegisters::new(&names, HwId::Mmhub, mm)?,
            ],
            ih: IhRegisters::new(&names)?,
            sdma: SdmaRegisters::new(&names)?,
            cp: CpRegisters::new(&names)?,
            names,
            config: ConfigSpace::new(chip),
            rom: vbios::image(chip),
            vram: Vram::new()?,
            registers: RegisterFile::new(),
            memory: GuestMemory::default(),
            msi: None,
            contexts: Default::default(),
            resets: 0,
            hqd_banks: BTreeMap::new(),
            queues: BTreeMap::new(),
            scheduler: Scheduler::default(),
            sdma_stopped: false,
            jobs: Vec::new(),
            log: Log::default(),
        };
        device.reset()?;
        Ok(device)
    }

    /// Power-on state of everything the guest can change. DMA regions and the interrupt belong to
    /// the connection and stay; so does the history of the VM contexts and of jobs.
    pub(crate) fn reset(&mut self) -> Result<()> {
        self.config = ConfigSpace::new(self.chip);
        self.power_on_vram()?;
        self.power_on_registers();
        self.power_on_hubs();
        self.hqd_banks.clear();
        self.queues.clear();
        self.scheduler = Scheduler::default();
        self.sdma_stopped = false;
        Ok(())
    }

    /// A new guest: power-on state, no connection, no history.
    pub(crate) fn power_cycle(&mut self) -> Result<()> {
        self.disconnect();
        self.contexts = Default::default();
        self.jobs.clear();
        self.resets = 0;
        self.reset()
    }

    pub(crate) fn disconnect(&mut self) {
        self.memory.clear();
        self.msi = None;
        self.log.flush();
    }

    pub(crate) fn mmio_read(&mut self, offset: u64, data: &mut [u8]) {
        let (mut at, mut rest) = (offset, data);
        while !rest.is_empty() {
            let value = self
                .read_register(Origin::Cpu, (at / 4) as u32)
                .to_le_bytes();
            let first = (at % 4) as usize;
            let len = rest.len().min(4 - first);
            let (head, tail) = rest.split_at_mut(len);
            head.copy_from_slice(&value[first..first + len]);
            (at, rest) = (at + len as u64, tail);
        }
    }

    /// The driver writes whole dwords only; other writes are refused.
    pub(crate) fn mmio_write(&mut self, offset: u64, data: &[u8]) {
        if offset % 4 != 0 || data.len() % 4 != 0 {
            self.log.note(format_args!(
                "ignored: write of {} bytes at register byte {offset:#x}",
                data.len()
            ));
            return;
        }
        for (i, bytes) in data.chunks_exact(4).enumerate() {
            let value = u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
            self.write_register(Origin::Cpu, (offset / 4) as u32 + i as u32, value);
        }
    }

    pub(crate) fn rom_read(&self, offset: u64, data: &mut [u8]) {
        for (i, byte) in data.iter_mut().enumerate() {
            *byte = self.rom.get(offset as usize + i).copied().unwrap_or(0);
        }
    }

    /// A doorbell: the low 32 or all 64 bits of a ring's write pointer. The other doorbells of
    /// BAR2 (interrupt ring read pointer, SDMA queues of processes) lead nowhere.
    pub(crate) fn doorbell_write(&mut self, offset: u64, data: &[u8]) {
        let wptr = match data.len() {
            4 => u64::from(u32::from_le_bytes([data[0], data[1], data[2], data[3]])),
            8 => u64::from_le_bytes([
                data[0], data[1], data[2], data[3], data[4], data[5], data[6], data[7],
            ]),
            _ => return,
        };
        if self.sdma_owns_doorbell(offset) {
            self.run_sdma(wptr);
        } else {
            self.run_queue((offset / 4) as u32, wptr);
        }
    }

    /// Signals the MSI vector.
    pub(crate) fn raise_msi(&mut self) {
        if let Some(mut eventfd) = self.msi.as_ref() {
            if let Err(error) = eventfd.write_all(&1u64.to_ne_bytes()) {
                self.log.note(format_args!("MSI not delivered: {error}"));
            }
        }
    }
}
