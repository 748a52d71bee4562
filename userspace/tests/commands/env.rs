// SPDX-License-Identifier: MIT

//! `rmcp-kctl env` on trees that look like systems, its output run by the shells that it is for.

use crate::status::{enforced, BDF};
use crate::support::{Outcome, Tree};
use std::fs;
use std::process::Command;

/// A system with a user and a Navi10, which is node 1 of amdkfd.
fn system() -> Tree {
    let tree = enforced();
    tree.write(
        "/sys/class/kfd/kfd/topology/nodes/1/properties",
        "simd_count 80\nlocation_id 256\ndomain 0\ngfx_target_version 100100",
    )
    .write("/etc/passwd", "ann:x:4242:4242:Ann:/home/ann:/bin/bash");
    tree
}

fn env(tree: &Tree, arguments: &[&str]) -> Outcome {
    tree.run(&[&["env", "--user", "ann"], arguments].concat())
}

fn expect(tree: &Tree, arguments: &[&str], code: i32) -> Outcome {
    let seen = env(tree, arguments);
    assert_eq!(seen.code, code, "{arguments:?}: {seen:?}");
    seen
}

/// What the sh of the machine that runs the test gives to programs after the text.
fn variables(text: &str, before: &[(&str, &str)]) -> Vec<String> {
    let output = Command::new("sh")
        .args(["-c", "eval \"$0\"; env", text])
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap())
        .envs(before.iter().copied())
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    let text = String::from_utf8(output.stdout).unwrap();
    let mut lines: Vec<String> = text
        .lines()
        .filter(|line| {
            !["PATH=", "PWD=", "_=", "SHLVL="]
                .iter()
                .any(|own| line.starts_with(own))
        })
        .map(str::to_owned)
        .collect();
    lines.sort();
    lines
}

#[test]
fn by_default_only_harm_is_taken_away() {
    let text = expect(&system(), &[], 0).out;
    let before = [
        ("HSA_OVERRIDE_GFX_VERSION", "10.3.0"),
        ("HSA_OVERRIDE_GFX_VERSION_1", "10.1.0"),
        ("HSA_DISABLE_CACHE", ""),
        ("HSA_FORCE_FINE_GRAIN_PCIE", "1"),
        ("HSA_XNACK", "0"),
        ("HIP_VISIBLE_DEVICES", "-1"),
    ];
    assert_eq!(
        variables(&text, &before),
        [
            "HIP_VISIBLE_DEVICES=-1",
            "HSA_OVERRIDE_GFX_VERSION_1=10.1.0",
            "HSA_XNACK=0"
        ]
    );
    assert_eq!(variables(&text, &[]), [""; 0]);
}

#[test]
fn profiles_set_what_they_are_for() {
    let tree = system();
    let text = expect(&tree, &["-p", "conservative", "-p", "coherence-check"], 0).out;
    assert_eq!(
        variables(&text, &[("HSA_DISABLE_CACHE", "0")]),
        [
            "AMD_SERIALIZE_COPY=3",
            "AMD_SERIALIZE_KERNEL=3",
            "HSA_DISABLE_CACHE=1",
            "HSA_DISABLE_FRAGMENT_ALLOCATOR=1",
            "HSA_USE_SVM=0",
        ]
    );
    let json = expect(&tree, &["-p", "noncached", "--json"], 0).json();
    assert_eq!(json["gpus"][0]["gfx_target"], "gfx1010");
    let set = json["set"].as_array().unwrap();
    assert_eq!(set.len(), 2);
    for variable in set.iter().chain(json["unset"].as_array().unwrap()) {
        for fact in ["what", "since", "source"] {
            assert!(!variable[fact].as_str().unwrap().is_empty(), "{variable}");
        }
    }
    let error = expect(&tree, &["-p", "folklore"], 1);
    assert!(
        error.out.is_empty() && error.err.contains("there is no profile"),
        "{error:?}"
    );
}

#[test]
fn a_persons_own_profiles_count_and_a_bad_file_harms_no_other() {
    let tree = system();
    tree.write("/etc/rmcp/profiles.d/night.toml", "[set]\nA = \"site\"")
        .write("/etc/rmcp/profiles.d/site.toml", "unset = [\"HSA_XNACK\"]")
        .write(
            "/home/ann/.config/rmcp/night.toml",
            "about = 'mine'\n[set]\nA = \"it's $HOME\"",
        )
        .write("/home/ann/.config/rmcp/broken.toml", "[set]\nA = 1")
        .write("/etc/rmcp/profiles.d/broken.toml", "[set]\nA = \"1\"")
        .write("/home/ann/.config/rmcp/default.toml", "")
        .write("/home/ann/.config/rmcp/notes.txt", "no profile");
    fs::create_dir(tree.path("/home/ann/.config/rmcp/odd.toml")).unwrap();
    let text = expect(&tree, &["-p", "night", "-p", "site"], 0).out;
    assert_eq!(variables(&text, &[("HSA_XNACK", "1")]), ["A=it's $HOME"]);
    let list = expect(&tree, &["--list"], 0).out;
    for words in [
        "conservative\n",
        "sets    A=it's $HOME",
        "unsets  HSA_XNACK",
        "broken: cannot be used\n  why     line 2: invalid type",
        "default: cannot be used",
        "odd: cannot be used",
    ] {
        assert!(list.contains(words), "{words}: {list}");
    }
    assert!(
        !list.contains("A=site") && !list.contains("notes"),
        "{list}"
    );
    for name in ["broken", "odd"] {
        let seen = expect(&tree, &["-p", name], 1);
        assert!(
            seen.err.contains(".config/rmcp/") && seen.out.is_empty(),
            "{seen:?}"
        );
    }
    let unusable = expect(&tree, &["--list", "--json"], 0).json()["unusable"].clone();
    assert_eq!(unusable.as_array().unwrap().len(), 3);
}

