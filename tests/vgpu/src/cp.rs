// SPDX-License-Identifier: MIT
//! The command processor: queues and the PM4 packets by which the driver brings its rings up, tests
//! them and gets its fences. Draws are not executed. The queues of processes come from the hardware
//! scheduler, `hws.rs`, and hold AQL packets, `aql.rs`, or those of the SDMA engine, `sdma.rs`.

use anyhow::Result;

use crate::device::Device;
use crate::fault::{Client, PageFault};
use crate::ih::Interrupt;
use crate::log::Origin;
use crate::names::Names;
use crate::sdma;

// Opcodes of nvd.h.
const NOP: u32 = 0x10;
const INDIRECT_BUFFER_CONST: u32 = 0x33;
const WRITE_DATA: u32 = 0x37;
const INDIRECT_BUFFER: u32 = 0x3F;
const RELEASE_MEM: u32 = 0x49;
const SET_UCONFIG_REG: u32 = 0x79;
pub(crate) const SET_RESOURCES: u32 = 0xA0;
pub(crate) const MAP_PROCESS: u32 = 0xA1;
pub(crate) const MAP_QUEUES: u32 = 0xA2;
pub(crate) const UNMAP_QUEUES: u32 = 0xA3;
const QUERY_STATUS: u32 = 0xA4;
pub(crate) const RUN_LIST: u32 = 0xA5;

/// First register of SET_UCONFIG_REG (PACKET3_SET_UCONFIG_REG_START).
const UCONFIG_START: u32 = 0xC000;
/// A NOP with this count is a single dword (`gfx_v10_ring_insert_nop`).
const NOP_SINGLE: u32 = 0x3FFF;
const ENGINE_SEL_GFX: u32 = 4;
/// MAP_QUEUES, QUEUE_SEL: the hardware scheduler chooses the slot.
const SLOT_BY_SCHEDULER: u32 = 1;
/// UNMAP_QUEUES, PREEMPT_QUEUES_NO_UNMAP: the queue stays.
const ACTION_NO_UNMAP: u32 = 3;
/// CPC_INT_STATUS bit 29, GENERIC2: `gfx_v10_0_ring_emit_fence_kiq` asks for its interrupt with it.
const CPC_INT_GENERIC2: u32 = 1 << 29;
/// CP_HQD_PQ_CONTROL bits 19:18, SLOT_BASED_WPTR: the queue holds AQL packets (`update_mqd`).
const SLOT_BASED_WPTR: u32 = 3 << 18;
/// CP_RB_DOORBELL_CONTROL.
const DOORBELL_EN: u32 = 1 << 30;
const MAX_DEPTH: u32 = 2;

// Dwords of struct v10_gfx_mqd and struct v10_compute_mqd, where both agree (v10_structs.h).
pub(crate) const MQD_PQ_BASE: u64 = 136;
pub(crate) const MQD_RPTR_ADDRESS: u64 = 139;
pub(crate) const MQD_PQ_CONTROL: u64 = 145;

/// Micro engine, pipe and queue: the `ring_id` of an interrupt (`gfx_v10_0_eop_irq`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct QueueId {
    pub(crate) me: u32,
    pub(crate) pipe: u32,
    pub(crate) queue: u32,
}

impl QueueId {
    pub(crate) fn ring_id(self) -> u8 {
        (self.pipe & 3 | (self.me & 3) << 2 | (self.queue & 7) << 4) as u8
    }

    /// GRBM_GFX_CNTL, as nv_grbm_select packs it.
    fn from_grbm(value: u32) -> Self {
        QueueId {
            pipe: value & 3,
            me: value >> 2 & 3,
            queue: value >> 8 & 7,
        }
    }
}

/// A queue the command processor fetches from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Queue {
    pub(crate) id: QueueId,
    /// Whose memory it is in: 0 is the driver, others are processes.
    pub(crate) vmid: u8,
    pub(crate) packets: Packets,
    pub(crate) base: u64,
    pub(crate) size_dwords: u64,
    /// In the units of its packets.
    pub(crate) rptr: u64,
    pub(crate) rptr_report: u64,
}

