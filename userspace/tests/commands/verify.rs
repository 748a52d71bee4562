// SPDX-License-Identifier: MIT

//! `rmcp-kctl verify` on trees that look like systems: what confirms, what contradicts, and what is
//! said of a source that cannot be read. Only a real driver answers DEV_INFO and maps pages.

use crate::support::{Outcome, Tree};
use proptest::prelude::*;
use serde_json::Value;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

const BDF: &str = "0000:01:00.0";
const SECOND: &str = "0000:02:00.0";
/// GCVM_CONTEXT1_CNTL and MMVM_CONTEXT1_CNTL with these bases, of Navi10 and of Navi21.
const GC: &str = "0x00001260\n0x0000A000";
const MMHUB: &str = "0x0001A000";
const GCVM: u32 = 0x2881;
const MMVM: u32 = 0x1a6c1;
/// A context as amdgpu programs it, without retries; bit 7 makes it retry.
const NO_RETRY: u32 = 0x007f_fe07;
const RETRY: u32 = NO_RETRY | 1 << 7;

const KPROBES: &str = "/sys/kernel/debug/kprobes";
const PROBE: &str = "ffffffffc0a01234  k  gmc_v10_0_get_vm_pte+0x4  amdgpu [FTRACE]";

/// Fifteen neighbouring registers of one value.
fn contexts(first: u32, value: u32) -> impl Iterator<Item = (u32, u32)> {
    (first..first + 15).map(move |dword| (dword, value))
}

/// A guarded Navi10 whose registers hold this.
fn programmed(tree: &Tree, bdf: &str, value: u32) {
    tree.gpu(bdf, "0x731f", [10, 1, 10])
        .block(bdf, "GC", [10, 1, 10], GC)
        .block(bdf, "MMHUB", [2, 0, 0], MMHUB)
        .registers(bdf, contexts(GCVM, value))
        .registers(bdf, contexts(MMVM, value))
        .guarded(bdf);
    fs::write(tree.debugfs(bdf, "amdgpu_gfxoff"), [0; 4]).unwrap();
}

/// A system where everything is confirmed that a tree can confirm. Each test changes one thing.
fn confirmed() -> Tree {
    let tree = Tree::new();
    tree.amdgpu("0", "-1")
        .rmcp("armed", "the probes are in place")
        .parameter("fragment_size", "-1")
        .write(&format!("{KPROBES}/list"), PROBE)
        .write(&format!("{KPROBES}/enabled"), "1")
        .write("/proc/sys/kernel/ftrace_enabled", "1");
    programmed(&tree, BDF, NO_RETRY);
    tree
}

fn verify(tree: &Tree) -> Outcome {
    let text = tree.run(&["verify"]);
    let json = tree.run(&["verify", "--json"]);
    assert_eq!(text.code, json.code, "text and JSON agree");
    assert_eq!(json.json()["exit_code"], json.code);
    let long = text.out.lines().find(|line| line.chars().count() > 80);
    assert_eq!(long, None, "at 80 columns");
    text
}

/// What a source says of a policy on the first GPU: its outcome and its words.
fn check(tree: &Tree, policy: &str, source: &str) -> (String, String) {
    let json = tree.run(&["verify", "--json"]).json();
    let find = |list: &Value, key: &str, name: &str| -> Value {
        let mut values = list.as_array().unwrap().iter();
        let found = values.find(|value| value[key] == name);
        found.unwrap_or_else(|| panic!("no {name}: {list}")).clone()
    };
    let policy = find(&json["gpus"][0]["policies"], "name", policy);
    let check = find(&policy["checks"], "source", source);
    let word = |key: &str| check[key].as_str().unwrap().to_owned();
    (word("outcome"), word("detail"))
}

/// A source must say this.
fn assert_check(tree: &Tree, policy: &str, source: &str, outcome: &str, detail: &str) {
    let found = check(tree, policy, source);
    assert!(
        found.0 == outcome && found.1.contains(detail),
        "{policy} by {source}: {found:?}, expected was {outcome} with {detail:?}"
    );
}

