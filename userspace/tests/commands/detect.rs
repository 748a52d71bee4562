// SPDX-License-Identifier: MIT

//! `rmcp-kctl detect` on trees that look like systems, and like containers.

use crate::status::{enforced, BDF};
use crate::support::{Outcome, Tree};
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};

const SECOND: &str = "0000:02:00.0";
const NODES: &str = "/sys/class/kfd/kfd/topology/nodes";

/// A guarded GPU that ann may use, as the group render's member, and bob may not.
pub(crate) fn ready() -> Tree {
    let tree = enforced();
    usable(&tree, BDF, 1, 100_100);
    tree
}

/// What makes a GPU usable: a node of amdkfd's, and the two devices.
fn usable(tree: &Tree, bdf: &str, bus: u32, target: u32) {
    let render = format!("renderD{}", 127 + bus);
    tree.write(
        &format!("/sys/bus/pci/devices/{bdf}/drm/{render}/dev"),
        &format!("226:{}", 127 + bus),
    );
    node(tree, bus, target);
    for device in ["/dev/kfd", &format!("/dev/dri/{render}")] {
        tree.write(device, "");
        fs::set_permissions(tree.path(device), fs::Permissions::from_mode(0o660)).unwrap();
    }
    let gid = fs::metadata(tree.path("/dev/kfd")).unwrap().gid();
    tree.write(
        "/etc/passwd",
        "ann:x:4242:4242:Ann:/home/ann:/bin/bash\nbob:x:4343:4343::/home/bob:/bin/sh",
    )
    .write("/etc/group", &format!("render:x:{gid}:ann\nusers:x:4242:"));
}

fn node(tree: &Tree, bus: u32, target: u32) {
    tree.write(
        &format!("{NODES}/{bus}/properties"),
        &format!(
            "simd_count 80\nlocation_id {}\ndomain 0\ngfx_target_version {target}\ndrm_render_minor {}",
            bus << 8,
            127 + bus
        ),
    );
}

fn detect(tree: &Tree, user: &str) -> Outcome {
    let text = tree.run(&["detect", "--user", user]);
    let json = tree.run(&["detect", "--user", user, "--json"]);
    assert_eq!(text.code, json.code, "text and JSON agree: {text:?}");
    assert_eq!(json.json()["exit_code"], json.code);
    let lines = json.json()["gpus"].as_array().unwrap().len().max(1);
    assert_eq!(text.out.lines().count(), lines, "{text:?}");
    text
}

fn assert_says(tree: &Tree, user: &str, code: i32, words: &str) {
    let seen = detect(tree, user);
    assert_eq!(seen.code, code, "{seen:?}");
    assert!(seen.out.contains(words), "{seen:?}");
}

fn remove_all(tree: &Tree, path: &str) {
    fs::remove_dir_all(tree.path(path)).unwrap();
}

#[test]
fn one_line_says_which_gpu_is_guarded_and_usable() {
    let seen = detect(&ready(), "ann");
    let line = "0000:01:00.0 Navi10 gfx1010 guarded=yes usable=yes\n";
    assert_eq!((seen.code, seen.out.as_str()), (0, line));
    let gpu = &ready().run(&["detect", "--user", "ann", "--json"]).json()["gpus"][0];
    assert_eq!(gpu["guarded"]["answer"], "yes");
    assert_eq!(gpu["gfx_target"], "gfx1010");
}

#[test]
fn a_gpu_that_is_not_guarded_is_told_with_the_reason() {
    let tree = ready();
    remove_all(&tree, "/sys/module/rmcp");
    remove_all(&tree, &format!("/sys/bus/pci/devices/{BDF}/rmcp"));
    assert_says(&tree, "ann", 2, "guarded=no usable=yes: rmcp is not loaded");
    let tree = ready();
    tree.guard(BDF, "noretry", "0");
    assert_says(&tree, "ann", 2, "a live value is not the wanted one");
}

#[test]
fn a_gpu_that_the_user_cannot_open_is_not_usable() {
    let tree = ready();
    assert_says(
        &tree,
        "bob",
        4,
        "bob may not use /dev/kfd, which the group render may",
    );
    for device in ["/dev/kfd", "/dev/dri/renderD128"] {
        let tree = ready();
        tree.remove(device);
        assert_says(
            &tree,
            "ann",
            4,
            &format!("usable=no: {device} is not there"),
        );
    }
    let tree = ready();
    remove_all(&tree, NODES);
    assert_says(&tree, "ann", 4, "amdkfd's topology is not there");
    node(&tree, 9, 100_100);
    remove_all(&tree, "/sys/bus/pci/devices/0000:01:00.0/drm");
    assert_says(&tree, "ann", 4, "none of amdkfd's nodes");
    assert_eq!(tree.run(&["detect", "--user", "eve"]).code, 1);
}