/// What a queue holds, and in what its pointers count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Packets {
    /// In dwords.
    Pm4,
    /// In packets.
    Aql,
    /// Of an SDMA engine, in bytes.
    Sdma,
}

impl Queue {
    /// CP_HQD_PQ_CONTROL and CP_GFX_HQD_CNTL: the size is 2 to the power of (bits 5:0 and one).
    fn new(id: QueueId, base: u64, control: u32, rptr_report: u64) -> Self {
        Queue {
            id,
            vmid: 0,
            packets: match control & SLOT_BASED_WPTR {
                0 => Packets::Pm4,
                _ => Packets::Aql,
            },
            base: base << 8,
            size_dwords: 2 << (control & 0x3F).min(30),
            rptr: 0,
            rptr_report: rptr_report & !3,
        }
    }

    pub(crate) fn client(&self) -> Client {
        match (self.packets, self.id.me) {
            (Packets::Sdma, _) => Client::Sdma0,
            (_, 0) => Client::Cpg,
            _ => Client::Cpc,
        }
    }
}

/// Addresses of the registers of the command processor.
#[derive(Debug)]
pub(crate) struct CpRegisters {
    grbm_gfx_cntl: u32,
    hqd_first: u32,
    hqd_last: u32,
    hqd_active: u32,
    hqd_pq_base: u32,
    hqd_pq_base_hi: u32,
    hqd_pq_control: u32,
    hqd_rptr_report: u32,
    hqd_rptr_report_hi: u32,
    hqd_doorbell_control: u32,
    hqd_dequeue_request: u32,
    cpc_int_status: u32,
    /// Of the one graphics ring before GC 10: base, its high half, size, address of the read
    /// pointer's copy, its high half.
    rb: [u32; 5],
    rb_doorbell_control: u32,
}

impl CpRegisters {
    pub(crate) fn new(names: &Names) -> Result<Self> {
        Ok(CpRegisters {
            grbm_gfx_cntl: names.dword("GRBM_GFX_CNTL")?,
            hqd_first: names.dword("CP_MQD_BASE_ADDR")?,
            hqd_last: names.any(&["CP_HQD_DEQUEUE_STATUS", "CP_HQD_PQ_WPTR_HI"])?,
            hqd_active: names.dword("CP_HQD_ACTIVE")?,
            hqd_pq_base: names.dword("CP_HQD_PQ_BASE")?,
            hqd_pq_base_hi: names.dword("CP_HQD_PQ_BASE_HI")?,
            hqd_pq_control: names.dword("CP_HQD_PQ_CONTROL")?,
            hqd_rptr_report: names.dword("CP_HQD_PQ_RPTR_REPORT_ADDR")?,
            hqd_rptr_report_hi: names.dword("CP_HQD_PQ_RPTR_REPORT_ADDR_HI")?,
            hqd_doorbell_control: names.dword("CP_HQD_PQ_DOORBELL_CONTROL")?,
            hqd_dequeue_request: names.dword("CP_HQD_DEQUEUE_REQUEST")?,
            cpc_int_status: names.dword("CPC_INT_STATUS")?,
            rb: [
                names.dword("CP_RB0_BASE")?,
                names.dword("CP_RB0_BASE_HI")?,
                names.dword("CP_RB0_CNTL")?,
                names.dword("CP_RB0_RPTR_ADDR")?,
                names.dword("CP_RB0_RPTR_ADDR_HI")?,
            ],
            rb_doorbell_control: names.dword("CP_RB_DOORBELL_CONTROL")?,
        })
    }
}

/// Why a queue stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// Not a packet of type 2 or 3.
    BadHeader(u32),
    Truncated(u32),
    NestedBuffer,
    /// An AQL packet of this type, which would take shader cores or is none.
    Aql(u8),
    Sdma(sdma::Stop),
    Fault(PageFault),
}

impl From<PageFault> for Stop {
    fn from(fault: PageFault) -> Self {
        Stop::Fault(fault)
    }
}

