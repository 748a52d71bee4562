// SPDX-License-Identifier: MIT

//! BTF that is made to take long: every one is read within the limits, which grow with its size
//! and no faster.

use super::limits::within_limits;
use crate::btf::testing::{MemberSpec, Writer};
use crate::btf::TypeId;
use crate::elf::testing::elf;
use crate::layout::Layout;

/// How often something is repeated: enough that the square of it is far beyond the limits.
const MANY: usize = 20_000;

/// The module of a kernel without types, in the making.
fn module() -> Writer {
    Writer::split(&Writer::new())
}

/// Reads it; it must be refused.
fn read(module: &Writer) -> String {
    let module = module.blob();
    let base = Writer::new().blob();
    let ko = elf(&[(".modinfo", b"vermagic=7.2.12 SMP\0"), (".BTF", &module)]);
    let layout = within_limits(ko.len(), || Layout::resolve(&ko, &base));
    layout.expect_err("nothing that is whole").to_string()
}

/// The enum that is looked at first, so that the structs are looked at as well.
fn hwips(w: &mut Writer) {
    w.enumeration("amd_hw_ip_block_type", &[("GC_HWIP", 1), ("MAX_HWIP", 4)]);
}

#[test]
fn many_copies_of_one_struct() {
    let mut w = module();
    hwips(&mut w);
    let int = w.int("int", 4, true);
    let members: Vec<_> = (0..MANY as u32)
        .map(|i| MemberSpec::at("m", int, i))
        .collect();
    let inner = w.structure("", 4, &members);
    for _ in 0..MANY {
        w.structure("amdgpu_device", 4, &[MemberSpec::at("", inner, 0)]);
    }
    assert!(read(&w).contains("20000 definitions of amdgpu_device"));
}

#[test]
fn many_members_in_each_of_the_copies() {
    let mut w = module();
    hwips(&mut w);
    let int = w.int("int", 4, true);
    let long_name = "m".repeat(1000);
    let mut members = vec![MemberSpec::at(&long_name, int, 0)];
    members.resize_with(MANY, || MemberSpec::at("", int, 0));
    let inner = w.structure("", 4, &members);
    for _ in 0..60 {
        w.structure("amdgpu_device", 4, &[MemberSpec::at("", inner, 0)]);
    }
    assert!(read(&w).contains("16385 members in type"));
}

#[test]
fn many_functions_with_many_parameters() {
    let mut w = module();
    hwips(&mut w);
    let number = w.int("unsigned int", 4, false);
    let versions = w.array(number, 4);
    let member = MemberSpec::at("ip_versions", versions, 0);
    w.structure("amdgpu_device", 64, &[member]);
    let long_name = w.int(&"i".repeat(1000), 4, true);
    let parameters = vec![("", long_name); MANY];
    w.function("gmc_v10_0_hw_init", number, &parameters);
    assert!(read(&w).contains("20000 parameters of function prototype"));
}

#[test]
fn a_chain_of_typedefs_without_end() {
    let mut w = module();
    hwips(&mut w);
    let first = w.next_id();
    for i in 1..=MANY as u32 {
        let next = if i == MANY as u32 { 0 } else { i };
        w.typedef("t", TypeId(first.0 + next));
    }
    let members = vec![MemberSpec::at("ip_versions", first, 0)];
    w.structure("amdgpu_device", 4, &members);
    assert!(read(&w).contains("a cycle"));
}

#[test]
fn a_struct_inside_itself() {
    let mut w = module();
    hwips(&mut w);
    let own = w.next_id();
    let inside = [MemberSpec::at("", own, 0), MemberSpec::at("", own, 0)];
    w.structure("amdgpu_device", 4, &inside);
    assert!(read(&w).contains("16385 members in type"));
}

#[test]
fn one_long_name_for_everything() {
    let mut w = module();
    let first = w.structure(&"n".repeat(1023), 4, &[]);
    assert_eq!(first, TypeId(1));
    for _ in 0..MANY {
        // Each record has its 1023 characters looked at once, when the blob is read.
        w.raw(1, 4 << 24, 4, &[]);
    }
    assert!(read(&w).contains("no enum amd_hw_ip_block_type"));
}
