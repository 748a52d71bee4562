// SPDX-License-Identifier: MIT

//! The rules together, on generated trees.

use super::*;
use crate::elf::testing::elf;
use proptest::prelude::*;
use std::fs;
use std::path::Path;

fn write(root: &Path, path: &str, text: impl AsRef<[u8]>) {
    let path = root.join(path.trim_start_matches('/'));
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// A system with one kernel, whose amdgpu has two parameters.
fn system() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path();
    let modinfo = b"parmtype=noretry:int\0parmtype=vm_fragment_size:int\0";
    let amdgpu = "/lib/modules/7.2/kernel/drivers/gpu/drm/amd/amdgpu/amdgpu.ko";
    write(root, amdgpu, elf(&[(".modinfo", modinfo)]));
    write(root, "/proc/sys/kernel/osrelease", "7.2\n");
    directory
}

fn line() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "options (amdgpu|rmcp)( {1,2}(noretry=[019]|vm_fragment_size=(9|21)|gtt_size=1|noretry|x|#|\"|\\\\\n)){0,3}\n",
        1 => "softdep (amdgpu|amd\\*) {1,2}(pre:|post:) (rmcp|x)( post: y)?\n",
        1 => "(blacklist|install) (amdgpu|rmcp)( /bin/true)?\n",
        1 => "#? ?(amdgpu|option)[a-z =.\t]{0,8}\\\\?\n",
    ]
}

fn text() -> impl Strategy<Value = String> {
    prop::collection::vec(line(), 0..5).prop_map(|lines| lines.concat())
}

fn apply(root: &Path, changes: &[edit::Change]) {
    for change in changes {
        write(root, &change.to, &change.after);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]

    #[test]
    fn mending_comes_to_an_end_and_adds_nothing_to_complain_about(
        etc in text(),
        usr in text(),
        line in "(quiet|amdgpu\\.(noretry=[019]|gtt_size=1)|rmcp\\.x)( amdgpu\\.noretry=[01])?",
    ) {
        let directory = system();
        write(directory.path(), "/etc/modprobe.d/a.conf", &etc);
        write(directory.path(), "/usr/lib/modprobe.d/b.conf", &usr);
        write(directory.path(), "/etc/default/grub", format!("GRUB_CMDLINE_LINUX=\"{line}\"\n"));
        let root = Root::new(directory.path());
        let mut found = check(&root).unwrap();
        for round in 0.. {
            let changes = found.changes(&root);
            if changes.is_empty() {
                break;
            }
            prop_assert!(round < 8, "{changes:?}");
            apply(directory.path(), &changes);
            let now = check(&root).unwrap();
            prop_assert!(now.count(Severity::Error) <= found.count(Severity::Error));
            found = now;
        }
        for finding in &found.findings {
            for text in [&finding.found, &finding.why, &finding.todo, &finding.source] {
                prop_assert!(!text.is_empty(), "{finding:?}");
            }
        }
    }

    #[test]
    fn no_bytes_panic(etc: Vec<u8>, grub: Vec<u8>, cmdline: Vec<u8>) {
        let directory = system();
        write(directory.path(), "/etc/modprobe.d/a.conf", &etc);
        write(directory.path(), "/etc/default/grub", &grub);
        write(directory.path(), "/proc/cmdline", &cmdline);
        let root = Root::new(directory.path());
        check(&root).unwrap().changes(&root);
    }
}
