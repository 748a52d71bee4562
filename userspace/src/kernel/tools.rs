// SPDX-License-Identifier: MIT

//! The tools that the module's build takes on the running system.

use super::requirements::OwnFiles;
use super::{Config, Missing, Obstacle, Requirements, RustTree};
use crate::packages::{Manager, Need};
use crate::process;
use crate::root::Root;
use std::path::{Path, PathBuf};

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

/// The first one of which a PRE_BUILD script that ends with 77 skips a kernel (`run_build_script`).
const OLDEST_DKMS: (u32, u32, u32) = (3, 1, 7);

/// What building the kernel crate's metadata takes beside a compiler.
const PROGRAMS: [&str; 7] = ["make", "flex", "bison", "bc", "tar", "xz", "python3"];
const LIBRARIES: [(&str, &str); 2] = [
    ("/usr/include/libelf.h", "libelf"),
    ("/usr/include/openssl/opensslv.h", "libssl"),
];

/// What the module of a kernel that clang compiled is built with beside it: DKMS has make use LLVM=1.
const LLVM: [&str; 4] = ["ld.lld", "llvm-nm", "llvm-objcopy", "llvm-strip"];

impl Ready {
    /// Looks at the kernel's own files and for the tools.
    ///
    /// # Errors
    ///
    /// Why the kernel cannot have the module, or everything that is missing.
    pub fn check(root: &Root, release: &str, headers: Option<&Path>) -> Result<Self, Obstacle> {
        let own = OwnFiles::find(root, release, headers)?;
        let mut search = Search {
            root,
            manager: Manager::of(root),
            missing: own.missing.clone(),
        };
        let rustc = search.rustc(&own.config);
        let bindgen = search.program("bindgen");
        let cc = search.cc(&own.config);
        for program in beside_compiler(&own.config) {
            search.program(program);
        }
        // Kbuild gives every module BTF; Debian's headers bring it, those of other kernels need not.
        search.program("pahole");
        search.dkms();
        // What is to be said of the metadata depends on the headers.
        let kernel = own.complete(release);
        let metadata = match &kernel {
            Ok(kernel) => search.metadata(kernel, rustc.as_deref()),
            Err(_) => None,
        };
        match (kernel, rustc, bindgen, cc, metadata) {
            (Ok(kernel), Some(rustc), Some(bindgen), Some(cc), Some(metadata))
                if search.missing.is_empty() =>
            {
                Ok(Self {
                    kernel,
                    rustc,
                    bindgen,
                    cc,
                    metadata,
                })
            }
            _ => Err(Obstacle::Missing(search.missing)),
        }
    }
}

/// A search that notes what it does not find.
struct Search<'a> {
    root: &'a Root,
    manager: Option<Manager>,
    missing: Vec<Missing>,
}

