// SPDX-License-Identifier: MIT

//! The header of a BTF blob, and the sections that it points to.

use super::bytes::{slice_at, u16_at, u32_at};
use super::kind::{Kind, PayloadSize};
use super::{BtfError, MAGIC};

/// The header's length before a layout section was added to it, in bytes.
const SHORT_HEADER: usize = 24;
/// The header's length with a layout section, in bytes.
const LONG_HEADER: usize = 32;
/// The length of one entry of the layout section, in bytes.
const LAYOUT_ENTRY: usize = 4;

/// The sections of a blob.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sections<'a> {
    pub(super) types: &'a [u8],
    pub(super) strings: &'a [u8],
    /// How long the records of each kind are, one entry a kind; empty in most blobs.
    layout: &'a [u8],
}

impl<'a> Sections<'a> {
    pub(super) fn parse(blob: &'a [u8]) -> Result<Self, BtfError> {
        let header = |len| section(blob, "the header", 0, len);
        let short = header(SHORT_HEADER)?;
        let magic = u16_at(short, 0).unwrap_or_default();
        if magic == MAGIC.swap_bytes() {
            return Err(BtfError::BigEndian);
        }
        if magic != MAGIC {
            return Err(BtfError::Magic { found: magic });
        }
        if short[2] != 1 {
            return Err(BtfError::Version { found: short[2] });
        }
        let field = |at| u32_at(blob, at).unwrap_or_default() as usize;
        let header_len = field(4);
        if header_len < SHORT_HEADER {
            return Err(BtfError::Truncated {
                what: "the header",
                start: 0,
                end: SHORT_HEADER as u64,
                have: header_len as u64,
            });
        }
        header(header_len)?;

        let part = |what, at| {
            let start = header_len.saturating_add(field(at));
            section(blob, what, start, field(at + 4))
        };
        Ok(Self {
            types: part("the type section", 8)?,
            strings: part("the string section", 16)?,
            layout: if header_len >= LONG_HEADER {
                part("the layout section", 24)?
            } else {
                &[]
            },
        })
    }

    /// The size of a record of this kind: what this reader knows, else what the blob says.
    pub(super) fn payload_size(&self, kind: Kind) -> Option<PayloadSize> {
        let described = |number: u8| {
            let entry = slice_at(
                self.layout,
                usize::from(number) * LAYOUT_ENTRY,
                LAYOUT_ENTRY,
            )?;
            Some(PayloadSize {
                fixed: entry[0],
                per_element: entry[1],
            })
        };
        match kind {
            Kind::Unknown(number) => described(number),
            known => known.payload_size(),
        }
    }
}

fn section<'a>(
    blob: &'a [u8],
    what: &'static str,
    start: usize,
    len: usize,
) -> Result<&'a [u8], BtfError> {
    slice_at(blob, start, len).ok_or(BtfError::Truncated {
        what,
        start: start as u64,
        end: start as u64 + len as u64,
        have: blob.len() as u64,
    })
}
