// SPDX-License-Identifier: MIT
//! The SDMA engine: the packets that the driver puts on the graphics ring of instance 0 and processes
//! on their own queues, executed at once and in order. So nothing is ever left to wait for, and
//! packets that poll do nothing.

use anyhow::Result;

use crate::cp::{pair, Packets, Queue, QueueId};
use crate::device::Device;
use crate::fault::{Client, PageFault};
use crate::hub::Hub;
use crate::ih::Interrupt;
use crate::log::Origin;
use crate::names::Names;

// Opcodes and sub-opcodes of navi10_sdma_pkt_open.h.
const NOP: u32 = 0;
const COPY: u32 = 1;
const WRITE: u32 = 2;
const INDIRECT: u32 = 4;
const FENCE: u32 = 5;
const TRAP: u32 = 6;
const POLL_REGMEM: u32 = 8;
const COND_EXE: u32 = 9;
const ATOMIC: u32 = 10;
const CONST_FILL: u32 = 11;
const PTEPDE: u32 = 12;
const SRBM_WRITE: u32 = 14;
const GCR_REQ: u32 = 17;
const SUBOP_LINEAR: u32 = 0;
const SUBOP_VM_INVALIDATION: u32 = 4;
/// ATOMIC, bits 31:25: the operation.
const ATOMIC_ADD64: u32 = 47;

// Dwords of struct v10_sdma_mqd (v10_structs.h).
const MQD_RB_CNTL: u64 = 0;
const MQD_RB_BASE: u64 = 1;
const MQD_RPTR_ADDRESS_HI: u64 = 8;

/// An SDMA queue has no place among those of the command processor.
const NO_SLOT: QueueId = QueueId {
    me: 0,
    pipe: 0,
    queue: 0,
};

/// Indirect buffers do not nest on the real engine.
const MAX_DEPTH: u32 = 1;

/// Addresses of the engine's registers. RB_RPTR holds the model's read pointer: the driver sets it
/// when it restarts the ring (`sdma_v5_0_gfx_resume_instance`).
#[derive(Debug)]
pub(crate) struct SdmaRegisters {
    rb_cntl: u32,
    rb_base: u32,
    rb_base_hi: u32,
    rb_rptr: u32,
    rb_rptr_hi: u32,
    rptr_address_lo: u32,
    rptr_address_hi: u32,
    doorbell: u32,
    doorbell_offset: u32,
}

impl SdmaRegisters {
    pub(crate) fn new(names: &Names) -> Result<Self> {
        // From GC 11 on the ring is called queue 0.
        let gfx = |name: &str| {
            names.any(&[
                &format!("SDMA0_GFX_{name}"),
                &format!("SDMA0_QUEUE0_{name}"),
            ])
        };
        Ok(SdmaRegisters {
            rb_cntl: gfx("RB_CNTL")?,
            rb_base: gfx("RB_BASE")?,
            rb_base_hi: gfx("RB_BASE_HI")?,
            rb_rptr: gfx("RB_RPTR")?,
            rb_rptr_hi: gfx("RB_RPTR_HI")?,
            rptr_address_lo: gfx("RB_RPTR_ADDR_LO")?,
            rptr_address_hi: gfx("RB_RPTR_ADDR_HI")?,
            doorbell: gfx("DOORBELL")?,
            doorbell_offset: gfx("DOORBELL_OFFSET")?,
        })
    }
}

/// A buffer of commands that the engine executed for a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Job {
    /// The context of the graphics hub that it ran in.
    pub vmid: u8,
    /// The process that IH_VMID_n_LUT named for that context.
    pub pasid: u32,
    /// CONTEXTn_PAGE_TABLE_BASE_ADDR.
    pub root: u64,
}

/// Why the engine stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// Opcode and sub-opcode of a packet the model does not know.
    UnknownPacket(u32, u32),
    /// The packet is longer than what the ring or buffer still holds.
    Truncated(u32),
    NestedBuffer,
    Fault(PageFault),
}

impl From<PageFault> for Stop {
    fn from(fault: PageFault) -> Self {
        Stop::Fault(fault)
    }
}

