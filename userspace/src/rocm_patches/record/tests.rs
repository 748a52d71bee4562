// SPDX-License-Identifier: MIT

use super::*;
use crate::rocm_patches::fit::Fit;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::os::unix::fs::{chown, MetadataExt, PermissionsExt};

const PATCH: &str = "diff --git a/f b/f\n--- a/f\n+++ b/f\n@@ -1,2 +1,3 @@\n one\n+new\n two\n\
    diff --git a/d/e/n b/d/e/n\nnew file mode 100755\n--- /dev/null\n+++ b/d/e/n\n@@ -0,0 +1 @@\n+x\n\
    diff --git a/old b/old\ndeleted file mode 100644\n--- a/old\n+++ /dev/null\n@@ -1 +0,0 @@\n-gone\n";

fn patch() -> Patch {
    Patch::read(Component::Rocr, "6.1.2", "1.patch", PATCH.as_bytes()).unwrap()
}

fn tree() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("f"), "one\ntwo\n").unwrap();
    fs::set_permissions(
        directory.path().join("f"),
        fs::Permissions::from_mode(0o640),
    )
    .unwrap();
    fs::write(directory.path().join("old"), "gone\n").unwrap();
    directory
}

/// Every file and directory, with its permission bits and what it holds.
fn snapshot(top: &Path) -> BTreeMap<PathBuf, (u32, Vec<u8>)> {
    let mut found = BTreeMap::new();
    let mut directories = vec![top.to_path_buf()];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            let metadata = path.symlink_metadata().unwrap();
            let bytes = fs::read(&path).unwrap_or_default();
            found.insert(path.clone(), (metadata.permissions().mode(), bytes));
            if metadata.is_dir() {
                directories.push(path);
            }
        }
    }
    found
}

fn apply(top: &Path) -> Result<()> {
    let patch = patch();
    let fit = Fit::of(top, &[&patch]);
    Locked::take(top)?.apply(Component::Rocr, "6.1.2", &[&patch], &fit.changes)
}

fn reverse(top: &Path) -> Result<()> {
    Locked::take(top)?.reverse(Record::read(top)?.unwrap())
}

#[test]
fn what_is_applied_is_taken_back_with_every_bit() {
    let tree = tree();
    let before = snapshot(tree.path());
    apply(tree.path()).unwrap();
    let at = |name: &str| tree.path().join(name);
    assert_eq!(fs::read_to_string(at("f")).unwrap(), "one\nnew\ntwo\n");
    let mode = |name: &str| at(name).metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("f"), mode("d/e/n")), (0o640, 0o755));
    assert!(!at("old").exists());
    let record = Record::read(tree.path()).unwrap().unwrap();
    assert_eq!(record.state, State::Applied);
    assert!(record.is_of(&[&patch()]) && !record.is_of(&[]));
    reverse(tree.path()).unwrap();
    assert_eq!(snapshot(tree.path()), before);
}

#[test]
fn every_file_stays_whose_it_was_and_what_is_new_is_whose_the_tree_is() {
    let tree = tree();
    let at = |name: &str| tree.path().join(name);
    let (of_tree, of_file) = ((1234, 1235), (1236, 1237));
    for (name, (user, group)) in [("", of_tree), ("f", of_file), ("old", of_file)] {
        if let Err(error) = chown(at(name), Some(user), Some(group)) {
            eprintln!("skipped: who runs this cannot give a file away: {error}");
            return;
        }
    }
    let owner = |name: &str| {
        let metadata = at(name).metadata().unwrap();
        (metadata.uid(), metadata.gid())
    };
    apply(tree.path()).unwrap();
    assert_eq!(owner("f"), of_file);
    for name in ["d", "d/e", "d/e/n", DIRECTORY, ".rmcp-patches/record.json"] {
        assert_eq!(owner(name), of_tree, "{name}");
    }
    reverse(tree.path()).unwrap();
    assert_eq!((owner("f"), owner("old")), (of_file, of_file));
}

#[test]
fn a_file_that_was_changed_since_is_not_overwritten() {
    let tree = tree();
    apply(tree.path()).unwrap();
    fs::write(tree.path().join("f"), "mine\n").unwrap();
    let applied = snapshot(tree.path());
    let error = reverse(tree.path()).unwrap_err().to_string();
    assert!(error.starts_with("f changed since"), "{error}");
    assert_eq!(snapshot(tree.path()), applied);
}

/// The tree as it is when an application or its reversal was interrupted after so many files.
fn interrupted(top: &Path, state: State, files: usize) {
    let patch = patch();
    let fit = Fit::of(top, &[&patch]);
    apply(top).unwrap();
    let lock = Locked::take(top).unwrap();
    let mut record = Record::read(top).unwrap().unwrap();
    record.state = state;
    lock.write(&record).unwrap();
    let undone = match state {
        State::Reversing => &fit.changes[..files],
        State::Applying | State::Applied => &fit.changes[files..],
    };
    for change in undone {
        lock.put(&change.path, change.before.as_ref(), None)
            .unwrap();
    }
    // What a write that was cut off leaves.
    fs::write(top.join(".f.rmcp-new"), "hal").unwrap();
}

#[test]
fn an_interruption_anywhere_is_taken_back() {
    for state in [State::Applying, State::Reversing] {
        for files in 0..=3 {
            let tree = tree();
            let before = snapshot(tree.path());
            interrupted(tree.path(), state, files);
            reverse(tree.path()).unwrap();
            assert_eq!(snapshot(tree.path()), before, "{state:?} {files}");
        }
    }
}

#[test]
fn what_cannot_be_written_leaves_all_as_it_was() {
    let tree = tree();
    let patch = patch();
    let mut fit = Fit::of(tree.path(), &[&patch]);
    let before = snapshot(tree.path());
    // The last of the files lies below what is no directory.
    let mut bad = fit.changes[0].clone();
    bad.path = "f/below".to_owned();
    fit.changes.push(bad);
    let lock = Locked::take(tree.path()).unwrap();
    let error = lock.apply(Component::Rocr, "6.1.2", &[&patch], &fit.changes);
    assert!(error.is_err());
    assert_eq!(
        snapshot(tree.path()).get(&tree.path().join("f")),
        before.get(&tree.path().join("f"))
    );
}

#[test]
fn a_record_that_leads_out_of_the_tree_is_refused() {
    let tree = tree();
    apply(tree.path()).unwrap();
    let file = tree.path().join(DIRECTORY).join(FILE);
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replace("\"path\": \"f\"", "\"path\": \"../f\"")).unwrap();
    let error = reverse(tree.path()).unwrap_err().to_string();
    assert!(error.contains("no path below"), "{error}");
    assert!(Locked::take(tree.path()).is_ok());
}

#[test]
fn two_do_not_change_a_tree_at_once() {
    let tree = tree();
    let _held = Locked::take(tree.path()).unwrap();
    assert!(Locked::take(tree.path()).is_err());
}

proptest! {
    #[test]
    fn no_record_panics(text: String) {
        let tree = tree();
        fs::create_dir(tree.path().join(DIRECTORY)).unwrap();
        fs::write(tree.path().join(DIRECTORY).join(FILE), text).unwrap();
        prop_assert!(Record::read(tree.path()).is_err());
    }
}
