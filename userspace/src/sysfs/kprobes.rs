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
    /// It is by the list; whether all are switched off cannot be read.
    OnByList,
    /// It alone is switched off, or its function is gone.
    Disabled,
    /// All kprobes are switched off.
    AllOff,
    /// ftrace is switched off, which it rests on.
    FtraceOff,
}

impl Kprobe {
    /// Whether it is called, as far as can be seen.
    pub fn is_on(self) -> bool {
        matches!(self, Self::On | Self::OnByList)
    }

    /// What that means, and what to type where it is not called.
    pub fn words(self) -> &'static str {
        match self {
            Self::On => "is on",
            Self::OnByList => {
                "is on by the kernel's list; whether all kprobes are switched off cannot be read"
            }
            Self::Disabled => "is disabled",
            Self::AllOff => {
                "is switched off with all others: 'echo 1 >/sys/kernel/debug/kprobes/enabled'"
            }
            Self::FtraceOff => "is switched off with ftrace: 'sysctl kernel.ftrace_enabled=1'",
        }
    }
}

/// The kprobes on a function of amdgpu, none when there is none. Whose they are, the kernel does not
/// say.
///
/// # Errors
///
/// When the list cannot be read, with the reason.
pub fn find(root: &Root, function: &str) -> Result<Vec<Kprobe>> {
    let list = debugfs::text(root, "kprobes/list")?;
    // A locked-down kernel opens the list, which nobody may write, and not this switch.
    let enabled = debugfs::text(root, "kprobes/enabled").ok();
    let ftrace = root.read("/proc/sys/kernel/ftrace_enabled")?;
    let off = |text: &str| text.trim_end() == "0";
    let found = list.lines().filter_map(|line| flags(line, function));
    let kprobe = |flags: &str| {
        if flags.contains("[DISABLED]") || flags.contains("[GONE]") {
            Kprobe::Disabled
        } else if enabled.as_deref().is_some_and(off) {
            Kprobe::AllOff
        } else if flags.contains("[FTRACE]") && ftrace.as_deref().is_some_and(off) {
            Kprobe::FtraceOff
        } else if enabled.is_some() {
            Kprobe::On
        } else {
            Kprobe::OnByList
        }
    };
    Ok(found.map(kprobe).collect())
}

/// The flags of a kprobe on this function of amdgpu, from a line such as
/// `ffffffffc0a01234  k  gmc_v10_0_hw_init+0x4  amdgpu [FTRACE]` (`report_probe`). One of kind `r`
/// waits for the function's end, and is no such one.
fn flags<'a>(line: &'a str, function: &str) -> Option<&'a str> {
    let mut words = line.split_whitespace();
    let (_address, kind, place) = (words.next()?, words.next()?, words.next()?);
    let (name, _offset) = place.split_once("+0x")?;
    let ours = kind == "k" && name == function && words.next() == Some("amdgpu");
    ours.then(|| words.next().unwrap_or_default())
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
        let at_the_end = line.replace("  k  ", "  r  ");
        for other in [
            "",
            "a b",
            "gmc_v10_0_get_vm_pte+0x4 k x amdgpu",
            &at_the_end,
        ] {
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
