// SPDX-License-Identifier: MIT

//! A made-up amdgpu for tests: a module and its kernel's BTF with the structs and functions that
//! a layout needs, in the shape of Linux 7.2 or 6.12, and with whatever a test changes in them.

use crate::btf::testing::{MemberSpec, Writer};
use crate::btf::TypeId;
use crate::elf::testing::elf;

/// The types that a test can give to members and parameters.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Types {
    pub(crate) int: TypeId,
    pub(crate) u32: TypeId,
    /// Another type that is called `uint32_t`, and is `int`.
    pub(crate) false_u32: TypeId,
    pub(crate) u64: TypeId,
    pub(crate) u64_pointer: TypeId,
    pub(crate) void_pointer: TypeId,
    pub(crate) device_pointer: TypeId,
    pub(crate) pci_dev_pointer: TypeId,
    pub(crate) adev_pointer: TypeId,
    pub(crate) ip_block_pointer: TypeId,
    pub(crate) vm_pointer: TypeId,
    pub(crate) bo_pointer: TypeId,
    /// 40 numbers in one array, as pahole writes an array of 4 times 10.
    pub(crate) ip_versions: TypeId,
    /// The same as an array of arrays.
    pub(crate) nested_ip_versions: TypeId,
    /// The same the wrong way round: 10 times 4.
    pub(crate) turned_ip_versions: TypeId,
}

/// A struct that is about to be written.
#[derive(Debug, Clone)]
pub(crate) struct StructSpec {
    pub(crate) name: &'static str,
    pub(crate) size: u32,
    pub(crate) members: Vec<MemberSpec>,
}

impl StructSpec {
    /// The member of this name.
    pub(crate) fn member(&mut self, name: &str) -> &mut MemberSpec {
        let mut members = self.members.iter_mut();
        members.find(|m| m.name == name).expect("no such member")
    }

    /// Takes a member away.
    pub(crate) fn remove(&mut self, name: &str) {
        self.members.retain(|m| m.name != name);
    }
}

