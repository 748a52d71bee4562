// SPDX-License-Identifier: MIT

//! `run`, with real processes: shell scripts for jobs.

use crate::running::Running;
use crate::support::Tree;
use std::io::{BufRead, BufReader};
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};

mod faults;
mod journal;
mod load;
mod reproducers;
mod terminal;

/// The command with a shell script for a job.
pub(crate) fn job(tree: &Tree, options: &[&str], script: &str) -> Command {
    let inner = inheriting(tree, options, script);
    let mut command = Command::new("env");
    // Whatever the tests themselves were told to ignore, as by nohup.
    command.arg("--default-signal");
    // Where faults are kept is tried before each start.
    command.arg(format!("XDG_STATE_HOME={}", tree.path("/state").display()));
    command.arg(inner.get_program()).args(inner.get_args());
    command
}

/// The same with the signals ignored that this process ignores.
fn inheriting(tree: &Tree, options: &[&str], script: &str) -> Command {
    tree.command(&[&["run"], options, &["--", "sh", "-c", script]].concat())
}

#[test]
fn the_jobs_output_and_exit_code_are_its_own() {
    let tree = faults::logged();
    for code in [0, 1, 2, 77, 124, 255] {
        // Long enough for a status line, which is for terminals alone.
        let long = if code == 0 { "sleep 2.5" } else { ":" };
        let script = format!("echo out; {long}; echo err >&2; exit {code}");
        let mut command = job(&tree, &[], &script);
        let output = command.env("TERM", "xterm").output().unwrap();
        assert_eq!(output.status.code(), Some(code), "{output:?}");
        assert_eq!(
            (output.stdout, output.stderr),
            (b"out\n".to_vec(), b"err\n".to_vec())
        );
    }
}

#[test]
fn a_signal_that_ended_the_job_is_added_to_128() {
    let tree = faults::logged();
    for (name, number) in [("KILL", 9), ("ABRT", 6), ("TERM", 15), ("SEGV", 11)] {
        let status = job(&tree, &[], &format!("kill -{name} $$"))
            .status()
            .unwrap();
        assert_eq!((status.code(), status.signal()), (Some(128 + number), None));
    }
}

#[test]
fn what_cannot_be_started_has_the_codes_of_env() {
    let tree = faults::logged();
    tree.write("/plain", "");
    let plain = tree.path("/plain");
    let code = |program: &str| tree.run(&["run", "--", program]).code;
    assert_eq!(code("/no/such/program"), 127);
    assert_eq!(code(plain.to_str().unwrap()), 126);
    assert_eq!(tree.run(&["run"]).code, 1);
    assert_eq!(tree.run(&["run", "true"]).code, 1);
}

#[test]
fn nothing_is_started_on_a_gpu_that_is_not_guarded_but_by_force() {
    let tree = faults::logged();
    tree.guard(crate::status::BDF, "state", "armed").guard(
        crate::status::BDF,
        "reason",
        "after the next reset",
    );
    let mark = tree.path("/mark");
    let script = format!("echo started >> {}; exit 3", mark.display());
    let refused = job(&tree, &[], &script).output().unwrap();
    let said = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(refused.status.code(), Some(124), "{said}");
    assert!(
        said.contains("Navi10 is not guarded: after the next reset"),
        "{said}"
    );
    assert!(said.contains("--force"), "{said}");
    assert!(!mark.exists());
    let forced = job(&tree, &["--force"], &script).output().unwrap();
    assert_eq!(forced.status.code(), Some(3));
    assert!(mark.exists());
    let refused = tree.run(&["--json", "run", "--", "true"]);
    assert_eq!(
        (refused.code, &refused.json()["exit_code"]),
        (124, &124.into())
    );
    // In a container that hides the modules.
    std::fs::remove_dir_all(tree.path("/sys/module")).unwrap();
    let unseen = job(&tree, &[], &script).output().unwrap();
    let said = String::from_utf8(unseen.stderr).unwrap();
    assert_eq!(unseen.status.code(), Some(124), "{said}");
    assert!(said.contains("Navi10 is guarded cannot be told"), "{said}");
    // What cannot be read is not taken for guarded.
    tree.guard(crate::status::BDF, "noretry", "maybe");
    let unread = job(&tree, &[], &script).output().unwrap();
    assert_eq!(unread.status.code(), Some(124));
}

#[test]
fn what_is_not_there_needs_no_guard_and_what_cannot_be_seen_does() {
    let tree = Tree::new();
    std::fs::remove_dir_all(tree.path("/sys/bus/pci")).unwrap();
    let run = |options: &[&str]| {
        let output = job(&tree, options, "exit 4").output().unwrap();
        (
            output.status.code(),
            String::from_utf8(output.stderr).unwrap(),
        )
    };
    let (code, said) = run(&[]);
    assert_eq!(code, Some(124), "{said}");
    assert!(
        said.contains("whether there is a GPU is not known"),
        "{said}"
    );
    assert_eq!(run(&["--force"]).0, Some(4));
    tree.write("/sys/bus/pci/devices/0000:00:00.0/vendor", "0x8086")
        .write("/dev/kmsg", "6,1,1,-;before");
    assert_eq!(run(&[]), (Some(4), String::new()));
}

