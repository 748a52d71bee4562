// SPDX-License-Identifier: MIT

//! Bootable disk images, made from the base root filesystem: a chain of layers, each a recipe in
//! `guest/` with its inputs, cached under a name made from everything that decides its content.

use crate::checkout::{made_by, Checkout, NotToBeHad};
use crate::kernels;
use crate::progress::say;
use crate::rootfs::RootFs;
use anyhow::{ensure, Context, Result};
use clap::ValueEnum;
use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use sha2::{Digest, Sha256};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

/// Room for the root filesystem and what a guest writes; the image file is sparse.
const DISK_SIZE: &str = "6G";
/// What makes amdgpu with the patches, and the ROCm runtime.
const MODULE: &str = "patches/linux/module.sh";
const ROCR: &str = "patches/rocm/build.sh";
/// How many images of a variant the cache keeps.
const KEPT: usize = 3;

/// What a guest has installed. Each builds on the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Variant {
    /// Debian as it is.
    Stock,
    /// rmcp installed by `rmcp-kctl install`.
    Rmcp,
    /// And what only scenarios use.
    Tests,
    /// And amdgpu with the patches of `patches/linux/`, which modprobe takes for the kernel's own.
    Patched,
    /// And the ROCm runtime with the patches of `patches/rocr/`, beside Debian's own.
    Rocr,
    /// rmcp installed on a machine that loads amdgpu from its initramfs.
    Initramfs,
    /// The same with dracut in place of initramfs-tools.
    Dracut,
    /// rmcp to be installed from its Debian package, where amdgpu is in the initramfs.
    Deb,
    /// And another kernel, with its headers and source, which the guest boots.
    Upgrade,
    /// And another kernel without them.
    Unserved,
    /// Nothing more, but the module's source and the register lists were found to be in order.
    Lint,
    /// Debian as it is, but on it installations were killed at every step and came through.
    Interrupted,
}

impl Variant {
    fn name(self) -> &'static str {
        match self {
            Self::Stock => "stock",
            Self::Rmcp => "rmcp",
            Self::Tests => "tests",
            Self::Patched => "patched",
            Self::Rocr => "rocr",
            Self::Initramfs => "initramfs",
            Self::Dracut => "dracut",
            Self::Deb => "deb",
            Self::Upgrade => "upgrade",
            Self::Unserved => "unserved",
            Self::Lint => "lint",
            Self::Interrupted => "interrupted",
        }
    }

    fn parent(self) -> Option<Self> {
        match self {
            Self::Stock => None,
            Self::Rmcp | Self::Initramfs | Self::Dracut | Self::Deb | Self::Interrupted => {
                Some(Self::Stock)
            }
            Self::Tests | Self::Lint => Some(Self::Rmcp),
            Self::Patched | Self::Rocr => Some(Self::Tests),
            Self::Upgrade | Self::Unserved => Some(Self::Initramfs),
        }
    }

    fn purpose(self) -> &'static str {
        match self {
            Self::Stock => "setting the guest up",
            Self::Rmcp => "installing rmcp in the guest through DKMS (about 2 minutes)",
            Self::Tests => "building what only the tests use (about a minute)",
            Self::Patched => "putting the patched amdgpu in the place of the kernel's",
            Self::Rocr => "putting the patched ROCr beside Debian's own",
            Self::Initramfs => "installing rmcp where amdgpu is in the initramfs",
            Self::Dracut => "installing rmcp where dracut makes the initramfs (about 5 minutes)",
            Self::Deb => "making a guest with Debian packages to install (about a minute)",
            Self::Upgrade => "installing another kernel beside (about 5 minutes)",
            Self::Unserved => "installing another kernel beside, without its headers",
            Self::Lint => "looking through the module's source and the register lists",
            Self::Interrupted => "killing installations at every step (about 15 minutes)",
        }
    }

    /// Why it cannot be made, if so: what goes into it is not to be had.
    pub fn obstacle(self, checkout: &Checkout) -> Result<Option<String>> {
        let script = match self {
            Self::Patched => MODULE,
            Self::Rocr => ROCR,
            _ => return Ok(None),
        };
        match checkout.made_by(script, &[]) {
            Ok(_) => Ok(None),
            Err(error) => {
                let gone = error.downcast::<NotToBeHad>()?.to_string();
                Ok(Some(gone.replace('\n', "; ")))
            }
        }
    }

    /// Puts what the recipe reads into a directory.
    fn inputs(self, checkout: &Checkout, kctl: &Path, to: &Path) -> Result<()> {
        match self {
            Self::Stock => {
                for chip in rmcp_vgpu::CHIPS {
                    rmcp_vgpu::firmware::write(chip, &to.join("firmware"))?;
                }
            }
            Self::Rmcp => copy(kctl, &to.join("rmcp-kctl"))
                .context("build the workspace first, with tests/vm/build.sh")?,
            Self::Interrupted => {
                Self::Rmcp.inputs(checkout, kctl, to)?;
                copy(&checkout.harness("guest/snapshot.sh"), &to.join("snapshot"))?;
            }
            Self::Tests => {
                for (from, name) in [
                    ("guest/replace.sh", "replace"),
                    ("guest/amdgpu.sh", "amdgpu.sh"),
                    ("hsa_probe.c", "hsa_probe.c"),
                    ("map_mtypes.c", "map_mtypes.c"),
                    ("one_more_argument.c", "one_more_argument.c"),
                ] {
                    copy(&checkout.harness(from), &to.join(name))?;
                }
            }
            Self::Patched => {
                let module = checkout.made_by(MODULE, &[])?;
                copy(&module, &to.join("amdgpu.ko.zst"))?;
            }
            Self::Rocr => {
                for line in made_by(&mut Command::new(checkout.path(ROCR)))?.lines() {
                    match line.split_once(" is ") {
                        Some((version, library)) => {
                            let library = Path::new(library);
                            copy(library, &to.join(version).join("libhsa-runtime64.so.1"))?;
                        }
                        None => say(format_args!("ROCr {line}")),
                    }
                }
            }
            Self::Initramfs | Self::Dracut => {
                Self::Rmcp.inputs(checkout, kctl, to)?;
                copy(&checkout.harness("guest/rmcp.sh"), &to.join("rmcp.sh"))?;
            }
            Self::Deb => {
                Self::Rmcp.inputs(checkout, kctl, to)?;
                copy(&checkout.harness("guest/snapshot.sh"), &to.join("snapshot"))?;
                copy(&checkout.path("Makefile"), &to.join("Makefile"))?;
                for directory in ["packaging", "userspace/schema", "LICENSES"] {
                    copy_tree(&checkout.path(directory), &to.join(directory))?;
                }
            }
            Self::Upgrade | Self::Unserved => {
                fs::write(to.join("kernel"), kernels::upgrade(checkout)?.release)?;
            }
            // The module's source is that of the layer below.
            Self::Lint => {
                let registers = checkout.path("tests/vgpu/registers");
                copy_tree(&registers, &to.join("registers"))?;
            }
        }
        Ok(())
    }
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    if let Some(directory) = to.parent() {
        fs::create_dir_all(directory)?;
    }
    fs::copy(from, to).with_context(|| format!("cannot copy {}", from.display()))?;
    Ok(())
}

