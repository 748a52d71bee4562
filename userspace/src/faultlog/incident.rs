// SPDX-License-Identifier: MIT

//! What belongs together: the page faults of one process on one GPU, the timeouts and resets that
//! follow, and what ROCr says of them. However long the log, no more than a few are kept at a time.

use super::event::{Event, Happening, Task};
use super::fault::{Fault, Lines};
use super::line::Line;
use super::stamp::Stamp;
use serde::Serialize;
use std::collections::VecDeque;
use std::time::Duration;

/// What comes later than this after all else is of another incident: amdgpu waits up to a minute for a
/// compute job (its `lockup_timeout`, before Linux 6.19).
const TOGETHER: Duration = Duration::from_secs(75);
/// How many incidents may be unfinished.
const OPEN: usize = 64;
/// How many different faults, and how many other things, are kept of an incident; all are counted.
const KEPT: usize = 16;

/// What belongs together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Incident {
    /// The GPU's PCI address.
    pub gpu: Option<String>,
    /// The time of its first line.
    pub begin: Option<Stamp>,
    /// The time of its last line.
    pub end: Option<Stamp>,
    /// Whose it is.
    pub task: Option<Task>,
    /// The process's number at the GPU.
    pub pasid: Option<u32>,
    /// Page faults that differ, and how often each came.
    pub faults: Vec<(Fault, u64)>,
    /// All page faults, those that are not kept among them.
    pub fault_count: u64,
    /// What else happened.
    pub happenings: Vec<Happened>,
    /// How much more of that there was.
    pub more_happenings: u64,
    /// Messages that the kernel left out for their number.
    pub suppressed: u64,
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Happened {
    /// When.
    pub at: Option<Stamp>,
    /// What.
    #[serde(flatten)]
    pub what: Happening,
}

impl Incident {
    fn last(&mut self, at: Option<&Stamp>) {
        if let Some(at) = at {
            self.begin.get_or_insert_with(|| at.clone());
            self.end = Some(at.clone());
        }
    }

    fn fault(&mut self, fault: Fault) {
        self.last(fault.at.as_ref());
        self.fault_count += 1;
        self.pasid = self.pasid.or(fault.pasid);
        self.task = self.task.take().or_else(|| fault.task.clone());
        if let Some((_, times)) = self.faults.iter_mut().find(|(known, _)| known.same(&fault)) {
            *times += 1;
        } else if self.faults.len() < KEPT {
            self.faults.push((fault, 1));
        }
    }

    fn happening(&mut self, at: Option<Stamp>, what: Happening) {
        self.last(at.as_ref());
        if self.happenings.len() < KEPT {
            self.happenings.push(Happened { at, what });
        } else {
            self.more_happenings += 1;
        }
    }

    /// Whether a process's fault is one more of these.
    fn has(&self, gpu: Option<&str>, fault: &Fault) -> bool {
        let task = match (&self.task, &fault.task) {
            (Some(ours), Some(theirs)) => ours.pid == theirs.pid,
            _ => true,
        };
        let same = task
            && self.gpu.as_deref() == gpu
            && (self.fault_count == 0 || self.pasid == fault.pasid);
        same || (self.gpu.is_none() && fault.address.is_some_and(|page| self.told_of(page)))
    }

    /// Whether ROCr told of a fault in this page.
    fn told_of(&self, page: u64) -> bool {
        self.happenings.iter().any(|happened| match happened.what {
            Happening::MemoryFault {
                address: Some(address),
                ..
            } => address & !0xfff == page,
            _ => false,
        })
    }

    /// Whether one of the faults is at this address.
    fn faulted_at(&self, address: u64) -> bool {
        let page = |fault: &Fault| fault.address.is_some_and(|page| page == address & !0xfff);
        self.faults.iter().any(|(fault, _)| page(fault))
    }
}

/// Whether a line belongs to nothing that ended then: it is far later, or the clock began anew, as it
/// does when the kernel starts.
fn is_apart(end: Option<&Stamp>, at: &Stamp) -> bool {
    end.is_some_and(|end| match at.after(end) {
        Some(later) => later > TOGETHER,
        None => end.after(at).is_some_and(|earlier| earlier > TOGETHER),
    })
}

/// Groups lines as they come.
#[derive(Debug, Default)]
pub struct Incidents {
    /// Those that may go on, the latest at the end.
    open: VecDeque<Incident>,
    /// The faults that may have further lines, by GPU.
    pending: Vec<(Option<String>, Lines)>,
    /// What processes said meanwhile: they do so at any moment, and may say it of one of those.
    waiting: Vec<(Option<Stamp>, Happening)>,
    done: Vec<Incident>,
}

impl Incidents {
    /// Takes a line.
    pub fn push(&mut self, line: Line) {
        let Line { at, gpu, event, .. } = line;
        if let Some(at) = &at {
            let stale = |(_, lines): &(_, Lines)| is_apart(lines.began(), at);
            if self.pending.iter().any(stale) {
                self.complete(|_| true);
            }
            self.part(at);
        }
        let event = match self.pending.iter_mut().find(|(of, _)| *of == gpu) {
            Some((_, lines)) => lines.take(at.as_ref(), event),
            None => Some(event),
        };
        // A line of the fault that is being read.
        if let Some(event) = event {
            self.file(at, gpu, event);
        }
    }

