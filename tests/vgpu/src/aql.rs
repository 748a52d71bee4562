// SPDX-License-Identifier: MIT
//! The queues of processes: AQL packets and signals, as the HSA System Architecture Specification
//! and amd_hsa_signal.h of the ROCm runtime lay them out. Barrier-AND packets are executed, in the
//! process's own memory; others stop their queue: a kernel dispatch would take shader cores.

use crate::cp::{Queue, Stop};
use crate::device::Device;
use crate::fault::PageFault;
use crate::hub::Hub;
use crate::ih::Interrupt;

const PACKET_SIZE: u64 = 64;

/// Types of packets, bits 7:0 of the header.
const INVALID: u8 = 1;
const BARRIER_AND: u8 = 3;

/// Where a barrier names the signals it waits for, and the one it completes.
const DEPENDENCIES: [usize; 5] = [8, 16, 24, 32, 40];
const COMPLETION: usize = 56;

/// Members of amd_signal_t.
const VALUE: u64 = 8;
const MAILBOX: u64 = 16;
const EVENT: u64 = 24;

impl Device {
    /// Executes the packets before index `end`. One that is not written yet, or has to wait for a
    /// signal, is looked at again when the doorbell rings next: nothing polls memory here.
    pub(crate) fn run_aql(&mut self, queue: &mut Queue, end: u64) -> Result<(), Stop> {
        let slots = (queue.size_dwords * 4 / PACKET_SIZE).max(1);
        while queue.rptr < end {
            let address = queue.base + queue.rptr % slots * PACKET_SIZE;
            let mut packet = [0; PACKET_SIZE as usize];
            self.gpu_read(queue.vmid, address, &mut packet)?;
            let signal = |at: usize| {
                let mut handle = [0; 8];
                handle.copy_from_slice(&packet[at..at + 8]);
                u64::from_le_bytes(handle)
            };
            let goes_on = match packet[0] {
                INVALID => false,
                BARRIER_AND => {
                    let mut met = true;
                    for dependency in DEPENDENCIES.map(signal).into_iter().filter(|s| *s != 0) {
                        met &= self.member(queue, dependency, VALUE)? == 0;
                    }
                    met
                }
                other => return Err(Stop::Aql(other)),
            };
            if !goes_on {
                break;
            }
            // The slot is free again.
            self.gpu_write(queue.vmid, address, &u16::from(INVALID).to_le_bytes())?;
            queue.rptr += 1;
            self.gpu_write(queue.vmid, queue.rptr_report, &queue.rptr.to_le_bytes())?;
            match signal(COMPLETION) {
                0 => {}
                completion => self.complete(queue, completion)?,
            }
        }
        Ok(())
    }

    /// Counts a signal down and tells who sleeps on it.
    fn complete(&mut self, queue: &Queue, signal: u64) -> Result<(), PageFault> {
        let value = self.member(queue, signal, VALUE)?.wrapping_sub(1);
        let address = signal.wrapping_add(VALUE);
        self.gpu_write(queue.vmid, address, &value.to_le_bytes())?;
        let mailbox = self.member(queue, signal, MAILBOX)?;
        if mailbox != 0 {
            let event = self.member(queue, signal, EVENT)? as u32;
            self.gpu_write(queue.vmid, mailbox, &u64::from(event).to_le_bytes())?;
            let pasid = self.vmid_pasid(Hub::Gfx, queue.vmid);
            let ring = queue.id.ring_id();
            self.push_interrupt(Interrupt::signal(ring, queue.vmid, pasid, event));
        }
        Ok(())
    }

    /// A member of a signal, which may be anywhere: user space names it.
    fn member(&self, queue: &Queue, signal: u64, member: u64) -> Result<u64, PageFault> {
        self.gpu_read_u64(queue.vmid, signal.wrapping_add(member))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hws::tests::{Process, READ_ONLY, RING, RPTR, SHARED};

    const KERNEL_DISPATCH: u8 = 2;
    const SIGNAL: u64 = SHARED;
    const OTHER: u64 = SHARED + 0x100;
    const SLOT: u64 = SHARED + 0x200;

    fn mapped() -> Process {
        let mut process = Process::new();
        process.write(SIGNAL + VALUE, 1);
        process.write(OTHER + VALUE, 1);
        process.map();
        process
    }

    #[test]
    fn a_barrier_counts_its_signal_down_and_wakes_who_waits() {
        let mut process = mapped();
        process.write(SIGNAL + MAILBOX, SLOT);
        process.write(SIGNAL + EVENT, 0xFFFF_FFFF_0000_0007);
        process.submit(BARRIER_AND, 0, SIGNAL);
        assert_eq!(process.read(SIGNAL + VALUE), 0);
        assert_eq!(process.read(SLOT), 7, "the event");
        assert_eq!(process.read(RPTR), 1);
        assert_eq!(process.read(RING) as u8, INVALID, "the slot is free");
    }

    #[test]
    fn a_barrier_waits_for_what_it_depends_on() {
        let mut process = mapped();
        process.submit(BARRIER_AND, OTHER, SIGNAL);
        assert_eq!(process.read(SIGNAL + VALUE), 1);
        process.write(OTHER + VALUE, 0);
        process.ring(0);
        assert_eq!(process.read(SIGNAL + VALUE), 0);
    }

    #[test]
    fn what_was_submitted_before_the_queue_was_mapped_is_executed() {
        let mut process = Process::new();
        process.write(SIGNAL + VALUE, 2);
        process.submit(BARRIER_AND, 0, SIGNAL);
        process.submit(BARRIER_AND, 0, SIGNAL);
        assert_eq!(process.read(SIGNAL + VALUE), 2);
        process.map();
        assert_eq!(process.read(SIGNAL + VALUE), 0);
        assert_eq!(process.queue().map(|queue| queue.rptr), Some(2));
    }

    #[test]
    fn a_packet_that_is_not_written_yet_is_waited_for() {
        let mut process = mapped();
        process.submit(INVALID, 0, SIGNAL);
        assert_eq!(process.read(RPTR), 0);
        assert!(process.queue().is_some());
    }

    #[test]
    fn a_stray_access_is_a_fault_of_the_process() {
        let status = "GCVM_L2_PROTECTION_FAULT_STATUS";
        let mut process = mapped();
        process.submit(BARRIER_AND, 0x9000, 0);
        // CPC, read, vmid 8: neither valid nor readable.
        assert_eq!(process.kiq.get(status), 8 << 20 | 5 << 9 | 3 << 4);
        assert_eq!(process.queue(), None, "a hung queue");

        let mut process = mapped();
        process.submit(BARRIER_AND, 0, READ_ONLY);
        // CPC, write: valid, but not writeable.
        assert_eq!(process.kiq.get(status), 8 << 20 | 1 << 18 | 5 << 9 | 4 << 4);
    }

    #[test]
    fn a_dispatch_stops_the_queue() {
        let mut process = mapped();
        process.submit(KERNEL_DISPATCH, 0, SIGNAL);
        assert_eq!(process.queue(), None);
        assert_eq!(process.read(SIGNAL + VALUE), 1);
    }
}
