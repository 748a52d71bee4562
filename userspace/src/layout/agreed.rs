// SPDX-License-Identifier: MIT

//! Lookups that believe only what every copy of a definition says. amdgpu's BTF holds up to a
//! dozen copies of a struct, because its parts saw different forward declarations.

use super::{in_amdgpu, LayoutError};
use crate::btf::{Btf, Prototype, Record, Shape, TypeId};

/// A member that all copies of its struct have at the same place.
#[derive(Debug, Clone)]
pub(super) struct Field {
    /// How C would reach it: `amdgpu_device.gmc.noretry`.
    pub(super) path: String,
    /// Bytes from the start of the struct that the path begins with.
    pub(super) offset: u64,
    /// Its type in each copy. They have the same name, but a typedef may stand for two things.
    pub(super) type_ids: Vec<TypeId>,
}

/// BTF whose copies must agree.
#[derive(Debug, Clone, Copy)]
pub(super) struct Agreed<'b>(pub(super) &'b Btf<'b>);

impl<'b> Agreed<'b> {
    /// The size of `struct name` in bytes.
    pub(super) fn size(self, name: &str) -> Result<u64, LayoutError> {
        let mut sizes = Vec::new();
        for definition in self.structs(name)? {
            sizes.push(self.0.size_of(definition.id).map_err(in_amdgpu)?);
        }
        let describe = |size: &u64| format!("{size} bytes");
        same(&format!("struct {name}"), &sizes, describe).copied()
    }

    /// The member at the end of `path` (`["gmc", "noretry"]`), from `struct name` on.
    pub(super) fn field(self, name: &str, path: &[&str]) -> Result<Field, LayoutError> {
        let mut field = Field {
            path: name.to_owned(),
            offset: 0,
            type_ids: Vec::new(),
        };
        let mut definitions = self.structs(name)?;
        for (depth, member) in path.iter().enumerate() {
            if depth > 0 {
                definitions = self.definitions_of(&field)?;
            }
            let (offset, type_ids) = self.step(&field.path, &definitions, member)?;
            field.path = format!("{}.{member}", field.path);
            field.offset += offset;
            field.type_ids = type_ids;
        }
        Ok(field)
    }

    /// Whether `struct name` has this member.
    pub(super) fn has_member(self, name: &str, member: &str) -> Result<bool, LayoutError> {
        let mut answers = Vec::new();
        for definition in self.structs(name)? {
            let found = self.0.member(definition.id, member).map_err(in_amdgpu)?;
            answers.push(found.is_some());
        }
        let describe = |&has: &bool| if has { "present" } else { "absent" }.to_owned();
        same(&format!("{name}.{member}"), &answers, describe).copied()
    }

    /// The value of an enumerator.
    pub(super) fn enumerator(self, name: &str, enumerator: &str) -> Result<i128, LayoutError> {
        let values = self.0.enumerator(name, enumerator).map_err(in_amdgpu)?;
        if values.is_empty() {
            return Err(LayoutError::NoDefinition {
                definition: format!("enum {name}"),
            });
        }
        let describe = |value: &Option<i128>| match value {
            Some(value) => value.to_string(),
            None => "absent".to_owned(),
        };
        same(&format!("{name}.{enumerator}"), &values, describe)?.ok_or_else(|| {
            LayoutError::MissingMember {
                definition: format!("enum {name}"),
                member: enumerator.to_owned(),
            }
        })
    }

    /// The prototypes of the functions of this name, which all read the same; at least one.
    pub(super) fn prototypes(
        self,
        function: &'static str,
    ) -> Result<Vec<Prototype<'b>>, LayoutError> {
        let prototypes = self.0.prototypes(function).map_err(in_amdgpu)?;
        let mut names = Vec::new();
        for prototype in &prototypes {
            names.push(self.0.prototype_name(prototype).map_err(in_amdgpu)?);
        }
        if names.is_empty() {
            return Err(LayoutError::NoFunction { function });
        }
        same(function, &names, |name| name.clone())?;
        Ok(prototypes)
    }

    fn structs(self, name: &str) -> Result<Vec<Record<'b>>, LayoutError> {
        let definitions = self.0.structs(name).map_err(in_amdgpu)?;
        if definitions.is_empty() {
            return Err(LayoutError::NoDefinition {
                definition: format!("struct {name}"),
            });
        }
        Ok(definitions)
    }

    /// All copies of the struct that the field is of.
    fn definitions_of(self, field: &Field) -> Result<Vec<Record<'b>>, LayoutError> {
        let mut names = Vec::new();
        for &type_id in &field.type_ids {
            let name = match self.0.shape(type_id).map_err(in_amdgpu)? {
                Shape::Struct(record) => self.0.name(&record).map_err(in_amdgpu)?,
                _ => "",
            };
            if name.is_empty() {
                return Err(LayoutError::WrongType {
                    what: field.path.clone(),
                    found: self.0.type_name(type_id).map_err(in_amdgpu)?,
                    expected: "a struct with a name",
                });
            }
            names.push(name);
        }
        self.structs(same(&field.path, &names, |name| format!("struct {name}"))?)
    }

    /// Where all `definitions` have `member`, in bytes, and its type in each.
    fn step(
        self,
        path: &str,
        definitions: &[Record<'b>],
        member: &str,
    ) -> Result<(u64, Vec<TypeId>), LayoutError> {
        let mut places = Vec::new();
        for definition in definitions {
            let found = self.0.member(definition.id, member).map_err(in_amdgpu)?;
            let place = match &found {
                Some(found) => {
                    let type_name = self.0.type_name(found.type_id).map_err(in_amdgpu)?;
                    format!("{type_name}, {} bytes at byte {}", found.size, found.offset)
                }
                None => "absent".to_owned(),
            };
            places.push((place, found));
        }
        let whole = format!("{path}.{member}");
        let place_names: Vec<&str> = places.iter().map(|(name, _)| name.as_str()).collect();
        same(&whole, &place_names, |name| (*name).to_owned())?;
        let found: Option<Vec<_>> = places.into_iter().map(|(_, found)| found).collect();
        let found = found.ok_or_else(|| LayoutError::MissingMember {
            definition: path.to_owned(),
            member: member.to_owned(),
        })?;
        let type_ids = found.iter().map(|found| found.type_id).collect();
        Ok((found[0].offset, type_ids))
    }
}

/// The first of `answers`, which all must equal. There must be one.
pub(super) fn same<'x, T: PartialEq>(
    what: &str,
    answers: &'x [T],
    describe: impl Fn(&T) -> String,
) -> Result<&'x T, LayoutError> {
    let first = &answers[0];
    match answers.iter().find(|&answer| answer != first) {
        None => Ok(first),
        Some(other) => Err(LayoutError::Disagree {
            what: what.to_owned(),
            first: describe(first),
            other: describe(other),
        }),
    }
}
