// SPDX-License-Identifier: MIT

//! `selftest` on a tree, with stand-ins for ROCm's programs.

use crate::detect;
use crate::running::{kill, Running};
use crate::status::BDF;
use crate::support::Tree;
use serde_json::Value;
use std::fs;
use std::process::{Command, Stdio};

/// A guarded GPU with its node, a log, and programs that do as if all was well.
fn ready() -> Tree {
    let tree = detect::ready();
    tree.write("/dev/kmsg", "6,1,1,-;before the test");
    tree.program("/bin/rocminfo", "echo '  Name:  gfx1010'");
    // The program that it makes says that it ran.
    let compile = "while [ \"$1\" != -o ]; do case $1 in --offload-arch=gfx1010) ;; *) exit 1;; esac; shift; done
        grep -q hipMalloc \"$3\" && printf '#!/bin/sh\\necho it ran\\n' > \"$2\" && chmod +x \"$2\"";
    tree.program("/bin/hipcc", compile);
    tree.program("/bin/python3", "echo PyTorch multiplies");
    tree
}

/// The command, which finds the tree's programs.
fn command(tree: &Tree) -> Command {
    let inner = tree.command(&["--json", "selftest"]);
    let mut command = Command::new("env");
    // Whatever the tests themselves were told to ignore, as by nohup.
    command
        .arg("--default-signal")
        .arg(inner.get_program())
        .args(inner.get_args());
    let path = std::env::var("PATH").unwrap();
    command.env("PATH", format!("{}:{path}", tree.path("/bin").display()));
    command
}

/// The exit code, and each step as "name: outcome: detail".
fn climb(tree: &Tree) -> (i32, Vec<String>) {
    let output = command(tree).output().unwrap();
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    let text = |step: &Value, name: &str| step[name].as_str().unwrap().to_owned();
    let steps = document["steps"].as_array().unwrap().iter();
    let steps = steps.map(|step| {
        let [name, outcome, detail] = ["name", "outcome", "detail"].map(|field| text(step, field));
        format!("{name}: {outcome}: {detail}")
    });
    let code = output.status.code().unwrap();
    assert_eq!(document["exit_code"], code);
    (code, steps.collect())
}

fn outcomes(steps: &[String]) -> Vec<&str> {
    steps
        .iter()
        .map(|step| step.split(": ").nth(1).unwrap())
        .collect()
}

#[test]
fn every_step_passes_where_all_is_well() {
    let (code, steps) = climb(&ready());
    assert_eq!(outcomes(&steps), ["passed"; 8], "{steps:#?}");
    assert_eq!(code, 0);
    assert!(steps[5].contains("it ran"), "{steps:#?}");
}

#[test]
fn what_goes_wrong_fails_and_what_cannot_be_tried_is_skipped() {
    let fails = |name: &str, script: &str| {
        let tree = ready();
        let script = script.replace("LOG", tree.path("/dev/kmsg").to_str().unwrap());
        tree.program(&format!("/bin/{name}"), &script);
        climb(&tree)
    };
    let (code, steps) = fails("rocminfo", "echo 'Name: gfx1030'");
    assert_eq!(
        (code, steps[3].as_str()),
        (2, "rocminfo: failed: it shows no gfx1010")
    );
    let (code, steps) = fails("hipcc", "echo no such target; exit 1");
    assert_eq!(code, 2);
    assert!(
        steps[4].contains("failed: exit status: 1: no such target"),
        "{steps:#?}"
    );
    assert_eq!(outcomes(&steps)[5], "skipped");
    let compiler = "echo 'memory.hip:3:1: error: no such thing'; echo '  3 | thing'
        echo '1 error generated when compiling for gfx1010.'; exit 1";
    let (_, steps) = fails("hipcc", compiler);
    assert!(
        steps[4].ends_with("3:1: error: no such thing"),
        "{steps:#?}"
    );
    let (code, steps) = fails("python3", "echo No module named torch; exit 77");
    assert_eq!(
        (code, steps[6].as_str()),
        (4, "pytorch: skipped: No module named torch")
    );
    let fault = "echo '3,7,1,-;amdgpu 0000:01:00.0: [gfxhub] page fault (src_id:0 ring:24 vmid:8 \
                 pasid:32770)' >> LOG";
    let (code, steps) = fails("rocminfo", &format!("echo gfx1010; {fault}"));
    assert_eq!((code, outcomes(&steps)[7]), (2, "failed"), "{steps:#?}");
}