impl From<sdma::Stop> for Stop {
    fn from(stop: sdma::Stop) -> Self {
        match stop {
            sdma::Stop::Fault(fault) => Stop::Fault(fault),
            other => Stop::Sdma(other),
        }
    }
}

/// Length of the PM4 packet with this header, in dwords.
fn packet_length(header: u32) -> Result<usize, Stop> {
    let count = header >> 16 & 0x3FFF;
    match (header >> 30, opcode(header)) {
        (2, _) => Ok(1),
        (3, NOP) if count == NOP_SINGLE => Ok(1),
        (3, _) => Ok(count as usize + 2),
        _ => Err(Stop::BadHeader(header)),
    }
}

fn opcode(header: u32) -> u32 {
    header >> 8 & 0xFF
}

pub(crate) fn pair(lo: u32, hi: u32) -> u64 {
    u64::from(lo) | u64::from(hi) << 32
}

fn doorbell_index(value: u32) -> u32 {
    value >> 2 & 0x03FF_FFFF
}

impl Device {
    /// The HQD registers exist once per queue; GRBM_GFX_CNTL selects which the driver sees.
    fn hqd_bank(&self, dword: u32) -> Option<(u32, u32)> {
        (self.cp.hqd_first..=self.cp.hqd_last)
            .contains(&dword)
            .then(|| {
                let select = self.registers.get(self.cp.grbm_gfx_cntl) & 0x70F;
                (select, dword)
            })
    }

    pub(crate) fn hqd_register_value(&self, dword: u32) -> Option<u32> {
        let key = self.hqd_bank(dword)?;
        Some(self.hqd_banks.get(&key).copied().unwrap_or(0))
    }

    /// Stores a HQD register and maps or unmaps the queue. False if `dword` is none of them.
    pub(crate) fn hqd_register_write(&mut self, dword: u32, value: u32) -> bool {
        let Some(key) = self.hqd_bank(dword) else {
            return false;
        };
        self.hqd_banks.insert(key, value);
        let bank = key.0;
        let get = |dword| self.hqd_banks.get(&(bank, dword)).copied().unwrap_or(0);
        let doorbell = doorbell_index(get(self.cp.hqd_doorbell_control));
        if dword == self.cp.hqd_active && value & 1 != 0 {
            // gfx_v10_0_kiq_init_register, and kgd_hqd_load for queues of the KFD.
            let queue = Queue::new(
                QueueId::from_grbm(bank),
                pair(get(self.cp.hqd_pq_base), get(self.cp.hqd_pq_base_hi)),
                get(self.cp.hqd_pq_control),
                pair(
                    get(self.cp.hqd_rptr_report),
                    get(self.cp.hqd_rptr_report_hi),
                ),
            );
            self.map_queue(doorbell, queue);
        } else if dword == self.cp.hqd_dequeue_request && value != 0 {
            // gfx_v10_0_kiq_init_register and kgd_hqd_destroy wait until ACTIVE is 0.
            self.hqd_banks.insert((bank, self.cp.hqd_active), 0);
            self.hqd_banks
                .insert((bank, self.cp.hqd_dequeue_request), 0);
            self.queues.remove(&doorbell);
        }
        true
    }

    /// Maps the ring that gfx_v9_0_cp_gfx_resume describes, last its doorbell.
    pub(crate) fn rb_register_written(&mut self, dword: u32, value: u32) {
        if dword == self.cp.rb_doorbell_control && value & DOORBELL_EN != 0 {
            let [base, base_hi, cntl, report, report_hi] =
                self.cp.rb.map(|dword| self.registers.get(dword));
            let id = QueueId::from_grbm(0);
            let queue = Queue::new(id, pair(base, base_hi), cntl, pair(report, report_hi));
            self.map_queue(doorbell_index(value), queue);
        }
    }

    pub(crate) fn map_queue(&mut self, doorbell: u32, queue: Queue) {
        self.log.note(format_args!(
            "queue mapped, doorbell {doorbell:#x}: {queue:x?}"
        ));
        self.queues.insert(doorbell, queue);
    }

