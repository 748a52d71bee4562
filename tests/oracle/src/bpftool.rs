// SPDX-License-Identifier: MIT

//! What `bpftool --json btf dump file FILE` prints, as types.

use crate::types::{self, Composite, Type, Types};
use serde::Deserialize;

/// Reads bpftool's two dumps: the kernel's, and the module's on top of it.
///
/// # Errors
/// Text that is not what bpftool prints.
pub fn read(kernel: &[u8], module: &[u8]) -> Result<Types, String> {
    let mut types = Types::default();
    for text in [kernel, module] {
        let dump: Dump = serde_json::from_slice(text).map_err(|error| error.to_string())?;
        for entry in dump.types {
            types.0.insert(entry.id, entry.into_type());
        }
    }
    Ok(types)
}

#[derive(Deserialize)]
struct Dump {
    types: Vec<Entry>,
}

/// One type; which of the fields are there depends on the kind.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Entry {
    id: u32,
    kind: String,
    name: String,
    size: u32,
    type_id: u32,
    ret_type_id: u32,
    nr_bits: u32,
    bits_offset: u32,
    nr_elems: u32,
    encoding: String,
    fwd_kind: String,
    members: Vec<Member>,
    params: Vec<Parameter>,
    values: Vec<Value>,
}

#[derive(Deserialize)]
struct Member {
    name: String,
    type_id: u32,
    bits_offset: u64,
    #[serde(default)]
    bitfield_size: u32,
}

#[derive(Deserialize)]
struct Parameter {
    name: String,
    type_id: u32,
}

#[derive(Deserialize)]
struct Value {
    name: String,
    val: i128,
}

/// bpftool's word for no name.
fn named(name: String) -> String {
    if name == "(anon)" {
        String::new()
    } else {
        name
    }
}

impl Entry {
    fn into_type(self) -> Type {
        let name = named(self.name);
        match self.kind.as_str() {
            "INT" => Type::Int {
                size: self.size,
                bits: self.nr_bits,
                offset: self.bits_offset,
                encoding: self.encoding,
            },
            "PTR" => Type::Ptr(self.type_id),
            "ARRAY" => Type::Array {
                of: self.type_id,
                len: self.nr_elems,
            },
            "STRUCT" | "UNION" => {
                let members = self.members.into_iter().map(|member| types::Member {
                    name: named(member.name),
                    type_id: member.type_id,
                    bits: member.bits_offset,
                    bitfield: member.bitfield_size,
                });
                let composite = Composite {
                    name,
                    size: self.size,
                    members: members.collect(),
                };
                if self.kind == "STRUCT" {
                    Type::Struct(composite)
                } else {
                    Type::Union(composite)
                }
            }
            "ENUM" | "ENUM64" => {
                // An unsigned number of 32 bits is printed as if it were signed (bpftool 7.5).
                let wrapped = self.kind == "ENUM" && self.encoding == "UNSIGNED";
                let mask = if wrapped { 0xffff_ffff } else { -1 };
                let values = self.values.into_iter();
                Type::Enum {
                    name,
                    values: values.map(|v| (v.name, v.val & mask)).collect(),
                }
            }
            "FWD" => Type::Fwd {
                name,
                union: self.fwd_kind == "union",
            },
            "TYPEDEF" | "VOLATILE" | "CONST" | "RESTRICT" | "TYPE_TAG" => Type::Alias(self.type_id),
            "FUNC" => Type::Func {
                name,
                prototype: self.type_id,
            },
            "FUNC_PROTO" => {
                let parameters = self.params.into_iter();
                Type::FuncProto {
                    returns: self.ret_type_id,
                    parameters: parameters.map(|p| (named(p.name), p.type_id)).collect(),
                }
            }
            _ => Type::Other,
        }
    }
}
