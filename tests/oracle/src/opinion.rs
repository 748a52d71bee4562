// SPDX-License-Identifier: MIT

//! The layout, asked of the table. What rmcp looks up by name in all copies, this follows from
//! the types of the members; they must come to the same.

use crate::types::{Composite, Type, Types};
use serde::Serialize;
use std::fmt::Debug;

/// How many members a struct may have, those of anonymous ones inside included.
const MOST_MEMBERS: usize = 1 << 20;

/// What the first argument of `gmc_v10_0_hw_init` and `gmc_v10_0_sw_fini` is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum AdevFrom {
    Handle,
    IpBlock { adev: u64 },
}

/// The function through which requests for a memory type pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum MtypeHook {
    GetVmPte,
    MapMtype,
}

/// Where the fields are. The fields are those of rmcp's layout, under the same names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[allow(missing_docs)]
pub struct Opinion {
    pub adev_from: AdevFrom,
    pub mtype_hook: MtypeHook,
    pub adev_size: u64,
    pub pdev: u64,
    pub dev: u64,
    pub ddev: u64,
    pub drm_dev: u64,
    pub noretry: u64,
    pub fragment_size: u64,
    pub gc_hwip: u64,
    pub gc_version: u64,
}

impl Opinion {
    /// Finds every field.
    ///
    /// # Errors
    /// The first thing that is missing, ambiguous or of another type, by its name.
    pub fn of(types: &Types) -> Result<Self, String> {
        let device = "amdgpu_device";
        let adevs = types.structs(device)?;
        let pointer = |to: &'static str| move |id| types.points_to(id, to);
        let plain = |signed| move |id| types.is_plain(id, 4, signed);
        let (gc_hwip, gc_version) = types.gc_version(&adevs)?;
        let init = types.adev_from("gmc_v10_0_hw_init")?;
        Ok(Self {
            adev_from: agreed("adev_from", [init, types.adev_from("gmc_v10_0_sw_fini")?])?,
            mtype_hook: types.mtype_hook()?,
            adev_size: agreed(device, adevs.iter().map(|adev| u64::from(adev.size)))?,
            pdev: types.offset(&adevs, &["pdev"], pointer("pci_dev"))?,
            dev: types.offset(&adevs, &["dev"], pointer("device"))?,
            ddev: types.offset(&adevs, &["ddev"], |id| types.is_struct(id, "drm_device"))?,
            drm_dev: types.offset(&types.structs("drm_device")?, &["dev"], pointer("device"))?,
            noretry: types.offset(&adevs, &["gmc", "noretry"], plain(true))?,
            fragment_size: types.offset(&adevs, &["vm_manager", "fragment_size"], plain(false))?,
            gc_hwip,
            gc_version,
        })
    }
}

/// A member found in a struct or inside its anonymous ones.
struct Place {
    bits: u64,
    type_id: u32,
    bitfield: bool,
}

impl Types {
    fn structs(&self, name: &str) -> Result<Vec<&Composite>, String> {
        let found: Vec<_> = (self.0.values())
            .filter_map(|one| match one {
                Type::Struct(composite) if composite.name == name => Some(composite),
                _ => None,
            })
            .collect();
        match found.is_empty() {
            true => Err(format!("no struct {name}")),
            false => Ok(found),
        }
    }

    /// Every place at which a member of this name is.
    fn places(&self, whole: &Composite, name: &str) -> Result<Vec<Place>, String> {
        let mut places = Vec::new();
        let mut pending = vec![(whole, 0)];
        let mut seen = 0;
        while let Some((composite, start)) = pending.pop() {
            for member in &composite.members {
                seen += 1;
                if seen > MOST_MEMBERS {
                    return Err(format!("{} has too many members", whole.name));
                }
                let bits = start + member.bits;
                if member.name.is_empty() {
                    pending.extend(self.composite(member.type_id).map(|inner| (inner, bits)));
                } else if member.name == name {
                    places.push(Place {
                        bits,
                        type_id: member.type_id,
                        bitfield: member.bitfield != 0,
                    });
                }
            }
        }
        Ok(places)
    }

