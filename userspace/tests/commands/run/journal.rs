// SPDX-License-Identifier: MIT

//! `run` where the kernel's log may not be read: it follows the journal. A script stands in for
//! journalctl, and the job itself writes the journal.

use super::faults::{bundles, text};
use super::job;
use crate::status::enforced;
use crate::support::Tree;
use std::fs;
use std::path::Path;

/// A guarded system with a journal that has one message, and journalctl, which does this first when it
/// is to follow.
fn journaled(first: &str) -> Tree {
    let tree = enforced();
    let journal = tree.path("/journal");
    let script = format!(
        "case $* in
        *--boot*--lines=1*) echo '{{\"MESSAGE\": \"booted\", \"__CURSOR\": \"s=1;i=2\"}}' ;;
        *'--after-cursor=s=1;i=2 --follow --no-tail'*)
            echo $$ >{}; {first}
            exec tail -n +1 -f {} ;;
        *) exit 9 ;;
        esac",
        tree.path("/follower").display(),
        journal.display()
    );
    fs::write(&journal, "").unwrap();
    tree.program("/usr/bin/journalctl", &script);
    tree
}

/// A script with `fault PID`, which logs a page fault of a process.
fn with_fault(tree: &Tree, script: &str) -> String {
    let entry = |text: &str| format!("'{{\"MESSAGE\": \"amdgpu 0000:01:00.0: {text}\"}}'");
    format!(
        "fault() {{ printf '%s\\n' {} \"$(echo {} | sed s/PID/$1/g)\" >>{}; }}\n{script}",
        entry("[gfxhub] page fault (src_id:0 ring:24 vmid:8 pasid:32770)"),
        entry(" Process python3 pid PID thread python3 pid PID"),
        tree.path("/journal").display()
    )
}

/// What the job came to, and what was said.
fn faulty(tree: &Tree, script: &str) -> (Option<i32>, String) {
    let kept = tree.path("/kept");
    let options = ["--log", kept.to_str().unwrap()];
    let mut command = job(tree, &options, &with_fault(tree, script));
    text(&command.output().unwrap())
}

#[test]
fn a_fault_in_the_journal_is_kept() {
    // A fault of another is none of the job's.
    let tree = journaled("");
    let own = std::process::id();
    let (code, said) = faulty(&tree, &format!("fault {own}; exit 3"));
    assert_eq!((code, said.as_str()), (Some(3), ""));
    let (code, said) = faulty(&tree, "fault $$; sleep 0.2; exit 4");
    assert_eq!((code, bundles(&tree).len()), (Some(4), 1), "{said}");
    assert!(said.contains("a GPU fault of the job"), "{said}");
    let follower = fs::read_to_string(tree.path("/follower")).unwrap();
    let ended = || !Path::new("/proc").join(follower.trim()).exists();
    assert!(ended(), "journalctl still runs");
}

#[test]
fn what_the_journal_has_late_is_seen_too() {
    // What was logged before journalctl came to look, and what comes when the job is gone.
    for (first, script) in [
        ("sleep 0.3", "fault $$; exit 4"),
        ("", "exec 2>&-; (sleep 0.2; fault $$) & exit 4"),
    ] {
        let tree = journaled(first);
        let (code, said) = faulty(&tree, script);
        assert_eq!((code, bundles(&tree).len()), (Some(4), 1), "{said}");
    }
}

#[test]
fn a_journal_that_cannot_be_followed_is_told_and_the_job_goes_on() {
    let tree = enforced();
    let told = |why: &str| {
        let (code, said) = faulty(&tree, "echo started >&2; exit 5");
        assert_eq!(code, Some(5), "{said}");
        let (before, _) = said.split_once("started").unwrap();
        assert!(before.contains("log is not watched for faults"), "{said}");
        assert!(before.contains(why), "{said}");
        assert_eq!(said.matches("not watched").count(), 1, "{said}");
    };
    told("journalctl is not installed");
    tree.program("/usr/bin/journalctl", ":");
    told("shows no message of the kernel");
    tree.program("/usr/bin/journalctl", "echo broken >&2; exit 1");
    told("journalctl failed (exit status: 1): broken");
}

#[test]
fn a_journalctl_that_ends_before_the_job_is_told() {
    let tree = journaled("exit 1");
    let (code, said) = faulty(&tree, "sleep 0.2; exit 6");
    assert_eq!(code, Some(6), "{said}");
    assert!(
        said.contains("journalctl ended before the job did"),
        "{said}"
    );
}
