// SPDX-License-Identifier: MIT

//! `faults` on logs in every form.

use crate::running::Running;
use crate::support::{Outcome, Tree};
use serde_json::{json, Value};
use std::fs;
use std::io::Write;
use std::path::Path;
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

/// ROCr's line before it ends its process.
pub(crate) const ROCR: &str =
    "Memory access fault by GPU node-1 (Agent handle: 0x55d0) on address 0x7f0000001000. Reason: \
     Page not present or supervisor privilege.";

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

/// The incidents of a log, by --json.
fn incidents(log: &str) -> Vec<Value> {
    let outcome = piped(&Tree::new(), &["--json", "faults", "-"], log.as_bytes());
    let lines = outcome.out.lines().map(serde_json::from_str);
    lines.collect::<Result<_, _>>().unwrap()
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
        "rmcp-kctl run --profile conservative --",
        "rmcp-kctl run --profile coherence-check --",
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
    let incidents: Vec<Value> = outcome
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
fn neither_a_progress_bar_nor_a_line_without_end_hides_what_comes_after() {
    let bar: Vec<String> = (0..400)
        .map(|step| format!("\r{step:3}%|{:80}| {step}/400 [01:23<04:56, 9.99it/s]", "█"))
        .collect();
    for before in [bar.concat(), "x".repeat(20_000), "x".repeat(700_000)] {
        for after in ["", "\n", "\r\n"] {
            let found = incidents(&format!("{before}{ROCR}{after}"));
            assert_eq!(found.len(), 1, "{}", before.len());
            assert_eq!(found[0]["happenings"][0]["kind"], "memory-fault");
        }
    }
}

#[test]
fn a_prefix_may_hold_the_drivers_name_or_colours() {
    let plain = &incidents(&dmesg(12))[0];
    for host in ["amdgpu", "amdgpu-rig", "navi-amdgpu", "amdgpu:"] {
        let line = |line| format!("Nov 21 18:05:09 {host} kernel: [   12.000000] {line}\n");
        let found = incidents(&FAULT.map(line).concat());
        assert_eq!(found.len(), 1, "{host}");
        for field in ["address", "client", "pasid", "status"] {
            assert_eq!(found[0]["faults"][0][field], plain["faults"][0][field]);
        }
        assert_eq!(found[0]["begin"], "Nov 21 18:05:09", "{host}");
        assert_eq!(found[0]["gpu"], plain["gpu"], "{host}");
        let timeout =
            format!("Nov 21 18:05:09 {host} kernel: amdgpu 0000:03:00.0: ring sdma0 timeout, ");
        let found = incidents(&format!("{timeout}signaled seq=1, emitted seq=2\n"));
        assert_eq!(found[0]["summary"], "job timed out", "{host}");
    }
    // As dmesg --color=always prints it.
    let coloured = FAULT.map(|line| {
        let message = line.trim_start_matches("amdgpu 0000:03:00.0: ");
        format!(
            "\u{1b}[32m[   12.000000] \u{1b}[0m\u{1b}[33mamdgpu 0000:03:00.0: \u{1b}[0m\u{1b}[31m{message}\u{1b}[0m\n"
        )
    });
    assert_eq!(&incidents(&coloured.concat())[0], plain);
}

#[test]
fn what_dockers_log_wraps_is_read_and_so_is_json_of_another_kind() {
    let line = json!({"log": format!("{ROCR}\n"), "stream": "stderr", "time": "2026-11-21T18:05:09.123456789Z"});
    let found = incidents(&line.to_string());
    assert_eq!(found[0]["summary"], "job aborted by ROCr");
    assert_eq!(found[0]["begin"], "2026-11-21T18:05:09Z");
    for line in [
        json!({ "text": ROCR }).to_string(),
        format!("{{{ROCR}"),
        format!("{{\"log\":\"{ROCR}"),
    ] {
        assert_eq!(incidents(&line).len(), 1, "{line}");
    }
}

#[test]
fn what_run_says_of_a_fault_is_no_second_one() {
    for before in ["", "Nov 21 18:05:09 host train[12]: "] {
        let log = format!("{before}{ROCR}\n{before}rmcp-kctl: a GPU fault of the job: {ROCR}\n");
        let found = incidents(&log);
        assert_eq!(found.len(), 1);
        let happenings = found[0]["happenings"].as_array().unwrap();
        assert_eq!(happenings.len(), 1, "{happenings:?}");
    }
}

#[test]
fn a_status_register_of_0_says_nothing_of_who_asked() {
    // As Linux 6.12 prints it.
    let none = dmesg(12)
        .replace("0x00841051", "0x00000000")
        .replace("TCP (0x8)", "CB/DB (0x0)")
        .replace("MORE_FAULTS: 0x1", "MORE_FAULTS: 0x0")
        .replace("PERMISSION_FAULTS: 0x5", "PERMISSION_FAULTS: 0x0")
        .replace("RW: 0x1", "RW: 0x0");
    let incident = &incidents(&none)[0];
    let fault = &incident["faults"][0];
    for field in [
        "client",
        "client_id",
        "access",
        "permission_faults",
        "walker_error",
        "mapping_error",
        "more_faults",
    ] {
        assert_eq!(fault[field], json!(null), "{field}");
    }
    assert_eq!(fault["status"], "0x00000000");
    let first = incident["means"][0]["text"].as_str().unwrap();
    assert!(
        first.contains("read 0") && first.contains("not known"),
        "{first}"
    );
    assert!(!first.contains("7.2"), "{first}");
    // The process is the header's, and no register's.
    let found = incidents(&none[none.find("\n").unwrap() + 1..]);
    assert_eq!(found[0]["faults"][0]["vmid"], json!(null));
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

/// The fault as /dev/kmsg has it, at a second after boot.
fn records(second: u32) -> String {
    let escaped = |line: &str| line.replace('\t', "\\x09");
    FAULT
        .map(|line| format!("3,{second},{second}000000,-;{}\n", escaped(line)))
        .concat()
}

#[test]
fn the_kernels_own_log_is_read_with_what_this_machines_gpu_is() {
    let tree = Tree::new();
    tree.gpu("0000:03:00.0", "0x731f", [10, 1, 10])
        .block("0000:03:00.0", "MMHUB", [2, 0, 0], "")
        .write("/proc/stat", "cpu 1 2 3\nbtime 1795284309");
    // The detail lines are lost.
    let log = records(12)
        .replace("gfxhub", "mmhub")
        .replace("GCVM", "MMVM")
        .replace("00841051", "00801a11");
    let log: Vec<&str> = log.lines().take(4).collect();
    tree.write("/dev/kmsg", &log.join("\n"));
    let outcome = tree.run(&["--json", "faults"]);
    assert_eq!(outcome.code, 2, "{outcome:?}");
    let fault = &outcome.json()["faults"][0];
    assert_eq!(
        (&fault["hub"], &fault["client"]),
        (&"mmhub".into(), &"VMC".into())
    );
    assert_eq!(fault["client_id"], 13);
    assert!(
        outcome.err.contains("its first 12 messages are gone"),
        "{}",
        outcome.err
    );
    // 2026-11-21T18:05:09Z is when it booted.
    for (since, code) in [
        ("boot", 2),
        ("2026-11-21T18:05:15Z", 2),
        ("2026-11-21T18:05:30Z", 0),
    ] {
        assert_eq!(
            tree.run(&["faults", "--since", since]).code,
            code,
            "{since}"
        );
    }
    // Another GPU's tables are not known.
    tree.write(
        "/sys/bus/pci/devices/0000:03:00.0/ip_discovery/die/0/GC/0/major",
        "11",
    );
    let fault = &tree.run(&["--json", "faults"]).json()["faults"][0];
    assert_eq!(
        (&fault["client"], &fault["space"]),
        (&json!(null), &json!(null))
    );
    let outcome = tree.run(&["faults", "--since", "yesterday"]);
    assert_eq!(outcome.code, 1);
    assert!(
        outcome.err.contains("2026-11-21T18:05:09Z"),
        "{}",
        outcome.err
    );
}

#[test]
fn a_kernel_log_that_cannot_be_read_is_told_with_what_else_there_is() {
    let outcome = Tree::new().run(&["faults"]);
    assert_eq!(outcome.code, 1);
    assert!(
        outcome.err.contains("/dev/kmsg") && outcome.err.contains("--journal"),
        "{}",
        outcome.err
    );
}

/// A journalctl that shows that there is a message, or else prints a fault, and then does this.
fn journalctl(tree: &Tree, then: &str) {
    let entry = |line: &str| json!({"MESSAGE": line, "__REALTIME_TIMESTAMP": "1795284309000000"});
    let entries = FAULT.map(|line| entry(line).to_string() + "\n").concat();
    let script = format!(
        "case $* in *--lines=1*) echo '{{\"__CURSOR\": \"last\"}}'; exit ;; esac
        echo \"$@\" >'{}'\ncat <<'END'\n{entries}END\n{then}",
        tree.path("/arguments").display()
    );
    tree.program("/usr/bin/journalctl", &script);
}

#[test]
fn the_journal_is_asked_for_the_kernels_messages_of_this_boot_or_since_a_time() {
    let tree = Tree::new();
    journalctl(&tree, "");
    let outcome = tree.run(&["--json", "faults", "--journal"]);
    assert_eq!(outcome.json()["begin"], "2026-11-21T18:05:09Z");
    let arguments = || fs::read_to_string(tree.path("/arguments")).unwrap();
    assert!(
        arguments().contains("--boot _TRANSPORT=kernel"),
        "{}",
        arguments()
    );
    let since = ["faults", "--journal", "--since", "2026-11-21T18:00:00Z"];
    assert_eq!(tree.run(&since).code, 2);
    assert!(
        arguments().contains("--since=@1795284000 _TRANSPORT=kernel"),
        "{}",
        arguments()
    );
}

#[test]
fn a_journal_that_shows_nothing_of_the_kernel_is_an_error_and_not_clean() {
    let tree = Tree::new();
    let error = || {
        let outcome = tree.run(&["faults", "--journal"]);
        assert_eq!((outcome.code, outcome.out.as_str()), (1, ""), "{outcome:?}");
        outcome.err
    };
    assert!(error().contains("journalctl is not installed"));
    tree.program("/usr/bin/journalctl", ":");
    assert!(error().contains("shows no message of the kernel: the groups"));
    tree.program("/usr/bin/journalctl", "echo no such boot >&2; exit 3");
    assert!(error().contains("journalctl failed (exit status: 3): no such boot"));
}

#[test]
fn a_journal_that_ends_with_an_error_is_an_error() {
    let tree = Tree::new();
    journalctl(&tree, "exit 3");
    let outcome = tree.run(&["faults", "--journal"]);
    assert_eq!(outcome.code, 1, "{outcome:?}");
    assert!(outcome.err.contains("journalctl failed"), "{outcome:?}");
}

/// The next incident of a running `faults --follow`.
fn incident(following: &mut Running) -> Value {
    let line = following.line();
    serde_json::from_str(&line).unwrap_or_else(|e| panic!("{e}: {line:?}"))
}

/// Ends it as Ctrl-C does; the exit code.
fn end(following: Running) -> Option<i32> {
    following.kill("-INT");
    following.end().1
}

#[test]
fn a_log_that_is_followed_yields_each_incident_when_it_is_quiet() {
    let tree = Tree::new();
    let log = tree.path("/kern.log");
    fs::write(&log, dmesg(12)).unwrap();
    let arguments = ["--json", "faults", "--follow", log.to_str().unwrap()];
    let mut following = Running::start(tree.command(&arguments));
    assert_eq!(incident(&mut following)["begin"], "12.000000 s after boot");
    let mut file = fs::File::options().append(true).open(&log).unwrap();
    file.write_all(dmesg(13).as_bytes()).unwrap();
    assert_eq!(incident(&mut following)["begin"], "13.000000 s after boot");
    fs::rename(&log, tree.path("/kern.log.1")).unwrap();
    fs::write(&log, dmesg(14)).unwrap();
    assert_eq!(incident(&mut following)["begin"], "14.000000 s after boot");
    assert_eq!(end(following), Some(2));
    let outcome = piped(&tree, &["faults", "--follow", "-"], b"");
    assert_eq!(outcome.code, 0, "{outcome:?}");
}

#[test]
fn a_journal_that_is_followed_ends_with_the_command() {
    let tree = Tree::new();
    journalctl(
        &tree,
        &format!(
            "echo $$ >'{}'\nexec sleep 1000",
            tree.path("/pid").display()
        ),
    );
    let arguments = ["--json", "faults", "--journal", "--follow"];
    let mut following = Running::start(tree.command(&arguments));
    assert_eq!(incident(&mut following)["fault_count"], 1);
    let arguments = fs::read_to_string(tree.path("/arguments")).unwrap();
    assert!(arguments.contains("--follow --no-tail"), "{arguments}");
    assert_eq!(end(following), Some(2));
    let pid = fs::read_to_string(tree.path("/pid")).unwrap();
    assert!(
        !Path::new("/proc").join(pid.trim()).exists(),
        "journalctl still runs"
    );
}
