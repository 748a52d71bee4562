// SPDX-License-Identifier: MIT

//! What a kernel must have so that the module can be built for it: one check after the other, the
//! first that fails gives one reason and what to do.

use super::{Config, RustTree, MODULES};
use crate::dkms;
use crate::process;
use crate::root::Root;
use std::fmt;
use std::path::{Path, PathBuf};

/// Why the module cannot be built for a kernel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Obstacle {
    /// The kernel itself is not made for it; nothing that one installs changes that.
    KernelCannot(String),
    /// Something is missing.
    Missing {
        /// What was found and what was expected.
        what: String,
        /// What to install or do.
        remedy: String,
    },
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::KernelCannot(why) => f.write_str(why),
            Self::Missing { what, remedy } => write!(f, "{what}: {remedy}"),
        }
    }
}

impl std::error::Error for Obstacle {}

fn missing(what: impl Into<String>, remedy: impl Into<String>) -> Obstacle {
    Obstacle::Missing {
        what: what.into(),
        remedy: remedy.into(),
    }
}

/// Where the kernel crate's metadata comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Metadata {
    /// The headers carry it.
    Headers,
    /// It was built before and still fits.
    Built,
    /// It is built from this archive of the kernel's source.
    Source(PathBuf),
}

/// A kernel for which the module can be built once its tools are there.
#[derive(Debug, Clone)]
pub struct Requirements {
    /// The kernel's release.
    pub release: String,
    /// Its headers.
    pub headers: PathBuf,
    /// Its configuration.
    pub config: Config,
    /// Its amdgpu.ko.
    pub amdgpu: PathBuf,
    /// A file that holds its base BTF.
    pub base_btf: PathBuf,
}

/// A kernel for which the module can be built now.
#[derive(Debug, Clone)]
pub struct Ready {
    /// The kernel.
    pub kernel: Requirements,
    /// The very compiler that the kernel was built with.
    pub rustc: PathBuf,
    /// The generator of bindings.
    pub bindgen: PathBuf,
    /// The C compiler that the kernel was built with.
    pub cc: PathBuf,
    /// Where the kernel crate's metadata comes from.
    pub metadata: Metadata,
}

/// The options without which the module cannot work, and why.
const OPTIONS: [(&str, &str); 5] = [
    ("CONFIG_RUST", "no Rust module can be loaded"),
    ("CONFIG_KPROBES", "amdgpu's functions cannot be probed"),
    (
        "CONFIG_KPROBES_ON_FTRACE",
        "amdgpu's functions cannot be probed",
    ),
    (
        "CONFIG_DEBUG_INFO_BTF_MODULES",
        "amdgpu's layout cannot be read",
    ),
    ("CONFIG_DRM_AMDGPU", "there is no amdgpu to guard"),
];

impl Requirements {
    /// Looks at the kernel's own files.
    ///
    /// # Errors
    ///
    /// The first thing that is not as it must be.
    pub fn check(root: &Root, release: &str, headers: Option<&Path>) -> Result<Self, Obstacle> {
        let (major, minor) = dkms::OLDEST_KERNEL;
        if version(release).is_none_or(|found| found < (major, minor)) {
            return Err(Obstacle::KernelCannot(format!(
                "{release} is older than {major}.{minor}, the oldest kernel that rmcp was built on"
            )));
        }
        let headers = headers.map_or_else(|| headers_of(root, release), Path::to_path_buf);
        // A kernel that says so itself is told apart from one whose headers are missing.
        let config = Config::of(root, release, &headers).ok_or_else(|| no_headers(release))?;
        for (option, consequence) in OPTIONS {
            if !config.enabled(option) {
                return Err(Obstacle::KernelCannot(format!(
                    "{release} was built without {option}: {consequence}"
                )));
            }
        }
        let amdgpu = amdgpu_module(root, release).ok_or_else(|| {
            missing(
                format!("no amdgpu.ko in {MODULES}/{release}"),
                "install the package with the kernel's graphics modules (Ubuntu: linux-modules-extra)",
            )
        })?;
        if !headers.join("Makefile").is_file() {
            return Err(no_headers(release));
        }
        let base_btf = base_btf(root, release).ok_or_else(|| {
            missing(
                format!("no base BTF of {release}: neither vmlinux in its headers nor /boot/vmlinuz-{release}"),
                "install the kernel's headers",
            )
        })?;
        Ok(Self {
            release: release.to_owned(),
            headers,
            config,
            amdgpu,
            base_btf,
        })
    }

