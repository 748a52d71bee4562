// SPDX-License-Identifier: MIT

//! `rmcp-kctl rocm`: the patches to ROCm's runtime, from the list of them to a runtime that is built
//! with them.

mod build;
mod change;
mod check;
mod env;
mod list;

use super::Exit;
use crate::cli;
use crate::report::Terminal;
use crate::rocm_patches::source::{sources, Tree};
use crate::rocm_patches::{below, carried, Patch};
use crate::root::Root;
use anyhow::{anyhow, Result};

/// Runs the command.
///
/// # Errors
///
/// When the source or the patches cannot be read, are not known, or a file cannot be written.
pub fn run(root: &Root, terminal: &Terminal, what: &cli::Rocm) -> Result<Exit> {
    match what {
        cli::Rocm::List(args) => list::run(terminal, args),
        cli::Rocm::Check(args) => check::run(terminal, args),
        cli::Rocm::Apply(args) => change::apply(terminal, args),
        cli::Rocm::Reverse(args) => change::reverse(terminal, args),
        cli::Rocm::Build(args) => build::run(root, terminal, args),
        cli::Rocm::Env(args) => env::run(root, terminal, args),
    }
}

fn patches(args: &cli::RocmSource) -> Result<Vec<Patch>> {
    let patches = match &args.patches {
        Some(directory) => below(directory),
        None => carried(),
    };
    patches.map_err(|why| anyhow!(why))
}

/// The source tree that a person names.
fn tree(args: &cli::RocmSource, patches: &[Patch]) -> Result<Tree> {
    let how = || match sources(patches).as_str() {
        "" => "there are no patches in this program".to_owned(),
        sources => format!("to get one that there are patches for:{sources}"),
    };
    let Some(source) = &args.source else {
        return Err(anyhow!("name the directory of a source; {}", how()));
    };
    Tree::find(source, args.release.as_deref()).map_err(|why| {
        if source.is_dir() {
            anyhow!(why)
        } else {
            anyhow!("{why}; {}", how())
        }
    })
}
