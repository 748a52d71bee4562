// SPDX-License-Identifier: MIT

//! What modprobe takes in place of a line that loads rmcp before amdgpu.

use super::config::Config;
use crate::traced::Place;
use std::fmt;

/// A line in the way of `softdep amdgpu pre: rmcp`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Obstacle {
    /// An alias that leads the name rmcp to another module.
    Alias {
        /// Where it stands.
        place: Place,
        /// The other module, or `off`.
        module: String,
    },
    /// A softdep line of amdgpu without rmcp that comes first.
    Softdep(Place),
}

impl Obstacle {
    pub(super) fn of(config: &Config, file: &str) -> Option<Self> {
        if let Some((line, module)) = config.leads_rmcp_away() {
            return Some(Self::Alias {
                place: line.place.clone(),
                module: module.to_owned(),
            });
        }
        let (line, softdep) = config.softdeps("amdgpu").next()?;
        // kmod sorts the files of all directories by their names.
        let name = |path: &str| path.rsplit('/').next().map(str::to_owned);
        let comes_first = name(&line.place.file) <= name(file);
        (!softdep.loads_first("rmcp") && comes_first).then(|| Self::Softdep(line.place.clone()))
    }

    /// What to type, or to do.
    pub fn todo(&self) -> String {
        match self {
            Self::Alias { place, .. } => format!("remove the alias from {place}"),
            Self::Softdep(_) => "rmcp-kctl params fix".to_owned(),
        }
    }

    /// What is in the way, and what to do about it.
    pub fn advice(&self) -> String {
        format!("{self}; to mend it: {}", self.todo())
    }
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Alias { place, module } => write!(
                f,
                "modprobe takes the name rmcp for {module}, by the alias line of {place}"
            ),
            Self::Softdep(place) => write!(
                f,
                "of several softdep lines of amdgpu modprobe takes the first only, that of {place}, which \
                 does not load rmcp"
            ),
        }
    }
}
