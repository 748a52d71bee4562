// SPDX-License-Identifier: MIT

//! `rmcp-kctl rocm` on source trees and patches made by the test.

use crate::support::{Outcome, Tree};
use rmcp_kctl::process;
use std::fs;
use std::os::unix::fs::{symlink, PermissionsExt};

/// Where the source tree is, and its file that is patched.
const SRC: &str = "/src";
const FILE: &str = "/src/src/core/runtime/amd_gpu_agent.cpp";
const TEXT: &str = "one\ntwo\nthree\nfour\nfive\nsix";

const FIRST: &str = "\
From: Somebody <somebody@example.org>
Subject: [PATCH 1/2] rocr: say so

It says what it does. More is below.

---
--- a/src/core/runtime/amd_gpu_agent.cpp
+++ b/src/core/runtime/amd_gpu_agent.cpp
@@ -1,3 +1,4 @@
 one
+and a half
 two
 three";

const SECOND: &str = "\
Subject: rocr: and more

It says more.

diff --git a/src/core/runtime/amd_gpu_agent.cpp b/src/core/runtime/amd_gpu_agent.cpp
--- a/src/core/runtime/amd_gpu_agent.cpp
+++ b/src/core/runtime/amd_gpu_agent.cpp
@@ -5,3 +5,3 @@ void f()
 four
-five
+5
 six
diff --git a/new/file b/new/file
new file mode 100755
--- /dev/null
+++ b/new/file
@@ -0,0 +1 @@
+new
-- ";

/// A source package of ROCr 6.1.2, and two patches to it.
fn source() -> Tree {
    let tree = Tree::new();
    tree.write(FILE, TEXT)
        .write(
            "/src/debian/changelog",
            "rocr-runtime (6.1.2-3) unstable; urgency=medium",
        )
        .write("/patches/rocr/6.1.2/0001-first.patch", FIRST)
        .write("/patches/rocr/6.1.2/0002-second.patch", SECOND);
    fs::set_permissions(tree.path(FILE), fs::Permissions::from_mode(0o640)).unwrap();
    tree
}

/// The command on a source, with the patches of the test.
fn rocm_on(tree: &Tree, what: &str, source: &str, arguments: &[&str]) -> Outcome {
    let (source, patches) = (tree.path(source), tree.path("/patches"));
    let mut all = vec!["rocm", what, source.to_str().unwrap()];
    if what != "reverse" {
        all.extend(["--patches", patches.to_str().unwrap()]);
    }
    tree.run(&[&all, arguments].concat())
}

fn rocm(tree: &Tree, what: &str, arguments: &[&str]) -> Outcome {
    rocm_on(tree, what, SRC, arguments)
}

fn expect(tree: &Tree, what: &str, code: i32) -> String {
    let seen = rocm(tree, what, &[]);
    assert_eq!(seen.code, code, "{what}: {seen:?}");
    let top = tree.path("/");
    (seen.out + &seen.err).replace(top.to_str().unwrap().trim_end_matches('/'), "")
}

/// A text as if no line had been too long.
fn flat(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn what_is_applied_is_taken_back_byte_for_byte() {
    let tree = source();
    let before = tree.snapshot();
    assert_eq!(
        expect(&tree, "check", 0),
        "/src is rocr 6.1.2 (debian/changelog)\n  \
         fits            0001-first.patch rocr: say so\n  \
         fits            0002-second.patch rocr: and more\n\
         2 patches: 2 fit\n"
    );
    let dry = rocm(&tree, "apply", &["--dry-run"]);
    assert!(
        dry.code == 0
            && dry
                .out
                .ends_with("2 patches: 2 fit; would change 2 files\n"),
        "{dry:?}"
    );
    assert_eq!(tree.snapshot(), before);
    assert!(expect(&tree, "apply", 0).ends_with("2 patches: 2 fit; changed 2 files\n"));
    let patched = fs::read_to_string(tree.path(FILE)).unwrap();
    assert_eq!(patched, "one\nand a half\ntwo\nthree\nfour\n5\nsix\n");
    let mode = |path: &str| tree.path(path).metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(FILE), mode("/src/new/file")), (0o640, 0o755));
    let applied = tree.snapshot();
    assert!(expect(&tree, "apply", 0).ends_with("2 are applied already; nothing to do\n"));
    assert!(expect(&tree, "check", 0).ends_with("2 patches: 2 are applied already\n"));
    assert!(rocm(&tree, "reverse", &["--dry-run"])
        .out
        .contains("would put"));
    assert_eq!(tree.snapshot(), applied);
    expect(&tree, "reverse", 0);
    assert_eq!(tree.snapshot(), before);
    assert!(!tree.path("/src/new").exists());
    assert_eq!(mode(FILE), 0o640);
    assert!(expect(&tree, "reverse", 0).starts_with("nothing to take back"));
}

