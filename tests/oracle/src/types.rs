// SPDX-License-Identifier: MIT

//! A table of decoded types: only what a layout depends on.

use std::collections::BTreeMap;

/// A type. Other types are meant by their numbers; 0 is `void`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)] // The names are those of the format.
pub enum Type {
    Int {
        size: u32,
        bits: u32,
        offset: u32,
        /// `(none)`, `SIGNED`, `CHAR`, `BOOL`, or anything else for a mixture.
        encoding: String,
    },
    Ptr(u32),
    Array {
        of: u32,
        len: u32,
    },
    Struct(Composite),
    Union(Composite),
    /// An enum of either width.
    Enum {
        name: String,
        values: Vec<(String, i128)>,
    },
    Fwd {
        name: String,
        union: bool,
    },
    /// A typedef, qualifier or type tag.
    Alias(u32),
    Func {
        name: String,
        prototype: u32,
    },
    FuncProto {
        returns: u32,
        parameters: Vec<(String, u32)>,
    },
    /// A kind that no layout depends on.
    Other,
}

/// A struct or union.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Composite {
    /// Empty if it has none.
    pub name: String,
    /// In bytes.
    pub size: u32,
    /// In the order of the source.
    pub members: Vec<Member>,
}

/// A member of a struct or union.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Empty if it has none.
    pub name: String,
    /// Its type.
    pub type_id: u32,
    /// Bits from the start of the composite.
    pub bits: u64,
    /// Its width in bits if it is a bitfield, else 0.
    pub bitfield: u32,
}

/// Every type of a kernel and of one module, by number.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Types(pub BTreeMap<u32, Type>);

impl Types {
    /// The type under all typedefs, qualifiers and type tags; `None` for `void`, for a number
    /// without a type, and for a circle.
    pub fn plain(&self, mut id: u32) -> Option<(u32, &Type)> {
        for _ in 0..=self.0.len() {
            match self.0.get(&id)? {
                Type::Alias(to) => id = *to,
                other => return Some((id, other)),
            }
        }
        None
    }

    /// The struct or union under typedefs and qualifiers.
    pub fn composite(&self, id: u32) -> Option<&Composite> {
        match self.plain(id)?.1 {
            Type::Struct(composite) | Type::Union(composite) => Some(composite),
            _ => None,
        }
    }

    /// Whether it is `void` under typedefs and qualifiers.
    pub fn is_void(&self, mut id: u32) -> bool {
        for _ in 0..=self.0.len() {
            match self.0.get(&id) {
                Some(Type::Alias(to)) => id = *to,
                _ => return id == 0,
            }
        }
        false
    }

    /// The size in bytes, of types that have one.
    pub fn size(&self, id: u32) -> Option<u128> {
        self.size_within(id, self.0.len())
    }

    fn size_within(&self, id: u32, steps: usize) -> Option<u128> {
        match self.plain(id)?.1 {
            Type::Int { size, .. } => Some(u128::from(*size)),
            Type::Ptr(_) => Some(8),
            Type::Array { of, len } => self
                .size_within(*of, steps.checked_sub(1)?)?
                .checked_mul(u128::from(*len)),
            Type::Struct(composite) | Type::Union(composite) => Some(u128::from(composite.size)),
            _ => None,
        }
    }
}