    /// The one place of a member with a byte offset, inside its struct.
    fn member(&self, whole: &Composite, name: &str) -> Result<(u64, u32), String> {
        let path = format!("{}.{name}", whole.name);
        let [place] = &self.places(whole, name)?[..] else {
            return Err(format!("{path} is not there exactly once"));
        };
        let narrow = match self.plain(place.type_id) {
            Some((_, Type::Int { size, bits, .. })) => u64::from(*size) * 8 != u64::from(*bits),
            _ => false,
        };
        if place.bitfield || narrow || place.bits % 8 != 0 {
            return Err(format!("{path} is a bitfield"));
        }
        let size = self
            .size(place.type_id)
            .ok_or(format!("{path} has no size"))?;
        if u128::from(place.bits / 8) + size > u128::from(whole.size) {
            return Err(format!("{path} does not fit"));
        }
        Ok((place.bits / 8, place.type_id))
    }

    /// The offset of the member at the end of the path, the same from each of the structs on,
    /// and of the type wanted in each.
    fn offset(
        &self,
        from: &[&Composite],
        path: &[&str],
        wanted: impl Fn(u32) -> bool,
    ) -> Result<u64, String> {
        let what = path.join(".");
        let mut offsets = Vec::new();
        for start in from {
            let (mut composite, mut offset) = (*start, 0);
            for (depth, name) in path.iter().enumerate() {
                let (bytes, type_id) = self.member(composite, name)?;
                offset += bytes;
                if depth + 1 < path.len() {
                    let inner = self.composite(type_id);
                    composite = inner.ok_or(format!("{what}: {name} has no members"))?;
                } else if !wanted(type_id) {
                    return Err(format!("{what} is of another type"));
                }
            }
            offsets.push(offset);
        }
        agreed(&what, offsets)
    }

    fn is_plain(&self, id: u32, bytes: u32, signed: bool) -> bool {
        let wanted = Type::Int {
            size: bytes,
            bits: bytes * 8,
            offset: 0,
            encoding: if signed { "SIGNED" } else { "(none)" }.to_owned(),
        };
        self.plain(id).is_some_and(|(_, found)| *found == wanted)
    }

    /// Whether it is this struct, or its forward declaration.
    fn is_struct(&self, id: u32, wanted: &str) -> bool {
        match self.plain(id) {
            Some((_, Type::Struct(composite))) => composite.name == wanted,
            Some((_, Type::Fwd { name, union: false })) => name == wanted,
            _ => false,
        }
    }

    fn target(&self, id: u32) -> Option<u32> {
        match self.plain(id)?.1 {
            Type::Ptr(to) => Some(*to),
            _ => None,
        }
    }

    fn points_to(&self, id: u32, wanted: &str) -> bool {
        self.target(id).is_some_and(|to| self.is_struct(to, wanted))
    }

    /// The types of the parameters of each function of this name.
    fn parameters(&self, function: &str) -> Result<Vec<Vec<u32>>, String> {
        let mut all = Vec::new();
        for one in self.0.values() {
            let Type::Func { name, prototype } = one else {
                continue;
            };
            if name != function {
                continue;
            }
            let Some(Type::FuncProto { parameters, .. }) = self.0.get(prototype) else {
                return Err(format!("{function} has no prototype"));
            };
            all.push(parameters.iter().map(|(_, type_id)| *type_id).collect());
        }
        match all.is_empty() {
            true => Err(format!("no function {function}")),
            false => Ok(all),
        }
    }

    fn adev_from(&self, function: &str) -> Result<AdevFrom, String> {
        let mut answers = Vec::new();
        for parameters in self.parameters(function)? {
            answers.push(match parameters[..] {
                [one] if self.points_to(one, "amdgpu_ip_block") => AdevFrom::IpBlock {
                    adev: self.offset(&self.structs("amdgpu_ip_block")?, &["adev"], |id| {
                        self.points_to(id, "amdgpu_device")
                    })?,
                },
                [one] if self.target(one).is_some_and(|to| self.is_void(to)) => AdevFrom::Handle,
                _ => return Err(format!("{function} has other parameters")),
            });
        }
        agreed(function, answers)
    }

