// SPDX-License-Identifier: MIT

//! What a message says. Each wording is the driver's or ROCr's format string, read back; a message that
//! only resembles one is none. What a process may choose, its name, is taken as it is.

use super::status::{Field, Hub, Status, FIELDS};
use serde::Serialize;

/// One message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The first line of a page fault.
    Fault(Header),
    /// Whose fault or timeout it is: a line after either.
    Task(Task),
    /// The line with the address: of the first byte of the page.
    Page(u64),
    /// The status register.
    Status(Hub, Status),
    /// The client of the hub: its name and number.
    Client(String, u32),
    /// A field of the status register.
    Field(Field, u32),
    /// What else happens to a GPU.
    Happened(Happening),
    /// The rate limit left out lines: of which function, and how many.
    Suppressed(String, u64),
}

/// The first line of a page fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// The hub that reports it.
    pub hub: Hub,
    /// The ring of the interrupt: bits that tell amdkfd why.
    pub ring: Option<u32>,
    /// The address space: 0 is the kernel's.
    pub vmid: Option<u32>,
    /// The process's number at the GPU.
    pub pasid: Option<u32>,
    /// In kernels before 6.9.
    pub task: Option<Task>,
}

/// A process and its thread.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Task {
    /// The process's name.
    pub process: String,
    /// Its number.
    pub pid: u32,
    /// The thread's name.
    pub thread: String,
    /// Its number.
    pub tid: u32,
}

/// What else happens to a GPU.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Happening {
    /// A job did not end in time.
    RingTimeout {
        /// The queue of the driver.
        ring: String,
        /// The last job that ended, and the last that was given.
        #[serde(skip_serializing_if = "Option::is_none")]
        jobs: Option<(u64, u64)>,
        /// Whether the job alone was stopped.
        soft_recovered: bool,
    },
    /// One ring is reset.
    RingReset {
        /// The queue of the driver.
        ring: String,
        /// How far it is.
        stage: Stage,
    },
    /// The whole GPU is reset.
    GpuReset {
        /// How far it is.
        stage: Stage,
        /// The error, where one is printed.
        #[serde(skip_serializing_if = "Option::is_none")]
        error: Option<i64>,
    },
    /// What was in the GPU's memory is gone.
    VramLost,
    /// The driver told user space that it gave the GPU up, or that it came back.
    Wedged {
        /// Whether somebody has to do something.
        needs_recovery: bool,
    },
    /// A packet of a job was refused.
    IllegalCommand {
        /// What was illegal in it.
        what: String,
    },
    /// amdkfd could not take a process's queues from the GPU in time.
    PreemptionTimeout,
    /// amdkfd could not stop a process's queues.
    EvictionFailed,
    /// A process freed memory that its queue uses.
    QueueBufferFreed {
        /// Where it was.
        address: u64,
    },
    /// amdkfd reset one queue.
    QueueReset {
        /// The process; the line calls it a PASID.
        pid: u32,
    },
    /// The shader reported an error.
    ShaderError,
    /// ROCr ends its process for a page fault.
    MemoryFault {
        /// The number of the GPU's node in amdkfd.
        node: u32,
        /// Where, unless ROCr has none.
        #[serde(serialize_with = "super::fault::hexadecimal")]
        address: Option<u64>,
        /// Why, in ROCr's words.
        reason: String,
    },
    /// ROCr ends its process because the GPU was reset or has bad memory.
    HardwareException {
        /// The number of the GPU's node in amdkfd.
        node: u32,
        /// Why, in ROCr's words.
        reason: String,
    },
    /// ROCr reports an error of a queue.
    RuntimeError {
        /// Its name, such as HSA_STATUS_ERROR_MEMORY_APERTURE_VIOLATION.
        name: String,
    },
}

impl Happening {
    /// Whether the process itself says so, and not the kernel.
    pub fn is_of_a_process(&self) -> bool {
        self.is_fault_of_a_process() || matches!(self, Self::RuntimeError { .. })
    }

