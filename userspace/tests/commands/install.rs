// SPDX-License-Identifier: MIT

//! What `install` and `uninstall` plan for a tree, and what they refuse. That the steps work is
//! shown in the virtual machine.

use crate::support::{Outcome, Tree, RELEASE};
use serde_json::json;

const MODULE: &str = "/lib/modules/7.2.12+test/updates/dkms/rmcp.ko.xz";

/// A kernel for which the module can be built, as far as its own files tell.
fn able() -> Tree {
    let tree = Tree::new();
    let modules = format!("/lib/modules/{RELEASE}");
    tree.write("/etc/os-release", "ID=debian").write(
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
    assert_eq!(
        steps(&able()),
        [
            "source /usr/src/rmcp-1.0",
            "add",
            &format!("install {RELEASE}"),
            "write /etc/modprobe.d/rmcp.conf",
            "write /etc/profile.d/rmcp.sh",
        ]
    );
}

#[test]
fn a_dry_run_changes_nothing() {
    for tree in [able(), installed()] {
        let before = tree.snapshot();
        for command in ["install", "uninstall"] {
            assert_eq!(tree.run(&[command, "--dry-run"]).code, 0);
        }
        assert_eq!(tree.snapshot(), before);
    }
}

/// A system on which `install` has done its work.
fn installed() -> Tree {
    let tree = able();
    tree.source()
        .write("/var/lib/dkms/rmcp/1.0/source", "")
        .write(MODULE, "")
        .write("/etc/modprobe.d/rmcp.conf", "softdep amdgpu pre: rmcp")
        .write("/etc/profile.d/rmcp.sh", "");
    tree
}

/// What a plan does, in short.
fn briefly(seen: &Outcome) -> Vec<String> {
    assert_eq!(seen.code, 0, "{seen:?}");
    let steps = seen.json()["steps"].clone();
    let brief = |step: &serde_json::Value| {
        let word = |name: &str| step[name].as_str();
        let verb = word("action").or(word("do")).unwrap();
        match word("release").or(word("path")) {
            Some(object) => format!("{verb} {object}"),
            None => verb.to_owned(),
        }
    };
    steps.as_array().unwrap().iter().map(brief).collect()
}

fn steps(tree: &Tree) -> Vec<String> {
    briefly(&plan(tree))
}

fn removal(tree: &Tree, more: &[&str]) -> Vec<String> {
    briefly(&tree.run(&[&["uninstall", "--dry-run", "--json"], more].concat()))
}

#[test]
fn what_is_in_place_is_not_done_again() {
    assert_eq!(steps(&installed()), Vec::<String>::new());
}

#[test]
fn only_what_is_missing_is_done() {
    let tree = installed();
    tree.remove("/etc/modprobe.d/rmcp.conf");
    assert_eq!(steps(&tree), ["write /etc/modprobe.d/rmcp.conf"]);

    let tree = installed();
    tree.remove(MODULE);
    assert_eq!(steps(&tree), [format!("install {RELEASE}")]);
}

#[test]
fn a_module_of_older_source_is_built_anew() {
    let tree = installed();
    tree.write("/usr/src/rmcp-1.0/kmod/rmcp.rs", "// older");
    assert_eq!(
        steps(&tree),
        [
            &format!("unbuild {RELEASE}"),
            "source /usr/src/rmcp-1.0",
            &format!("install {RELEASE}")
        ]
    );
}

#[test]
fn source_that_install_did_not_write_is_kept() {
    let kept = |tree: &Tree| {
        let steps = plan(tree).json()["steps"].clone();
        let source = steps.as_array().unwrap().iter();
        let mut source = source.filter(|step| step["do"] == "source");
        source.next().unwrap()["keep"].clone()
    };
    let tree = installed();
    tree.write("/usr/src/rmcp-1.0/kmod/rmcp.rs", "// the user's");
    assert_eq!(kept(&tree), "/usr/src/rmcp-1.0.kept-1");
    tree.write("/usr/src/rmcp-1.0.kept-1/x", "");
    assert_eq!(kept(&tree), "/usr/src/rmcp-1.0.kept-2");
    assert!(removal(&tree, &[]).contains(&"keep /usr/src/rmcp-1.0".to_owned()));

    // What an earlier install wrote is not.
    let directory = tree.path("/usr/src/rmcp-1.0");
    let fingerprint = rmcp_kctl::steps::source_fingerprint(&directory).unwrap();
    tree.journal("install", "done", json!([]), &fingerprint);
    assert_eq!(kept(&tree), serde_json::Value::Null);
    assert!(removal(&tree, &[]).contains(&"remove /usr/src/rmcp-1.0".to_owned()));
}

#[test]
fn a_softdep_that_stands_elsewhere_will_do() {
    let tree = installed();
    tree.remove("/etc/modprobe.d/rmcp.conf")
        .write("/etc/modprobe.d/mine.conf", "softdep amdgpu pre: rmcp");
    assert_eq!(steps(&tree), Vec::<String>::new());
}

#[test]
fn a_softdep_that_hides_rmcps_is_told() {
    let softdep = "softdep amdgpu pre: vfio-pci";
    for (file, line, mend) in [
        ("amdgpu.conf", softdep, Some("rmcp-kctl params fix")),
        ("zz.conf", softdep, None),
        ("zz.conf", "alias rmcp off", Some("remove the alias from")),
        ("zz.conf", "alias rmcp rmcp", None),
    ] {
        let tree = installed();
        let file = format!("/etc/modprobe.d/{file}");
        tree.write(&file, &format!("# mine\n{line}"));
        let way = plan(&tree).json()["in_the_way"].clone();
        let told = |text: &str| mend.is_some_and(|mend| text.contains(mend));
        let names_both = |text: &str| text.contains(&format!("{file}:2")) && told(text);
        assert_eq!(
            way.as_str().is_some_and(names_both),
            mend.is_some(),
            "{way}"
        );
        let seen = tree.run(&["install", "--dry-run"]);
        assert_eq!(told(&seen.out), mend.is_some(), "{seen:?}");

        let status = tree.run(&["status", "--json"]).json();
        assert_eq!(
            status["boot"]["in_the_way"].is_null(),
            mend.is_none(),
            "{status}"
        );
        assert_eq!(
            status["boot"]["softdep"].is_null(),
            mend.is_some(),
            "{status}"
        );
    }
}

#[test]
fn an_amdgpu_that_is_no_module_is_not_a_missing_package() {
    let tree = installed();
    let config = format!("/lib/modules/{RELEASE}/build/.config");
    let text = std::fs::read_to_string(tree.path(&config)).unwrap();
    tree.write(
        &config,
        &text.replace("CONFIG_DRM_AMDGPU=m", "CONFIG_DRM_AMDGPU=y"),
    );
    let kernels = plan(&tree).json()["kernels"].clone();
    let obstacle = kernels[0]["obstacle"].as_str().unwrap();
    assert!(obstacle.contains("has amdgpu built in"), "{obstacle}");
    assert_eq!(kernels[0]["packages"], json!([]));
}

/// A journal whose second of three steps, an action of DKMS on the kernel, was interrupted.
fn interrupted(work: &str, action: &str) -> Tree {
    let tree = installed();
    let entry =
        |step: serde_json::Value, progress: &str| json!({"step": step, "progress": progress});
    let steps = json!([
        entry(json!({"do": "remove", "path": "/x"}), "done"),
        entry(
            json!({"do": "dkms", "action": action, "release": RELEASE}),
            "begun"
        ),
        entry(json!({"do": "remove", "path": "/y"}), "waiting"),
    ]);
    tree.journal(work, "running", steps, "");
    tree
}

#[test]
fn a_module_that_dkms_may_have_left_half_done_is_made_anew() {
    let tree = interrupted("install", "install");
    let built = format!("/var/lib/dkms/rmcp/1.0/{RELEASE}");
    tree.write(&format!("{built}/x86_64/module/rmcp.ko"), "");
    let seen = tree.run(&["install", "--dry-run"]);
    assert!(
        seen.out
            .contains("an installation was interrupted at step 2 of 3"),
        "{seen:?}"
    );
    let status = tree.run(&["status", "--json"]).json();
    let sentence = status["interruption"].as_str().unwrap();
    assert!(
        sentence.contains("'rmcp-kctl install' completes it"),
        "{sentence}"
    );
    let anew = [
        format!("remove {MODULE}"),
        format!("remove {built}"),
        format!("install {RELEASE}"),
    ];
    assert_eq!(steps(&tree), anew);
    // Whatever the journal tells, if it cannot be read.
    tree.write("/var/lib/rmcp/journal.json", "{}");
    assert_eq!(steps(&tree), anew);
}

#[test]
fn a_second_interruption_does_not_hide_the_first() {
    let tree = installed();
    let built = format!("/var/lib/dkms/rmcp/1.0/{RELEASE}");
    tree.remove(MODULE)
        .write(&format!("{built}/x86_64/module/rmcp.ko"), "");
    // The run that was to make it anew had come to take the first half of it away.
    let steps_left = json!([
        {"step": {"do": "remove", "path": MODULE}, "progress": "begun"},
        {"step": {"do": "remove", "path": built}, "progress": "waiting"},
        {"step": {"do": "dkms", "action": "install", "release": RELEASE}, "progress": "waiting"},
    ]);
    tree.journal("install", "running", steps_left, "");
    assert_eq!(
        steps(&tree),
        [format!("remove {built}"), format!("install {RELEASE}")]
    );
}

#[test]
fn an_uninstallation_goes_on_where_dkms_was_interrupted() {
    let tree = interrupted("uninstall", "remove");
    assert_eq!(
        removal(&tree, &[]),
        [
            "remove /etc/modprobe.d/rmcp.conf",
            &format!("remove {MODULE}"),
            &format!("depmod {RELEASE}"),
            "remove /var/lib/dkms/rmcp",
            "remove /usr/src/rmcp-1.0",
            "remove /var/lib/rmcp",
        ]
    );
}

#[test]
fn a_second_interruption_of_an_uninstallation_does_not_hide_the_first() {
    let tree = installed();
    // DKMS has forgotten the module, which the interrupted run was to remove by hand.
    let steps_left = json!([
        {"step": {"do": "remove", "path": "/etc/modprobe.d/rmcp.conf"}, "progress": "begun"},
        {"step": {"do": "remove", "path": MODULE}, "progress": "waiting"},
    ]);
    tree.journal("uninstall", "running", steps_left, "");
    assert!(removal(&tree, &[]).contains(&format!("remove {MODULE}")));
}

#[test]
fn what_was_being_replaced_is_cleaned_up() {
    let tree = installed();
    tree.write("/etc/modprobe.d/.rmcp.conf.rmcp-new", "")
        .write("/usr/src/rmcp-1.0.rmcp-new/x", "")
        .write("/usr/src/rmcp-1.0.rmcp-old/x", "");
    let left = [
        "remove /etc/modprobe.d/.rmcp.conf.rmcp-new",
        "remove /usr/src/rmcp-1.0.rmcp-new",
        "remove /usr/src/rmcp-1.0.rmcp-old",
    ];
    assert_eq!(steps(&tree), left);
    let removal = removal(&tree, &[]);
    assert!(left
        .iter()
        .all(|step| removal.contains(&(*step).to_owned())));
}

/// Two kernels, of which one lacks its headers.
#[test]
fn packages_come_first_where_they_are_asked_for() {
    let tree = able();
    let other = "7.2.99+test";
    tree.write(&format!("/lib/modules/{other}/kernel/x"), "");
    let seen = tree.run(&["install", "--dry-run"]);
    assert!(
        seen.out.contains("'rmcp-kctl install --install-deps'"),
        "{seen:?}"
    );
    let seen = tree.run(&["install", "--install-deps", "--dry-run", "--json"]);
    let json = seen.json();
    assert_eq!(briefly(&seen), ["packages"]);
    assert_eq!(
        json["steps"][0]["command"],
        json!([
            "apt-get",
            "install",
            "--yes",
            format!("linux-headers-{other}")
        ])
    );
    // Nothing to install for whom the packages' names are not known.
    tree.write("/etc/os-release", "ID=unheard-of");
    let seen = tree.run(&["install", "--install-deps", "--dry-run", "--json"]);
    assert_eq!(briefly(&seen)[0], "source /usr/src/rmcp-1.0");
}

#[test]
fn without_the_module_only_options_are_written() {
    let tree = Tree::new();
    let run = |tree: &Tree| tree.run(&["install", "--params-only", "--dry-run", "--json"]);
    let refused = |tree: &Tree, why: &str| {
        let seen = run(tree);
        assert!(seen.code == 1 && seen.err.contains(why), "{seen:?}");
    };
    refused(&tree, "there is no AMD GPU here");
    tree.gpu("0000:01:00.0", "0x731f", [10, 1, 10]);
    let seen = run(&tree);
    assert_eq!(briefly(&seen), ["write /etc/modprobe.d/rmcp.conf"]);
    // The options are global.
    tree.gpu("0000:02:00.0", "0x744c", [11, 0, 0]);
    refused(&tree, "0000:02:00.0 (1002:744c) is GC 11.0.0");
    let tree = Tree::new();
    tree.pci("0000:01:00.0", "0x1002", "0x731f", "0x030000");
    refused(&tree, "load amdgpu first");
}

#[test]
fn an_older_kernel_is_passed_over_as_dkms_passes_it_over() {
    let tree = able();
    tree.write("/lib/modules/6.6.15/kernel/x", "")
        .write("/lib/modules/6.6.15/build/.config", "CONFIG_RUST=y");
    let kernels = plan(&tree).json()["kernels"].clone();
    let obstacle = kernels[0]["obstacle"].as_str().unwrap();
    assert!(obstacle.contains("older than 6.12"), "{obstacle}");
    assert!(kernels[1]["obstacle"].is_null());
    assert_eq!(steps(&tree), steps(&able()));
}

#[test]
fn everything_that_is_missing_is_named() {
    let build = format!("/lib/modules/{RELEASE}/build");
    let tree = able();
    tree.remove(&format!("{build}/.config"));
    assert!(obstacle(&tree).contains("install the package linux-headers-"));
    tree.write("/etc/os-release", "ID=unheard-of");
    assert!(obstacle(&tree).contains("install the package that has it"));

    let tree = able();
    tree.remove(&format!("{build}/vmlinux"));
    assert!(obstacle(&tree).contains("no base BTF"));

    let tree = able();
    tree.remove(&format!(
        "/lib/modules/{RELEASE}/kernel/drivers/gpu/drm/amd/amdgpu/amdgpu.ko.xz"
    ));
    assert!(obstacle(&tree).contains("no amdgpu.ko"));

    tree.remove(&format!("{build}/vmlinux"));
    let both = obstacle(&tree);
    assert!(
        both.contains("no amdgpu.ko") && both.contains("no base BTF"),
        "{both}"
    );

    let tree = able();
    tree.write(&format!("{build}/.config"), "CONFIG_KPROBES=y");
    assert!(obstacle(&tree).contains("without CONFIG_RUST"));

    let tree = able();
    let config = std::fs::read_to_string(tree.path(&format!("{build}/.config"))).unwrap();
    tree.write(
        &format!("{build}/.config"),
        &format!("{config}CONFIG_RUSTC_VERSION_TEXT=\"rustc 1.78.0 (9b00956e5 2024-04-29)\""),
    );
    assert!(obstacle(&tree).contains("was built with rustc 1.78.0, older than 1.85"));
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
    assert_eq!(
        removal(&tree, &[]),
        [
            "remove /etc/modprobe.d/rmcp.conf",
            "remove",
            "keep /usr/src/rmcp-1.0",
            "remove /var/lib/rmcp"
        ]
    );
}

#[test]
fn uninstall_keeps_what_the_user_wrote() {
    let conf = "/etc/modprobe.d/rmcp.conf";
    let tree = installed();
    tree.write(conf, "options rmcp noretry=-1\nsoftdep amdgpu pre: rmcp");
    assert!(removal(&tree, &[]).contains(&format!("write {conf}")));
    let kept = removal(&tree, &["--keep-config"]);
    assert!(!kept.iter().any(|step| step.contains(conf)), "{kept:?}");
    // Another's softdep, and a file of rmcp's that is not as install wrote it.
    tree.write(conf, "options rmcp noretry=-1");
    let kept = removal(&tree, &[]);
    assert!(!kept.iter().any(|step| step.contains("/etc/")), "{kept:?}");
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
    assert_eq!(steps(&tree), [format!("install {RELEASE}")]);
}

#[test]
fn what_a_package_owns_is_removed_by_it() {
    let tree = packaged();
    let seen = tree.run(&["uninstall", "--dry-run"]);
    assert_eq!(seen.code, 1);
    assert!(seen.err.contains("apt remove rmcp"), "{seen:?}");
    assert_eq!(removal(&tree, &["--package"]), ["remove"]);
}

#[test]
fn a_word_that_no_command_knows_is_an_error_not_a_verdict() {
    assert_eq!(Tree::new().run(&["status", "--bogus"]).code, 1);
    assert_eq!(Tree::new().run(&["--help"]).code, 0);
}
