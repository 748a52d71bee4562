// SPDX-License-Identifier: MIT

//! The power goes in the middle of an installation. The machine boots all the same, status says what
//! is half done, and a second run completes it.

use super::boot;
use super::support::{expect_status, run_long, start_enforced};
use crate::vm::Vm;
use anyhow::{ensure, Result};
use std::thread::sleep;
use std::time::Duration;

/// The programs that are cut off, and how long after they began.
const CUTS: [(&str, Duration); 3] = [
    ("dkms install", Duration::from_secs(1)),
    ("dkms install", Duration::from_secs(20)),
    ("update-initramfs", Duration::from_secs(10)),
];
/// How long an installation may take to come to one of them.
const STEP: Duration = Duration::from_secs(600);

pub(super) fn while_installing(vm: &mut Vm) -> Result<()> {
    start_enforced(vm)?;
    // Making the kernel's Rust metadata takes an hour here.
    vm.guest.check("cp -a /var/lib/rmcp/kernels /root/")?;
    for (program, delay) in CUTS {
        run_long(vm, "rmcp-kctl uninstall --yes")?;
        vm.guest
            .check("mkdir /var/lib/rmcp && cp -a /root/kernels /var/lib/rmcp/ && sync")?;
        vm.guest
            .check("setsid --fork rmcp-kctl install --yes >/run/install.log 2>&1")?;
        let begun = format!("grep -q '^[[].*run {program}' /run/install.log");
        vm.guest.wait_for(STEP, program, &begun)?;
        sleep(delay);
        vm.cut_power()?;

        vm.wait_for_amdgpu()?;
        let status = expect_status_of_a_half_done_installation(vm)?;
        ensure!(
            status.contains(program),
            "status says {status:?}, the power went during {program}"
        );
        run_long(vm, "rmcp-kctl install --yes")?;
        vm.reboot("systemctl reboot")?;
        boot::enforces(vm)?;
        let status = expect_status(vm, 0)?;
        ensure!(
            status["interruption"].is_null(),
            "status still says {}",
            status["interruption"]
        );
    }
    Ok(())
}

/// Whether the policy is in effect depends on how far it was; that it was interrupted is told.
fn expect_status_of_a_half_done_installation(vm: &mut Vm) -> Result<String> {
    let output = vm.guest.run("rmcp-kctl --json status")?;
    let status: serde_json::Value = serde_json::from_str(&output.stdout)?;
    let interruption = status["interruption"].as_str().unwrap_or_default();
    ensure!(
        interruption.contains("interrupted"),
        "status does not tell of an interruption: {status}"
    );
    Ok(interruption.to_owned())
}
