// SPDX-License-Identifier: MIT

//! What a type is under its typedefs and qualifiers, and how large.

use super::{Btf, BtfError, Kind, Record, TypeId, MAX_CHAIN};

/// The size of a pointer on x86-64, in bytes.
const POINTER_SIZE: u64 = 8;

/// A type without its typedefs, qualifiers and type tags.
#[derive(Debug, Clone, Copy)]
pub enum Shape<'a> {
    /// `void`.
    Void,
    /// An integer.
    Int(Int),
    /// A pointer to this type.
    Pointer(TypeId),
    /// An array; one of more dimensions may be an array of arrays or, as pahole writes it, one
    /// array of all elements.
    Array {
        /// The type of an element.
        element: TypeId,
        /// How many there are.
        len: u32,
    },
    /// A struct.
    Struct(Record<'a>),
    /// A union.
    Union(Record<'a>),
    /// The forward declaration of a struct.
    ForwardStruct(Record<'a>),
    /// Any other kind.
    Other(Kind),
}

/// An integer type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Int {
    /// Bytes that it takes.
    pub size: u32,
    /// Bits that are used of them.
    pub bits: u32,
    /// Whether it is signed.
    pub signed: bool,
    /// Whether it is a `bool` or marked as a character rather than a plain number.
    pub special: bool,
}

impl Int {
    /// Whether it is a plain number of so many bytes, all bits in use.
    pub fn is(&self, size: u32, signed: bool) -> bool {
        let whole = self.size.checked_mul(8) == Some(self.bits);
        self.size == size && self.signed == signed && whole && !self.special
    }

    fn read(record: &Record<'_>) -> Self {
        let info = record.payload_u32(0);
        let encoding = (info >> 24) & 0x0f;
        Self {
            size: record.size_or_type,
            bits: info & 0xff,
            signed: encoding & 1 != 0,
            special: encoding & !1 != 0 || (info >> 16) & 0xff != 0,
        }
    }
}

impl<'a> Btf<'a> {
    /// The type under typedefs, `const`, `volatile`, `restrict` and type tags.
    ///
    /// # Errors
    /// A reference that leads nowhere or in a circle.
    pub fn peel(&self, id: TypeId) -> Result<Record<'a>, BtfError> {
        let mut record = self.record(id)?;
        for _ in 0..MAX_CHAIN {
            match record.kind {
                Kind::Typedef | Kind::Const | Kind::Volatile | Kind::Restrict | Kind::TypeTag => {
                    record = self.record(record.referred())?;
                }
                _ => return Ok(record),
            }
        }
        Err(BtfError::Cycle {
            id,
            limit: MAX_CHAIN,
        })
    }

    /// What the type is, its typedefs and qualifiers taken off.
    ///
    /// # Errors
    /// As [`Btf::peel`].
    pub fn shape(&self, id: TypeId) -> Result<Shape<'a>, BtfError> {
        let record = self.peel(id)?;
        Ok(match record.kind {
            Kind::Void => Shape::Void,
            Kind::Int => Shape::Int(Int::read(&record)),
            Kind::Ptr => Shape::Pointer(record.referred()),
            Kind::Array => Shape::Array {
                element: TypeId(record.payload_u32(0)),
                len: record.payload_u32(8),
            },
            Kind::Struct => Shape::Struct(record),
            Kind::Union => Shape::Union(record),
            Kind::Fwd if !record.flag => Shape::ForwardStruct(record),
            other => Shape::Other(other),
        })
    }

    /// The size of the type in bytes.
    ///
    /// # Errors
    /// A type without a size (`void`, a function, a forward declaration), a size beyond 64 bits,
    /// or the errors of [`Btf::peel`].
    pub fn size_of(&self, id: TypeId) -> Result<u64, BtfError> {
        let mut elements = 1_u64;
        let mut at = id;
        for _ in 0..MAX_CHAIN {
            let record = self.peel(at)?;
            let no_size = BtfError::NoSize {
                id,
                found: record.kind,
            };
            let size = match record.kind {
                Kind::Array => {
                    let len = u64::from(record.payload_u32(8));
                    elements = elements.checked_mul(len).ok_or(no_size)?;
                    at = TypeId(record.payload_u32(0));
                    continue;
                }
                Kind::Ptr => POINTER_SIZE,
                Kind::Int
                | Kind::Struct
                | Kind::Union
                | Kind::Enum
                | Kind::Enum64
                | Kind::Float
                | Kind::DataSec => record.size(),
                _ => return Err(no_size),
            };
            return elements.checked_mul(size).ok_or(no_size);
        }
        Err(BtfError::Cycle {
            id,
            limit: MAX_CHAIN,
        })
    }
}
