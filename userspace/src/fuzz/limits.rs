// SPDX-License-Identifier: MIT

//! What reading may cost, in memory and in steps of the BTF reader, by the size of what is read.

use crate::btf::testing::steps;

/// Bytes of memory for each byte that is read.
const MEMORY_BY_SIZE: u64 = 32;
/// Bytes of memory beside those: what waits to be looked at of the most members that are looked at.
const MEMORY: u64 = 2 << 20;
/// Steps for each byte that is read.
const STEPS_BY_SIZE: u64 = 200;
/// Steps beside those: the most members in the most definitions, for each of a dozen questions.
const STEPS: u64 = 12 << 20;

/// Runs it on `size` bytes of input; it must stay within the limits.
pub(super) fn within_limits<T>(size: usize, read: impl FnOnce() -> T) -> T {
    let mut result = None;
    let before = steps();
    let used = allocation_counter::measure(|| result = Some(read()));
    let (size, steps) = (size as u64, steps() - before);
    let memory = MEMORY_BY_SIZE * size + MEMORY;
    assert!(
        used.bytes_max <= memory,
        "{} bytes of memory for {size} bytes, {memory} are allowed",
        used.bytes_max
    );
    let most = STEPS_BY_SIZE * size + STEPS;
    assert!(
        steps <= most,
        "{steps} steps for {size} bytes, {most} are allowed"
    );
    result.expect("it ran")
}
