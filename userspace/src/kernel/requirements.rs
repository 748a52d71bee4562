// SPDX-License-Identifier: MIT

//! What a kernel must have so that the module can be built for it. A kernel that is not made for it
//! has one reason; of what can be installed, all that is missing is named at once.

use super::{Config, Missing, Obstacle, MODULES};
use crate::dkms;
use crate::packages::{Manager, Need};
use crate::root::Root;
use crate::sysfs;
use std::path::{Path, PathBuf};

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

/// The options without which the module cannot work, and why. DKMS gets the same from dkms.conf.
pub const OPTIONS: [(&str, &str); 5] = [
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

/// The oldest compiler that takes the module's source.
const OLDEST_RUSTC: (u32, u32) = (1, 85);

impl Requirements {
    /// Looks at the kernel's own files.
    ///
    /// # Errors
    ///
    /// Why the kernel cannot have the module, or everything that is missing.
    pub fn check(root: &Root, release: &str, headers: Option<&Path>) -> Result<Self, Obstacle> {
        OwnFiles::find(root, release, headers)?.complete(release)
    }
}

/// What there is of a kernel.
pub(super) struct OwnFiles {
    headers: PathBuf,
    pub(super) config: Config,
    amdgpu: Option<PathBuf>,
    base_btf: Option<PathBuf>,
    pub(super) missing: Vec<Missing>,
}

impl OwnFiles {
    pub(super) fn find(
        root: &Root,
        release: &str,
        headers: Option<&Path>,
    ) -> Result<Self, Obstacle> {
        let (major, minor) = dkms::OLDEST_KERNEL;
        if version(release).is_none_or(|found| found < (major, minor)) {
            return Err(Obstacle::KernelCannot(format!(
                "{release} is older than {major}.{minor}, the oldest kernel that rmcp was built on"
            )));
        }
        let manager = Manager::of(root);
        let headers = headers.map_or_else(|| headers_of(root, release), Path::to_path_buf);
        let needed = Need::Headers {
            release: release.to_owned(),
            package: root
                .read(format!("{MODULES}/{release}/pkgbase"))
                .ok()
                .flatten(),
        };
        let no_headers = Missing::new(
            format!("the headers of {release} were not found ({MODULES}/{release}/build)"),
            &needed,
            manager,
        );
        // A kernel that says so itself is told apart from one whose headers are missing.
        let Some(config) = Config::of(root, release, &headers) else {
            return Err(Obstacle::Missing(vec![no_headers]));
        };
        for (option, consequence) in OPTIONS {
            if !config.enabled(option) {
                return Err(Obstacle::KernelCannot(format!(
                    "{release} was built without {option}: {consequence}"
                )));
            }
        }
        let rustc = config.rustc_number();
        let (major, minor) = OLDEST_RUSTC;
        if version(rustc).is_some_and(|found| found < (major, minor)) {
            return Err(Obstacle::KernelCannot(format!(
                "{release} was built with rustc {rustc}, older than {major}.{minor}, the oldest that the module's source is for"
            )));
        }
        if config.get("CONFIG_DRM_AMDGPU") == Some("y") {
            return Err(Obstacle::KernelCannot(format!(
                "{release} has amdgpu built in: rmcp goes with an amdgpu that is a module"
            )));
        }
        let mut missing = Vec::new();
        let amdgpu = amdgpu_module(root, release);
        if amdgpu.is_none() {
            missing.push(Missing::new(
                format!("no amdgpu.ko in {MODULES}/{release}"),
                &Need::GraphicsModules(release.to_owned()),
                manager,
            ));
        }
        let base_btf = base_btf(root, release);
        if !headers.join("Makefile").is_file() {
            missing.push(no_headers);
        } else if base_btf.is_none() {
            missing.push(Missing::new(
                format!("no base BTF of {release}: neither vmlinux in its headers nor /boot/vmlinuz-{release} nor {MODULES}/{release}/vmlinuz"),
                &needed,
                manager,
            ));
        }
        Ok(Self {
            headers,
            config,
            amdgpu,
            base_btf,
            missing,
        })
    }

    /// All of it, or what is missing.
    pub(super) fn complete(self, release: &str) -> Result<Requirements, Obstacle> {
        match (self.amdgpu, self.base_btf) {
            (Some(amdgpu), Some(base_btf)) if self.missing.is_empty() => Ok(Requirements {
                release: release.to_owned(),
                headers: self.headers,
                config: self.config,
                amdgpu,
                base_btf,
            }),
            _ => Err(Obstacle::Missing(self.missing)),
        }
    }
}

/// The first two numbers of a release or a version.
fn version(release: &str) -> Option<(u32, u32)> {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit());
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

/// Where the kernel's headers are, if they are installed.
pub fn headers_of(root: &Root, release: &str) -> PathBuf {
    root.path(format!("{MODULES}/{release}/build"))
}

/// The amdgpu.ko that modprobe takes, compressed or not: one that DKMS or a package put beside the
/// kernel's own goes first.
pub fn amdgpu_module(root: &Root, release: &str) -> Option<PathBuf> {
    let own = "kernel/drivers/gpu/drm/amd/amdgpu";
    let mut found = dkms::PLACES.iter().chain([&own]).flat_map(|place| {
        ["", ".xz", ".zst", ".gz"]
            .iter()
            .map(move |suffix| root.path(format!("{MODULES}/{release}/{place}/amdgpu.ko{suffix}")))
    });
    found.find(|path| path.is_file())
}

/// A file that holds the kernel's base BTF: the running kernel's own, the headers' vmlinux, or the
/// image in /boot.
pub fn base_btf(root: &Root, release: &str) -> Option<PathBuf> {
    let running = super::running(root).ok().flatten();
    let own = (running.as_deref() == Some(release)).then(|| sysfs::running::btf(root));
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
