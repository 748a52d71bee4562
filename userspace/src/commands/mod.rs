// SPDX-License-Identifier: MIT

//! The commands, one file each, but those for packagers, which share one.

pub mod detect;
pub mod doctor;
pub mod env;
pub mod faults;
pub mod install;
pub mod layout;
mod not_loaded;
pub mod packaging;
pub mod params;
pub mod prepare;
pub mod rocm;
pub mod run;
pub mod selftest;
pub mod status;
pub mod uninstall;
pub mod verify;

use std::process::ExitCode;

/// How a command ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Done; for `status`: enforced.
    Success,
    /// An error.
    Error,
    /// The policy is not in effect; for `detect`: on a GPU that may be used; for `doctor`: an error was
    /// found; for `params`: something has to be done; for `faults`: there was one.
    NotInEffect,
    /// `rocm`: a patch does not fit, or a file was changed since.
    DoesNotFit,
    /// `rocm build`: upstream's build failed.
    BuildFailed,
    /// `rocm build`: a program that it takes is not installed.
    ToolMissing,
    /// There is no GPU that rmcp guards.
    NoGpu,
    /// `doctor` found what deserves a look, and nothing worse; `env`: a person's profile sets what does
    /// harm.
    Warnings,
    /// `verify`: nothing contradicts the policy, and something of it nothing confirms.
    Unconfirmed,
    /// `detect`: no GPU that rmcp guards may be used here.
    Unusable,
    /// `detect`: what the answer rests on cannot be seen from here.
    Unseen,
    /// This kernel cannot have the module: the code with which DKMS skips a kernel.
    Skipped,
    /// `run`: as the job ended, or why it did not begin.
    Job(u8),
}

impl Exit {
    /// The number that the shell sees.
    pub const fn code(self) -> u8 {
        match self {
            Self::Success => 0,
            Self::Error => 1,
            Self::NotInEffect | Self::DoesNotFit | Self::BuildFailed => 2,
            Self::NoGpu => 3,
            Self::Warnings | Self::Unconfirmed | Self::Unusable | Self::ToolMissing => 4,
            Self::Unseen => 5,
            Self::Skipped => 77,
            Self::Job(code) => code,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}
