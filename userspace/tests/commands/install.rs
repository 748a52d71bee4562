// SPDX-License-Identifier: MIT

//! What `install` and `uninstall` plan for a tree, and what they refuse. That the steps work is
//! shown in the virtual machine.

use crate::support::{Outcome, Tree, RELEASE};

/// A kernel for which the module can be built, as far as its own files tell.
fn able() -> Tree {
    let tree = Tree::new();
    let modules = format!("/lib/modules/{RELEASE}");
    tree.write(
        &format!("{modules}/build/.config"),
        "CONFIG_RUST=y\nCONFIG_KPROBES=y\nCONFIG_KPROBES_ON_FTRACE=y\nCONFIG_DEBUG_INFO_BTF_MODULES=y\nCONFIG_DRM_AMDGPU=m",
    )
    .write(&format!("{modules}/build/Makefile"), "")
    .write(&format!("{modules}/build/vmlinux"), "")
    .write(
        &format!("{modules}/kernel/drivers/gpu/drm/amd/amdgpu/amdgpu.ko.xz"),
        "",
    );
    tree
}

fn plan(tree: &Tree) -> Outcome {
    tree.run(&["install", "--dry-run", "--json"])
}

fn obstacle(tree: &Tree) -> String {
    let seen = plan(tree);
    assert_eq!(seen.code, 1, "{seen:?}");
    seen.json()["kernels"][0]["obstacle"]
        .as_str()
        .unwrap()
        .to_owned()
}

#[test]
fn a_plan_for_a_new_system() {
    let tree = able();
    let seen = plan(&tree);
    assert_eq!(seen.code, 0, "{seen:?}");
    let steps = seen.json()["steps"].clone();
    let what: Vec<&str> = steps
        .as_array()
        .unwrap()
        .iter()
        .map(|step| step["do"].as_str().unwrap())
        .collect();
    assert_eq!(what, ["source", "run", "run", "write"]);
    assert_eq!(steps[0]["path"], "/usr/src/rmcp-1.0");
    assert_eq!(steps[1]["command"].as_array().unwrap()[1], "add");
    assert_eq!(steps[2]["command"].as_array().unwrap()[1], "install");
    assert_eq!(steps[3]["path"], "/etc/modprobe.d/rmcp.conf");
}

#[test]
fn a_dry_run_changes_nothing() {
    let tree = able();
    plan(&tree);
    assert!(!tree.path("/etc").exists() && !tree.path("/usr").exists());
}

/// A system on which `install` has done its work.
fn installed() -> Tree {
    let tree = able();
    tree.source()
        .write("/var/lib/dkms/rmcp/1.0/source", "")
        .write(
            &format!("/lib/modules/{RELEASE}/updates/dkms/rmcp.ko.xz"),
            "",
        )
        .write("/etc/modprobe.d/rmcp.conf", "softdep amdgpu pre: rmcp");
    tree
}

/// The dkms verbs and other steps of a plan.
fn steps(tree: &Tree) -> Vec<String> {
    let seen = plan(tree);
    assert_eq!(seen.code, 0, "{seen:?}");
    let steps = seen.json()["steps"].clone();
    let name = |step: &serde_json::Value| {
        let verb = step["command"][1].as_str().or(step["do"].as_str());
        verb.unwrap().to_owned()
    };
    steps.as_array().unwrap().iter().map(name).collect()
}

#[test]
fn what_is_in_place_is_not_done_again() {
    assert_eq!(steps(&installed()), Vec::<String>::new());
}

#[test]
fn only_what_is_missing_is_done() {
    let tree = installed();
    tree.remove("/etc/modprobe.d/rmcp.conf");
    assert_eq!(steps(&tree), ["write"]);

    let tree = installed();
    tree.remove(&format!("/lib/modules/{RELEASE}/updates/dkms/rmcp.ko.xz"));
    assert_eq!(steps(&tree), ["install"]);
}

#[test]
fn a_module_of_older_source_is_built_anew() {
    let tree = installed();
    tree.write("/usr/src/rmcp-1.0/kmod/rmcp.rs", "// older");
    assert_eq!(steps(&tree), ["unbuild", "source", "install"]);
}

#[test]
fn a_softdep_that_stands_elsewhere_will_do() {
    let tree = installed();
    tree.remove("/etc/modprobe.d/rmcp.conf")
        .write("/etc/modprobe.d/mine.conf", "softdep amdgpu pre: rmcp");
    assert_eq!(steps(&tree), Vec::<String>::new());
}

#[test]
fn an_older_kernel_is_passed_over_as_dkms_passes_it_over() {
    let tree = able();
    tree.write("/lib/modules/6.18.15/kernel/x", "")
        .write("/lib/modules/6.18.15/build/.config", "CONFIG_RUST=y");
    let kernels = plan(&tree).json()["kernels"].clone();
    let obstacle = kernels[0]["obstacle"].as_str().unwrap();
    assert!(obstacle.contains("older than 7.2"), "{obstacle}");
    assert!(kernels[1]["obstacle"].is_null());
    assert_eq!(steps(&tree), ["source", "add", "install", "write"]);
}