#[test]
fn confirmed_by_the_registers_and_the_list_of_kprobes() {
    let seen = verify(&confirmed());
    assert_eq!(seen.code, 0, "{seen:?}");
    let expected = "\
confirmed: 1 of 1 RDNA1/RDNA2 GPUs are confirmed by other sources than rmcp

0000:01:00.0  Navi10 (gfx1010, GC 10.1.10)  confirmed
  rmcp says enforced: written before amdgpu programmed the memory hubs

  noretry=1  confirmed
    amdgpu option  says nothing  noretry=0: asks for another value
    GCVM registers confirmed     GCVM_CONTEXT1..15_CNTL: bit 7 is 0: no retries
    MMVM registers confirmed     MMVM_CONTEXT1..15_CNTL: bit 7 is 0: no retries

  fragment_size=-1  left to amdgpu
    amdgpu option  says nothing  vm_fragment_size=-1: amdgpu's own choice
    DEV_INFO       not read      only the running system's driver can be asked,
                                 not that of a tree

  mtype_cc=nc  confirmed
    kprobes        confirmed     the kprobe on gmc_v10_0_get_vm_pte is on
    page table     not read      --probe maps a page to see it
";
    assert_eq!(seen.out, expected);
}

#[test]
fn every_register_is_read_and_given_by_its_name() {
    let tree = confirmed();
    let values = (0..15).map(|i| (GCVM + i, NO_RETRY ^ (i + 1) << 24));
    tree.registers(BDF, values);
    let json = tree.run(&["verify", "--json"]).json();
    let values = &json["gpus"][0]["policies"][0]["checks"][1]["values"];
    assert_eq!(values.as_object().unwrap().len(), 15);
    for context in 1..=15_u32 {
        let expected = NO_RETRY ^ context << 24;
        assert_eq!(values[format!("GCVM_CONTEXT{context}_CNTL")], expected);
    }
}

#[test]
fn one_register_that_retries_is_enough_and_is_named() {
    for (first, hub) in [(GCVM, "GCVM"), (MMVM, "MMVM")] {
        for context in 1..=15 {
            let tree = confirmed();
            tree.registers(BDF, [(first + context - 1, RETRY)]);
            let name = format!("{hub}_CONTEXT{context}_CNTL: bit 7 is 1");
            let source = format!("{hub} registers");
            assert_check(&tree, "noretry", &source, "contradicted", &name);
        }
    }
    let tree = confirmed();
    tree.registers(BDF, contexts(MMVM, RETRY));
    let seen = verify(&tree);
    assert_eq!(seen.code, 2, "{seen:?}");
    assert!(seen.out.contains("MMVM_CONTEXT1..15_CNTL: bit 7 is 1"));
}

#[test]
fn retries_that_are_wanted_are_confirmed_too() {
    let tree = confirmed();
    tree.parameter("noretry", "0");
    assert_eq!(verify(&tree).code, 2);
    tree.registers(BDF, contexts(GCVM, RETRY))
        .registers(BDF, contexts(MMVM, RETRY));
    assert_eq!(verify(&tree).code, 0);
}

#[test]
fn a_hub_that_does_not_answer_confirms_nothing() {
    for value in [0, u32::MAX, NO_RETRY & !1] {
        let tree = confirmed();
        tree.registers(BDF, [(GCVM + 3, value)]);
        let why = "switched off: GCVM_CONTEXT4_CNTL";
        assert_check(&tree, "noretry", "GCVM registers", "not-read", why);
        assert_check(&tree, "noretry", "MMVM registers", "confirmed", "");
    }
    let tree = confirmed();
    tree.registers(BDF, contexts(GCVM, 0))
        .registers(BDF, contexts(MMVM, 0));
    let seen = verify(&tree);
    assert_eq!(seen.code, 4, "{seen:?}");
    assert!(seen.out.starts_with("not confirmed: 0 of 1"), "{seen:?}");
}