    /// Whether the process itself says so, and it is the GPU that went wrong: most errors of ROCr tell of
    /// a call that it refused.
    pub fn is_fault_of_a_process(&self) -> bool {
        match self {
            Self::MemoryFault { .. } | Self::HardwareException { .. } => true,
            Self::RuntimeError { name } => GPU_FAULTS.contains(&name.as_str()),
            _ => false,
        }
    }
}

/// How far a reset is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// It begins.
    Begun,
    /// It is done.
    Succeeded,
    /// It did not work.
    Failed,
}

/// ROCr's errors of a queue whose job did on the GPU what it may not: hsa.h, and hsa_ext_amd.h of AMD's
/// extensions.
const GPU_FAULTS: [&str; 4] = [
    "HSA_STATUS_ERROR_EXCEPTION",
    "HSA_STATUS_ERROR_ILLEGAL_INSTRUCTION",
    "HSA_STATUS_ERROR_MEMORY_APERTURE_VIOLATION",
    "HSA_STATUS_ERROR_MEMORY_FAULT",
];

/// The kernel's TASK_COMM_LEN without the zero at its end.
const LONGEST_NAME: usize = 15;

/// What is in a message of each kind: [`parse`] reads none without one of these.
pub(super) const PHRASES: [&str; 25] = [
    "page fault (",
    " pid ",
    "in page starting at",
    "Faulty UTCL2 client",
    "PROTECTION_FAULT_STATUS:",
    "_FAULTS: ",
    "_ERROR: ",
    "RW: ",
    "callbacks suppressed",
    " timeout, ",
    " command stream",
    "ring reset",
    "Ring ",
    "GPU reset",
    "GPU jobs stop begin!",
    "GPU Recovery Failed",
    "device wedged",
    "queue vital buffer",
    "queue id ",
    "qcm fence",
    "The cp might be",
    "Failed to evict",
    "sq_intr: error",
    "by GPU node-",
    "HSA_STATUS_ERROR",
];

/// Reads a message, as [`super::line::parse`] leaves it; `None` when it is of no such kind.
pub fn parse(message: &str) -> Option<Event> {
    let message = message.trim();
    fault(message)
        .or_else(|| task_line(message).map(Event::Task))
        .or_else(|| detail(message))
        .or_else(|| suppressed(message))
        .or_else(|| happening(message).map(Event::Happened))
}

/// `[gfxhub] page fault (src_id:0 ring:24 vmid:8 pasid:32770`, and to Linux 6.8 the task. Other GPUs'
/// hubs have numbers, and the word retry or no-retry.
fn fault(message: &str) -> Option<Event> {
    let (hub, rest) = message.strip_prefix('[')?.split_once(']')?;
    let hub = match hub.trim_end_matches(|c: char| c.is_ascii_digit()) {
        "gfxhub" => Hub::Gfxhub,
        "mmhub" => Hub::Mmhub,
        _ => return None,
    };
    let (_, rest) = rest.split_once("page fault (")?;
    let (numbers, task) = rest.split_once(", for process ").unwrap_or((rest, ""));
    let labelled = |label| {
        let (_, rest) = numbers.split_once(label)?;
        let digits = rest.split(|c: char| !c.is_ascii_digit()).next()?;
        digits.parse().ok()
    };
    Some(Event::Fault(Header {
        hub,
        ring: labelled("ring:"),
        vmid: labelled("vmid:"),
        pasid: labelled("pasid:"),
        // One that the driver does not know is all zeroes.
        task: task
            .strip_suffix(')')
            .and_then(task_of)
            .filter(|task| task.pid != 0),
    }))
}

/// ` Process` from Linux 6.18, ` in process` from 6.9, and `Process information: process` after a
/// timeout before.
fn task_line(message: &str) -> Option<Task> {
    let rest = [
        "Process information: process ",
        "Process ",
        "in process ",
        "for process ",
    ]
    .iter()
    .find_map(|begin| message.strip_prefix(begin))?;
    // Linux 6.9 has the parenthesis of the line that this one was part of.
    task_of(rest.strip_suffix(')').unwrap_or(rest))
}