#[test]
fn nothing_is_run_on_a_gpu_that_is_not_guarded() {
    let tree = ready();
    tree.guard(BDF, "state", "armed")
        .guard(BDF, "reason", "after the next reset");
    let mark = tree.path("/mark");
    tree.program("/bin/rocminfo", &format!("touch {}", mark.display()));
    let (code, steps) = climb(&tree);
    assert_eq!(code, 2);
    let skipped = [
        "passed", "failed", "passed", "skipped", "skipped", "skipped", "skipped", "passed",
    ];
    assert_eq!(outcomes(&steps), skipped, "{steps:#?}");
    assert!(steps[1].contains("after the next reset") && !mark.exists());
}

#[test]
fn with_a_variable_that_does_harm_nothing_is_run() {
    let tree = ready();
    let mut command = command(&tree);
    let output = command
        .env("HSA_OVERRIDE_GFX_VERSION", "10.3.0")
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(4), "{text}");
    assert_eq!(
        text.matches("HSA_OVERRIDE_GFX_VERSION=10.3.0 does harm")
            .count(),
        4,
        "{text}"
    );
}

#[test]
fn a_log_that_is_not_read_to_its_end_proves_nothing() {
    let tree = ready();
    let log = tree.path("/dev/kmsg");
    fs::remove_file(&log).unwrap();
    // It has no end.
    std::os::unix::fs::symlink("/dev/zero", &log).unwrap();
    let (_, steps) = climb(&tree);
    assert!(
        steps[7].starts_with("kernel log: skipped: it grew faster"),
        "{steps:#?}"
    );
}

#[test]
fn an_interruption_ends_what_runs() {
    let tree = ready();
    let pid = tree.path("/pid");
    tree.program(
        "/bin/hipcc",
        &format!("echo $$ >{}; echo; exec sleep 300", pid.display()),
    );
    let mut command = command(&tree);
    command.env("TMPDIR", tree.path("/")).stderr(Stdio::piped());
    let running = Running::start(command);
    while !fs::read_to_string(&pid).is_ok_and(|pid| pid.ends_with('\n')) {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    running.kill("-INT");
    assert_eq!(running.end().1, Some(1));
    let compiler = fs::read_to_string(&pid).unwrap();
    assert!(!kill("-0", compiler.trim()), "hipcc goes on");
    let left = fs::read_dir(tree.path("/")).unwrap();
    let left = left.filter(|entry| {
        let name = entry.as_ref().unwrap().file_name();
        name.to_string_lossy().starts_with("rmcp-selftest")
    });
    assert_eq!(left.count(), 0);
}

#[test]
fn a_gpu_that_no_job_can_use_is_passed_over_beside_another() {
    let tree = ready();
    tree.pci("0000:02:00.0", "0x1002", "0x73bf", "0x030000")
        .bind("0000:02:00.0", "vfio-pci");
    let (code, steps) = climb(&tree);
    assert_eq!(
        (code, outcomes(&steps)),
        (0, vec!["passed"; 8]),
        "{steps:#?}"
    );
    let tree = Tree::new();
    tree.pci(BDF, "0x1002", "0x731f", "0x030000");
    let (_, steps) = climb(&tree);
    assert!(steps[0].contains("amdgpu does not drive"), "{steps:#?}");
}

#[test]
fn without_a_gpu_or_a_log_it_says_so() {
    let (code, steps) = climb(&Tree::new());
    assert_eq!(code, 2);
    assert!(steps[0].contains("no RDNA1/RDNA2 GPU"), "{steps:#?}");
    assert_eq!(outcomes(&steps)[7], "skipped", "{steps:#?}");
    let text = ready().run(&["selftest"]);
    assert!(
        text.out
            .starts_with("passed  kernel      amdgpu drives 0000:01:00.0 Navi10"),
        "{text:?}"
    );
}
