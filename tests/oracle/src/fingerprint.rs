// SPDX-License-Identifier: MIT

//! The hash that a layout is tied to its amdgpu with, from its definition.

/// FNV-1a, 64 bits.
pub fn fnv1a64(bytes: &[u8]) -> u64 {
    let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3);
    bytes.iter().fold(14_695_981_039_346_656_037, step)
}
