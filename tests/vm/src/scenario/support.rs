// SPDX-License-Identifier: MIT

//! What several scenarios do and ask.

use crate::console;
use crate::gpu::PluggedGpu;
use crate::report::Retry;
use crate::vm::Vm;
use anyhow::{bail, ensure, Context, Result};
use rmcp_kctl::policy;
use rmcp_vgpu::{Chip, IpVersion};
use serde_json::Value;
use std::time::Duration;

/// Taint of an out-of-tree and of an unsigned module (`TAINT_OOT_MODULE`, `TAINT_UNSIGNED_MODULE`).
const OUT_OF_TREE_AND_UNSIGNED: u64 = 1 << 12 | 1 << 13;

/// Taint of a parameter that is not for daily use, such as `amdgpu.ip_block_mask`.
pub(super) const TAINT_USER: u64 = 1 << 6;

/// rmcp goes and comes.
pub(super) const RELOAD: &str = "rmmod rmcp && modprobe rmcp";

/// amdgpu comes by itself: without modprobe.d, and so without what it says of rmcp.
pub(super) const AMDGPU_ALONE: &str = "modprobe --config=/dev/null amdgpu";

/// The parameters of amdgpu that the guest was started with: modprobe gives them, insmod does not.
pub(super) const OPTIONS: &str = "$(tr ' ' '\\n' </proc/cmdline | sed -n 's/^amdgpu[.]//p')";

const DRIVER: &str = "/sys/bus/pci/drivers/amdgpu";

/// What happens to rmcp while a GPU goes from its driver and comes back.
#[derive(Debug)]
pub(super) struct Meanwhile {
    /// Done before it goes.
    pub(super) before: &'static str,
    /// Done while it is away.
    pub(super) between: &'static str,
}

/// rmcp stays as it is.
pub(super) const NOTHING: Meanwhile = Meanwhile {
    before: "true",
    between: "true",
};

/// All that may happen to it. The policy is in force afterwards.
pub(super) const MEANWHILE: [Meanwhile; 3] = [
    NOTHING,
    // It is reloaded while nobody drives the GPU.
    Meanwhile {
        between: RELOAD,
        ..NOTHING
    },
    // The GPU that goes is one that amdgpu had before rmcp came.
    Meanwhile {
        before: RELOAD,
        ..NOTHING
    },
];

/// Runs a command that may take as long as it takes, without KVM, to build the module and an initramfs;
/// what it printed.
pub(super) fn run_long(vm: &mut Vm, command: &str) -> Result<String> {
    const LIMIT: Duration = Duration::from_secs(2400);
    let output = vm.guest.run_within(LIMIT, command)?;
    ensure!(
        output.status == 0,
        "{command} ended with {}: {} {}",
        output.status,
        output.stdout,
        output.stderr
    );
    Ok(output.stdout)
}

/// Makes the guest as it is after a good boot, whatever the scenario before left.
pub(super) fn start_enforced(vm: &mut Vm) -> Result<()> {
    vm.guest.check("modprobe amdgpu")?;
    vm.wait_for_amdgpu()?;
    if vm.guest.run("rmcp-kctl status")?.status != 0 {
        unload_both(vm)?;
        vm.guest.check("modprobe amdgpu")?;
        vm.wait_for_amdgpu()?;
    }
    expect_status(vm, 0)?;
    Ok(())
}

/// Takes both modules out, whichever are in.
pub(super) fn unload_both(vm: &mut Vm) -> Result<()> {
    vm.guest.check(
        "for module in amdgpu rmcp; do \
         ! test -e /sys/module/$module || modprobe -r $module || exit 1; done",
    )?;
    Ok(())
}

/// Takes the first GPU from its driver and gives it back.
pub(super) fn rebind(vm: &mut Vm, Meanwhile { before, between }: &Meanwhile) -> Result<()> {
    vm.guest.check(before)?;
    unbind(vm, 0)?;
    vm.guest.check(between)?;
    bind(vm, 0)
}

