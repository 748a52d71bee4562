// SPDX-License-Identifier: MIT

//! Watches the kernel's log and the job's standard error for faults of the job's processes.

use super::faults::Glance;
use super::signals;
use crate::faultlog::event::{Event, Happening};
use crate::faultlog::incident::{Incident, Incidents};
use crate::faultlog::line::{self, Line};
use crate::faultlog::scan;
use crate::kmsg::{Live, Took, LOST};
use crate::report::printable;
use crate::sysfs::process::{self, Process};
use rustix::pipe::{pipe_with, PipeFlags};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io;
use std::ops::ControlFlow;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// How often the job's processes are looked up, so that one that ended is still known.
const EVERY: Duration = Duration::from_secs(1);
/// How long one is remembered that was not the job's and ended: the kernel's line on it is read later, and
/// a number is not given again so soon.
const REMEMBERED: Duration = Duration::from_secs(10);
/// How many of the last lines of the kernel are kept, and how much of the job's standard error.
const LINES: usize = 500;
const BYTES: usize = 64 << 10;
/// How many incidents and faults are kept.
const KEPT: usize = 64;
/// The longest line of the kernel that is looked at.
const LONGEST: usize = 16 << 10;
/// How long the log is read when the job ended.
const LONGEST_END: Duration = Duration::from_secs(5);

/// What was seen while a job ran.
#[derive(Debug, Default)]
pub struct Seen {
    /// The lines that are a fault of the job's.
    pub faults: Vec<String>,
    /// Faults of processes that ended before it was seen whose they were.
    pub unknown: Vec<String>,
    /// Every incident, whosever it is.
    pub incidents: Vec<Incident>,
    /// The last lines of the kernel's log since the job's start.
    pub kernel: VecDeque<Vec<u8>>,
    /// The end of the job's standard error, where that passed through here.
    pub stderr: VecDeque<u8>,
    /// What kept something from being seen.
    pub gaps: Vec<String>,
    /// Whether the kernel's log is watched at this moment.
    watches_kernel: bool,
    grouping: Incidents,
    members: BTreeSet<u32>,
    /// The processes of `unknown`.
    undecided: BTreeSet<u32>,
    /// Processes that were not the job's, and when that was last seen.
    others: BTreeMap<u32, Instant>,
    group: Option<u32>,
    /// The beginning of a line of the job's standard error.
    line: Vec<u8>,
}

/// What is seen by several threads.
#[derive(Debug, Clone, Default)]
pub(super) struct Shared(Arc<Mutex<Seen>>);

impl Shared {
    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes bytes of the job's standard error.
    pub(super) fn stderr(&self, bytes: &[u8]) {
        self.seen().take_stderr(bytes);
    }

    /// What was seen until now; what comes later is not.
    pub(super) fn take(&self) -> Seen {
        let mut seen = std::mem::take(&mut *self.seen());
        seen.look_at_stderr(true);
        seen.grouping.end();
        seen.collect();
        seen
    }

    /// Takes note of what is not seen.
    pub(super) fn gap(&self, what: String) {
        self.seen().gap(what);
    }
}

impl Seen {
    /// The incidents that are the job's, may be, or are nobody's, such as a reset of the GPU.
    pub fn of_job(&self) -> impl Iterator<Item = &Incident> {
        self.incidents.iter().filter(|incident| {
            let pid = incident.task.as_ref().map(|task| task.pid);
            pid.is_none_or(|pid| self.members.contains(&pid) || self.undecided.contains(&pid))
        })
    }

    /// A line of the kernel's log.
    fn take_kernel(&mut self, line: &[u8]) {
        let line = &line[..line.len().min(LONGEST)];
        if self.kernel.len() == LINES {
            self.kernel.pop_front();
        }
        self.kernel.push_back(line.to_owned());
        let Some(parsed) = parse(line) else {
            return;
        };
        let pid = match &parsed.event {
            Event::Fault(header) => header.task.as_ref().map(|task| task.pid),
            Event::Task(task) => Some(task.pid),
            Event::Happened(Happening::QueueReset { pid }) => Some(*pid),
            _ => None,
        };
        if let Some(pid) = pid {
            self.fault_of(pid, &parsed.message);
        }
        self.grouping.push(parsed);
        self.collect();
    }

    fn fault_of(&mut self, pid: u32, message: &str) {
        if self.others.contains_key(&pid) || self.faults.len() == KEPT {
            return;
        }
        let all = process::all();
        self.learn(&all);
        if self.members.contains(&pid) {
            self.faults.push(printable(message));
            return;
        }
        self.others.insert(pid, Instant::now());
        if all.iter().all(|process| process.pid != pid) && self.unknown.len() < KEPT {
            self.unknown.push(printable(message));
            self.undecided.insert(pid);
        }
    }