#[test]
fn registers_are_looked_for_where_the_version_has_them() {
    // RDNA2, its APUs with a hub whose registers lie in another segment.
    let tree = confirmed();
    tree.block(BDF, "GC", [10, 3, 3], GC)
        .block(BDF, "MMHUB", [2, 4, 0], "0x00013200\n0x0001A000")
        .guard(BDF, "gc_version", "10.3.3")
        .registers(BDF, contexts(GCVM, 0))
        .registers(BDF, contexts(MMVM, 0))
        .registers(BDF, contexts(0x285d, NO_RETRY))
        .registers(BDF, contexts(0x1a741, NO_RETRY));
    assert_eq!(verify(&tree).code, 0);
}

#[test]
fn unknown_versions_and_absurd_tables_are_refused_in_a_sentence() {
    for (version, bases, why) in [
        (
            [3, 0, 0],
            MMHUB,
            "where MMHUB 3.0.0 has its registers is not known",
        ),
        ([2, 0, 0], "", "none for segment 0"),
        ([2, 3, 0], MMHUB, "none for segment 1"),
        ([2, 0, 0], "0xFFFFFFFF", "none for segment 0"),
        (
            [2, 0, 0],
            "0xF0000000",
            "the base in ip_discovery is absurd",
        ),
        (
            [2, 0, 0],
            "0x00100000",
            "the base in ip_discovery is absurd",
        ),
        (
            [2, 0, 0],
            "many",
            "ip_discovery does not say where MMHUB is",
        ),
        // Beyond the file.
        ([2, 0, 0], "0x00080000", "cannot read the register"),
    ] {
        let tree = confirmed();
        tree.block(BDF, "MMHUB", version, bases);
        assert_check(&tree, "noretry", "MMVM registers", "not-read", why);
        assert_check(&tree, "noretry", "GCVM registers", "confirmed", "");
    }
}

#[test]
fn what_is_missing_of_debugfs_is_said() {
    let tree = confirmed();
    fs::remove_file(tree.debugfs(BDF, "amdgpu_regs")).unwrap();
    let why = "there is no /sys/kernel/debug/dri/0/amdgpu_regs";
    assert_check(&tree, "noretry", "GCVM registers", "not-read", why);

    fs::remove_dir_all(tree.path("/sys/kernel/debug")).unwrap();
    let why = "debugfs is not mounted: 'mount -t debugfs none /sys/kernel/debug'";
    assert_check(&tree, "noretry", "MMVM registers", "not-read", why);
    assert_check(&tree, "mtype_cc", "kprobes", "not-read", why);
    assert_eq!(verify(&tree).code, 4);
}

#[test]
fn a_file_that_never_ends_is_not_read() {
    let tree = confirmed();
    let why = "it is not a regular file";
    for file in [
        format!("{KPROBES}/list"),
        "/sys/kernel/debug/dri/0/amdgpu_regs".to_owned(),
    ] {
        tree.remove(&file).link(&file, "/dev/zero");
    }
    assert_check(&tree, "mtype_cc", "kprobes", "not-read", why);
    assert_check(&tree, "noretry", "GCVM registers", "not-read", why);
}

#[test]
fn the_graphics_block_is_let_go_after_it_was_held() {
    let tree = confirmed();
    let gfxoff = tree.debugfs(BDF, "amdgpu_gfxoff");
    fs::write(&gfxoff, [9; 4]).unwrap();
    assert_eq!(verify(&tree).code, 0);
    assert_eq!(fs::read(&gfxoff).unwrap(), 1_u32.to_ne_bytes());

    // What cannot be held, nor be seen to be on, is not read.
    let not_read = |why: &str| {
        for source in ["GCVM registers", "MMVM registers"] {
            assert_check(&tree, "noretry", source, "not-read", why);
        }
    };
    fs::remove_file(&gfxoff).unwrap();
    not_read("there is no /sys/kernel/debug/dri/0/amdgpu_gfxoff");
    fs::create_dir(&gfxoff).unwrap();
    not_read("it is not a regular file");
}

