// SPDX-License-Identifier: MIT
//! The hardware scheduler (HWS) of the command processor. The KFD sends it a run list of processes
//! and their queues; it gives each process a VMID and maps its queues. All run at once: a process for
//! which no VMID is left waits for the next run list.

use std::collections::BTreeMap;

use crate::cp::{Packets, Queue, QueueId};
use crate::device::Device;
use crate::fault::PageFault;
use crate::hub::Hub;
use crate::log::Origin;

/// MAP_QUEUES: ENGINE_SEL and EXTENDED_ENGINE_SEL, both zero for compute. Otherwise they name an SDMA
/// engine; the model has one.
const SDMA_ENGINE: u32 = 7 << 26 | 3 << 2;

/// The scheduler's state.
#[derive(Debug, Default)]
pub(crate) struct Scheduler {
    /// The VMIDs it may give away, as a mask.
    vmids: u32,
    /// PASID of the process that has a VMID.
    processes: BTreeMap<u8, u32>,
    /// The VMID of the process whose queues are being mapped.
    current: Option<u8>,
}

impl Scheduler {
    /// SET_RESOURCES (`pm_set_resources_v9`).
    pub(crate) fn set_resources(&mut self, control: u32) {
        self.vmids = control & 0xFFFF;
    }
}

impl Device {
    /// MAP_PROCESS (`pm_map_process_v9`): the process gets a VMID and the VMID its page tables.
    pub(crate) fn map_process(&mut self, pasid: u32, root: u64) {
        let scheduler = &mut self.scheduler;
        let free =
            |vmid: &u8| scheduler.vmids >> vmid & 1 != 0 && !scheduler.processes.contains_key(vmid);
        scheduler.current = (1..16).find(free);
        let Some(vmid) = scheduler.current else {
            self.log
                .note(format_args!("no VMID is left for pasid {pasid}"));
            return;
        };
        scheduler.processes.insert(vmid, pasid);
        for (dword, value) in [
            (self.pasid_register(Hub::Gfx, vmid), pasid),
            (self.root_register(Hub::Gfx, vmid), root as u32),
            (self.root_register(Hub::Gfx, vmid) + 1, (root >> 32) as u32),
        ] {
            self.write_register(Origin::Cp, dword, value);
        }
    }

    /// MAP_QUEUES of a run list (`pm_map_queues_v9`): a queue of the process mapped last. What was
    /// submitted to it before is executed now.
    pub(crate) fn schedule_queue(
        &mut self,
        control: u32,
        doorbell: u32,
        mqd: u64,
        wptr_address: u64,
    ) -> Result<(), PageFault> {
        let Some(vmid) = self.scheduler.current else {
            return Ok(());
        };
        let queue = match control & SDMA_ENGINE {
            0 => self.queue_from_mqd(control, mqd)?,
            _ => self.sdma_queue_from_mqd(mqd)?,
        };
        let pointers = self
            .gpu_read_u64(vmid, queue.rptr_report)
            .and_then(|rptr| Ok((rptr, self.gpu_read_u64(vmid, wptr_address)?)));
        let (rptr, wptr) = match pointers {
            Ok(pointers) => pointers,
            Err(fault) => {
                self.raise_page_fault(fault, queue.client());
                return Ok(());
            }
        };
        let slot = self.queues.values().filter(|queue| queue.vmid != 0).count() as u32;
        let queue = Queue {
            // The driver's own queues are 0 and 1 of every pipe (`amdgpu_gfx_compute_queue_acquire`).
            id: QueueId {
                me: 1,
                pipe: slot % 4,
                queue: 2 + slot / 4 % 6,
            },
            vmid,
            rptr,
            ..queue
        };
        self.map_queue(doorbell, queue);
        let value = match queue.packets {
            Packets::Aql => wptr.wrapping_sub(1),
            _ => wptr,
        };
        self.run_queue(doorbell, value);
        Ok(())
    }