impl Search<'_> {
    fn lack(&mut self, what: impl Into<String>, need: &Need) {
        self.missing.push(Missing::new(what, need, self.manager));
    }

    fn program(&mut self, name: &'static str) -> Option<PathBuf> {
        let found = process::find(name);
        if found.is_none() {
            self.lack(format!("{name} was not found"), &Need::Program(name));
        }
        found
    }

    /// A DKMS that passes a kernel over when it is told so: an older one fails the installation of
    /// the kernel's package instead.
    fn dkms(&mut self) {
        let Some(dkms) = self.program("dkms") else {
            return;
        };
        let said = process::capture(&dkms, &["--version"]).unwrap_or_default();
        if dkms_version(&said).is_none_or(|found| found < OLDEST_DKMS) {
            let (major, minor, patch) = OLDEST_DKMS;
            let what = format!(
                "{} says that it is {:?}, expected was {major}.{minor}.{patch} or later, which does not fail a kernel's installation for rmcp's reasons",
                dkms.display(),
                said.trim()
            );
            self.lack(what, &Need::NewerDkms);
        }
    }

    /// The rustc whose version text is the kernel's. Metadata and symbol names depend on it, so
    /// that no other serves.
    fn rustc(&mut self, config: &Config) -> Option<PathBuf> {
        let number = config.rustc_number();
        let series = number.rsplit_once('.').map_or(number, |(series, _)| series);
        let mut candidates = process::find_all("rustc");
        // Ubuntu's packages of one series are beside the default one.
        candidates.extend(process::find_all(&format!("rustc-{series}")));
        match rustc_of(config.rustc(), candidates) {
            Ok(rustc) => Some(rustc),
            Err(what) => {
                self.lack(what, &Need::Rustc(number.to_owned()));
                None
            }
        }
    }

    fn cc(&mut self, config: &Config) -> Option<PathBuf> {
        let text = config.get("CONFIG_CC_VERSION_TEXT").unwrap_or_default();
        // "Debian clang version 19.1.7": a distribution may put its own name first.
        let name = match config.get("CONFIG_CC_IS_CLANG") {
            Some(_) => "clang",
            None => text.split_whitespace().next().unwrap_or("gcc"),
        };
        let found = process::find(name);
        if found.is_none() {
            self.lack(
                format!("the kernel was built with {text:?}; {name} was not found"),
                &Need::Compiler(name.to_owned()),
            );
        }
        found
    }

    fn metadata(&mut self, kernel: &Requirements, rustc: Option<&Path>) -> Option<Metadata> {
        if kernel.headers.join("rust/libkernel.rmeta").is_file() {
            return Some(Metadata::Headers);
        }
        if rustc.is_some_and(|rustc| RustTree::of(self.root, &kernel.release).fits(kernel, rustc)) {
            return Some(Metadata::Built);
        }
        // Debian's headers are links around a common part, which the overlay is made for.
        if !kernel.headers.join(".kernelvariables").is_file() {
            let what = format!(
                "{} has no Rust metadata (rust/libkernel.rmeta)",
                kernel.headers.display()
            );
            self.lack(what, &Need::RustMetadata(kernel.release.clone()));
            return None;
        }
        self.source(kernel, rustc)
    }

    /// The kernel's source archive and what building `rust/` in it takes.
    fn source(&mut self, kernel: &Requirements, rustc: Option<&Path>) -> Option<Metadata> {
        for program in PROGRAMS {
            self.program(program);
        }
        for (header, library) in LIBRARIES {
            if !Path::new(header).is_file() {
                self.lack(format!("{header} was not found"), &Need::Library(library));
            }
        }
        let number = kernel.config.rustc_number();
        let sysroot = rustc
            .and_then(|rustc| process::capture(rustc, &["--print", "sysroot"]).ok())
            .unwrap_or("/usr".to_owned());
        let library =
            Path::new(sysroot.trim()).join("lib/rustlib/src/rust/library/core/src/lib.rs");
        if !library.is_file() {
            self.lack(
                format!("{} was not found", library.display()),
                &Need::RustSource(number.to_owned()),
            );
        }
        let version: Vec<&str> = kernel.release.split(['.', '-', '+']).take(2).collect();
        let package = format!("linux-source-{}", version.join("."));
        let archive = PathBuf::from(format!("/usr/src/{package}.tar.xz"));
        let headers = package_version(&format!("linux-headers-{}", kernel.release));
        let source = package_version(&package);
        let what = match (&headers, &source) {
            _ if !archive.is_file() => format!("{} was not found", archive.display()),
            (Some(expected), Some(found)) if expected != found => format!(
                "{package} is of version {found}, the headers of {} of {expected}",
                kernel.release
            ),
            _ => return Some(Metadata::Source(archive)),
        };
        let version = headers;
        self.lack(what, &Need::KernelSource { package, version });
        None
    }
}

/// What a build takes beside the kernel's C compiler, and not of this system's own tools.
fn beside_compiler(config: &Config) -> &'static [&'static str] {
    if config.enabled("CONFIG_CC_IS_CLANG") {
        &LLVM
    } else {
        &[]
    }
}

