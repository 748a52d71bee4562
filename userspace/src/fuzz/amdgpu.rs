// SPDX-License-Identifier: MIT

//! An amdgpu with everything that rmcp looks for, and with as many oddities as a tape asks for:
//! harmless ones (other places, typedefs, anonymous structs, more copies) and wrong ones.

use super::tape::Tape;
use crate::btf::testing::{MemberSpec, Writer};
use crate::btf::{Kind, TypeId};
use crate::elf::testing::elf;

/// The parts of a module and its kernel.
pub(super) struct Parts {
    pub(super) module_btf: Vec<u8>,
    pub(super) kernel_btf: Vec<u8>,
    /// Whether the module brings its kernel's BTF along.
    own_base: bool,
    /// Whether there is a second section called `.BTF`.
    second: bool,
}

impl Parts {
    /// The module as a file.
    pub(super) fn file(&self) -> Vec<u8> {
        let modinfo = b"license=GPL\0vermagic=7.2.12+deb13-amd64 SMP\0";
        let mut sections: Vec<(&str, &[u8])> =
            vec![(".modinfo", modinfo), (".BTF", &self.module_btf)];
        if self.own_base {
            sections.push((".BTF.base", &self.kernel_btf));
        }
        if self.second {
            sections.push((".BTF", b"another"));
        }
        elf(&sections)
    }
}

/// The amdgpu that the decisions come to.
pub(super) fn build(decisions: &[u32]) -> Parts {
    let mut tape = Tape::new(decisions);
    let mut base = Writer::new();
    let mut plain = |w: &mut Writer, name: &str, size, signed| {
        let size = if tape.rarely(40) { 12 - size } else { size };
        let id = w.int(name, size, signed ^ tape.rarely(40));
        aliased(&mut tape, w, id)
    };
    let int = plain(&mut base, "int", 4, true);
    let u32_ = plain(&mut base, "unsigned int", 4, false);
    let u64_ = plain(&mut base, "long long unsigned int", 8, false);
    let device = named(&mut tape, &mut base, "device");
    let pci_dev = named(&mut tape, &mut base, "pci_dev");

    let mut module = Writer::split(&base);
    let mut amdgpu = Amdgpu {
        handle: tape.rarely(2),
        map_mtype: tape.rarely(2),
        adev_ahead: module.forward("amdgpu_device"),
        device: pointer(&mut tape, &mut module, device),
        pci_dev: pointer(&mut tape, &mut module, pci_dev),
        int,
        u32: u32_,
        tape,
        w: module,
    };
    let hwips = amdgpu.hwips();
    for _ in 0..[3, 1, 2, 5, 80][amdgpu.tape.pick(5) as usize] {
        amdgpu.copy(&hwips);
    }
    for _ in 0..1 + amdgpu.tape.pick(3) {
        amdgpu.functions(u64_);
    }

    Parts {
        own_base: amdgpu.tape.rarely(4),
        second: amdgpu.tape.rarely(8),
        module_btf: amdgpu.w.blob(),
        kernel_btf: base.blob(),
    }
}

/// The type under a few typedefs and qualifiers.
fn aliased(tape: &mut Tape<'_>, w: &mut Writer, mut id: TypeId) -> TypeId {
    for _ in 0..tape.pick(4) {
        id = match tape.pick(5) {
            0 => w.typedef("alias_t", id),
            1 => w.qualified(Kind::Const, id),
            2 => w.qualified(Kind::Volatile, id),
            3 => w.qualified(Kind::TypeTag, id),
            _ => w.qualified(Kind::Restrict, id),
        };
    }
    id
}

fn pointer(tape: &mut Tape<'_>, w: &mut Writer, to: TypeId) -> TypeId {
    let to = aliased(tape, w, to);
    let id = if tape.rarely(40) { to } else { w.pointer(to) };
    aliased(tape, w, id)
}

