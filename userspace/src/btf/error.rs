// SPDX-License-Identifier: MIT

//! What can be wrong with BTF.

use super::{Kind, TypeId};

/// A defect of the BTF, or a question that it cannot answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BtfError {
    /// The magic number is another.
    #[error("not BTF: it starts with {found:#06x}, expected 0xeb9f")]
    Magic {
        /// The first two bytes.
        found: u16,
    },
    /// BTF of a big-endian machine.
    #[error("this BTF is big-endian, expected the little-endian BTF of an x86-64 kernel")]
    BigEndian,
    /// A version that this reader does not know.
    #[error("BTF version {found}, expected 1")]
    Version {
        /// The version in the header.
        found: u8,
    },
    /// A part of the blob ends early.
    #[error("BTF is cut short: {what} needs bytes {start}..{end}, only {have} are there")]
    Truncated {
        /// Which part.
        what: &'static str,
        /// Where the part starts, in bytes.
        start: u64,
        /// Where it would end, in bytes.
        end: u64,
        /// How many bytes there are.
        have: u64,
    },
    /// A kind that neither this reader nor the blob's layout section describes.
    #[error(
        "type [{id}] is of kind {kind}, which is unknown and not described by the BTF; \
         known kinds are 1..19"
    )]
    UnknownKind {
        /// The type.
        id: TypeId,
        /// Its kind.
        kind: u8,
    },
    /// A reference to a type that does not exist.
    #[error("type [{id}] does not exist, the BTF has types 0..{count}")]
    NoSuchType {
        /// The reference.
        id: TypeId,
        /// One more than the last type.
        count: u32,
    },
    /// A name outside the string section.
    #[error("a name at string offset {offset}, the BTF's strings end at {end}")]
    NoSuchString {
        /// The offset, counted from the base's first string.
        offset: u32,
        /// The end of the strings.
        end: u64,
    },
    /// A name without an end.
    #[error("the name at string offset {offset} does not end within {limit} bytes")]
    EndlessString {
        /// The offset, counted from the base's first string.
        offset: u32,
        /// The longest name allowed, or all that is left.
        limit: usize,
    },
    /// A name that is no text.
    #[error("the name at string offset {offset} is not UTF-8")]
    NotText {
        /// The offset, counted from the base's first string.
        offset: u32,
    },
    /// References that lead too far, or in a circle.
    #[error("type [{id}] refers to other types more than {limit} times over: a cycle")]
    Cycle {
        /// The type that the search started from.
        id: TypeId,
        /// The longest chain allowed.
        limit: usize,
    },
    /// A type of the wrong kind.
    #[error("type [{id}] is of kind {found}, expected {expected}")]
    WrongKind {
        /// The type.
        id: TypeId,
        /// Its kind.
        found: Kind,
        /// What was needed.
        expected: &'static str,
    },
    /// A type whose size has no meaning, or does not fit 64 bits.
    #[error("type [{id}] of kind {found} has no size")]
    NoSize {
        /// The type.
        id: TypeId,
        /// Its kind.
        found: Kind,
    },
    /// More of something than any kernel has.
    #[error("{found} {what}, expected at most {limit}")]
    TooMany {
        /// Of what.
        what: String,
        /// How many there are.
        found: usize,
        /// How many are looked at.
        limit: usize,
    },
    /// Two members or enumerators of one name.
    #[error("type [{id}] has more than one `{member}`")]
    Twice {
        /// The struct, union or enum.
        id: TypeId,
        /// The name.
        member: String,
    },
    /// A bitfield where a member with an address is needed.
    #[error("member `{member}` of type [{id}] is a bitfield, expected one that has a byte offset")]
    Bitfield {
        /// The struct or union asked about.
        id: TypeId,
        /// The member.
        member: String,
    },
    /// A member that lies outside its struct.
    #[error(
        "member `{member}` of type [{id}] ends at byte {end}, but the type has only {size} bytes"
    )]
    OutsideStruct {
        /// The struct or union asked about.
        id: TypeId,
        /// The member.
        member: String,
        /// Where the member ends.
        end: u64,
        /// The size of the struct.
        size: u64,
    },
}
