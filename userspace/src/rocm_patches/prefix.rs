// SPDX-License-Identifier: MIT

//! The directory that a runtime is installed below: beside what the distribution and AMD's packages
//! installed, never over it.

use super::source::Version;
use super::Component;
use crate::root::Root;
use crate::steps::write_atomically;
use anyhow::Result;
use serde::{Deserialize, Serialize};
use std::path::{Component as Part, Path, PathBuf};

/// What marks a directory as one that this program installed into.
pub const MARK: &str = ".rmcp-rocm.json";

/// Whose everything below these is: the distribution's or the kernel's. /usr/local is among them,
/// because every program looks for libraries there.
const SYSTEM: [&str; 13] = [
    "/bin", "/boot", "/dev", "/etc", "/lib", "/lib32", "/lib64", "/proc", "/run", "/sbin", "/sys",
    "/usr", "/var",
];

/// What was installed below a prefix, by component.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Installed(Vec<Entry>);

/// A component that was installed.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Entry {
    component: Component,
    version: String,
    /// The patches that were recorded in its source.
    patches: Vec<String>,
    /// Whether all of it is there.
    whole: bool,
}

/// The prefix as an absolute path without links, if something may be installed there.
///
/// # Errors
///
/// One sentence on why not.
pub fn check(root: &Root, prefix: &Path) -> Result<PathBuf, String> {
    let shown = prefix.display();
    let plain = prefix
        .components()
        .all(|part| matches!(part, Part::RootDir | Part::Normal(_)));
    if !prefix.is_absolute() || !plain {
        return Err(format!("{shown} is no absolute path without .. in it"));
    }
    let real = without_links(root, prefix);
    for path in [prefix, real.as_path()] {
        if let Some(why) = owner(root, path) {
            return Err(format!(
                "nothing is installed to {shown}: {why}; a directory of its own is wanted, such as /opt/rocm-patched"
            ));
        }
    }
    let at = root.path(&real);
    let occupied = at.exists() && !root.list(&real).is_empty();
    if occupied && !at.join(MARK).is_file() {
        return Err(format!(
            "{shown} is not empty, and nothing says that 'rmcp-kctl rocm build' filled it: name another directory"
        ));
    }
    Ok(at)
}

/// Whose a directory is; `None` when it may be had.
fn owner(root: &Root, path: &Path) -> Option<String> {
    let system = SYSTEM.iter().find(|system| path.starts_with(system));
    if let Some(system) = system {
        return Some(format!("{system} is the system's"));
    }
    let shared = ["/", "/home", "/mnt", "/opt", "/root", "/srv", "/tmp"];
    if shared.iter().any(|shared| path == Path::new(shared)) {
        return Some("other things are there, too".to_owned());
    }
    let amds = path.ancestors().find(|path| {
        let name = path.file_name().map(|name| name.to_string_lossy());
        let named = name.is_some_and(|name| {
            name == "rocm"
                || name
                    .strip_prefix("rocm-")
                    .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
        });
        named && path.parent() == Some(Path::new("/opt"))
            || root.path(path.join(".info/version")).exists()
    });
    amds.map(|amds| format!("{} is where AMD's packages install ROCm", amds.display()))
}

/// The path with the links in that part of it that is there followed, below the same root.
fn without_links(root: &Root, path: &Path) -> PathBuf {
    let top = root.path("/").canonicalize();
    for there in path.ancestors() {
        let (Ok(real), Ok(top)) = (root.path(there).canonicalize(), &top) else {
            continue;
        };
        let rest = path.strip_prefix(there).unwrap_or(Path::new(""));
        let real = real
            .strip_prefix(top)
            .map_or(real.clone(), |real| Path::new("/").join(real));
        return if rest.as_os_str().is_empty() {
            real
        } else {
            real.join(rest)
        };
    }
    path.to_path_buf()
}

impl Installed {
    /// What is written down at a prefix; nothing where nothing is.
    pub fn read(prefix: &Path) -> Self {
        let text = Root::new(prefix).read(format!("/{MARK}")).ok().flatten();
        text.and_then(|text| serde_json::from_str(&text).ok())
            .unwrap_or_default()
    }

    /// Writes down that a component is installed there, as a whole or in part.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    pub fn add(
        &mut self,
        prefix: &Path,
        component: Component,
        version: &Version,
        patches: &[String],
        whole: bool,
    ) -> Result<()> {
        self.0.retain(|entry| entry.component != component);
        self.0.push(Entry {
            component,
            version: version.version.clone(),
            patches: patches.to_vec(),
            whole,
        });
        let text = serde_json::to_string_pretty(self)? + "\n";
        write_atomically(&prefix.join(MARK), text.as_bytes(), 0o644)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::fs;
    use std::os::unix::fs::symlink;

    #[test]
    fn what_is_somebody_elses_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let root = Root::new(directory.path());
        let make = |path: &str| fs::create_dir_all(root.path(path)).unwrap();
        make("/opt/amd/.info");
        make("/opt/full/lib");
        make("/opt/empty");
        make("/usr/lib");
        make("/opt/rocm-6.4.3");
        fs::write(root.path("/opt/amd/.info/version"), "6.4.3").unwrap();
        symlink(root.path("/usr"), root.path("/opt/link")).unwrap();
        symlink(root.path("/opt/rocm-6.4.3"), root.path("/opt/mine")).unwrap();
        for (prefix, words) in [
            ("/", "other things"),
            ("/opt", "other things"),
            ("/usr", "/usr is the system's"),
            ("/usr/local", "/usr is the system's"),
            ("/lib/x", "/lib is the system's"),
            ("/opt/rocm", "AMD's packages"),
            ("/opt/rocm/lib", "/opt/rocm is where"),
            ("/opt/rocm-6.4.3", "AMD's packages"),
            ("/opt/amd/x", "/opt/amd is where"),
            ("/opt/link/x", "/usr is the system's"),
            ("/opt/mine", "/opt/rocm-6.4.3 is where"),
            ("/opt/full", "is not empty"),
            ("/opt/x/../../usr", "no absolute path"),
            ("relative", "no absolute path"),
            ("", "no absolute path"),
        ] {
            let error = check(&root, Path::new(prefix)).unwrap_err();
            assert!(error.contains(words), "{prefix}: {error}");
        }
        for prefix in [
            "/opt/rocm-patched",
            "/opt/empty",
            "/home/ann/rocm",
            "/opt/new/below",
        ] {
            assert!(check(&root, Path::new(prefix)).is_ok(), "{prefix}");
        }
        fs::write(root.path("/opt/full").join(MARK), "[]").unwrap();
        assert!(check(&root, Path::new("/opt/full")).is_ok());
    }

    proptest! {
        #[test]
        fn no_prefix_panics(path in "(/|\\.\\.|opt|rocm|-[0-9]|usr|x| ){0,9}") {
            let directory = tempfile::tempdir().unwrap();
            let _ = check(&Root::new(directory.path()), Path::new(&path));
        }

        #[test]
        fn nor_does_a_mark(text: String) {
            let directory = tempfile::tempdir().unwrap();
            fs::write(directory.path().join(MARK), text).unwrap();
            Installed::read(directory.path());
        }
    }
}