    fn take_stderr(&mut self, bytes: &[u8]) {
        self.stderr.extend(bytes);
        let excess = self.stderr.len().saturating_sub(BYTES);
        self.stderr.drain(..excess);
        self.line.extend(bytes);
        self.look_at_stderr(false);
    }

    /// Looks at the lines that are whole, or at all when it is over.
    fn look_at_stderr(&mut self, over: bool) {
        let mut text = std::mem::take(&mut self.line);
        let mut each = |line: &[u8]| {
            self.take_line(line);
            ControlFlow::Continue(())
        };
        if let ControlFlow::Continue(done) = scan::search(&text, over, &mut each) {
            text.drain(..done);
        }
        self.line = text;
    }

    /// A line of the job's standard error: what ROCr prints there is of the job.
    fn take_line(&mut self, line: &[u8]) {
        let Some(parsed) = line::parse(line) else {
            return;
        };
        let fault = matches!(&parsed.event, Event::Happened(what) if what.is_fault_of_a_process());
        if fault && self.faults.len() < KEPT {
            self.faults.push(printable(&parsed.message));
        }
        self.grouping.push(parsed);
        self.collect();
    }

    /// Takes over the incidents that are over.
    fn collect(&mut self) {
        let over = self.grouping.over();
        let room = KEPT.saturating_sub(self.incidents.len());
        self.incidents.extend(over.into_iter().take(room));
    }

    /// Adds the processes that are the job's: those in its group, and what they started. Those that
    /// ended stay the job's until another process has their number.
    fn learn(&mut self, all: &[Process]) {
        let own = std::process::id();
        for process in all {
            self.members.remove(&process.pid);
        }
        let ours = all
            .iter()
            .filter(|process| Some(process.group) == self.group || process.parent == own);
        self.members.extend(ours.map(|process| process.pid));
        process::add_children(all, &mut self.members);
        let now = Instant::now();
        for process in all {
            match self.members.contains(&process.pid) {
                true => self.others.remove(&process.pid),
                false => self.others.insert(process.pid, now),
            };
        }
    }

    fn gap(&mut self, what: String) {
        if !self.gaps.contains(&what) {
            self.gaps.push(what);
        }
    }
}

/// Few lines are worth the effort, and many may come.
fn parse(line: &[u8]) -> Option<Line> {
    scan::may_matter(line).then(|| line::parse(line)).flatten()
}

/// A watch on the kernel's log.
#[derive(Debug)]
pub(super) struct Watch {
    /// Dropped, it ends the thread.
    stop: OwnedFd,
    thread: JoinHandle<()>,
}

impl Watch {
    /// Begins with the log as it is opened: before the job is started.
    ///
    /// # Errors
    ///
    /// When the system gives no pipe.
    pub(super) fn start(log: Live, shared: &Shared) -> io::Result<Self> {
        let (stopped, stop) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?;
        shared.seen().watches_kernel = true;
        let shared = shared.clone();
        let thread = signals::thread(move || {
            follow(log, &stopped, &shared);
            shared.seen().watches_kernel = false;
        });
        Ok(Self { stop, thread })
    }

    /// Reads to the log's end of this moment, and no further.
    pub(super) fn end(self) {
        drop(self.stop);
        let _ = self.thread.join();
    }
}

impl Shared {
    /// Whose faults to look for.
    pub(super) fn of_job(&self, group: u32) {
        let mut seen = self.seen();
        seen.group = Some(group);
        seen.members.insert(group);
    }

    /// Looks up the job's processes.
    pub(super) fn look(&self) -> Glance {
        let all = process::all();
        let mut seen = self.seen();
        let remembered = |_: &u32, seen: &mut Instant| seen.elapsed() < REMEMBERED;
        seen.others.retain(remembered);
        seen.learn(&all);
        let own = all
            .iter()
            .filter(|process| seen.members.contains(&process.pid));
        Glance {
            resident: own.map(|process| process.resident).sum(),
            faults: seen.faults.len(),
            watches_kernel: seen.watches_kernel,
        }
    }
}