/// Length of the packet `dwords` begins with, in dwords. A wrong length would put the engine out of
/// step with the ring, so an unknown packet is refused.
fn packet_length(dwords: &[u32]) -> Result<usize, Stop> {
    let header = dwords[0];
    let (opcode, subop) = (header & 0xFF, header >> 8 & 0xFF);
    let length = match (opcode, subop) {
        (NOP, _) => 1 + (header >> 16 & 0x3FFF) as usize,
        (COPY, SUBOP_LINEAR) => 7,
        (WRITE, SUBOP_LINEAR) => {
            let count = dwords.get(3).ok_or(Stop::Truncated(opcode))?;
            4 + (count & 0xF_FFFF) as usize + 1
        }
        (INDIRECT, _) => 6,
        (FENCE, _) => 4,
        (TRAP, _) => 2,
        // sdma_v5_2_ring_emit_vm_flush: an invalidation under the opcode of POLL_REGMEM, but shorter.
        (POLL_REGMEM, SUBOP_VM_INVALIDATION) => 4,
        (POLL_REGMEM, 0) => 6,
        (COND_EXE, _) => 5,
        (ATOMIC, _) if header >> 25 == ATOMIC_ADD64 => 8,
        (CONST_FILL, 0) => 5,
        (PTEPDE, SUBOP_LINEAR) => 10,
        (SRBM_WRITE, _) => 3,
        (GCR_REQ, _) => 5,
        _ => return Err(Stop::UnknownPacket(opcode, subop)),
    };
    if length > dwords.len() {
        return Err(Stop::Truncated(opcode));
    }
    Ok(length)
}

/// Bytes of COPY and CONST_FILL: 22 bits until SDMA 5.0, 30 bits from 5.2 on (`sdma_v5_2_buffer_funcs`),
/// and sdma_v5_0 never sets the bits between.
fn byte_count(field: u32) -> usize {
    (field & 0x3FFF_FFFF) as usize + 1
}

/// RB_CNTL, RB_SIZE: the dwords of a ring.
fn ring_dwords(cntl: u32) -> u64 {
    1 << (cntl >> 1 & 0x1F)
}

impl Device {
    /// Whether the doorbell at byte `offset` of BAR2 belongs to the ring.
    pub(crate) fn sdma_owns_doorbell(&self, offset: u64) -> bool {
        let enabled = self.registers.get(self.sdma.doorbell) >> 28 & 1 != 0;
        let own = self.registers.get(self.sdma.doorbell_offset) & 0x0FFF_FFFC;
        enabled && u64::from(own) == offset
    }

    /// Executes the ring up to `wptr` (bytes, as `sdma_v5_0_ring_set_wptr` writes it).
    pub(crate) fn run_sdma(&mut self, wptr: u64) {
        let cntl = self.registers.get(self.sdma.rb_cntl);
        if cntl & 1 == 0 || self.sdma_stopped {
            return; // RB_ENABLE
        }
        let get64 = |lo, hi| self.registers.get64(lo, hi);
        let sdma = &self.sdma;
        let mut ring = Queue {
            id: NO_SLOT,
            vmid: 0,
            packets: Packets::Sdma,
            base: get64(sdma.rb_base, sdma.rb_base_hi) << 8,
            size_dwords: ring_dwords(cntl),
            rptr: get64(sdma.rb_rptr, sdma.rb_rptr_hi),
            rptr_report: get64(sdma.rptr_address_lo, sdma.rptr_address_hi) & !3,
        };
        let result = self.run_sdma_queue(&mut ring, wptr);
        self.registers
            .set64(self.sdma.rb_rptr, self.sdma.rb_rptr_hi, ring.rptr);
        if let Err(stop) = result {
            self.log.note(format_args!(
                "SDMA0 stops between {:#x} and {wptr:#x}: {stop:x?}",
                ring.rptr
            ));
            self.sdma_stopped = true;
            if let Stop::Fault(fault) = stop {
                self.raise_page_fault(fault, Client::Sdma0);
            }
        }
    }

    /// Executes a queue up to `wptr`.
    pub(crate) fn run_sdma_queue(&mut self, queue: &mut Queue, wptr: u64) -> Result<(), Stop> {
        let size = queue.size_dwords * 4;
        let count = (wptr.wrapping_sub(queue.rptr) & (size - 1)) / 4;
        let dwords = self.read_ring(queue.vmid, queue.base, size, queue.rptr, count as usize)?;
        self.execute_sdma(&dwords, queue.vmid, 0)?;
        queue.rptr = wptr;
        self.gpu_write(queue.vmid, queue.rptr_report, &wptr.to_le_bytes())?;
        Ok(())
    }