    fn mtype_hook(&self) -> Result<MtypeHook, String> {
        let mut has = Vec::new();
        for funcs in self.structs("amdgpu_gmc_funcs")? {
            has.push(!self.places(funcs, "map_mtype")?.is_empty());
        }
        let old = agreed("amdgpu_gmc_funcs.map_mtype", has)?;
        let function = if old {
            "gmc_v10_0_map_mtype"
        } else {
            "gmc_v10_0_get_vm_pte"
        };
        for parameters in self.parameters(function)? {
            let to = |id, name| self.points_to(id, name);
            let fits = match parameters[..] {
                [adev, flags] if old => to(adev, "amdgpu_device") && self.is_plain(flags, 4, false),
                [adev, vm, bo, vm_flags, flags] if !old => {
                    to(adev, "amdgpu_device")
                        && to(vm, "amdgpu_vm")
                        && to(bo, "amdgpu_bo")
                        && self.is_plain(vm_flags, 4, false)
                        && (self.target(flags)).is_some_and(|to| self.is_plain(to, 8, false))
                }
                _ => false,
            };
            if !fits {
                return Err(format!("{function} has other parameters"));
            }
        }
        Ok(if old {
            MtypeHook::MapMtype
        } else {
            MtypeHook::GetVmPte
        })
    }

    /// `GC_HWIP` and the offset of `ip_versions[GC_HWIP][0]`.
    fn gc_version(&self, adevs: &[&Composite]) -> Result<(u64, u64), String> {
        let gc = self.enumerator("amd_hw_ip_block_type", "GC_HWIP")?;
        let rows = self.enumerator("amd_hw_ip_block_type", "MAX_HWIP")?;
        let mut row_lengths = Vec::new();
        for adev in adevs {
            let (_, type_id) = self.member(adev, "ip_versions")?;
            row_lengths.push(self.row_length(type_id, rows));
        }
        let row = agreed("ip_versions", row_lengths)?.ok_or("ip_versions has other dimensions")?;
        if gc >= rows {
            return Err("GC_HWIP is not below MAX_HWIP".to_owned());
        }
        let start = self.offset(adevs, &["ip_versions"], |_| true)?;
        Ok((gc, start + 4 * gc * row))
    }

    /// How many numbers a row of `uint32_t[rows][...]` has, whether the array is written as one of
    /// rows or as one of numbers.
    fn row_length(&self, type_id: u32, rows: u64) -> Option<u64> {
        let Type::Array { of, len } = self.plain(type_id)?.1 else {
            return None;
        };
        let length = match self.plain(*of)?.1 {
            Type::Array {
                of: number,
                len: row,
            } => {
                let right = u64::from(*len) == rows && self.is_plain(*number, 4, false);
                right.then_some(u64::from(*row))
            }
            _ => {
                let right = self.is_plain(*of, 4, false) && rows > 0;
                (right && u64::from(*len) % rows == 0).then(|| u64::from(*len) / rows)
            }
        };
        length.filter(|&length| length > 0)
    }

    fn enumerator(&self, wanted: &str, enumerator: &str) -> Result<u64, String> {
        let what = format!("enum {wanted}.{enumerator}");
        let mut found = Vec::new();
        for one in self.0.values() {
            if let Type::Enum { name, values } = one {
                if name == wanted {
                    let mut values = values.iter().filter(|(name, _)| name == enumerator);
                    let (Some((_, value)), None) = (values.next(), values.next()) else {
                        return Err(format!("{what} is not there exactly once"));
                    };
                    found.push(*value);
                }
            }
        }
        u64::try_from(agreed(&what, found)?).map_err(|_| format!("{what} is negative"))
    }
}

/// The one answer that all copies give.
fn agreed<T: PartialEq + Debug>(
    what: &str,
    answers: impl IntoIterator<Item = T>,
) -> Result<T, String> {
    let mut answers = answers.into_iter();
    let first = answers.next().ok_or(format!("no {what}"))?;
    match answers.find(|answer| *answer != first) {
        Some(other) => Err(format!("{what} is {first:?} and {other:?}")),
        None => Ok(first),
    }
}
