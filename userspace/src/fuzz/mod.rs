// SPDX-License-Identifier: MIT

//! Hostile input, made in code: whatever the bytes are, reading them ends without a panic, in
//! bounded memory and a bounded number of steps, and never yields an offset that the independent
//! reader of `rmcp-oracle` does not find in the same bytes.
//!
//! `PROPTEST_CASES` is the number of cases of each test; `make fuzz` sets it to 2.5 million,
//! which makes 10 million in all.

mod amdgpu;
mod files;
mod hostile;
mod layout;
mod limits;
mod mutation;
mod tape;

use proptest::strategy::Strategy;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use std::cell::Cell;
use std::fmt::Debug;

/// What a test saw in a case.
enum Seen {
    /// Something that was read, and checked.
    Read,
    /// A refusal.
    Refused,
}

/// Runs the test on as many cases as asked for. At least one in `rarity` must have been read: one
/// that only ever sees refusals checks nothing.
fn run<S: Strategy>(
    rarity: u32,
    strategy: S,
    test: impl Fn(S::Value) -> Result<Seen, TestCaseError>,
) where
    S::Value: Debug,
{
    let config = Config {
        failure_persistence: None,
        ..Config::default()
    };
    let cases = config.cases;
    let read = Cell::new(0);
    let result = TestRunner::new(config).run(&strategy, |case| {
        if matches!(test(case)?, Seen::Read) {
            read.set(read.get() + 1);
        }
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
    println!("{cases} cases, {} read, the others refused", read.get());
    assert!(
        read.get() >= cases / rarity,
        "{} of {cases} were read",
        read.get()
    );
}
