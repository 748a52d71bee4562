// SPDX-License-Identifier: MIT

//! ROCm and PyTorch as they lie on the disk: which versions, and for which GPUs their rocBLAS has
//! kernels. Nothing of them is run.

use crate::root::Root;
use std::collections::BTreeSet;
use std::io;

/// AMD's packages install below here.
const OPT: &str = "/opt";
/// dpkg's list of packages.
const DPKG_STATUS: &str = "/var/lib/dpkg/status";
/// Where a prefix has the kernels of rocBLAS.
const ROCBLAS: &str = "lib/rocblas/library";
/// Where Fedora has them.
const FEDORA_ROCBLAS: &str = "/usr/lib64/rocblas/library";
/// Where Debian has them, below a directory that is named for the version.
const DEBIAN_ROCBLAS: &str = "/usr/lib/x86_64-linux-gnu/rocblas";

/// The longest that it is read: a system with 3,000 packages has one of some 4 MB.
const LONGEST_STATUS: u64 = 64 << 20;

/// The packages that the runtime is in, of AMD's. A number may follow each name, as that of a version
/// in `hip-runtime-amd6.2.4`.
const AMDS_PACKAGES: [&str; 3] = ["rocm-core", "hsa-rocr", "hip-runtime-amd"];
/// The same of Debian's.
const DEBIANS_PACKAGES: [&str; 4] = [
    "libhsa-runtime64-",
    "libhsakmt",
    "libamdhip64-",
    "librocblas",
];

/// Where the system has the directories of Python's packages; `lib64` is Fedora's.
const SYSTEM_LIBRARIES: [&str; 4] = [
    "/usr/lib",
    "/usr/lib64",
    "/usr/local/lib",
    "/usr/local/lib64",
];

/// The most directories below those of a home that are looked into for Python's virtual environments.
const MOST_DIRECTORIES: usize = 2000;

/// Something that is installed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Installed {
    /// A directory, or a package.
    pub what: String,
    /// Its version.
    pub version: String,
    /// Whether it is the distribution's own, which AMD's does not know of.
    pub distributions: bool,
}

/// A PyTorch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PyTorch {
    /// Its directory.
    pub place: String,
    /// Its version.
    pub version: String,
    /// The version of HIP that it was built for.
    pub hip: Option<String>,
    /// The version of CUDA that it was built for.
    pub cuda: Option<String>,
}

/// Every ROCm of AMD's below /opt.
///
/// # Errors
///
/// When a file exists but cannot be read.
pub fn of_amd(root: &Root) -> io::Result<Vec<Installed>> {
    let mut found = Vec::new();
    for prefix in prefixes(root) {
        let version = root.read(format!("{prefix}/.info/version"))?;
        found.extend(version.map(|version| Installed {
            version: first_word(&version),
            what: prefix,
            distributions: false,
        }));
    }
    Ok(found)
}

/// Every package of ROCm's runtime that dpkg has installed.
///
/// # Errors
///
/// When its list exists but cannot be read.
pub fn packages(root: &Root) -> io::Result<Vec<Installed>> {
    let status = root.read_up_to(DPKG_STATUS, LONGEST_STATUS)?;
    let status = status.unwrap_or_default();
    Ok(status.split("\n\n").filter_map(package).collect())
}

/// The instruction sets that a rocBLAS outside PyTorch has kernels for, by its directory.
pub fn rocblas(root: &Root) -> Vec<(String, BTreeSet<String>)> {
    let debian = root.list(DEBIAN_ROCBLAS).into_iter();
    prefixes(root)
        .into_iter()
        .map(|prefix| format!("{prefix}/{ROCBLAS}"))
        .chain(debian.map(|version| format!("{DEBIAN_ROCBLAS}/{version}/library")))
        .chain([FEDORA_ROCBLAS.to_owned()])
        .filter_map(|directory| Some((directory.clone(), targets(root, &directory)?)))
        .collect()
}

/// The same for the rocBLAS that a PyTorch brings along.
pub fn rocblas_of(root: &Root, pytorch: &PyTorch) -> Option<BTreeSet<String>> {
    targets(root, &format!("{}/{ROCBLAS}", pytorch.place))
}

/// Every PyTorch of the system, and of virtual environments near the top of a home directory.
pub fn pytorches(root: &Root, home: Option<&str>) -> Vec<PyTorch> {
    let mut libraries: Vec<String> = SYSTEM_LIBRARIES.map(str::to_owned).to_vec();
    let below = |directory: &str| -> Vec<String> {
        let names = root.list(directory).into_iter();
        names.map(|name| format!("{directory}/{name}")).collect()
    };
    libraries.extend(below(OPT).iter().map(|prefix| format!("{prefix}/lib")));
    if let Some(home) = home.map(|home| home.trim_end_matches('/')) {
        libraries.push(format!("{home}/.local/lib"));
        let near = below(home);
        let further = near.iter().flat_map(|directory| below(directory));
        let prefixes: Vec<String> = further.take(MOST_DIRECTORIES).collect();
        let all = near.iter().chain(&prefixes);
        libraries.extend(all.map(|prefix| format!("{prefix}/lib")));
    }
    let mut found = Vec::new();
    for library in libraries {
        for python in root.list(&library) {
            if !python.starts_with("python3") {
                continue;
            }
            for packages in ["dist-packages", "site-packages"] {
                let place = format!("{library}/{python}/{packages}/torch");
                if let Ok(Some(text)) = root.read(format!("{place}/version.py")) {
                    found.push(PyTorch {
                        version: python_string(&text, "__version__")
                            .unwrap_or_else(|| "of unknown version".to_owned()),
                        hip: python_string(&text, "hip"),
                        cuda: python_string(&text, "cuda"),
                        place,
                    });
                }
            }
        }
    }
    found
}

