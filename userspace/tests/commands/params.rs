// SPDX-License-Identifier: MIT

//! `rmcp-kctl params` on trees with a modprobe.d of every kind.

use crate::support::{Outcome, Tree};
use rmcp_kctl::report::printable;
use serde_json::Value;
use std::fs;

const CONF: &str = "/etc/modprobe.d/amdgpu.conf";

/// A system whose amdgpu has some of the parameters of Linux 7.2, with their types.
fn system() -> Tree {
    let tree = Tree::new();
    tree.amdgpu_ko(
        &[
            ("noretry", "int", "Disable retry faults"),
            ("vm_fragment_size", "int", "VM fragment size in bits"),
            ("gttsize", "int", "Size of the GTT userspace domain"),
            ("gartsize", "uint", "Size of kernel GART"),
            ("ppfeaturemask", "hexint", "all power features enabled"),
            ("virtual_display", "charp", "Enable virtual display"),
            ("modeset", "int", "Override nomodeset"),
            ("odd", "odd_type", "Of a type that is not known"),
        ],
        "Configuring gttsize via module parameter is deprecated, please use ttm.pages_limit\n\0",
    )
    .write("/proc/cmdline", "root=/dev/sda1 quiet")
    .initramfs(&[("init", "")]);
    tree
}

/// A system with this in its only file of modprobe.d.
fn with(text: &str) -> Tree {
    let tree = system();
    tree.write(CONF, text);
    tree
}

/// The check, seen to be the same in text and in JSON.
fn check(tree: &Tree) -> Outcome {
    let text = tree.run(&["params", "check"]);
    let seen = tree.run(&["params", "check", "--json"]);
    assert_eq!(text.code, seen.code, "{text:?}");
    let json = seen.json();
    assert_eq!(json["exit_code"], seen.code);
    assert_eq!(text.out.lines().next(), json["summary"].as_str());
    let list = |name: &str| json[name].as_array().unwrap().clone();
    let word = |of: &Value, name: &str| {
        let word = of[name].as_str().unwrap_or_default().to_owned();
        assert!(!word.is_empty(), "{name}: {of}");
        word
    };
    let mut parts = Vec::new();
    for finding in list("findings") {
        let word = |name| word(&finding, name);
        let line = finding["line"].as_u64().map(|line| format!(":{line}"));
        let place = word("file") + &line.unwrap_or_default();
        parts.push([word("severity"), place, word("rule")].concat());
        let texts = [
            ("found", "found"),
            ("why", "why"),
            ("do", "todo"),
            ("source", "source"),
        ];
        parts.extend(texts.map(|(label, name)| label.to_owned() + &word(name)));
    }
    for skipped in list("skipped") {
        let (rule, why) = (word(&skipped, "rule"), word(&skipped, "why"));
        parts.push(format!("skipped{rule}:{why}"));
    }
    parts.extend(list("changes").iter().map(|change| word(change, "diff")));
    // Where the text has its line breaks is its own matter.
    let squeezed = |text: &str| printable(&text.split_whitespace().collect::<String>());
    let shown = squeezed(&text.out);
    for part in parts {
        assert!(shown.contains(&squeezed(&part)), "{part}: {text:?}");
    }
    for line in text.out.lines() {
        // Names of files may be longer.
        let longer = line.starts_with(['+', '-']) || line.contains("/etc/");
        assert!(longer || line.chars().count() <= 80, "{line}");
    }
    text
}

/// The rules that found something, with the severity and the line.
fn rules(tree: &Tree) -> Vec<String> {
    check(tree);
    tree.run(&["params", "check", "--json"]).json()["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|finding| {
            let word = |name: &str| finding[name].as_str().unwrap_or_default().to_owned();
            let line = &finding["line"];
            format!("{} {} {line}", word("severity"), word("rule"))
        })
        .collect()
}

/// The whole text of what `params fix` makes of the file.
fn fixed(tree: &Tree, file: &str) -> String {
    let seen = tree.run(&["params", "fix", "--yes"]);
    assert_eq!(seen.code, 0, "{seen:?}");
    fs::read_to_string(tree.path(file)).unwrap()
}

