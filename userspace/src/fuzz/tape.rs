// SPDX-License-Identifier: MIT

//! The decisions of a generator, as a list of numbers that proptest can shrink: 0 means the
//! ordinary, and so does the end of the list.

use proptest::prelude::*;

/// Decisions, read from front to back.
#[derive(Debug)]
pub(super) struct Tape<'t>(std::slice::Iter<'t, u32>);

impl<'t> Tape<'t> {
    pub(super) fn new(decisions: &'t [u32]) -> Self {
        Self(decisions.iter())
    }

    /// One of `0..options`, mostly 0.
    pub(super) fn pick(&mut self, options: u32) -> u32 {
        self.0.next().map_or(0, |decision| decision % options)
    }

    /// Yes, once in so many decisions that are not ordinary.
    pub(super) fn rarely(&mut self, one_in: u32) -> bool {
        self.pick(one_in) == 1
    }
}

/// Lists of decisions, nearly all ordinary.
pub(super) fn decisions() -> impl Strategy<Value = Vec<u32>> {
    prop::collection::vec(prop_oneof![12 => Just(0), 1 => any::<u32>()], 0..240)
}
