// SPDX-License-Identifier: MIT

//! A checkout of the project: where the scripts and recipes are, and where results go.

use anyhow::{ensure, Context, Result};
use std::error::Error;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::{env, fmt};

/// How a script ends that the archive has nothing for any more, after it printed what that is.
const NOT_TO_BE_HAD: i32 = 3;

/// What the archive no longer has.
#[derive(Debug)]
pub struct NotToBeHad(String);

impl fmt::Display for NotToBeHad {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for NotToBeHad {}

/// The root of a checkout.
#[derive(Debug, Clone)]
pub struct Checkout(PathBuf);

impl Checkout {
    /// The checkout that the current directory is in.
    pub fn find() -> Result<Self> {
        let here = env::current_dir()?;
        here.ancestors()
            .find(|directory| directory.join("tests/vm/rootfs.sh").is_file())
            .map(|directory| Self(directory.to_owned()))
            .with_context(|| {
                format!(
                    "{} is not inside a checkout of rmcp: run this from one",
                    here.display()
                )
            })
    }

    /// A path in the checkout.
    pub fn path(&self, below: &str) -> PathBuf {
        self.0.join(below)
    }

    /// What a script makes unless the cache has it, and whose path it prints.
    pub fn made_by(&self, script: &str, variables: &[(&str, &str)]) -> Result<PathBuf> {
        let mut command = Command::new(self.path(script));
        made_by(command.envs(variables.iter().copied())).map(PathBuf::from)
    }

    /// A file of the harness.
    pub fn harness(&self, name: &str) -> PathBuf {
        self.0.join("tests/vm").join(name)
    }
}

/// What a script prints. [`NotToBeHad`] where it says that the archive no longer has what it needs.
pub(crate) fn made_by(script: &mut Command) -> Result<String> {
    let name = script.get_program().to_string_lossy().into_owned();
    let output = script
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("cannot run {name}"))?;
    let said = String::from_utf8(output.stdout)?.trim_end().to_owned();
    if output.status.code() == Some(NOT_TO_BE_HAD) {
        return Err(NotToBeHad(said).into());
    }
    ensure!(output.status.success(), "{name} failed: see above");
    Ok(said)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_gone_from_the_archive_is_no_other_failure() {
        let run = |script: &str| made_by(Command::new("sh").args(["-c", script]));
        assert_eq!(run("echo /made").unwrap(), "/made");
        let gone = run("echo no linux-headers; exit 3").unwrap_err();
        assert!(gone.is::<NotToBeHad>());
        assert_eq!(gone.to_string(), "no linux-headers");
        assert!(!run("exit 1").unwrap_err().is::<NotToBeHad>());
    }
}