/// Takes a GPU from its driver.
pub(super) fn unbind(vm: &mut Vm, index: usize) -> Result<()> {
    let bdf = vm.gpus()[index].bdf().to_owned();
    vm.guest.check(&format!("echo {bdf} >{DRIVER}/unbind"))?;
    Ok(())
}

/// Gives a GPU to its driver.
pub(super) fn bind(vm: &mut Vm, index: usize) -> Result<()> {
    let bdf = vm.gpus()[index].bdf().to_owned();
    vm.guest.check(&format!("echo {bdf} >{DRIVER}/bind"))?;
    vm.wait_for_amdgpu()
}

/// Loads amdgpu by itself.
pub(super) fn load_amdgpu_alone(vm: &mut Vm) -> Result<()> {
    vm.guest.check(AMDGPU_ALONE)?;
    vm.wait_for_amdgpu()
}

/// Runs `rmcp-kctl status`, which must end with this status, and returns what it found.
pub(super) fn expect_status(vm: &mut Vm, expected: i32) -> Result<Value> {
    let output = vm.guest.run("rmcp-kctl --json status")?;
    ensure!(
        output.status == expected,
        "rmcp-kctl status ended with {}, expected was {expected}: {}{}",
        output.status,
        output.stdout,
        output.stderr
    );
    serde_json::from_str(&output.stdout).context("rmcp-kctl --json status printed no JSON")
}

/// All 30 context registers of every GPU must say this.
pub(super) fn expect_registers(vm: &Vm, expected: Retry) -> Result<()> {
    vm.gpus()
        .iter()
        .try_for_each(|gpu| expect_registers_of(gpu, expected))
}

/// All 30 context registers of one GPU must say this.
pub(super) fn expect_registers_of(gpu: &PluggedGpu, expected: Retry) -> Result<()> {
    let failures = gpu.registers().failures(expected);
    ensure!(
        failures.is_empty(),
        "{}: {}",
        gpu.bdf(),
        failures.join("; ")
    );
    Ok(())
}

/// One attribute of a file in sysfs, without its line end.
pub(super) fn read(vm: &mut Vm, path: &str) -> Result<String> {
    Ok(vm
        .guest
        .check(&format!("cat {path}"))?
        .trim_end()
        .to_owned())
}

/// A file must hold this.
pub(super) fn expect_file(vm: &mut Vm, path: &str, expected: &str) -> Result<()> {
    let found = read(vm, path)?;
    ensure!(
        found == expected,
        "{path} is {found:?}, expected was {expected:?}"
    );
    Ok(())
}

/// The module as a whole must be in this state.
pub(super) fn expect_guard(vm: &mut Vm, state: &str) -> Result<()> {
    expect_file(vm, "/sys/module/rmcp/guard/state", state)
}

/// A module must not be loaded.
pub(super) fn expect_not_loaded(vm: &mut Vm, module: &str) -> Result<()> {
    let found = vm.guest.run(&format!("test -e /sys/module/{module}"))?;
    ensure!(found.status != 0, "the module {module} is loaded");
    Ok(())
}

/// The kernel must be content, and tainted by nothing but modules from elsewhere.
pub(super) fn expect_healthy_kernel(vm: &mut Vm) -> Result<()> {
    expect_healthy_kernel_but(vm, 0)
}

/// [`expect_healthy_kernel`] of one with this taint too.
fn expect_healthy_kernel_but(vm: &mut Vm, taint: u64) -> Result<()> {
    let mut allowed = OUT_OF_TREE_AND_UNSIGNED | taint;
    let mut chips = vm.gpus().iter().map(|gpu| gpu.model().chip());
    if chips.any(|chip| chip.obstacle.is_some()) {
        allowed |= TAINT_USER;
    }
    let log = vm.guest.check("dmesg")?;
    let complaints = console::complaints(&log);
    if let Some(first) = complaints.first() {
        bail!(
            "the kernel complains in {} lines of its log, first: {first}",
            complaints.len()
        );
    }
    let taint = read(vm, "/proc/sys/kernel/tainted")?;
    ensure!(
        taint.parse::<u64>()? & !allowed == 0,
        "the kernel's taint is {taint}, allowed is {allowed}"
    );
    Ok(())
}

