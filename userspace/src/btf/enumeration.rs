// SPDX-License-Identifier: MIT

//! Enumerators and their values.

use super::{Btf, BtfError, Kind, Record};

impl Btf<'_> {
    /// The value of `enumerator` in every definition of `enum name`, `None` in one that lacks
    /// it; empty if there is no such enum.
    ///
    /// # Errors
    /// A name outside the strings, an enumerator that is there twice, and more definitions than
    /// any kernel has.
    pub fn enumerator(&self, name: &str, enumerator: &str) -> Result<Vec<Option<i128>>, BtfError> {
        let narrow = self.named(Kind::Enum, name)?;
        let wide = self.named(Kind::Enum64, name)?;
        narrow
            .iter()
            .chain(&wide)
            .map(|definition| self.value(definition, enumerator))
            .collect()
    }

    fn value(&self, definition: &Record<'_>, enumerator: &str) -> Result<Option<i128>, BtfError> {
        let signed = definition.flag;
        let mut found = None;
        let mut look = |name, value| {
            if self.string_is(name, enumerator)? && found.replace(value).is_some() {
                return Err(BtfError::Twice {
                    id: definition.id,
                    member: enumerator.to_owned(),
                });
            }
            Ok(())
        };
        if definition.kind == Kind::Enum {
            for [name, value] in definition.rows() {
                look(name, narrow(value, signed))?;
            }
        } else {
            for [name, low, high] in definition.rows() {
                look(name, wide(low, high, signed))?;
            }
        }
        Ok(found)
    }
}

fn narrow(value: u32, signed: bool) -> i128 {
    if signed {
        i128::from(value as i32)
    } else {
        i128::from(value)
    }
}

fn wide(low: u32, high: u32, signed: bool) -> i128 {
    let value = (u64::from(high) << 32) | u64::from(low);
    if signed {
        i128::from(value as i64)
    } else {
        i128::from(value)
    }
}
