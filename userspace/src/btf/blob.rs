// SPDX-License-Identifier: MIT

//! A parsed blob: where each type starts and which types bear a name. Built once; a lookup
//! afterwards copies nothing.

use std::collections::HashMap;

use super::bytes::slice_at;
use super::header::Sections;
use super::record::{Common, COMMON};
use super::{BtfError, Kind, Record, TypeId, MAX_DEFINITIONS};

/// The longest name accepted, in bytes; the kernel's own limit is 512. It keeps a hostile blob
/// from having one long string read again for each type.
const MAX_NAME: usize = 1024;

/// BTF, alone or on top of a base.
#[derive(Debug)]
pub struct Btf<'a> {
    base: Option<&'a Btf<'a>>,
    sections: Sections<'a>,
    first_type: u32,
    first_string: u64,
    /// The byte of the type section at which each type of this blob starts.
    starts: Vec<u32>,
    names: HashMap<&'a [u8], Vec<TypeId>>,
}

impl<'a> Btf<'a> {
    /// Reads BTF that stands alone: a kernel's.
    ///
    /// # Errors
    /// Any defect of the header, the length of a record, or the name of a struct, union, enum or
    /// function. References between types are checked when they are followed.
    pub fn parse(blob: &'a [u8]) -> Result<Self, BtfError> {
        Self::parse_on(blob, None)
    }

    /// Reads a module's BTF, whose types and strings count on from `base`.
    ///
    /// # Errors
    /// As [`Btf::parse`].
    pub fn parse_split(blob: &'a [u8], base: &'a Btf<'a>) -> Result<Self, BtfError> {
        Self::parse_on(blob, Some(base))
    }

    fn parse_on(blob: &'a [u8], base: Option<&'a Btf<'a>>) -> Result<Self, BtfError> {
        let mut btf = Self {
            base,
            sections: Sections::parse(blob)?,
            first_type: base.map_or(1, Btf::type_count),
            first_string: base.map_or(0, Btf::strings_end),
            starts: Vec::new(),
            names: HashMap::new(),
        };
        btf.index()?;
        Ok(btf)
    }

    fn index(&mut self) -> Result<(), BtfError> {
        let types = self.sections.types;
        let mut start = 0;
        while start < types.len() {
            let truncated = |len: u64| BtfError::Truncated {
                what: "a type",
                start: start as u64,
                end: start as u64 + len,
                have: types.len() as u64,
            };
            let common = Common::read(types, start).ok_or(truncated(COMMON as u64))?;
            let id = TypeId(self.type_count());
            let payload = self.payload_len(id, &common)?;
            let end = start as u64 + COMMON as u64 + payload;
            if end > types.len() as u64 {
                return Err(truncated(COMMON as u64 + payload));
            }
            if common.kind.is_looked_up() && common.name != 0 {
                let name = self.string_bytes(common.name)?;
                self.names.entry(name).or_default().push(id);
            }
            self.starts.push(start as u32);
            start = end as usize;
        }
        Ok(())
    }

    fn payload_len(&self, id: TypeId, common: &Common) -> Result<u64, BtfError> {
        let unknown = BtfError::UnknownKind {
            id,
            kind: match common.kind {
                Kind::Unknown(number) => number,
                _ => 0,
            },
        };
        let size = self.sections.payload_size(common.kind).ok_or(unknown)?;
        Ok(u64::from(size.fixed) + u64::from(size.per_element) * u64::from(common.elements))
    }

    /// One more than the number of the last type, the base's included.
    pub fn type_count(&self) -> u32 {
        self.first_type + self.starts.len() as u32
    }

    fn strings_end(&self) -> u64 {
        self.first_string + self.sections.strings.len() as u64
    }

