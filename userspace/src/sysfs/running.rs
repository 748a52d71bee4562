// SPDX-License-Identifier: MIT

//! The running kernel: its release and its BTF.

use crate::root::Root;
use std::io;
use std::path::PathBuf;

/// Its release, as `uname -r` prints it.
///
/// # Errors
///
/// When /proc cannot be read.
pub fn release(root: &Root) -> io::Result<Option<String>> {
    root.read("/proc/sys/kernel/osrelease")
}

/// The file that holds its base BTF, if it has one.
pub fn btf(root: &Root) -> PathBuf {
    root.path("/sys/kernel/btf/vmlinux")
}
