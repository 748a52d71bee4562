// SPDX-License-Identifier: MIT

//! What rmcp expects of amdgpu: every struct, member, enumerator and function by name, each with
//! the type that it must have. This is the only place in user space that knows them.

use super::agreed::{Agreed, Field};
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
        let prototype = self.0.prototype(function)?;
        if let [parameter] = prototype.parameters[..] {
            if self.is(
                parameter.type_id,
                Expected::Pointer("struct amdgpu_ip_block *"),
            )? {
                let expected = Expected::Pointer("struct amdgpu_device *");
                let adev = self.offset("amdgpu_ip_block", &["adev"], expected)?;
                return Ok(AdevFrom::IpBlock { adev });
            }
            if self.is_void_pointer(parameter.type_id)? {
                return Ok(AdevFrom::Handle);
            }
        }
        Err(self.wrong_prototype(
            function,
            &prototype,
            "int (struct amdgpu_ip_block *ip_block) or int (void *handle)",
        ))
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
        let prototype = self.0.prototype(function)?;
        let mut fits = prototype.parameters.len() == parameters.len();
        for (found, &expected) in prototype.parameters.iter().zip(parameters) {
            fits &= self.is(found.type_id, expected)?;
        }
        if fits {
            Ok(hook)
        } else {
            Err(self.wrong_prototype(function, &prototype, expected))
        }
    }

    /// `GC_HWIP`, and the offset of `ip_versions[GC_HWIP][0]`. The array is declared
    /// `uint32_t ip_versions[MAX_HWIP][HWIP_MAX_INSTANCE]`; pahole writes it as one array of all
    /// elements, so the length of a row is the whole by `MAX_HWIP`.
    fn gc_version(&self) -> Result<(usize, usize), LayoutError> {
        const ENUM: &str = "amd_hw_ip_block_type";
        const EXPECTED: &str = "uint32_t[MAX_HWIP][HWIP_MAX_INSTANCE]";
        let gc = self.0.enumerator(ENUM, "GC_HWIP")?;
        let rows = self.0.enumerator(ENUM, "MAX_HWIP")?;
        let field = self.0.field(DEVICE, &["ip_versions"])?;

        let wrong = |found: String| LayoutError::WrongType {
            what: field.path.clone(),
            found: format!("{found}, with GC_HWIP {gc} and MAX_HWIP {rows}"),
            expected: EXPECTED,
        };
        let Some((elements, element)) = self.flattened(&field)? else {
            return Err(wrong(self.type_name(field.type_id)?));
        };
        let sound = self.is(element, Expected::U32)?
            && (0..rows).contains(&gc)
            && i128::from(elements) % rows == 0
            && elements > 0;
        if !sound {
            return Err(wrong(self.type_name(field.type_id)?));
        }
        let row = i128::from(elements) / rows;
        let offset = i128::from(field.offset) + 4 * gc * row;
        Ok((gc as usize, offset as usize))
    }

    /// How many elements an array has in all its dimensions, and their type.
    fn flattened(&self, field: &Field) -> Result<Option<(u64, TypeId)>, LayoutError> {
        let shape = |id| self.btf().shape(id).map_err(in_amdgpu);
        let Shape::Array { element, len } = shape(field.type_id)? else {
            return Ok(None);
        };
        Ok(Some(match shape(element)? {
            Shape::Array {
                element,
                len: inner,
            } => (u64::from(len) * u64::from(inner), element),
            _ => (u64::from(len), element),
        }))
    }

    /// The offset of a member that must be of a certain type.
    fn offset(&self, name: &str, path: &[&str], expected: Expected) -> Result<usize, LayoutError> {
        let field = self.0.field(name, path)?;
        if self.is(field.type_id, expected)? {
            return Ok(field.offset as usize);
        }
        Err(LayoutError::WrongType {
            what: field.path,
            found: self.type_name(field.type_id)?,
            expected: expected.name(),
        })
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