/// What of the kernel log is worse than a warning.
pub(super) fn kernel_errors(vm: &mut Vm) -> Result<Vec<String>> {
    let log = vm
        .guest
        .check("dmesg --notime --level=emerg,alert,crit,err")?;
    Ok(log.lines().map(str::to_owned).collect())
}

/// The kernel must be content, and have logged nothing worse than a warning since it had logged
/// `before` lines of that kind.
pub(super) fn expect_no_more_errors(vm: &mut Vm, before: usize) -> Result<()> {
    expect_no_more_errors_but(vm, before, 0)
}

/// [`expect_no_more_errors`] of a kernel with this taint too.
pub(super) fn expect_no_more_errors_but(vm: &mut Vm, before: usize, taint: u64) -> Result<()> {
    let errors = kernel_errors(vm)?;
    let more: Vec<&String> = errors.iter().skip(before).collect();
    ensure!(more.is_empty(), "the kernel has logged errors: {more:?}");
    expect_healthy_kernel_but(vm, taint)
}

/// How often amdgpu initialised the first GPU's memory controller under rmcp's eyes.
pub(super) fn hw_inits(vm: &mut Vm) -> Result<u64> {
    let path = vm.gpu_file("rmcp/hw_inits");
    Ok(read(vm, &path)?.parse()?)
}

/// The driver has written every context register since it had written them so often, and the policy
/// is in force: by sysfs, which has seen so many initialisations, by status and by the registers.
pub(super) fn expect_enforced_again(vm: &mut Vm, inits: u64, writes: [[u64; 15]; 2]) -> Result<()> {
    expect_registers_written(vm, writes)?;
    expect_registers(vm, Retry::Off)?;
    let seen = hw_inits(vm)?;
    ensure!(
        seen == inits,
        "rmcp has seen {seen} initialisations, expected were {inits}"
    );
    let path = vm.gpu_file("rmcp/state");
    expect_file(vm, &path, "enforced")?;
    expect_status(vm, 0)?;
    Ok(())
}

/// [`expect_enforced_again`] of a GPU that amdgpu had before rmcp came. An APU is not called enforced
/// then: it may also have come from s0ix, from where amdgpu leaves the graphics hub as it is.
pub(super) fn expect_enforced_late(vm: &mut Vm, writes: [[u64; 15]; 2]) -> Result<()> {
    if !is_apu(vm.gpu().model().chip()) {
        return expect_enforced_again(vm, 1, writes);
    }
    expect_registers_written(vm, writes)?;
    expect_registers(vm, Retry::Off)?;
    expect_status(vm, 2)?;
    Ok(())
}

/// Whether this is a guarded chip that shares a package with the CPU.
pub(super) fn is_apu(chip: &Chip) -> bool {
    let IpVersion(major, minor, revision) = chip.versions.gc;
    policy::find_chip((major, minor, revision)).is_some_and(|chip| chip.apu)
}

/// The driver must have written every context register since it had written them so often.
pub(super) fn expect_registers_written(vm: &Vm, before: [[u64; 15]; 2]) -> Result<()> {
    let now = vm.register_writes();
    let mut pairs = before.as_flattened().iter().zip(now.as_flattened());
    ensure!(
        pairs.all(|(before, now)| before < now),
        "amdgpu did not write every context register again"
    );
    Ok(())
}

/// What the kernel has logged since the last call.
pub(super) fn new_kernel_log(vm: &mut Vm, since: &mut usize) -> Result<String> {
    let log = vm.guest.check("dmesg")?;
    let new = log.lines().skip(*since).collect::<Vec<_>>().join("\n");
    *since = log.lines().count();
    Ok(new)
}
