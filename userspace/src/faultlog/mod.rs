// SPDX-License-Identifier: MIT

//! What amdgpu, amdkfd and ROCr print when an access of the GPU goes wrong: found in a log of any
//! size ([`scan`]), read ([`line`], [`event`]), decoded ([`status`], [`clients`]), grouped into
//! incidents ([`incident`]) and explained ([`meaning`]). Nothing here opens a file.

pub mod clients;
pub mod event;
pub mod fault;
pub mod incident;
pub mod line;
pub mod meaning;
pub mod scan;
pub mod since;
pub mod stamp;
pub mod status;
#[cfg(test)]
mod tests;