    /// Takes what is no further line of a fault.
    fn file(&mut self, at: Option<Stamp>, gpu: Option<String>, event: Event) {
        match event {
            Event::Happened(what) if what.is_of_a_process() && !self.pending.is_empty() => {
                self.waiting.push((at, what));
                if self.waiting.len() == OPEN {
                    self.complete(|_| true);
                }
            }
            Event::Happened(what) => {
                self.complete(|of| gpu.is_none() || *of == gpu);
                self.incident_of(gpu, &what).happening(at, what);
            }
            Event::Suppressed(function, count) => {
                // The limit is one for many messages; the line names who prints next.
                if function.starts_with("gmc_v") {
                    self.complete(|_| true);
                    let incident = self.latest(|_| true);
                    incident.last(at.as_ref());
                    incident.suppressed = incident.suppressed.saturating_add(count);
                }
            }
            Event::Task(task) => {
                let timed_out = |incident: &Incident| {
                    let last = incident.happenings.last().map(|happened| &happened.what);
                    incident.gpu == gpu && matches!(last, Some(Happening::RingTimeout { .. }))
                };
                if let Some(incident) = self.open.iter_mut().rev().find(|i| timed_out(i)) {
                    incident.task.get_or_insert(task);
                }
            }
            begins => {
                self.complete(|of| *of == gpu);
                if self.pending.len() == OPEN {
                    self.complete(|_| true);
                }
                let mut lines = Lines::default();
                if lines.take(at.as_ref(), begins).is_none() {
                    self.pending.push((gpu, lines));
                }
            }
        }
    }

    /// The incidents that are over, in the order of their ends.
    pub fn over(&mut self) -> Vec<Incident> {
        std::mem::take(&mut self.done)
    }

    /// All that are left: nothing more is to come.
    pub fn end(&mut self) {
        self.complete(|_| true);
        self.done.extend(self.open.drain(..));
    }

    /// Ends what a line at this time does not belong to.
    fn part(&mut self, at: &Stamp) {
        let is_over = |incident: &Incident| is_apart(incident.end.as_ref(), at);
        if self.open.iter().any(is_over) {
            let (over, open): (Vec<_>, Vec<_>) = self.open.drain(..).partition(is_over);
            self.open = open.into();
            self.done.extend(over);
        }
    }

    /// Files the faults of these GPUs: no further line of theirs is to come.
    fn complete(&mut self, gpus: impl Fn(&Option<String>) -> bool) {
        let (whole, pending) = self.pending.drain(..).partition(|(gpu, _)| gpus(gpu));
        self.pending = pending;
        let whole: Vec<(Option<String>, Lines)> = whole;
        for (gpu, lines) in whole {
            let fault = lines.whole();
            let incident = self.latest_of(gpu.clone(), |i| i.has(gpu.as_deref(), &fault));
            incident.gpu = gpu;
            incident.fault(fault);
        }
        if self.pending.is_empty() {
            for (at, what) in std::mem::take(&mut self.waiting) {
                self.incident_of(None, &what).happening(at, what);
            }
        }
    }

    /// Where something that happened belongs.
    fn incident_of(&mut self, gpu: Option<String>, what: &Happening) -> &mut Incident {
        match what {
            Happening::MemoryFault {
                address: Some(address),
                ..
            } => self.latest(|incident| incident.faulted_at(*address)),
            _ if what.is_of_a_process() => self.latest(|incident| incident.gpu.is_none()),
            // Lines of older kernels do not name the GPU: with one, it is that.
            _ if gpu.is_none() && self.gpus() == 1 => self.latest(|_| true),
            _ => self.latest_of(gpu.clone(), |incident| incident.gpu == gpu),
        }
    }

    /// How many GPUs the open incidents are about.
    fn gpus(&self) -> usize {
        let mut gpus: Vec<_> = self.open.iter().map(|incident| &incident.gpu).collect();
        gpus.sort();
        gpus.dedup();
        gpus.len()
    }

    fn latest(&mut self, is_it: impl Fn(&Incident) -> bool) -> &mut Incident {
        self.latest_of(None, is_it)
    }

    /// The latest such incident, or a new one of the GPU.
    fn latest_of(
        &mut self,
        gpu: Option<String>,
        is_it: impl Fn(&Incident) -> bool,
    ) -> &mut Incident {
        match self.open.iter().rposition(is_it) {
            Some(at) => &mut self.open[at],
            None => {
                if self.open.len() == OPEN {
                    self.done.extend(self.open.pop_front());
                }
                self.open.push_back(Incident {
                    gpu,
                    ..Incident::default()
                });
                self.open.back_mut().expect("one was pushed")
            }
        }
    }
}