#[test]
fn nothing_set_is_nothing_to_complain_about() {
    let tree = system();
    let seen = check(&tree);
    assert_eq!(
        (seen.code, seen.out.as_str()),
        (0, "nothing to complain about\n")
    );
    let tree = with("# only a comment\n\noptions amdgpu noretry=1 vm_fragment_size=9");
    assert_eq!(rules(&tree), Vec::<String>::new());
}

#[test]
fn folklore_is_found_and_mended() {
    let tree = with(
        "# from a forum\n\
         options amdgpu noretry=0 gtt_size=8192\n\
         options amdgpu vm_fragment_size=21 gartsize=-1",
    );
    assert_eq!(
        rules(&tree),
        [
            "error not-parsable 3",
            "warning unknown-name 2",
            "warning wrong-reading 2",
            "warning out-of-range 3",
        ]
    );
    let seen = check(&tree);
    assert_eq!(seen.code, 2);
    assert!(
        seen.out.starts_with("1 error, 3 warnings\n"),
        "{}",
        seen.out
    );
    let unknown = seen.out.find("unknown-name").unwrap();
    assert!(
        seen.out[unknown..].contains("gttsize (Size of the GTT"),
        "{}",
        seen.out
    );
    assert!(
        seen.out.contains("+options amdgpu noretry=1\n"),
        "{}",
        seen.out
    );
    assert_eq!(
        fixed(&tree, CONF),
        "# from a forum\noptions amdgpu noretry=1\n"
    );
    assert_eq!(check(&tree).code, 0);
}

#[test]
fn the_whole_text_of_a_finding() {
    let tree = with("options amdgpu noretry=0");
    let seen = check(&tree);
    assert_eq!(
        seen.out,
        "1 warning\n\
         \n\
         warning  /etc/modprobe.d/amdgpu.conf:1  wrong-reading\n  \
         found  noretry=0: this turns retries on, not off\n  \
         why    with 0 the GPU repeats a faulting access instead of reporting it, so\n         \
         that a job may hang without a word. 1 turns retries off, and is\n         \
         amdgpu's own choice on RDNA1 and RDNA2 since Linux 7.2. Where rmcp is\n         \
         in force, its own noretry decides, which is 1 unless it is set\n  \
         do     write noretry=1, or remove it\n  \
         source Linux 7.2, amdgpu_gmc.c, amdgpu_gmc_noretry_set; gfxhub_v2_0.c,\n         \
         gfxhub_v2_0_setup_vmid_config\n\
         \n\
         This change mends what needs no decision; 'rmcp-kctl params fix' makes it:\n\
         \n\
         --- a/etc/modprobe.d/amdgpu.conf\n\
         +++ b/etc/modprobe.d/amdgpu.conf\n\
         @@ -1 +1 @@\n\
         -options amdgpu noretry=0\n\
         +options amdgpu noretry=1\n"
    );
}

#[test]
fn the_older_file_is_kept_and_never_overwritten() {
    let tree = with("options amdgpu noretry=0");
    let kept = |name: &str| fs::read_to_string(tree.path(&format!("{CONF}{name}"))).ok();
    let dry = tree.run(&["params", "fix", "--dry-run"]);
    assert!(dry.out.contains("+options amdgpu noretry=1"), "{dry:?}");
    assert_eq!(kept(".rmcp-old"), None);
    // Nobody can be asked here.
    let refused = tree.run(&["params", "fix"]);
    assert_eq!(refused.code, 1);
    assert_eq!(kept(".rmcp-old"), None);

    fixed(&tree, CONF);
    assert_eq!(kept(".rmcp-old").unwrap(), "options amdgpu noretry=0\n");
    tree.write(CONF, "options amdgpu nosuch=1 noretry=1");
    fixed(&tree, CONF);
    assert_eq!(kept(".rmcp-old").unwrap(), "options amdgpu noretry=0\n");
    assert_eq!(
        kept(".rmcp-old-2").unwrap(),
        "options amdgpu nosuch=1 noretry=1\n"
    );
}

