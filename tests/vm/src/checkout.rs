// SPDX-License-Identifier: MIT

//! A checkout of the project: where the scripts and recipes are, and where results go.

use anyhow::{ensure, Context, Result};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::{env, fs};

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
    pub fn made_by(&self, script: &str) -> Result<PathBuf> {
        let output = Command::new(self.path(script))
            .stderr(Stdio::inherit())
            .output()
            .with_context(|| format!("cannot run {script}"))?;
        ensure!(output.status.success(), "{script} failed: see above");
        Ok(String::from_utf8(output.stdout)?.trim_end().into())
    }

    /// The release of the kernel that upgrades bring.
    pub fn other_kernel(&self) -> Result<String> {
        let path = self.harness("kernel.conf");
        let text = fs::read_to_string(&path)?;
        text.lines()
            .find_map(|line| line.strip_prefix("OTHER_KERNEL="))
            .map(str::to_owned)
            .with_context(|| format!("{} names no OTHER_KERNEL", path.display()))
    }

    /// A file of the harness.
    pub fn harness(&self, name: &str) -> PathBuf {
        self.0.join("tests/vm").join(name)
    }
}
