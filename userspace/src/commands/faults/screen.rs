// SPDX-License-Identifier: MIT

//! An incident as a person reads it, and as a script does.

use crate::faultlog::event::{Happening, Stage};
use crate::faultlog::fault::Space;
use crate::faultlog::incident::Happened;
use crate::faultlog::meaning::{Decoded, Explained, Statement};
use crate::report::{printable, wrap, Line, Tone};
use std::io;

/// Where the words of a line begin, and the columns that they may have.
const DETAIL: (usize, usize) = (11, 68);
/// How many of the different faults are shown; JSON has them all.
const SHOWN: usize = 4;

/// One object in a line.
pub(super) fn json(explained: &Explained) -> io::Result<Line> {
    Ok(Line::plain(&serde_json::to_string(explained)?))
}

/// The last line.
pub(super) fn summary(count: usize) -> Line {
    match count {
        0 => Line::new(Tone::Good, "no fault of a GPU was found"),
        1 => Line::new(Tone::Bad, "1 incident"),
        count => Line::new(Tone::Bad, &format!("{count} incidents")),
    }
}

/// An incident, and an empty line after it.
pub(super) fn incident(explained: &Explained) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut title = Line::default();
    title.push(Tone::Strong, explained.gpu.unwrap_or("a GPU"));
    title.push(Tone::Plain, "  ");
    title.push(Tone::Bad, &explained.summary);
    lines.push(title);
    if let Some(begin) = explained.begin {
        let end = explained.end.filter(|end| *end != begin);
        let until = end.map_or(String::new(), |end| format!(" to {end}"));
        detail(&mut lines, "when", Tone::Plain, &format!("{begin}{until}"));
    }
    if let Some(task) = explained.task {
        let text = format!(
            "{} (pid {}), thread {} (pid {})",
            task.process, task.pid, task.thread, task.tid
        );
        detail(&mut lines, "process", Tone::Plain, &text);
    }
    for fault in explained.faults.iter().take(SHOWN) {
        detail(&mut lines, "fault", Tone::Plain, &text(fault));
    }
    let shown: u64 = explained
        .faults
        .iter()
        .take(SHOWN)
        .map(|fault| fault.times)
        .sum();
    if explained.fault_count > shown {
        let more = format!("and {} more", explained.fault_count - shown);
        detail(&mut lines, "", Tone::Faint, &more);
    }
    for happened in explained.happenings {
        detail(&mut lines, "also", Tone::Plain, &happening(happened));
    }
    if explained.more_happenings > 0 {
        let more = format!("and {} more", explained.more_happenings);
        detail(&mut lines, "", Tone::Faint, &more);
    }
    if explained.suppressed > 0 {
        let text = format!(
            "{} messages were left out by the kernel",
            explained.suppressed
        );
        detail(&mut lines, "also", Tone::Plain, &text);
    }
    statements(&mut lines, "means", &explained.means);
    statements(&mut lines, "try", &explained.advice);
    lines.push(Line::default());
    lines
}

fn statements(lines: &mut Vec<Line>, label: &str, statements: &[Statement]) {
    for Statement { text, source } in statements {
        detail(lines, label, Tone::Plain, text);
        detail(lines, "", Tone::Faint, &format!("({source})"));
    }
}

fn detail(lines: &mut Vec<Line>, label: &str, tone: Tone, text: &str) {
    let (column, width) = DETAIL;
    for (i, piece) in wrap(text, width).iter().enumerate() {
        let label = if i == 0 { label } else { "" };
        let mut line = Line::default();
        line.push(Tone::Faint, &format!("  {label:<0$}", column - 2));
        line.push(tone, piece);
        lines.push(line);
    }
}

/// A fault in one sentence.
fn text(fault: &Decoded) -> String {
    let mut text = fault.access.unwrap_or("access").to_owned();
    match fault.address {
        Some(address) => text += &format!(" of 0x{address:016x}"),
        None => text += " of an address that the log does not have",
    }
    if let Some(client) = &fault.client {
        text += &format!(" by {}", printable(client));
    } else if let Some(id) = fault.client_id {
        text += &format!(" by client 0x{id:x}");
    }
    if let Some(role) = fault.role {
        text += &format!(" ({})", role.words());
    }
    if let Some(permissions) = fault.permission_faults.as_ref().filter(|p| !p.is_empty()) {
        text += &format!("; page {}", permissions.join(", "));
    }
    if let Some(code) = fault.walker_error.filter(|code| *code != 0) {
        text += &format!("; walker error {code}");
    }
    if fault.mapping_error == Some(true) {
        text += "; mapping error";
    }
    if let Some(vmid) = fault.vmid {
        let space = match fault.space {
            Some(Space::Kernel) => "the kernel's",
            Some(Space::Compute) => "compute",
            _ => "graphics",
        };
        text += &format!("; VMID {vmid} ({space})");
    }
    if let Some(status) = fault.status {
        text += &format!("; status 0x{:08x}", status.0);
    }
    if fault.times > 1 {
        text += &format!("; {} times", fault.times);
    }
    text
}

fn happening(happened: &Happened) -> String {
    let stage = |stage: &Stage| match stage {
        Stage::Begun => "began",
        Stage::Succeeded => "succeeded",
        Stage::Failed => "failed",
    };
    match &happened.what {
        Happening::RingTimeout {
            ring,
            soft_recovered,
            ..
        } => {
            let end = if *soft_recovered {
                ", and was stopped"
            } else {
                ""
            };
            format!("a job on ring {ring} did not end in time{end}")
        }
        Happening::RingReset { ring, stage: how } => format!("reset of ring {ring} {}", stage(how)),
        Happening::GpuReset { stage: how, error } => {
            let error = error.map_or(String::new(), |error| format!(" (error {error})"));
            format!("reset of the GPU {}{error}", stage(how))
        }
        Happening::VramLost => "the GPU's memory was lost".to_owned(),
        Happening::Wedged {
            needs_recovery: true,
        } => "the driver gave the GPU up".to_owned(),
        Happening::Wedged {
            needs_recovery: false,
        } => "user space was told of the reset".to_owned(),
        Happening::IllegalCommand { what } => format!("illegal {what} in a job's commands"),
        Happening::PreemptionTimeout => "queues could not be taken from the GPU in time".to_owned(),
        Happening::EvictionFailed => "a process's queues could not be stopped".to_owned(),
        Happening::QueueBufferFreed { address } => {
            format!("memory of a queue was freed, at 0x{address:x}")
        }
        Happening::QueueReset { pid } => format!("a queue of process {pid} was reset"),
        Happening::ShaderError => "a shader reported an error".to_owned(),
        Happening::MemoryFault {
            node,
            address,
            reason,
        } => {
            let place = address.map_or(String::new(), |address| format!(" for 0x{address:x}"));
            format!("ROCr ended the process{place}, GPU node {node}: {reason}")
        }
        Happening::HardwareException { node, reason } => {
            format!("ROCr ended the process, GPU node {node}: {reason}")
        }
        Happening::RuntimeError { name } => format!("ROCr reported {name}"),
    }
}