    /// Looks for the tools on the running system.
    ///
    /// # Errors
    ///
    /// The first that is missing or of the wrong version.
    pub fn tools(self, root: &Root) -> Result<Ready, Obstacle> {
        let rustc = self.rustc()?;
        let bindgen = process::find("bindgen")
            .ok_or_else(|| missing("bindgen was not found", "install the package bindgen"))?;
        let cc = self.cc()?;
        if process::find("dkms").is_none() {
            return Err(missing("dkms was not found", "install the package dkms"));
        }
        let metadata = if self.headers.join("rust/libkernel.rmeta").is_file() {
            Metadata::Headers
        } else if RustTree::of(root, &self.release).fits(&self, &rustc) {
            Metadata::Built
        } else {
            self.source(&rustc)?
        };
        Ok(Ready {
            kernel: self,
            rustc,
            bindgen,
            cc,
            metadata,
        })
    }

    /// The rustc whose version text is the kernel's. Metadata and symbol names depend on it, so
    /// that no other serves.
    fn rustc(&self) -> Result<PathBuf, Obstacle> {
        let expected = self
            .config
            .get("CONFIG_RUSTC_VERSION_TEXT")
            .unwrap_or_default();
        let number = expected.split_whitespace().nth(1).unwrap_or_default();
        let series = number.rsplit_once('.').map_or(number, |(series, _)| series);
        let mut found = Vec::new();
        // Ubuntu's packages of one series are beside the default one.
        let beside = [
            PathBuf::from(format!("/usr/bin/rustc-{series}")),
            PathBuf::from(format!("/usr/lib/rust-{series}/bin/rustc")),
        ];
        for rustc in process::find_all("rustc").chain(beside) {
            let Ok(version) = process::capture(&rustc, &["--version"]) else {
                continue;
            };
            if version.trim() == expected {
                return Ok(rustc);
            }
            found.push(format!("{} is {}", rustc.display(), version.trim()));
        }
        Err(missing(
            format!(
                "the kernel was built with {expected:?}; {}",
                if found.is_empty() {
                    "no rustc was found".to_owned()
                } else {
                    found.join(", ")
                }
            ),
            format!("install the distribution's rustc {number} (package rustc or rustc-{series}); another version does not serve"),
        ))
    }

    fn cc(&self) -> Result<PathBuf, Obstacle> {
        let text = self
            .config
            .get("CONFIG_CC_VERSION_TEXT")
            .unwrap_or_default();
        let name = text.split_whitespace().next().unwrap_or("gcc");
        process::find(name).ok_or_else(|| {
            let package = name.rsplit_once("gnu-").map_or(name, |(_, short)| short);
            missing(
                format!("the kernel was built with {text:?}; {name} was not found"),
                format!("install the package {package}"),
            )
        })
    }