#[test]
fn each_hunk_that_does_not_fit_is_named_and_nothing_is_changed() {
    let tree = source();
    tree.write(FILE, &TEXT.replace("five", "FIVE"));
    let before = tree.snapshot();
    let told = expect(&tree, "check", 2);
    assert_eq!(
        told,
        "/src is rocr 6.1.2 (debian/changelog)\n  \
         fits            0001-first.patch rocr: say so\n  \
         does not fit    0002-second.patch rocr: and more\n    \
         src/core/runtime/amd_gpu_agent.cpp:6 @@ -5,3 +5,3 @@ void f()\n      \
         does not fit: found \"FIVE\", expected \"five\"\n    \
         new/file:1 @@ -0,0 +1,1 @@\n      \
         fits\n\
         2 patches: 1 fits, 1 does not fit\n"
    );
    assert!(expect(&tree, "apply", 2).ends_with("1 does not fit; nothing was changed\n"));
    let json = rocm(&tree, "check", &["--json"]).json();
    assert_eq!(json["exit_code"], 2);
    let hunk = &json["patches"][1]["hunks"][0];
    assert_eq!(
        (hunk["line"].as_u64(), hunk["outcome"].as_str()),
        (Some(6), Some("does-not-fit"))
    );
    assert_eq!(tree.snapshot(), before);
}

#[test]
fn lines_that_moved_are_found_and_that_is_told() {
    let tree = source();
    tree.write(FILE, &format!("more\nmore\n{TEXT}"));
    let told = expect(&tree, "check", 0);
    assert!(
        flat(&told).contains("fits, 2 lines further down than it says"),
        "{told}"
    );
    expect(&tree, "apply", 0);
    assert!(expect(&tree, "check", 0).contains("2 are applied already"));
}

#[test]
fn a_file_that_was_changed_since_is_neither_overwritten_nor_patched_again() {
    let tree = source();
    expect(&tree, "apply", 0);
    tree.write(FILE, "mine");
    let before = tree.snapshot();
    let told = expect(&tree, "reverse", 2);
    assert!(
        told.contains("amd_gpu_agent.cpp: changed since\n"),
        "{told}"
    );
    assert!(expect(&tree, "apply", 1).contains("was changed since"));
    tree.write("/patches/rocr/6.1.2/0002-second.patch", FIRST);
    assert!(expect(&tree, "apply", 1).contains("other patches were applied"));
    tree.write("/patches/rocr/6.1.2/0002-second.patch", SECOND);
    assert_eq!(tree.snapshot(), before);
}

#[test]
fn an_interrupted_apply_is_put_right_by_the_next_call() {
    for next in ["apply", "reverse"] {
        let tree = source();
        let before = tree.snapshot();
        expect(&tree, "apply", 0);
        let after = tree.snapshot();
        // As if it had ended after one of the two files.
        let record = "/src/.rmcp-patches/record.json";
        let text = fs::read_to_string(tree.path(record)).unwrap();
        let text = text.replace("\"state\": \"applied\"", "\"state\": \"applying\"");
        fs::write(tree.path(record), text).unwrap();
        tree.write(FILE, TEXT);
        fs::set_permissions(tree.path(FILE), fs::Permissions::from_mode(0o640)).unwrap();
        assert!(expect(&tree, "check", 2).contains("was interrupted here"));
        expect(&tree, next, 0);
        let expected = if next == "apply" { after } else { before };
        assert_eq!(tree.snapshot(), expected, "{next}");
    }
}

