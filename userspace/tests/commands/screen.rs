// SPDX-License-Identifier: MIT

//! What a person sees of `status`: the very text, its width, its colours.

use crate::status::{enforced, BDF};
use crate::support::{Tree, RELEASE};
use std::process::Command;

/// Two GPUs, one of which does not have what is wanted, on a machine where rmcp is installed.
fn two() -> Tree {
    let tree = enforced();
    tree.gpu("0000:02:00.0", "0x73bf", [10, 3, 0])
        .guarded("0000:02:00.0")
        .guard("0000:02:00.0", "gc_version", "10.3.0")
        .guard("0000:02:00.0", "state", "armed")
        .guard(
            "0000:02:00.0",
            "reason",
            "the driver had initialised this GPU before rmcp was loaded: in effect after the next resume, reset or reboot",
        )
        .guard("0000:02:00.0", "noretry", "0")
        .guard("0000:02:00.0", "mtype_cc_requests", "12345")
        .guard("0000:02:00.0", "mtype_cc_rewritten", "12345")
        .gpu("0000:03:00.0", "0x744c", [11, 0, 0])
        .write("/etc/modprobe.d/rmcp.conf", "softdep amdgpu pre: rmcp")
        .write(&format!("/lib/modules/{RELEASE}/updates/dkms/rmcp.ko.xz"), "");
    tree
}

const TWO: &str = "\
not in effect: 1 of 2 RDNA1/RDNA2 GPUs are enforced

0000:01:00.0  Navi10 (gfx1010, GC 10.1.10)  enforced
  written before amdgpu programmed the memory hubs
  policy         wanted  live                      found
  noretry        1       1                         0
  fragment_size  9       9                         9      amdgpu's own default
                                                          here: rmcp changes
                                                          nothing
  mtype_cc       nc      0 of 0 rewritten          nc     nobody asked for CC:
                                                          rmcp changed nothing

0000:02:00.0  Navi21 (gfx1030, GC 10.3.0)  not in effect
  the driver had initialised this GPU before rmcp was loaded: in effect after
  the next resume, reset or reboot
  policy         wanted  live                      found
  noretry        1       0                         0
  fragment_size  9       9                         9      amdgpu's own default
                                                          here: rmcp changes
                                                          nothing
  mtype_cc       nc      12345 of 12345 rewritten  nc

0000:03:00.0  1002:744c (GC 11.0.0)  not rmcp's
  not GC 10.1.x or 10.3.x: rmcp leaves it alone

module    rmcp 1.0: armed (the probes are in place); enforce=1 fragment_size=9
          mtype_cc=nc noretry=1