/// A struct of which only the name counts, or its forward declaration.
fn named(tape: &mut Tape<'_>, w: &mut Writer, name: &str) -> TypeId {
    match tape.pick(40) {
        1..20 => w.forward(name),
        20 => w.union(name, 8, &[]),
        21 => w.structure("another", 8, &[]),
        22 => w.typedef(name, TypeId::VOID),
        _ => w.structure(name, 8, &[]),
    }
}

/// The module in the making.
struct Amdgpu<'t> {
    tape: Tape<'t>,
    w: Writer,
    handle: bool,
    map_mtype: bool,
    adev_ahead: TypeId,
    device: TypeId,
    pci_dev: TypeId,
    int: TypeId,
    u32: TypeId,
}

impl Amdgpu<'_> {
    /// Writes the enum of hardware blocks, and returns the type of `ip_versions`.
    fn hwips(&mut self) -> Vec<TypeId> {
        let (rows, row) = (2 + self.tape.pick(40), 1 + self.tape.pick(44));
        let gc = self.tape.pick(rows + 1);
        for _ in 0..1 + self.tape.pick(2) {
            let gc = gc + u32::from(self.tape.rarely(40));
            let mut values = vec![("GC_HWIP", gc), ("HDP_HWIP", 1), ("MAX_HWIP", rows)];
            match self.tape.pick(60) {
                1 => drop(values.remove(0)),
                2 => values.push(("GC_HWIP", 1)),
                3 => values.push(("MAX_HWIP", rows + 1)),
                _ => {}
            }
            let values: Vec<(&str, i64)> = values.iter().map(|&(n, v)| (n, v.into())).collect();
            let name = "amd_hw_ip_block_type";
            if self.tape.rarely(4) {
                self.w.enumeration64(name, &values);
            } else {
                let values: Vec<_> = values.iter().map(|&(n, v)| (n, v as u32)).collect();
                self.w.enumeration(name, &values);
            }
        }
        let length = rows * row + u32::from(self.tape.rarely(40));
        let flat = self.w.array(self.u32, length);
        let one_row = self.w.array(self.u32, row);
        let nested = self.w.array(one_row, rows);
        let across = self.w.array(one_row, rows * 2);
        let deep = self.w.array(nested, 1);
        vec![flat, nested, across, deep]
    }

    /// One copy of every struct.
    fn copy(&mut self, hwips: &[TypeId]) {
        let (device, pci_dev, int, u32_) = (self.device, self.pci_dev, self.int, self.u32);
        let callback = self.w.pointer(TypeId::VOID);
        let drm = self.structure("drm_device", 64, &[("dev", device, 8)]);
        let gmc = self.structure("amdgpu_gmc", 128, &[("noretry", int, 100)]);
        let vms = self.structure("amdgpu_vm_manager", 32, &[("fragment_size", u32_, 20)]);
        let funcs: &[_] = if self.map_mtype {
            &[("map_mtype", callback, 0), ("get_vm_pte", callback, 8)]
        } else {
            &[("get_vm_pte", callback, 0)]
        };
        self.structure("amdgpu_gmc_funcs", 16, funcs);
        let versions = match self.tape.pick(40) {
            1..20 => hwips[1],
            20 => hwips[2],
            21 => hwips[3],
            _ => hwips[0],
        };
        let members = [
            ("dev", device, 0),
            ("pdev", pci_dev, 8),
            ("ddev", drm, 16),
            ("gmc", gmc, 200),
            ("vm_manager", vms, 400),
            ("ip_versions", versions, 600),
        ];
        self.structure("amdgpu_device", 20_000, &members);
        let to = self.adev_ahead;
        let adev = pointer(&mut self.tape, &mut self.w, to);
        self.structure("amdgpu_ip_block", 24, &[("adev", adev, 16)]);
    }

    /// A struct with these members, at these places or others.
    fn structure(&mut self, name: &str, size: u32, members: &[(&str, TypeId, u32)]) -> TypeId {
        let mut specs = Vec::new();
        for &(member, type_id, offset) in members {
            let mut spec = MemberSpec::at(member, type_id, offset);
            match self.tape.pick(80) {
                1 => continue,
                2 => spec.bits += 32,
                3 => spec.bits += 1,
                4 => spec.bitfield = 4,
                5 => spec.bits += 8 * size,
                6 => spec.type_id = self.u32,
                7 => spec.type_id = self.int,
                8 => spec.name = "another".to_owned(),
                9 => specs.push(MemberSpec::at(member, type_id, 0)),
                10..40 => spec.type_id = aliased(&mut self.tape, &mut self.w, type_id),
                40..70 => {
                    specs.extend(self.wrapped(spec));
                    continue;
                }
                _ => {}
            }
            specs.push(spec);
        }
        let size = size + 4 * u32::from(self.tape.rarely(60));
        let id = match self.tape.pick(60) {
            1 => self.w.union(name, size, &specs),
            2 => self.w.structure("another", size, &specs),
            _ => self.w.structure(name, size, &specs),
        };
        aliased(&mut self.tape, &mut self.w, id)
    }

    /// The member inside anonymous structs and unions at the same place.
    fn wrapped(&mut self, mut spec: MemberSpec) -> Vec<MemberSpec> {
        for _ in 0..1 + self.tape.pick(3) {
            let (outer, inner) = (spec.bits / 2 / 8 * 8, spec.bits - spec.bits / 2 / 8 * 8);
            spec.bits = inner;
            let members = match self.tape.pick(12) {
                1 => vec![spec.clone(), MemberSpec::at("pad", self.int, 0)],
                2 => vec![spec.clone(), spec.clone()],
                _ => vec![spec.clone()],
            };
            let id = if self.tape.rarely(2) {
                self.w.union("", 20_000, &members)
            } else {
                self.w.structure("", 20_000, &members)
            };
            let id = aliased(&mut self.tape, &mut self.w, id);
            spec = MemberSpec::at("", id, 0);
            spec.bits = outer;
        }
        match self.tape.pick(12) {
            1 => vec![spec.clone(), MemberSpec { bits: 0, ..spec }],
            _ => vec![spec],
        }
    }

    /// One of each function.
    fn functions(&mut self, u64_: TypeId) {
        let argument = if self.handle ^ self.tape.rarely(60) {
            self.w.pointer(TypeId::VOID)
        } else {
            let ip_block = self.w.forward("amdgpu_ip_block");
            pointer(&mut self.tape, &mut self.w, ip_block)
        };
        let to = self.adev_ahead;
        let adev = pointer(&mut self.tape, &mut self.w, to);
        let vm = named(&mut self.tape, &mut self.w, "amdgpu_vm");
        let vm = pointer(&mut self.tape, &mut self.w, vm);
        let bo = named(&mut self.tape, &mut self.w, "amdgpu_bo");
        let bo = pointer(&mut self.tape, &mut self.w, bo);
        let flags = pointer(&mut self.tape, &mut self.w, u64_);
        let (adev, vm_flags) = (("adev", adev), ("flags", self.u32));
        self.function("gmc_v10_0_hw_init", vec![("block", argument)]);
        self.function("gmc_v10_0_sw_fini", vec![("block", argument)]);
        self.function("gmc_v10_0_map_mtype", vec![adev, vm_flags]);
        let others = [("vm", vm), ("bo", bo), vm_flags, ("pte", flags)];
        self.function("gmc_v10_0_get_vm_pte", [&[adev][..], &others].concat());
    }

    fn function(&mut self, name: &str, mut parameters: Vec<(&str, TypeId)>) {
        match self.tape.pick(60) {
            1 => return,
            2 => parameters.push(("more", self.int)),
            3 => drop(parameters.pop()),
            4 => parameters.reverse(),
            5 => parameters[0].1 = TypeId::VOID,
            _ => {}
        }
        self.w.function(name, self.int, &parameters);
    }
}