/// Lockdown lets the state of GFXOFF be read, and not be changed.
#[test]
fn where_gfxoff_cannot_be_held_off_registers_are_read_unless_it_is_in_use() {
    let tree = confirmed();
    let gfxoff = tree.debugfs(BDF, "amdgpu_gfxoff");
    let mode =
        |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    // As another user than root, for whom there are permissions, and who need not get at the checkout.
    mode(&tree.path("/"), 0o755);
    let program = tree.path("/rmcp-kctl");
    fs::copy(env!("CARGO_BIN_EXE_rmcp-kctl"), &program).unwrap();
    for (state, code, outcome) in [(0_u32, 0, "confirmed"), (1, 4, "not read")] {
        fs::remove_file(&gfxoff).unwrap();
        fs::write(&gfxoff, state.to_ne_bytes()).unwrap();
        mode(&gfxoff, 0o444);
        let mut command = Command::new(&program);
        command.arg("--root").arg(tree.path("/")).arg("verify");
        if rustix::process::getuid().is_root() {
            command.uid(65_534);
        }
        let seen = command.output().unwrap();
        let out = String::from_utf8(seen.stdout).unwrap();
        assert_eq!(seen.status.code(), Some(code), "{out}");
        for source in ["GCVM", "MMVM"] {
            let line = format!("    {source} registers {outcome:<13} ");
            assert!(out.contains(&line), "{line}: {out}");
        }
        let why = "GFXOFF may have switched the graphics block";
        assert_eq!(
            out.matches(why).count(),
            if state == 1 { 2 } else { 0 },
            "{out}"
        );
        assert_eq!(fs::read(&gfxoff).unwrap(), state.to_ne_bytes());
    }
}

#[test]
fn a_gpu_that_sleeps_is_not_woken() {
    for status in ["suspended", "suspending"] {
        let tree = confirmed();
        let file = format!("/sys/bus/pci/devices/{BDF}/power/runtime_status");
        tree.write(&file, status);
        for source in ["GCVM registers", "MMVM registers"] {
            assert_check(&tree, "noretry", source, "not-read", "the GPU sleeps");
        }
        assert_check(
            &tree,
            "fragment_size",
            "DEV_INFO",
            "not-read",
            "the GPU sleeps",
        );
        assert_check(&tree, "mtype_cc", "kprobes", "confirmed", "");
        assert_eq!(verify(&tree).code, 4);
        tree.write(&file, "active");
        assert_eq!(verify(&tree).code, 0);
    }
}

#[test]
fn of_several_probes_all_must_be_on() {
    let disabled = PROBE.replace("[FTRACE]", "[DISABLED][FTRACE]");
    for (first, second, outcome, detail) in [
        (PROBE, PROBE, "confirmed", "is on"),
        (PROBE, &disabled, "says-nothing", "one of several kprobes"),
        (&disabled, PROBE, "says-nothing", "is disabled"),
        (&disabled, &disabled, "contradicted", "is disabled"),
    ] {
        let tree = confirmed();
        tree.write(&format!("{KPROBES}/list"), &format!("{first}\n{second}"));
        assert_check(&tree, "mtype_cc", "kprobes", outcome, detail);
    }
}

/// A locked-down kernel does not open the switch, which could be written.
#[test]
fn where_the_switch_of_all_probes_is_closed_the_list_is_evidence() {
    let tree = confirmed();
    let switch = format!("{KPROBES}/enabled");
    fs::remove_file(tree.path(&switch)).unwrap();
    fs::create_dir(tree.path(&switch)).unwrap();
    assert_check(&tree, "mtype_cc", "kprobes", "confirmed", "cannot be read");
    assert_eq!(verify(&tree).code, 0);
    let list = PROBE.replace("[FTRACE]", "[DISABLED][FTRACE]");
    tree.write(&format!("{KPROBES}/list"), &list);
    assert_check(&tree, "mtype_cc", "kprobes", "contradicted", "is disabled");
}

