// SPDX-License-Identifier: MIT

//! The kernel's Rust metadata where the headers lack it: built once from the distribution's source,
//! kept in a build tree of rmcp's own that links to the headers. No other package's file is written.

use super::{Config, Requirements, MODULES};
use crate::fingerprint::fnv1a64;
use crate::process;
use crate::report::Terminal;
use crate::root::Root;
use crate::steps::{self, remove};
use anyhow::{bail, Context, Result};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where the trees are, one directory per kernel.
const TREES: &str = "/var/lib/rmcp/kernels";

/// Put after the name of a tree while it is being made.
const BUILDING: &str = ".building";

/// What a build tree takes from the headers as it is.
const LINKED: [&str; 7] = [
    ".config",
    ".kernelvariables",
    "Module.symvers",
    "arch",
    "include",
    "tools",
    "vmlinux",
];

/// What of the source is not unpacked: C files of drivers and the like, which neither `prepare` nor
/// `rust/` compiles, and the register headers of amdgpu, a quarter of the whole. The names are of
/// the source's first level: `rust/helpers/` has a `net/` of its own.
const NOT_UNPACKED: [&str; 7] = [
    "drivers/*.c",
    "sound/*.c",
    "net/*.c",
    "fs/*.c",
    "drivers/gpu/drm/amd/include/*",
    "Documentation/*.rst",
    "tools/testing/*",
];

/// The build tree of one kernel.
#[derive(Debug)]
pub struct RustTree {
    directory: PathBuf,
}

impl RustTree {
    /// The tree of this kernel, wherever it is built.
    pub fn of(root: &Root, release: &str) -> Self {
        Self {
            directory: root.path(format!("{TREES}/{release}")),
        }
    }

    /// The directory that Kbuild is started in.
    pub fn build_directory(&self) -> PathBuf {
        self.directory.join("tree")
    }

    /// Whether the tree is there and was made for this very kernel and compiler.
    pub fn fits(&self, kernel: &Requirements, rustc: &Path) -> bool {
        let found = fs::read_to_string(self.directory.join("key")).ok();
        found.is_some() && found == key(kernel, rustc).ok()
    }

    /// Removes the trees of kernels that are not installed any more, finished or not.
    ///
    /// # Errors
    ///
    /// When one cannot be removed.
    pub fn remove_obsolete(root: &Root) -> Result<()> {
        for name in root.list(TREES) {
            let release = name.strip_suffix(BUILDING).unwrap_or(&name);
            if !root.exists(format!("{MODULES}/{release}")) {
                remove(&root.path(format!("{TREES}/{name}")))?;
            }
        }
        Ok(())
    }

    /// Makes the tree from the source archive.
    ///
    /// # Errors
    ///
    /// When the source does not fit the kernel, or a step of its build fails; nothing is left
    /// behind then.
    pub fn make(
        &self,
        terminal: &Terminal,
        kernel: &Requirements,
        rustc: &Path,
        cc: &Path,
        archive: &Path,
    ) -> Result<()> {
        let key = key(kernel, rustc)?;
        terminal.progress(&format!(
            "{}: its headers lack the Rust metadata; building it once from {} (about two minutes)",
            kernel.release,
            archive.display()
        ));
        let work = steps::with_suffix(&self.directory, BUILDING);
        remove(&work)?;
        fs::create_dir_all(&work).with_context(|| format!("cannot make {}", work.display()))?;
        let made = Build {
            terminal,
            kernel,
            rustc,
            cc,
            work: &work,
        }
        .run(archive, &self.build_directory())
        .and_then(|()| {
            fs::write(work.join("key"), key)?;
            remove(&self.directory)?;
            fs::rename(&work, &self.directory)
                .with_context(|| format!("cannot make {}", self.directory.display()))
        });
        if made.is_err() {
            // The first error is the one to report.
            let _ = remove(&work);
        }
        made
    }
}

/// What the metadata depends on. The source is not in it: it must be of the headers' version, and
/// a newer one of the same name does not make an older kernel's metadata wrong.
fn key(kernel: &Requirements, rustc: &Path) -> Result<String> {
    let hash = |path: PathBuf| -> Result<String> {
        let bytes = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        Ok(format!("{:016x}", fnv1a64(&bytes)))
    };
    Ok(format!(
        "config {}\nsymbols {}\n{}headers {}\n",
        hash(kernel.headers.join(".config"))?,
        hash(kernel.headers.join("Module.symvers"))?,
        process::capture(rustc, &["--version"])?,
        fs::canonicalize(&kernel.headers)?.display(),
    ))
}

/// One run of the build, in its own working directory.
struct Build<'a> {
    terminal: &'a Terminal,
    kernel: &'a Requirements,
    rustc: &'a Path,
    cc: &'a Path,
    work: &'a Path,
}