fn copy_tree(from: &Path, to: &Path) -> Result<()> {
    for entry in fs::read_dir(from).with_context(|| format!("no {}", from.display()))? {
        let entry = entry?.path();
        let to = to.join(entry.file_name().unwrap_or_default());
        if entry.is_dir() {
            copy_tree(&entry, &to)?;
        } else {
            copy(&entry, &to)?;
        }
    }
    Ok(())
}

/// Looks through the module's source with the kernel's own tools, and compares the emulated GPU's
/// register lists with the kernel's source, unless that was done.
pub fn lint(checkout: &Checkout, rootfs: &RootFs, kctl: &Path) -> Result<()> {
    Layer::get(checkout, rootfs, Variant::Lint, kctl, &mut Vec::new()).map(drop)
}

/// Kills installations and uninstallations at every step, and sees that they can be completed and
/// taken away, unless that was done with this very rmcp-kctl.
pub fn interrupt(checkout: &Checkout, rootfs: &RootFs, kctl: &Path) -> Result<()> {
    // The kernel's Rust metadata, which this takes as given, comes with the first installation.
    Layer::get(checkout, rootfs, Variant::Rmcp, kctl, &mut Vec::new())?;
    Layer::get(
        checkout,
        rootfs,
        Variant::Interrupted,
        kctl,
        &mut Vec::new(),
    )
    .map(drop)
}

/// A bootable image. While it exists, no other run removes it from the cache.
#[derive(Debug)]
pub struct Image {
    directory: PathBuf,
    _locks: Vec<Flock<File>>,
}

impl Image {
    /// Takes the variant's image from the cache, or makes it.
    pub fn get(
        checkout: &Checkout,
        rootfs: &RootFs,
        variant: Variant,
        kctl: &Path,
    ) -> Result<Self> {
        let mut layers = Vec::new();
        let top = Layer::get(checkout, rootfs, variant, kctl, &mut layers)?;
        let disk = top.join("disk.ext4");
        if !disk.exists() {
            let _making = lock(&top.with_extension("making"), FlockArg::LockExclusive)?;
            if !disk.exists() {
                say(format_args!("writing the disk image: {}", variant.name()));
                let unfinished = top.join("disk.tmp");
                let _ = fs::remove_file(&unfinished);
                let enter = layers
                    .iter()
                    .fold(rootfs.enter(), |enter, layer| enter.layer(&layer.directory));
                enter.image(&unfinished, DISK_SIZE).finish()?;
                fs::rename(&unfinished, &disk)?;
            }
        }
        Ok(Self {
            directory: top,
            _locks: layers.into_iter().map(|layer| layer.lock).collect(),
        })
    }