#[test]
fn a_gpu_that_no_job_can_use_needs_no_guard() {
    let start = |tree: &Tree| {
        let output = job(tree, &[], "exit 4").output().unwrap();
        (
            output.status.code(),
            String::from_utf8(output.stderr).unwrap(),
        )
    };
    let tree = crate::detect::ready();
    let second = "0000:02:00.0";
    tree.write("/dev/kmsg", "6,1,1,-;before")
        .pci(second, "0x1002", "0x73bf", "0x030000");
    assert_eq!(start(&tree), (Some(4), String::new()), "no driver");
    tree.bind(second, "vfio-pci");
    assert_eq!(tree.run(&["detect", "--user", "ann"]).code, 0);
    assert_eq!(start(&tree), (Some(4), String::new()), "another driver");
    let tree = crate::detect::ready();
    tree.write("/dev/kmsg", "6,1,1,-;before")
        .gpu(second, "0x73bf", [10, 3, 0]);
    assert_eq!(start(&tree), (Some(4), String::new()), "no node");
    // A device that this user may not open, the job may.
    let tree = crate::detect::ready();
    tree.guard(crate::status::BDF, "state", "armed");
    assert_eq!(tree.run(&["detect", "--user", "bob"]).code, 4);
    assert_eq!(start(&tree).0, Some(124));
}

#[test]
fn signals_reach_every_process_of_the_job() {
    let tree = faults::logged();
    for signal in ["HUP", "INT", "QUIT", "TERM", "USR1", "USR2"] {
        // The inner shell is another process of the group.
        let script = format!(
            "trap 'echo outer; exit 7' {signal}
            sh -c 'trap \"echo inner; exit\" {signal}; echo ready; while :; do sleep 0.02; done'
            exit 8"
        );
        let mut running = Running::start(job(&tree, &[], &script));
        assert_eq!(running.line(), "ready");
        running.kill(&format!("-{signal}"));
        let mut said = [running.line(), running.line()];
        said.sort();
        assert_eq!(said, ["inner", "outer"], "{signal}");
        assert_eq!(running.end().1, Some(7), "{signal}");
    }
}

#[test]
fn what_nohup_ignores_the_job_ignores() {
    let tree = faults::logged();
    let script = "kill -HUP $$; echo still here; echo ready; sleep 0.3; exit 5";
    let inner = inheriting(&tree, &[], script);
    let mut nohup = Command::new("nohup");
    nohup
        .arg(inner.get_program())
        .args(inner.get_args())
        .stdin(Stdio::null())
        .stderr(Stdio::null());
    let mut running = Running::start(nohup);
    assert_eq!(
        (running.line(), running.line()),
        ("still here".into(), "ready".into())
    );
    running.kill("-HUP");
    assert_eq!(running.end().1, Some(5));
}

#[test]
fn the_job_has_a_group_of_its_own_and_leaves_no_zombie() {
    let tree = faults::logged();
    // The second shell ends before its child does, which is then nobody's.
    let script = "ps -o pgid= -p $$; echo $$; sh -c 'sleep 0.1 &'; tries=0
        while [ $(ps -o pid= --ppid $PPID | wc -l) != 1 ] && [ $tries -lt 200 ]; do
            tries=$((tries + 1)); sleep 0.05
        done
        ps -o stat= --ppid $PPID";
    let output = job(&tree, &[], script).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    assert_eq!(lines[0], lines[1], "{text}");
    assert!(
        lines[2..].iter().all(|state| !state.starts_with('Z')),
        "{text}"
    );
    assert_eq!(lines.len(), 3, "{text}");
}

#[test]
fn what_writes_after_the_jobs_end_is_waited_for_and_gets_signals() {
    let tree = faults::logged();
    let script = "sleep 1 & sleep 1 & echo ready
        (trap 'echo told; exit' TERM; while :; do sleep 0.02; done) & exit 6";
    let mut command = job(&tree, &[], script);
    command.stderr(Stdio::piped());
    let mut running = Running::start(command);
    assert_eq!(running.line(), "ready");
    let mut stderr = BufReader::new(running.process.stderr.take().unwrap());
    let mut said = String::new();
    stderr.read_line(&mut said).unwrap();
    assert!(said.contains("still write"), "{said}");
    std::thread::sleep(std::time::Duration::from_millis(500));
    let parent = running.process.id().to_string();
    let ps = Command::new("ps")
        .args(["-o", "stat=", "--ppid", &parent])
        .output();
    let states = String::from_utf8(ps.unwrap().stdout).unwrap();
    assert_eq!(states.lines().count(), 1, "{states}");
    running.kill("-TERM");
    assert_eq!((running.line(), running.end().1), ("told".into(), Some(6)));
}