/// The version of the Ultralytics beside a PyTorch, which it needs; `None` when there is none.
pub fn ultralytics(root: &Root, pytorch: &PyTorch) -> Option<String> {
    let packages = pytorch.place.strip_suffix("/torch")?;
    let text = root.read(format!("{packages}/ultralytics/__init__.py"));
    python_string(&text.ok()??, "__version__")
}

/// The directories of AMD's packages, without the link that names one of them once more.
fn prefixes(root: &Root) -> Vec<String> {
    let names = root.list(OPT).into_iter();
    names
        .filter(|name| name.starts_with("rocm"))
        .map(|name| format!("{OPT}/{name}"))
        .filter(|path| !root.path(path).is_symlink())
        .collect()
}

/// A paragraph of dpkg's list, if it is of an installed package that matters.
fn package(paragraph: &str) -> Option<Installed> {
    let field = |name: &str| {
        let mut lines = paragraph.lines();
        lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    };
    let name = field("Package")?;
    let one_of = |packages: &[&str]| {
        let rest = packages.iter().find_map(|one| name.strip_prefix(one));
        rest.is_some_and(|rest| {
            rest.chars()
                .all(|c| c.is_ascii_digit() || matches!(c, '.' | '-'))
        })
    };
    let distributions = one_of(&DEBIANS_PACKAGES);
    let matters = distributions || one_of(&AMDS_PACKAGES);
    (matters && field("Status")?.ends_with(" installed")).then(|| Installed {
        what: name.to_owned(),
        version: first_word(field("Version").unwrap_or("unknown")),
        distributions,
    })
}

fn first_word(text: &str) -> String {
    text.split_whitespace()
        .next()
        .unwrap_or_default()
        .to_owned()
}

/// The instruction sets in the names of the files in a directory; `None` when it has none.
fn targets(root: &Root, directory: &str) -> Option<BTreeSet<String>> {
    let names = root.list(directory);
    let found = names.iter().flat_map(|name| {
        name.match_indices("gfx").map(|(at, _)| {
            let number = name[at + 3..].chars();
            let number: String = number.take_while(char::is_ascii_hexdigit).collect();
            format!("gfx{number}")
        })
    });
    (!names.is_empty()).then(|| found.collect())
}

/// The string that a Python file assigns to a name, as `name = 'x'` or `name: T = 'x'`.
fn python_string(text: &str, name: &str) -> Option<String> {
    text.lines().find_map(|line| {
        let rest = line.strip_prefix(name)?.trim_start();
        let (annotation, value) = rest.split_once('=')?;
        if !(annotation.trim().is_empty() || annotation.starts_with(':')) {
            return None;
        }
        let value = value.trim();
        let quote = value.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
        let (value, _) = value[1..].split_once(quote)?;
        Some(value.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const VERSION: &str = "from typing import Optional\n\n__version__ = '2.5.1+rocm6.2'\n\
        debug = False\ncuda: Optional[str] = None\nhip: Optional[str] = \"6.2.4\"\nhipped = 'x'\n";

    #[test]
    fn pythons_strings_are_read() {
        assert_eq!(
            python_string(VERSION, "__version__").as_deref(),
            Some("2.5.1+rocm6.2")
        );
        assert_eq!(python_string(VERSION, "hip").as_deref(), Some("6.2.4"));
        assert_eq!(python_string(VERSION, "cuda"), None);
        assert_eq!(python_string(VERSION, "debug"), None);
    }

    #[test]
    fn only_installed_packages_that_matter_count() {
        let paragraph = |name: &str, status: &str| {
            package(&format!(
                "Package: {name}\nStatus: install ok {status}\nVersion: 5.7-1\n"
            ))
        };
        let names = [
            "libamdhip64-5",
            "librocblas0",
            "rocm-core",
            "libhsa-runtime64-1",
        ];
        for name in names {
            let found = paragraph(name, "installed").unwrap();
            assert_eq!(
                (found.what.as_str(), found.version.as_str()),
                (name, "5.7-1")
            );
            assert_eq!(found.distributions, name.starts_with("lib"));
            assert_eq!(paragraph(name, "config-files"), None);
        }
        for name in ["libamdhip64-dev", "librocblas-dev", "rocm-core-doc", "bash"] {
            assert_eq!(paragraph(name, "installed"), None, "{name}");
        }
    }

    #[test]
    fn targets_are_in_the_names_of_files() {
        let directory = tempfile::tempdir().unwrap();
        let root = Root::new(directory.path());
        assert_eq!(targets(&root, "/"), None);
        for name in [
            "TensileLibrary_gfx1010.dat",
            "Kernels.so-000-gfx90a-xnack+.hsaco",
            "x",
        ] {
            std::fs::write(directory.path().join(name), "").unwrap();
        }
        let found: Vec<_> = targets(&root, "/").unwrap().into_iter().collect();
        assert_eq!(found, ["gfx1010", "gfx90a"]);
    }

    proptest! {
        #[test]
        fn no_text_panics(text: String, name in "[a-z]{0,3}gfx.{0,5}") {
            python_string(&text, "hip");
            python_string(&format!("hip{text}"), "hip");
            package(&text);
            first_word(&text);
            let directory = tempfile::tempdir().unwrap();
            let _ = std::fs::write(directory.path().join(name), "");
            targets(&Root::new(directory.path()), "/");
        }
    }
}
