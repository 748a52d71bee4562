// SPDX-License-Identifier: MIT

//! One change of the system at a time.

use anyhow::{bail, Context, Result};
use rustix::fs::{flock, FlockOperation};
use rustix::io::Errno;
use std::fs::File;

/// Gone with the next boot.
const FILE: &str = "/run/rmcp-kctl.lock";

/// Held while the system is changed; the kernel lets go of it, however the holder ends.
#[derive(Debug)]
pub struct Lock(#[expect(dead_code, reason = "held, not read")] File);

impl Lock {
    /// Takes it.
    ///
    /// # Errors
    ///
    /// When somebody else holds it, or this user may not write there.
    pub fn take() -> Result<Self> {
        let file = File::create(FILE)
            .with_context(|| format!("cannot write {FILE}: is this run as root?"))?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Self(file)),
            Err(Errno::WOULDBLOCK) => {
                bail!("another rmcp-kctl is changing the system: wait until it has ended")
            }
            Err(error) => Err(error).with_context(|| format!("cannot lock {FILE}")),
        }
    }
}