/// `%s pid %d thread %s pid %d`. A name may hold any of these words: the parting that leaves both names
/// as short as the kernel keeps them counts.
fn task_of(text: &str) -> Option<Task> {
    let (rest, tid) = text.rsplit_once(" pid ")?;
    let tid = tid.parse().ok()?;
    rest.match_indices(" thread ").find_map(|(at, parting)| {
        let (process, pid) = rest[..at].rsplit_once(" pid ")?;
        let thread = &rest[at + parting.len()..];
        let kept = |name: &str| name.chars().count() <= LONGEST_NAME;
        let pid = pid.parse().ok().filter(|_| kept(process) && kept(thread))?;
        Some(Task {
            process: process.to_owned(),
            pid,
            thread: thread.to_owned(),
            tid,
        })
    })
}

/// A number after `0x`, or a decimal one, and the rest.
fn number(text: &str) -> Option<(u64, &str)> {
    let (radix, text) = match text.strip_prefix("0x") {
        Some(text) => (16, text),
        None => (10, text),
    };
    let end = text
        .find(|c: char| !c.is_digit(radix))
        .unwrap_or(text.len());
    Some((u64::from_str_radix(&text[..end], radix).ok()?, &text[end..]))
}

/// The same, of 32 bits.
fn small(text: &str) -> Option<(u32, &str)> {
    let (value, rest) = number(text)?;
    Some((u32::try_from(value).ok()?, rest))
}

/// The lines after a fault's first.
fn detail(message: &str) -> Option<Event> {
    if let Some(rest) = message.strip_prefix("in page starting at address ") {
        let (address, rest) = number(rest)?;
        // The client of the interrupt controller follows, which the hub tells as well.
        let client = rest.strip_prefix(" from ")?;
        let client = client.strip_prefix("IH ").unwrap_or(client);
        return client
            .starts_with("client ")
            .then_some(Event::Page(address));
    }
    if let Some(rest) = message.strip_prefix("Faulty UTCL2 client ID: ") {
        let (name, id) = rest.strip_suffix(')')?.rsplit_once(" (")?;
        return Some(Event::Client(name.to_owned(), small(id)?.0));
    }
    if let Some((register, value)) = message.split_once("VM_L2_PROTECTION_FAULT_STATUS:") {
        let hub = match register {
            "GC" | "" => Hub::Gfxhub,
            "MM" => Hub::Mmhub,
            _ => return None,
        };
        return Some(Event::Status(hub, Status(small(value)?.0)));
    }
    let (name, value) = message.split_once(": ")?;
    let field = FIELDS.into_iter().find(|field| field.name == name)?;
    Some(Event::Field(field, small(value)?.0))
}

/// `function: 35 callbacks suppressed` (lib/ratelimit.c).
fn suppressed(message: &str) -> Option<Event> {
    let (function, rest) = message.split_once(": ")?;
    let count = rest.strip_suffix(" callbacks suppressed")?.parse().ok()?;
    Some(Event::Suppressed(function.to_owned(), count))
}

fn happening(message: &str) -> Option<Happening> {
    ring(message)
        .or_else(|| reset(message))
        .or_else(|| compute(message))
        .or_else(|| runtime(message))
}

/// amdgpu_job.c, and the interrupts of gfx_v10_0.c.
fn ring(message: &str) -> Option<Happening> {
    if let Some((ring, rest)) = message
        .strip_prefix("ring ")
        .and_then(|m| m.split_once(" timeout, "))
    {
        let ring = ring.to_owned();
        if rest == "but soft recovered" {
            return Some(Happening::RingTimeout {
                ring,
                jobs: None,
                soft_recovered: true,
            });
        }
        let (signaled, rest) = number(rest.strip_prefix("signaled seq=")?)?;
        let (emitted, _) = number(rest.strip_prefix(", emitted seq=")?)?;
        return Some(Happening::RingTimeout {
            ring,
            jobs: Some((signaled, emitted)),
            soft_recovered: false,
        });
    }
    if let Some(what) = message.strip_prefix("Illegal ") {
        let what = what.strip_suffix(" command stream")?;
        let what = what
            .strip_suffix(" in SDMA")
            .or_else(|| what.strip_suffix(" in"))?;
        let what = what.to_owned();
        return Some(Happening::IllegalCommand { what });
    }
    [
        ("Starting ", " ring reset", Stage::Begun),
        ("Ring ", " reset succeeded", Stage::Succeeded),
        ("Ring ", " reset failed", Stage::Failed),
        ("Ring ", " reset failure", Stage::Failed),
    ]
    .into_iter()
    .find_map(|(before, after, stage)| {
        let ring = message
            .strip_prefix(before)?
            .strip_suffix(after)?
            .to_owned();
        Some(Happening::RingReset { ring, stage })
    })
}