amdgpu    loaded with noretry=0 vm_fragment_size=-1 (-1 = amdgpu's choice)
dkms      7.2.12+test (running): rmcp is installed
boot      rmcp is loaded before amdgpu (/etc/modprobe.d/rmcp.conf)
";

const NOTHING: &str = "\
no RDNA1/RDNA2 GPU (GC 10.1.x or 10.3.x) was found

module    rmcp is not loaded
amdgpu    not loaded
dkms      7.2.12+test (running): no rmcp
boot      nothing loads rmcp before amdgpu: run 'rmcp-kctl install'
";

#[test]
fn the_very_text() {
    assert_eq!(two().run(&["status"]).out, TWO);
    assert_eq!(Tree::new().run(&["status"]).out, NOTHING);
}

#[test]
fn quiet_is_for_logins() {
    let quiet = |tree: &Tree| {
        let seen = tree.run(&["status", "--quiet"]);
        (seen.code, seen.out)
    };
    assert_eq!(quiet(&enforced()), (0, String::new()));
    let (code, line) = quiet(&two());
    assert_eq!((code, line.lines().count()), (2, 1));
    assert!(
        line.starts_with("rmcp: not in effect: 1 of 2 ")
            && line.contains("0000:02:00.0: the driver"),
        "{line}"
    );
    assert_eq!(quiet(&Tree::new()).0, 3);
}

#[test]
fn what_cannot_go_together_is_an_error() {
    for together in [
        &["--quiet", "--json"][..],
        &["--quiet", "--watch"],
        &["--prometheus", "--json"],
        &["--output", "x"],
        &["--watch=0"],
    ] {
        let seen = Tree::new().run(&[&["status"], together].concat());
        assert_eq!(seen.code, 1, "{together:?}: {seen:?}");
    }
}

const ESCAPE: char = '\u{1b}';

#[test]
fn colour_is_for_terminals_and_for_those_who_ask() {
    let tree = two();
    assert!(!tree.run(&["status"]).out.contains(ESCAPE));
    let coloured = tree.run(&["--color", "always", "status"]).out;
    assert!(
        coloured.contains("\u{1b}[32menforced\u{1b}[0m"),
        "{coloured:?}"
    );
    let plain = coloured.split(ESCAPE).enumerate().map(|(i, part)| match i {
        0 => part,
        _ => part.split_once('m').unwrap().1,
    });
    assert_eq!(plain.collect::<String>(), TWO);
}

#[test]
fn no_color_is_honoured_on_a_terminal() {
    let tree = two();
    let command = tree.command(&["status"]);
    let words: Vec<&str> = std::iter::once(command.get_program())
        .chain(command.get_args())
        .map(|word| word.to_str().unwrap())
        .collect();
    let on_terminal = |no_color: Option<&str>, term: &str| {
        let mut script = Command::new("script");
        // What else decides of colours. A test in CI has `CI`, which stands in for a terminal.
        for variable in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "CI"] {
            script.env_remove(variable);
        }
        script
            .args([
                "--quiet",
                "--return",
                "--command",
                &words.join(" "),
                "/dev/null",
            ])
            .env("TERM", term)
            .envs(no_color.map(|value| ("NO_COLOR", value)));
        let output = script.output().ok()?;
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        Some(String::from_utf8(output.stdout).unwrap())
    };
    let Some(coloured) = on_terminal(None, "xterm") else {
        eprintln!("skipped: script (util-linux) is not installed, to make a terminal with");
        return;
    };
    assert!(coloured.contains(ESCAPE));
    for (no_color, term) in [(Some("1"), "xterm"), (None, "dumb")] {
        let plain = on_terminal(no_color, term).unwrap();
        assert_eq!(plain.replace('\r', ""), TWO);
    }
}

/// What is written in a picture: the text of its lines.
fn text_of(svg: &str) -> String {
    let lines = svg.split("<tspan x=").skip(1);
    let line = |svg: &str| {
        let tags = svg.split('<').map(|part| match part.split_once('>') {
            Some((_, text)) => text,
            None => part,
        });
        let text: String = tags.collect();
        let text = text.split('\n').next().unwrap_or_default().to_owned();
        text.replace("&lt;", "<")
            .replace("&gt;", ">")
            .replace("&amp;", "&")
    };
    let lines: Vec<String> = lines.map(|svg| line(svg).trim_end().to_owned()).collect();
    lines.join("\n").trim_end().to_owned() + "\n"
}

/// The picture is of a real machine; the same machine as a tree looks the same now.
#[test]
fn the_picture_in_the_readme_shows_what_is_printed_now() {
    let picture = text_of(include_str!("../../../docs/status.svg"));
    let release = "7.2.12+deb13-amd64";
    let tree = enforced();
    std::fs::remove_dir_all(tree.path("/lib/modules")).unwrap();
    tree.write("/proc/sys/kernel/osrelease", release)
        .write("/etc/modprobe.d/rmcp.conf", "softdep amdgpu pre: rmcp")
        .write(&format!("/lib/modules/{release}/kernel/x"), "")
        .write(
            &format!("/lib/modules/{release}/updates/dkms/rmcp.ko.xz"),
            "",
        );
    assert!(picture.contains(BDF), "{picture}");
    assert_eq!(
        picture,
        tree.run(&["status"]).out,
        "make it anew: see README.md"
    );
}
