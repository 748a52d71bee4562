// SPDX-License-Identifier: MIT

//! The kernels, and what the two readers say of one.

use crate::checkout::{made_by, Checkout};
use crate::rootfs::RootFs;
use anyhow::{ensure, Context, Result};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A kernel of Debian's.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Kernel {
    pub(super) suite: String,
    pub(super) release: String,
}

/// What the two readers say of a kernel's amdgpu.
#[derive(Debug)]
pub(super) struct Evidence {
    /// What `rmcp-kctl layout` ended with, for each file that holds the kernel's BTF.
    pub(super) rmcp: Vec<Result<Vec<u8>, String>>,
    /// The kernel, uncompressed.
    pub(super) vmlinux: Vec<u8>,
    /// amdgpu.ko, uncompressed.
    pub(super) amdgpu: Vec<u8>,
    /// What bpftool printed of the kernel.
    pub(super) vmlinux_types: Vec<u8>,
    /// What bpftool printed of amdgpu.ko.
    pub(super) amdgpu_types: Vec<u8>,
    /// modinfo's vermagic.
    pub(super) vermagic: String,
    /// modinfo's srcversion, empty if there is none.
    pub(super) srcversion: String,
}

/// The suite of the kernel that is not in the list.
const INSTALLED: &str = "in the root filesystem";

/// The kernels of the list, in its order.
pub(super) fn list(file: &Path) -> Result<Vec<Kernel>> {
    let text = fs::read_to_string(file).with_context(|| file.display().to_string())?;
    parse(&text).with_context(|| file.display().to_string())
}

fn parse(text: &str) -> Result<Vec<Kernel>> {
    let mut kernels = Vec::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [suite, release, digest, path] = words[..] else {
            anyhow::bail!("{line:?} is not: suite, release, SHA-256, path");
        };
        ensure!(digest.len() == 64, "{digest:?} is no SHA-256");
        ensure!(path.contains(release), "{path:?} is not of {release}");
        let kernel = Kernel {
            suite: suite.to_owned(),
            release: release.to_owned(),
        };
        if kernels.last() != Some(&kernel) {
            kernels.push(kernel);
        }
    }
    Ok(kernels)
}

impl Kernel {
    /// The one that the root filesystem has.
    pub(super) fn installed(rootfs: &RootFs) -> Self {
        Self {
            suite: INSTALLED.to_owned(),
            release: rootfs.kernel().to_owned(),
        }
    }

    /// Has both readers read; `None` if the kernel comes without amdgpu.
    pub(super) fn read(
        &self,
        checkout: &Checkout,
        rootfs: &RootFs,
        kctl: &Path,
    ) -> Result<Option<Evidence>> {
        let work = tempfile::tempdir()?;
        let (files, mut bases) = if self.suite == INSTALLED {
            self.of_rootfs(rootfs, work.path())?
        } else {
            (self.of_archive(checkout, rootfs)?, Vec::new())
        };
        bases.push(files.join("vmlinuz"));
        let Some(amdgpu) = amdgpu_in(&files)? else {
            return Ok(None);
        };
        let types = work.path().join("types");
        fs::create_dir(&types)?;
        rootfs
            .enter()
            .bind(&files, "/mnt/kernel")
            .bind(&types, "/mnt/types")
            .bind(&checkout.harness("bpftool.sh"), "/mnt/bpftool.sh")
            .run("sh /mnt/bpftool.sh")?;
        let read = |name: &str| fs::read(types.join(name)).with_context(|| name.to_owned());
        let text = |name| Ok::<_, anyhow::Error>(String::from_utf8(read(name)?)?.trim().to_owned());
        Ok(Some(Evidence {
            rmcp: bases
                .iter()
                .map(|base| layout(kctl, &amdgpu, base))
                .collect::<Result<_>>()?,
            vmlinux: read("vmlinux")?,
            amdgpu: read("amdgpu.ko")?,
            vmlinux_types: read("vmlinux.json")?,
            amdgpu_types: read("amdgpu.json")?,
            vermagic: text("vermagic")?,
            srcversion: text("srcversion")?,
        }))
    }

    /// Copies the files of the root filesystem's kernel; the second value is the headers' vmlinux.
    fn of_rootfs(&self, rootfs: &RootFs, work: &Path) -> Result<(PathBuf, Vec<PathBuf>)> {
        let release = &self.release;
        let files = work.join("kernel");
        fs::create_dir(&files)?;
        let boot = rootfs.path().join(format!("boot/vmlinuz-{release}"));
        fs::copy(&boot, files.join("vmlinuz")).with_context(|| boot.display().to_string())?;
        let amdgpu = rootfs.amdgpu()?;
        fs::copy(&amdgpu, files.join(amdgpu.file_name().unwrap_or_default()))?;
        let headers = format!("usr/src/linux-headers-{release}/vmlinux");
        Ok((files, vec![rootfs.path().join(headers)]))
    }

    fn of_archive(&self, checkout: &Checkout, rootfs: &RootFs) -> Result<PathBuf> {
        let mut script = Command::new(checkout.harness("corpus.sh"));
        let printed = made_by(script.arg(rootfs.path()).arg(&self.release));
        printed.map(PathBuf::from).context("it cannot be had")
    }
}

/// The amdgpu.ko in a directory, compressed or not.
pub(crate) fn amdgpu_in(directory: &Path) -> Result<Option<PathBuf>> {
    for entry in fs::read_dir(directory).with_context(|| directory.display().to_string())? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with("amdgpu.ko") {
            return Ok(Some(path));
        }
    }
    Ok(None)
}

/// What `rmcp-kctl layout` says: its JSON, or the error with which it refuses.
pub(crate) fn layout(kctl: &Path, amdgpu: &Path, base: &Path) -> Result<Result<Vec<u8>, String>> {
    let output = Command::new(kctl)
        .args(["--json", "layout", "--amdgpu"])
        .arg(amdgpu)
        .arg("--base")
        .arg(base)
        .output()
        .with_context(|| format!("cannot run {}", kctl.display()))?;
    Ok(if output.status.success() {
        Ok(output.stdout)
    } else {
        Err(String::from_utf8_lossy(&output.stderr).trim().to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_of_one_kernel_are_one_kernel() {
        let digest = "0".repeat(64);
        let text = format!(
            "# a comment\n\
             sid 7.2-amd64 {digest} pool/linux-modules-7.2-amd64.deb\n\
             sid 7.2-amd64 {digest} pool/linux-binary-7.2-amd64.deb\n\
             trixie 6.12-amd64 {digest} pool/linux-image-6.12-amd64.deb\n"
        );
        let kernels = parse(&text).unwrap();
        let releases: Vec<_> = kernels.iter().map(|kernel| &*kernel.release).collect();
        assert_eq!(releases, ["7.2-amd64", "6.12-amd64"]);
        assert!(parse("sid 7.2-amd64 pool/x.deb").is_err());
        assert!(parse(&format!("sid 7.2-amd64 {digest} pool/x.deb")).is_err());
    }

    #[test]
    fn the_list_reaches_from_6_1_to_7_3() {
        let kernels = parse(include_str!("../../corpus.txt")).unwrap();
        assert!(kernels.len() >= 8);
        for series in ["6.1.", "6.12.", "7.2.", "7.3"] {
            let listed = |kernel: &Kernel| kernel.release.starts_with(series);
            assert!(kernels.iter().any(listed), "{series}");
        }
    }
}
