// SPDX-License-Identifier: MIT

//! The module's source, carried inside the command, so that what is installed is always of the
//! command's own version.

use std::path::Path;

/// One file of the DKMS package.
#[derive(Debug, Clone, Copy)]
pub struct File {
    /// Its path below the package's directory.
    pub path: &'static str,
    /// Its text.
    pub text: &'static str,
    /// Its permission bits.
    pub mode: u32,
}

macro_rules! files {
    ($($path:literal $mode:literal),* $(,)?) => {
        &[$(File {
            path: $path,
            text: include_str!(concat!("../../", $path)),
            mode: $mode,
        }),*]
    };
}

/// Every file of the DKMS package.
pub const FILES: &[File] = files![
    "dkms.conf" 0o644,
    "kmod/Kbuild" 0o644,
    "kmod/Makefile" 0o644,
    "kmod/adev.rs" 0o644,
    "kmod/bindings_helper.h" 0o644,
    "kmod/btf_file.rs" 0o644,
    "kmod/c_string.rs" 0o644,
    "kmod/dkms-prepare" 0o755,
    "kmod/fingerprint.rs" 0o644,
    "kmod/guard.rs" 0o644,
    "kmod/kprobe.rs" 0o644,
    "kmod/layout.rs" 0o644,
    "kmod/notifier.rs" 0o644,
    "kmod/params.rs" 0o644,
    "kmod/pci.rs" 0o644,
    "kmod/policy.rs" 0o644,
    "kmod/rmcp.rs" 0o644,
    "kmod/sysfs.rs" 0o644,
];

/// Whether the directory holds these files as they are here.
pub fn is_in(directory: &Path) -> bool {
    FILES.iter().all(|file| {
        std::fs::read_to_string(directory.join(file.path)).is_ok_and(|text| text == file.text)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{dkms, kernel};
    use std::collections::BTreeSet;

    /// Files that are generated where the module is built.
    const GENERATED: [&str; 3] = ["kernel.mk", "bindings_generated.rs", "layout_generated.rs"];

    #[test]
    fn every_file_of_kmod_is_carried() {
        let kmod = Path::new(env!("CARGO_MANIFEST_DIR")).join("../kmod");
        for entry in std::fs::read_dir(kmod).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            let built = [".o", ".ko", ".mod", ".cmd", ".c", ".order", ".symvers"]
                .iter()
                .any(|end| name.ends_with(end));
            if built || name.starts_with('.') || GENERATED.contains(&name.as_str()) {
                continue;
            }
            let path = format!("kmod/{name}");
            assert!(FILES.iter().any(|file| file.path == path), "{path}");
        }
    }

    #[test]
    fn one_version_everywhere() {
        let conf = FILES.iter().find(|f| f.path == "dkms.conf").unwrap().text;
        assert!(conf.contains(&format!("PACKAGE_NAME=\"{}\"", dkms::NAME)));
        assert!(conf.contains(&format!("PACKAGE_VERSION=\"{}\"", dkms::VERSION)));
        let (major, minor) = dkms::OLDEST_KERNEL;
        assert!(conf.contains(&format!("BUILD_EXCLUSIVE_KERNEL_MIN=\"{major}.{minor}\"")));
        let exclusive = |line: &str| {
            let list = line.strip_prefix("BUILD_EXCLUSIVE_CONFIG=")?;
            let options = list.trim_matches('"').split(' ');
            Some(options.map(str::to_owned).collect::<BTreeSet<_>>())
        };
        assert_eq!(
            conf.lines().find_map(exclusive),
            Some(
                kernel::OPTIONS
                    .iter()
                    .map(|(option, _)| (*option).to_owned())
                    .collect()
            )
        );
        assert!(dkms::LOG.starts_with(dkms::TREE));
        assert_eq!(dkms::PACKAGE, format!("{}/{}", dkms::NAME, dkms::VERSION));
        assert!(dkms::SOURCE.ends_with(&format!("{}-{}", dkms::NAME, dkms::VERSION)));
        assert!(dkms::TREE.ends_with(dkms::PACKAGE));
        assert!(env!("CARGO_PKG_VERSION").starts_with(dkms::VERSION));
        let module = FILES
            .iter()
            .find(|f| f.path == "kmod/rmcp.rs")
            .unwrap()
            .text;
        assert!(module.contains(&format!("version={}\\0", dkms::VERSION)));
    }
}