#[test]
fn a_fix_that_changes_nothing_says_why() {
    let told = |tree: &Tree| tree.run(&["params", "fix", "--yes"]).out;
    let nothing = "nothing has to be mended\n";
    assert_eq!(told(&with("options amdgpu noretry=1")), nothing);
    // A note asks for nothing.
    assert_eq!(told(&with("options rmcp enforce=0")), nothing);
    assert_eq!(
        told(&with("blacklist amdgpu")),
        "nothing that can be mended without a decision: see 'rmcp-kctl params check'\n"
    );
    let tree = with("options amdgpu noretry=0");
    tree.write("/lib/modules/7.3.0/kernel/x", "");
    assert!(told(&tree).starts_with("nothing that can be mended without"));
    tree.write(CONF, "options amdgpu noretry=1");
    assert_eq!(
        told(&tree),
        "nothing has to be mended; 2 checks skipped: see 'rmcp-kctl params check'\n"
    );
}

#[test]
fn a_file_of_a_package_is_masked_in_etc() {
    let tree = system();
    let file = "/usr/lib/modprobe.d/vendor.conf";
    tree.write(file, "options amdgpu noretry=0");
    assert_eq!(
        fixed(&tree, "/etc/modprobe.d/vendor.conf"),
        "options amdgpu noretry=1\n"
    );
    let package = fs::read_to_string(tree.path(file)).unwrap();
    assert_eq!(package, "options amdgpu noretry=0\n");
    assert_eq!(check(&tree).code, 0);
}

#[test]
fn what_to_run_next_is_that_of_the_files_that_were_changed() {
    let next = |file: &str, text: &str| {
        let tree = system();
        tree.write("/etc/default/grub", "")
            .write("/proc/cmdline", "quiet amdgpu.noretry=0")
            .write(file, text);
        let seen = tree.run(&["params", "fix", "--yes"]);
        let last = seen.err.lines().last().unwrap_or_default();
        last.strip_prefix("done. Next: ").unwrap().to_owned()
    };
    let images =
        "where amdgpu is loaded from the initramfs, rebuild that (update-initramfs -u -k all, \
                  dracut --force --regenerate-all, or mkinitcpio -P)";
    let grub = "run update-grub (Debian), grub2-mkconfig -o /boot/grub2/grub.cfg \
                --update-bls-cmdline (Fedora), or grub-mkconfig -o /boot/grub/grub.cfg";
    let line = "GRUB_CMDLINE_LINUX=\"amdgpu.noretry=0\"";
    for (file, text, expected) in [
        (CONF, "options amdgpu nosuch=1", images),
        ("/etc/default/grub", line, grub),
        ("/etc/default/grub.d/a.cfg", line, grub),
        (
            "/etc/kernel/cmdline",
            "amdgpu.noretry=0",
            "run kernel-install add-all",
        ),
    ] {
        assert_eq!(
            next(file, text),
            format!("{expected}; then reboot"),
            "{file}"
        );
    }
}

#[test]
fn values_that_the_kernel_refuses() {
    for text in [
        "noretry=auto",
        "noretry",
        "gartsize=-1",
        "noretry=0x1ffffffff",
    ] {
        let tree = with(&format!("options amdgpu {text}"));
        assert_eq!(rules(&tree), ["error not-parsable 1"], "{text}");
    }
    for text in [
        "noretry=0x1",
        "virtual_display=\"0000:01:00.0,1;x\"",
        "dyndbg=+p",
    ] {
        let tree = with(&format!("options amdgpu {text}"));
        assert_eq!(check(&tree).code, 0, "{text}");
    }
}

#[test]
fn gttsize_is_deprecated_where_the_driver_says_so() {
    let tree = with("options amdgpu gttsize=8192");
    assert_eq!(rules(&tree), ["warning deprecated 1"]);
    assert!(check(&tree).out.contains("pages_limit=2097152"));
    tree.amdgpu_ko(&[("gttsize", "int", "Size")], "");
    assert_eq!(rules(&tree), Vec::<String>::new());
    tree.write(CONF, "options amdgpu gttsize=16");
    assert_eq!(rules(&tree), ["warning out-of-range 1"]);
}

