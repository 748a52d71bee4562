// SPDX-License-Identifier: MIT

//! The kinds of types, and how long the record of each is.

use std::fmt;

/// A kind of type, as in the kernel's `include/uapi/linux/btf.h`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs)] // The names are those of C.
pub enum Kind {
    Void,
    Int,
    Ptr,
    Array,
    Struct,
    Union,
    Enum,
    Fwd,
    Typedef,
    Volatile,
    Const,
    Restrict,
    Func,
    FuncProto,
    Var,
    DataSec,
    Float,
    DeclTag,
    TypeTag,
    Enum64,
    /// A kind newer than this reader, skipped with the help of the blob's layout section.
    Unknown(u8),
}

/// The size of what follows a type's common header: a fixed part and one per element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PayloadSize {
    pub(super) fixed: u8,
    pub(super) per_element: u8,
}

impl Kind {
    /// The kind with this number.
    pub fn from_number(number: u8) -> Self {
        match number {
            0 => Self::Void,
            1 => Self::Int,
            2 => Self::Ptr,
            3 => Self::Array,
            4 => Self::Struct,
            5 => Self::Union,
            6 => Self::Enum,
            7 => Self::Fwd,
            8 => Self::Typedef,
            9 => Self::Volatile,
            10 => Self::Const,
            11 => Self::Restrict,
            12 => Self::Func,
            13 => Self::FuncProto,
            14 => Self::Var,
            15 => Self::DataSec,
            16 => Self::Float,
            17 => Self::DeclTag,
            18 => Self::TypeTag,
            19 => Self::Enum64,
            other => Self::Unknown(other),
        }
    }

    /// The size of a record of this kind after its common header; `None` for a kind that has no
    /// record or that this reader does not know.
    pub(super) fn payload_size(self) -> Option<PayloadSize> {
        let (fixed, per_element) = match self {
            Self::Void | Self::Unknown(_) => return None,
            Self::Int | Self::Var | Self::DeclTag => (4, 0),
            Self::Array => (12, 0),
            Self::Struct | Self::Union | Self::DataSec | Self::Enum64 => (0, 12),
            Self::Enum | Self::FuncProto => (0, 8),
            Self::Ptr
            | Self::Fwd
            | Self::Typedef
            | Self::Volatile
            | Self::Const
            | Self::Restrict
            | Self::Func
            | Self::Float
            | Self::TypeTag => (0, 0),
        };
        Some(PayloadSize { fixed, per_element })
    }

    /// Whether types of this kind are looked up by name.
    pub(super) fn is_looked_up(self) -> bool {
        matches!(
            self,
            Self::Struct | Self::Union | Self::Enum | Self::Enum64 | Self::Func
        )
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self {
            Self::Void => "void",
            Self::Int => "int",
            Self::Ptr => "pointer",
            Self::Array => "array",
            Self::Struct => "struct",
            Self::Union => "union",
            Self::Enum => "enum",
            Self::Fwd => "forward declaration",
            Self::Typedef => "typedef",
            Self::Volatile => "volatile",
            Self::Const => "const",
            Self::Restrict => "restrict",
            Self::Func => "function",
            Self::FuncProto => "function prototype",
            Self::Var => "variable",
            Self::DataSec => "data section",
            Self::Float => "float",
            Self::DeclTag => "declaration tag",
            Self::TypeTag => "type tag",
            Self::Enum64 => "64-bit enum",
            Self::Unknown(number) => return write!(f, "unknown ({number})"),
        };
        f.write_str(name)
    }
}