    /// An image that nothing is known of but its place.
    #[cfg(test)]
    pub(crate) fn at(directory: &Path) -> Self {
        Self {
            directory: directory.to_owned(),
            _locks: Vec::new(),
        }
    }

    /// The disk.
    pub fn disk(&self) -> PathBuf {
        self.directory.join("disk.ext4")
    }

    /// The kernel on it.
    pub fn kernel(&self) -> PathBuf {
        self.directory.join("boot/vmlinuz")
    }

    /// The initramfs on it.
    pub fn initrd(&self) -> PathBuf {
        self.directory.join("boot/initrd")
    }
}

/// One recipe's changes to the root filesystem, held in the cache by a shared lock.
#[derive(Debug)]
struct Layer {
    directory: PathBuf,
    lock: Flock<File>,
}

impl Layer {
    /// Makes the layer and all below it where they are missing; appends them to `layers`, lowest
    /// first, and returns the top one's directory.
    fn get(
        checkout: &Checkout,
        rootfs: &RootFs,
        variant: Variant,
        kctl: &Path,
        layers: &mut Vec<Self>,
    ) -> Result<PathBuf> {
        let below = match variant.parent() {
            Some(parent) => Self::get(checkout, rootfs, parent, kctl, layers)?,
            None => rootfs.path().to_owned(),
        };
        let inputs = tempfile::tempdir()?;
        variant.inputs(checkout, kctl, inputs.path())?;
        let script = checkout.harness(&format!("guest/{}.sh", variant.name()));
        copy(&script, &inputs.path().join("recipe.sh"))?;

        let mut key = Key::new();
        key.add(below.file_name().unwrap_or_default().as_encoded_bytes());
        key.add_tree(inputs.path())?;
        let name = format!("guest-{}-{}", variant.name(), key.finish());
        let directory = rootfs.cache().join(&name);
        if !directory.is_dir() {
            let _making = lock(&directory.with_extension("making"), FlockArg::LockExclusive)?;
            if !directory.is_dir() {
                say(variant.purpose());
                let metadata = metadata(checkout, rootfs)?;
                make(rootfs, layers, inputs.path(), &metadata, &directory)?;
                evict(rootfs, &format!("guest-{}-", variant.name()), &directory)?;
            }
        }
        let lock = lock(&directory.with_extension("lock"), FlockArg::LockShared)?;
        ensure!(
            directory.is_dir(),
            "{} went away: run this again",
            directory.display()
        );
        File::open(&directory)?.set_modified(SystemTime::now())?;
        layers.push(Self {
            directory: directory.clone(),
            lock,
        });
        Ok(directory)
    }
}

/// Where the kernel's Rust metadata is kept between runs: it takes minutes to build, and does not
/// depend on the rest of rmcp. A change to what builds it has it built anew.
fn metadata(checkout: &Checkout, rootfs: &RootFs) -> Result<PathBuf> {
    const PREFIX: &str = "metadata-";
    let mut key = Key::new();
    key.add(
        rootfs
            .path()
            .file_name()
            .unwrap_or_default()
            .as_encoded_bytes(),
    );
    key.add_tree(&checkout.path("userspace/src/kernel"))?;
    let directory = rootfs.cache().join(format!("{PREFIX}{}", key.finish()));
    if !directory.is_dir() {
        fs::create_dir_all(&directory)?;
        evict(rootfs, PREFIX, &directory)?;
    }
    Ok(directory)
}

/// Runs a recipe in a directory beside the final one, which it becomes when all went well.
fn make(
    rootfs: &RootFs,
    below: &[Layer],
    inputs: &Path,
    metadata: &Path,
    directory: &Path,
) -> Result<()> {
    let unfinished = directory.with_extension("tmp");
    rootfs.remove(&unfinished)?;
    let boot = unfinished.join("boot");
    fs::create_dir_all(&boot)?;
    below
        .iter()
        .fold(rootfs.enter(), |enter, layer| enter.layer(&layer.directory))
        .layer(&unfinished)
        .bind(inputs, "/mnt/input")
        .bind(metadata, "/mnt/metadata")
        .bind(&boot, "/mnt/boot")
        .run(
            "set -e\n\
             bash /mnt/input/recipe.sh\n\
             kernel=$(cat /mnt/boot/release 2>/dev/null || echo \"$KERNEL\")\n\
             cp \"/boot/vmlinuz-$kernel\" /mnt/boot/vmlinuz\n\
             cp \"/boot/initrd.img-$kernel\" /mnt/boot/initrd",
        )?;
    fs::rename(&unfinished, directory)?;
    Ok(())
}