impl Build<'_> {
    fn run(&self, archive: &Path, final_directory: &Path) -> Result<()> {
        let source = self.work.join("source");
        let objects = self.work.join("objects");
        fs::create_dir_all(&source)?;
        fs::create_dir_all(&objects)?;
        process::run(
            self.terminal,
            "unpacking the kernel's source",
            &mut unpack(archive, &source),
        )?;

        fs::copy(self.kernel.headers.join(".config"), objects.join(".config"))?;
        let mut configure = self.make(&source, &objects);
        process::run(
            self.terminal,
            "configuring it as the kernel was",
            configure.arg("olddefconfig"),
        )?;
        self.check_config(&objects)?;
        let mut prepare = self.make(&source, &objects);
        process::run(
            self.terminal,
            "building the kernel crate",
            prepare.arg("prepare"),
        )?;
        self.assemble(&objects, final_directory)?;
        remove(&source)?;
        remove(&objects)
    }

    fn make(&self, source: &Path, objects: &Path) -> Command {
        let mut make = Command::new("make");
        let jobs = std::thread::available_parallelism().map_or(1, usize::from);
        make.arg("-C").arg(source);
        make.arg(format!("O={}", objects.display()));
        make.arg(format!("CC={}", self.cc.display()));
        make.arg(format!("RUSTC={}", self.rustc.display()));
        make.arg(format!("-j{jobs}"));
        // DKMS and make itself leave settings of their own build in the environment.
        for variable in [
            "MAKEFLAGS",
            "MAKELEVEL",
            "KERNELRELEASE",
            "ARCH",
            "CC",
            "KBUILD_OUTPUT",
        ] {
            make.env_remove(variable);
        }
        make
    }

    /// The metadata must be that of the installed kernel, so no option may have moved.
    fn check_config(&self, objects: &Path) -> Result<()> {
        let made = Config::parse(&fs::read_to_string(objects.join(".config"))?);
        let differences = self.kernel.config.differences(&made);
        if !differences.is_empty() {
            let shown: Vec<_> = differences.iter().take(5).map(String::as_str).collect();
            bail!(
                "the source does not take the configuration of {}: {} options differ ({}); the tools are not those the kernel was built with",
                self.kernel.release,
                differences.len(),
                shown.join(", ")
            );
        }
        Ok(())
    }

    /// The tree itself: links to the headers, and the metadata beside them.
    fn assemble(&self, objects: &Path, final_directory: &Path) -> Result<()> {
        let headers = fs::canonicalize(&self.kernel.headers)?;
        let tree = self.work.join("tree");
        fs::create_dir(&tree)?;
        for name in LINKED {
            symlink(headers.join(name), tree.join(name))?;
        }
        let scripts = fs::canonicalize(headers.join("scripts"))?;
        fs::create_dir(tree.join("scripts"))?;
        for entry in fs::read_dir(&scripts)? {
            let entry = entry?;
            symlink(entry.path(), tree.join("scripts").join(entry.file_name()))?;
        }
        let target = tree.join("scripts/target.json");
        if !target.exists() {
            fs::copy(objects.join("scripts/target.json"), target)
                .context("the build made no scripts/target.json")?;
        }
        fs::create_dir(tree.join("rust"))?;
        for entry in fs::read_dir(objects.join("rust"))? {
            let path = entry?.path();
            let metadata = path
                .extension()
                .is_some_and(|e| e == "rmeta" || e == "so" || e == "rlib");
            if let (true, Some(name)) = (metadata, path.file_name()) {
                fs::copy(&path, tree.join("rust").join(name))?;
            }
        }
        if !tree.join("rust/libkernel.rmeta").is_file() {
            bail!("the build made no rust/libkernel.rmeta");
        }
        let makefile = fs::read_to_string(headers.join("Makefile"))?;
        let makefile = redirect(&makefile, final_directory)
            .with_context(|| format!("{}/Makefile sets no KBUILD_OUTPUT", headers.display()))?;
        fs::write(tree.join("Makefile"), makefile)?;
        Ok(())
    }
}

/// Unpacks what is needed of `linux-source-X.tar.xz`, whose one directory is `linux-source-X`.
fn unpack(archive: &Path, source: &Path) -> Command {
    let name = archive.file_name().unwrap_or_default().to_string_lossy();
    let top = name.trim_end_matches(".tar.xz");
    let mut tar = Command::new("tar");
    tar.arg("--extract")
        .arg("--strip-components=1")
        .arg("--anchored")
        .arg("--wildcards");
    for pattern in NOT_UNPACKED {
        tar.arg(format!("--exclude={top}/{pattern}"));
    }
    tar.arg("--file")
        .arg(archive)
        .arg("--directory")
        .arg(source);
    tar
}

/// The headers' Makefile with its output directory replaced; `None` when it names none.
fn redirect(makefile: &str, output: &Path) -> Option<String> {
    let mut found = false;
    let lines: Vec<String> = makefile
        .lines()
        .map(|line| {
            if line.starts_with("KBUILD_OUTPUT=") {
                found = true;
                format!("KBUILD_OUTPUT={}", output.display())
            } else {
                line.to_owned()
            }
        })
        .collect();
    found.then(|| lines.join("\n") + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drivers_are_not_unpacked_and_what_rust_has_of_their_name_is() {
        let at = tempfile::tempdir().unwrap();
        let path = |name: &str| at.path().join(name);
        let files = ["Makefile", "net/ipv4/tcp.c", "rust/helpers/net/genetlink.c"];
        for file in files {
            let file = path("linux-source-7.3").join(file);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, "").unwrap();
        }
        let archive = path("linux-source-7.3.tar.xz");
        let mut pack = Command::new("tar");
        pack.arg("--create").arg("--file").arg(&archive);
        pack.arg("--directory")
            .arg(at.path())
            .arg("linux-source-7.3");
        let source = path("source");
        fs::create_dir(&source).unwrap();
        for mut command in [pack, unpack(&archive, &source)] {
            assert!(command.status().unwrap().success());
        }
        assert_eq!(
            files.map(|file| source.join(file).exists()),
            [true, false, true]
        );
    }

    #[test]
    fn the_output_directory_is_replaced_and_nothing_else() {
        let makefile = "KBUILD_OUTPUT=/usr/src/linux-headers-x\ninclude /usr/src/common/Makefile\n";
        assert_eq!(
            redirect(makefile, Path::new("/var/lib/rmcp/kernels/x/tree")).as_deref(),
            Some("KBUILD_OUTPUT=/var/lib/rmcp/kernels/x/tree\ninclude /usr/src/common/Makefile\n")
        );
        assert_eq!(redirect("include x\n", Path::new("/y")), None);
    }
}