    /// The kernel's source archive and what building `rust/` in it takes.
    fn source(&self, rustc: &Path) -> Result<Metadata, Obstacle> {
        // Debian's headers are links around a common part, which the overlay is made for.
        if !self.headers.join(".kernelvariables").is_file() {
            return Err(missing(
                format!(
                    "{} has no Rust metadata (rust/libkernel.rmeta)",
                    self.headers.display()
                ),
                format!(
                    "install the package that has it (Ubuntu: linux-lib-rust-{})",
                    self.release
                ),
            ));
        }
        for (program, package) in [
            ("make", "make"),
            ("flex", "flex"),
            ("bison", "bison"),
            ("bc", "bc"),
            ("tar", "tar"),
            ("xz", "xz-utils"),
            ("pahole", "pahole"),
            ("python3", "python3"),
        ] {
            if process::find(program).is_none() {
                return Err(missing(
                    format!("{program} was not found"),
                    format!("install the package {package}"),
                ));
            }
        }
        for (header, package) in [
            ("/usr/include/libelf.h", "libelf-dev"),
            ("/usr/include/openssl/opensslv.h", "libssl-dev"),
        ] {
            if !Path::new(header).is_file() {
                return Err(missing(
                    format!("{header} was not found"),
                    format!("install the package {package}"),
                ));
            }
        }
        let sysroot = process::capture(rustc, &["--print", "sysroot"]).unwrap_or_default();
        let library =
            Path::new(sysroot.trim()).join("lib/rustlib/src/rust/library/core/src/lib.rs");
        if !library.is_file() {
            return Err(missing(
                format!("{} was not found", library.display()),
                "install the package rust-src",
            ));
        }
        let version: Vec<&str> = self.release.split(['.', '-', '+']).take(2).collect();
        let package = format!("linux-source-{}", version.join("."));
        let archive = PathBuf::from(format!("/usr/src/{package}.tar.xz"));
        if !archive.is_file() {
            return Err(missing(
                format!("{} was not found", archive.display()),
                format!("install the package {package} in the version of the kernel's headers"),
            ));
        }
        self.same_version(&package)?;
        Ok(Metadata::Source(archive))
    }

    /// The source must be of the very version that the headers are of.
    fn same_version(&self, source: &str) -> Result<(), Obstacle> {
        let Some(query) = process::find("dpkg-query") else {
            return Ok(());
        };
        let version = |package: &str| {
            process::capture(&query, &["-W", "-f", "${Version}", package])
                .ok()
                .filter(|version| !version.is_empty())
        };
        let headers = format!("linux-headers-{}", self.release);
        match (version(&headers), version(source)) {
            (Some(expected), Some(found)) if expected != found => Err(missing(
                format!("{source} is of version {found}, {headers} of {expected}"),
                format!("install {source}={expected}"),
            )),
            _ => Ok(()),
        }
    }
}

/// The first two numbers of a release.
fn version(release: &str) -> Option<(u32, u32)> {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit());
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

fn no_headers(release: &str) -> Obstacle {
    missing(
        format!("the headers of {release} were not found ({MODULES}/{release}/build)"),
        format!("install the package linux-headers-{release}"),
    )
}

/// Where the kernel's headers are, if they are installed.
pub fn headers_of(root: &Root, release: &str) -> PathBuf {
    root.path(format!("{MODULES}/{release}/build"))
}

/// The kernel's own amdgpu.ko, compressed or not.
pub fn amdgpu_module(root: &Root, release: &str) -> Option<PathBuf> {
    ["", ".xz", ".zst", ".gz"]
        .iter()
        .map(|suffix| {
            root.path(format!(
                "{MODULES}/{release}/kernel/drivers/gpu/drm/amd/amdgpu/amdgpu.ko{suffix}"
            ))
        })
        .find(|path| path.is_file())
}

/// A file that holds the kernel's base BTF: the running kernel's own, the headers' vmlinux, or the
/// image in /boot.
pub fn base_btf(root: &Root, release: &str) -> Option<PathBuf> {
    let running = super::running(root).ok().flatten();
    let own = (running.as_deref() == Some(release)).then(|| root.path("/sys/kernel/btf/vmlinux"));
    own.into_iter()
        .chain([
            root.path(format!("{MODULES}/{release}/build/vmlinux")),
            root.path(format!("/boot/vmlinuz-{release}")),
            root.path(format!("{MODULES}/{release}/vmlinuz")),
        ])
        .find(|path| path.is_file())
}

#[cfg(test)]
mod tests {
    use super::version;
    use proptest::prelude::*;

    #[test]
    fn releases_are_compared_by_number() {
        assert_eq!(version("7.2.12+deb13-amd64"), Some((7, 2)));
        assert_eq!(version("6.18-rc1"), Some((6, 18)));
        assert!(version("7.10.1") > version("7.2.1") && version("10.0") > version("7.2"));
        assert_eq!(version("unknown"), None);
    }

    proptest! {
        #[test]
        fn no_release_panics(release: String) {
            version(&release);
        }
    }
}
