// SPDX-License-Identifier: MIT

//! `status --watch`, for a reader of a pipe and for one of a terminal.

use crate::running::Running;
use crate::status::{enforced, BDF};
use crate::support::Tree;
use serde_json::json;
use std::process::Command;

fn watch(tree: &Tree, arguments: &[&str]) -> Running {
    Running::start(tree.command(arguments))
}

/// Lines up to one that contains this.
fn until(watch: &mut Running, text: &str) -> Vec<String> {
    let mut lines = Vec::new();
    while !lines
        .last()
        .is_some_and(|line: &String| line.contains(text))
    {
        lines.push(watch.line());
        assert!(lines.len() < 100, "{lines:?}");
    }
    lines
}

/// Sends a signal; the exit code.
fn end(watch: Running, signal: &str) -> i32 {
    watch.kill(signal);
    let (rest, code) = watch.end();
    assert_eq!(rest, "");
    code.unwrap()
}

fn is_time(text: &str) -> bool {
    text.len() == 20 && text.starts_with("20") && text.ends_with('Z')
}

#[test]
fn a_pipe_gets_the_screen_and_then_what_changes_with_its_time() {
    let tree = enforced();
    let mut watch = watch(&tree, &["status", "--watch=1"]);
    assert!(is_time(&watch.line()));
    assert!(watch.line().starts_with("enforced"));
    until(&mut watch, "boot ");
    tree.guard(BDF, "noretry", "0");
    let changes = until(&mut watch, "status: ");
    assert!(
        changes.iter().all(|line| is_time(&line[..20])),
        "{changes:?}"
    );
    assert!(
        changes[0].contains(&format!("{BDF}: enforced (")),
        "{changes:?}"
    );
    assert!(
        changes[1].ends_with(&format!("{BDF} noretry live: 1 -> 0")),
        "{changes:?}"
    );
    assert!(
        changes[2].contains("-> not in effect: 0 of 1"),
        "{changes:?}"
    );
    assert_eq!(end(watch, "-INT"), 2);
}

#[test]
fn sleep_the_driver_and_an_interruption_are_changes() {
    let tree = enforced();
    let gpu = format!("/sys/bus/pci/devices/{BDF}");
    let mut watch = watch(&tree, &["status", "--watch=1"]);
    until(&mut watch, "boot ");
    tree.write(&format!("{gpu}/power/runtime_status"), "suspended");
    let change = watch.line();
    assert!(
        change.ends_with(&format!("{BDF} power: awake -> asleep")),
        "{change}"
    );
    tree.remove(&format!("{gpu}/driver"));
    let change = watch.line();
    assert!(
        change.ends_with(&format!("{BDF} driver: amdgpu -> none")),
        "{change}"
    );
    let left = json!([{"step": {"do": "remove", "path": "/y"}, "progress": "waiting"}]);
    tree.journal("install", "running", left, "");
    let change = watch.line();
    assert!(change.contains("install: not interrupted -> "), "{change}");
    assert_eq!(end(watch, "-INT"), 0);
}

#[test]
fn what_cannot_be_read_for_a_moment_does_not_end_it() {
    let tree = enforced();
    let mut watch = watch(&tree, &["status", "--watch=1"]);
    until(&mut watch, "boot ");
    tree.guard(BDF, "noretry", "maybe");
    assert!(watch.line().contains("error: nothing -> /sys/"));
    tree.guard(BDF, "noretry", "1");
    assert!(watch.line().ends_with("-> nothing"));
    assert_eq!(end(watch, "-TERM"), 0);
}

#[test]
fn json_is_one_document_in_a_line_for_each_change() {
    let tree = enforced();
    let mut watch = watch(&tree, &["--json", "status", "--watch=1"]);
    let document = |line: &str| {
        let document = serde_json::from_str(line).unwrap();
        crate::schema::expect_status(&document);
        document["verdict"].as_str().unwrap().to_owned()
    };
    assert_eq!(document(&watch.line()), "enforced");
    tree.guard(BDF, "state", "armed");
    assert_eq!(document(&watch.line()), "not-in-effect");
    assert_eq!(end(watch, "-INT"), 2);
}

#[test]
fn it_ends_when_nobody_reads_any_more() {
    let tree = enforced();
    let mut watch = watch(&tree, &["status", "--watch=1"]);
    until(&mut watch, "boot ");
    let Running { mut process, lines } = watch;
    drop(lines);
    tree.guard(BDF, "state", "armed");
    assert_eq!(process.wait().unwrap().code(), Some(2));
}

#[test]
fn a_terminal_is_redrawn() {
    let tree = enforced();
    let command = tree.command(&["status", "--watch=1"]);
    let words: Vec<&str> = std::iter::once(command.get_program())
        .chain(command.get_args())
        .map(|word| word.to_str().unwrap())
        .collect();
    let with_limit = format!(
        "timeout --signal=INT --preserve-status 3.5 {}",
        words.join(" ")
    );
    let Ok(output) = Command::new("script")
        .args(["--quiet", "--return", "--command", &with_limit, "/dev/null"])
        .env("TERM", "xterm")
        .output()
    else {
        eprintln!("skipped: script (util-linux) is not installed, to make a terminal with");
        return;
    };
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let drawn: Vec<&str> = text.split("\u{1b}[H\u{1b}[2J").collect();
    assert!((3..=5).contains(&drawn.len()), "{text}");
    assert!(
        drawn[1..].iter().all(|screen| screen.contains("every 1 s")),
        "{text}"
    );
    assert_eq!(output.status.code(), Some(0), "{text}");
}