/// amdgpu_device.c, and drm_drv.c.
fn reset(message: &str) -> Option<Happening> {
    let done = |stage| Some(Happening::GpuReset { stage, error: None });
    if message.starts_with("GPU reset begin!") || message.starts_with("GPU jobs stop begin!") {
        return done(Stage::Begun);
    }
    if let Some(rest) = message.strip_prefix("GPU reset(") {
        let (_, rest) = rest.split_once(") ")?;
        if rest == "succeeded!" {
            return done(Stage::Succeeded);
        }
        let error = rest.strip_prefix("failed")?;
        let error = error
            .strip_prefix(" with error ")
            .and_then(|error| error.parse().ok());
        return Some(Happening::GpuReset {
            stage: Stage::Failed,
            error,
        });
    }
    for failure in ["GPU reset end with ret = ", "GPU Recovery Failed: "] {
        if let Some(error) = message.strip_prefix(failure) {
            let error = error.parse().ok();
            return Some(Happening::GpuReset {
                stage: Stage::Failed,
                error,
            });
        }
    }
    if message == "VRAM is lost due to GPU reset!" {
        return Some(Happening::VramLost);
    }
    let wedged = message.strip_prefix("device wedged, ")?;
    Some(Happening::Wedged {
        needs_recovery: wedged == "needs recovery",
    })
}

/// amdkfd.
fn compute(message: &str) -> Option<Happening> {
    if let Some(rest) = message.strip_prefix("Freeing queue vital buffer ") {
        let (address, _) = number(rest)?;
        return Some(Happening::QueueBufferFreed { address });
    }
    if let Some(rest) = message.strip_prefix("queue id ") {
        let (_, pid) = rest.strip_suffix(" is reset")?.split_once(" at pasid ")?;
        return Some(Happening::QueueReset { pid: small(pid)?.0 });
    }
    let starts = |begin| message.starts_with(begin);
    if starts("qcm fence wait loop timeout expired")
        || starts(
            "The cp might be in an unrecoverable state due to an unsuccessful queues preemption",
        )
    {
        Some(Happening::PreemptionTimeout)
    } else if starts("Failed to evict ") {
        Some(Happening::EvictionFailed)
    } else if starts("sq_intr: error, ") {
        Some(Happening::ShaderError)
    } else {
        None
    }
}

/// ROCr's runtime.cpp, and the names of its errors wherever they are printed.
fn runtime(message: &str) -> Option<Happening> {
    if let Some(rest) = message.strip_prefix("Memory access fault by GPU node-") {
        let (node, rest) = small(rest)?;
        let (_, rest) = rest.split_once("on address ")?;
        let (place, reason) = rest.split_once(". Reason: ").unwrap_or((rest, ""));
        return Some(Happening::MemoryFault {
            node,
            address: number(place).map(|(address, _)| address),
            reason: reason
                .split(".")
                .next()
                .unwrap_or_default()
                .trim()
                .to_owned(),
        });
    }
    if let Some(rest) = message.strip_prefix("HW Exception by GPU node-") {
        let (node, rest) = small(rest)?;
        let (_, reason) = rest.split_once("reason :")?;
        return Some(Happening::HardwareException {
            node,
            reason: reason.trim().to_owned(),
        });
    }
    if message.starts_with("HSA_STATUS_ERROR") {
        let word = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
        let end = message.find(|c| !word(c)).unwrap_or(message.len());
        return Some(Happening::RuntimeError {
            name: message[..end].to_owned(),
        });
    }
    None
}
