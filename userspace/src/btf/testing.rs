// SPDX-License-Identifier: MIT

//! For tests only: a small writer of BTF (types in, blob out, nothing checked, so that it can write
//! wrong BTF as well), and a count of what the reader does.

use super::{Kind, TypeId};
use std::cell::Cell;

thread_local! {
    static STEPS: Cell<u64> = const { Cell::new(0) };
}

/// How many steps the reader has done on this thread: types, rows and characters looked at.
pub(crate) fn steps() -> u64 {
    STEPS.get()
}

/// Counts steps.
pub(super) fn count_steps(steps: usize) {
    STEPS.set(STEPS.get() + steps as u64);
}

/// A member of a struct for [`Writer::structure`].
#[derive(Debug, Clone)]
pub(crate) struct MemberSpec {
    pub(crate) name: String,
    pub(crate) type_id: TypeId,
    pub(crate) bits: u32,
    /// The width in bits, 0 if it is no bitfield.
    pub(crate) bitfield: u32,
}

impl MemberSpec {
    /// A plain member at a byte offset.
    pub(crate) fn at(name: &str, type_id: TypeId, bytes: u32) -> Self {
        Self {
            name: name.to_owned(),
            type_id,
            bits: bytes * 8,
            bitfield: 0,
        }
    }
}

/// BTF in the making.
#[derive(Debug, Clone)]
pub(crate) struct Writer {
    types: Vec<u8>,
    strings: Vec<u8>,
    first_string: u32,
    next: u32,
}

impl Writer {
    /// BTF that stands alone.
    pub(crate) fn new() -> Self {
        Self {
            types: Vec::new(),
            strings: vec![0],
            first_string: 0,
            next: 1,
        }
    }

    /// BTF on top of `base`.
    pub(crate) fn split(base: &Self) -> Self {
        Self {
            types: Vec::new(),
            strings: Vec::new(),
            first_string: base.first_string + base.strings.len() as u32,
            next: base.next,
        }
    }

    /// The number that the next type will have.
    pub(crate) fn next_id(&self) -> TypeId {
        TypeId(self.next)
    }

    fn string(&mut self, text: &str) -> u32 {
        if text.is_empty() {
            return 0;
        }
        let offset = self.first_string + self.strings.len() as u32;
        self.strings.extend(text.as_bytes());
        self.strings.push(0);
        offset
    }

    fn words(&mut self, words: &[u32]) {
        self.types
            .extend(words.iter().flat_map(|w| w.to_le_bytes()));
    }

    /// A record as it is, its name by offset.
    pub(crate) fn raw(
        &mut self,
        name: u32,
        info: u32,
        size_or_type: u32,
        payload: &[u32],
    ) -> TypeId {
        self.words(&[name, info, size_or_type]);
        self.words(payload);
        self.next += 1;
        TypeId(self.next - 1)
    }

    fn add(
        &mut self,
        kind: u32,
        name: &str,
        elements: usize,
        size_or_type: u32,
        payload: &[u32],
    ) -> TypeId {
        let name = self.string(name);
        self.raw(name, (kind << 24) | elements as u32, size_or_type, payload)
    }

    pub(crate) fn int(&mut self, name: &str, size: u32, signed: bool) -> TypeId {
        let info = (u32::from(signed) << 24) | (size * 8);
        self.add(1, name, 0, size, &[info])
    }

    pub(crate) fn pointer(&mut self, to: TypeId) -> TypeId {
        self.add(2, "", 0, to.0, &[])
    }

    pub(crate) fn array(&mut self, element: TypeId, len: u32) -> TypeId {
        self.add(3, "", 0, 0, &[element.0, element.0, len])
    }

    pub(crate) fn structure(&mut self, name: &str, size: u32, members: &[MemberSpec]) -> TypeId {
        self.composite(4, name, size, members)
    }

    pub(crate) fn union(&mut self, name: &str, size: u32, members: &[MemberSpec]) -> TypeId {
        self.composite(5, name, size, members)
    }

