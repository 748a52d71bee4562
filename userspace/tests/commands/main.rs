// SPDX-License-Identifier: MIT

//! The commands on trees that look like systems.

#[path = "../../src/cpio/testing.rs"]
mod cpio;
mod detect;
mod doctor;
#[path = "../../src/elf/testing.rs"]
mod elf;
mod env;
mod faults;
mod hostile;
mod install;
mod maintainer_scripts;
mod metrics;
mod packaging;
mod params;
mod rocm;
mod run;
mod running;
mod schema;
mod screen;
mod selftest;
mod status;
mod support;
mod verify;
mod watch;