#[test]
fn rmcps_own_parameters() {
    let tree = with("options rmcp noretry=2 fragmentsize=9\noptions rmcp enforce=0 mtype-cc=uc");
    assert_eq!(
        rules(&tree),
        [
            "error not-parsable 1",
            "warning unknown-name 1",
            "note report-only 2"
        ]
    );
    assert!(check(&tree).out.contains("fragment_size"));
    assert_eq!(fixed(&tree, CONF), "options rmcp enforce=0 mtype-cc=uc\n");
    // The words of a comment are no parameters: that there is a # is all that is said.
    let text = "options rmcp enforce=1 # only for tests";
    let tree = with(text);
    assert_eq!(rules(&tree), ["warning comment-in-options 1"]);
    assert_eq!(fixed(&tree, CONF).trim_end(), text);
}

#[test]
fn without_amdgpu_ko_the_rules_are_skipped_and_say_so() {
    let tree = Tree::new();
    tree.write(CONF, "options amdgpu nosuch=1 noretry=0");
    let seen = check(&tree);
    assert_eq!(seen.code, 0, "{seen:?}");
    assert!(
        seen.out
            .starts_with("nothing to complain about; 2 checks skipped"),
        "{seen:?}"
    );
    assert!(seen.out.contains("has no amdgpu.ko"), "{seen:?}");
    let tree = with("options amdgpu odd=1");
    let seen = check(&tree);
    assert!(
        seen.out.contains("a parameter of type odd_type"),
        "{seen:?}"
    );
}

#[test]
fn what_not_every_kernel_says_is_left_to_a_person() {
    let text = "options amdgpu newer=1 noretry=auto\noptions amdgpu vm_fragment_size=21\n";
    let tree = with(text);
    let unread = "/lib/modules/7.3.0/kernel/x";
    tree.write(unread, "");
    assert_eq!(
        rules(&tree),
        [
            "error not-parsable 1",
            "warning unknown-name 1",
            "warning out-of-range 2",
        ]
    );
    let seen = check(&tree).out;
    assert!(seen.contains("7.3.0 has no amdgpu.ko"), "{seen}");
    assert_eq!(fixed(&tree, CONF).trim_end(), text.trim_end());
    // Another kernel whose amdgpu can be read, and says the same.
    tree.amdgpu_ko_of(
        "7.3.0",
        &[("noretry", "int", ""), ("vm_fragment_size", "int", "")],
        "",
    );
    assert_eq!(fixed(&tree, CONF).trim_end(), "");

    let text = "options amdgpu enforce_isolation=2";
    let tree = with(text);
    tree.amdgpu_ko(&[("enforce_isolation", "int", "")], "")
        .amdgpu_ko_of("6.6.1", &[("enforce_isolation", "bool", "")], "")
        .write("/lib/modules/6.6.1/kernel/x", "");
    assert_eq!(rules(&tree), ["error not-parsable 1"]);
    assert_eq!(fixed(&tree, CONF).trim_end(), text);
    // Of a type that is not known.
    tree.amdgpu_ko(&[("enforce_isolation", "odd_type", "")], "");
    assert_eq!(rules(&tree), ["error not-parsable 1"]);
    assert_eq!(fixed(&tree, CONF).trim_end(), text);
    // One that does not know it at all, and loses nothing.
    tree.amdgpu_ko(&[("noretry", "int", "")], "");
    assert_eq!(fixed(&tree, CONF).trim_end(), "");
}

