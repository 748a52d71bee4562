// SPDX-License-Identifier: MIT

//! Functions and their prototypes.

use super::{Btf, BtfError, Kind, TypeId, MAX_PARAMETERS};

/// The parameters and the return type of a function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prototype<'a> {
    /// In order; `...` is a last parameter without a name, of type `void`.
    pub parameters: Vec<Parameter<'a>>,
    /// What it returns.
    pub returns: TypeId,
}

/// A parameter of a function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parameter<'a> {
    /// Its name, empty if it has none.
    pub name: &'a str,
    /// Its type.
    pub type_id: TypeId,
}

impl<'a> Btf<'a> {
    /// The prototypes of all functions called `name`, which may be several if they are static;
    /// empty if there is none.
    ///
    /// # Errors
    /// A function whose type is no prototype, defects of references and names, and more functions
    /// or parameters than any kernel has.
    pub fn prototypes(&self, name: &str) -> Result<Vec<Prototype<'a>>, BtfError> {
        self.named(Kind::Func, name)?
            .iter()
            .map(|function| self.prototype(function.referred()))
            .collect()
    }

    fn prototype(&self, id: TypeId) -> Result<Prototype<'a>, BtfError> {
        let record = self.record(id)?;
        if record.kind != Kind::FuncProto {
            return Err(BtfError::WrongKind {
                id,
                found: record.kind,
                expected: "function prototype",
            });
        }
        let found = record.rows::<2>().len();
        if found > MAX_PARAMETERS {
            return Err(BtfError::TooMany {
                what: format!("parameters of function prototype [{id}]"),
                found,
                limit: MAX_PARAMETERS,
            });
        }
        let parameters = record
            .rows()
            .map(|[name, type_id]| {
                Ok(Parameter {
                    name: self.string(name)?,
                    type_id: TypeId(type_id),
                })
            })
            .collect::<Result<_, BtfError>>()?;
        Ok(Prototype {
            parameters,
            returns: record.referred(),
        })
    }

    /// A prototype as C writes it: `int (struct amdgpu_ip_block *ip_block)`.
    ///
    /// # Errors
    /// As [`Btf::type_name`].
    pub fn prototype_name(&self, prototype: &Prototype<'_>) -> Result<String, BtfError> {
        let mut parameters = Vec::new();
        for parameter in &prototype.parameters {
            if parameter.type_id == TypeId::VOID {
                parameters.push("...".to_owned());
                continue;
            }
            let type_name = self.type_name(parameter.type_id)?;
            let space = if type_name.ends_with('*') { "" } else { " " };
            parameters.push(format!("{type_name}{space}{}", parameter.name));
        }
        if parameters.is_empty() {
            parameters.push("void".to_owned());
        }
        let returns = self.type_name(prototype.returns)?;
        Ok(format!("{returns} ({})", parameters.join(", ")))
    }
}
