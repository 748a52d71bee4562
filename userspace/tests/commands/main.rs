// SPDX-License-Identifier: MIT

//! The commands on trees that look like systems.

mod doctor;
mod install;
mod status;
mod support;
