// SPDX-License-Identifier: MIT

//! Boots a real Debian with the stock kernel and its unmodified amdgpu under QEMU, an emulated GPU
//! plugged in, and looks at what rmcp does there: from inside the guest, and from the GPU's side.

#![forbid(unsafe_code)]
#![deny(unreachable_pub)]

pub mod address_space;
pub mod checkout;
pub mod console;
pub mod corpus;
pub mod demo;
pub mod gpu;
pub mod guest;
pub mod image;
pub mod kernels;
mod lines;
pub mod matrix;
mod monitor;
pub(crate) mod page_tables;
mod parallel;
pub mod progress;
pub mod qemu;
pub mod report;
pub mod rootfs;
pub mod scenario;
mod slot_power;
pub mod vm;
