// SPDX-License-Identifier: MIT

//! `run` while the kernel logs ten thousand lines a second: no fault, no exit code and no process is
//! lost.

use super::faults::{bundles, faulty, logged};
use super::job;
use crate::support::Tree;
use std::fs;
use std::io::Write;
use std::sync::mpsc::{self, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

const PER_SECOND: u128 = 10_000;

/// A kernel that logs.
struct Kernel {
    over: Sender<()>,
    thread: JoinHandle<u128>,
}

impl Kernel {
    fn logs_to(tree: &Tree) -> Self {
        let log = fs::File::options()
            .append(true)
            .open(tree.path("/dev/kmsg"));
        let mut log = log.unwrap();
        let (over, is_over) = mpsc::channel::<()>();
        let thread = thread::spawn(move || {
            let (started, mut written) = (Instant::now(), 0);
            while is_over.try_recv().is_err() {
                let due = started.elapsed().as_millis() * PER_SECOND / 1000;
                let line = |n| format!("6,{n},1,-;amdgpu 0000:01:00.0: a line of a busy log\n");
                let lines: Vec<String> = (written..due).map(line).collect();
                log.write_all(lines.concat().as_bytes()).unwrap();
                written = due;
                thread::sleep(Duration::from_millis(10));
            }
            written * 1000 / started.elapsed().as_millis()
        });
        Self { over, thread }
    }

    /// How many lines a second it logged.
    fn end(self) -> u128 {
        self.over.send(()).unwrap();
        self.thread.join().unwrap()
    }
}

#[test]
fn the_fault_is_found_among_ten_thousand_lines_a_second() {
    let tree = logged();
    let kernel = Kernel::logs_to(&tree);
    let output = faulty(&tree, &[], "sleep 1; fault $$; sleep 1; exit 3")
        .output()
        .unwrap();
    assert!(kernel.end() > PER_SECOND * 9 / 10);
    assert_eq!(
        (output.status.code(), bundles(&tree).len()),
        (Some(3), 1),
        "{output:?}"
    );
}

#[test]
fn no_exit_code_is_lost_in_fifty_starts() {
    no_exit_code_is_lost_in(50);
}

#[test]
#[ignore = "takes minutes where other programs run: make life"]
fn no_exit_code_is_lost_in_a_thousand_starts() {
    no_exit_code_is_lost_in(1000);
}

fn no_exit_code_is_lost_in(starts: u32) {
    let tree = logged();
    let kernel = Kernel::logs_to(&tree);
    let mut faults = 0;
    for start in 0..starts {
        let code = i32::try_from(start % 256).unwrap();
        let (script, expected) = match start % 10 {
            0 => (format!("fault $$; exit {code}"), code),
            1 => ("kill -KILL $$".to_owned(), 137),
            _ => (format!("exit {code}"), code),
        };
        faults += usize::from(start % 10 == 0);
        let output = faulty(&tree, &[], &script).output().unwrap();
        assert_eq!(
            output.status.code(),
            Some(expected),
            "start {start}: {output:?}"
        );
    }
    assert_eq!(bundles(&tree).len(), faults);
    let per_second = kernel.end();
    eprintln!("{starts} starts, {faults} faults, {per_second} lines of the kernel a second");
    assert!(per_second > PER_SECOND * 9 / 10);
}

#[test]
fn no_zombie_of_a_thousand_processes_is_left() {
    let tree = logged();
    // Each is nobody's when its parent ends. The last ps shows this shell alone, and itself not.
    let script = "i=0; while [ $i -lt 1000 ]; do (true &); i=$((i + 1)); done; tries=0
        while [ $(ps -o pid= --ppid $PPID | wc -l) != 1 ] && [ $tries -lt 200 ]; do
            tries=$((tries + 1)); sleep 0.05
        done
        ps -o stat= --ppid $PPID | grep -c Z; exit 9";
    let output = job(&tree, &[], script).output().unwrap();
    assert_eq!(
        (output.status.code(), output.stdout.as_slice()),
        (Some(9), &b"0\n"[..]),
        "{output:?}"
    );
}
