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
    let last = |text: &str| {
        log.rfind(text)
            .with_context(|| format!("the kernel log has no {text:?}"))
    };
    // The root filesystem's init says this when it takes over; dracut's initramfs has one, too.
    ensure!(
        last("Initialized amdgpu")? < last("running in system mode")?,
        "amdgpu was not loaded from the initramfs, so that this shows nothing"
    );
    Ok(())
}
