// SPDX-License-Identifier: MIT

//! One page fault, put together from its lines.

use super::clients::{self, Gpu};
use super::event::{Event, Header, Task};
use super::stamp::Stamp;
use super::status::{Hub, Status, CID, FIELDS};
use serde::{Serialize, Serializer};

/// One page fault. What the log does not have is `None`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fault {
    /// When.
    pub at: Option<Stamp>,
    /// The hub that reported it.
    pub hub: Option<Hub>,
    /// The ring of the interrupt: bits that tell amdkfd why.
    pub ring: Option<u32>,
    /// The address space.
    pub vmid: Option<u32>,
    /// The process's number at the GPU.
    pub pasid: Option<u32>,
    /// The process and its thread.
    pub task: Option<Task>,
    /// The first byte of the page.
    pub address: Option<u64>,
    /// The status register, or what its fields' lines make of it.
    pub status: Option<Status>,
    /// Whether the register itself was in the log: its fields' lines leave some out.
    pub has_register: bool,
    /// The client's name, as the driver printed it.
    pub client: Option<String>,
}

/// Whose an address space is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Space {
    /// The kernel's own.
    Kernel,
    /// A process's that uses the GPU through amdgpu: graphics, video.
    Graphics,
    /// A process's that uses it through amdkfd: ROCm.
    Compute,
}

/// `first_kfd_vmid` of gmc_v10_0.c.
const FIRST_COMPUTE_VMID: u32 = 8;

impl Fault {
    /// The status register, unless it read 0: that tells of no fault, though Linux up to 6.12 prints it.
    pub fn described(&self) -> Option<Status> {
        self.status.filter(|status| status.0 != 0)
    }

    /// The status register, where it was in the log itself.
    pub fn register(&self) -> Option<Status> {
        self.status.filter(|_| self.has_register)
    }

    /// The address space's number, from whichever line has it.
    pub fn vmid(&self) -> Option<u32> {
        let register = self.register().and(self.described());
        self.vmid.or_else(|| register.map(Status::vmid))
    }

    /// Whose address space it is.
    pub fn space(&self) -> Option<Space> {
        Some(match self.vmid()? {
            0 => Space::Kernel,
            FIRST_COMPUTE_VMID.. => Space::Compute,
            _ => Space::Graphics,
        })
    }

    /// The client's name: as the driver printed it, else from the register.
    pub fn client(&self, gpu: Gpu) -> Option<String> {
        // Of one that read 0 the driver prints the client of the number 0.
        if self.status != self.described() {
            return None;
        }
        let printed = self.client.clone().filter(|name| name != "unknown");
        printed.or_else(|| clients::name(self.hub?, self.status?, gpu))
    }

    /// Whether it is another's repetition.
    pub(super) fn same(&self, other: &Self) -> bool {
        let timeless = |fault: &Self| Self {
            at: None,
            ..fault.clone()
        };
        timeless(self) == timeless(other)
    }
}

/// The lines of one fault so far.
#[derive(Debug, Default)]
pub(super) struct Lines {
    fault: Fault,
    /// The register as its fields' lines make it.
    fields: Status,
    /// Which of them there were: a bit each, and one for the client's.
    seen: u32,
}

impl Lines {
    /// Takes a line; gives it back when it begins another fault, or is of none.
    pub(super) fn take(&mut self, at: Option<&Stamp>, event: Event) -> Option<Event> {
        let fault = &mut self.fault;
        match event {
            Event::Fault(header) if *fault == Fault::default() => *fault = Fault::from(header),
            Event::Task(task) if fault.task.is_none() => fault.task = Some(task),
            Event::Page(address) if fault.address.is_none() => fault.address = Some(address),
            Event::Status(hub, status) if fault.status.is_none() => {
                fault.hub = fault.hub.or(Some(hub));
                fault.status = Some(status);
                fault.has_register = true;
            }
            Event::Client(ref name, id) if self.seen & 1 == 0 => {
                self.fields = self.fields.with(CID, id).unwrap_or(self.fields);
                fault.client = Some(name.clone());
                self.seen |= 1;
            }
            Event::Field(field, value) => {
                let bit = FIELDS.iter().position(|known| *known == field);
                let bit = bit.map_or(0, |bit| 2 << bit);
                let Some(fields) = self
                    .fields
                    .with(field, value)
                    .filter(|_| self.seen & bit == 0)
                else {
                    return Some(event);
                };
                self.fields = fields;
                self.seen |= bit;
            }
            _ => return Some(event),
        }
        if fault.at.is_none() {
            fault.at = at.cloned();
        }
        None
    }

    /// When the fault began.
    pub(super) fn began(&self) -> Option<&Stamp> {
        self.fault.at.as_ref()
    }

    /// The fault. Its register is made up from the fields only when none of them is missing.
    pub(super) fn whole(self) -> Fault {
        let complete = self.seen == (2 << FIELDS.len()) - 1;
        Fault {
            status: self.fault.status.or(complete.then_some(self.fields)),
            ..self.fault
        }
    }
}

impl From<Header> for Fault {
    fn from(header: Header) -> Self {
        Self {
            hub: Some(header.hub),
            ring: header.ring,
            vmid: header.vmid,
            pasid: header.pasid,
            task: header.task,
            ..Self::default()
        }
    }
}

/// An address as programs print it.
pub(super) fn hexadecimal<S: Serializer>(
    address: &Option<u64>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match address {
        Some(address) => serializer.collect_str(&format_args!("0x{address:016x}")),
        None => serializer.serialize_none(),
    }
}
