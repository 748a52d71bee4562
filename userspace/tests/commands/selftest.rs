// SPDX-License-Identifier: MIT

//! `selftest` on a tree, with stand-ins for ROCm's programs.

use crate::detect;
use crate::status::BDF;
use crate::support::Tree;
use serde_json::Value;
use std::fs;
use std::os::unix::fs::PermissionsExt;

/// A guarded GPU with its node, a log, and programs that do as if all was well.
fn ready() -> Tree {
    let tree = detect::ready();
    tree.write("/dev/kmsg", "6,1,1,-;before the test");
    program(&tree, "rocminfo", "echo '  Name:  gfx1010'");
    // The program that it makes says that it ran.
    let compile = "while [ \"$1\" != -o ]; do case $1 in --offload-arch=gfx1010) ;; *) exit 1;; esac; shift; done
        grep -q hipMalloc \"$3\" && printf '#!/bin/sh\\necho it ran\\n' > \"$2\" && chmod +x \"$2\"";
    program(&tree, "hipcc", compile);
    program(&tree, "python3", "echo PyTorch multiplies");
    tree
}

fn program(tree: &Tree, name: &str, script: &str) {
    tree.write(&format!("/bin/{name}"), &format!("#!/bin/sh\n{script}"));
    let path = tree.path(&format!("/bin/{name}"));
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// The exit code, and each step as "name: outcome: detail".
fn climb(tree: &Tree) -> (i32, Vec<String>) {
    let mut command = tree.command(&["--json", "selftest"]);
    let path = std::env::var("PATH").unwrap();
    let path = format!("{}:{path}", tree.path("/bin").display());
    let output = command.env("PATH", path).output().unwrap();
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
        program(&tree, name, &script);
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
    program(&tree, "rocminfo", &format!("touch {}", mark.display()));
    let (code, steps) = climb(&tree);
    assert_eq!(code, 2);
    let skipped = [
        "passed", "failed", "passed", "skipped", "skipped", "skipped", "skipped", "passed",
    ];
    assert_eq!(outcomes(&steps), skipped, "{steps:#?}");
    assert!(steps[1].contains("after the next reset") && !mark.exists());
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