    /// Executes the queue of a doorbell up to what was written to it: the write pointer
    /// (`gfx_v10_0_ring_set_wptr_compute`), or of AQL the index of the last packet. A doorbell without
    /// a queue is ignored.
    pub(crate) fn run_queue(&mut self, doorbell: u32, value: u64) {
        let Some(mut queue) = self.queues.get(&doorbell).copied() else {
            return;
        };
        let result = match queue.packets {
            Packets::Pm4 => self.run_pm4(&mut queue, value),
            Packets::Aql => self.run_aql(&mut queue, value.wrapping_add(1)),
            Packets::Sdma => self.run_sdma_queue(&mut queue, value).map_err(Stop::from),
        };
        if let Err(stop) = result {
            self.log.note(format_args!(
                "queue of doorbell {doorbell:#x} stops before {value:#x}: {stop:x?}"
            ));
            // As on hardware, a hung queue does not go on until it is mapped again.
            self.queues.remove(&doorbell);
            if let Stop::Fault(fault) = stop {
                self.raise_page_fault(fault, queue.client());
            }
            return;
        }
        // An executed packet may have unmapped the queue.
        if let Some(mapped) = self.queues.get_mut(&doorbell) {
            *mapped = queue;
        }
    }

    fn run_pm4(&mut self, queue: &mut Queue, wptr: u64) -> Result<(), Stop> {
        let count = wptr.wrapping_sub(queue.rptr) & (queue.size_dwords - 1);
        let dwords = self.read_ring(
            queue.vmid,
            queue.base,
            queue.size_dwords * 4,
            queue.rptr.wrapping_mul(4),
            count as usize,
        )?;
        self.execute_pm4(*queue, &dwords, 0, 0)?;
        queue.rptr = wptr;
        let rptr = (wptr & (queue.size_dwords - 1)) as u32;
        self.gpu_write(0, queue.rptr_report, &rptr.to_le_bytes())?;
        Ok(())
    }

    fn execute_pm4(
        &mut self,
        queue: Queue,
        dwords: &[u32],
        vmid: u8,
        depth: u32,
    ) -> Result<(), Stop> {
        let mut rest = dwords;
        while let Some(&header) = rest.first() {
            let length = packet_length(header)?;
            if length > rest.len() {
                return Err(Stop::Truncated(header));
            }
            let (packet, tail) = rest.split_at(length);
            rest = tail;
            if header >> 30 == 2 {
                continue;
            }
            match (opcode(header), packet) {
                (SET_UCONFIG_REG, [_, offset, values @ ..]) => {
                    let first = UCONFIG_START + (offset & 0xFFFF);
                    for (dword, value) in (first..).zip(values) {
                        self.write_register(Origin::Cp, dword, *value);
                    }
                }
                (WRITE_DATA, [_, control, lo, hi, values @ ..]) => {
                    self.write_data(queue, vmid, *control, pair(*lo, *hi), values)?;
                }
                (RELEASE_MEM, [_, _, select, lo, hi, data_lo, data_hi, ..]) => {
                    let data = pair(*data_lo, *data_hi).to_le_bytes();
                    match select >> 29 {
                        1 => self.gpu_write(vmid, pair(*lo, *hi), &data[..4])?,
                        2 => self.gpu_write(vmid, pair(*lo, *hi), &data)?,
                        // Nothing, or a time stamp: there is no GPU clock.
                        _ => {}
                    }
                    if select >> 24 & 7 != 0 {
                        self.push_interrupt(Interrupt::end_of_pipe(queue.id.ring_id()));
                    }
                }
                (INDIRECT_BUFFER | INDIRECT_BUFFER_CONST, [_, lo, hi, control]) => {
                    if depth >= MAX_DEPTH {
                        return Err(Stop::NestedBuffer);
                    }
                    let vmid = (control >> 24 & 0xF) as u8;
                    let count = (control & 0xF_FFFF) as usize;
                    let buffer = self.gpu_read_dwords(vmid, pair(lo & !3, *hi), count)?;
                    self.execute_pm4(queue, &buffer, vmid, depth + 1)?;
                }
                (SET_RESOURCES, [_, control, ..]) => self.scheduler.set_resources(*control),
                // Within a list it would lead back to its begin, for processes that take turns.
                (RUN_LIST, [_, lo, hi, control]) if depth == 0 => {
                    let list =
                        self.gpu_read_dwords(0, pair(lo & !3, *hi), (control & 0xF_FFFF) as usize)?;
                    self.execute_pm4(queue, &list, 0, depth + 1)?;
                }
                (MAP_PROCESS, [_, control, root_lo, root_hi, ..]) => {
                    self.map_process(control & 0xFFFF, pair(*root_lo, *root_hi));
                }
                (MAP_QUEUES, [_, control, doorbell, mqd_lo, mqd_hi, wptr_lo, wptr_hi]) => {
                    let mqd = pair(*mqd_lo, *mqd_hi);
                    let doorbell = doorbell_index(*doorbell);
                    if control >> 4 & 3 == SLOT_BY_SCHEDULER {
                        let wptr_address = pair(*wptr_lo, *wptr_hi);
                        self.schedule_queue(*control, doorbell, mqd, wptr_address)?;
                    } else {
                        let queue = self.queue_from_mqd(*control, mqd)?;
                        self.map_queue(doorbell, queue);
                    }
                }
                (UNMAP_QUEUES, [_, control, which, ..]) => {
                    match control >> 4 & 3 {
                        0 if control & 3 != ACTION_NO_UNMAP => {
                            self.queues.remove(&doorbell_index(*which));
                        }
                        0 => {}
                        1 => self.unschedule(Some(which & 0xFFFF)),
                        // All queues, or all that are not static. The KFD maps none as static.
                        _ => self.unschedule(None),
                    }
                }
                (QUERY_STATUS, [_, _, _, lo, hi, data_lo, data_hi]) => {
                    // The fence the KFD waits for after a run list (pm_send_query_status).
                    let data = pair(*data_lo, *data_hi).to_le_bytes();
                    self.gpu_write(vmid, pair(*lo, *hi), &data)?;
                }
                (NOP, _) => {}
                (other, _) => self.log.note(format_args!(
                    "packet {other:#04x} of {length} dwords has no effect"
                )),
            }
        }
        Ok(())
    }

