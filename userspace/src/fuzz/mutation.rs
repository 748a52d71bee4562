// SPDX-License-Identifier: MIT

//! Damage to bytes, of the kinds that hurt a reader of numbers, offsets and counts.

use proptest::prelude::*;
use proptest::sample::Index;

/// One change.
#[derive(Debug, Clone)]
pub(super) enum Mutation {
    /// Another byte.
    Byte(Index, u8),
    /// Another number of four bytes, at a multiple of four.
    Word(Index, u32),
    /// A number that is a little more or less.
    Nudge(Index, i8),
    /// Two numbers swapped.
    Swap(Index, Index),
    /// A run of numbers copied over others.
    Copy(Index, Index, u8),
    /// The end is missing.
    Cut(Index),
}

/// Numbers that mean something: counts, kinds, type numbers, sizes, limits.
fn number() -> impl Strategy<Value = u32> {
    prop_oneof![
        4 => 0..140_u32,
        3 => (0..24_u32, 0..6_u32, any::<bool>()).prop_map(|(kind, count, flag)| {
            u32::from(flag) << 31 | kind << 24 | count
        }),
        1 => prop::sample::select(vec![0xff_ffff, 0x7fff_ffff, 0x8000_0000, u32::MAX, 1 << 24]),
        1 => any::<u32>(),
    ]
}

/// A few mutations, or none.
pub(super) fn mutations(most: usize) -> impl Strategy<Value = Vec<Mutation>> {
    let at = any::<Index>;
    let one = prop_oneof![
        8 => (at(), any::<u8>()).prop_map(|(at, byte)| Mutation::Byte(at, byte)),
        16 => (at(), number()).prop_map(|(at, number)| Mutation::Word(at, number)),
        16 => (at(), -8..8_i8).prop_map(|(at, by)| Mutation::Nudge(at, by)),
        8 => (at(), at()).prop_map(|(a, b)| Mutation::Swap(a, b)),
        4 => (at(), at(), 1..40_u8).prop_map(|(a, b, len)| Mutation::Copy(a, b, len)),
        1 => at().prop_map(Mutation::Cut),
    ];
    prop::collection::vec(one, 0..=most)
}

/// Applies the mutations in their order.
pub(super) fn mutate(bytes: &mut Vec<u8>, mutations: &[Mutation]) {
    for mutation in mutations {
        let words = bytes.len() / 4;
        if words == 0 {
            return;
        }
        let place = |at: &Index| 4 * at.index(words);
        match mutation {
            Mutation::Byte(at, byte) => {
                let at = at.index(bytes.len());
                bytes[at] = *byte;
            }
            Mutation::Word(at, number) => set(bytes, place(at), *number),
            Mutation::Nudge(at, by) => {
                let number = get(bytes, place(at)).wrapping_add_signed(i32::from(*by));
                set(bytes, place(at), number);
            }
            Mutation::Swap(a, b) => {
                let (one, other) = (get(bytes, place(a)), get(bytes, place(b)));
                set(bytes, place(a), other);
                set(bytes, place(b), one);
            }
            Mutation::Copy(from, to, len) => {
                let (from, to) = (place(from), place(to));
                let most = bytes.len() - from.max(to);
                let len = most.min(4 * usize::from(*len));
                bytes.copy_within(from..from + len, to);
            }
            Mutation::Cut(at) => {
                let keep = at.index(bytes.len());
                bytes.truncate(keep);
            }
        }
    }
}

fn get(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(std::array::from_fn(|i| bytes[at + i]))
}

fn set(bytes: &mut [u8], at: usize, number: u32) {
    bytes[at..at + 4].copy_from_slice(&number.to_le_bytes());
}
