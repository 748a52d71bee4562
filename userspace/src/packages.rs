// SPDX-License-Identifier: MIT

//! The distribution's packages: who installs them, and what they are called there.

use crate::os_release;
use crate::root::Root;

/// A package manager that rmcp can ask to install something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manager {
    /// Debian and its kin.
    Apt,
    /// Ubuntu and its kin: a compiler of each series of Rust has a package there.
    AptOfUbuntu,
    /// Fedora and its kin.
    Dnf,
    /// Arch and its kin.
    Pacman,
    /// openSUSE and SUSE.
    Zypper,
}

impl Manager {
    /// The manager of the distribution that os-release names; `None` for one that is not known.
    pub fn of(root: &Root) -> Option<Self> {
        let value = |name| os_release::value(root, name).unwrap_or_default();
        Self::of_distribution(&value("ID"), &value("ID_LIKE"))
    }

    /// The distribution itself, then those that it is like, nearest first.
    fn of_distribution(id: &str, like: &str) -> Option<Self> {
        std::iter::once(id)
            .chain(like.split_whitespace())
            .find_map(|id| match id {
                "debian" => Some(Self::Apt),
                "ubuntu" => Some(Self::AptOfUbuntu),
                "fedora" | "rhel" => Some(Self::Dnf),
                "arch" => Some(Self::Pacman),
                "suse" | "opensuse" | "opensuse-tumbleweed" | "opensuse-leap" => Some(Self::Zypper),
                _ => None,
            })
    }

    /// The command that installs packages without asking.
    pub fn install(self, packages: &[String]) -> Vec<String> {
        let words: &[&str] = match self {
            Self::Apt | Self::AptOfUbuntu => &["apt-get", "install", "--yes"],
            Self::Dnf => &["dnf", "install", "--assumeyes"],
            Self::Pacman => &["pacman", "--sync", "--needed", "--noconfirm"],
            Self::Zypper => &["zypper", "--non-interactive", "install"],
        };
        words
            .iter()
            .map(|word| (*word).to_owned())
            .chain(packages.iter().cloned())
            .collect()
    }
}