#[test]
fn the_last_setting_wins_and_the_command_line_comes_last() {
    let tree = with("options amdgpu noretry=-1");
    tree.write("/etc/modprobe.d/z.conf", "options amdgpu noretry=1");
    assert_eq!(rules(&tree), ["warning set-twice 1"]);
    assert!(check(&tree)
        .out
        .contains("overridden by noretry=1 at /etc/modprobe.d/z.conf:1"));

    tree.write("/proc/cmdline", "quiet amdgpu.noretry=1");
    assert_eq!(
        rules(&tree),
        ["warning set-twice 1", "note set-twice 1"],
        "the second says the same as the command line"
    );
    let listed = tree.run(&["params", "list"]);
    assert_eq!(
        listed.out,
        "amdgpu.noretry=-1  overridden  live: ?  /etc/modprobe.d/amdgpu.conf:1\n\
         amdgpu.noretry=1   overridden  live: ?  /etc/modprobe.d/z.conf:1\n\
         amdgpu.noretry=1   wins        live: ?  /proc/cmdline\n"
    );
    let listed = tree.run(&["params", "list", "--json"]).json();
    assert_eq!(listed[2]["wins"], true);
    assert_eq!(listed[2]["origin"], "running");
}

#[test]
fn a_setting_that_counts_in_some_boot_is_not_taken_out() {
    let text = "options amdgpu vm_fragment_size=9\n";
    let tree = with("options amdgpu vm_fragment_size=9");
    // One of the two is left over from another boot loader; which one is not known.
    tree.write("/etc/default/grub", "GRUB_CMDLINE_LINUX=\"quiet\"")
        .write("/etc/kernel/cmdline", "quiet amdgpu.vm_fragment_size=4");
    assert_eq!(
        rules(&tree),
        ["warning set-twice 1", "note not-started-with 1"]
    );
    let seen = check(&tree).out.replace("\n         ", " ");
    assert!(
        seen.contains("in a boot without that command line"),
        "{seen}"
    );
    assert_eq!(fixed(&tree, CONF), text);
    // Written in both, and not in force yet: until then this one counts.
    tree.write(
        "/etc/default/grub",
        "GRUB_CMDLINE_LINUX=\"amdgpu.vm_fragment_size=4\"",
    );
    assert_eq!(fixed(&tree, CONF), text);
    // Overridden in every boot.
    tree.write("/proc/cmdline", "quiet amdgpu.vm_fragment_size=4");
    assert!(check(&tree)
        .out
        .contains("removing this one changes nothing"));
    assert_eq!(fixed(&tree, CONF), "");

    // A later file overrides it in whatever boot; only this boot's command line overrides that.
    let tree = with("options amdgpu noretry=-1");
    tree.write("/etc/modprobe.d/z.conf", "options amdgpu noretry=1")
        .write("/proc/cmdline", "quiet amdgpu.noretry=1");
    assert_eq!(fixed(&tree, CONF), "");
    assert_eq!(
        fixed(&tree, "/etc/modprobe.d/z.conf"),
        "options amdgpu noretry=1\n"
    );
}

#[test]
fn the_next_boots_command_line_is_judged_where_it_is_written_down() {
    let tree = system();
    tree.write("/proc/cmdline", "quiet amdgpu.noretry=0").write(
        "/etc/default/grub",
        "GRUB_TIMEOUT=5\nGRUB_CMDLINE_LINUX_DEFAULT=\"quiet amdgpu.noretry=0\"",
    );
    assert_eq!(rules(&tree), ["warning wrong-reading 2"]);
    let grub = fixed(&tree, "/etc/default/grub");
    assert_eq!(
        grub,
        "GRUB_TIMEOUT=5\nGRUB_CMDLINE_LINUX_DEFAULT=\"quiet amdgpu.noretry=1\"\n"
    );
    // Not in the running kernel's yet, which has what is written nowhere now.
    assert_eq!(
        rules(&tree),
        [
            "warning not-started-with 2",
            "warning wrong-reading null",
            "note only-this-boot null",
        ]
    );
    let tree = system();
    tree.write("/etc/kernel/cmdline", "# mine\nquiet amdgpu.nosuch=1");
    assert_eq!(
        rules(&tree),
        ["warning unknown-name 2", "warning not-started-with 2"]
    );
}

