// SPDX-License-Identifier: MIT

//! `rmcp-kctl status` on trees that look like systems in every state.

use crate::schema;
use crate::support::{Outcome, Tree};
use rmcp_kctl::conf::{self, Section};
use std::fs;

pub(crate) const BDF: &str = "0000:01:00.0";

/// A system where all is as it should be: status exits 0. Each test breaks one thing.
pub(crate) fn enforced() -> Tree {
    let tree = Tree::new();
    tree.gpu(BDF, "0x731f", [10, 1, 10])
        .amdgpu("0", "-1")
        .rmcp("armed", "the probes are in place")
        .guarded(BDF);
    tree
}

fn status(tree: &Tree) -> Outcome {
    let text = tree.run(&["status"]);
    let json = tree.run(&["status", "--json"]);
    assert_eq!(text.code, json.code, "text and JSON agree");
    assert_eq!(json.json()["exit_code"], json.code);
    text
}

#[test]
fn enforced_on_a_live_reading() {
    let tree = enforced();
    let seen = status(&tree);
    assert_eq!(seen.code, 0, "{seen:?}");
    assert!(seen.out.starts_with("enforced: 1 of 1"), "{}", seen.out);
    let gpu = &tree.run(&["status", "--json"]).json()["gpus"][0];
    assert_eq!(gpu["chip"], "Navi10");
    assert_eq!(gpu["gfx_target"], "gfx1010");
    assert_eq!(gpu["policies"][0]["driver_default"], "0");
    assert_eq!(gpu["policies"][0]["note"], "");
}

#[test]
fn says_that_a_gpu_is_asleep() {
    let tree = enforced();
    let power = format!("/sys/bus/pci/devices/{BDF}/power/runtime_status");
    for (runtime_status, asleep) in [("active", false), ("suspended", true)] {
        tree.write(&power, runtime_status);
        let seen = status(&tree);
        assert_eq!(seen.code, 0, "{seen:?}");
        assert_eq!(seen.out.contains("asleep now"), asleep, "{}", seen.out);
        let gpu = &tree.run(&["status", "--json"]).json()["gpus"][0];
        assert_eq!(gpu["asleep"], asleep);
    }
}

#[test]
fn says_where_rmcp_changes_nothing() {
    let tree = enforced();
    tree.guard(BDF, "noretry_driver_default", "1")
        .amdgpu("1", "-1");
    let policies = tree.run(&["status", "--json"]).json()["gpus"][0]["policies"].clone();
    for policy in policies.as_array().unwrap() {
        let note = policy["note"].as_str().unwrap();
        let own = policy["name"] == "fragment_size";
        assert_eq!(note.contains("amdgpu's own default"), own, "{note}");
        assert!(
            note.contains("changes nothing") || note.contains("changed nothing"),
            "{note}"
        );
    }
}

#[test]
fn an_amdgpu_that_has_the_policy_itself_is_believed_on_its_live_values() {
    let tree = Tree::new();
    tree.gpu(BDF, "0x731f", [10, 1, 10])
        .amdgpu("0", "-1")
        .patched_amdgpu(BDF);
    let seen = status(&tree);
    assert_eq!(seen.code, 0, "{seen:?}");
    assert!(seen.out.contains("has the policy itself"), "{}", seen.out);
    assert!(seen.out.contains("need not be"), "{}", seen.out);

    // rmcp beside it stands by, and what it says of itself takes nothing away.
    tree.rmcp("report-only", "stands by");
    assert_eq!(status(&tree).code, 0);
    let json = tree.run(&["status", "--json"]);
    schema::expect_status(&json.json());
    assert_eq!(json.json()["driver_policy"]["noretry"], "1");

    let own = format!("/sys/bus/pci/devices/{BDF}/gmc_v10_policy");
    tree.write(&format!("{own}/noretry"), "0");
    assert_eq!(status(&tree).code, 2, "a live value is not the wanted one");
    tree.write(&format!("{own}/noretry"), "1")
        .write(&format!("{own}/state"), "report-only");
    assert_eq!(status(&tree).code, 2, "it does not say that it enforces");
    fs::remove_dir_all(tree.path(&own)).unwrap();
    let seen = status(&tree);
    assert_eq!(seen.code, 2, "it says nothing of the GPU");
    assert!(seen.out.contains("'dmesg | grep amdgpu'"), "{}", seen.out);
}

