// SPDX-License-Identifier: MIT

//! The commands on trees that look like systems.

#[path = "../../src/cpio/testing.rs"]
mod cpio;
mod doctor;
#[path = "../../src/elf/testing.rs"]
mod elf;
mod install;
mod params;
mod status;
mod support;
mod verify;
