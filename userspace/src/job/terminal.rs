// SPDX-License-Identifier: MIT

//! The terminal, and which process group may read it and gets Ctrl-C and Ctrl-Z: the one in the
//! foreground.

use super::signals;
use nix::sys::signal::{SigSet, Signal};
use rustix::process::{getpgrp, Pid};
use rustix::termios::{tcgetpgrp, tcsetpgrp};
use std::fs::File;
use std::io::Write;

/// The terminal that this process was started on.
#[derive(Debug)]
pub struct Terminal(File);

impl Terminal {
    /// `None` where there is none, as in a service.
    pub fn controlling() -> Option<Self> {
        let options = File::options().read(true).write(true).open("/dev/tty");
        options.ok().map(Self)
    }

    /// Whether the group of this number has it.
    pub fn has(&self, group: u32) -> bool {
        let group = i32::try_from(group).ok().and_then(Pid::from_raw);
        group.is_some_and(|group| self.is_of(group))
    }

    /// Writes, in a thread that is not stopped for it. What cannot be written is lost.
    pub fn write(&self, text: &str) {
        let _ = (&self.0).write_all(text.as_bytes());
    }

    /// Whether the group has it.
    pub(super) fn is_of(&self, group: Pid) -> bool {
        tcgetpgrp(&self.0) == Ok(group)
    }

    /// Gives it to the group when it is this process's to give; whether it was.
    pub(super) fn give(&self, group: Pid) -> bool {
        self.pass_on(getpgrp(), group)
    }

    /// Takes it from the group, if that has it.
    pub(super) fn take_back(&self, group: Pid) {
        self.pass_on(group, getpgrp());
    }

    fn pass_on(&self, from: Pid, to: Pid) -> bool {
        // Who takes the terminal from the background is stopped for it, unless it blocks this.
        self.is_of(from)
            && signals::without(SigSet::from(Signal::SIGTTOU), || tcsetpgrp(&self.0, to)).is_ok()
    }
}