    fn write_data(
        &mut self,
        queue: Queue,
        vmid: u8,
        control: u32,
        address: u64,
        values: &[u32],
    ) -> Result<(), Stop> {
        const DST_REGISTER: u32 = 0;
        let one_address = control >> 16 & 1 != 0;
        for (i, value) in values.iter().enumerate() {
            let step = if one_address { 0 } else { i as u64 };
            if control >> 8 & 0xF != DST_REGISTER {
                self.gpu_write(vmid, address + 4 * step, &value.to_le_bytes())?;
                continue;
            }
            let dword = (address as u32).wrapping_add(step as u32);
            self.write_register(Origin::Cp, dword, *value);
            if dword == self.cp.cpc_int_status && value & CPC_INT_GENERIC2 != 0 {
                self.push_interrupt(Interrupt::cp_generic(queue.id.ring_id()));
            }
        }
        Ok(())
    }

    /// MAP_QUEUES: the queue is described by its MQD in memory (`gfx10_kiq_map_queues`).
    pub(crate) fn queue_from_mqd(&self, control: u32, mqd: u64) -> Result<Queue, PageFault> {
        let field = |index: u64, count: usize| self.gpu_read_dwords(0, mqd + 4 * index, count);
        let base = field(MQD_PQ_BASE, 2)?;
        let report = field(MQD_RPTR_ADDRESS, 2)?;
        let size = field(MQD_PQ_CONTROL, 1)?[0];
        let id = QueueId {
            // The packet counts the micro engines of the compute side from 0, the interrupt from 1.
            me: match control >> 26 & 7 {
                ENGINE_SEL_GFX => 0,
                _ => (control >> 18 & 1) + 1,
            },
            pipe: control >> 16 & 3,
            queue: control >> 13 & 7,
        };
        let report = pair(report[0], report[1]);
        Ok(Queue::new(id, pair(base[0], base[1]), size, report))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::chip::{chip, CHIPS};

    pub(crate) const VRAM_WINDOW: u64 = 0x80_0000_0000;

    pub(crate) fn packet3(opcode: u32, count: u32) -> u32 {
        3 << 30 | count << 16 | opcode << 8
    }

    #[test]
    fn packets_have_their_length() {
        assert_eq!(packet_length(packet3(NOP, 0)), Ok(2));
        assert_eq!(packet_length(packet3(NOP, 0x3FFF)), Ok(1));
        assert_eq!(packet_length(packet3(SET_UCONFIG_REG, 1)), Ok(3));
        assert_eq!(packet_length(packet3(MAP_QUEUES, 5)), Ok(7));
        assert_eq!(packet_length(0x8000_0000), Ok(1));
        assert_eq!(packet_length(0x1234), Err(Stop::BadHeader(0x1234)));
    }

    #[test]
    fn ring_ids_are_those_of_the_interrupt_handler() {
        let id = QueueId::from_grbm(2 << 2 | 1);
        assert_eq!(id.ring_id(), 9, "the KIQ: me 2, pipe 1, queue 0");
        let id = QueueId {
            me: 1,
            pipe: 3,
            queue: 1,
        };
        assert_eq!(id.ring_id(), 0x17);
    }

    /// The KIQ with 64 dwords at VRAM 0, read pointer copy at 0x1000, doorbell 0.
    pub(crate) struct Kiq {
        pub(crate) device: Device,
        wptr: u64,
    }

    impl Kiq {
        pub(crate) fn new() -> Self {
            let mut kiq = Kiq {
                device: Device::new(CHIPS[0]).unwrap(),
                wptr: 0,
            };
            for (name, value) in [
                ("GRBM_GFX_CNTL", 9),
                ("CP_HQD_PQ_BASE", (VRAM_WINDOW >> 8) as u32),
                ("CP_HQD_PQ_RPTR_REPORT_ADDR", 0x1000),
                ("CP_HQD_PQ_RPTR_REPORT_ADDR_HI", 0x80),
                ("CP_HQD_PQ_CONTROL", 5),
                ("CP_HQD_ACTIVE", 1),
            ] {
                kiq.set(name, value);
            }
            kiq
        }

        pub(crate) fn set(&mut self, name: &str, value: u32) {
            let dword = self.device.names.dword(name).unwrap();
            self.device.write_register(Origin::Cpu, dword, value);
        }

        pub(crate) fn get(&mut self, name: &str) -> u32 {
            let dword = self.device.names.dword(name).unwrap();
            self.device.read_register(Origin::Cpu, dword)
        }

        pub(crate) fn submit(&mut self, dwords: &[u32]) {
            for dword in dwords {
                let at = self.wptr % 64 * 4;
                assert!(self.device.vram.write(at, &dword.to_le_bytes()));
                self.wptr += 1;
            }
            self.device.doorbell_write(0, &self.wptr.to_le_bytes());
        }

        fn vram(&self, at: u64) -> u32 {
            let mut data = [0; 4];
            assert!(self.device.vram.read(at, &mut data));
            u32::from_le_bytes(data)
        }
    }

    #[test]
    fn the_ring_test_writes_the_scratch_register() {
        let mut kiq = Kiq::new();
        kiq.submit(&[packet3(SET_UCONFIG_REG, 1), 0x40, 0xDEAD_BEEF]);
        assert_eq!(kiq.get("SCRATCH_REG0"), 0xDEAD_BEEF);
        assert_eq!(kiq.vram(0x1000), 3, "read pointer");
    }

    #[test]
    fn fences_are_written() {
        let mut kiq = Kiq::new();
        kiq.submit(&[packet3(WRITE_DATA, 3), 5 << 8, 0x2000, 0x80, 7]);
        assert_eq!(kiq.vram(0x2000), 7);
        let release = [packet3(RELEASE_MEM, 6), 0, 2 << 29, 0x2008, 0x80, 1, 2, 0];
        kiq.submit(&release);
        assert_eq!((kiq.vram(0x2008), kiq.vram(0x200C)), (1, 2));
        let status = [packet3(QUERY_STATUS, 5), 0, 0, 0x2010, 0x80, 3, 4];
        kiq.submit(&status);
        assert_eq!((kiq.vram(0x2010), kiq.vram(0x2014)), (3, 4));
    }

    #[test]
    fn a_queue_is_mapped_from_its_mqd_and_unmapped() {
        let mut kiq = Kiq::new();
        for (index, value) in [
            (MQD_PQ_BASE, ((VRAM_WINDOW + 0x8000) >> 8) as u32),
            (MQD_RPTR_ADDRESS, 0x1010),
            (MQD_RPTR_ADDRESS + 1, 0x80),
            (MQD_PQ_CONTROL, 4),
        ] {
            let at = 0x4000 + 4 * index;
            assert!(kiq.device.vram.write(at, &value.to_le_bytes()));
        }
        let control = 1 << 13 | 2 << 16;
        kiq.submit(&[
            packet3(MAP_QUEUES, 5),
            control,
            0x22 << 2,
            0x4000,
            0x80,
            0,
            0,
        ]);
        let queue = kiq.device.queues[&0x22];
        assert_eq!(queue.base, VRAM_WINDOW + 0x8000);
        assert_eq!(queue.size_dwords, 32);
        assert_eq!(queue.id.ring_id(), 1 << 4 | 1 << 2 | 2);

        let write = [packet3(WRITE_DATA, 3), 5 << 8, 0x2000, 0x80, 9];
        for (i, dword) in write.iter().enumerate() {
            let at = 0x8000 + 4 * i as u64;
            assert!(kiq.device.vram.write(at, &dword.to_le_bytes()));
        }
        kiq.device.doorbell_write(0x22 * 4, &5u64.to_le_bytes());
        assert_eq!(kiq.vram(0x2000), 9);
        assert_eq!(kiq.vram(0x1010), 5);

        // All queues of a run list: not this one.
        kiq.submit(&[packet3(UNMAP_QUEUES, 4), 2 << 4, 0x22 << 2, 0, 0, 0]);
        assert!(kiq.device.queues.contains_key(&0x22));
        kiq.submit(&[packet3(UNMAP_QUEUES, 4), 1, 0x22 << 2, 0, 0, 0]);
        assert!(!kiq.device.queues.contains_key(&0x22));
    }

    #[test]
    fn before_gc_10_the_graphics_ring_has_registers_of_its_own() {
        let mut gpu = Kiq {
            device: Device::new(chip("renoir").unwrap()).unwrap(),
            wptr: 0,
        };
        for (name, value) in [
            ("CP_RB0_CNTL", 5),
            ("CP_RB0_RPTR_ADDR", 0x1000),
            ("CP_RB0_RPTR_ADDR_HI", 0x80),
            ("CP_RB0_BASE", (VRAM_WINDOW >> 8) as u32),
            ("CP_RB_DOORBELL_CONTROL", 0),
        ] {
            gpu.set(name, value);
        }
        assert!(gpu.device.queues.is_empty(), "the doorbell is off");
        gpu.set("CP_RB_DOORBELL_CONTROL", DOORBELL_EN);
        gpu.submit(&[packet3(SET_UCONFIG_REG, 1), 0x40, 0xDEAD_BEEF]);
        assert_eq!(gpu.get("SCRATCH_REG0"), 0xDEAD_BEEF);
        assert_eq!(gpu.vram(0x1000), 3, "read pointer");
        assert_eq!(gpu.device.queues[&0].client(), Client::Cpg);
    }

    #[test]
    fn hqd_registers_are_banked_and_dequeue_clears_active() {
        let mut kiq = Kiq::new();
        assert_eq!(kiq.get("CP_HQD_ACTIVE"), 1);
        kiq.set("GRBM_GFX_CNTL", 1 << 2);
        assert_eq!(kiq.get("CP_HQD_ACTIVE"), 0);
        kiq.set("GRBM_GFX_CNTL", 9);
        kiq.set("CP_HQD_DEQUEUE_REQUEST", 1);
        assert_eq!(kiq.get("CP_HQD_ACTIVE"), 0);
        assert!(kiq.device.queues.is_empty());
    }
}
