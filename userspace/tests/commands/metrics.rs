// SPDX-License-Identifier: MIT

//! `status --prometheus`: read by a parser of the text format that shares nothing with what writes
//! it, and by Prometheus' own linter where it is installed.

use crate::status::{enforced, BDF};
use crate::support::Tree;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write;
use std::process::{Command, Stdio};

/// The samples of a text: the metric's name, its labels, its value.
type Samples = BTreeMap<(String, BTreeMap<String, String>), f64>;

/// Reads the text format; panics where the text is not of it, or against the conventions.
pub(crate) fn parse(text: &str) -> Samples {
    let mut samples = Samples::new();
    let mut types = BTreeMap::new();
    let mut helped = BTreeSet::new();
    assert!(text.is_empty() || text.ends_with('\n'));
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, help) = rest.split_once(' ').unwrap();
            assert!(!help.is_empty() && helped.insert(name.to_owned()), "{line}");
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap();
            assert_eq!(kind == "counter", name.ends_with("_total"), "{line}");
            assert!(["counter", "gauge"].contains(&kind), "{line}");
            let again = types.insert(name.to_owned(), kind.to_owned());
            assert_eq!(again, None, "{line}");
        } else {
            let (name, labels, value) = sample(line);
            assert!(
                types.contains_key(&name) && helped.contains(&name),
                "{line}"
            );
            assert!(value.is_finite(), "{line}");
            assert_eq!(samples.insert((name, labels), value), None, "{line}");
        }
    }
    let used: BTreeSet<&String> = samples.keys().map(|(name, _)| name).collect();
    assert!(
        types.keys().eq(used.iter().copied()),
        "a header without a sample"
    );
    samples
}

/// `name{label="value",...} number`
fn sample(line: &str) -> (String, BTreeMap<String, String>, f64) {
    let end = line.find(['{', ' ']).unwrap();
    let (name, mut rest) = line.split_at(end);
    assert!(
        name.starts_with("rmcp_") && name.chars().all(is_of_a_name),
        "{line}"
    );
    let mut labels = BTreeMap::new();
    if let Some(inside) = rest.strip_prefix('{') {
        rest = inside;
        while !rest.starts_with('}') {
            let (label, more) = rest.split_once("=\"").unwrap();
            assert!(label.chars().all(is_of_a_name), "{line}");
            let (value, more) = quoted(more);
            assert_eq!(labels.insert(label.to_owned(), value), None, "{line}");
            rest = more.strip_prefix(',').unwrap_or(more);
        }
        rest = &rest[1..];
    }
    let number = rest.strip_prefix(' ').unwrap();
    (name.to_owned(), labels, number.parse().unwrap())
}

fn is_of_a_name(c: char) -> bool {
    c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_'
}

/// A label's value up to its closing quote, and what follows.
fn quoted(text: &str) -> (String, &str) {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return (value, &text[at + 1..]),
            '\\' => value.push(match chars.next().unwrap().1 {
                'n' => '\n',
                c @ ('"' | '\\') => c,
                c => panic!("\\{c}"),
            }),
            c => value.push(c),
        }
    }
    panic!("no closing quote: {text}");
}

fn metrics(tree: &Tree) -> Samples {
    parse(&tree.run(&["status", "--prometheus"]).out)
}

fn value(samples: &Samples, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
    let has = |of: &BTreeMap<String, String>| {
        let mut labels = labels.iter();
        labels.all(|(name, value)| of.get(*name).is_some_and(|v| v == value))
    };
    let mut found = samples.iter().filter(|((n, of), _)| n == name && has(of));
    let first = found.next().map(|(_, value)| *value);
    assert!(
        found.next().is_none(),
        "{name} with {labels:?} is not one sample"
    );
    first
}

