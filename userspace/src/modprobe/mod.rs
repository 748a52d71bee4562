// SPDX-License-Identifier: MIT

//! modprobe.d: what it says, and which file loads rmcp before amdgpu.

mod config;
mod directive;
mod obstacle;
mod softdep;

pub use config::{Config, Unused, DIRECTORIES, MODULES_SOFTDEP};
pub use directive::{parse, underscores, Directive, Kind};
pub use obstacle::Obstacle;
pub use softdep::Softdep;

use crate::root::Root;

/// Whether rmcp is loaded before amdgpu.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadOrder {
    /// The file whose line has it so. A file that this user may not read counts as having none.
    pub file: Option<String>,
    /// What keeps such a line from being in force.
    pub obstacle: Option<Obstacle>,
}

/// Reads what modprobe would do if `file` had the line, too.
pub fn load_order(root: &Root, file: &str) -> LoadOrder {
    let config = config(root);
    let line = config.loads_rmcp_first();
    LoadOrder {
        file: line.map(|line| line.place.file.clone()),
        obstacle: Obstacle::of(&config, file),
    }
}

/// What is in force for the running kernel.
fn config(root: &Root) -> Config {
    let release = crate::kernel::running(root).ok().flatten();
    Config::read(root, release.as_deref())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conf::Section;

    fn loads_rmcp_first(line: &str) -> bool {
        directive::parse("/f", line).iter().any(|directive| {
            matches!(&directive.kind, Kind::Softdep(softdep)
                if softdep.module == "amdgpu" && softdep.loads_first("rmcp"))
        })
    }

    #[test]
    fn the_softdep_is_recognised() {
        assert!(Section::LoadOrder.text().lines().any(loads_rmcp_first));
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
}