#[test]
fn a_source_that_is_not_known_is_refused_with_what_is_expected() {
    let tree = source();
    tree.write("/src/debian/changelog", "rocr-runtime (6.0.2-1) unstable");
    let error = expect(&tree, "check", 1);
    assert_eq!(
        error,
        "rmcp-kctl: /src is rocr 6.0.2 (debian/changelog); for rocr there are patches to 6.1.2: \
         get the source of one of these (apt-get source rocr-runtime, or upstream's \
         ROCm/ROCR-Runtime at the tag rocm-6.1.2)\n"
    );
    let seen = rocm(&tree, "check", &["--release", "6.1.2"]);
    assert!(
        seen.code == 0 && seen.out.contains("rocr 6.1.2 (as you say)"),
        "{seen:?}"
    );
    tree.remove("/src/debian/changelog");
    assert!(expect(&tree, "check", 1).contains("nothing in it says of which release"));
    tree.remove(FILE);
    assert!(expect(&tree, "check", 1).contains("is no source of ROCr, libhsakmt or CLR"));
    let seen = rocm_on(&tree, "check", "/none", &[]);
    assert!(seen.err.contains("there is no directory"), "{seen:?}");
    assert!(
        seen.err.contains("rocr: apt-get source rocr-runtime"),
        "{seen:?}"
    );
    let patches = tree.path("/patches");
    let seen = tree.run(&["rocm", "apply", "--patches", patches.to_str().unwrap()]);
    assert!(
        seen.code == 1 && seen.err.contains("apt-get source"),
        "{seen:?}"
    );
}

#[test]
fn upstreams_sources_are_known_by_what_they_state() {
    let tree = source();
    let found = |tree: &Tree, source: &str| {
        let seen = rocm_on(tree, "check", source, &[]);
        assert_eq!(seen.code, 0, "{seen:?}");
        let told = flat(&seen.out);
        let (_, told) = told.split_once(" is ").unwrap();
        let (found, _) = told.split_once(')').unwrap();
        format!("{found})")
    };
    tree.remove("/src/debian/changelog")
        .write("/src/src/CMakeLists.txt", "get_version ( \"1.13.0\" )");
    assert_eq!(
        found(&tree, SRC),
        "rocr 6.1.x (src/CMakeLists.txt states 1.13.0)"
    );
    fs::rename(tree.path(SRC), tree.path("/ROCR-Runtime-rocm-6.1.2")).unwrap();
    let of_name = found(&tree, "/ROCR-Runtime-rocm-6.1.2");
    assert_eq!(of_name, "rocr 6.1.2 (the name of the directory)");

    // In AMD's repository of everything the source lies further down.
    let change = "Subject: clr: x\n\nIt does.\n\n--- a/hipamd/src/hip_memory.cpp\n+++ b/hipamd/src/hip_memory.cpp\n@@ -1 +1 @@\n-a\n+b";
    tree.write("/all/projects/clr/hipamd/src/hip_memory.cpp", "a")
        .write(
            "/all/projects/clr/CHANGELOG.md",
            "# Log\n\n## HIP 6.4.1 for ROCm 6.4.1",
        )
        .write("/patches/clr/6.4.3/0001-x.patch", change);
    let seen = rocm_on(&tree, "apply", "/all", &[]);
    assert!(
        seen.out.contains("/all/projects/clr is clr 6.4.x"),
        "{seen:?}"
    );
    let patched = fs::read_to_string(tree.path("/all/projects/clr/hipamd/src/hip_memory.cpp"));
    assert_eq!(patched.unwrap(), "b\n");
    assert_eq!(rocm_on(&tree, "reverse", "/all", &[]).code, 0);
    tree.write(
        "/all/projects/rocr-runtime/runtime/hsa-runtime/core/runtime/amd_gpu_agent.cpp",
        "",
    );
    let seen = rocm_on(&tree, "check", "/all", &[]);
    assert!(
        seen.code == 1 && seen.err.contains("several sources"),
        "{seen:?}"
    );
}