fn follow(mut log: Live, stopped: &OwnedFd, shared: &Shared) {
    let mut looked = Instant::now();
    loop {
        log.wait(stopped.as_fd(), EVERY);
        // Before reading: a stop that comes meanwhile is seen the next time.
        let over = rustix::io::read(stopped, &mut [0u8; 1][..]) == Ok(0);
        if over {
            thread::sleep(log.delay());
        }
        let until = Instant::now() + LONGEST_END;
        if over || looked.elapsed() >= EVERY {
            shared.look();
            looked = Instant::now();
        }
        // A log that grows faster than it is read has no end.
        while over || looked.elapsed() < EVERY {
            if over && Instant::now() > until {
                return shared.gap(
                    "the kernel's log grew faster than it was read: faults may be missing"
                        .to_owned(),
                );
            }
            match log.read(|line| shared.seen().take_kernel(line)) {
                Ok(Took::Lines) => {}
                Ok(Took::Nothing) => break,
                Ok(Took::Lost) => shared.gap(LOST.to_owned()),
                Ok(Took::End) => {
                    return shared.gap(
                        "journalctl ended before the job did: later faults of the kernel's log were not seen"
                            .to_owned(),
                    );
                }
                Err(error) => {
                    return shared.gap(format!("the kernel's log could not be read on: {error}"));
                }
            }
        }
        if over {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn seen() -> Seen {
        Seen {
            group: Some(1 << 30),
            members: BTreeSet::from([1 << 30]),
            ..Seen::default()
        }
    }

    fn task(pid: u32) -> String {
        format!("3,1,5,-;amdgpu 0000:03:00.0:  Process python3 pid {pid} thread python3 pid {pid}")
    }

    fn process(pid: u32, parent: u32, group: u32) -> Process {
        Process {
            pid,
            parent,
            group,
            resident: 0,
        }
    }

    #[test]
    fn a_fault_is_the_jobs_by_its_process() {
        let mut seen = seen();
        seen.take_kernel(task(1).as_bytes());
        assert_eq!((seen.faults.len(), seen.unknown.len()), (0, 0));
        seen.take_kernel(task((1 << 30) - 1).as_bytes());
        assert_eq!((seen.faults.len(), seen.unknown.len()), (0, 1));
        seen.take_kernel(task(1 << 30).as_bytes());
        assert_eq!((seen.faults.len(), seen.unknown.len()), (1, 1));
    }

    #[test]
    fn children_of_members_are_members_in_whatever_order() {
        let mut seen = seen();
        seen.learn(&[
            process(9, 8, 9),
            process(8, 7, 8),
            process(7, 1, 1 << 30),
            process(6, 1, 6),
        ]);
        assert_eq!(seen.members, BTreeSet::from([7, 8, 9, 1 << 30]));
    }

    #[test]
    fn who_ended_is_a_member_until_another_has_the_number() {
        let mut seen = seen();
        seen.learn(&[process(7, 1 << 30, 7)]);
        seen.learn(&[]);
        assert!(seen.members.contains(&7));
        seen.learn(&[process(7, 1, 7)]);
        assert!(!seen.members.contains(&7));
    }

    #[test]
    fn who_was_another_is_still_when_gone() {
        let mut seen = seen();
        let gone = (1 << 30) - 1;
        seen.learn(&[process(gone, 1, gone)]);
        seen.learn(&[]);
        seen.take_kernel(task(gone).as_bytes());
        assert_eq!((seen.faults.len(), seen.unknown.len()), (0, 0));
        seen.learn(&[process(gone, 1 << 30, gone)]);
        seen.take_kernel(task(gone).as_bytes());
        assert_eq!((seen.faults.len(), seen.unknown.len()), (1, 0));
    }

    #[test]
    fn a_line_of_rocr_may_come_in_pieces() {
        let mut seen = seen();
        let line = b"x\nMemory access fault by GPU node-1 (Agent handle: 0x55) on address 0x7f0000001000. Reason: Unknown.\n";
        for piece in line.chunks(7) {
            assert!(seen.faults.is_empty());
            seen.take_stderr(piece);
        }
        assert_eq!(seen.faults.len(), 1);
        assert!(seen.stderr.iter().eq(line));
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let mut seen = seen();
        for _ in 0..2 * LINES {
            seen.take_kernel(task(1 << 30).as_bytes());
            seen.take_stderr(&[b'x'; 1000]);
        }
        assert_eq!((seen.kernel.len(), seen.stderr.len()), (LINES, BYTES));
        assert_eq!(seen.faults.len(), KEPT);
        assert!(seen.line.len() < BYTES);
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes: Vec<u8>) {
            let mut seen = seen();
            seen.take_kernel(&bytes);
            seen.take_stderr(&bytes);
        }
    }
}
