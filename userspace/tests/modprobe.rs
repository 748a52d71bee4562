// SPDX-License-Identifier: MIT

//! The reader of modprobe.d and of the kernel's command line against the real `modprobe
//! --showconfig`, on generated trees. Where there is no modprobe, or the command line cannot be
//! replaced for it, the test says so and does nothing; in CI that is a failure.

use proptest::prelude::*;
use rmcp_kctl::cmdline::module_options;
use rmcp_kctl::modprobe::{Config, Directive, Kind};
use rmcp_kctl::root::Root;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

const RELEASE: &str = "7.2.12+test";
/// Below the tree; the order is that of precedence.
const DIRECTORIES: [&str; 3] = ["/etc/modprobe.d", "/run/modprobe.d", "/usr/lib/modprobe.d"];

fn skip(why: &str) {
    let in_ci = std::env::var_os("CI").is_some();
    assert!(!in_ci, "not compared with modprobe: {why}");
    eprintln!("skipped: {why}");
}

fn modprobe() -> Option<PathBuf> {
    let found = ["/sbin", "/usr/sbin", "/usr/bin"]
        .iter()
        .map(|directory| Path::new(directory).join("modprobe"))
        .find(|path| path.is_file());
    if found.is_none() {
        skip("there is none on this machine");
    }
    found
}