#[test]
fn a_gpu_without_a_driver_is_neither() {
    let tree = Tree::new();
    tree.pci(BDF, "0x1002", "0x731f", "0x030000")
        .write("/sys/module/x/version", "")
        .write("/etc/passwd", "ann:x:4242:4242:Ann:/home/ann:/bin/bash");
    assert_says(
        &tree,
        "ann",
        4,
        "1002:731f - guarded=no usable=no: rmcp is not loaded",
    );
}

#[test]
fn only_gpus_that_can_be_used_count() {
    let tree = ready();
    tree.gpu(SECOND, "0x73bf", [10, 3, 0]);
    usable(&tree, SECOND, 2, 100_300);
    let seen = detect(&tree, "ann");
    assert_eq!(seen.code, 2, "{seen:?}");
    assert!(seen
        .out
        .contains("0000:02:00.0 Navi21 gfx1030 guarded=no usable=yes"));
    tree.remove("/dev/dri/renderD129");
    assert_says(&tree, "ann", 0, "guarded=no usable=no");
}

#[test]
fn other_gpus_are_none() {
    let tree = Tree::new();
    tree.gpu(BDF, "0x687f", [9, 0, 1]);
    usable(&tree, BDF, 1, 90_000);
    assert_says(&tree, "ann", 3, "no RDNA1/RDNA2 GPU");
}

#[test]
fn what_a_container_cannot_see_is_not_guessed() {
    let tree = ready();
    remove_all(&tree, "/sys/module");
    assert_says(
        &tree,
        "ann",
        5,
        "guarded=unseen usable=yes: rmcp says enforced there, but",
    );
    remove_all(&tree, &format!("/sys/bus/pci/devices/{BDF}/rmcp"));
    assert_says(
        &tree,
        "ann",
        5,
        "guarded=unseen usable=yes: /sys/module cannot be seen",
    );
    remove_all(&tree, "/sys/bus");
    assert_says(
        &tree,
        "ann",
        5,
        "0000:01:00.0 Navi10 gfx1010 guarded=unseen usable=yes: the GPU is not to be seen in /sys/bus/pci",
    );
    remove_all(&tree, "/sys");
    assert_says(&tree, "ann", 5, "whether there is a GPU is not known");
}

#[test]
fn below_another_root_nobody_runs_anything() {
    let seen = ready().run(&["detect"]);
    assert_eq!(seen.code, 5, "{seen:?}");
    assert!(seen
        .out
        .contains("guarded=yes usable=unseen: below another root"));
}

#[test]
fn of_two_gpus_a_container_has_only_its_own() {
    let tree = ready();
    tree.gpu(SECOND, "0x73bf", [10, 3, 0]);
    // The other one's node is there, but its file may not be read: here, because it is a directory.
    fs::create_dir_all(tree.path(&format!("{NODES}/2/properties"))).unwrap();
    let seen = detect(&tree, "ann");
    assert_eq!(seen.code, 0, "{seen:?}");
    assert!(
        seen.out
            .contains("guarded=no usable=no: rmcp is loaded but"),
        "{seen:?}"
    );
}

#[test]
fn a_kernel_that_shows_no_version_leaves_it_to_amdkfd() {
    let table = |bdf: &str| format!("/sys/bus/pci/devices/{bdf}/ip_discovery");
    let tree = enforced();
    tree.write("/proc/sys/kernel/osrelease", "5.15.0-1-amd64");
    remove_all(&tree, &table(BDF));
    remove_all(&tree, &format!("/sys/bus/pci/devices/{BDF}/rmcp"));
    tree.gpu(SECOND, "0x687f", [9, 0, 1]);
    remove_all(&tree, &table(SECOND));
    usable(&tree, BDF, 1, 100_100);
    usable(&tree, SECOND, 2, 90_000);
    let seen = detect(&tree, "ann");
    assert_eq!(seen.code, 2, "{seen:?}");
    assert!(
        seen.out
            .starts_with("0000:01:00.0 Navi10 gfx1010 guarded=no usable=yes: "),
        "{seen:?}"
    );
}
