// SPDX-License-Identifier: MIT

//! GCVM_L2_PROTECTION_FAULT_STATUS and MMVM_L2_PROTECTION_FAULT_STATUS: the register that a memory hub
//! describes a fault with. Where its fields are: gc_10_1_0_sh_mask.h and mmhub_2_0_0_sh_mask.h of
//! Linux, the same in both.

use serde::{Serialize, Serializer};

/// One of the GPU's two memory hubs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Hub {
    /// Graphics, compute and copies.
    Gfxhub,
    /// Video, display and the GPU's own controllers.
    Mmhub,
}

/// The register.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Status(pub u32);

/// One of its fields, by the name in the log: its first bit and how many it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field {
    /// As amdgpu prints it.
    pub name: &'static str,
    shift: u32,
    bits: u32,
}

/// The fields that have a line of their own in the log.
pub const FIELDS: [Field; 5] = [
    MORE_FAULTS,
    WALKER_ERROR,
    PERMISSION_FAULTS,
    MAPPING_ERROR,
    RW,
];
const MORE_FAULTS: Field = field("MORE_FAULTS", 0, 1);
const WALKER_ERROR: Field = field("WALKER_ERROR", 1, 3);
const PERMISSION_FAULTS: Field = field("PERMISSION_FAULTS", 4, 4);
const MAPPING_ERROR: Field = field("MAPPING_ERROR", 8, 1);
/// The client; its line has a name too.
pub const CID: Field = field("CID", 9, 9);
const RW: Field = field("RW", 18, 1);
const ATOMIC: Field = field("ATOMIC", 19, 1);
const VMID: Field = field("VMID", 20, 4);

const fn field(name: &'static str, shift: u32, bits: u32) -> Field {
    Field { name, shift, bits }
}

impl Status {
    fn get(self, field: Field) -> u32 {
        self.0 >> field.shift & ((1 << field.bits) - 1)
    }

    /// With a field set; `None` when the value does not fit.
    #[must_use]
    pub fn with(self, field: Field, value: u32) -> Option<Self> {
        let mask = (1 << field.bits) - 1;
        (value <= mask).then(|| Self(self.0 & !(mask << field.shift) | value << field.shift))
    }

    /// Whether further faults came before this one was read.
    pub fn more_faults(self) -> bool {
        self.get(MORE_FAULTS) != 0
    }

    /// How the walk of the page tables failed; 0 when it did not.
    pub fn walker_error(self) -> u32 {
        self.get(WALKER_ERROR)
    }

    /// What the page-table entry did not allow.
    pub fn permissions(self) -> Permissions {
        Permissions(self.get(PERMISSION_FAULTS))
    }

    /// Whether the address could not be mapped.
    pub fn mapping_error(self) -> bool {
        self.get(MAPPING_ERROR) != 0
    }

    /// Who asked.
    pub fn client(self) -> u16 {
        self.get(CID) as u16
    }

    /// Whether it was a write.
    pub fn is_write(self) -> bool {
        self.get(RW) != 0
    }

    /// Whether it was an atomic.
    pub fn is_atomic(self) -> bool {
        self.get(ATOMIC) != 0
    }

    /// The address space.
    pub fn vmid(self) -> u32 {
        self.get(VMID)
    }
}

impl Serialize for Status {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("0x{:08x}", self.0))
    }
}

/// PERMISSION_FAULTS: what the page-table entry lacked, one bit each
/// (Documentation/gpu/amdgpu/debugging.rst).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Permissions(pub u32);

impl Permissions {
    /// The entry was not valid: nothing is mapped there.
    pub fn not_valid(self) -> bool {
        self.0 & 1 != 0
    }

    /// It does not allow reading.
    pub fn not_readable(self) -> bool {
        self.0 & 2 != 0
    }

    /// It does not allow writing.
    pub fn not_writable(self) -> bool {
        self.0 & 4 != 0
    }

    /// It does not allow execution.
    pub fn not_executable(self) -> bool {
        self.0 & 8 != 0
    }

    /// Each in a word or two.
    pub fn words(self) -> Vec<&'static str> {
        [
            (self.not_valid(), "not valid"),
            (self.not_readable(), "not readable"),
            (self.not_writable(), "not writable"),
            (self.not_executable(), "not executable"),
        ]
        .into_iter()
        .filter_map(|(set, words)| set.then_some(words))
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_register_is_taken_apart() {
        // VMID 7, a write of client 0xd, permissions 3, walker 0, more faults.
        let status = Status(0x0074_1a31);
        assert_eq!((status.vmid(), status.client()), (7, 0xd));
        assert!(status.is_write() && status.more_faults() && !status.is_atomic());
        assert_eq!(status.permissions().words(), ["not valid", "not readable"]);
        assert_eq!((status.walker_error(), status.mapping_error()), (0, false));
    }

    proptest! {
        #[test]
        fn fields_come_back_and_do_not_touch_each_other(word: u32, value: u32, at in 0..FIELDS.len()) {
            let field = FIELDS[at];
            let Some(status) = Status(word).with(field, value) else {
                prop_assert!(value >> field.bits != 0);
                return Ok(());
            };
            prop_assert_eq!(status.get(field), value);
            for other in FIELDS.iter().chain([&CID]).filter(|f| **f != field) {
                prop_assert_eq!(status.get(*other), Status(word).get(*other));
            }
        }
    }
}