/// What modprobe says, without the aliases and symbols of the kernel's index, and without white
/// space, which it writes in its own way.
fn showconfig(mut command: Command, tree: &Path) -> Option<Vec<String>> {
    let output = command
        .arg("--showconfig")
        .arg("--dirname")
        .arg(tree)
        .args(["--set-version", RELEASE])
        .args(DIRECTORIES.iter().flat_map(|directory| {
            [
                "--config".into(),
                tree.join(&directory[1..]).into_os_string(),
            ]
        }))
        .output()
        .unwrap();
    if !output.status.success() {
        skip(String::from_utf8_lossy(&output.stderr).trim());
        return None;
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let (config, _) = text.split_once("\n# End of configuration files.").unwrap();
    Some(
        config
            .split('\n')
            .filter(|line| !line.is_empty() && !line.starts_with("remove "))
            .filter(|line| !line.starts_with("weakdep "))
            .map(without_blanks)
            .collect(),
    )
}

fn without_blanks(line: &str) -> String {
    line.split_ascii_whitespace().collect()
}

/// The same from what was read here: kind by kind, as modprobe prints it.
fn shown(config: &Config) -> Vec<String> {
    let of = |kind: fn(&Kind) -> Option<String>| {
        config
            .directives
            .iter()
            .filter_map(move |directive: &Directive| kind(&directive.kind))
    };
    let blacklists = of(|kind| match kind {
        Kind::Blacklist { module } => Some(format!("blacklist {module}")),
        _ => None,
    });
    let installs = of(|kind| match kind {
        Kind::Install { module, command } => Some(format!("install {module} {command}")),
        _ => None,
    });
    let aliases = of(|kind| match kind {
        Kind::Alias { name, module } => Some(format!("alias {name} {module}")),
        _ => None,
    });
    let options = of(|kind| match kind {
        Kind::Options { module, arguments } => {
            Some(format!("options {module} {}", arguments.text()))
        }
        _ => None,
    });
    let softdeps = of(|kind| match kind {
        Kind::Softdep(softdep) => {
            let list = |name: &str, names: &[String]| match names {
                [] => String::new(),
                names => format!("{name} {}", names.join(" ")),
            };
            let (pre, post) = (list("pre:", &softdep.pre), list("post:", &softdep.post));
            Some(format!("softdep {} {pre} {post}", softdep.module))
        }
        _ => None,
    });
    blacklists
        .chain(installs)
        .chain(aliases)
        .chain(options)
        .chain(softdeps)
        .map(|line| without_blanks(&line))
        .collect()
}

fn line() -> impl Strategy<Value = String> {
    prop_oneof![
        2 => any_line(),
        1 => "softdep {1,2}(amdgpu|a\\*)( {1,3}(pre:|post:|rmcp|b)){1,4}\n",
    ]
}

fn any_line() -> impl Strategy<Value = String> {
    let word = prop_oneof![
        Just("amdgpu"),
        Just("amd-gpu"),
        Just("rmcp"),
        Just("a[0-9-]b"),
        Just("a]"),
        Just("noretry=0"),
        Just("x=\"1 2\""),
        Just("pre:"),
        Just("post:"),
        Just("#"),
        Just("\\\n"),
        Just("\\x"),
        Just("ä"),
        Just("options"),
    ];
    let command = prop_oneof![
        3 => Just("options"),
        2 => Just("softdep"),
        1 => Just("blacklist"),
        1 => Just("install"),
        1 => Just("alias"),
        1 => Just("remove"),
        1 => Just("#"),
        1 => Just("option"),
        1 => Just(""),
    ];
    let blank = prop_oneof![6 => Just(" "), 1 => Just("  "), 1 => Just("\t"), 1 => Just("   ")];
    let words = prop::collection::vec((blank, word), 0..6);
    (
        prop_oneof![8 => Just(""), 1 => Just(" ")],
        command,
        words,
        prop_oneof![8 => Just(""), 1 => Just(" "), 1 => Just("\r")],
    )
        .prop_map(|(before, command, words, after)| {
            let words: String = words.iter().flat_map(|(b, w)| [*b, *w]).collect();
            format!("{before}{command}{words}{after}\n")
        })
}

/// Files: the directory, the name, the text.
fn files() -> impl Strategy<Value = Vec<(usize, &'static str, String)>> {
    let name = prop_oneof![
        Just("a.conf"),
        Just("b.conf"),
        Just("z.conf"),
        Just("0.conf"),
        Just(".hidden.conf"),
        Just(".conf"),
        Just("a.conf.old"),
        Just("readme"),
    ];
    let text = prop::collection::vec(line(), 0..5).prop_map(|lines| lines.concat());
    prop::collection::vec((0..DIRECTORIES.len(), name, text), 0..6)
}

fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// A tree without a line of modprobe.d.
fn empty_tree() -> tempfile::TempDir {
    let tree = tempfile::tempdir().unwrap();
    for directory in DIRECTORIES {
        fs::create_dir_all(tree.path().join(&directory[1..])).unwrap();
    }
    fs::create_dir_all(tree.path().join(format!("lib/modules/{RELEASE}"))).unwrap();
    tree
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn modprobe_d_is_read_as_modprobe_reads_it(files in files(), softdeps in "(softdep (amdgpu|b) pre: (rmcp|x)\n){0,2}") {
        let Some(modprobe) = modprobe() else { return Ok(()) };
        let tree = empty_tree();
        // This machine's own command line comes after everything else.
        static OWN: OnceLock<Option<Vec<String>>> = OnceLock::new();
        let own = OWN.get_or_init(|| showconfig(Command::new(&modprobe), tree.path()));
        let Some(own) = own else { return Ok(()) };
        for (directory, name, text) in &files {
            write(&tree.path().join(&DIRECTORIES[*directory][1..]).join(name), text);
        }
        write(&tree.path().join(format!("lib/modules/{RELEASE}/modules.softdep")), &softdeps);
        let Some(mut theirs) = showconfig(Command::new(&modprobe), tree.path()) else { return Ok(()) };
        for line in own {
            let at = theirs.iter().rposition(|other| other == line).unwrap();
            theirs.remove(at);
        }
        let root = Root::new(tree.path());
        let ours = Config::read_directories(&root, &DIRECTORIES, Some(RELEASE));
        prop_assert_eq!(shown(&ours), theirs);
    }

    #[test]
    fn the_command_line_is_read_as_modprobe_reads_it(line in "(amdgpu|rmcp|snd-hda|a\\[|quiet|\\.|\\.|=|=|\"| | |,|noretry|1|\t){0,24}") {
        let Some(modprobe) = modprobe() else { return Ok(()) };
        let tree = empty_tree();
        let file = tree.path().join("cmdline");
        fs::write(&file, format!("{line}\n")).unwrap();
        let mut command = Command::new("unshare");
        command
            .args(["--map-root-user", "--mount", "sh", "-c"])
            .arg("mount --bind \"$0\" /proc/cmdline && exec \"$@\"")
            .args([&file, &modprobe]);
        let Some(theirs) = showconfig(command, tree.path()) else { return Ok(()) };
        let ours: Vec<String> = module_options(&line)
            .into_iter()
            .filter(|option| option.module != "modprobe")
            .map(|option| without_blanks(&format!("options {} {}", option.module, option.argument)))
            .collect();
        prop_assert_eq!(ours, theirs);
    }
}