    /// A queue of a process, as `update_mqd_sdma` describes it.
    pub(crate) fn sdma_queue_from_mqd(&self, mqd: u64) -> Result<Queue, PageFault> {
        let field = |index: u64, count: usize| self.gpu_read_dwords(0, mqd + 4 * index, count);
        let base = field(MQD_RB_BASE, 2)?;
        let report = field(MQD_RPTR_ADDRESS_HI, 2)?;
        Ok(Queue {
            id: NO_SLOT,
            vmid: 0,
            packets: Packets::Sdma,
            base: pair(base[0], base[1]) << 8,
            size_dwords: ring_dwords(field(MQD_RB_CNTL, 1)?[0]),
            rptr: 0,
            rptr_report: pair(report[1], report[0]),
        })
    }

    /// `count` dwords of a ring from byte `rptr` on.
    pub(crate) fn read_ring(
        &self,
        vmid: u8,
        base: u64,
        size: u64,
        rptr: u64,
        count: usize,
    ) -> Result<Vec<u32>, PageFault> {
        let start = rptr & (size - 1);
        let first = count.min(((size - start) / 4) as usize);
        let mut dwords = self.gpu_read_dwords(vmid, base + start, first)?;
        dwords.extend(self.gpu_read_dwords(vmid, base, count - first)?);
        Ok(dwords)
    }