#[test]
fn what_is_loaded_is_compared_with_what_is_set() {
    let tree = with("options amdgpu noretry=1 vm_fragment_size=9\noptions rmcp noretry=0");
    tree.amdgpu("-1", "9").rmcp("armed", "x");
    assert_eq!(rules(&tree), ["warning not-live 1", "warning not-live 2"]);
    let seen = check(&tree);
    assert!(
        seen.out.contains("noretry=1: the loaded amdgpu has -1"),
        "{seen:?}"
    );
    // 0600, or no permission at all.
    tree.write(CONF, "options amdgpu gttsize=-1");
    let seen = check(&tree);
    assert_eq!(seen.code, 0, "{seen:?}");
    assert!(
        seen.out.contains("does not show its parameter gttsize"),
        "{seen:?}"
    );
}

#[test]
fn an_initramfs_has_the_settings_that_it_was_made_with() {
    let conf = "etc/modprobe.d/amdgpu.conf";
    let amdgpu = ("usr/lib/modules/x/amdgpu.ko.xz", "");
    let tree = with("options amdgpu noretry=1\nsoftdep amdgpu pre: rmcp");
    tree.initramfs(&[amdgpu]);
    // A kernel without rmcp has nothing to load first.
    assert_eq!(rules(&tree), ["warning initramfs 1"]);
    tree.rmcp_installed();
    assert_eq!(rules(&tree), ["warning initramfs 1", "warning initramfs 2"]);
    let text = "options amdgpu noretry=1\nsoftdep amdgpu pre: rmcp\n";
    tree.initramfs(&[amdgpu, (conf, text)]);
    assert_eq!(rules(&tree), Vec::<String>::new());
    // Another value, and one that is not set any more.
    let text = "options amdgpu noretry=0 gttsize=64\nsoftdep amdgpu pre: rmcp\n";
    tree.initramfs(&[amdgpu, (conf, text)]);
    assert_eq!(
        rules(&tree),
        ["warning initramfs null", "warning initramfs 1"]
    );
    assert!(check(&tree)
        .out
        .contains("amdgpu.gttsize=64: in /etc/modprobe.d/"));
    // An image without amdgpu does not matter.
    tree.initramfs(&[(conf, text)]);
    assert_eq!(rules(&tree), Vec::<String>::new());
    tree.write(
        &format!("/boot/initrd.img-{}", crate::support::RELEASE),
        "x",
    );
    let seen = check(&tree);
    assert!(seen.out.contains("skipped"), "{seen:?}");
}

#[test]
fn only_the_first_softdep_counts() {
    let tree = with("softdep amdgpu pre: vfio-pci");
    tree.rmcp_installed()
        .write("/etc/modprobe.d/rmcp.conf", "softdep amdgpu pre: rmcp");
    assert_eq!(rules(&tree), ["warning softdep-shadowed 1"]);
    assert_eq!(
        tree.run(&["status", "--json"]).json()["boot"]["softdep"],
        serde_json::Value::Null
    );
    assert_eq!(fixed(&tree, CONF), "softdep amdgpu pre: rmcp vfio-pci\n");
    assert_eq!(rules(&tree), ["note softdep-ignored 1"]);
    assert_eq!(
        tree.run(&["status", "--json"]).json()["boot"]["softdep"],
        CONF
    );
}

#[test]
fn a_softdep_that_is_missing_or_not_seen() {
    let tree = system();
    assert_eq!(rules(&tree), Vec::<String>::new());
    tree.rmcp_installed();
    assert_eq!(rules(&tree), ["warning softdep-missing null"]);
    tree.write(CONF, "softdep amd* post: x");
    assert_eq!(rules(&tree), ["warning softdep-missing 1"]);
    assert_eq!(fixed(&tree, CONF), "softdep amd* pre: rmcp post: x\n");
    tree.write(CONF, "softdep amdgpu  pre: rmcp");
    assert_eq!(rules(&tree), ["warning softdep-blanks 1"]);
    // The kernel's own soft dependencies are one of the files, by name.
    let release = crate::support::RELEASE;
    tree.write(CONF, "# nothing")
        .write("/etc/modprobe.d/rmcp.conf", "softdep amdgpu pre: rmcp")
        .write(
            &format!("/lib/modules/{release}/modules.softdep"),
            "softdep amdgpu pre: x",
        );
    assert_eq!(rules(&tree), ["warning softdep-shadowed 1"]);
    let seen = check(&tree).out.replace("\n         ", " ");
    let line = "write 'softdep amdgpu pre: rmcp x' to a file of /etc/modprobe.d";
    assert!(seen.contains(line), "{seen}");
    tree.write(CONF, "softdep amdgpu pre: rmcp x");
    assert_eq!(
        rules(&tree),
        ["note softdep-ignored 1", "note softdep-ignored 1"]
    );
}

