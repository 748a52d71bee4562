// SPDX-License-Identifier: MIT

//! Members of structs and unions, those of anonymous ones inside included.

use super::shape::Shape;
use super::{Btf, BtfError, Record, TypeId, MAX_MEMBERS};

/// Where a member is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Member {
    /// Bytes from the start of the struct that was asked about.
    pub offset: u64,
    /// Its type, typedefs and qualifiers included.
    pub type_id: TypeId,
    /// Its size in bytes.
    pub size: u64,
}

/// A member as it stands in the blob.
struct Raw {
    name: u32,
    type_id: TypeId,
    bit_offset: u64,
    /// The width in bits if it is a bitfield, else 0.
    bitfield: u32,
}

impl Raw {
    fn of<'r>(composite: &'r Record<'_>) -> impl Iterator<Item = Self> + 'r {
        composite.rows().map(|[name, type_id, offset]| {
            let (bit_offset, bitfield) = if composite.flag {
                (offset & 0x00ff_ffff, offset >> 24)
            } else {
                (offset, 0)
            };
            Self {
                name,
                type_id: TypeId(type_id),
                bit_offset: u64::from(bit_offset),
                bitfield,
            }
        })
    }
}

impl<'a> Btf<'a> {
    /// The member `name` of a struct or union, looked for in its anonymous structs and unions
    /// too; `None` if it has none of that name.
    ///
    /// # Errors
    /// A bitfield (it has no byte offset), a member that reaches past the end or is there twice, a
    /// type without members or with more than any kernel has, and any reference that cannot be
    /// followed.
    pub fn member(&self, composite: TypeId, name: &str) -> Result<Option<Member>, BtfError> {
        let whole = self.composite(composite)?;
        let mut looked_at = 0;
        let mut found = None;
        let mut pending = vec![(whole, 0_u64)];
        while let Some((record, start)) = pending.pop() {
            for raw in Raw::of(&record) {
                looked_at += 1;
                if looked_at > MAX_MEMBERS {
                    return Err(BtfError::TooMany {
                        what: format!("members in type [{}]", whole.id),
                        found: looked_at,
                        limit: MAX_MEMBERS,
                    });
                }
                let bits = start + raw.bit_offset;
                if raw.name == 0 {
                    if let Shape::Struct(inner) | Shape::Union(inner) = self.shape(raw.type_id)? {
                        pending.push((inner, bits));
                    }
                } else if self.string_is(raw.name, name)? && found.replace((raw, bits)).is_some() {
                    return Err(BtfError::Twice {
                        id: whole.id,
                        member: name.to_owned(),
                    });
                }
            }
        }
        found
            .map(|(raw, bits)| self.located(&whole, name, &raw, bits))
            .transpose()
    }

    fn composite(&self, id: TypeId) -> Result<Record<'a>, BtfError> {
        match self.shape(id)? {
            Shape::Struct(record) | Shape::Union(record) => Ok(record),
            _ => Err(BtfError::WrongKind {
                id,
                found: self.peel(id)?.kind,
                expected: "struct or union",
            }),
        }
    }

    fn located(
        &self,
        whole: &Record<'_>,
        name: &str,
        raw: &Raw,
        bits: u64,
    ) -> Result<Member, BtfError> {
        // Old BTF marks a bitfield only by an integer type that leaves bits unused.
        let narrow = match self.shape(raw.type_id)? {
            Shape::Int(int) => int.size.checked_mul(8) != Some(int.bits),
            _ => false,
        };
        if raw.bitfield != 0 || narrow || bits % 8 != 0 {
            return Err(BtfError::Bitfield {
                id: whole.id,
                member: name.to_owned(),
            });
        }
        let (offset, size) = (bits / 8, self.size_of(raw.type_id)?);
        let end = offset.saturating_add(size);
        if end > whole.size() {
            return Err(BtfError::OutsideStruct {
                id: whole.id,
                member: name.to_owned(),
                end,
                size: whole.size(),
            });
        }
        Ok(Member {
            offset,
            type_id: raw.type_id,
            size,
        })
    }
}
