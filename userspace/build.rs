// SPDX-License-Identifier: MIT

//! Puts the patches to ROCm's runtime into the program: every patches/COMPONENT/VERSION/*.patch of the
//! checkout. That there is none is no error.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::{env, fs};

/// Their directories, and what the program calls them.
const COMPONENTS: [(&str, &str); 3] =
    [("rocr", "Rocr"), ("libhsakmt", "Libhsakmt"), ("clr", "Clr")];

fn main() {
    let manifest = env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it");
    let patches = Path::new(&manifest).join("../patches");
    // A directory that appears later counts as changed, too.
    println!("cargo::rerun-if-changed={}", patches.display());
    let mut list = "static CARRIED: &[Carried] = &[\n".to_owned();
    for (directory, component) in COMPONENTS {
        for version in entries(&patches.join(directory)) {
            for patch in entries(&version) {
                if patch.extension().is_some_and(|end| end == "patch") {
                    let name = |path: &Path| {
                        path.file_name()
                            .map(|name| name.to_string_lossy().into_owned())
                    };
                    writeln!(
                        list,
                        "Carried {{ component: Component::{component}, version: {:?}, name: {:?}, text: include_bytes!({:?}) }},",
                        name(&version).unwrap_or_default(),
                        name(&patch).unwrap_or_default(),
                        patch.display().to_string(),
                    )
                    .expect("a string takes every text");
                }
            }
        }
    }
    list += "];\n";
    let out = env::var_os("OUT_DIR").expect("cargo sets it");
    fs::write(Path::new(&out).join("rocm_patches.rs"), list)
        .expect("cargo's directory can be written");
}

/// What is in a directory, by name; nothing where there is none.
fn entries(directory: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = fs::read_dir(directory)
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path()))
        .collect();
    found.sort();
    found
}
