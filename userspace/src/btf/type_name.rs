// SPDX-License-Identifier: MIT

//! A type the way C writes it, for messages and for comparing prototypes.

use super::{Btf, BtfError, Kind, Record, TypeId, MAX_CHAIN};

impl Btf<'_> {
    /// The type as C writes it: `struct amdgpu_ip_block *`, `const char *`, `u32`. Typedefs keep
    /// their names, type tags are left out, what has no name is `struct {...}`.
    ///
    /// # Errors
    /// References that lead nowhere or in a circle, and names that are no text.
    pub fn type_name(&self, id: TypeId) -> Result<String, BtfError> {
        self.type_name_within(id, id, MAX_CHAIN)
    }

    fn type_name_within(
        &self,
        whole: TypeId,
        id: TypeId,
        depth: usize,
    ) -> Result<String, BtfError> {
        let Some(depth) = depth.checked_sub(1) else {
            return Err(BtfError::Cycle {
                id: whole,
                limit: MAX_CHAIN,
            });
        };
        let record = self.record(id)?;
        let inner = |id| self.type_name_within(whole, id, depth);
        Ok(match record.kind {
            Kind::Void => "void".to_owned(),
            Kind::Ptr => {
                let target = self.record(record.referred())?;
                if target.kind == Kind::FuncProto {
                    format!("{} (*)(...)", inner(target.referred())?)
                } else {
                    let target = inner(target.id)?;
                    let space = if target.ends_with('*') { "" } else { " " };
                    format!("{target}{space}*")
                }
            }
            Kind::Array => {
                let element = inner(TypeId(record.payload_u32(0)))?;
                format!("{element}[{}]", record.payload_u32(8))
            }
            Kind::Struct => self.tagged("struct", &record)?,
            Kind::Union => self.tagged("union", &record)?,
            Kind::Enum | Kind::Enum64 => self.tagged("enum", &record)?,
            Kind::Fwd if record.flag => self.tagged("union", &record)?,
            Kind::Fwd => self.tagged("struct", &record)?,
            Kind::Const => qualified("const", &inner(record.referred())?),
            Kind::Volatile => qualified("volatile", &inner(record.referred())?),
            Kind::Restrict => qualified("restrict", &inner(record.referred())?),
            Kind::TypeTag => inner(record.referred())?,
            Kind::FuncProto => format!("{} (...)", inner(record.referred())?),
            Kind::Int | Kind::Typedef | Kind::Float => self.name(&record)?.to_owned(),
            Kind::Func | Kind::Var | Kind::DataSec | Kind::DeclTag | Kind::Unknown(_) => {
                format!("{} {}", record.kind, self.name(&record)?)
            }
        })
    }

    fn tagged(&self, keyword: &str, record: &Record<'_>) -> Result<String, BtfError> {
        Ok(match self.name(record)? {
            "" => format!("{keyword} {{...}}"),
            name => format!("{keyword} {name}"),
        })
    }
}

/// A qualifier stands before a plain type and after a pointer.
fn qualified(qualifier: &str, name: &str) -> String {
    if name.ends_with('*') {
        format!("{name}{qualifier}")
    } else {
        format!("{qualifier} {name}")
    }
}
