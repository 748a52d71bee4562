// SPDX-License-Identifier: MIT

//! The kernels of `kernels.toml`.

use crate::checkout::Checkout;
use anyhow::{ensure, Context, Result};
use serde::Deserialize;
use std::collections::BTreeSet;
use std::{env, fs};

/// A kernel that rmcp is proved on.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kernel {
    /// What `KERNEL=` and `KERNELS=` call it.
    pub name: String,
    /// As `uname -r` prints it.
    pub release: String,
    /// The suites of its root filesystem, apart by blanks.
    pub suites: String,
    /// How it is built, if the archive does not have it: see `kernel.sh`.
    pub build: Option<String>,
    /// The line of its source, if it is only compiled for: see `compile.sh`.
    pub compile: Option<String>,
    /// The name of the kernel that comes to it in the scenarios of an upgrade.
    pub upgrade: Option<String>,
}

/// The document.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    kernel: Vec<Kernel>,
}

/// All of them, the everyday one first.
pub fn all(checkout: &Checkout) -> Result<Vec<Kernel>> {
    let path = checkout.harness("kernels.toml");
    let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    parse(&text).with_context(|| path.display().to_string())
}

/// The one that `KERNEL=` asks for, by its name or its release, or the everyday one.
pub fn chosen(checkout: &Checkout) -> Result<Kernel> {
    let all = all(checkout)?;
    let kernel = match env::var("KERNEL").ok().filter(|name| !name.is_empty()) {
        Some(name) => named(&all, &name)?,
        None => &all[0],
    };
    ensure!(
        kernel.compile.is_none(),
        "{} can only be compiled for, which `make matrix` does: Debian has no headers of it",
        kernel.name
    );
    Ok(kernel.clone())
}

/// The kernel that comes to the chosen one in the scenarios of an upgrade.
pub fn upgrade(checkout: &Checkout) -> Result<Kernel> {
    let all = all(checkout)?;
    let chosen = chosen(checkout)?;
    let upgrade = chosen.upgrade.with_context(|| {
        let name = &chosen.name;
        format!("kernels.toml names no kernel that {name} would be upgraded to")
    })?;
    named(&all, &upgrade).cloned()
}

/// The kernel of this name or release.
pub fn named<'a>(all: &'a [Kernel], name: &str) -> Result<&'a Kernel> {
    all.iter()
        .find(|kernel| kernel.name == name || kernel.release == name)
        .with_context(|| {
            let known: Vec<&str> = all.iter().map(|kernel| &*kernel.name).collect();
            format!(
                "kernels.toml has no kernel {name}: it has {}",
                known.join(" ")
            )
        })
}

fn parse(text: &str) -> Result<Vec<Kernel>> {
    let kernels = toml::from_str::<Document>(text)?.kernel;
    ensure!(!kernels.is_empty(), "there is no kernel");
    let mut names = BTreeSet::new();
    for kernel in &kernels {
        for name in [&kernel.name, &kernel.release] {
            ensure!(names.insert(name), "two kernels are called {name}");
        }
        if let Some(upgrade) = &kernel.upgrade {
            named(&kernels, upgrade)?;
        }
    }
    Ok(kernels)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;
    use std::process::Command;

    const TEXT: &str = include_str!("../kernels.toml");

    #[test]
    fn the_list_is_in_order() {
        let kernels = parse(TEXT).unwrap();
        assert!(kernels[0].upgrade.is_some(), "of the everyday kernel");
    }

    #[test]
    fn scripts_read_the_same() {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("kernels.sh");
        let field = |kernel: &str, field: &str| {
            let output = Command::new("bash")
                .args(["-c", r#". "$0"; kernel_field "$1" "$2""#])
                .arg(&script)
                .args([kernel, field])
                .output()
                .unwrap();
            assert!(output.status.success(), "{output:?}");
            String::from_utf8(output.stdout).unwrap().trim().to_owned()
        };
        for kernel in parse(TEXT).unwrap() {
            for called in [&kernel.name, &kernel.release] {
                assert_eq!(field(called, "name"), kernel.name);
                assert_eq!(field(called, "release"), kernel.release);
                assert_eq!(field(called, "suites"), kernel.suites);
                for (name, value) in [
                    ("upgrade", &kernel.upgrade),
                    ("build", &kernel.build),
                    ("compile", &kernel.compile),
                ] {
                    assert_eq!(field(called, name), value.clone().unwrap_or_default());
                }
            }
        }
        assert_eq!(field("none", "release"), "");
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let kernel = |name: &str, more: &str| {
            format!(
                "[[kernel]]\nname = \"{name}\"\nrelease = \"{name}-r\"\nsuites = \"sid\"\n{more}\n"
            )
        };
        let good = kernel("1", "") + &kernel("2", "upgrade = \"1\"");
        assert_eq!(parse(&good).unwrap().len(), 2);
        for bad in [
            String::new(),
            "kernel = []".to_owned(),
            kernel("1", "") + &kernel("1", ""),
            kernel("1", "upgrade = \"2\""),
            kernel("1", "relaese = \"2\""),
        ] {
            assert!(parse(&bad).is_err(), "{bad}");
        }
    }
}