#[test]
fn one_reason_for_each_thing_that_is_missing() {
    let build = format!("/lib/modules/{RELEASE}/build");
    let tree = able();
    tree.remove(&format!("{build}/.config"));
    assert!(obstacle(&tree).contains("install the package linux-headers-"));

    let tree = able();
    tree.remove(&format!("{build}/vmlinux"));
    assert!(obstacle(&tree).contains("no base BTF"));

    let tree = able();
    tree.remove(&format!(
        "/lib/modules/{RELEASE}/kernel/drivers/gpu/drm/amd/amdgpu/amdgpu.ko.xz"
    ));
    assert!(obstacle(&tree).contains("no amdgpu.ko"));

    let tree = able();
    tree.write(&format!("{build}/.config"), "CONFIG_KPROBES=y");
    assert!(obstacle(&tree).contains("without CONFIG_RUST"));
}

#[test]
fn an_unknown_kernel_is_named_with_those_that_are_there() {
    let seen = able().run(&["install", "--dry-run", "--kernel", "9.9"]);
    assert_eq!(seen.code, 1);
    assert!(
        seen.err.contains("no kernel 9.9") && seen.err.contains(RELEASE),
        "{seen:?}"
    );
}

#[test]
fn another_root_is_never_changed() {
    for command in ["install", "uninstall"] {
        let seen = able().run(&[command, "--yes"]);
        assert_eq!(seen.code, 1);
        assert!(seen.err.contains("running system only"), "{seen:?}");
    }
}

#[test]
fn uninstall_names_what_it_would_remove() {
    let tree = Tree::new();
    let seen = tree.run(&["uninstall", "--dry-run"]);
    assert_eq!(
        (seen.code, seen.out.trim()),
        (0, "rmcp is not installed: nothing to do")
    );
    tree.write("/etc/modprobe.d/rmcp.conf", "softdep amdgpu pre: rmcp")
        .write("/usr/src/rmcp-1.0/dkms.conf", "x")
        .write("/var/lib/rmcp/kernels/x", "x")
        .write("/var/lib/dkms/rmcp/1.0/source", "x");
    let steps = tree.run(&["uninstall", "--dry-run", "--json"]).json();
    let paths: Vec<_> = steps
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|step| step["path"].as_str())
        .collect();
    assert_eq!(
        paths,
        [
            "/etc/modprobe.d/rmcp.conf",
            "/usr/src/rmcp-1.0",
            "/var/lib/rmcp"
        ]
    );
    assert_eq!(steps[0]["command"][1], "remove");
}

#[test]
fn uninstall_keeps_what_the_user_wrote() {
    let tree = installed();
    tree.write(
        "/etc/modprobe.d/rmcp.conf",
        "options rmcp noretry=-1\nsoftdep amdgpu pre: rmcp",
    );
    let steps = tree.run(&["uninstall", "--dry-run", "--json"]).json();
    let conf = steps
        .as_array()
        .unwrap()
        .iter()
        .find(|step| step["path"] == "/etc/modprobe.d/rmcp.conf")
        .unwrap();
    assert_eq!(conf["do"], "write");
}

/// A system on which the distribution's package has done it.
fn packaged() -> Tree {
    let tree = installed();
    tree.remove("/etc/modprobe.d/rmcp.conf")
        .write("/usr/lib/modprobe.d/rmcp.conf", "softdep amdgpu pre: rmcp")
        .write(
            "/var/lib/dpkg/info/rmcp.list",
            "/.\n/usr/src\n/usr/src/rmcp-1.0\n/usr/src/rmcp-1.0/dkms.conf",
        );
    tree
}

#[test]
fn what_a_package_owns_is_not_written() {
    let tree = packaged();
    assert_eq!(steps(&tree), Vec::<String>::new());
    let seen = tree.run(&["install", "--dry-run"]);
    assert!(seen.out.starts_with("the package rmcp owns"), "{seen:?}");
    // Not even where it is of another version than the command's.
    tree.write("/usr/src/rmcp-1.0/kmod/rmcp.rs", "// older");
    assert_eq!(steps(&tree), Vec::<String>::new());
    tree.remove(&format!("/lib/modules/{RELEASE}/updates/dkms/rmcp.ko.xz"));
    assert_eq!(steps(&tree), ["install"]);
}

#[test]
fn what_a_package_owns_is_removed_by_it() {
    let tree = packaged();
    let seen = tree.run(&["uninstall", "--dry-run"]);
    assert_eq!(seen.code, 1);
    assert!(seen.err.contains("apt remove rmcp"), "{seen:?}");
    let seen = tree.run(&["uninstall", "--dry-run", "--json", "--package"]);
    let steps = seen.json();
    assert_eq!(steps.as_array().unwrap().len(), 1, "{steps}");
    assert_eq!(steps[0]["command"][1], "remove");
}

#[test]
fn a_word_that_no_command_knows_is_an_error_not_a_verdict() {
    assert_eq!(Tree::new().run(&["status", "--bogus"]).code, 1);
    assert_eq!(Tree::new().run(&["--help"]).code, 0);
}