#[test]
fn enforced_is_not_believed_against_a_live_value() {
    for (name, value) in [("noretry", "0"), ("fragment_size", "4")] {
        let tree = enforced();
        tree.guard(BDF, name, value);
        let seen = status(&tree);
        assert_eq!(seen.code, 2, "{name}={value}: {seen:?}");
        assert!(!seen.out.starts_with("enforced"));
    }
    let tree = enforced();
    tree.guard(BDF, "mtype_cc_requests", "3")
        .guard(BDF, "mtype_cc_rewritten", "2");
    assert_eq!(status(&tree).code, 2);
}

#[test]
fn a_parameter_that_leaves_a_field_is_in_force_whatever_the_field_holds() {
    let tree = enforced();
    tree.parameter("noretry", "-1").guard(BDF, "noretry", "0");
    let seen = status(&tree);
    assert_eq!(seen.code, 0, "{seen:?}");
    assert!(seen.out.contains("left to amdgpu"));
}

#[test]
fn every_other_state_is_not_in_effect_and_says_why() {
    for state in ["armed", "report-only", "refused"] {
        let tree = enforced();
        tree.guard(BDF, "state", state)
            .guard(BDF, "reason", "the very reason");
        let seen = status(&tree);
        assert_eq!(seen.code, 2, "{state}: {seen:?}");
        assert!(seen.out.contains("the very reason"), "{seen:?}");
    }
}

#[test]
fn where_neither_field_is_asked_for_the_memory_type_counts() {
    let tree = enforced();
    tree.parameter("noretry", "-1")
        .parameter("fragment_size", "-1")
        .guard(BDF, "state", "report-only")
        .guard(
            BDF,
            "reason",
            "noretry=-1 and fragment_size=-1: neither is written",
        );
    for (mtype_cc, code) in [("nc", 0), ("uc", 0), ("report", 2), ("off", 2)] {
        tree.parameter("mtype_cc", mtype_cc);
        assert_eq!(status(&tree).code, code, "{mtype_cc}");
    }
    tree.parameter("mtype_cc", "nc")
        .guard(BDF, "mtype_cc_requests", "3")
        .guard(BDF, "mtype_cc_rewritten", "2");
    assert_eq!(status(&tree).code, 2);
}

#[test]
fn not_loaded_is_told_from_not_installed_and_from_impossible() {
    let reason = |tree: &Tree| {
        let seen = status(tree);
        assert_eq!(seen.code, 2, "{seen:?}");
        let json = tree.run(&["status", "--json"]).json();
        json["gpus"][0]["reason"].as_str().unwrap().to_owned()
    };
    let tree = Tree::new();
    tree.gpu(BDF, "0x731f", [10, 1, 10]).rmcp_installed();
    assert_eq!(
        reason(&tree),
        "rmcp is not loaded: it is installed for this kernel: reboot"
    );
    let tree = Tree::new();
    tree.gpu(BDF, "0x731f", [10, 1, 10])
        .write("/proc/sys/kernel/osrelease", "6.6.1");
    let why = reason(&tree);
    assert!(
        why.contains("this kernel cannot have it: 6.6.1 is older"),
        "{why}"
    );
}

#[test]
fn rmcp_not_loaded() {
    let tree = Tree::new();
    tree.gpu(BDF, "0x731f", [10, 1, 10]).amdgpu("-1", "-1");
    let seen = status(&tree);
    assert_eq!(seen.code, 2);
    assert!(
        seen.out
            .contains("rmcp is not loaded: run 'rmcp-kctl install'"),
        "{seen:?}"
    );
}

