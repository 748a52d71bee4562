// SPDX-License-Identifier: MIT

//! `faults` on logs in every form.

use crate::support::{Outcome, Tree};
use std::io::Write;
use std::process::Stdio;

/// A page fault of a ROCm process as Linux 7.2 prints it (gmc_v10_0.c, gfxhub_v2_0.c): a write of TCP
/// to a page that is not there.
pub(crate) const FAULT: [&str; 10] = [
    "amdgpu 0000:03:00.0: [gfxhub] page fault (src_id:0 ring:24 vmid:8 pasid:32770)",
    "amdgpu 0000:03:00.0:  Process python pid 123 thread python pid 124",
    "amdgpu 0000:03:00.0:   in page starting at address 0x00007f9587e00000 from client 0x1b (UTCL2)",
    "amdgpu 0000:03:00.0: GCVM_L2_PROTECTION_FAULT_STATUS:0x00841051",
    "amdgpu 0000:03:00.0: \t Faulty UTCL2 client ID: TCP (0x8)",
    "amdgpu 0000:03:00.0: \t MORE_FAULTS: 0x1",
    "amdgpu 0000:03:00.0: \t WALKER_ERROR: 0x0",
    "amdgpu 0000:03:00.0: \t PERMISSION_FAULTS: 0x5",
    "amdgpu 0000:03:00.0: \t MAPPING_ERROR: 0x0",
    "amdgpu 0000:03:00.0: \t RW: 0x1",
];

/// The fault in a log of dmesg, at a second after boot.
pub(crate) fn dmesg(second: u32) -> String {
    FAULT
        .map(|line| format!("[{second:5}.000000] {line}\n"))
        .concat()
}

/// Runs the command with this on its standard input.
fn piped(tree: &Tree, arguments: &[&str], input: &[u8]) -> Outcome {
    let mut child = tree
        .command(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // It may end before it has read everything.
    let _ = stdin.write_all(input);
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    Outcome {
        code: output.status.code().unwrap(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

#[test]
fn a_fault_is_explained_in_80_columns() {
    let tree = Tree::new();
    let outcome = piped(&tree, &["faults", "-"], dmesg(12).as_bytes());
    assert_eq!(outcome.code, 2, "{outcome:?}");
    for line in outcome.out.lines() {
        assert!(line.chars().count() <= 80, "{line}");
    }
    let text = outcome.out.split_whitespace().collect::<Vec<_>>().join(" ");
    for part in [
        "0000:03:00.0 page fault",
        "when 12.000000 s after boot",
        "process python (pid 123), thread python (pid 124)",
        "write of 0x00007f9587e00000 by TCP (shader); page not valid, not writable; VMID 8 (compute)",
        "means The shader wrote to an address where nothing is mapped.",
        "(Linux, Documentation/gpu/amdgpu/debugging.rst)",
        "AMD_SERIALIZE_KERNEL=3",
        "1 incident",
    ] {
        assert!(text.contains(part), "{part}\n{}", outcome.out);
    }
}

#[test]
fn json_is_one_object_in_a_line_for_each_incident() {
    let tree = Tree::new();
    let path = tree.path("/kern.log");
    tree.write("/kern.log", &(dmesg(12) + &dmesg(500)));
    let outcome = tree.run(&["--json", "faults", path.to_str().unwrap()]);
    assert_eq!(outcome.code, 2, "{outcome:?}");
    let incidents: Vec<serde_json::Value> = outcome
        .out
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(incidents.len(), 2);
    let incident = &incidents[0];
    assert_eq!(incident["gpu"], "0000:03:00.0");
    assert_eq!(incident["task"]["pid"], 123);
    let fault = &incident["faults"][0];
    assert_eq!(fault["address"], "0x00007f9587e00000");
    assert_eq!(fault["client"], "TCP");
    assert_eq!(fault["access"], "write");
    assert_eq!(fault["space"], "compute");
    assert_eq!(fault["status"], "0x00841051");
    assert!(incident["advice"][0]["source"].is_string());
}

#[test]
fn a_log_without_faults_is_clean_and_a_missing_one_an_error() {
    let tree = Tree::new();
    let log = "[1.000000] amdgpu 0000:03:00.0: vm size is 262144 GB\n[2.000000] usb 1-1: new\n";
    let outcome = piped(&tree, &["faults", "-"], log.as_bytes());
    assert_eq!(
        (outcome.code, outcome.out.trim()),
        (0, "no fault of a GPU was found")
    );
    assert_eq!(piped(&tree, &["--json", "faults", "-"], b"").out, "");
    let outcome = tree.run(&["faults", "/nonexistent/log"]);
    assert_eq!(outcome.code, 1);
    assert!(
        outcome.err.contains("cannot read /nonexistent/log"),
        "{}",
        outcome.err
    );
}

#[test]
fn what_a_process_is_called_does_nothing_to_the_terminal() {
    let tree = Tree::new();
    let log = dmesg(12).replace("python", "a\u{1b}[31m\u{7}b");
    let outcome = piped(&tree, &["faults", "-"], log.as_bytes());
    assert!(
        outcome.out.contains("a\u{fffd}[31m\u{fffd}b"),
        "{}",
        outcome.out
    );
    assert!(!outcome.out.contains(['\u{1b}', '\u{7}']));
}