#[test]
fn what_keeps_the_modules_out() {
    let tree = with("blacklist amdgpu\nblacklist rmcp\ninstall rmcp /bin/true");
    assert_eq!(
        rules(&tree),
        [
            "warning blacklisted 1",
            "warning install-command 3",
            "note blacklisted 2",
        ]
    );
    let tree = with("install amdgpu /bin/false");
    assert!(check(&tree).out.contains("in place of loading amdgpu"));
    tree.rmcp_installed()
        .write("/etc/modprobe.d/rmcp.conf", "softdep amdgpu pre: rmcp");
    assert!(check(&tree).out.contains("passes over it"));

    let tree = with("softdep amdgpu pre: rmcp\nalias rm* off");
    assert_eq!(rules(&tree), ["warning alias 2"]);
    assert!(check(&tree).out.contains("alias rm* off"));
    // modprobe loads all that an alias leads to.
    tree.write(CONF, "alias rm* off\nalias rmcp rmcp\nalias amd* off");
    assert_eq!(rules(&tree), Vec::<String>::new());

    let tree = system();
    tree.write(
        "/proc/cmdline",
        "nomodeset modprobe.blacklist=nouveau,amdgpu module_blacklist=rmcp",
    );
    assert_eq!(
        rules(&tree),
        [
            "error blacklisted null",
            "warning nomodeset null",
            "warning blacklisted null",
        ]
    );
    tree.write("/proc/cmdline", "nomodeset amdgpu.modeset=1");
    assert_eq!(rules(&tree), Vec::<String>::new());
}

#[test]
fn what_modprobe_does_not_read() {
    let tree = with(
        "option amdgpu noretry=1\n\
         amdgpu.noretry=1\n  \
         # amdgpu\n\
         option other x=1\n\
         options amdgpu noretry=1 # noretry=-1 nosuch",
    );
    assert_eq!(
        rules(&tree),
        [
            "warning ignored-line 1",
            "warning ignored-line 2",
            "warning comment-in-options 5",
            "warning set-twice 5",
            "note ignored-line 3",
        ]
    );
    let tree = system();
    tree.write("/etc/modprobe.d/amdgpu", "options amdgpu noretry=1")
        .write(
            "/etc/modprobe.d/amdgpu.conf.bak",
            "options amdgpu noretry=1",
        )
        .write("/etc/modprobe.d/a.conf", "# empty")
        .write("/usr/lib/modprobe.d/a.conf", "options amdgpu noretry=1");
    assert_eq!(
        rules(&tree),
        ["warning unread-file null", "note unread-file null"]
    );
}

#[test]
fn a_hostile_tree_ends_in_words() {
    let tree = system();
    let directory = tree.path("/etc/modprobe.d");
    fs::create_dir_all(&directory).unwrap();
    fs::create_dir(directory.join("d.conf")).unwrap();
    std::os::unix::fs::symlink("l.conf", directory.join("l.conf")).unwrap();
    fs::write(
        directory.join("x.conf"),
        b"options amdgpu noretry=\xff\x1b[2J\n\xff\n",
    )
    .unwrap();
    let seen = check(&tree);
    assert_eq!(seen.code, 2, "{seen:?}");
    assert!(!seen.out.contains('\u{1b}'), "{seen:?}");
}