/// Something that the module's build takes and that comes in a package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Need {
    /// The kernel's headers.
    Headers {
        /// The kernel's release.
        release: String,
        /// The name of the kernel's package, where the distribution writes it down.
        package: Option<String>,
    },
    /// The part of the kernel with the graphics drivers.
    GraphicsModules(String),
    /// The compiler of this version, such as 1.85.1.
    Rustc(String),
    /// The library that comes as source with that compiler.
    RustSource(String),
    /// The kernel's Rust metadata, where it comes beside the headers.
    RustMetadata(String),
    /// The kernel's source in this version.
    KernelSource {
        /// Debian's name of the package.
        package: String,
        /// The version that the headers are of.
        version: Option<String>,
    },
    /// The C compiler of this name.
    Compiler(String),
    /// A DKMS that is there, but too old.
    NewerDkms,
    /// A program that is called the same everywhere.
    Program(&'static str),
    /// The C library behind a header file.
    Library(&'static str),
}

impl Need {
    /// What its package is called; `None` where that is not known.
    pub fn package(&self, manager: Option<Manager>) -> Option<String> {
        use Manager::{Apt, AptOfUbuntu, Dnf, Pacman, Zypper};
        let manager = manager?;
        let name = match (self, manager) {
            (Self::Headers { release, .. }, Apt | AptOfUbuntu) => {
                format!("linux-headers-{release}")
            }
            (Self::Headers { release, .. }, Dnf) => format!("kernel-devel-{release}"),
            (Self::Headers { package, .. }, Pacman) => format!("{}-headers", package.as_ref()?),
            (Self::Headers { release, .. }, Zypper) => {
                // The last part of a release there is the flavour: default, rt.
                format!("kernel-{}-devel", release.rsplit_once('-')?.1)
            }
            (Self::GraphicsModules(release), Apt | AptOfUbuntu) => {
                format!("linux-modules-extra-{release}")
            }
            (Self::RustMetadata(release), Apt | AptOfUbuntu) => format!("linux-lib-rust-{release}"),
            (Self::GraphicsModules(_) | Self::RustMetadata(_), _) => return None,
            (Self::Rustc(_), Apt) => "rustc".to_owned(),
            (Self::Rustc(version), AptOfUbuntu) => format!("rustc-{}", series(version)),
            (Self::Rustc(_), Dnf | Pacman) => "rust".to_owned(),
            (Self::Rustc(version), Zypper) => format!("rust{}", series(version)),
            (Self::RustSource(_), Apt | Dnf | Pacman) => "rust-src".to_owned(),
            (Self::RustSource(version), AptOfUbuntu) => format!("rust-{}-src", series(version)),
            (Self::RustSource(version), Zypper) => format!("rust{}-src", series(version)),
            (Self::KernelSource { package, version }, Apt | AptOfUbuntu) => match version {
                Some(version) => format!("{package}={version}"),
                None => package.clone(),
            },
            (Self::KernelSource { .. }, _) => return None,
            // x86_64-linux-gnu-gcc-14 comes in gcc-14.
            (Self::Compiler(name), Apt | AptOfUbuntu) => name
                .rsplit_once("gnu-")
                .map_or(name.as_str(), |(_, short)| short)
                .to_owned(),
            (Self::Compiler(name), _) => name.clone(),
            // Another package of that name is what serves, from wherever the newer one is.
            (Self::NewerDkms, _) => return None,
            (Self::Program("bindgen"), Dnf) => "bindgen-cli".to_owned(),
            (Self::Program("bindgen"), Pacman | Zypper) => "rust-bindgen".to_owned(),
            (Self::Program("xz"), Apt | AptOfUbuntu) => "xz-utils".to_owned(),
            (Self::Program("c++"), Apt | AptOfUbuntu) => "g++".to_owned(),
            (Self::Program("c++"), Dnf | Zypper) => "gcc-c++".to_owned(),
            (Self::Program("c++"), Pacman) => "gcc".to_owned(),
            (Self::Program("pkg-config"), Dnf | Zypper) => "pkgconf-pkg-config".to_owned(),
            (Self::Program("pkg-config"), _) => "pkgconf".to_owned(),
            (Self::Program("pahole"), Dnf | Zypper) => "dwarves".to_owned(),
            (Self::Program("ld.lld"), _) => "lld".to_owned(),
            (Self::Program(name), _) if name.starts_with("llvm-") => "llvm".to_owned(),
            (Self::Program(name), _) => (*name).to_owned(),
            (Self::Library("libelf"), Dnf) => "elfutils-libelf-devel".to_owned(),
            (Self::Library("libssl"), Dnf) => "openssl-devel".to_owned(),
            (Self::Library("libssl"), Pacman) => "openssl".to_owned(),
            (Self::Library("libssl"), Zypper) => "libopenssl-devel".to_owned(),
            (Self::Library(name), Apt | AptOfUbuntu) => format!("{name}-dev"),
            (Self::Library(name), Zypper) => format!("{name}-devel"),
            (Self::Library(name), _) => (*name).to_owned(),
        };
        Some(name)
    }
}

/// 1.85 of 1.85.1.
fn series(version: &str) -> &str {
    version
        .match_indices('.')
        .nth(1)
        .map_or(version, |(at, _)| &version[..at])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_distribution_is_known_by_its_name_or_by_what_it_is_like() {
        for (id, like, manager) in [
            ("debian", "", Some(Manager::Apt)),
            ("linuxmint", "ubuntu debian", Some(Manager::AptOfUbuntu)),
            ("nobara", "fedora", Some(Manager::Dnf)),
            ("cachyos", "arch", Some(Manager::Pacman)),
            (
                "opensuse-tumbleweed",
                "opensuse suse",
                Some(Manager::Zypper),
            ),
            ("nixos", "", None),
            ("", "", None),
        ] {
            assert_eq!(Manager::of_distribution(id, like), manager, "{id} {like}");
        }
    }

    #[test]
    fn names_differ_between_distributions() {
        let headers = Need::Headers {
            release: "7.2.12-1-default".to_owned(),
            package: Some("linux-zen".to_owned()),
        };
        let name = |need: &Need, manager| need.package(Some(manager)).unwrap();
        assert_eq!(name(&headers, Manager::Zypper), "kernel-default-devel");
        assert_eq!(name(&headers, Manager::Pacman), "linux-zen-headers");
        let rustc = Need::Rustc("1.85.1".to_owned());
        assert_eq!(name(&rustc, Manager::Apt), "rustc");
        assert_eq!(name(&rustc, Manager::AptOfUbuntu), "rustc-1.85");
        assert_eq!(name(&rustc, Manager::Zypper), "rust1.85");
        let compiler = Need::Compiler("x86_64-linux-gnu-gcc-14".to_owned());
        assert_eq!(name(&compiler, Manager::Apt), "gcc-14");
        assert_eq!(name(&Need::Program("pahole"), Manager::Dnf), "dwarves");
        assert_eq!(name(&Need::Program("ld.lld"), Manager::Apt), "lld");
        assert_eq!(name(&Need::Program("llvm-strip"), Manager::Apt), "llvm");
        assert_eq!(rustc.package(None), None);
    }

    proptest! {
        #[test]
        fn no_text_panics(text: String) {
            Manager::of_distribution(&text, &text);
            for need in [Need::Rustc(text.clone()), Need::Compiler(text.clone()),
                Need::Headers { release: text.clone(), package: None }] {
                for manager in [Manager::Apt, Manager::AptOfUbuntu, Manager::Dnf, Manager::Pacman, Manager::Zypper] {
                    need.package(Some(manager));
                }
            }
        }
    }
}
