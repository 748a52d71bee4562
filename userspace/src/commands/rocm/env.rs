// SPDX-License-Identifier: MIT

//! `rocm env`: what a shell needs in order to use a runtime that was built.

use super::Exit;
use crate::cli;
use crate::commands::env::reader;
use crate::report::Terminal;
use crate::root::Root;
use crate::steps::write_output;
use anyhow::{bail, Result};
use serde::Serialize;
use std::collections::BTreeMap;

/// Lists of directories, and what below the prefix belongs into each.
const LISTS: [(&str, &[&str]); 4] = [
    ("CMAKE_PREFIX_PATH", &["lib/cmake", "lib64/cmake"]),
    ("LD_LIBRARY_PATH", &["lib", "lib64"]),
    ("PATH", &["bin"]),
    ("PKG_CONFIG_PATH", &["lib/pkgconfig", "lib64/pkgconfig"]),
];

/// What `env` tells a script.
#[derive(Debug, Serialize)]
struct Document<'a> {
    exit_code: u8,
    prefix: &'a str,
    /// The directories that go before what each variable has.
    prepend: &'a BTreeMap<&'static str, Vec<String>>,
}

pub(super) fn run(root: &Root, terminal: &Terminal, args: &cli::RocmEnv) -> Result<Exit> {
    let prefix = args.prefix.trim_end_matches('/');
    if prefix.contains(|c: char| matches!(c, ':' | ';') || c.is_control())
        || !prefix.starts_with('/')
    {
        bail!(
            "{:?} is no absolute path that fits into a list of directories",
            args.prefix
        );
    }
    let mut prepend = BTreeMap::new();
    for (name, below) in LISTS {
        let there = below.iter().map(|below| format!("{prefix}/{below}"));
        let mut there: Vec<String> = there.filter(|path| root.path(path).is_dir()).collect();
        if name == "CMAKE_PREFIX_PATH" && !there.is_empty() {
            there = vec![prefix.to_owned()];
        }
        if !there.is_empty() {
            prepend.insert(name, there);
        }
    }
    if prepend.is_empty() {
        bail!("nothing is installed at {prefix}: 'rmcp-kctl rocm build SRC --prefix {prefix}' installs a runtime there");
    }
    let reader = reader(terminal, args.format);
    let text = match reader {
        Some(reader) => {
            let lines = prepend
                .iter()
                .map(|(name, directories)| reader.prepend(name, directories) + "\n");
            lines.collect()
        }
        None => {
            let document = Document {
                exit_code: Exit::Success.code(),
                prefix,
                prepend: &prepend,
            };
            serde_json::to_string_pretty(&document)? + "\n"
        }
    };
    match (&args.output, reader) {
        (Some(file), Some(_)) => {
            let head = format!("# Written by rmcp-kctl rocm env --prefix {prefix}.\n");
            write_output(file, (head + &text).as_bytes(), 0o644)?;
        }
        (Some(file), None) => write_output(file, text.as_bytes(), 0o644)?,
        (None, _) => terminal.raw(&text)?,
    }
    Ok(Exit::Success)
}
