// SPDX-License-Identifier: MIT

//! A second opinion on where amdgpu's fields are, which rmcp's own must equal. It shares no code
//! with `rmcp-kctl` and is written the other way round wherever that is possible: everything is
//! decoded first, into one table, and a question walks the whole table. That is slow, and easy to
//! believe.
//!
//! ```text
//! .BTF sections ─► bytes ───┐
//!                           ├─► Types ─► Opinion
//! bpftool's JSON ─► bpftool ┘
//! ```

#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod bpftool;
pub mod bytes;
pub mod elf;
mod fingerprint;
mod opinion;
mod types;

pub use fingerprint::fnv1a64;
pub use opinion::{AdevFrom, MtypeHook, Opinion};
pub use types::{Composite, Member, Type, Types};
