// SPDX-License-Identifier: MIT

//! Completions and manual pages, as the programs that they are for read them.

use crate::support::{Outcome, Tree};
use std::fs;
use std::process::{Command, Stdio};

fn run(arguments: &[&str]) -> Outcome {
    let seen = Tree::new().run(arguments);
    assert_eq!(seen.code, 0, "{seen:?}");
    seen
}

/// The output of a program and whether it ended well; `None`, which is said, where it is missing.
fn output(program: &str, arguments: &[&str]) -> Option<(bool, String)> {
    let output = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .env("MANWIDTH", "80")
        .output();
    let Ok(output) = output else {
        eprintln!("skipped: {program} is not installed");
        return None;
    };
    let said = [output.stdout, output.stderr].concat();
    Some((
        output.status.success(),
        String::from_utf8_lossy(&said).into_owned(),
    ))
}

#[test]
fn every_shell_takes_its_completions() {
    for shell in ["bash", "zsh", "fish"] {
        let script = run(&["completions", shell]).out;
        assert!(script.contains("prometheus"), "{script}");
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(&file, &script).unwrap();
        let path = file.path().to_str().unwrap();
        if let Some(said) = output(shell, &["-n", path]) {
            assert_eq!(said, (true, String::new()), "{shell}");
        }
    }
    assert_eq!(Tree::new().run(&["completions", "tcsh"]).code, 1);
}

#[test]
fn bash_completes_a_command_and_its_options() {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(&file, run(&["completions", "bash"]).out).unwrap();
    let complete = |words: &str| {
        let script = format!(
            "source {}; function=$(complete -p rmcp-kctl | sed 's/.*-F \\([^ ]*\\) .*/\\1/'); \
             COMP_WORDS=(rmcp-kctl {words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); \
             $function rmcp-kctl ${{COMP_WORDS[-1]}} ${{COMP_WORDS[-2]}}; echo ${{COMPREPLY[@]}}",
            file.path().display()
        );
        output("bash", &["-c", &script])
    };
    for (words, expected) in [("sta", "status\n"), ("status --prom", "--prometheus\n")] {
        if let Some(said) = complete(words) {
            assert_eq!(said, (true, expected.to_owned()), "{words}");
        }
    }
}

#[test]
fn every_command_has_a_manual_page_that_can_be_read() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().to_str().unwrap();
    run(&["man", "--output", path]);
    let mut pages: Vec<String> = fs::read_dir(directory.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    pages.sort();
    assert_eq!(pages[0], "rmcp-kctl-completions.1");
    assert_eq!(pages.last().unwrap(), "rmcp-kctl.1");
    for page in &pages {
        let page = format!("{path}/{page}");
        if let Some((fine, text)) = output("man", &["--warnings", "-l", &page]) {
            assert!(
                fine && text.contains("SYNOPSIS") && !text.contains("warning:"),
                "{page}: {text}"
            );
        }
        if let Some((_, said)) = output("mandoc", &["-T", "lint", "-W", "error", &page]) {
            assert_eq!(said, "", "{page}");
        }
    }
    let status = fs::read_to_string(format!("{path}/rmcp-kctl-status.1")).unwrap();
    assert!(status.contains("Exit codes"), "{status}");
    assert!(run(&["man"]).out.contains("rmcp\\-kctl"));
}

#[test]
fn the_source_is_what_install_expects() {
    let directory = tempfile::tempdir().unwrap();
    run(&["source", "--output", directory.path().to_str().unwrap()]);
    assert!(rmcp_kctl::source::is_in(directory.path()));
}
