// SPDX-License-Identifier: MIT

//! Whether the module's source came with a package of the distribution, whose files are then not
//! rmcp-kctl's to write or remove.

use crate::dkms;
use crate::root::Root;

/// Where dpkg keeps the list of the package's files.
const DPKG_FILES: &str = "/var/lib/dpkg/info/rmcp.list";

/// What `install` says where there is such a package.
pub const NOTE: &str = "the package rmcp owns /usr/src/rmcp-1.0 and /usr/lib/modprobe.d/rmcp.conf; only what is missing besides them is done";

/// How the package that owns the source is removed; `None` where no package owns it.
pub fn removed_by(root: &Root) -> Option<&'static str> {
    let files = root.read(DPKG_FILES).ok().flatten()?;
    let owned = files.lines().any(|file| file == dkms::SOURCE);
    owned.then_some("apt remove rmcp")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_note_names_the_source() {
        assert!(NOTE.contains(dkms::SOURCE), "{NOTE}");
    }
}