#[test]
fn patches_are_listed_with_what_they_do() {
    let tree = source();
    tree.write("/patches/clr/6.4.3/0001-x.patch", FIRST);
    let patches = tree.path("/patches");
    let list = ["rocm", "list", "--patches", patches.to_str().unwrap()];
    let seen = tree.run(&list);
    assert_eq!(
        seen.out,
        "rocr 6.1.2\n  0001-first.patch rocr: say so\n      It says what it does\n  \
         0002-second.patch rocr: and more\n      It says more\n\
         clr 6.4.3\n  0001-x.patch rocr: say so\n      It says what it does\n"
    );
    let with_source = rocm(&tree, "list", &["--json"]).json();
    assert_eq!(with_source["source"]["version"], "6.1.2");
    let outcome = |i: usize| with_source["patches"][i]["outcome"].as_str();
    assert_eq!((outcome(0), outcome(2)), (Some("fits"), None));
    assert!(expect(&tree, "list", 0).contains("rocr: and more: fits\n"));
    // Those that the program carries can be read, whether there are any or not.
    assert_eq!(tree.run(&["rocm", "list"]).code, 0);
}

#[test]
fn every_command_tells_a_script_what_its_schema_says() {
    let tree = source();
    for (what, arguments) in [
        ("list", &["--json"][..]),
        ("check", &["--json"]),
        ("apply", &["--json", "--dry-run"]),
        ("apply", &["--json"]),
        ("reverse", &["--json", "--dry-run"]),
        ("reverse", &["--json"]),
        ("reverse", &["--json"]),
    ] {
        let seen = rocm(&tree, what, arguments);
        assert_eq!(seen.code, 0, "{what}: {seen:?}");
    }
    tree.write("/opt/patched/lib/libhsakmt.so", "");
    let env = ["rocm", "env", "--json", "--prefix", PREFIX];
    assert_eq!(tree.run(&env).code, 0);
    let buildable = buildable();
    assert_eq!(build(&buildable, PREFIX, &["--json", "--dry-run"]).code, 0);
    assert_eq!(
        build(&buildable, PREFIX, &["--json", "--", "-DFAIL=1"]).code,
        2
    );
}

#[test]
fn nothing_outside_the_tree_is_touched() {
    let tree = source();
    tree.write("/outside", TEXT).remove(FILE);
    symlink(tree.path("/outside"), tree.path(FILE)).unwrap();
    let told = flat(&expect(&tree, "apply", 2));
    assert!(told.contains("is a link, which is not followed"), "{told}");
    tree.write(
        "/patches/rocr/6.1.2/0002-second.patch",
        "--- a/../outside\n+++ b/../outside\n@@ -1 +1 @@\n-one\n+1",
    );
    let error = expect(&tree, "check", 1);
    assert!(error.contains("no path below the source tree"), "{error}");
    let outside = fs::read_to_string(tree.path("/outside")).unwrap();
    assert_eq!(outside, format!("{TEXT}\n"));
}

/// What is in place of cmake: it says what it was called with, and installs a file.
const CMAKE: &str = "#!/bin/sh
echo \"cmake $*\"
case $1 in
-S) mkdir -p \"$4\" && for word; do case $word in
        -DCMAKE_INSTALL_PREFIX=*) echo \"${word#*=}\" >\"$4/prefix\" ;;
        -DFAIL=1) echo 'CMake Error: FAIL'; exit 1 ;;
    esac; done ;;
--install) mkdir -p \"$(cat \"$2/prefix\")/lib\" && echo x >\"$(cat \"$2/prefix\")/lib/libhsakmt.so\" ;;
esac";

/// A source package of libhsakmt, with stand-ins for all that its build takes.
fn buildable() -> Tree {
    let tree = Tree::new();
    tree.write("/src/src/libhsakmt.h", "")
        .write(
            "/src/debian/changelog",
            "roct-thunk-interface (6.2.4+ds-1) unstable",
        )
        .write("/etc/os-release", "ID=debian");
    for (name, script) in [
        ("cmake", CMAKE),
        ("make", "#!/bin/sh"),
        ("c++", "#!/bin/sh"),
        ("pkg-config", "#!/bin/sh"),
    ] {
        let path = format!("/bin/{name}");
        tree.write(&path, script);
        fs::set_permissions(tree.path(&path), fs::Permissions::from_mode(0o755)).unwrap();
    }
    tree
}

fn build(tree: &Tree, prefix: &str, arguments: &[&str]) -> Outcome {
    let source = tree.path(SRC);
    let fixed = [
        "rocm",
        "build",
        source.to_str().unwrap(),
        "--prefix",
        prefix,
    ];
    let path = format!(
        "{}:{}",
        tree.path("/bin").display(),
        std::env::var("PATH").unwrap()
    );
    let mut command = tree.command(&[&fixed, arguments].concat());
    let output = command.env("PATH", path).output().unwrap();
    let text = |bytes: Vec<u8>| {
        let text = String::from_utf8(bytes).unwrap();
        text.replace(tree.path("/").to_str().unwrap(), "/")
    };
    let outcome = Outcome {
        code: output.status.code().unwrap(),
        out: text(output.stdout),
        err: text(output.stderr),
    };
    outcome.expect_schema(&[&fixed, arguments].concat());
    outcome
}