    fn execute_sdma(&mut self, dwords: &[u32], vmid: u8, depth: u32) -> Result<(), Stop> {
        let mut rest = dwords;
        while !rest.is_empty() {
            let length = packet_length(rest)?;
            let (packet, tail) = rest.split_at(length);
            rest = tail;
            let header = packet[0];
            match header & 0xFF {
                COPY => {
                    let mut data = vec![0; byte_count(packet[1])];
                    self.gpu_read(vmid, pair(packet[3], packet[4]), &mut data)?;
                    self.gpu_write(vmid, pair(packet[5], packet[6]), &data)?;
                }
                WRITE => {
                    let data: Vec<u8> = packet[4..].iter().flat_map(|d| d.to_le_bytes()).collect();
                    self.gpu_write(vmid, pair(packet[1], packet[2]), &data)?;
                }
                INDIRECT => {
                    if depth >= MAX_DEPTH {
                        return Err(Stop::NestedBuffer);
                    }
                    let vmid = (header >> 16 & 0xF) as u8;
                    let count = (packet[3] & 0xF_FFFF) as usize;
                    let buffer = self.gpu_read_dwords(vmid, pair(packet[1], packet[2]), count)?;
                    self.execute_sdma(&buffer, vmid, depth + 1)?;
                    if vmid != 0 {
                        self.jobs.push(Job {
                            vmid,
                            pasid: self.vmid_pasid(Hub::Gfx, vmid),
                            root: self.root(Hub::Gfx, vmid),
                        });
                    }
                }
                FENCE => {
                    let address = pair(packet[1], packet[2]);
                    self.gpu_write(vmid, address, &packet[3].to_le_bytes())?;
                }
                TRAP => self.push_interrupt(match vmid {
                    0 => Interrupt::sdma_trap(),
                    _ => Interrupt::sdma_signal(vmid, self.vmid_pasid(Hub::Gfx, vmid), packet[1]),
                }),
                ATOMIC => {
                    let address = pair(packet[1], packet[2]);
                    let old = self.gpu_read_u64(vmid, address)?;
                    let new = old.wrapping_add(pair(packet[3], packet[4]));
                    self.gpu_write(vmid, address, &new.to_le_bytes())?;
                }
                COND_EXE => {
                    let value = self.gpu_read_dwords(vmid, pair(packet[1], packet[2]), 1)?[0];
                    if value != packet[3] {
                        let skip = (packet[4] & 0x3FFF) as usize;
                        rest = rest.get(skip..).ok_or(Stop::Truncated(COND_EXE))?;
                    }
                }
                CONST_FILL => {
                    // sdma_v5_0_emit_fill_buffer always passes a whole dword, so the fill size in bits
                    // 31:30 of the header is not looked at.
                    let len = byte_count(packet[4]);
                    let pattern = packet[3].to_le_bytes();
                    let data: Vec<u8> = pattern.iter().copied().cycle().take(len).collect();
                    self.gpu_write(vmid, pair(packet[1], packet[2]), &data)?;
                }
                PTEPDE => {
                    // sdma_v5_0_vm_set_pte_pde: entries of one run of pages.
                    let flags = pair(packet[3], packet[4]);
                    let (start, step) = (pair(packet[5], packet[6]), pair(packet[7], packet[8]));
                    let count = u64::from(packet[9] & 0x7_FFFF) + 1;
                    let data: Vec<u8> = (0..count)
                        .flat_map(|i| (start.wrapping_add(i * step) | flags).to_le_bytes())
                        .collect();
                    self.gpu_write(vmid, pair(packet[1], packet[2]), &data)?;
                }
                SRBM_WRITE => {
                    // Address in dwords, 18 bits; the byte enables are always full.
                    self.write_register(Origin::Sdma, packet[1] & 0x3_FFFF, packet[2]);
                }
                // NOP; POLL_REGMEM and GCR_REQ have nothing to wait for and no cache to flush.
                _ => {}
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chip::CHIPS;
    use crate::hws::tests::{Process, READ_ONLY, RING, RPTR, SHARED};
    use crate::page_table::{READABLE, VALID, WRITEABLE};

    fn length(header: u32) -> Result<usize, Stop> {
        let mut dwords = [0; 64];
        dwords[0] = header;
        packet_length(&dwords)
    }

    #[test]
    fn packets_have_their_length() {
        for (header, expected) in [
            (0x0000_0000, 1),  // NOP
            (0x0007_0000, 8),  // NOP over seven more
            (0x0000_0001, 7),  // COPY linear
            (0x0003_0004, 6),  // INDIRECT, vmid 3
            (0x0000_0005, 4),  // FENCE
            (0x0000_0006, 2),  // TRAP
            (0x8000_0008, 6),  // POLL_REGMEM
            (0x0000_0408, 4),  // POLL_REGMEM, VM_INVALIDATION
            (0x0000_0009, 5),  // COND_EXE
            (0x5E00_000A, 8),  // ATOMIC, ADD64
            (0x0000_000B, 5),  // CONST_FILL
            (0x0000_000C, 10), // PTEPDE
            (0xF000_000E, 3),  // SRBM_WRITE
            (0x0000_0011, 5),  // GCR_REQ
        ] {
            assert_eq!(length(header), Ok(expected), "{header:#010x}");
        }
    }

    #[test]
    fn a_write_is_as_long_as_its_count() {
        assert_eq!(packet_length(&[2, 0, 0, 0, 7]), Ok(5));
        assert_eq!(packet_length(&[2, 0, 0, 3, 1, 2, 3, 4, 9]), Ok(8));
        assert_eq!(packet_length(&[2, 0, 0, 3, 1]), Err(Stop::Truncated(2)));
        assert_eq!(packet_length(&[2, 0]), Err(Stop::Truncated(2)));
    }

    #[test]
    fn unknown_packets_are_refused() {
        assert_eq!(length(0x0000_0101), Err(Stop::UnknownPacket(1, 1)));
        assert_eq!(length(0x0000_0003), Err(Stop::UnknownPacket(3, 0)));
    }

    /// Ring of 256 dwords at VRAM 0, read pointer copy at VRAM 0x1000, doorbell byte 0x800.
    struct Ring {
        device: Device,
        wptr: u64,
    }

    const VRAM_WINDOW: u64 = 0x80_0000_0000;

    impl Ring {
        fn new() -> Self {
            let mut device = Device::new(CHIPS[0]).unwrap();
            for (name, value) in [
                ("SDMA0_GFX_RB_BASE", (VRAM_WINDOW >> 8) as u32),
                ("SDMA0_GFX_RB_RPTR_ADDR_LO", 0x1000),
                ("SDMA0_GFX_RB_RPTR_ADDR_HI", 0x80),
                ("SDMA0_GFX_DOORBELL", 1 << 28),
                ("SDMA0_GFX_DOORBELL_OFFSET", 0x800),
                ("SDMA0_GFX_RB_CNTL", 8 << 1 | 1),
            ] {
                let dword = device.names.dword(name).unwrap();
                device.write_register(Origin::Cpu, dword, value);
            }
            Ring { device, wptr: 0 }
        }

        fn submit(&mut self, dwords: &[u32]) {
            for dword in dwords {
                assert!(self
                    .device
                    .vram
                    .write(self.wptr % 1024, &dword.to_le_bytes()));
                self.wptr += 4;
            }
            self.device.doorbell_write(0x800, &self.wptr.to_le_bytes());
        }

        fn vram(&self, at: u64) -> u64 {
            let mut data = [0; 8];
            assert!(self.device.vram.read(at, &mut data));
            u64::from_le_bytes(data)
        }
    }

    #[test]
    fn a_fence_is_written_and_the_read_pointer_reported() {
        let mut ring = Ring::new();
        ring.submit(&[FENCE, 0x2000, 0x80, 0xDEAD_BEEF, 0, 0]);
        assert_eq!(ring.vram(0x2000), 0xDEAD_BEEF);
        assert_eq!(ring.vram(0x1000), 24);
    }

    #[test]
    fn other_doorbells_do_not_run_the_ring() {
        let mut ring = Ring::new();
        ring.device.doorbell_write(0x808, &24u64.to_le_bytes());
        assert_eq!(ring.vram(0x1000), 0);
    }

    #[test]
    fn packets_may_wrap_around_the_ring() {
        let mut ring = Ring::new();
        for value in 0..100 {
            ring.submit(&[FENCE, 0x2000, 0x80, value, NOP]);
            assert_eq!(ring.vram(0x2000), u64::from(value));
        }
        assert_eq!(ring.vram(0x1000), 2000);
    }

    #[test]
    fn memory_is_copied_filled_and_written() {
        let mut ring = Ring::new();
        ring.submit(&[WRITE, 0x3000, 0x80, 1, 0x1111_1111, 0x2222_2222]);
        ring.submit(&[COPY, 7, 0, 0x3000, 0x80, 0x3008, 0x80]);
        ring.submit(&[CONST_FILL, 0x3010, 0x80, 0x3333_3333, 7]);
        for at in [0x3000, 0x3008] {
            assert_eq!(ring.vram(at), 0x2222_2222_1111_1111);
        }
        assert_eq!(ring.vram(0x3010), 0x3333_3333_3333_3333);
    }

    #[test]
    fn a_fill_may_be_longer_than_4_mib() {
        let mut ring = Ring::new();
        ring.submit(&[CONST_FILL, 0x10_0000, 0x80, 0x5555_5555, 0x50_0000 - 1]);
        assert_eq!(ring.vram(0x60_0000 - 8), 0x5555_5555_5555_5555);
        assert_eq!(ring.vram(0x60_0000), 0);
    }

    #[test]
    fn page_table_entries_are_generated() {
        let mut ring = Ring::new();
        ring.submit(&[PTEPDE, 0x4000, 0x80, 0x71, 0, 0x50_0000, 0, 0x1000, 0, 2]);
        for i in 0..3 {
            assert_eq!(ring.vram(0x4000 + 8 * i), 0x50_0071 + 0x1000 * i);
        }
        assert_eq!(ring.vram(0x4018), 0);
    }

    #[test]
    fn an_indirect_buffer_is_executed() {
        let mut ring = Ring::new();
        let buffer = [FENCE, 0x2000, 0x80, 5];
        for (i, dword) in buffer.iter().enumerate() {
            let at = 0x5000 + 4 * i as u64;
            assert!(ring.device.vram.write(at, &dword.to_le_bytes()));
        }
        ring.submit(&[INDIRECT, 0x5000, 0x80, 4, 0, 0]);
        assert_eq!(ring.vram(0x2000), 5);
        assert_eq!(ring.device.jobs, [], "the kernel's own");
    }

    #[test]
    fn a_job_of_a_process_runs_on_its_own_page_tables() {
        let mut ring = Ring::new();
        for (name, value) in [
            ("GCVM_CONTEXT3_PAGE_TABLE_BASE_ADDR_LO32", 0x10_0001),
            ("GCVM_CONTEXT3_PAGE_TABLE_END_ADDR_LO32", 0xF),
            ("GCVM_CONTEXT3_CNTL", 1),
            ("IH_VMID_3_LUT", 0x8001),
        ] {
            let dword = ring.device.names.dword(name).unwrap();
            ring.device.write_register(Origin::Cpu, dword, value);
        }
        // A flat table: page 1 holds the commands, page 2 takes what they write.
        let flags = VALID | READABLE | WRITEABLE;
        for (page, target) in [(1, 0x5000), (2, 0x6000)] {
            let entry = u64::to_le_bytes(target | flags);
            assert!(ring.device.vram.write(0x10_0000 + 8 * page, &entry));
        }
        let buffer = [FENCE, 0x2008, 0, 5].map(u32::to_le_bytes);
        assert!(ring.device.vram.write(0x5000, buffer.as_flattened()));
        ring.submit(&[INDIRECT | 3 << 16, 0x1000, 0, 4, 0, 0]);
        assert_eq!(ring.vram(0x6008), 5);
        let job = Job {
            vmid: 3,
            pasid: 0x8001,
            root: 0x10_0001,
        };
        assert_eq!(ring.device.jobs, [job]);
    }

    #[test]
    fn registers_are_written() {
        let mut ring = Ring::new();
        ring.submit(&[0xF000_000E, 0x2885, 0x1234]);
        assert_eq!(ring.device.contexts[0].cntl[5], Some(0x1234));
    }

    #[test]
    fn an_unknown_packet_stops_the_ring() {
        let mut ring = Ring::new();
        ring.submit(&[0x3F]);
        ring.submit(&[FENCE, 0x2000, 0x80, 1]);
        assert_eq!(ring.vram(0x2000), 0);
        assert_eq!(ring.vram(0x1000), 0);
    }

    #[test]
    fn a_fault_stops_the_ring_and_is_reported() {
        let mut ring = Ring::new();
        // Context 0 is off, so nothing but the VRAM window can be reached.
        ring.submit(&[FENCE, 0x2000, 0x00, 1]);
        let status = ring.device.names.dword("GCVM_L2_PROTECTION_FAULT_STATUS");
        let status = ring.device.registers.get(status.unwrap());
        assert_eq!(status >> 9 & 0x1FF, Client::Sdma0 as u32);
        assert_eq!(status >> 18 & 1, 1, "a write");
    }

    /// A process with a queue of 1024 dwords that holds these.
    fn process(dwords: &[u32]) -> Process {
        let mqd = [
            (MQD_RB_CNTL, 10 << 1),
            (MQD_RB_BASE, RING >> 8),
            (MQD_RPTR_ADDRESS_HI, 0),
            (MQD_RPTR_ADDRESS_HI + 1, RPTR),
        ];
        let mut process = Process::with(2 << 26, &mqd);
        for (at, dword) in (RING..).step_by(4).zip(dwords) {
            process.write(at, u64::from(*dword));
        }
        process.map();
        process
    }

    #[test]
    fn a_process_copies_in_its_own_memory_and_is_told() {
        let (from, to, signal) = (SHARED as u32, SHARED as u32 + 8, SHARED as u32 + 16);
        let dwords = [
            &[COPY, 7, 0, from, 0, to, 0][..],
            &[ATOMIC_ADD64 << 25 | ATOMIC, signal, 0, !0, !0, 0, 0, 0],
            &[TRAP, 5],
        ]
        .concat();
        let mut process = process(&dwords);
        process.write(SHARED, 0x1234_5678_9ABC_DEF0);
        process.write(SHARED + 16, 1);
        let end = 4 * dwords.len() as u64;
        process.ring(end);
        assert_eq!(process.read(SHARED + 8), 0x1234_5678_9ABC_DEF0);
        assert_eq!(process.read(SHARED + 16), 0);
        assert_eq!(process.read(RPTR), end);
    }

    #[test]
    fn a_stray_copy_is_a_fault_of_the_process() {
        let mut process = process(&[COPY, 7, 0, SHARED as u32, 0, READ_ONLY as u32, 0]);
        process.ring(28);
        let status = process.kiq.get("GCVM_L2_PROTECTION_FAULT_STATUS");
        assert_eq!(status, 8 << 20 | 1 << 18 | 13 << 9 | 4 << 4);
        assert_eq!(process.queue(), None, "a hung queue");
        // The driver's own ring goes on.
        assert!(!process.kiq.device.sdma_stopped);
    }
}
