// SPDX-License-Identifier: MIT

//! The changes that mend findings: words of lines replaced or taken out, shown as a unified diff. A
//! file in which a word cannot be found exactly once, or that would not read as before but for the
//! change, is left to a person.

use crate::modprobe::{self, Kind};
use crate::root::Root;
use crate::traced::Place;
use serde::Serialize;
use similar::TextDiff;
use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;

/// One word of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// The line.
    pub place: Place,
    /// The word as it is written.
    pub word: String,
    /// What is to stand in its place; `None` takes it out.
    pub with: Option<String>,
}

/// A file and what it is to become.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// The file that is in force now.
    pub from: String,
    /// Where the new text goes: files of packages are masked by one in /etc, not changed.
    pub to: String,
    /// The text now.
    #[serde(skip)]
    pub before: String,
    /// The new text.
    #[serde(skip)]
    pub after: String,
    /// Its permission bits.
    #[serde(skip)]
    pub mode: u32,
}

impl Change {
    /// The change as `patch -p1` takes it.
    pub fn diff(&self) -> String {
        TextDiff::from_lines(&self.before, &self.after)
            .unified_diff()
            .context_radius(2)
            .header(&format!("a{}", self.from), &format!("b{}", self.to))
            .to_string()
    }
}

/// The files that the edits change. What cannot be done without a doubt is left out.
pub fn changes<'a>(root: &Root, edits: impl Iterator<Item = &'a Edit>) -> Vec<Change> {
    let mut by_file: BTreeMap<&str, Vec<&Edit>> = BTreeMap::new();
    for edit in edits {
        let of_file = by_file.entry(&edit.place.file).or_default();
        let same = |other: &&mut &Edit| other.place == edit.place && other.word == edit.word;
        match of_file.iter_mut().find(same) {
            // One mending of a word is enough: that which takes it out, or else the first.
            Some(other) if edit.with.is_none() => *other = edit,
            Some(_) => {}
            None => of_file.push(edit),
        }
    }
    by_file
        .into_iter()
        .filter_map(|(file, edits)| change(root, file, &edits))
        .collect()
}

fn change(root: &Root, file: &str, edits: &[&Edit]) -> Option<Change> {
    let to = match file.rsplit_once('/')? {
        (directory, _) if file.starts_with("/etc/") && directory != "/etc" => file.to_owned(),
        (directory, name) if modprobe::DIRECTORIES.contains(&directory) => {
            format!("{}/{name}", modprobe::DIRECTORIES[0])
        }
        _ => return None,
    };
    let path = root.path(file);
    let metadata = path.symlink_metadata().ok()?;
    if !metadata.is_file() {
        return None;
    }
    let before = String::from_utf8(std::fs::read(path).ok()?).ok()?;
    let mut lines: Vec<String> = before.split_inclusive('\n').map(str::to_owned).collect();
    for edit in edits {
        let line = lines.get_mut(edit.place.line?.checked_sub(1)?)?;
        // A word that is not there exactly once stays as it is.
        if let Some(new) = replace_word(line, &edit.word, edit.with.as_deref()) {
            let is_empty = file.ends_with(".conf") && passes_nothing(&new);
            *line = if is_empty { String::new() } else { new };
        }
    }
    let after = lines.concat();
    (after != before && reads_alike(file, &before, &after)).then(|| Change {
        from: file.to_owned(),
        to,
        before,
        after,
        mode: metadata.permissions().mode() & 0o7777,
    })
}

/// The line with its only such word replaced; `None` when it has not exactly one.
fn replace_word(line: &str, word: &str, with: Option<&str>) -> Option<String> {
    let borders = |c: char| c.is_whitespace() || matches!(c, '"' | '\'');
    let mut found = line.match_indices(word).filter(|(at, _)| {
        line[..*at].chars().next_back().is_none_or(borders)
            && line[at + word.len()..].chars().next().is_none_or(borders)
    });
    let (at, _) = found.next()?;
    if word.is_empty() || found.next().is_some() {
        return None;
    }
    let (mut head, mut tail) = (&line[..at], &line[at + word.len()..]);
    if with.is_none() {
        let blanks = [' ', '\t'];
        // The blanks on one side go too; what stays is as it was.
        if head.ends_with(blanks) {
            head = head.trim_end_matches(blanks);
        } else {
            tail = tail.trim_start_matches(blanks);
        }
    }
    Some(format!("{head}{}{tail}", with.unwrap_or_default()))
}

/// Whether this is an `options` line that has lost all of its options.
fn passes_nothing(line: &str) -> bool {
    let words: Vec<&str> = line.split_whitespace().collect();
    words.len() == 2 && words[0] == "options"
}