#[test]
fn what_status_says_is_in_the_metrics() {
    let tree = enforced();
    tree.guard(BDF, "mtype_cc_requests", "7")
        .guard(BDF, "mtype_cc_rewritten", "7");
    let samples = metrics(&tree);
    let gpu = [("gpu", BDF), ("chip", "Navi10")];
    for (name, labels, expected) in [
        ("rmcp_read_success", &[][..], 1.0),
        ("rmcp_enforced", &[], 1.0),
        ("rmcp_gpus", &[], 1.0),
        ("rmcp_boot_ordered", &[], 0.0),
        (
            "rmcp_module_info",
            &[("version", "1.0"), ("state", "armed")],
            1.0,
        ),
        (
            "rmcp_gpu_info",
            &[("gfx_target", "gfx1010"), ("driver", "amdgpu")],
            1.0,
        ),
        ("rmcp_gpu_enforced", &gpu, 1.0),
        ("rmcp_noretry", &gpu, 1.0),
        ("rmcp_fragment_size_bytes", &gpu, 2.0 * 1024.0 * 1024.0),
        ("rmcp_mtype_cc_requests_total", &gpu, 7.0),
        ("rmcp_hw_inits_total", &gpu, 1.0),
        ("rmcp_policy_in_force", &[("policy", "mtype_cc")], 1.0),
        ("rmcp_kernel_module_installed", &[("running", "true")], 0.0),
    ] {
        assert_eq!(value(&samples, name, labels), Some(expected), "{name}");
    }
    tree.guard(BDF, "noretry", "0");
    let samples = metrics(&tree);
    assert_eq!(value(&samples, "rmcp_enforced", &[]), Some(0.0));
    let noretry = [("policy", "noretry")];
    assert_eq!(value(&samples, "rmcp_policy_in_force", &noretry), Some(0.0));
}

#[test]
fn a_gpu_that_is_not_rmcps_has_no_metrics() {
    let tree = Tree::new();
    tree.gpu(BDF, "0x744c", [11, 0, 0]);
    let samples = metrics(&tree);
    assert_eq!(value(&samples, "rmcp_gpus", &[]), Some(0.0));
    assert_eq!(value(&samples, "rmcp_gpu_info", &[]), None);
    assert_eq!(tree.run(&["status", "--prometheus"]).code, 3);
}

#[test]
fn text_from_the_system_cannot_break_a_label() {
    let tree = enforced();
    let strange = "a\"} 1\nrmcp_enforced 0 \\";
    tree.write("/sys/module/rmcp/guard/state", strange);
    let samples = metrics(&tree);
    assert_eq!(
        value(&samples, "rmcp_module_info", &[("state", strange)]),
        Some(1.0)
    );
    assert_eq!(value(&samples, "rmcp_enforced", &[]), Some(1.0));
}

#[test]
fn a_file_is_whole_and_tells_of_an_error() {
    let tree = enforced();
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("rmcp.prom");
    let export = || {
        let seen = tree.run(&["status", "--prometheus", "--output", file.to_str().unwrap()]);
        assert_eq!(seen.out, "");
        (seen.code, parse(&fs::read_to_string(&file).unwrap()))
    };
    let (code, samples) = export();
    assert_eq!(
        (code, value(&samples, "rmcp_enforced", &[])),
        (0, Some(1.0))
    );
    tree.guard(BDF, "noretry", "maybe");
    let (code, samples) = export();
    assert_eq!((code, samples.len()), (1, 1));
    assert_eq!(value(&samples, "rmcp_read_success", &[]), Some(0.0));
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
}

#[test]
fn prometheus_own_linter_is_content() {
    let tree = enforced();
    tree.gpu("0000:02:00.0", "0x73bf", [10, 3, 0]);
    let promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut promtool) = promtool else {
        eprintln!("skipped: promtool (Debian: prometheus) is not installed");
        return;
    };
    let text = tree.run(&["status", "--prometheus"]).out;
    let mut input = promtool.stdin.take().unwrap();
    input.write_all(text.as_bytes()).unwrap();
    drop(input);
    let output = promtool.wait_with_output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8(said).unwrap();
    assert!(output.status.success() && said.is_empty(), "{said}{text}");
}
