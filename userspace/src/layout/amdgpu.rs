// SPDX-License-Identifier: MIT

//! What rmcp expects of amdgpu: every struct, member, enumerator and function by name, each with
//! the type that it must have. This is the only place in user space that knows them.

use super::agreed::{same, Agreed};
use super::{in_amdgpu, AdevFrom, LayoutError, MtypeHook};
use crate::btf::{Btf, Prototype, Shape, TypeId};

const DEVICE: &str = "amdgpu_device";

/// What was found, in bytes; the fields are those of [`super::Layout`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) adev_from: AdevFrom,
    pub(super) mtype_hook: MtypeHook,
    pub(super) adev_size: usize,
    pub(super) pdev: usize,
    pub(super) dev: usize,
    pub(super) ddev: usize,
    pub(super) drm_dev: usize,
    pub(super) noretry: usize,
    pub(super) fragment_size: usize,
    pub(super) gc_hwip: usize,
    pub(super) gc_version: usize,
}

impl Found {
    pub(super) fn resolve(btf: &Btf<'_>) -> Result<Self, LayoutError> {
        let amdgpu = Amdgpu(Agreed(btf));
        let (gc_hwip, gc_version) = amdgpu.gc_version()?;
        Ok(Self {
            adev_from: amdgpu.adev_from()?,
            mtype_hook: amdgpu.mtype_hook()?,
            adev_size: amdgpu.0.size(DEVICE)? as usize,
            pdev: amdgpu.offset(DEVICE, &["pdev"], Expected::Pointer("struct pci_dev *"))?,
            dev: amdgpu.offset(DEVICE, &["dev"], Expected::Pointer("struct device *"))?,
            ddev: amdgpu.offset(DEVICE, &["ddev"], Expected::Struct("struct drm_device"))?,
            drm_dev: amdgpu.offset("drm_device", &["dev"], Expected::Pointer("struct device *"))?,
            noretry: amdgpu.offset(DEVICE, &["gmc", "noretry"], Expected::Int)?,
            fragment_size: amdgpu.offset(
                DEVICE,
                &["vm_manager", "fragment_size"],
                Expected::U32,
            )?,
            gc_hwip,
            gc_version,
        })
    }
}

/// A type that a member or a parameter must have, typedefs and qualifiers aside.
#[derive(Debug, Clone, Copy)]
enum Expected {
    /// A plain signed integer of 4 bytes.
    Int,
    /// A plain unsigned integer of 4 bytes.
    U32,
    /// A pointer to a plain unsigned integer of 8 bytes.
    U64Pointer,
    /// A struct, given as C writes it.
    Struct(&'static str),
    /// A pointer to a struct, given as C writes it.
    Pointer(&'static str),
}

impl Expected {
    fn name(self) -> &'static str {
        match self {
            Self::Int => "int",
            Self::U32 => "uint32_t",
            Self::U64Pointer => "uint64_t *",
            Self::Struct(name) | Self::Pointer(name) => name,
        }
    }
}

struct Amdgpu<'b>(Agreed<'b>);

impl<'b> Amdgpu<'b> {
    fn btf(&self) -> &'b Btf<'b> {
        self.0 .0
    }

    /// What `gmc_v10_0_hw_init` and `gmc_v10_0_sw_fini` get, by their prototypes.
    fn adev_from(&self) -> Result<AdevFrom, LayoutError> {
        let init = self.adev_from_of("gmc_v10_0_hw_init")?;
        let fini = self.adev_from_of("gmc_v10_0_sw_fini")?;
        if init != fini {
            return Err(LayoutError::Disagree {
                what: "the argument of gmc_v10_0_hw_init and gmc_v10_0_sw_fini".to_owned(),
                first: format!("{init:?}"),
                other: format!("{fini:?}"),
            });
        }
        Ok(init)
    }

    fn adev_from_of(&self, function: &'static str) -> Result<AdevFrom, LayoutError> {
        const EXPECTED: &str = "int (struct amdgpu_ip_block *ip_block) or int (void *handle)";
        let mut answers = Vec::new();
        for prototype in self.0.prototypes(function)? {
            let argument = match prototype.parameters[..] {
                [parameter] => self.adev_from_argument(parameter.type_id)?,
                _ => None,
            };
            answers.push(
                argument.ok_or_else(|| self.wrong_prototype(function, &prototype, EXPECTED))?,
            );
        }
        same(function, &answers, |answer| format!("{answer:?}")).copied()
    }

    fn adev_from_argument(&self, id: TypeId) -> Result<Option<AdevFrom>, LayoutError> {
        if self.is(id, Expected::Pointer("struct amdgpu_ip_block *"))? {
            let expected = Expected::Pointer("struct amdgpu_device *");
            let adev = self.offset("amdgpu_ip_block", &["adev"], expected)?;
            return Ok(Some(AdevFrom::IpBlock { adev }));
        }
        Ok(self.is_void_pointer(id)?.then_some(AdevFrom::Handle))
    }

