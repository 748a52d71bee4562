// SPDX-License-Identifier: MIT

//! The rules, one file per family.

mod blocked;
mod ignored;
mod initramfs;
mod live;
mod meaning;
mod names;
mod order;
mod twice;
mod values;

use super::{Check, View};

/// Applies all of them.
pub(super) fn apply(view: &View<'_>, check: &mut Check) {
    names::apply(view, check);
    values::apply(view, check);
    meaning::apply(view, check);
    twice::apply(view, check);
    live::apply(view, check);
    initramfs::apply(view, check);
    order::apply(view, check);
    blocked::apply(view, check);
    ignored::apply(view, check);
}
