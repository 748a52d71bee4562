// SPDX-License-Identifier: MIT

//! modprobe.d: the file that loads rmcp before amdgpu, and whether one is in force.

use crate::root::Root;
use std::io;

/// Where `install` writes.
pub const FILE: &str = "/etc/modprobe.d/rmcp.conf";

/// What `install` writes.
pub const CONTENT: &str = "\
# Written by rmcp-kctl install, removed by rmcp-kctl uninstall.
# Loads rmcp before amdgpu. Where rmcp is missing or fails, amdgpu is loaded all the same.
softdep amdgpu pre: rmcp
";

/// The directories that modprobe reads, the first of a file's name winning.
const DIRECTORIES: [&str; 4] = [
    "/etc/modprobe.d",
    "/run/modprobe.d",
    "/usr/local/lib/modprobe.d",
    "/usr/lib/modprobe.d",
];

/// The file with a softdep of amdgpu on rmcp, or `None`.
///
/// # Errors
///
/// When a file there cannot be read.
pub fn softdep_file(root: &Root) -> io::Result<Option<String>> {
    let mut seen = Vec::new();
    for directory in DIRECTORIES {
        for name in root.list(directory) {
            if !name.ends_with(".conf") || seen.contains(&name) {
                continue;
            }
            let path = format!("{directory}/{name}");
            let text = root.read(&path)?.unwrap_or_default();
            if text.lines().any(loads_rmcp_first) {
                return Ok(Some(path));
            }
            seen.push(name);
        }
    }
    Ok(None)
}

/// Whether this is a line `softdep amdgpu pre: ... rmcp ...`.
fn loads_rmcp_first(line: &str) -> bool {
    let mut words = line.split_whitespace();
    words.next() == Some("softdep")
        && words.next() == Some("amdgpu")
        && words
            .skip_while(|word| *word != "pre:")
            .skip(1)
            .take_while(|word| *word != "post:")
            .any(|word| word == "rmcp")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_softdep_is_recognised() {
        assert!(CONTENT.lines().any(loads_rmcp_first));
        assert!(loads_rmcp_first("softdep  amdgpu pre: a rmcp b post: c"));
        for line in [
            "",
            "# softdep amdgpu pre: rmcp",
            "softdep radeon pre: rmcp",
            "softdep amdgpu post: rmcp",
            "softdep amdgpu pre: a post: rmcp",
            "softdep amdgpu rmcp",
        ] {
            assert!(!loads_rmcp_first(line), "{line}");
        }
    }

    proptest! {
        #[test]
        fn no_line_panics(line: String) {
            loads_rmcp_first(&line);
        }
    }
}