    /// Which function decides a mapping's memory type, by the members of `amdgpu_gmc_funcs`.
    fn mtype_hook(&self) -> Result<MtypeHook, LayoutError> {
        const ADEV: Expected = Expected::Pointer("struct amdgpu_device *");
        let (hook, function, parameters, expected): (_, _, &[Expected], _) =
            if self.0.has_member("amdgpu_gmc_funcs", "map_mtype")? {
                (
                    MtypeHook::MapMtype,
                    "gmc_v10_0_map_mtype",
                    &[ADEV, Expected::U32],
                    "uint64_t (struct amdgpu_device *adev, uint32_t flags)",
                )
            } else {
                (
                    MtypeHook::GetVmPte,
                    "gmc_v10_0_get_vm_pte",
                    &[
                        ADEV,
                        Expected::Pointer("struct amdgpu_vm *"),
                        Expected::Pointer("struct amdgpu_bo *"),
                        Expected::U32,
                        Expected::U64Pointer,
                    ],
                    "void (struct amdgpu_device *adev, struct amdgpu_vm *vm, \
                     struct amdgpu_bo *bo, uint32_t vm_flags, uint64_t *flags)",
                )
            };
        for prototype in self.0.prototypes(function)? {
            let mut fits = prototype.parameters.len() == parameters.len();
            for (found, &expected) in prototype.parameters.iter().zip(parameters) {
                fits &= self.is(found.type_id, expected)?;
            }
            if !fits {
                return Err(self.wrong_prototype(function, &prototype, expected));
            }
        }
        Ok(hook)
    }

    /// `GC_HWIP`, and the offset of `ip_versions[GC_HWIP][0]`.
    fn gc_version(&self) -> Result<(usize, usize), LayoutError> {
        const ENUM: &str = "amd_hw_ip_block_type";
        let gc = self.0.enumerator(ENUM, "GC_HWIP")?;
        let rows = self.0.enumerator(ENUM, "MAX_HWIP")?;
        let field = self.0.field(DEVICE, &["ip_versions"])?;
        let mut lengths = Vec::new();
        for &type_id in &field.type_ids {
            match self.row_length(type_id, rows)? {
                Some(length) if (0..rows).contains(&gc) => lengths.push(length),
                _ => {
                    let found = self.type_name(type_id)?;
                    return Err(LayoutError::WrongType {
                        what: field.path,
                        found: format!("{found}, with GC_HWIP {gc} and MAX_HWIP {rows}"),
                        expected: "uint32_t[MAX_HWIP][HWIP_MAX_INSTANCE]",
                    });
                }
            }
        }
        let row = same(&field.path, &lengths, |length| format!("rows of {length}"))?;
        let offset = i128::from(field.offset) + 4 * gc * row;
        Ok((gc as usize, offset as usize))
    }

    /// How many numbers a row of `uint32_t[rows][...]` has; `None` if it is no such array. It may
    /// be an array of arrays or, as pahole writes it, one of all numbers.
    fn row_length(&self, id: TypeId, rows: i128) -> Result<Option<i128>, LayoutError> {
        let shape = |id| self.btf().shape(id).map_err(in_amdgpu);
        let Shape::Array { element, len } = shape(id)? else {
            return Ok(None);
        };
        let (number, length) = match shape(element)? {
            Shape::Array {
                element: number,
                len: length,
            } if i128::from(len) == rows => (number, i128::from(length)),
            _ if rows > 0 && i128::from(len) % rows == 0 => (element, i128::from(len) / rows),
            _ => return Ok(None),
        };
        Ok((length > 0 && self.is(number, Expected::U32)?).then_some(length))
    }

    /// The offset of a member that must be of a certain type.
    fn offset(&self, name: &str, path: &[&str], expected: Expected) -> Result<usize, LayoutError> {
        let field = self.0.field(name, path)?;
        for type_id in field.type_ids {
            if !self.is(type_id, expected)? {
                return Err(LayoutError::WrongType {
                    what: field.path,
                    found: self.type_name(type_id)?,
                    expected: expected.name(),
                });
            }
        }
        Ok(field.offset as usize)
    }

    fn is(&self, id: TypeId, expected: Expected) -> Result<bool, LayoutError> {
        let shape = |id| self.btf().shape(id).map_err(in_amdgpu);
        let target = |id| match shape(id)? {
            Shape::Pointer(target) => shape(target).map(Some),
            _ => Ok(None),
        };
        let is_struct = |shape, expected: &str| match shape {
            Shape::Struct(record) | Shape::ForwardStruct(record) => {
                let name = self.btf().name(&record).map_err(in_amdgpu)?;
                Ok(!name.is_empty() && format!("struct {name}") == expected)
            }
            _ => Ok(false),
        };
        match expected {
            Expected::Int => Ok(matches!(shape(id)?, Shape::Int(int) if int.is(4, true))),
            Expected::U32 => Ok(matches!(shape(id)?, Shape::Int(int) if int.is(4, false))),
            Expected::U64Pointer => {
                Ok(matches!(target(id)?, Some(Shape::Int(int)) if int.is(8, false)))
            }
            Expected::Struct(name) => is_struct(shape(id)?, name),
            Expected::Pointer(name) => match target(id)? {
                Some(target) => is_struct(target, name.trim_end_matches(" *")),
                None => Ok(false),
            },
        }
    }

    fn is_void_pointer(&self, id: TypeId) -> Result<bool, LayoutError> {
        let shape = |id| self.btf().shape(id).map_err(in_amdgpu);
        Ok(match shape(id)? {
            Shape::Pointer(target) => matches!(shape(target)?, Shape::Void),
            _ => false,
        })
    }

    fn type_name(&self, id: TypeId) -> Result<String, LayoutError> {
        self.btf().type_name(id).map_err(in_amdgpu)
    }

    fn wrong_prototype(
        &self,
        function: &str,
        prototype: &Prototype<'_>,
        expected: &'static str,
    ) -> LayoutError {
        match self.btf().prototype_name(prototype) {
            Ok(found) => LayoutError::WrongType {
                what: function.to_owned(),
                found,
                expected,
            },
            Err(reason) => in_amdgpu(reason),
        }
    }
}
