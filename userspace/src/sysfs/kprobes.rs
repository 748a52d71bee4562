// SPDX-License-Identifier: MIT

//! The kernel's own list of its kprobes, and the switches that silence them.

use super::debugfs;
use crate::root::Root;
use anyhow::Result;

/// Whether a kprobe in the list is called when its function is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kprobe {
    /// It is.
    On,
    /// It alone is switched off, or its function is gone.
    Disabled,
    /// All kprobes are switched off.
    AllOff,
    /// ftrace is switched off, which it rests on.
    FtraceOff,
}

impl Kprobe {
    /// What that means, and what to type where it is not called.
    pub fn words(self) -> &'static str {
        match self {
            Self::On => "is on",
            Self::Disabled => "is disabled",
            Self::AllOff => {
                "is switched off with all others: 'echo 1 >/sys/kernel/debug/kprobes/enabled'"
            }
            Self::FtraceOff => "is switched off with ftrace: 'sysctl kernel.ftrace_enabled=1'",
        }
    }
}

/// The kprobe on a function of amdgpu, or `None`. Whose it is, the kernel does not say.
///
/// # Errors
///
/// When debugfs cannot be read, with the reason.
pub fn find(root: &Root, function: &str) -> Result<Option<Kprobe>> {
    let list = debugfs::text(root, "kprobes/list")?;
    let mut found = list.lines().filter_map(|line| flags(line, function));
    let Some(flags) = found.next() else {
        return Ok(None);
    };
    let off = |text: &str| text.trim_end() == "0";
    let ftrace = root.read("/proc/sys/kernel/ftrace_enabled")?;
    Ok(Some(
        if flags.contains("[DISABLED]") || flags.contains("[GONE]") {
            Kprobe::Disabled
        } else if off(&debugfs::text(root, "kprobes/enabled")?) {
            Kprobe::AllOff
        } else if flags.contains("[FTRACE]") && ftrace.as_deref().is_some_and(off) {
            Kprobe::FtraceOff
        } else {
            Kprobe::On
        },
    ))
}

/// The flags of a kprobe on this function of amdgpu, from a line such as
/// `ffffffffc0a01234  k  gmc_v10_0_hw_init+0x4  amdgpu [FTRACE]` (`report_probe`).
fn flags<'a>(line: &'a str, function: &str) -> Option<&'a str> {
    let mut words = line.split_whitespace();
    let (_address, _kind, place) = (words.next()?, words.next()?, words.next()?);
    let (name, _offset) = place.split_once("+0x")?;
    (name == function && words.next() == Some("amdgpu")).then(|| words.next().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const FUNCTION: &str = "gmc_v10_0_get_vm_pte";

    #[test]
    fn lines_are_read() {
        let line = "ffffffffc0a01234  k  gmc_v10_0_get_vm_pte+0x4  amdgpu [DISABLED][FTRACE]";
        assert_eq!(flags(line, FUNCTION), Some("[DISABLED][FTRACE]"));
        let bare = "ffffffffc0a01234  k  gmc_v10_0_get_vm_pte+0x0  amdgpu ";
        assert_eq!(flags(bare, FUNCTION), Some(""));
        for other in ["", "a b", "gmc_v10_0_get_vm_pte+0x4 k x amdgpu"] {
            assert_eq!(flags(other, FUNCTION), None, "{other}");
        }
        assert_eq!(flags(&line.replace("amdgpu", "other"), FUNCTION), None);
        assert_eq!(flags(line, "gmc_v10_0_get_vm"), None);
    }

    proptest! {
        #[test]
        fn no_line_panics(line in "([a-z_+ ]|0x|\\[|\\]|\\PC)*") {
            let _ = flags(&line, FUNCTION);
        }
    }
}
