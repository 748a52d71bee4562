// SPDX-License-Identifier: MIT

//! What /proc says of running processes: always of this kernel's, below whatever root a system is read,
//! for they are those that this program starts.

use crate::root::Root;
use rustix::param::page_size;
use std::collections::BTreeSet;
use std::path::Path;

/// A process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Process {
    /// Its number.
    pub pid: u32,
    /// The process that started it, or that has it since that one ended.
    pub parent: u32,
    /// Its process group.
    pub group: u32,
    /// How much of it is in memory, in bytes, with what it shares with others.
    pub resident: u64,
}

/// Where the number of resident pages is in /proc/PID/stat, counted from the group.
const PAGES: usize = 18;

/// The inode of the first PID namespace (PROC_PID_INIT_INO of the kernel).
const FIRST_NAMESPACE: u64 = 0xefff_fffc;

fn root() -> Root {
    Root::new(Path::new("/"))
}

/// Every process that can be seen.
pub fn all() -> Vec<Process> {
    let root = root();
    let pids = root.list("/proc").into_iter();
    pids.filter_map(|name| name.parse().ok())
        .filter_map(|pid: u32| {
            // It may have ended since.
            let stat = root.read(format!("/proc/{pid}/stat")).ok()??;
            parse(pid, &stat)
        })
        .collect()
}

/// Every process that has this one as an ancestor.
pub fn descendants() -> Vec<Process> {
    let own = std::process::id();
    let mut all = all();
    let mut found = BTreeSet::from([own]);
    add_children(&all, &mut found);
    all.retain(|process| process.pid != own && found.contains(&process.pid));
    all
}

/// Adds what these processes started, and what those did.
pub fn add_children(all: &[Process], of: &mut BTreeSet<u32>) {
    loop {
        let children = all.iter().filter(|process| of.contains(&process.parent));
        let children: Vec<u32> = children.map(|process| process.pid).collect();
        let before = of.len();
        of.extend(children);
        if of.len() == before {
            return;
        }
    }
}

/// The line of /proc/PID/stat. The name, in parentheses, may hold anything.
fn parse(pid: u32, stat: &str) -> Option<Process> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_whitespace().skip(1);
    Some(Process {
        pid,
        parent: fields.next()?.parse().ok()?,
        group: fields.next()?.parse().ok()?,
        resident: {
            let pages: u64 = fields.nth(PAGES)?.parse().ok()?;
            pages.saturating_mul(page_size() as u64)
        },
    })
}

/// Whether this process ignores the signal: as after `nohup`.
pub fn ignores(signal: i32) -> bool {
    let status = root().read("/proc/self/status").ok().flatten();
    status.is_some_and(|status| is_ignored(&status, signal))
}

fn is_ignored(status: &str, signal: i32) -> bool {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    let bit = u32::try_from(signal - 1).ok();
    let bit = bit.and_then(|bit| 1u64.checked_shl(bit));
    mask.zip(bit).is_some_and(|(mask, bit)| mask & bit != 0)
}

/// Whether the numbers that this process sees are the kernel's own, as they are in its log: they are
/// others in a container.
pub fn in_first_namespace() -> bool {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata(root().path("/proc/self/ns/pid"))
        .is_ok_and(|metadata| metadata.ino() == FIRST_NAMESPACE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_name_may_look_like_fields() {
        let line =
            "7 (a) R 1 (x) S 3 5 5 0 -1 4 0 0 0 0 1 2 0 0 20 0 1 0 99 4096 11 18446744073709551615";
        let process = parse(7, line).unwrap();
        assert_eq!((process.parent, process.group), (3, 5));
        assert_eq!(process.resident, 11 * page_size() as u64);
        assert_eq!(parse(7, "7 (a) S"), None);
    }

    #[test]
    fn this_process_is_among_all_with_its_parent() {
        let pid = std::process::id();
        let own = all().into_iter().find(|process| process.pid == pid);
        let own = own.unwrap();
        assert_eq!(own.parent, std::os::unix::process::parent_id());
        assert!((1 << 18..1 << 40).contains(&own.resident));
    }

    #[test]
    fn children_of_children_are_found_in_whatever_order() {
        let process = |pid, parent| Process {
            pid,
            parent,
            group: 1,
            resident: 0,
        };
        let mut found = BTreeSet::from([7]);
        add_children(
            &[process(9, 8), process(8, 7), process(7, 1), process(6, 1)],
            &mut found,
        );
        assert_eq!(found, BTreeSet::from([7, 8, 9]));
    }

    #[test]
    fn the_first_signal_is_the_lowest_bit() {
        let status = "Name:\tx\nSigIgn:\t0000000000001001\n";
        assert!(is_ignored(status, 1) && is_ignored(status, 13));
        assert!(!is_ignored(status, 2) && !is_ignored(status, 0) && !is_ignored(status, 99));
    }

    proptest! {
        #[test]
        fn no_text_panics(text: String, signal: i16) {
            parse(1, &text);
            is_ignored(&format!("SigIgn:{text}"), signal.into());
        }
    }
}
