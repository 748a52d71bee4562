// SPDX-License-Identifier: MIT

//! `rmcp-kctl prepare`: what DKMS runs before it builds. Checks that the kernel can have the
//! module, writes its layout, and provides the kernel's Rust metadata.

use super::{layout, Exit};
use crate::cli;
use crate::kernel::{self, Metadata, Obstacle, Ready, RustTree};
use crate::report::Terminal;
use crate::root::Root;
use crate::steps;
use anyhow::{bail, Context, Result};

/// Runs the command.
///
/// # Errors
///
/// When something is missing, the layout is refused, or the metadata cannot be built.
pub fn run(root: &Root, terminal: &Terminal, args: &cli::Prepare) -> Result<Exit> {
    if !root.is_running_system() {
        bail!("prepare runs the kernel's own tools and so works on / only, not below --root");
    }
    let release = match &args.kernel {
        Some(release) => release.clone(),
        None => kernel::running(root)?.context("the running kernel's release is not known")?,
    };
    RustTree::remove_obsolete(root)?;
    let ready = match Ready::check(root, &release, args.headers.as_deref()) {
        Ok(ready) => ready,
        Err(obstacle @ Obstacle::KernelCannot(_)) => {
            terminal.progress(&format!("rmcp: skipped: {obstacle}"));
            return Ok(Exit::Skipped);
        }
        Err(obstacle) => return Err(obstacle.into()),
    };
    let found = layout::resolve(&ready.kernel.amdgpu, &ready.kernel.base_btf)?;
    if found.kernel_release != release {
        bail!(
            "{} was built for {}, expected {release}",
            ready.kernel.amdgpu.display(),
            found.kernel_release
        );
    }
    terminal.progress(&layout::summary(&found));

    let tree = RustTree::of(root, &release);
    let build_directory = match &ready.metadata {
        Metadata::Headers => ready.kernel.headers.clone(),
        Metadata::Built => tree.build_directory(),
        Metadata::Source(archive) => {
            tree.make(terminal, &ready.kernel, &ready.rustc, &ready.cc, archive)?;
            tree.build_directory()
        }
    };
    let makefile = format!(
        "# SPDX-License-Identifier: GPL-2.0\n# Written by rmcp-kctl prepare for {release}.\nKDIR := {}\nRUSTC := {}\nBINDGEN := {}\n",
        build_directory.display(),
        ready.rustc.display(),
        ready.bindgen.display()
    );
    steps::write_atomically(
        &args.output.join("layout_generated.rs"),
        found.to_rust().as_bytes(),
        0o644,
    )?;
    steps::write_atomically(&args.output.join("kernel.mk"), makefile.as_bytes(), 0o644)?;
    terminal.progress(&format!(
        "{release}: ready to build in {}",
        build_directory.display()
    ));
    Ok(Exit::Success)
}
