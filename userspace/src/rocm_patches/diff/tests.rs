// SPDX-License-Identifier: MIT

use super::*;
use proptest::prelude::*;

/// A patch of one hunk that turns `two` into `2`.
const PATCH: &str =
    "Subject: x\n\n--- a/f.c\n+++ b/f.c\n@@ -2,3 +2,3 @@ f()\n one\n-two\n+2\n three\n";

fn one(patch: &str) -> FileDiff {
    FileDiff::parse(patch.as_bytes()).unwrap().remove(0)
}

fn apply(patch: &str, text: &str) -> (Vec<Place>, Option<String>) {
    let (places, after) = one(patch).apply(Some(text.as_bytes()));
    let after = after.map(|after| String::from_utf8(after.unwrap()).unwrap());
    (places, after)
}

fn fits(line: usize, offset: isize) -> Vec<Place> {
    vec![Place::Fits { line, offset }]
}

fn nowhere(patch: &str, text: &str) -> (usize, String) {
    match apply(patch, text) {
        (places, None) => match places.as_slice() {
            [Place::Nowhere { line, why }] => (*line, why.clone()),
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_hunk_fits_where_it_says_or_at_the_only_other_place() {
    let text = "zero\none\ntwo\nthree\n";
    let after = "zero\none\n2\nthree\n";
    assert_eq!(apply(PATCH, text), (fits(2, 0), Some(after.to_owned())));
    let further = format!("more\nmore\n{text}");
    let after = format!("more\nmore\n{after}");
    assert_eq!(apply(PATCH, &further), (fits(4, 2), Some(after)));
    assert_eq!(apply(PATCH, "one\ntwo\nthree\n").0, fits(1, -1));
    // Of two places the one that the patch names.
    assert_eq!(apply(PATCH, &format!("{text}{text}")).0, fits(2, 0));
    let (line, why) = nowhere(PATCH, &format!("x\n{text}{text}"));
    assert_eq!(line, 2);
    assert!(why.contains("line 3 as well as at line 7"), "{why}");
}

#[test]
fn nothing_is_taken_for_like_enough() {
    for (text, line, words) in [
        (
            "zero\none\ntwo \nthree\n",
            3,
            "found \"two \", expected \"two\"",
        ),
        ("zero\none\ntwo\r\nthree\n", 3, "found \"two\\r\""),
        (
            "zero\none\ntwo\n",
            4,
            "the file ends after line 3; expected \"three\"",
        ),
        ("zero\none\ntwo\nthree", 4, "\"three\""),
        ("", 2, "the file ends after line 0"),
    ] {
        let (found, why) = nowhere(PATCH, text);
        assert_eq!(found, line, "{text:?}");
        assert!(why.contains(words), "{why}");
    }
    let (_, why) = {
        let insertion = "--- a/f\n+++ b/f\n@@ -1,0 +2 @@\n+x\n";
        nowhere(insertion, "a\nb\n")
    };
    assert!(why.contains("no line around it"), "{why}");
}

#[test]
fn files_come_and_go() {
    let create = "diff --git a/n b/n\nnew file mode 100755\n--- /dev/null\n+++ b/n\n@@ -0,0 +1 @@\n+x\n\\ No newline at end of file\n";
    let diff = one(create);
    assert_eq!((diff.path.as_str(), diff.kind), ("n", Kind::Create(0o755)));
    assert_eq!(diff.apply(None).1, Some(Some(b"x".to_vec())));
    assert_eq!(diff.apply(Some(b"")).1, None);
    let delete = diff.reversed();
    assert_eq!(delete.apply(Some(b"x")).1, Some(None));
    assert_eq!(delete.apply(Some(b"x\nmore")).1, None);
    assert_eq!(delete.apply(None).1, None);
    assert_eq!(one(PATCH).apply(None).1, None);
}

#[test]
fn what_is_not_done_is_refused() {
    for (patch, words) in [
        (
            "diff --git a/n b/m\nsimilarity index 100%\nrename from n\nrename to m\n",
            "renames",
        ),
        (
            "diff --git a/n b/n\nold mode 100644\nnew mode 100755\n",
            "not a change of lines",
        ),
        (
            "--- a/../n\n+++ b/../n\n@@ -1 +1 @@\n-a\n+b\n",
            "no path below",
        ),
        (
            "--- //etc/passwd\n+++ //etc/passwd\n@@ -1 +1 @@\n-a\n+b\n",
            "no path below",
        ),
        (
            "--- a/n\n+++ b/n\n@@ -1,5 +1 @@\n-a\n+b\n",
            "does not match",
        ),
        ("words", "no valid patches"),
    ] {
        let error = FileDiff::parse(patch.as_bytes()).unwrap_err();
        assert!(error.contains(words), "{error}");
    }
}

fn text() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(prop::sample::select(&b"ab\n\r \xff"[..]), 0..60)
}

proptest! {
    #[test]
    fn no_patch_panics(patch: Vec<u8>, file: Vec<u8>) {
        for diff in FileDiff::parse(&patch).unwrap_or_default() {
            diff.apply(Some(&file));
        }
    }

    #[test]
    fn nor_does_one_that_looks_like_one(
        body in "(@@ -[0-9]{1,20}(,[0-9]{1,20})? \\+[0-9]{1,3}(,[0-9])? @@\n|[-+ \\\\][ab]?\n|diff --git a/f b/f\n|--- a/f\n\\+\\+\\+ b/f\n){0,12}",
        file in text(),
    ) {
        let patch = format!("--- a/f\n+++ b/f\n{body}");
        for diff in FileDiff::parse(patch.as_bytes()).unwrap_or_default() {
            diff.apply(Some(&file));
            diff.reversed().apply(Some(&file));
        }
    }

    #[test]
    fn what_is_applied_can_be_taken_back(before in text(), after in text()) {
        let mut options = diffy::DiffOptions::new();
        options.set_context_len(3);
        let mut patch = Vec::new();
        options.set_original_filename("a/f").set_modified_filename("b/f");
        patch.extend(options.create_patch_bytes(&before, &after).to_bytes());
        prop_assume!(before != after);
        let diff = FileDiff::parse(&patch).unwrap().remove(0);
        if let (_, Some(applied)) = diff.apply(Some(&before)) {
            let applied = applied.unwrap();
            prop_assert_eq!(&applied, &after);
            if let (_, Some(back)) = diff.reversed().apply(Some(&applied)) {
                prop_assert_eq!(back.unwrap(), before);
            }
        } else {
            // Only where nothing tells the place.
            prop_assert!(diff.hunks.iter().any(|hunk| hunk.old.is_empty()));
        }
    }
}