#[test]
fn probes_that_are_off_contradict() {
    let list = format!("{KPROBES}/list");
    let function = "gmc_v10_0_get_vm_pte";
    for (file, text, detail) in [
        (list.as_str(), "", "no kprobe is on amdgpu's"),
        (
            &list,
            "x  k  gmc_v10_0_hw_init+0x4  amdgpu [FTRACE]",
            "no kprobe",
        ),
        (
            &list,
            &format!("x  k  {function}+0x4  amdgpu [DISABLED][FTRACE]"),
            "is disabled",
        ),
        (&format!("{KPROBES}/enabled"), "0", "kprobes/enabled'"),
        (
            "/proc/sys/kernel/ftrace_enabled",
            "0",
            "sysctl kernel.ftrace_enabled=1",
        ),
    ] {
        let tree = confirmed();
        tree.write(file, text);
        assert_check(&tree, "mtype_cc", "kprobes", "contradicted", detail);
        assert_eq!(verify(&tree).code, 2);
    }
    // One that waits for the function's end is none that could change its arguments.
    let tree = confirmed();
    tree.write(&list, &PROBE.replace("  k  ", "  r  "));
    assert_check(&tree, "mtype_cc", "kprobes", "contradicted", "no kprobe");
    // One that does not rest on ftrace.
    let tree = confirmed();
    tree.write(&list, &format!("x  k  {function}+0x4  amdgpu "))
        .write("/proc/sys/kernel/ftrace_enabled", "0");
    assert_check(&tree, "mtype_cc", "kprobes", "confirmed", "");
    // Kernels before 7.2 decide elsewhere.
    let tree = confirmed();
    tree.write(&list, "x  k  gmc_v10_0_map_mtype+0x4  amdgpu [FTRACE]");
    assert_check(&tree, "mtype_cc", "kprobes", "confirmed", "map_mtype is on");
}

#[test]
fn what_parameters_leave_to_amdgpu_needs_no_confirmation() {
    let tree = confirmed();
    for mode in ["report", "off"] {
        tree.parameter("mtype_cc", mode)
            .write(&format!("{KPROBES}/list"), "");
        assert_check(&tree, "mtype_cc", "kprobes", "says-nothing", "no kprobe");
        assert_eq!(verify(&tree).code, 0);
    }
    tree.parameter("noretry", "-1")
        .registers(BDF, contexts(GCVM, RETRY));
    let retries = "GCVM_CONTEXT1..15_CNTL: bit 7 is 1: retries";
    assert_check(&tree, "noretry", "GCVM registers", "says-nothing", retries);
    assert_eq!(verify(&tree).code, 0);
}

#[test]
fn an_option_of_amdgpu_is_no_evidence() {
    for (noretry, meaning) in [
        ("-1", "amdgpu's own choice"),
        ("0", "asks for another value"),
        ("1", "asks for the same"),
    ] {
        let tree = confirmed();
        tree.amdgpu(noretry, "-1").registers(BDF, contexts(GCVM, 0));
        tree.registers(BDF, contexts(MMVM, 0));
        assert_check(&tree, "noretry", "amdgpu option", "says-nothing", meaning);
        assert_eq!(verify(&tree).code, 4);
    }
}

