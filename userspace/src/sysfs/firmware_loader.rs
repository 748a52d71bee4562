// SPDX-License-Identifier: MIT

//! The kernel's loader of firmware files.

use crate::root::Root;

/// The directory that it was told to look into first.
pub fn own_path(root: &Root) -> Option<String> {
    root.read("/sys/module/firmware_class/parameters/path")
        .ok()
        .flatten()
        .filter(|path| !path.is_empty())
}