    /// The type with this number.
    ///
    /// # Errors
    /// [`BtfError::NoSuchType`].
    pub fn record(&self, id: TypeId) -> Result<Record<'a>, BtfError> {
        if id == TypeId::VOID {
            return Ok(Record::VOID);
        }
        let missing = BtfError::NoSuchType {
            id,
            count: self.type_count(),
        };
        let Some(index) = id.0.checked_sub(self.first_type) else {
            return self.base.ok_or(missing)?.record(id);
        };
        let start = *self.starts.get(index as usize).ok_or(missing.clone())? as usize;
        let common = Common::read(self.sections.types, start).ok_or(missing.clone())?;
        let payload_len = self.payload_len(id, &common)? as usize;
        Ok(Record {
            id,
            kind: common.kind,
            name: common.name,
            flag: common.flag,
            size_or_type: common.size_or_type,
            payload: slice_at(self.sections.types, start + COMMON, payload_len).ok_or(missing)?,
        })
    }

    /// The types of this kind and name, the base's first. Forward declarations are not among
    /// them.
    ///
    /// # Errors
    /// More than any kernel has.
    pub fn named(&self, kind: Kind, name: &str) -> Result<Vec<Record<'a>>, BtfError> {
        let mut found = match self.base {
            Some(base) => base.named(kind, name)?,
            None => Vec::new(),
        };
        let own = self.names.get(name.as_bytes()).into_iter().flatten();
        found.extend(
            own.filter_map(|&id| self.record(id).ok())
                .filter(|record| record.kind == kind),
        );
        if found.len() > MAX_DEFINITIONS {
            return Err(BtfError::TooMany {
                what: format!("definitions of {name}"),
                found: found.len(),
                limit: MAX_DEFINITIONS,
            });
        }
        Ok(found)
    }

    /// Every definition of `struct name`; empty if there is none.
    ///
    /// # Errors
    /// As [`Btf::named`].
    pub fn structs(&self, name: &str) -> Result<Vec<Record<'a>>, BtfError> {
        self.named(Kind::Struct, name)
    }

    /// The name of a type, empty if it has none.
    ///
    /// # Errors
    /// A name outside the strings or not UTF-8.
    pub fn name(&self, record: &Record<'_>) -> Result<&'a str, BtfError> {
        self.string(record.name)
    }

    pub(super) fn string(&self, offset: u32) -> Result<&'a str, BtfError> {
        std::str::from_utf8(self.string_bytes(offset)?).map_err(|_| BtfError::NotText { offset })
    }

    /// Whether the string at this offset is `text`.
    pub(super) fn string_is(&self, offset: u32, text: &str) -> Result<bool, BtfError> {
        let rest = self.string_rest(offset)?.strip_prefix(text.as_bytes());
        #[cfg(test)]
        super::testing::count_steps(text.len());
        Ok(rest.is_some_and(|rest| rest.first() == Some(&0)))
    }

    pub(super) fn string_bytes(&self, offset: u32) -> Result<&'a [u8], BtfError> {
        let rest = self.string_rest(offset)?;
        let limit = rest.len().min(MAX_NAME);
        let len = rest[..limit]
            .iter()
            .position(|&byte| byte == 0)
            .ok_or(BtfError::EndlessString { offset, limit })?;
        #[cfg(test)]
        super::testing::count_steps(len);
        Ok(&rest[..len])
    }

    /// The strings from this offset on, at least one byte.
    fn string_rest(&self, offset: u32) -> Result<&'a [u8], BtfError> {
        const EMPTY: &[u8] = &[0];
        let Some(own) = u64::from(offset).checked_sub(self.first_string) else {
            // Only a split BTF has strings before its first.
            return self.base.map_or(Ok(EMPTY), |base| base.string_rest(offset));
        };
        if offset == 0 {
            return Ok(EMPTY);
        }
        usize::try_from(own)
            .ok()
            .and_then(|own| self.sections.strings.get(own..))
            .filter(|rest| !rest.is_empty())
            .ok_or(BtfError::NoSuchString {
                offset,
                end: self.strings_end(),
            })
    }
}