    /// UNMAP_QUEUES of the run list: the queues of one process, or of all.
    pub(crate) fn unschedule(&mut self, pasid: Option<u32>) {
        let gone = |owner: u32| pasid.is_none_or(|pasid| pasid == owner);
        let processes = &mut self.scheduler.processes;
        self.queues.retain(|_, queue| {
            let owner = processes.get(&queue.vmid);
            !owner.is_some_and(|owner| gone(*owner))
        });
        processes.retain(|_, owner| !gone(*owner));
        self.scheduler.current = None;
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::cp::tests::{packet3, Kiq, VRAM_WINDOW};
    use crate::cp::{MAP_PROCESS, MAP_QUEUES, RUN_LIST, SET_RESOURCES, UNMAP_QUEUES};
    use crate::cp::{MQD_PQ_BASE, MQD_PQ_CONTROL, MQD_RPTR_ADDRESS};
    use crate::page_table::{READABLE, VALID, WRITEABLE};

    /// In the memory of the process: its ring, and what it shares with the GPU, a page each.
    pub(crate) const RING: u64 = 0x1000;
    pub(crate) const SHARED: u64 = 0x2000;
    pub(crate) const READ_ONLY: u64 = 0x3000;
    const WPTR: u64 = SHARED + 0xF00;
    pub(crate) const RPTR: u64 = SHARED + 0xF08;
    const DOORBELL: u32 = 0x1002;
    /// Where its pages, its page table and what the driver writes are in VRAM.
    const PAGES: u64 = 0x20_0000;
    const ROOT: u64 = 0x10_0000;
    const MQD: u64 = 0x4000;
    const LIST: u64 = 0x6000;

    /// A process with a queue, in a run list that the driver can send.
    pub(crate) struct Process {
        pub(crate) kiq: Kiq,
        engine: u32,
    }

    impl Process {
        /// With an AQL queue of 64 packets, 1024 dwords.
        pub(crate) fn new() -> Self {
            let mqd = [
                (MQD_PQ_BASE, RING >> 8),
                (MQD_RPTR_ADDRESS, RPTR),
                (MQD_PQ_CONTROL, 2 << 18 | 9),
            ];
            Self::with(0, &mqd)
        }

        /// With a queue of an engine, which an MQD describes by dwords.
        pub(crate) fn with(engine: u32, mqd: &[(u64, u64)]) -> Self {
            let kiq = Kiq::new();
            let mut process = Process { kiq, engine };
            process.kiq.set("GCVM_CONTEXT8_CNTL", 1);
            let end = "GCVM_CONTEXT8_PAGE_TABLE_END_ADDR_LO32";
            process.kiq.set(end, 0xF);
            for (page, flags) in [
                (RING, READABLE | WRITEABLE),
                (SHARED, READABLE | WRITEABLE),
                (READ_ONLY, READABLE),
            ] {
                process.write_vram(ROOT + page / 4096 * 8, (PAGES + page) | flags | VALID);
            }
            for (index, value) in mqd {
                process.write_vram(MQD + 4 * index, *value);
            }
            process
        }

        fn write_vram(&self, at: u64, value: u64) {
            assert!(self.kiq.device.vram.write(at, &value.to_le_bytes()));
        }

        pub(crate) fn write(&self, address: u64, value: u64) {
            self.write_vram(PAGES + address, value);
        }

        pub(crate) fn read(&self, address: u64) -> u64 {
            let mut data = [0; 8];
            assert!(self.kiq.device.vram.read(PAGES + address, &mut data));
            u64::from_le_bytes(data)
        }

        pub(crate) fn map(&mut self) {
            let list = [
                &[packet3(MAP_PROCESS, 14), 0x8001, ROOT as u32 | 1][..],
                &[0; 13],
                &[packet3(MAP_QUEUES, 5), self.engine | 1 << 4, DOORBELL << 2],
                &[MQD as u32, 0x80, WPTR as u32, 0],
            ]
            .concat();
            for (at, dword) in (LIST..).step_by(4).zip(&list) {
                self.write_vram(at, u64::from(*dword));
            }
            let resources = [packet3(SET_RESOURCES, 6), 0xFF00, 0, 0, 0, 0, 0, 0];
            self.kiq.submit(&resources);
            let hi = (VRAM_WINDOW >> 32) as u32;
            self.kiq
                .submit(&[packet3(RUN_LIST, 2), LIST as u32, hi, list.len() as u32]);
        }

        /// Writes the next packet, as three quadwords at most are of interest, and its doorbell.
        pub(crate) fn submit(&mut self, kind: u8, dependency: u64, completion: u64) {
            let index = self.read(WPTR);
            self.write(WPTR, index + 1);
            let packet = RING + index % 64 * 64;
            self.write(packet, u64::from(kind));
            self.write(packet + 8, dependency);
            self.write(packet + 56, completion);
            self.ring(index);
        }

        /// Rings the doorbell.
        pub(crate) fn ring(&mut self, index: u64) {
            let at = u64::from(DOORBELL) * 4;
            self.kiq.device.doorbell_write(at, &index.to_le_bytes());
        }

        pub(crate) fn queue(&self) -> Option<&Queue> {
            self.kiq.device.queues.get(&DOORBELL)
        }
    }

    #[test]
    fn a_run_list_gives_a_process_a_vmid_and_its_queue_a_place() {
        let mut process = Process::new();
        process.map();
        assert_eq!(process.kiq.get("IH_VMID_8_LUT"), 0x8001);
        let root = "GCVM_CONTEXT8_PAGE_TABLE_BASE_ADDR_LO32";
        assert_eq!(process.kiq.get(root), ROOT as u32 | 1);
        let queue = process.queue().unwrap();
        assert_eq!((queue.vmid, queue.base), (8, RING));
        assert_eq!(queue.packets, Packets::Aql);
        assert_eq!(queue.id.ring_id(), 2 << 4 | 1 << 2);
    }

    #[test]
    fn queues_go_by_process_or_all_at_once() {
        for (control, pasid, stays) in [
            (1 << 4, 0x8002, true),
            (1 << 4, 0x8001, false),
            (2 << 4, 0, false),
        ] {
            let mut process = Process::new();
            process.map();
            let others = process.kiq.device.queues.len() - 1;
            process
                .kiq
                .submit(&[packet3(UNMAP_QUEUES, 4), control, pasid, 0, 0, 0]);
            assert_eq!(process.queue().is_some(), stays);
            let left = process.kiq.device.queues.len();
            assert_eq!(left, others + usize::from(stays), "the driver's own stay");
            // The next run list finds the VMID free.
            if !stays {
                process.map();
                assert_eq!(process.queue().unwrap().vmid, 8);
            }
        }
    }

    #[test]
    fn a_process_without_a_vmid_waits() {
        let mut process = Process::new();
        process.map();
        for _ in 0..8 {
            process.map();
        }
        assert_eq!(process.kiq.device.scheduler.processes.len(), 8);
        assert_eq!(process.kiq.device.scheduler.current, None);
    }
}