#[test]
fn amdgpus_own_options_cover_two_of_three() {
    let tree = Tree::new();
    tree.gpu(BDF, "0x731f", [10, 1, 10])
        .amdgpu("1", "8")
        .write(conf::FILE, &Section::ParamsOnly.text());
    let seen = status(&tree);
    assert_eq!(seen.code, 2);
    assert!(
        seen.out.contains("amdgpu's own options in place of rmcp"),
        "{seen:?}"
    );
    let status = tree.run(&["status", "--json"]).json();
    assert_eq!(status["boot"]["params_only"], true);
    let policies = status["gpus"][0]["policies"].as_array().unwrap();
    let in_force = |policy: &serde_json::Value| {
        let name = policy["name"].as_str().unwrap().to_owned();
        (name, policy["in_force"].as_bool().unwrap())
    };
    assert_eq!(
        policies.iter().map(in_force).collect::<Vec<_>>(),
        [
            ("noretry".to_owned(), true),
            ("fragment_size".to_owned(), false),
            ("mtype_cc".to_owned(), false)
        ]
    );
}

#[test]
fn rmcp_refused_the_whole_amdgpu() {
    let tree = Tree::new();
    tree.gpu(BDF, "0x73bf", [10, 3, 0])
        .amdgpu("-1", "-1")
        .rmcp("refused", "this amdgpu is another");
    let seen = status(&tree);
    assert_eq!(seen.code, 2);
    assert!(
        seen.out.contains("rmcp refused: this amdgpu is another"),
        "{seen:?}"
    );
}

#[test]
fn gpus_of_other_generations_and_makers_are_not_rmcps() {
    let tree = Tree::new();
    tree.gpu(BDF, "0x744c", [11, 0, 0])
        .gpu("0000:04:00.0", "0x1636", [9, 3, 0])
        .pci("0000:02:00.0", "0x10de", "0x731f", "0x030000")
        .pci("0000:03:00.0", "0x1002", "0x731f", "0x040300");
    let seen = status(&tree);
    assert_eq!(seen.code, 3, "{seen:?}");
    let alone = seen.out.matches("rmcp leaves it alone").count();
    assert_eq!(alone, 2, "{seen:?}");
}

#[test]
fn one_guarded_gpu_does_not_cover_another() {
    let tree = enforced();
    tree.gpu("0000:02:00.0", "0x73bf", [10, 3, 0]);
    let seen = status(&tree);
    assert_eq!(seen.code, 2, "{seen:?}");
    assert!(seen.out.contains("1 of 2"), "{seen:?}");
    // A GPU that is not rmcp's changes nothing.
    let tree = enforced();
    tree.gpu("0000:02:00.0", "0x744c", [11, 0, 0]);
    assert_eq!(status(&tree).code, 0);
}

#[test]
fn an_amd_gpu_of_unknown_version_is_not_called_enforced_nor_absent() {
    let tree = Tree::new();
    tree.pci(BDF, "0x1002", "0x731f", "0x030000")
        .rmcp("armed", "amdgpu is not loaded yet");
    let seen = status(&tree);
    assert_eq!(seen.code, 2, "{seen:?}");
    assert!(seen.out.contains("no driver is bound"), "{seen:?}");
}

#[test]
fn a_directory_that_is_not_as_documented_is_an_error() {
    let tree = enforced();
    tree.guard(BDF, "noretry", "maybe");
    let seen = tree.run(&["status"]);
    assert_eq!(seen.code, 1);
    assert!(
        seen.err.contains("rmcp/noretry holds \"maybe\""),
        "{seen:?}"
    );

    let tree = enforced();
    tree.remove(&format!("/sys/bus/pci/devices/{BDF}/rmcp/hw_inits"));
    let seen = tree.run(&["status"]);
    assert_eq!(seen.code, 1);
    assert!(seen.err.contains("hw_inits is missing"), "{seen:?}");
}

#[test]
fn boot_wiring_and_dkms_are_shown() {
    let tree = enforced();
    let json = tree.run(&["status", "--json"]).json();
    assert_eq!(json["boot"]["softdep"], serde_json::Value::Null);
    assert_eq!(json["kernels"][0]["module"], "absent");
    assert_eq!(json["kernels"][0]["running"], true);

    tree.write("/etc/modprobe.d/rmcp.conf", "softdep amdgpu pre: rmcp");
    let release = crate::support::RELEASE;
    tree.write(
        &format!("/lib/modules/{release}/updates/dkms/rmcp.ko.xz"),
        "",
    );
    let json = tree.run(&["status", "--json"]).json();
    assert_eq!(json["boot"]["softdep"], "/etc/modprobe.d/rmcp.conf");
    assert_eq!(json["kernels"][0]["module"], "installed");
}

