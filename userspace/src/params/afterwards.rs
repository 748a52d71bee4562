// SPDX-License-Identifier: MIT

//! What is run by hand after a file was changed, so that the next boot goes by it.

use super::edit::Change;
use crate::cmdline::boot::Loader;
use crate::modprobe;

/// Makes the initramfs of every kernel anew, by the tool that makes them.
pub(super) const IMAGES: &str =
    "update-initramfs -u -k all, dracut --force --regenerate-all, or mkinitcpio -P";

/// All that these changes need.
pub fn afterwards(changes: &[Change]) -> String {
    let any = |is_of: &dyn Fn(&str) -> bool| changes.iter().any(|change| is_of(&change.to));
    let mut steps = Vec::new();
    if any(&|file| file.starts_with(modprobe::DIRECTORIES[0])) {
        steps.push(format!(
            "where amdgpu is loaded from the initramfs, rebuild that ({IMAGES})"
        ));
    }
    for loader in Loader::ALL {
        if any(&|file| loader.reads(file)) {
            steps.push(format!("run {}", loader.apply()));
        }
    }
    steps.push("then reboot".to_owned());
    steps.join("; ")
}
