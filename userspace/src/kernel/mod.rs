// SPDX-License-Identifier: MIT

//! The installed kernels, and whether the module can be built for one.

mod config;
mod obstacle;
mod requirements;
mod rust_tree;
mod tools;

pub use crate::sysfs::running::release as running;
pub use config::Config;
pub use obstacle::{Missing, Obstacle};
pub use requirements::{amdgpu_module, base_btf, headers_of, Requirements, OPTIONS};
pub use rust_tree::RustTree;
pub use tools::{Metadata, Ready};

use crate::root::Root;

/// Where kernels keep their modules.
pub const MODULES: &str = "/lib/modules";

/// The releases of all installed kernels, sorted by name.
pub fn installed(root: &Root) -> Vec<String> {
    root.list(MODULES)
        .into_iter()
        .filter(|release| root.exists(format!("{MODULES}/{release}/kernel")))
        .collect()
}

/// Whether a file of this name is the module, compressed or not.
pub fn is_module_file(name: &str, module: &str) -> bool {
    let rest = name.strip_prefix(module);
    let rest = rest.and_then(|rest| rest.strip_prefix(".ko"));
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}