type Edit = Box<dyn Fn(&Types, usize, &mut StructSpec)>;
type Parameters = Vec<(&'static str, TypeId)>;
type EditParameters = Box<dyn Fn(&Types, &mut Parameters)>;

/// An amdgpu in the making.
pub(crate) struct FakeAmdgpu {
    old: bool,
    copies: usize,
    modinfo: &'static [u8],
    enumerators: Vec<(&'static str, u32)>,
    edits: Vec<(&'static str, Edit)>,
    functions: Vec<(&'static str, EditParameters)>,
    left_out: Vec<&'static str>,
    own_base: bool,
}

impl FakeAmdgpu {
    /// In the shape of Linux 7.2: `ip_block` arguments, no `map_mtype`, three copies of all.
    pub(crate) fn new() -> Self {
        Self {
            old: false,
            copies: 3,
            modinfo: b"license=GPL\0vermagic=7.2.12+deb13-amd64 SMP preempt\0srcversion=C0FFEE\0",
            enumerators: vec![("GC_HWIP", 1), ("HDP_HWIP", 2), ("MAX_HWIP", 4)],
            edits: Vec::new(),
            functions: Vec::new(),
            left_out: Vec::new(),
            own_base: false,
        }
    }

    /// In the shape of Linux 6.12: `void *handle` arguments and `map_mtype`, one copy.
    pub(crate) fn old() -> Self {
        Self {
            old: true,
            copies: 1,
            modinfo: b"vermagic=6.12.94+deb13-amd64 SMP\0",
            ..Self::new()
        }
    }

    /// Changes a struct in all its copies.
    pub(crate) fn edit(
        self,
        name: &'static str,
        edit: impl Fn(&Types, &mut StructSpec) + 'static,
    ) -> Self {
        self.edit_copies(name, move |types, _, spec| edit(types, spec))
    }

    /// Changes a struct depending on which copy it is, counted from 0.
    pub(crate) fn edit_copies(
        mut self,
        name: &'static str,
        edit: impl Fn(&Types, usize, &mut StructSpec) + 'static,
    ) -> Self {
        self.edits.push((name, Box::new(edit)));
        self
    }

    /// Changes the parameters of a function.
    pub(crate) fn edit_function(
        mut self,
        name: &'static str,
        edit: impl Fn(&Types, &mut Parameters) + 'static,
    ) -> Self {
        self.functions.push((name, Box::new(edit)));
        self
    }

    /// Leaves out a struct or a function.
    pub(crate) fn without(mut self, name: &'static str) -> Self {
        self.left_out.push(name);
        self
    }

    /// Gives the enum of hardware blocks other enumerators.
    pub(crate) fn enumerators(mut self, enumerators: &[(&'static str, u32)]) -> Self {
        self.enumerators = enumerators.to_vec();
        self
    }

    /// Gives the module a base of its own, as one built outside the kernel tree has.
    pub(crate) fn with_own_base(mut self) -> Self {
        self.own_base = true;
        self
    }

    /// The module and the BTF of its kernel.
    pub(crate) fn build(&self) -> (Vec<u8>, Vec<u8>) {
        let mut base = Writer::new();
        let int = base.int("int", 4, true);
        let uint = base.int("unsigned int", 4, false);
        let ulong = base.int("long long unsigned int", 8, false);
        let u32 = base.typedef("uint32_t", uint);
        let u64 = base.typedef("uint64_t", ulong);
        let device = base.structure("device", 8, &[]);
        let pci_dev = base.structure("pci_dev", 8, &[]);

        let mut m = Writer::split(&base);
        let adev_ahead = m.forward(if self.old {
            "elsewhere"
        } else {
            "amdgpu_device"
        });
        let (vm, bo) = (m.forward("amdgpu_vm"), m.forward("amdgpu_bo"));
        m.enumeration("amd_hw_ip_block_type", &self.enumerators);
        let (row, column) = (m.array(u32, 10), m.array(u32, 4));
        let mut types = Types {
            int,
            u32,
            false_u32: m.typedef("uint32_t", int),
            u64,
            u64_pointer: m.pointer(u64),
            void_pointer: m.pointer(TypeId::VOID),
            device_pointer: m.pointer(device),
            pci_dev_pointer: m.pointer(pci_dev),
            adev_pointer: m.pointer(adev_ahead),
            ip_block_pointer: TypeId::VOID,
            vm_pointer: m.pointer(vm),
            bo_pointer: m.pointer(bo),
            ip_versions: m.array(u32, 40),
            nested_ip_versions: m.array(row, 4),
            turned_ip_versions: m.array(column, 10),
        };
        for copy in 0..self.copies {
            self.write_copy(&mut m, &mut types, copy);
        }
        for (name, parameters) in self.functions_of(&types) {
            m.function(name, int, &parameters);
        }
        let (base, module) = (base.blob(), m.blob());
        let mut sections = vec![(".modinfo", self.modinfo), (".BTF", &module)];
        if self.own_base {
            sections.push((".BTF.base", &base));
        }
        let ko = elf(&sections);
        (ko, base)
    }

    fn write_copy(&self, m: &mut Writer, types: &mut Types, copy: usize) {
        let mut write = |types: &Types, name, size, members: &[(&str, TypeId, u32)]| {
            let members = members
                .iter()
                .map(|&(name, type_id, offset)| MemberSpec::at(name, type_id, offset))
                .collect();
            let mut spec = StructSpec {
                name,
                size,
                members,
            };
            for (_, edit) in self.edits.iter().filter(|(edited, _)| *edited == name) {
                edit(types, copy, &mut spec);
            }
            if self.left_out.contains(&name) {
                spec.name = "something_else";
            }
            m.structure(spec.name, spec.size, &spec.members)
        };
        let t = *types;
        let callback = t.void_pointer;
        let drm = write(&t, "drm_device", 64, &[("dev", t.device_pointer, 8)]);
        let gmc = write(&t, "amdgpu_gmc", 128, &[("noretry", t.int, 100)]);
        let vms = write(&t, "amdgpu_vm_manager", 32, &[("fragment_size", t.u32, 20)]);
        let funcs: &[_] = if self.old {
            &[("map_mtype", callback, 0), ("get_vm_pte", callback, 8)]
        } else {
            &[("get_vm_pte", callback, 0)]
        };
        write(&t, "amdgpu_gmc_funcs", 16, funcs);
        let adev = write(
            &t,
            "amdgpu_device",
            1024,
            &[
                ("dev", t.device_pointer, 0),
                ("pdev", t.pci_dev_pointer, 8),
                ("ddev", drm, 16),
                ("gmc", gmc, 200),
                ("vm_manager", vms, 400),
                ("ip_versions", t.ip_versions, 600),
            ],
        );
        let ip_block = write(&t, "amdgpu_ip_block", 24, &[("adev", t.adev_pointer, 16)]);
        if self.old {
            types.adev_pointer = m.pointer(adev);
        }
        types.ip_block_pointer = m.pointer(ip_block);
    }

    fn functions_of(&self, t: &Types) -> Vec<(&'static str, Parameters)> {
        let argument = if self.old {
            ("handle", t.void_pointer)
        } else {
            ("ip_block", t.ip_block_pointer)
        };
        let mut functions = vec![
            ("gmc_v10_0_hw_init", vec![argument]),
            ("gmc_v10_0_sw_fini", vec![argument]),
        ];
        let adev = ("adev", t.adev_pointer);
        let flags = ("flags", t.u64_pointer);
        if self.old {
            let mapping = ("mapping", t.void_pointer);
            functions.push(("gmc_v10_0_map_mtype", vec![adev, ("flags", t.u32)]));
            functions.push(("gmc_v10_0_get_vm_pte", vec![adev, mapping, flags]));
        } else {
            let (vm, bo) = (("vm", t.vm_pointer), ("bo", t.bo_pointer));
            let vm_flags = ("vm_flags", t.u32);
            functions.push(("gmc_v10_0_get_vm_pte", vec![adev, vm, bo, vm_flags, flags]));
        }
        functions.retain(|(name, _)| !self.left_out.contains(name));
        for (name, parameters) in &mut functions {
            for (_, edit) in self.functions.iter().filter(|(edited, _)| edited == name) {
                edit(t, parameters);
            }
        }
        functions
    }
}