/// Whether a modprobe.d file says as much that kmod ignores as before, and no more. The lines of
/// other files have no such mistakes.
fn reads_alike(file: &str, before: &str, after: &str) -> bool {
    let bad = |text: &str| {
        modprobe::parse(file, text)
            .iter()
            .filter(|directive| directive.kind == Kind::Bad)
            .count()
    };
    !file.ends_with(".conf") || bad(after) <= bad(before)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_word_is_replaced_or_taken_out() {
        let line = "options amdgpu gtt_size=1 noretry=0\n";
        assert_eq!(
            replace_word(line, "noretry=0", Some("noretry=1")).unwrap(),
            "options amdgpu gtt_size=1 noretry=1\n"
        );
        assert_eq!(
            replace_word(line, "gtt_size=1", None).unwrap(),
            "options amdgpu noretry=0\n"
        );
        assert_eq!(
            replace_word("A=\"amdgpu.x=1 quiet\"\n", "amdgpu.x=1", None).unwrap(),
            "A=\"quiet\"\n"
        );
        for line in ["", "x=12", "ax=1", "x=1 x=1"] {
            assert_eq!(replace_word(line, "x=1", None), None, "{line}");
        }
    }

    fn tree(file: &str, text: &str) -> (tempfile::TempDir, Root) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(&file[1..]);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
        let root = Root::new(directory.path());
        (directory, root)
    }

    fn edit(file: &str, line: usize, word: &str, with: Option<&str>) -> Edit {
        Edit {
            place: Place::line(file, line),
            word: word.to_owned(),
            with: with.map(str::to_owned),
        }
    }

    #[test]
    fn a_line_without_options_goes_as_a_whole() {
        let file = "/etc/modprobe.d/a.conf";
        let (_kept, root) = tree(file, "# mine\noptions amdgpu gtt_size=1\n");
        let edits = [edit(file, 2, "gtt_size=1", None)];
        let changes = changes(&root, edits.iter());
        assert_eq!(changes[0].after, "# mine\n");
        assert_eq!(
            changes[0].diff(),
            "--- a/etc/modprobe.d/a.conf\n+++ b/etc/modprobe.d/a.conf\n@@ -1,2 +1 @@\n # mine\n-options amdgpu gtt_size=1\n"
        );
    }

    #[test]
    fn taking_a_word_out_goes_before_replacing_it() {
        let file = "/etc/modprobe.d/a.conf";
        let (_kept, root) = tree(file, "options amdgpu noretry=0 noretry=1\n");
        let out = edit(file, 1, "noretry=0", None);
        let other = edit(file, 1, "noretry=0", Some("noretry=1"));
        for edits in [[&out, &other], [&other, &out]] {
            let changes = changes(&root, edits.into_iter());
            assert_eq!(changes[0].after, "options amdgpu noretry=1\n");
        }
    }

    #[test]
    fn a_line_that_no_edit_touched_stays() {
        let file = "/etc/modprobe.d/a.conf";
        // Said to pass nothing, by somebody who may have more to say of it.
        let (_kept, root) = tree(file, "options other\noptions amdgpu a=1 b=2\n");
        let changes = changes(&root, [edit(file, 2, "a=1", None)].iter());
        assert_eq!(changes[0].after, "options other\noptions amdgpu b=2\n");
    }

    #[test]
    fn a_file_of_a_package_is_masked_not_changed() {
        let file = "/usr/lib/modprobe.d/a.conf";
        let (_kept, root) = tree(file, "options amdgpu a=1 b=2\n");
        let edits = [edit(file, 1, "a=1", None)];
        let changes = changes(&root, edits.iter());
        assert_eq!(changes[0].to, "/etc/modprobe.d/a.conf");
        assert_eq!(changes[0].after, "options amdgpu b=2\n");
    }

    #[test]
    fn what_is_not_certain_is_left_alone() {
        let file = "/etc/modprobe.d/a.conf";
        // Without its only option, the first line would take the second along.
        let (_kept, root) = tree(file, "options amdgpu \\\n a=1\n");
        assert_eq!(changes(&root, [edit(file, 2, "a=1", None)].iter()), []);
        // Outside the places that are known.
        let elsewhere = "/proc/cmdline";
        let (_kept, root) = tree(elsewhere, "amdgpu.a=1\n");
        let edits = [edit(elsewhere, 1, "amdgpu.a=1", None)];
        assert_eq!(changes(&root, edits.iter()), []);
    }

    proptest! {
        #[test]
        fn nothing_but_the_word_changes(head in "[a-c =]{0,8}", tail in "[a-c =]{0,8}") {
            let line = format!("{head} x=1 {tail}");
            let new = replace_word(&line, "x=1", Some("y"));
            prop_assert_eq!(new, Some(format!("{head} y {tail}")));
            let new = replace_word(&line, "x=1", None).expect("it is there once");
            let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
            let expected = [words(&head), words(&tail)].concat();
            prop_assert_eq!(words(&new), expected);
        }

        #[test]
        fn no_text_panics(line: String, word: String) {
            replace_word(&line, &word, None);
        }
    }
}