    fn composite(&mut self, kind: u32, name: &str, size: u32, members: &[MemberSpec]) -> TypeId {
        let flag = u32::from(members.iter().any(|m| m.bitfield != 0));
        let mut payload = Vec::new();
        for member in members {
            let name = self.string(&member.name);
            payload.extend([
                name,
                member.type_id.0,
                member.bits | (member.bitfield << 24),
            ]);
        }
        let kind = (flag << 7) | kind;
        self.add(kind, name, members.len(), size, &payload)
    }

    pub(crate) fn enumeration(&mut self, name: &str, enumerators: &[(&str, u32)]) -> TypeId {
        let mut payload = Vec::new();
        for (name, value) in enumerators {
            payload.extend([self.string(name), *value]);
        }
        self.add(6, name, enumerators.len(), 4, &payload)
    }

    pub(crate) fn enumeration64(&mut self, name: &str, enumerators: &[(&str, i64)]) -> TypeId {
        let mut payload = Vec::new();
        for (name, value) in enumerators {
            payload.extend([self.string(name), *value as u32, (value >> 32) as u32]);
        }
        self.add((1 << 7) | 19, name, enumerators.len(), 8, &payload)
    }

    pub(crate) fn forward(&mut self, name: &str) -> TypeId {
        self.add(7, name, 0, 0, &[])
    }

    pub(crate) fn typedef(&mut self, name: &str, to: TypeId) -> TypeId {
        self.add(8, name, 0, to.0, &[])
    }

    /// `const`, `volatile`, `restrict` or a type tag.
    pub(crate) fn qualified(&mut self, kind: Kind, to: TypeId) -> TypeId {
        let (number, name) = match kind {
            Kind::Volatile => (9, ""),
            Kind::Const => (10, ""),
            Kind::Restrict => (11, ""),
            Kind::TypeTag => (18, "rcu"),
            other => panic!("{other} is no qualifier"),
        };
        self.add(number, name, 0, to.0, &[])
    }

    /// A static function with its prototype.
    pub(crate) fn function(
        &mut self,
        name: &str,
        returns: TypeId,
        parameters: &[(&str, TypeId)],
    ) -> TypeId {
        let mut payload = Vec::new();
        for (name, type_id) in parameters {
            payload.extend([self.string(name), type_id.0]);
        }
        let prototype = self.add(13, "", parameters.len(), returns.0, &payload);
        self.add(12, name, 0, prototype.0, &[])
    }

    /// One of each kind that the other methods do not write.
    pub(crate) fn all_other_kinds(&mut self, some_type: TypeId) {
        self.add(14, "variable", 0, some_type.0, &[1]);
        self.add(15, ".data", 1, 8, &[some_type.0, 0, 8]);
        self.add(16, "double", 0, 8, &[]);
        self.add(17, "tag", 0, some_type.0, &[u32::MAX]);
    }

    /// The blob, with the short header.
    pub(crate) fn blob(&self) -> Vec<u8> {
        let (types, strings) = (self.types.len() as u32, self.strings.len() as u32);
        self.assemble(&[24, 0, types, types, strings], &[])
    }

    /// The blob with a layout section: (fixed, per element) bytes for each kind from 0 on.
    pub(crate) fn blob_with_layout(&self, layout: &[(u8, u8)]) -> Vec<u8> {
        let (types, strings) = (self.types.len() as u32, self.strings.len() as u32);
        let layout: Vec<u8> = layout.iter().flat_map(|&(f, e)| [f, e, 0, 0]).collect();
        let (start, len) = (types + strings, layout.len() as u32);
        self.assemble(&[32, 0, types, types, strings, start, len], &layout)
    }

    fn assemble(&self, header: &[u32], tail: &[u8]) -> Vec<u8> {
        let mut blob = vec![0x9f, 0xeb, 1, 0];
        blob.extend(header.iter().flat_map(|word| word.to_le_bytes()));
        blob.extend(&self.types);
        blob.extend(&self.strings);
        blob.extend(tail);
        blob
    }
}
