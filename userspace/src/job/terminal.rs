// SPDX-License-Identifier: MIT

//! The terminal, and which process group may read it and gets Ctrl-C and Ctrl-Z: the one in the
//! foreground.

use super::signals;
use nix::sys::signal::{SigSet, Signal};
use rustix::process::{getpgrp, Pid};
use rustix::termios::{tcgetpgrp, tcsetpgrp};
use std::fs::File;

/// The terminal that this process was started on.
#[derive(Debug)]
pub(super) struct Terminal(File);

impl Terminal {
    /// `None` where there is none, as in a service.
    pub(super) fn controlling() -> Option<Self> {
        let options = File::options().read(true).write(true).open("/dev/tty");
        options.ok().map(Self)
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
