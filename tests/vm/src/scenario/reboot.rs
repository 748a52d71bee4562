// SPDX-License-Identifier: MIT

//! The guest boots anew, through its firmware.

use super::boot;
use super::support::start_enforced;
use crate::vm::Vm;
use anyhow::{ensure, Result};

/// As after a first boot: the machine, and with it the GPU, has been reset.
pub(super) fn through_firmware(vm: &mut Vm) -> Result<()> {
    start_enforced(vm)?;
    let resets = vm.gpu().model().resets();
    vm.reboot("systemctl reboot")?;
    ensure!(
        vm.gpu().model().resets() > resets,
        "the machine was not reset"
    );
    boot::enforces(vm)
}