/// The compiler of the kernel among these, or what they are instead.
fn rustc_of(expected: &str, candidates: Vec<PathBuf>) -> Result<PathBuf, String> {
    let mut found = Vec::new();
    for rustc in candidates {
        match process::capture(&rustc, &["--version"]) {
            Ok(version) if version.trim() == expected => return Ok(rustc),
            Ok(version) => found.push(format!("{} is {}", rustc.display(), version.trim())),
            Err(error) => found.push(format!("{error:#}")),
        }
    }
    if found.is_empty() {
        found.push("no rustc was found".to_owned());
    }
    Err(format!(
        "the kernel was built with {expected:?}; {}",
        found.join(", ")
    ))
}

/// The numbers of "dkms-3.2.2".
fn dkms_version(said: &str) -> Option<(u32, u32, u32)> {
    let number = said.trim().trim_start_matches("dkms-");
    let mut numbers = number.split(|c: char| !c.is_ascii_digit()).map(str::parse);
    Some((
        numbers.next()?.ok()?,
        numbers.next()?.ok()?,
        numbers.next()?.ok()?,
    ))
}

/// The version of an installed package, on systems with dpkg.
fn package_version(package: &str) -> Option<String> {
    let query = process::find("dpkg-query")?;
    process::capture(&query, &["-W", "-f", "${Version}", package])
        .ok()
        .filter(|version| !version.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn only_the_very_compiler_of_the_kernel_serves() {
        let at = tempfile::tempdir().unwrap();
        let compiler = |name: &str, says: &str| {
            let path = at.path().join(name);
            fs::write(&path, format!("#!/bin/sh\necho '{says}'\n")).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
            path
        };
        const OURS: &str = "rustc 1.97.1 (8bab26f4f 2026-07-14)";
        let other = compiler("other", "rustc 1.85.1 (4eb161250 2025-03-15)");
        let own = compiler("own", OURS);

        let candidates = vec![other.clone(), own.clone()];
        assert_eq!(rustc_of(OURS, candidates), Ok(own));
        let missing = rustc_of(OURS, vec![other.clone()]).unwrap_err();
        let need = Need::Rustc("1.97.1".to_owned());
        assert_eq!(
            Missing::new(missing, &need, Some(Manager::Apt)).to_string(),
            format!(
                "the kernel was built with {OURS:?}; {} is rustc 1.85.1 (4eb161250 2025-03-15): \
                 install the package rustc (in version 1.97.1; another does not serve)",
                other.display()
            )
        );
        let none = rustc_of(OURS, Vec::new()).unwrap_err();
        assert!(none.ends_with("no rustc was found"), "{none}");
    }

    #[test]
    fn versions_of_dkms_are_compared_by_number() {
        assert_eq!(dkms_version("dkms-3.2.2\n"), Some((3, 2, 2)));
        assert_eq!(dkms_version("3.4.10-1ubuntu1"), Some((3, 4, 10)));
        assert!(dkms_version("dkms-3.0.11") < Some(OLDEST_DKMS));
        assert_eq!(dkms_version("dkms: unknown"), None);
        let (major, minor, patch) = OLDEST_DKMS;
        let control = include_str!("../../../packaging/debian/control");
        assert!(control.contains(&format!("dkms (>= {major}.{minor}.{patch})")));
    }

    #[test]
    fn a_kernel_that_clang_compiled_takes_its_linker() {
        let compiled = |text| beside_compiler(&Config::parse(text));
        assert!(compiled("CONFIG_CC_IS_CLANG=y").contains(&"ld.lld"));
        assert!(compiled("CONFIG_CC_IS_GCC=y").is_empty());
    }

    proptest! {
        #[test]
        fn no_text_panics(said: String) {
            dkms_version(&said);
        }
    }
}
