// SPDX-License-Identifier: MIT

//! A source tree of ROCm's runtime: which component it is, and of which version. What the tree does
//! not say is not guessed.

use super::{Component, Patch};
use crate::root::Root;
use serde::Serialize;
use std::fmt;
use std::path::{Path, PathBuf};

/// A source tree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Tree {
    /// Its top, which the paths in patches begin at.
    pub directory: PathBuf,
    /// What it is the source of.
    pub component: Component,
    /// Its version.
    #[serde(flatten)]
    pub version: Version,
}

/// A version of ROCm, as far as it is known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Version {
    /// All three numbers, or the first two.
    pub version: String,
    /// Whether there may be a third number that is not known.
    pub series: bool,
    /// What says so.
    pub evidence: String,
}

/// The files by which a component is known; the first that is there decides.
const MARKS: [(&str, Component); 4] = [
    (
        "runtime/hsa-runtime/core/runtime/amd_gpu_agent.cpp",
        Component::Rocr,
    ),
    ("src/core/runtime/amd_gpu_agent.cpp", Component::Rocr),
    ("hipamd/src/hip_memory.cpp", Component::Clr),
    ("src/libhsakmt.h", Component::Libhsakmt),
];

/// Where AMD's repository of everything has the components.
const PROJECTS: [&str; 2] = ["projects/rocr-runtime", "projects/clr"];

/// The version that ROCr's CMakeLists.txt states (`get_version`), and the ROCm that it is of. 1.14.0 was
/// stated by two.
const ROCR_STATES: [(&str, &str); 4] = [
    ("1.11.0", "5.7"),
    ("1.12.0", "6.0"),
    ("1.13.0", "6.1"),
    ("1.15.0", "6.4"),
];

impl fmt::Display for Tree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Version {
            version,
            series,
            evidence,
        } = &self.version;
        let more = if *series { ".x" } else { "" };
        write!(f, "{} {version}{more} ({evidence})", self.component.name())
    }
}

impl Tree {
    /// The source at this directory, of the release that a person says it is of, if one does.
    ///
    /// # Errors
    ///
    /// One sentence on what was found, what was expected, and what to do.
    pub fn find(directory: &Path, release: Option<&str>) -> Result<Self, String> {
        let shown = directory.display();
        let component = |top: PathBuf| {
            let mark = MARKS.iter().find(|(file, _)| top.join(file).is_file());
            mark.map(|(_, component)| (top, *component))
        };
        let found: Vec<(PathBuf, Component)> = tops(directory).filter_map(component).collect();
        let (directory, component) = match found.as_slice() {
            [one] => one.clone(),
            [] if !directory.is_dir() => return Err(format!("there is no directory {shown}")),
            [] => {
                let files = MARKS.map(|(file, _)| file).join(", ");
                return Err(format!(
                    "{shown} is no source of ROCr, libhsakmt or CLR: it has none of {files}"
                ));
            }
            [first, second, ..] => {
                return Err(format!(
                    "{shown} holds several sources; name one of them: {} or {}",
                    first.0.display(),
                    second.0.display()
                ))
            }
        };
        let version = version(&directory, component, release).ok_or_else(|| {
            format!(
                "{} is the source of {}, but nothing in it says of which release; \
                 if you know it, say so: --release X.Y.Z",
                directory.display(),
                component.name()
            )
        })?;
        Ok(Self {
            directory,
            component,
            version,
        })
    }

