// SPDX-License-Identifier: MIT

//! Any module as sysfs shows it: loaded or not, and its parameters.

use crate::root::Root;
use std::io;

const MODULES: &str = "/sys/module";

/// A parameter's value in the running kernel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Live {
    /// The module is not loaded.
    NotLoaded,
    /// The module does not show this parameter.
    NotShown,
    /// The value.
    Value(String),
}

/// Whether the kernel's modules can be seen at all: not in every container. Some are in every kernel.
pub fn visible(root: &Root) -> bool {
    !root.list(MODULES).is_empty()
}

/// Whether a module is there, built in or loaded.
pub fn is_loaded(root: &Root, module: &str) -> bool {
    root.exists(format!("{MODULES}/{module}"))
}

/// Where a parameter is shown.
pub fn file(module: &str, parameter: &str) -> String {
    format!("{MODULES}/{module}/parameters/{parameter}")
}

/// The live value of a parameter.
///
/// # Errors
///
/// When it exists but cannot be read; some are root's alone.
pub fn live(root: &Root, module: &str, parameter: &str) -> io::Result<Live> {
    if !is_loaded(root, module) {
        return Ok(Live::NotLoaded);
    }
    let value = root.read(file(module, parameter))?;
    Ok(value.map_or(Live::NotShown, Live::Value))
}