/// Removes the oldest entries of this kind, if nobody uses them.
fn evict(rootfs: &RootFs, prefix: &str, newest: &Path) -> Result<()> {
    let mut entries = Vec::new();
    for entry in fs::read_dir(rootfs.cache())? {
        let entry = entry?;
        let ours = entry.file_name().to_string_lossy().starts_with(prefix);
        if ours && entry.file_type()?.is_dir() && entry.path() != newest {
            entries.push((entry.metadata()?.modified()?, entry.path()));
        }
    }
    entries.sort();
    let surplus = (entries.len() + 1).saturating_sub(KEPT);
    for (_, path) in entries.into_iter().take(surplus) {
        let file = File::create(path.with_extension("lock"))?;
        if let Ok(_unused) = Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            rootfs.remove(&path)?;
        }
    }
    Ok(())
}

/// Takes a lock, and says so when that means waiting.
fn lock(path: &Path, how: FlockArg) -> Result<Flock<File>> {
    let open = || File::create(path).with_context(|| format!("cannot make {}", path.display()));
    let at_once = match how {
        FlockArg::LockShared => FlockArg::LockSharedNonblock,
        _ => FlockArg::LockExclusiveNonblock,
    };
    match Flock::lock(open()?, at_once) {
        Ok(lock) => Ok(lock),
        Err((file, Errno::EWOULDBLOCK)) => {
            say(format_args!("waiting for another run ({})", path.display()));
            Flock::lock(file, how).map_err(|(_, error)| error.into())
        }
        Err((_, error)) => Err(error).with_context(|| format!("cannot lock {}", path.display())),
    }
}

/// The name of a cache entry: a digest of everything that decides its content.
struct Key(Sha256);

impl Key {
    fn new() -> Self {
        Self(Sha256::new())
    }

    /// Lengths go in too, so that no two different sequences look alike.
    fn add(&mut self, part: &[u8]) {
        self.0.update((part.len() as u64).to_le_bytes());
        self.0.update(part);
    }

    fn add_tree(&mut self, directory: &Path) -> Result<()> {
        let mut paths: Vec<PathBuf> = fs::read_dir(directory)?
            .map(|entry| Ok(entry?.path()))
            .collect::<Result<_>>()?;
        paths.sort();
        for path in paths {
            self.add(path.file_name().unwrap_or_default().as_encoded_bytes());
            if path.is_dir() {
                self.add_tree(&path)?;
            } else {
                self.add(&fs::read(&path)?);
            }
        }
        Ok(())
    }

    fn finish(self) -> String {
        let digest = self.0.finalize();
        let first = digest
            .iter()
            .take(8)
            .fold(0, |number: u64, byte| number << 8 | u64::from(*byte));
        format!("{first:016x}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(parts: &[&str]) -> String {
        let mut key = Key::new();
        for part in parts {
            key.add(part.as_bytes());
        }
        key.finish()
    }

    #[test]
    fn a_key_depends_on_every_part_and_where_it_ends() {
        assert_eq!(key(&["a", "b"]), key(&["a", "b"]));
        assert_ne!(key(&["a", "b"]), key(&["ab"]));
        assert_ne!(key(&["a", "b"]), key(&["b", "a"]));
        assert_eq!(key(&[]).len(), 16);
    }

    #[test]
    fn a_tree_is_known_by_names_and_contents() {
        let tree = |files: &[(&str, &str)]| {
            let directory = tempfile::tempdir().unwrap();
            for (name, text) in files {
                let path = directory.path().join(name);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, text).unwrap();
            }
            let mut key = Key::new();
            key.add_tree(directory.path()).unwrap();
            key.finish()
        };
        let one = tree(&[("a/b", "x"), ("c", "y")]);
        assert_eq!(one, tree(&[("c", "y"), ("a/b", "x")]));
        assert_ne!(one, tree(&[("a/b", "x"), ("c", "z")]));
        assert_ne!(one, tree(&[("a/b", "x"), ("d", "y")]));
    }

    #[test]
    fn every_variant_builds_on_stock() {
        for &variant in Variant::value_variants() {
            let mut lowest = variant;
            while let Some(parent) = lowest.parent() {
                assert!(parent < lowest);
                lowest = parent;
            }
            assert_eq!(lowest, Variant::Stock);
        }
    }
}
