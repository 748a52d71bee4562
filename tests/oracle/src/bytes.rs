// SPDX-License-Identifier: MIT

//! BTF as bytes, decoded front to back as `include/uapi/linux/btf.h` describes it. A name that
//! leads nowhere is `?`, which nobody looks for: such a type can be of no use.

use crate::types::{Composite, Member, Type, Types};

/// Decodes the BTF of a kernel and the split BTF of a module on top of it.
///
/// # Errors
/// Where the decoding stopped.
pub fn decode(kernel: &[u8], module: &[u8]) -> Result<Types, String> {
    let mut types = Types::default();
    let base = blob(&[], kernel, &mut types).ok_or("the kernel's BTF is malformed")?;
    blob(&base, module, &mut types).ok_or("the module's BTF is malformed")?;
    Ok(types)
}

/// Decodes one blob into the table, and returns all strings so far.
fn blob(strings_before: &[u8], blob: &[u8], types: &mut Types) -> Option<Vec<u8>> {
    let mut header = Reader(blob);
    if (header.u16()?, header.u8()?) != (0xeb9f, 1) {
        return None;
    }
    header.u8()?;
    let header_len = header.u32()? as usize;
    let part = |offset: u32, len: u32| {
        let start = header_len.checked_add(offset as usize)?;
        blob.get(start..start.checked_add(len as usize)?)
    };
    let section = part(header.u32()?, header.u32()?)?;
    let own_strings = part(header.u32()?, header.u32()?)?;
    let sizes = if header_len >= 32 {
        part(header.u32()?, header.u32()?)?
    } else {
        &[]
    };
    let strings = [strings_before, own_strings].concat();
    let mut reader = Reader(section);
    while !reader.0.is_empty() {
        let decoded = record(&mut reader, &strings, sizes)?;
        types.0.insert(types.0.len() as u32 + 1, decoded);
    }
    Some(strings)
}

fn record(reader: &mut Reader<'_>, strings: &[u8], sizes: &[u8]) -> Option<Type> {
    let text = |offset| string(strings, offset);
    let (name, info, word) = (reader.u32()?, reader.u32()?, reader.u32()?);
    let (count, kind, flag) = (info & 0xff_ffff, info >> 24 & 0x7f, info >> 31 == 1);
    Some(match kind {
        1 => {
            let details = reader.u32()?;
            Type::Int {
                size: word,
                bits: details & 0xff,
                offset: details >> 16 & 0xff,
                encoding: match details >> 24 & 0xf {
                    0 => "(none)",
                    1 => "SIGNED",
                    2 => "CHAR",
                    4 => "BOOL",
                    _ => "UNKN",
                }
                .to_owned(),
            }
        }
        2 => Type::Ptr(word),
        3 => {
            let (of, _, len) = (reader.u32()?, reader.u32()?, reader.u32()?);
            Type::Array { of, len }
        }
        4 | 5 => {
            let mut members = Vec::new();
            for _ in 0..count {
                let (name, type_id, place) = (reader.u32()?, reader.u32()?, reader.u32()?);
                let (bits, bitfield) = if flag {
                    (place & 0xff_ffff, place >> 24)
                } else {
                    (place, 0)
                };
                members.push(Member {
                    name: text(name),
                    type_id,
                    bits: u64::from(bits),
                    bitfield,
                });
            }
            let composite = Composite {
                name: text(name),
                size: word,
                members,
            };
            if kind == 4 {
                Type::Struct(composite)
            } else {
                Type::Union(composite)
            }
        }
        6 | 19 => {
            let mut values = Vec::new();
            for _ in 0..count {
                let name = text(reader.u32()?);
                let low = reader.u32()?;
                let value = match (kind, flag) {
                    (6, true) => i128::from(low as i32),
                    (6, false) => i128::from(low),
                    (_, flag) => {
                        let value = u64::from(reader.u32()?) << 32 | u64::from(low);
                        if flag {
                            i128::from(value as i64)
                        } else {
                            i128::from(value)
                        }
                    }
                };
                values.push((name, value));
            }
            let name = text(name);
            Type::Enum { name, values }
        }
        7 => Type::Fwd {
            name: text(name),
            union: flag,
        },
        8 | 9 | 10 | 11 | 18 => Type::Alias(word),
        12 => Type::Func {
            name: text(name),
            prototype: word,
        },
        13 => {
            let mut parameters = Vec::new();
            for _ in 0..count {
                parameters.push((text(reader.u32()?), reader.u32()?));
            }
            Type::FuncProto {
                returns: word,
                parameters,
            }
        }
        14 | 17 => {
            reader.skip(4)?;
            Type::Other
        }
        15 => {
            reader.skip(12 * count as usize)?;
            Type::Other
        }
        16 => Type::Other,
        _ => {
            // A kind of the future: the blob itself may say how long it is.
            let entry = sizes.get(4 * kind as usize..4 * kind as usize + 4)?;
            reader.skip(usize::from(entry[0]) + usize::from(entry[1]) * count as usize)?;
            Type::Other
        }
    })
}

fn string(strings: &[u8], offset: u32) -> String {
    if offset == 0 {
        return String::new();
    }
    let Some(rest) = strings.get(offset as usize..) else {
        return "?".to_owned();
    };
    match rest.iter().position(|&byte| byte == 0) {
        Some(end) => String::from_utf8_lossy(&rest[..end]).into_owned(),
        None => "?".to_owned(),
    }
}

/// Little-endian numbers, one after the other.
struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (first, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*first)
    }

    fn u8(&mut self) -> Option<u8> {
        self.take().map(u8::from_le_bytes)
    }

    fn u16(&mut self) -> Option<u16> {
        self.take().map(u16::from_le_bytes)
    }

    fn u32(&mut self) -> Option<u32> {
        self.take().map(u32::from_le_bytes)
    }

    fn skip(&mut self, len: usize) -> Option<()> {
        self.0 = self.0.get(len..)?;
        Some(())
    }
}
