// SPDX-License-Identifier: MIT

//! A machine that loads amdgpu from its initramfs finds rmcp there too, and loads it first.

use super::{boot, params};
use crate::vm::Vm;
use anyhow::{ensure, Context, Result};

pub(super) fn rmcp_is_in_it(vm: &mut Vm) -> Result<()> {
    comes_first(vm)?;
    params::set_after_the_image_was_made(vm)
}

pub(super) fn comes_first(vm: &mut Vm) -> Result<()> {
    boot::enforces(vm)?;
    let log = vm.guest.check("dmesg")?;
    let last_line_with = |text: &str| {
        log.lines()
            .collect::<Vec<_>>()
            .iter()
            .rposition(|line| line.contains(text))
            .with_context(|| format!("the kernel log has no line with {text:?}"))
    };
    // The root filesystem's init says this when it takes over; dracut's initramfs has one, too.
    ensure!(
        last_line_with("Initialized amdgpu")? < last_line_with("running in system mode")?,
        "amdgpu was not loaded from the initramfs, so that this shows nothing"
    );
    Ok(())
}
