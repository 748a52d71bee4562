// SPDX-License-Identifier: MIT

//! A reader of BTF, the kernel's compact type information: split BTF (a module's, on top of the
//! kernel's), every kind of type, and only the questions that a layout asks. It reads bytes from
//! anywhere, so every offset, length and reference is checked and nothing in it panics or loops;
//! it does not write BTF and knows nothing of amdgpu.
//!
//! ```text
//! Btf::parse(kernel) ─► Btf::parse_split(module, &kernel) ─► structs, member, prototypes, ...
//! ```

mod blob;
mod bytes;
mod enumeration;
mod error;
mod function;
mod header;
mod kind;
mod member;
mod record;
mod shape;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
mod type_name;

pub use blob::Btf;
pub use error::BtfError;
pub use function::{Parameter, Prototype};
pub use kind::Kind;
pub use member::Member;
pub use record::{Record, TypeId};
pub use shape::{Int, Shape};

/// The two bytes that BTF starts with, read as a little-endian number.
pub const MAGIC: u16 = 0xeb9f;

/// How many references are followed from one type before it is called a cycle. The C of a kernel
/// stays far below.
const MAX_CHAIN: usize = 64;

/// How many definitions of one name are looked at: amdgpu has a dozen of its largest structs. With
/// the two limits below it keeps a hostile blob from having everything in it looked at once for
/// each of its types.
const MAX_DEFINITIONS: usize = 64;

/// How many members of a struct are looked at, those of anonymous ones inside included: far more
/// than `struct amdgpu_device` has.
const MAX_MEMBERS: usize = 1 << 14;

/// How many parameters a function may have; C guarantees 127, the kernel's functions have a dozen.
const MAX_PARAMETERS: usize = 127;