    /// The patches for this source.
    ///
    /// # Errors
    ///
    /// One sentence when there is none, or the tree does not say enough to know which.
    pub fn patches<'a>(&self, patches: &'a [Patch]) -> Result<Vec<&'a Patch>, String> {
        let of_component = || {
            patches
                .iter()
                .filter(|patch| patch.component == self.component)
        };
        let matches: Vec<&Patch> = of_component()
            .filter(|patch| self.version.is(&patch.version))
            .collect();
        let versions = versions(matches.iter().copied());
        match versions.as_slice() {
            [_] => Ok(matches),
            [] => {
                let name = self.component.name();
                let there = self::versions(of_component());
                let there = match there.as_slice() {
                    [] => format!("for {name} there are no patches"),
                    some => format!(
                        "for {name} there are patches to {}: get the source of one of these ({})",
                        some.join(", "),
                        where_to_get(self.component, some)
                    ),
                };
                Err(format!("{} is {self}; {there}", self.directory.display()))
            }
            several => Err(format!(
                "{} is {self}; there are patches to {}: say which it is with --release",
                self.directory.display(),
                several.join(" and to ")
            )),
        }
    }
}

impl Version {
    fn is(&self, version: &str) -> bool {
        if self.series {
            series(version) == Some(&self.version)
        } else {
            self.version == version
        }
    }
}

/// Where the top of a source may be: here, or where AMD's repository of everything has it.
pub fn tops(directory: &Path) -> impl Iterator<Item = PathBuf> + use<'_> {
    let projects = PROJECTS.iter().map(|project| directory.join(project));
    std::iter::once(directory.to_path_buf()).chain(projects)
}

/// How to come by the sources that there are patches for.
pub fn sources(patches: &[Patch]) -> String {
    let lines = Component::ALL.iter().filter_map(|component| {
        let versions = versions(patches.iter().filter(|patch| patch.component == *component));
        let get = where_to_get(*component, &versions);
        (!versions.is_empty()).then(|| format!("\n  {}: {get}", component.name()))
    });
    lines.collect()
}

fn where_to_get(component: Component, versions: &[String]) -> String {
    let tags: Vec<String> = versions
        .iter()
        .map(|version| format!("rocm-{version}"))
        .collect();
    format!(
        "apt-get source {}, or upstream's {} at the tag {}",
        component.debian(),
        component.upstream(),
        tags.join(" or ")
    )
}

fn versions<'a>(patches: impl Iterator<Item = &'a Patch>) -> Vec<String> {
    let mut versions: Vec<String> = patches.map(|patch| patch.version.clone()).collect();
    versions.dedup();
    versions
}

fn version(directory: &Path, component: Component, release: Option<&str>) -> Option<Version> {
    let exact = |version: String, evidence: &str| Version {
        series: false,
        version,
        evidence: evidence.to_owned(),
    };
    if let Some(release) = release {
        return Some(exact(release.to_owned(), "as you say"));
    }
    let tree = Root::new(directory);
    let read = |file: &str| tree.read(file).ok().flatten();
    let of_debian = || debian_version(&read("/debian/changelog")?, component.debian());
    let of_name = || {
        let directory = directory.canonicalize().ok()?;
        tag(directory.file_name()?.to_str()?)
    };
    if let Some(version) = of_debian() {
        return Some(exact(version, "debian/changelog"));
    }
    if let Some(version) = of_name() {
        return Some(exact(version, "the name of the directory"));
    }
    let (version, evidence) = match component {
        Component::Rocr => {
            let file = ["CMakeLists.txt", "src/CMakeLists.txt"];
            let stated = file.iter().find_map(|file| {
                let stated = stated_version(&read(&format!("/{file}"))?)?;
                Some((stated, *file))
            });
            let (stated, file) = stated?;
            let (_, rocm) = ROCR_STATES.iter().find(|(states, _)| *states == stated)?;
            ((*rocm).to_owned(), format!("{file} states {stated}"))
        }
        Component::Clr => {
            let newest = newest_change(&read("/CHANGELOG.md")?)?;
            (newest, "CHANGELOG.md".to_owned())
        }
        // Its own number stayed at 1.0.0.
        Component::Libhsakmt => return None,
    };
    Some(Version {
        version,
        series: true,
        evidence,
    })
}

