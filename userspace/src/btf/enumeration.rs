// SPDX-License-Identifier: MIT

//! Enumerators and their values.

use super::{Btf, BtfError, Kind, Record};

impl Btf<'_> {
    /// The value of `enumerator` in every definition of `enum name`, `None` in one that lacks
    /// it; empty if there is no such enum.
    ///
    /// # Errors
    /// A name outside the strings.
    pub fn enumerator(&self, name: &str, enumerator: &str) -> Result<Vec<Option<i128>>, BtfError> {
        let narrow = self.named(Kind::Enum, name);
        let wide = self.named(Kind::Enum64, name);
        narrow
            .iter()
            .chain(&wide)
            .map(|definition| self.value(definition, enumerator))
            .collect()
    }

    fn value(&self, definition: &Record<'_>, enumerator: &str) -> Result<Option<i128>, BtfError> {
        let signed = definition.flag;
        let rows: Vec<(u32, i128)> = if definition.kind == Kind::Enum {
            let rows = definition.rows();
            rows.map(|[name, value]| (name, narrow(value, signed)))
                .collect()
        } else {
            let rows = definition.rows();
            rows.map(|[name, low, high]| (name, wide(low, high, signed)))
                .collect()
        };
        for (name, value) in rows {
            if self.string_bytes(name)? == enumerator.as_bytes() {
                return Ok(Some(value));
            }
        }
        Ok(None)
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
