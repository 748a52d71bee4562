// SPDX-License-Identifier: MIT

//! The base root filesystem, which `rootfs.sh` makes, and running things inside it.

use crate::checkout::Checkout;
use crate::corpus::kernel::amdgpu_in;
use crate::kernels::{self, Kernel};
use crate::progress::say;
use anyhow::{bail, ensure, Context, Result};
use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// How many lines of a failed command's output an error shows.
const TAIL: usize = 30;

/// The base root filesystem.
#[derive(Debug)]
pub struct RootFs {
    checkout: Checkout,
    path: PathBuf,
    kernel: String,
}

impl RootFs {
    /// Takes that of the chosen kernel from the cache, or makes it.
    pub fn get(checkout: &Checkout) -> Result<Self> {
        Self::of(checkout, &kernels::chosen(checkout)?)
    }

    /// Takes that of a kernel from the cache, or makes it.
    pub fn of(checkout: &Checkout, kernel: &Kernel) -> Result<Self> {
        let path = checkout.made_by("tests/vm/rootfs.sh", &[("KERNEL", &kernel.name)])?;
        let kernel = only_kernel(&path)?;
        Ok(Self {
            checkout: checkout.clone(),
            path,
            kernel,
        })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The cache it is in, for everything that is made from it.
    pub fn cache(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new("."))
    }

    /// The release of its kernel.
    pub fn kernel(&self) -> &str {
        &self.kernel
    }

    /// The amdgpu.ko of its kernel, compressed or not.
    pub fn amdgpu(&self) -> Result<PathBuf> {
        let kernel = &self.kernel;
        let modules = format!("usr/lib/modules/{kernel}/kernel/drivers/gpu/drm/amd/amdgpu");
        amdgpu_in(&self.path.join(modules))?.with_context(|| format!("{kernel} has no amdgpu.ko"))
    }

    /// Its kernel's configuration.
    pub fn kernel_config(&self) -> Result<String> {
        let file = self.path.join(format!("boot/config-{}", self.kernel));
        fs::read_to_string(&file).with_context(|| format!("no {}", file.display()))
    }

    /// A run of `enter.sh` on it, to which arguments are added.
    pub fn enter(&self) -> Enter {
        let mut command = Command::new(self.checkout.harness("enter.sh"));
        command.arg(&self.path).env("KERNEL", &self.kernel);
        Enter(command)
    }

    /// Removes something that a run of `enter.sh` made, whoever owns its files.
    pub fn remove(&self, path: &Path) -> Result<()> {
        let status = Command::new("bash")
            .args(["-c", r#". "$1"; as_root rm -rf -- "$2""#, "bash"])
            .arg(self.checkout.harness("lib.sh"))
            .arg(path)
            .status()?;
        ensure!(status.success(), "cannot remove {}", path.display());
        Ok(())
    }
}

/// The one kernel that is installed.
fn only_kernel(rootfs: &Path) -> Result<String> {
    let boot = rootfs.join("boot");
    let mut kernels = Vec::new();
    for entry in fs::read_dir(&boot).with_context(|| format!("no {}", boot.display()))? {
        let name = entry?.file_name();
        if let Some(release) = name.to_str().and_then(|name| name.strip_prefix("vmlinuz-")) {
            kernels.push(release.to_owned());
        }
    }
    match kernels.as_slice() {
        [kernel] => Ok(kernel.clone()),
        _ => bail!(
            "{} has the kernels {kernels:?}, one is expected: remove {} to have it made anew",
            boot.display(),
            rootfs.display()
        ),
    }
}

/// A command inside the root filesystem, see `enter.sh`.
#[derive(Debug)]
pub struct Enter(Command);

impl Enter {
    /// Writes go to this directory; a further one lies on top.
    pub fn layer(mut self, directory: &Path) -> Self {
        self.0.arg("--layer").arg(directory);
        self
    }

    /// Makes a file or directory of this machine appear inside.
    pub fn bind(mut self, host: &Path, guest: &str) -> Self {
        let mut pair = host.as_os_str().to_owned();
        pair.push(":");
        pair.push(guest);
        self.0.arg("--bind").arg(pair);
        self
    }

    /// Makes an ext4 image of the view.
    pub fn image(mut self, file: &Path, size: &str) -> Self {
        self.0.arg("--image").arg(file).arg(size);
        self
    }

    /// Runs a shell script inside, each line of its output a progress line.
    pub fn run(mut self, script: &str) -> Result<()> {
        let merged = format!("exec 2>&1\n{script}");
        self.0
            .args(["--", "bash", "-c"])
            .arg::<&OsStr>(merged.as_ref());
        self.finish()
    }

    /// Runs what was asked for.
    pub fn finish(mut self) -> Result<()> {
        let mut child = self.0.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
        let mut lines = Vec::new();
        if let Some(output) = child.stdout.take() {
            for line in BufReader::new(output).split(b'\n') {
                let line = String::from_utf8_lossy(&line?).trim_end().to_owned();
                say(format_args!("  {line}"));
                lines.push(line);
            }
        }
        let status = child.wait()?;
        if !status.success() {
            let tail = &lines[lines.len().saturating_sub(TAIL)..];
            bail!(
                "a command in the root filesystem failed ({status}), its last words:\n{}",
                tail.join("\n")
            );
        }
        Ok(())
    }
}
