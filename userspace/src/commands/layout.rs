// SPDX-License-Identifier: MIT

//! `rmcp-kctl layout`: where the fields of a kernel's amdgpu are, for any installed kernel.

use super::Exit;
use crate::cli;
use crate::kernel;
use crate::kernel_file;
use crate::layout::Layout;
use crate::report::{Terminal, Tone};
use crate::root::Root;
use crate::steps;
use anyhow::{Context, Result};
use std::path::{Path, PathBuf};

/// Runs the command.
///
/// # Errors
///
/// When a file is missing or the layout is refused.
pub fn run(root: &Root, terminal: &Terminal, args: &cli::Layout) -> Result<Exit> {
    let (amdgpu, base) = files(root, args)?;
    let layout = resolve(&amdgpu, &base)?;
    if let Some(output) = &args.output {
        steps::write_atomically(output, layout.to_rust().as_bytes(), 0o644)?;
    }
    if terminal.json() {
        terminal.document(&layout)?;
    } else if args.output.is_none() {
        terminal.line(Tone::Plain, layout.to_rust().trim_end());
    } else {
        terminal.progress(&summary(&layout));
    }
    Ok(Exit::Success)
}

/// One line on what was found.
pub(super) fn summary(layout: &Layout) -> String {
    format!(
        "{}: amdgpu's layout is known: noretry at {}, fragment_size at {}, {:?}",
        layout.kernel_release, layout.noretry, layout.fragment_size, layout.mtype_hook
    )
}

/// Reads the two files and resolves.
pub(super) fn resolve(amdgpu: &Path, base: &Path) -> Result<Layout> {
    let module = kernel_file::read(amdgpu)?;
    let base_btf = kernel_file::base_btf(base)?;
    Layout::resolve(&module, &base_btf).with_context(|| {
        format!(
            "{} on the BTF of {} is refused",
            amdgpu.display(),
            base.display()
        )
    })
}

fn files(root: &Root, args: &cli::Layout) -> Result<(PathBuf, PathBuf)> {
    let release = match &args.kernel {
        Some(release) => release.clone(),
        None => kernel::running(root)?.unwrap_or_default(),
    };
    let amdgpu = match &args.amdgpu {
        Some(file) => file.clone(),
        None => kernel::amdgpu_module(root, &release).with_context(|| {
            format!(
                "no amdgpu.ko for the kernel {release:?}; installed are: {}",
                kernel::installed(root).join(", ")
            )
        })?,
    };
    let base = match &args.base {
        Some(file) => file.clone(),
        None => kernel::base_btf(root, &release).with_context(|| {
            format!(
                "no base BTF for the kernel {release:?}: install linux-headers-{release}, or name a file with --base"
            )
        })?,
    };
    Ok((amdgpu, base))
}
