// SPDX-License-Identifier: MIT

//! The files beside modprobe.d that install writes as a whole.

use crate::root::Root;
use anyhow::Result;

/// A file of rmcp's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OwnFile {
    /// The absolute path.
    pub path: &'static str,
    /// The text.
    pub text: &'static str,
}

/// Says at login when the policy is not in effect, as after an upgrade to a kernel that cannot have
/// the module.
pub const LOGIN: OwnFile = OwnFile {
    path: "/etc/profile.d/rmcp.sh",
    text: "\
# Written by rmcp-kctl install, removed by rmcp-kctl uninstall.
# One line at login when the memory policy of an RDNA1/RDNA2 GPU is not in effect.
case $- in
*i*) ! command -v rmcp-kctl >/dev/null || rmcp-kctl status --quiet || : ;;
esac
",
};

/// Has mkinitcpio put rmcp into every image, which it does not do for a softdep. Kernels that do not
/// have the module are passed over.
pub const MKINITCPIO: OwnFile = OwnFile {
    path: "/etc/mkinitcpio.conf.d/rmcp.conf",
    text: "\
# Written by rmcp-kctl install, removed by rmcp-kctl uninstall.
MODULES+=(rmcp?)
",
};

/// Has dracut put the file of modprobe.d into every image: one that is not for this host alone gets
/// rmcp for its softdep, but no file of /etc/modprobe.d.
pub const DRACUT: OwnFile = OwnFile {
    path: "/etc/dracut.conf.d/rmcp.conf",
    text: "\
# Written by rmcp-kctl install, removed by rmcp-kctl uninstall.
install_optional_items+=\" /etc/modprobe.d/rmcp.conf \"
",
};

/// Every file of rmcp's own.
pub const ALL: [OwnFile; 3] = [LOGIN, MKINITCPIO, DRACUT];

impl OwnFile {
    /// Whether it is there, whatever is in it.
    pub fn exists(&self, root: &Root) -> bool {
        root.exists(self.path)
    }

    /// Whether it is there as install wrote it. A file that a user changed is the user's.
    ///
    /// # Errors
    ///
    /// When it cannot be read.
    pub fn is_ours(&self, root: &Root) -> Result<bool> {
        let found = root.read(self.path)?;
        Ok(found.is_some_and(|text| text.trim_end() == self.text.trim_end()))
    }
}
