// SPDX-License-Identifier: MIT

//! modprobe.d: the file that loads rmcp before amdgpu, and whether one is in force.

use crate::root::Root;

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

/// The file's text with the softdep: whatever else the user has in it stays.
pub fn with_softdep(existing: Option<&str>) -> String {
    match existing {
        Some(text) if !text.trim().is_empty() => format!("{}\n{CONTENT}", text.trim_end()),
        _ => CONTENT.to_owned(),
    }
}

/// The file's text without what `install` wrote; `None` when nothing else is in it.
pub fn without_softdep(existing: &str) -> Option<String> {
    let kept: Vec<&str> = existing
        .lines()
        .filter(|line| !CONTENT.lines().any(|ours| ours == *line))
        .collect();
    let text = kept.join("\n");
    (!text.trim().is_empty()).then(|| text + "\n")
}

/// The file with a softdep of amdgpu on rmcp, or `None`. A file that this user may not read counts
/// as having none.
pub fn softdep_file(root: &Root) -> Option<String> {
    let mut seen = Vec::new();
    for directory in DIRECTORIES {
        for name in root.list(directory) {
            if !name.ends_with(".conf") || seen.contains(&name) {
                continue;
            }
            let path = format!("{directory}/{name}");
            let text = root.read(&path).ok().flatten().unwrap_or_default();
            if text.lines().any(loads_rmcp_first) {
                return Some(path);
            }
            seen.push(name);
        }
    }
    None
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

    #[test]
    fn what_the_user_wrote_stays() {
        let users = "options rmcp noretry=-1\n# mine\n";
        let both = with_softdep(Some(users));
        assert!(both.starts_with(users) && both.lines().any(loads_rmcp_first));
        assert_eq!(without_softdep(&both).as_deref(), Some(users));
        assert_eq!(with_softdep(None), CONTENT);
        assert_eq!(without_softdep(CONTENT), None);
    }

    proptest! {
        #[test]
        fn no_line_panics(line: String) {
            loads_rmcp_first(&line);
        }
    }
}
