// SPDX-License-Identifier: MIT

//! Progress lines on standard error: how long it has been, and what is being done.

use std::fmt::Display;
use std::sync::OnceLock;
use std::time::Instant;

static START: OnceLock<Instant> = OnceLock::new();

/// Starts the clock.
pub fn start() {
    START.get_or_init(Instant::now);
}

/// Says what is being done now.
pub fn say(what: impl Display) {
    let elapsed = START.get_or_init(Instant::now).elapsed().as_secs();
    eprintln!("[{elapsed:3}s] {what}");
}
