// SPDX-License-Identifier: MIT

//! Upstream's own build of a source tree, as commands; the options are those of Debian's packages
//! where they matter.

use super::source::Tree;
use super::Component;
use std::fmt;
use std::path::{Path, PathBuf};

/// One command of the build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// What it does.
    pub what: &'static str,
    /// cmake's arguments.
    pub arguments: Vec<String>,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("cmake")?;
        for argument in &self.arguments {
            let plain = |c: char| c.is_ascii_alphanumeric() || "/-_=.+:,@%".contains(c);
            if argument.chars().all(plain) {
                write!(f, " {argument}")?;
            } else {
                write!(f, " '{}'", argument.replace('\'', "'\\''"))?;
            }
        }
        Ok(())
    }
}

/// The commands that configure, build and install a source.
///
/// # Errors
///
/// When something is not there that a source of this kind takes.
pub fn steps(
    tree: &Tree,
    build: &Path,
    prefix: &Path,
    jobs: usize,
    options: &[String],
) -> Result<Vec<Step>, String> {
    let shown = |path: &Path| path.display().to_string();
    let text = |words: &[&str]| {
        words
            .iter()
            .map(|word| (*word).to_owned())
            .collect::<Vec<_>>()
    };
    let mut configure = text(&["-S", &shown(&cmake_source(tree)), "-B", &shown(build)]);
    // libhsakmt's own choice is a static library, which Debian's ROCr would not look at.
    configure.extend(text(&[
        "-DCMAKE_BUILD_TYPE=Release",
        "-DBUILD_SHARED_LIBS=ON",
    ]));
    for (name, value) in [
        ("CMAKE_INSTALL_PREFIX", prefix),
        // A component that was installed there before goes before the system's.
        ("CMAKE_PREFIX_PATH", prefix),
    ] {
        configure.push(format!("-D{name}={}", value.display()));
    }
    if tree.component == Component::Clr {
        configure.extend(hip(tree, options)?);
    }
    configure.extend(options.iter().cloned());
    let jobs = jobs.to_string();
    Ok(vec![
        Step {
            what: "configuring",
            arguments: configure,
        },
        Step {
            what: "building",
            arguments: text(&["--build", &shown(build), "--parallel", &jobs]),
        },
        Step {
            what: "installing",
            arguments: text(&["--install", &shown(build)]),
        },
    ])
}

/// The programs that the build of a source takes.
pub fn programs(component: Component) -> &'static [&'static str] {
    match component {
        Component::Libhsakmt => &["cmake", "make", "c++", "pkg-config"],
        Component::Rocr => &["cmake", "make", "c++", "pkg-config", "clang", "xxd"],
        Component::Clr => &["cmake", "make", "c++", "pkg-config", "clang", "python3"],
    }
}

/// Up to ROCm 6.2, ROCr's build begins one directory further down.
fn cmake_source(tree: &Tree) -> PathBuf {
    let below = tree.directory.join("src");
    let further = !tree.directory.join("CMakeLists.txt").exists();
    if further && below.join("CMakeLists.txt").exists() {
        below
    } else {
        tree.directory.clone()
    }
}

/// HIP's own headers come in a repository of their own, which Debian's package has below hip/.
fn hip(tree: &Tree, options: &[String]) -> Result<Vec<String>, String> {
    let mut hip: Vec<String> = [
        "-DCLR_BUILD_HIP=ON",
        "-DCLR_BUILD_OCL=OFF",
        "-DHIP_PLATFORM=amd",
        "-DUSE_PROF_API=OFF",
        "-DHIP_ENABLE_ROCPROFILER_REGISTER=OFF",
    ]
    .map(str::to_owned)
    .to_vec();
    for (name, directory, what) in [
        (
            "HIP_COMMON_DIR",
            "hip",
            "the source of HIP (upstream's ROCm/HIP)",
        ),
        (
            "HIPCC_BIN_DIR",
            "hipcc/bin",
            "the directory of hipcc, such as /usr/bin",
        ),
    ] {
        let given = format!("-D{name}=");
        let own = tree.directory.join(directory);
        if options.iter().any(|option| option.starts_with(&given)) {
            continue;
        }
        if !own.is_dir() {
            return Err(format!(
                "{} has no {directory}: name {what}, at the end of the command: -- {given}DIR",
                tree.directory.display()
            ));
        }
        hip.push(format!("{given}{}", own.display()));
    }
    Ok(hip)
}
