// SPDX-License-Identifier: MIT

//! The Debian package's scripts, run by a shell on a tree, with programs that only say how they were
//! called in place of those that they call.

use crate::support::{Outcome, Tree};
use rmcp_kctl::dkms;
use std::fs;
use std::os::unix::fs::{symlink, PermissionsExt};
use std::process::Command;

const SCRIPTS: [&str; 4] = ["preinst", "postinst", "prerm", "postrm"];
/// Where the tree has the programs, and nothing else is looked for.
const PROGRAMS: &str = "/programs";

fn text(script: &str) -> String {
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/../packaging/debian");
    fs::read_to_string(format!("{directory}/{script}")).unwrap()
}

/// A tree with a program that prints its name and arguments, and ends like the last of these commands.
fn program(tree: &Tree, name: &str, commands: &str) {
    let path = format!("{PROGRAMS}/{name}");
    let script = format!("#!/bin/sh\necho \"{name} $*\" >>\"${{0%/*}}/../called\"\n{commands}");
    tree.write(&path, &script);
    fs::set_permissions(tree.path(&path), fs::Permissions::from_mode(0o755)).unwrap();
}

/// A tree with these programs, that all end well, and the ones of the system that scripts need.
fn tree(programs: &[&str]) -> Tree {
    let tree = Tree::new();
    for name in programs {
        program(&tree, name, "");
    }
    for name in ["grep", "rm"] {
        let found = ["/usr/bin", "/bin"].map(|directory| format!("{directory}/{name}"));
        let found = found.iter().find(|path| fs::exists(path).unwrap());
        fs::create_dir_all(tree.path(PROGRAMS)).unwrap();
        symlink(found.unwrap(), tree.path(&format!("{PROGRAMS}/{name}"))).unwrap();
    }
    tree
}

/// Runs a script as dpkg does; what it calls is what it printed.
fn run(tree: &Tree, script: &str, arguments: &[&str]) -> Outcome {
    let below = |path: &str| tree.path(path).display().to_string();
    let mut text = text(script).replace("@PACKAGE_VERSION@", dkms::VERSION);
    text = text.replace("/usr/bin/rmcp-kctl", &below("/programs/rmcp-kctl"));
    for directory in ["/boot/", "/var/lib/", "/run/"] {
        text = text.replace(
            directory,
            &format!("{}/", below(directory.trim_end_matches('/'))),
        );
    }
    let output = Command::new("/bin/sh")
        .args(["-c", &text, script])
        .args(arguments)
        .env("PATH", tree.path(PROGRAMS))
        .output()
        .unwrap();
    let called = fs::read_to_string(tree.path("/called")).unwrap_or_default();
    let _ = fs::remove_file(tree.path("/called"));
    Outcome {
        code: output.status.code().unwrap(),
        out: called,
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

#[test]
fn the_version_is_put_in_where_the_package_is_made() {
    for script in SCRIPTS {
        let text = text(script);
        assert!(!text.contains(dkms::VERSION), "{script}: {text}");
        assert_eq!(
            text.contains("@PACKAGE_VERSION@"),
            script != "postrm",
            "{script}"
        );
    }
    let deb = concat!(env!("CARGO_MANIFEST_DIR"), "/../packaging/deb.sh");
    let deb = fs::read_to_string(deb).unwrap();
    assert!(deb.contains("s/@PACKAGE_VERSION@/$version/g"), "{deb}");
}

#[test]
fn what_failed_gets_its_module_back() {
    let version = dkms::VERSION;
    for why in [
        "configure",
        "abort-upgrade",
        "abort-remove",
        "abort-deconfigure",
    ] {
        let tree = tree(&["rmcp-kctl", "dkms"]);
        let seen = run(&tree, "postinst", &[why, "0.9"]);
        let expected = format!("rmcp-kctl install --yes\ndkms add rmcp/{version}\n");
        assert_eq!((seen.code, seen.out), (0, expected), "{why}");
        tree.write(&format!("/var/lib/dkms/rmcp/{version}/source"), "");
        program(&tree, "rmcp-kctl", "exit 1");
        let seen = run(&tree, "postinst", &[why, "0.9"]);
        assert_eq!(seen.code, 0, "{why}");
        assert!(seen.err.contains("its kernel module is not"), "{seen:?}");
    }
    let seen = run(&tree(&[]), "postinst", &["triggered"]);
    assert_eq!((seen.code, seen.out.as_str()), (0, ""));
}

#[test]
fn images_that_hold_rmcp_are_made_anew_by_what_makes_them_here() {
    let held = "case $1 in *img-1) echo usr/lib/modules/1/updates/dkms/rmcp.ko.xz;; esac";
    for (lister, maker, call) in [
        (
            "lsinitramfs",
            "update-initramfs",
            "update-initramfs -u -k 1\n".to_owned(),
        ),
        (
            "lsinitrd",
            "update-initramfs",
            "update-initramfs -u -k 1\n".to_owned(),
        ),
        ("lsinitrd", "dracut", "dracut --force IMAGE 1\n".to_owned()),
    ] {
        let tree = tree(&[maker]);
        tree.write("/boot/initrd.img-1", "")
            .write("/boot/initrd.img-2", "");
        program(&tree, lister, held);
        let image = |release: u8| tree.path(&format!("/boot/initrd.img-{release}"));
        let (first, second) = (image(1), image(2));
        let call = call.replace("IMAGE", first.to_str().unwrap());
        let expected = format!(
            "{lister} {}\n{call}{lister} {}\n",
            first.display(),
            second.display()
        );
        let seen = run(&tree, "postrm", &["remove"]);
        assert_eq!((seen.code, seen.err.as_str()), (0, ""));
        assert_eq!(seen.out, expected);
        program(&tree, maker, "exit 1");
        let seen = run(&tree, "postrm", &["remove"]);
        assert_eq!(seen.code, 0);
        assert!(seen.err.contains("img-1 still holds rmcp"), "{seen:?}");
    }
}

#[test]
fn an_image_that_cannot_be_listed_is_said() {
    let tree = tree(&["update-initramfs"]);
    tree.write("/boot/initrd.img-1", "");
    let seen = run(&tree, "postrm", &["remove"]);
    assert_eq!((seen.code, seen.out.as_str()), (0, ""));
    assert!(seen.err.contains("img-1 may still hold rmcp"), "{seen:?}");
    // No image, nothing to say.
    tree.remove("/boot/initrd.img-1");
    let seen = run(&tree, "postrm", &["remove"]);
    assert_eq!((seen.code, seen.err.as_str()), (0, ""));
}