#[test]
fn rmcps_own_word_counts_where_it_is_not_enforced() {
    let tree = confirmed();
    tree.guard(BDF, "state", "armed")
        .guard(BDF, "reason", "amdgpu was up before rmcp");
    let seen = verify(&tree);
    assert_eq!(seen.code, 2, "{seen:?}");
    assert!(
        seen.out.contains("rmcp says armed: amdgpu was up"),
        "{seen:?}"
    );

    let tree = confirmed();
    fs::remove_dir_all(tree.path(&format!("/sys/bus/pci/devices/{BDF}/rmcp"))).unwrap();
    let seen = verify(&tree);
    assert_eq!(seen.code, 2, "{seen:?}");
    assert!(
        seen.out.contains("rmcp has not adopted this GPU"),
        "{seen:?}"
    );

    fs::remove_dir_all(tree.path("/sys/module/rmcp")).unwrap();
    let seen = verify(&tree);
    assert_eq!(seen.code, 2, "{seen:?}");
    assert!(seen.out.contains("rmcp is not loaded"), "{seen:?}");
    assert_check(&tree, "noretry", "GCVM registers", "confirmed", "");
}

#[test]
fn an_amdgpu_that_has_the_policy_itself_is_held_against_the_same_sources() {
    let tree = Tree::new();
    tree.amdgpu("0", "-1")
        .write(&format!("{KPROBES}/list"), "")
        .patched_amdgpu(BDF)
        .driver_parameter("fragment_size", "-1");
    programmed(&tree, BDF, NO_RETRY);
    fs::remove_dir_all(tree.path(&format!("/sys/bus/pci/devices/{BDF}/rmcp"))).unwrap();

    // That nobody probes it says nothing of what it does with a request for CC.
    let seen = verify(&tree);
    assert_eq!(seen.code, 4, "{seen:?}");
    let said = "amdgpu says enforced: written before";
    assert!(seen.out.contains(said), "{seen:?}");
    assert!(!seen.out.contains("kprobe"), "{seen:?}");
    assert_check(&tree, "noretry", "GCVM registers", "confirmed", "");
    assert_check(&tree, "mtype_cc", "page table", "not-read", "--probe");
    let json = tree.run(&["verify", "--json"]).json();
    assert_eq!(json["gpus"][0]["keeper"], "amdgpu");

    // rmcp beside it stands by, and its parameters are not those that count.
    tree.rmcp("report-only", "stands by")
        .parameter("noretry", "0");
    assert_eq!(verify(&tree).code, 4);

    tree.driver_parameter("mtype_cc", "report");
    let seen = verify(&tree);
    assert_eq!(seen.code, 0, "{seen:?}");
    tree.registers(BDF, contexts(MMVM, RETRY));
    let seen = verify(&tree);
    assert_eq!(seen.code, 2, "{seen:?}");
    assert!(
        seen.out.contains("amdgpu says enforced, which another"),
        "{seen:?}"
    );
    tree.driver_parameter("noretry", "7");
    let seen = tree.run(&["verify"]);
    assert!(
        seen.code == 1 && seen.err.contains("amdgpu has noretry=7"),
        "{seen:?}"
    );
}

#[test]
fn each_gpu_has_registers_of_its_own() {
    let tree = confirmed();
    programmed(&tree, SECOND, NO_RETRY);
    let seen = verify(&tree);
    assert_eq!(seen.code, 0, "{seen:?}");
    assert!(seen.out.contains("2 of 2"), "{seen:?}");

    tree.registers(SECOND, contexts(GCVM, RETRY));
    let seen = verify(&tree);
    assert_eq!(seen.code, 2, "{seen:?}");
    assert!(seen.out.contains("1 of 2"), "{seen:?}");
    assert_check(&tree, "noretry", "GCVM registers", "confirmed", "");

    // One that cannot be read does not hide one that contradicts.
    tree.registers(BDF, contexts(MMVM, 0))
        .registers(BDF, contexts(GCVM, 0));
    assert_eq!(verify(&tree).code, 2);
    tree.registers(SECOND, contexts(GCVM, NO_RETRY));
    assert_eq!(verify(&tree).code, 4);
}

