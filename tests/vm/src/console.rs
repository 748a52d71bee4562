// SPDX-License-Identifier: MIT

//! What a kernel log says about the kernel's health.

/// How many lines of a console are shown when a machine died.
const TAIL: usize = 25;

/// What a kernel writes when something is wrong with it.
const COMPLAINTS: [&str; 13] = [
    "BUG:",
    "kernel BUG at",
    "WARNING:",
    "Oops:",
    "general protection fault",
    "unable to handle",
    "Call Trace:",
    "INFO: task ",
    "rcu_preempt detected stalls",
    "soft lockup",
    "refcount_t:",
    "Kernel panic",
    "list_del corruption",
];

/// The lines of a kernel log that no healthy kernel writes.
pub fn complaints(log: &str) -> Vec<&str> {
    log.lines()
        .filter(|line| COMPLAINTS.iter().any(|complaint| line.contains(complaint)))
        .collect()
}

/// The last lines of a console.
pub fn tail(console: &str) -> String {
    let lines: Vec<&str> = console.lines().collect();
    lines[lines.len().saturating_sub(TAIL)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_complaint_is_found_and_ordinary_lines_are_not() {
        let log = "[    1.0] amdgpu 0000:01:00.0: amdgpu: PCIE GART of 512M enabled\n\
                   [    2.0] rmcp: loading out-of-tree module taints kernel.\n\
                   [    3.0] WARNING: CPU: 0 PID: 1 at kernel/kprobes.c:1 x+0x1/0x2\n\
                   [    4.0] BUG: kernel NULL pointer dereference, address: 0000000000000040\n";
        let found = complaints(log);
        assert_eq!(found.len(), 2);
        assert!(found[0].contains("WARNING") && found[1].contains("BUG"));
    }

    #[test]
    fn the_tail_is_the_end() {
        let log: String = (0..100).map(|i: u32| i.to_string() + "\n").collect();
        assert!(tail(&log).ends_with("\n99"));
        assert_eq!(tail(&log).lines().count(), TAIL);
        assert_eq!(tail("one"), "one");
    }
}
