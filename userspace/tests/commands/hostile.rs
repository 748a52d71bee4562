// SPDX-License-Identifier: MIT

//! `status` on trees that no kernel would make: it says what is wrong or what it sees, within 80
//! columns and little memory, and never panics.

use crate::status::{enforced, BDF};
use crate::support::Tree;
use proptest::prelude::*;
use rmcp_kctl::commands::status::{Status, Verdict};
use rmcp_kctl::root::Root;
use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What may be where a file is expected.
#[derive(Debug, Clone)]
enum Instead {
    Bytes(Vec<u8>),
    Text(String),
    Number(i128),
    Nothing,
    Directory,
    LinkTo(&'static str),
    Pipe,
    /// A sparse file of 1 TiB.
    Huge,
}

fn instead() -> impl Strategy<Value = Instead> {
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..200).prop_map(Instead::Bytes),
        any::<String>().prop_map(Instead::Text),
        any::<i128>().prop_map(Instead::Number),
        (-2i128..300).prop_map(Instead::Number),
        Just(Instead::Nothing),
        Just(Instead::Directory),
        prop::sample::select(&["loop", "/dev/zero", "/nonexistent", "."][..])
            .prop_map(Instead::LinkTo),
        Just(Instead::Pipe),
        Just(Instead::Huge),
    ]
}

impl Instead {
    fn put(&self, path: &Path) {
        if path.is_dir() {
            fs::remove_dir_all(path).unwrap();
        } else {
            let _ = fs::remove_file(path);
        }
        match self {
            Self::Bytes(bytes) => fs::write(path, bytes).unwrap(),
            Self::Text(text) => fs::write(path, text).unwrap(),
            Self::Number(number) => fs::write(path, number.to_string()).unwrap(),
            Self::Nothing => {}
            Self::Directory => fs::create_dir(path).unwrap(),
            Self::LinkTo("loop") => symlink(path, path).unwrap(),
            Self::LinkTo(to) => symlink(to, path).unwrap(),
            Self::Pipe => {
                let made = Command::new("mkfifo").arg(path).status();
                assert!(made.unwrap().success());
            }
            Self::Huge => File::create(path).unwrap().set_len(1 << 40).unwrap(),
        }
    }
}

/// Every file, and every directory but the tree's own.
fn entries(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap() {
        let entry = entry.unwrap();
        found.push(entry.path());
        if entry.file_type().unwrap().is_dir() {
            entries(&entry.path(), found);
        }
    }
}

/// Far below what one of the huge files would take.
const MEMORY: u64 = 8 << 20;

const PROFILE: &str = "/home/ann/.config/rmcp/mine.toml";

fn look(tree: &Tree) {
    let root = Root::new(&tree.path("/"));
    let mut seen = None;
    let memory = allocation_counter::measure(|| seen = Some(Status::read(&root)));
    assert!(memory.bytes_max < MEMORY, "{memory:?}");
    let status = match seen.unwrap() {
        Ok(status) => status,
        Err(error) => {
            assert!(!format!("{error:#}").is_empty());
            return;
        }
    };
    for line in status.screen() {
        let line = line.text();
        assert!(line.chars().count() <= 80, "{line}");
        assert!(!line.chars().any(char::is_control), "{line:?}");
    }
    assert!(!status.in_one_line().chars().any(char::is_control));
    let samples = crate::metrics::parse(&status.metrics());
    let enforced = ("rmcp_enforced".to_owned(), [].into());
    assert_eq!(
        samples[&enforced] == 1.0,
        status.verdict() == Verdict::Enforced
    );
    crate::schema::expect_status(&serde_json::to_value(&status).unwrap());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn no_tree_panics(
        changes in prop::collection::vec((any::<prop::sample::Index>(), instead()), 0..6),
        name in "[^/\0]{1,40}",
    ) {
        let tree = enforced();
        tree.write("/etc/modprobe.d/rmcp.conf", "softdep amdgpu pre: rmcp");
        let odd = tree.path("/sys/bus/pci/devices").join(name.trim_matches('.'));
        if !odd.exists() {
            symlink(BDF, odd).unwrap();
        }
        for (which, instead) in changes {
            let mut all = Vec::new();
            entries(&tree.path("/"), &mut all);
            all.sort();
            if !all.is_empty() {
                instead.put(which.get::<PathBuf>(&all));
            }
        }
        look(&tree);
    }
}

#[test]
fn every_single_file_can_be_anything() {
    let tree = enforced();
    let mut all = Vec::new();
    entries(&tree.path("/"), &mut all);
    for file in all.iter().filter(|path| path.is_file()) {
        let before = fs::read(file).unwrap();
        for instead in [
            Instead::Bytes(vec![0xff, 0, 0x1b, b'[', b'2', b'J']),
            Instead::Directory,
            Instead::LinkTo("loop"),
            Instead::LinkTo("/dev/zero"),
            Instead::Pipe,
            Instead::Huge,
        ] {
            instead.put(file);
            look(&tree);
        }
        Instead::Bytes(before).put(file);
    }
    look(&tree);
    assert_eq!(tree.run(&["status"]).code, 0);
}

#[test]
fn nothing_in_a_tree_makes_detect_or_env_panic() {
    let tree = crate::detect::ready();
    tree.write(PROFILE, "[set]\nA = \"1\"");
    let mut all = Vec::new();
    entries(&tree.path("/"), &mut all);
    // Devices are looked at, not read.
    let devices = tree.path("/dev");
    let read = |path: &&PathBuf| path.is_file() && !path.starts_with(&devices);
    for file in all.iter().filter(read) {
        let before = fs::read(file).unwrap();
        for instead in [
            Instead::Bytes(vec![0xff, 0, 0x1b, b'[', b'2', b'J']),
            Instead::Directory,
            Instead::LinkTo("/dev/zero"),
            Instead::Pipe,
            Instead::Huge,
        ] {
            instead.put(file);
            for arguments in [
                &["detect", "--user", "ann"][..],
                &["env", "-v", "--user", "ann", "--profile", "mine"],
            ] {
                let seen = tree.run(arguments);
                assert!((0..=5).contains(&seen.code), "{file:?}: {seen:?}");
                let odd = |c: char| c.is_control() && c != '\n';
                assert!(!seen.out.contains(odd), "{file:?}: {seen:?}");
            }
        }
        Instead::Bytes(before).put(file);
    }
    assert_eq!(tree.run(&["detect", "--user", "ann"]).code, 0);
}