#[test]
fn a_file_in_etc_masks_its_namesake_in_usr() {
    let tree = Tree::new();
    tree.write("/usr/lib/modprobe.d/rmcp.conf", "softdep amdgpu pre: rmcp");
    let softdep = |tree: &Tree| tree.run(&["status", "--json"]).json()["boot"]["softdep"].clone();
    assert_eq!(softdep(&tree), "/usr/lib/modprobe.d/rmcp.conf");
    tree.write("/etc/modprobe.d/rmcp.conf", "# nothing");
    assert_eq!(softdep(&tree), serde_json::Value::Null);
}

#[test]
fn older_gpus_without_a_discovery_table_are_not_rmcps() {
    for driver in ["amdgpu", "radeon"] {
        let tree = Tree::new();
        tree.pci(BDF, "0x1002", "0x67df", "0x030000")
            .bind(BDF, driver);
        assert_eq!(status(&tree).code, 3, "{driver}");
    }
    let tree = enforced();
    tree.pci("0000:02:00.0", "0x1002", "0x67df", "0x030000")
        .bind("0000:02:00.0", "amdgpu");
    assert_eq!(status(&tree).code, 0);
    // An older kernel shows no table of any GPU.
    let tree = Tree::new();
    tree.pci(BDF, "0x1002", "0x731f", "0x030000")
        .bind(BDF, "amdgpu")
        .write("/proc/sys/kernel/osrelease", "5.15.0-91-generic");
    assert_eq!(status(&tree).code, 2);
    let gpu = &tree.run(&["status", "--json"]).json()["gpus"][0];
    assert_eq!(gpu["covered"], serde_json::Value::Null);
    // Cyan Skillfish is rmcp's, and has no table.
    let tree = Tree::new();
    tree.pci(BDF, "0x1002", "0x13fe", "0x030000")
        .bind(BDF, "amdgpu");
    assert_eq!(status(&tree).code, 2);
}

#[test]
fn what_cannot_be_read_in_modprobe_d_is_passed_over() {
    let tree = enforced();
    tree.write("/etc/modprobe.d/directory.conf/file", "x");
    assert_eq!(status(&tree).code, 0);
}

#[test]
fn a_document_that_is_not_a_status_is_refused() {
    let tree = enforced();
    let good = tree.run(&["status", "--json"]).json();
    let edits: [fn(&mut serde_json::Value); 6] = [
        |status| status["exit_code"] = 2.into(),
        |status| status["more"] = 1.into(),
        |status| status["gpus"][0]["policies"][1]["in_force"] = false.into(),
        |status| status["gpus"][0]["guard"]["hw_inits"] = (-1).into(),
        |status| status["kernels"][0]["module"] = "perhaps".into(),
        |status| drop(status["gpus"][0].as_object_mut().unwrap().remove("reason")),
    ];
    for edit in edits {
        let mut bad = good.clone();
        edit(&mut bad);
        assert!(!schema::is_status(&bad), "{bad:#}");
    }
}

#[test]
fn what_a_container_hides_is_an_error_and_not_missing() {
    for hidden in ["/sys/module", "/sys/bus", "/sys"] {
        let tree = enforced();
        std::fs::remove_dir_all(tree.path(hidden)).unwrap();
        if hidden == "/sys/module" {
            // Something empty is mounted over it.
            std::fs::create_dir(tree.path(hidden)).unwrap();
        }
        for command in [&["status"][..], &["verify"], &["selftest"]] {
            let seen = tree.run(command);
            assert_eq!((seen.code, seen.out.as_str()), (1, ""), "{seen:?}");
            let told = seen.err.contains("/sys does not show the kernel's");
            assert!(told, "{hidden}: {seen:?}");
        }
    }
}