#[test]
fn harm_that_a_person_asks_for_is_done_and_told() {
    let tree = system();
    tree.write(
        "/home/ann/.config/rmcp/old.toml",
        "[set]\nHSA_OVERRIDE_GFX_VERSION = \"10.3.0\"",
    );
    let seen = expect(&tree, &["-p", "old"], 4);
    assert!(seen
        .out
        .ends_with("export HSA_OVERRIDE_GFX_VERSION='10.3.0';\n"));
    assert!(seen.err.contains("the profile old sets"), "{seen:?}");
}

#[test]
fn without_a_gpu_that_rmcp_guards_nothing_is_taken_away() {
    let tree = Tree::new();
    tree.write("/etc/passwd", "ann:x:4242:4242:Ann:/home/ann:/bin/bash");
    let seen = expect(&tree, &["-p", "noncached"], 3);
    assert!(
        seen.out.starts_with("export ") && !seen.out.contains("unset"),
        "{seen:?}"
    );
    assert!(seen.err.contains("no RDNA1/RDNA2 GPU"));
    // Where the version cannot be seen, or the bus cannot, amdkfd's nodes tell.
    let tree = system();
    for hidden in [&format!("/sys/bus/pci/devices/{BDF}"), "/sys/bus"] {
        fs::remove_dir_all(tree.path(hidden)).unwrap();
        assert!(expect(&tree, &[], 0).out.contains("HIP_FORCE_DEV_KERNARG"));
        if hidden != "/sys/bus" {
            tree.pci(BDF, "0x1002", "0x731f", "0x030000");
            assert!(expect(&tree, &[], 0).out.contains("HIP_FORCE_DEV_KERNARG"));
        }
    }
}

#[test]
fn a_file_for_every_login_says_where_it_is_from() {
    let tree = system();
    let path = tree.path("/zz-rmcp-env.sh");
    let file = path.to_str().unwrap();
    let seen = expect(&tree, &["-p", "noncached", "--output", file], 0);
    assert_eq!(seen.out, "");
    let text = fs::read_to_string(&path).unwrap();
    let first = format!(
        "# Written by rmcp-kctl env --profile noncached on a machine with {BDF} Navi10 (gfx1010).\n"
    );
    assert!(text.starts_with(&first), "{text}");
    assert!(text.contains("# HSA_DISABLE_CACHE: it makes every allocation uncached"));
    assert_eq!(
        variables(&text, &[("HSA_DISABLE_CACHE", "1")]),
        [
            "PYTORCH_NO_CUDA_MEMORY_CACHING=1",
            "PYTORCH_NO_HIP_MEMORY_CACHING=1"
        ]
    );
    assert_eq!(expect(&tree, &["-v", "-p", "noncached"], 0).out, text);
}

#[test]
fn systemd_gets_a_file_of_assignments() {
    let text = expect(&system(), &["-p", "noncached", "--format", "systemd"], 0).out;
    let set: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
    assert_eq!(
        set,
        [
            "PYTORCH_NO_CUDA_MEMORY_CACHING=\"1\"",
            "PYTORCH_NO_HIP_MEMORY_CACHING=\"1\""
        ]
    );
    assert!(
        text.contains("UnsetEnvironment=HSA_DISABLE_CACHE\n"),
        "{text}"
    );
}

#[test]
fn a_variable_is_explained_with_what_is_said_of_it() {
    let tree = Tree::new();
    let seen = tree.run(&["env", "--explain", "HSA_OVERRIDE_GFX_VERSION"]);
    assert_eq!(seen.code, 0, "{seen:?}");
    for words in [
        "values  any",
        "said    10.3.0 makes",
        "true?   false",
        "since   ROCm 1.7",
        "source  libhsakmt 6.2.4, src/topology.c:",
    ] {
        assert!(seen.out.contains(words), "{words}: {}", seen.out);
    }
    let json = tree
        .run(&["env", "--explain", "HSA_XNACK", "--json"])
        .json();
    assert_eq!(json["name"], "HSA_XNACK");
    let seen = tree.run(&["env", "--explain", "HSA_XNAK"]);
    assert!(
        seen.code == 1 && seen.err.contains("did you mean HSA_XNACK?"),
        "{seen:?}"
    );
    assert_eq!(tree.run(&["env", "--explain", "PATH"]).code, 1);
}