/// 6.1.2 of `rocr-runtime (6.1.2-3) unstable; ...`.
fn debian_version(changelog: &str, package: &str) -> Option<String> {
    let (name, rest) = changelog.lines().next()?.split_once(" (")?;
    let (version, _) = rest.split_once(')')?;
    let version = version
        .split_once(':')
        .map_or(version, |(_, version)| version);
    let upstream = version
        .rsplit_once('-')
        .map_or(version, |(version, _)| version);
    let plain = upstream.split(['+', '~']).next()?;
    (name == package && is_release(plain)).then(|| plain.to_owned())
}

/// 6.1.2 of ROCR-Runtime-rocm-6.1.2, as an archive of the tag is unpacked.
fn tag(name: &str) -> Option<String> {
    let (_, version) = name.rsplit_once("rocm-")?;
    is_release(version).then(|| version.to_owned())
}

/// 1.13.0 of `get_version ( "1.13.0" )`.
fn stated_version(cmake: &str) -> Option<String> {
    cmake.lines().find_map(|line| {
        let rest = line.trim_start().strip_prefix("get_version")?;
        let version = rest.trim_start().strip_prefix('(')?.trim_start();
        let (version, _) = version.strip_prefix('"')?.split_once('"')?;
        Some(version.to_owned())
    })
}

/// 6.4 of the first `## HIP 6.4.1 for ROCm 6.4.1`: the third number is often that of a release before.
fn newest_change(changelog: &str) -> Option<String> {
    let heading = changelog.lines().find(|line| line.starts_with("## "))?;
    let (_, rest) = heading.split_once("ROCm ")?;
    let version = rest.split([')', ' ']).next()?;
    let version = format!("{version}.");
    series(&version).map(str::to_owned)
}

fn is_release(text: &str) -> bool {
    let numbers: Vec<&str> = text.split('.').collect();
    let number = |text: &&str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    numbers.len() == 3 && numbers.iter().all(number)
}

/// 6.1 of 6.1.2.
fn series(version: &str) -> Option<&str> {
    let (at, _) = version.match_indices('.').nth(1)?;
    let series = &version[..at];
    series
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'.')
        .then_some(series)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn versions_are_read_where_a_source_has_them() {
        for (line, version) in [
            (
                "rocr-runtime (6.1.2-3) unstable; urgency=medium",
                Some("6.1.2"),
            ),
            ("rocr-runtime (1:6.4.3+dfsg-5) unstable", Some("6.4.3")),
            ("rocr-runtime (5.7.1-6+deb13u1) trixie", Some("5.7.1")),
            ("rocr-runtime (5.7.1~rc1-1) trixie", Some("5.7.1")),
            ("rocr-runtime (6.1-1) trixie", None),
            ("other (6.1.2-3) unstable", None),
            ("", None),
        ] {
            let found = debian_version(line, "rocr-runtime");
            assert_eq!(found.as_deref(), version, "{line}");
        }
        assert_eq!(tag("ROCR-Runtime-rocm-6.1.2").as_deref(), Some("6.1.2"));
        assert_eq!(tag("rocm-6.1.2-mine"), None);
        for text in [
            "get_version ( \"1.13.0\" )",
            "x\n  get_version(\"1.13.0\")\n",
        ] {
            assert_eq!(stated_version(text).as_deref(), Some("1.13.0"));
        }
        for (heading, version) in [
            (
                "# Log\n\n## HIP 6.4.1 for ROCm 6.4.1\n## HIP 6.3 for ROCm 6.3",
                Some("6.4"),
            ),
            ("## HIP 6.1 (For ROCm 6.1)", Some("6.1")),
            ("## Unreleased", None),
        ] {
            assert_eq!(newest_change(heading).as_deref(), version, "{heading}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "(ROCm|## |rocr-runtime|get_version|\\(|\\)|\"|[0-9.:~+-]|\n| |é){0,20}") {
            debian_version(&text, "rocr-runtime");
            tag(&format!("rocm-{text}"));
            stated_version(&text);
            newest_change(&text);
        }
    }
}