const PREFIX: &str = "/opt/patched";

#[test]
fn a_build_is_cmakes_three_steps_below_a_prefix_of_its_own() {
    let tree = buildable();
    let before = tree.snapshot();
    let arguments = ["--jobs", "3", "--dry-run", "--", "-DX=a b"];
    let dry = build(&tree, PREFIX, &arguments);
    assert_eq!(
        (dry.code, dry.out.as_str()),
        (
            0,
            "cmake -S /src -B /src-build -DCMAKE_BUILD_TYPE=Release -DBUILD_SHARED_LIBS=ON \
             -DCMAKE_INSTALL_PREFIX=/opt/patched -DCMAKE_PREFIX_PATH=/opt/patched '-DX=a b'\n\
             cmake --build /src-build --parallel 3\n\
             cmake --install /src-build\n\
             nothing was run\n"
        ),
        "{dry:?}"
    );
    assert_eq!(tree.snapshot(), before);
    let seen = build(&tree, PREFIX, &[]);
    assert_eq!(seen.code, 0, "{seen:?}");
    for words in [
        "no patches of",
        "[1/3] configuring: done",
        "[3/3] installing: done",
    ] {
        assert!(seen.err.contains(words), "{words}: {seen:?}");
    }
    let log = fs::read_to_string(tree.path("/src-build/rmcp-build.log")).unwrap();
    assert_eq!(log.lines().count(), 3, "{log}");
    assert!(tree.path("/opt/patched/lib/libhsakmt.so").exists());
    let mark = fs::read_to_string(tree.path("/opt/patched/.rmcp-rocm.json")).unwrap();
    assert!(
        mark.contains("\"whole\": true") && mark.contains("6.2.4"),
        "{mark}"
    );
    // A second time into the same directory, which is known by its mark.
    assert_eq!(build(&tree, PREFIX, &["--json"]).code, 0);
}

#[test]
fn a_build_that_fails_names_its_log_and_installs_nothing() {
    let tree = buildable();
    let seen = build(&tree, PREFIX, &["--", "-DFAIL=1"]);
    assert_eq!(seen.code, 2, "{seen:?}");
    assert!(seen
        .out
        .starts_with("configuring failed: the reason is in /src-build/rmcp-build.log"));
    assert!(
        seen.out.contains("apt-get build-dep roct-thunk-interface"),
        "{seen:?}"
    );
    assert!(seen.err.contains("  CMake Error: FAIL"), "{seen:?}");
    assert!(!tree.path(PREFIX).exists());
    for prefix in ["/", "/usr/local", "/opt/rocm"] {
        let seen = build(&tree, prefix, &[]);
        assert!(
            seen.code == 1 && seen.err.contains("nothing is installed to"),
            "{seen:?}"
        );
    }
}

#[test]
fn a_program_that_is_missing_is_named_with_its_package() {
    let tree = source();
    tree.write("/etc/os-release", "ID=debian");
    let source = tree.path(SRC);
    let path = source.to_str().unwrap();
    let Some(lacking) =
        rmcp_kctl::rocm_patches::build::programs(rmcp_kctl::rocm_patches::Component::Rocr)
            .iter()
            .find(|name| process::find(name).is_none())
    else {
        eprintln!("skipped: every program that ROCr's build takes is installed here");
        return;
    };
    let seen = tree.run(&["rocm", "build", path, "--prefix", PREFIX]);
    assert_eq!(seen.code, 4, "{seen:?}");
    assert!(
        seen.out.contains(&format!("{lacking}: install")),
        "{seen:?}"
    );
    let before = tree.snapshot();
    let dry = tree.run(&[
        "rocm",
        "build",
        path,
        "--prefix",
        PREFIX,
        "--dry-run",
        "--json",
    ]);
    assert_eq!(dry.json()["commands"].as_array().unwrap().len(), 3);
    assert_eq!(tree.snapshot(), before);
}