#[test]
fn gpus_that_rmcp_leaves_alone_count_for_nothing() {
    let tree = Tree::new();
    tree.gpu(BDF, "0x744c", [11, 0, 0]);
    assert_eq!(verify(&tree).code, 3);

    let tree = confirmed();
    tree.gpu(SECOND, "0x744c", [11, 0, 0]);
    let seen = verify(&tree);
    assert_eq!(seen.code, 0, "{seen:?}");
    assert!(
        seen.out.contains("1 of 1") && seen.out.contains("leaves it alone"),
        "{seen:?}"
    );
}

#[test]
fn a_gpu_without_amdgpu_is_not_in_effect() {
    let tree = Tree::new();
    tree.pci(BDF, "0x1002", "0x731f", "0x030000")
        .rmcp("armed", "amdgpu is not loaded yet");
    assert_eq!(verify(&tree).code, 2);
    let why = "amdgpu does not drive this GPU";
    assert_check(&tree, "noretry", "GCVM registers", "not-read", why);
    assert_check(
        &tree,
        "noretry",
        "amdgpu option",
        "not-read",
        "amdgpu is not loaded",
    );
}

#[test]
fn parameters_that_are_not_as_documented_are_an_error() {
    for (name, value) in [("noretry", "7"), ("mtype_cc", "cc"), ("fragment_size", "")] {
        let tree = confirmed();
        tree.parameter(name, value);
        let seen = tree.run(&["verify"]);
        assert_eq!(seen.code, 1, "{seen:?}");
        assert!(
            seen.err.contains(&format!("{name}={value}: not ")),
            "{seen:?}"
        );
    }
}

#[test]
fn where_neither_field_is_asked_for_the_memory_type_is_confirmed() {
    let tree = confirmed();
    tree.parameter("noretry", "-1")
        .guard(BDF, "state", "report-only")
        .guard(
            BDF,
            "reason",
            "noretry=-1 and fragment_size=-1: neither is written",
        );
    assert_eq!(verify(&tree).code, 0);
    tree.write(&format!("{KPROBES}/list"), "");
    let seen = verify(&tree);
    assert_eq!(seen.code, 2);
    let said = "says report-only, which another source contradicts";
    assert!(seen.out.contains(said), "{seen:?}");
    // Where that is not asked for either, nothing is in force.
    tree.parameter("mtype_cc", "report");
    assert_eq!(verify(&tree).code, 2);
}

#[test]
fn no_page_is_mapped_for_a_tree() {
    let tree = confirmed();
    let json = tree.run(&["verify", "--probe", "--json"]).json();
    let check = &json["gpus"][0]["policies"][2]["checks"][1];
    assert_eq!(check["outcome"], "not-read");
    assert!(check["detail"].as_str().unwrap().contains("running system"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Whatever is in the files, the command ends with one of its codes.
    #[test]
    fn no_tree_panics(
        file in 0..8_usize,
        text in "(0x|0xF0000000|[0-9]|-|\\[|\\]|\n| |gmc_v10_0_get_vm_pte|amdgpu|\\PC)*",
    ) {
        let tree = confirmed();
        let device = format!("/sys/bus/pci/devices/{BDF}");
        let files = [
            format!("{device}/ip_discovery/die/0/GC/0/base_addr"),
            format!("{device}/ip_discovery/die/0/MMHUB/0/minor"),
            format!("{device}/power/runtime_status"),
            format!("{KPROBES}/list"),
            format!("{KPROBES}/enabled"),
            "/sys/kernel/debug/dri/0/amdgpu_regs".to_owned(),
            "/sys/kernel/debug/dri/0/amdgpu_gfxoff".to_owned(),
            "/proc/sys/kernel/ftrace_enabled".to_owned(),
        ];
        tree.write(&files[file], &text);
        let seen = tree.run(&["verify", "--probe"]);
        prop_assert!([0, 2, 3, 4].contains(&seen.code), "{seen:?}");
        prop_assert!(seen.err.is_empty(), "{seen:?}");
    }
}
