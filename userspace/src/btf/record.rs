// SPDX-License-Identifier: MIT

//! One type as it stands in the blob.

use std::fmt;

use super::bytes::u32_at;
use super::kind::Kind;

/// The number of a type. 0 is `void`; a split BTF counts on from its base.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TypeId(pub u32);

impl TypeId {
    /// The type `void`.
    pub const VOID: Self = Self(0);
}

impl fmt::Display for TypeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The length of what all records start with, in bytes.
pub(super) const COMMON: usize = 12;

/// A type: what all kinds have in common, and the bytes that its kind adds.
#[derive(Debug, Clone, Copy)]
pub struct Record<'a> {
    /// The type's own number.
    pub id: TypeId,
    /// What kind of type it is.
    pub kind: Kind,
    pub(super) name: u32,
    pub(super) flag: bool,
    /// The size in bytes or the type referred to, as the kind has it.
    pub(super) size_or_type: u32,
    pub(super) payload: &'a [u8],
}

/// The first three numbers of a record, taken apart.
#[derive(Debug, Clone, Copy)]
pub(super) struct Common {
    pub(super) name: u32,
    pub(super) kind: Kind,
    pub(super) flag: bool,
    /// How many members, parameters or enumerators there are.
    pub(super) elements: u32,
    pub(super) size_or_type: u32,
}

impl Common {
    /// Reads the record that starts at byte `at` of the type section.
    pub(super) fn read(types: &[u8], at: usize) -> Option<Self> {
        #[cfg(test)]
        super::testing::count_steps(1);
        // Linux 7.2's arrangement; before, fewer bits were in use and the others zero.
        let info = u32_at(types, at.checked_add(4)?)?;
        Some(Self {
            name: u32_at(types, at)?,
            kind: Kind::from_number((info >> 24) as u8 & 0x7f),
            flag: info >> 31 == 1,
            elements: info & 0x00ff_ffff,
            size_or_type: u32_at(types, at.checked_add(8)?)?,
        })
    }
}

impl Record<'_> {
    pub(super) const VOID: Record<'static> = Record {
        id: TypeId::VOID,
        kind: Kind::Void,
        name: 0,
        flag: false,
        size_or_type: 0,
        payload: &[],
    };

    /// The type that this one refers to, for the kinds that refer to one.
    pub(super) fn referred(&self) -> TypeId {
        TypeId(self.size_or_type)
    }

    /// The size in bytes, for the kinds that have one.
    pub(super) fn size(&self) -> u64 {
        u64::from(self.size_or_type)
    }

    /// The number at byte `at` of the payload, whose length was checked when the blob was parsed.
    pub(super) fn payload_u32(&self, at: usize) -> u32 {
        u32_at(self.payload, at).unwrap_or_default()
    }

    /// The payload in rows of `N` numbers.
    pub(super) fn rows<const N: usize>(&self) -> impl ExactSizeIterator<Item = [u32; N]> + '_ {
        self.payload.chunks_exact(4 * N).map(|row| {
            #[cfg(test)]
            super::testing::count_steps(1);
            std::array::from_fn(|column| u32_at(row, 4 * column).unwrap_or_default())
        })
    }
}