#[test]
fn hip_is_built_with_its_headers_or_says_that_they_are_missing() {
    let tree = Tree::new();
    tree.write("/src/hipamd/src/hip_memory.cpp", "")
        .write("/src/debian/changelog", "rocm-hipamd (6.4.3-5) unstable");
    let dry = |arguments: &[&str]| build(&tree, PREFIX, &[&["--dry-run"], arguments].concat());
    let seen = dry(&[]);
    assert!(
        seen.code == 1 && seen.err.contains("/src has no hip: name the source of HIP"),
        "{seen:?}"
    );
    let given = dry(&["--", "-DHIP_COMMON_DIR=/hip", "-DHIPCC_BIN_DIR=/usr/bin"]);
    assert!(
        given.out.contains("-DCLR_BUILD_HIP=ON") && given.out.contains("-DHIP_COMMON_DIR=/hip")
    );
    fs::create_dir_all(tree.path("/src/hip")).unwrap();
    fs::create_dir_all(tree.path("/src/hipcc/bin")).unwrap();
    assert!(dry(&[])
        .out
        .contains("-DHIP_COMMON_DIR=/src/hip -DHIPCC_BIN_DIR=/src/hipcc/bin"));
}

#[test]
fn a_real_cmake_builds_and_installs() {
    let lacking =
        rmcp_kctl::rocm_patches::build::programs(rmcp_kctl::rocm_patches::Component::Libhsakmt)
            .iter()
            .find(|name| process::find(name).is_none());
    if let Some(lacking) = lacking {
        eprintln!("skipped: {lacking} is not installed");
        return;
    }
    let tree = buildable();
    for name in ["cmake", "make", "c++", "pkg-config"] {
        tree.remove(&format!("/bin/{name}"));
    }
    tree.write(
        "/src/CMakeLists.txt",
        "cmake_minimum_required(VERSION 3.16)\nproject(hsakmt C)\nadd_library(hsakmt SHARED src/a.c)\n\
         install(TARGETS hsakmt LIBRARY DESTINATION lib)",
    )
    .write("/src/src/a.c", "int hsakmt(void) { return 1; }");
    let seen = build(&tree, PREFIX, &[]);
    assert_eq!(seen.code, 0, "{seen:?}");
    assert!(tree.path("/opt/patched/lib/libhsakmt.so").exists());
    let sh = tree.run(&["rocm", "env", "--prefix", PREFIX]);
    assert!(
        sh.out.contains("LD_LIBRARY_PATH='/opt/patched/lib'"),
        "{sh:?}"
    );
}

#[test]
fn a_shell_gets_the_directories_that_are_there() {
    let tree = Tree::new();
    let env =
        |arguments: &[&str]| tree.run(&[&["rocm", "env", "--prefix", PREFIX], arguments].concat());
    let seen = env(&[]);
    assert!(
        seen.code == 1 && seen.err.contains("nothing is installed at /opt/patched"),
        "{seen:?}"
    );
    tree.write("/opt/patched/lib/libhsakmt.so", "")
        .write("/opt/patched/lib/cmake/hsakmt/x", "");
    assert_eq!(
        env(&[]).out,
        "export CMAKE_PREFIX_PATH='/opt/patched'\"${CMAKE_PREFIX_PATH:+:$CMAKE_PREFIX_PATH}\";\n\
         export LD_LIBRARY_PATH='/opt/patched/lib'\"${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}\";\n"
    );
    assert!(env(&["--format", "fish"])
        .out
        .contains("set -gx LD_LIBRARY_PATH '/opt/patched/lib' $LD_LIBRARY_PATH;"));
    assert!(env(&["--format", "systemd"])
        .out
        .contains("LD_LIBRARY_PATH=\"/opt/patched/lib\"\n"));
    let json = env(&["--json"]).json();
    assert_eq!(json["prepend"]["LD_LIBRARY_PATH"][0], "/opt/patched/lib");
    let file = tree.path("/zz-rocm.sh");
    assert_eq!(env(&["--output", file.to_str().unwrap()]).code, 0);
    let text = fs::read_to_string(file).unwrap();
    assert!(
        text.starts_with("# Written by rmcp-kctl rocm env --prefix /opt/patched.\nexport "),
        "{text}"
    );
}
