// SPDX-License-Identifier: MIT

//! modprobe.d: what it says, and the file that loads rmcp before amdgpu.

mod config;
mod directive;
mod softdep;

pub use config::{Config, Unused, DIRECTORIES, MODULES_SOFTDEP};
pub use directive::{parse, underscores, Directive, Kind};
pub use softdep::{matches, Softdep};

use crate::root::Root;

/// Where `install` writes.
pub const FILE: &str = "/etc/modprobe.d/rmcp.conf";

/// What `install` writes.
pub const CONTENT: &str = "\
# Written by rmcp-kctl install, removed by rmcp-kctl uninstall.
# Loads rmcp before amdgpu. Where rmcp is missing or fails, amdgpu is loaded all the same.
softdep amdgpu pre: rmcp
";

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

/// The file whose line loads rmcp before amdgpu, or `None`. Of several softdep lines of amdgpu only
/// the first is in force. A file that this user may not read counts as having none.
pub fn softdep_file(root: &Root) -> Option<String> {
    let release = crate::kernel::running(root).ok().flatten();
    let config = Config::read(root, release.as_deref());
    let (directive, softdep) = config.softdeps("amdgpu").next()?;
    softdep
        .loads_first("rmcp")
        .then(|| directive.place.file.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loads_rmcp_first(line: &str) -> bool {
        directive::parse("/f", line).iter().any(|directive| {
            matches!(&directive.kind, Kind::Softdep(softdep)
                if softdep.module == "amdgpu" && softdep.loads_first("rmcp"))
        })
    }

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
}
