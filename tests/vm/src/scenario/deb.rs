// SPDX-License-Identifier: MIT

//! The Debian package, by apt, on a machine that loads amdgpu from its initramfs: installed, upgraded,
//! removed and purged, after which the root filesystem is as it was.

use super::support::{expect_registers, expect_status, run_long, unload_both};
use crate::report::Retry;
use crate::vm::Vm;
use anyhow::{ensure, Result};

const HERE: &str = "/usr/local/lib/rmcp-deb";

pub(super) fn comes_and_goes(vm: &mut Vm) -> Result<()> {
    // As the guest itself makes it, and not the machine that its image was made on.
    run_long(vm, "update-initramfs -u -k all")?;
    run_long(vm, &format!("{HERE}/snapshot >/run/before"))?;
    expect_registers(vm, Retry::On)?;

    vm.guest
        .check(&format!("cp -a {HERE}/state /var/lib/rmcp"))?;
    // A machine that cannot have the module for now: that is said, and apt goes on.
    vm.guest.check("mv /usr/bin/rustc /usr/bin/rustc-away")?;
    let said = apt(vm, &format!("install {HERE}/rmcp_1.0_amd64.deb"))?;
    ensure!(
        said.contains("rmcp: the package is installed, its kernel module is not"),
        "apt-get install without a rustc said: {said}"
    );
    let known = vm.guest.check("dkms status rmcp")?;
    ensure!(known.contains("added"), "DKMS says of rmcp: {known:?}");
    vm.guest.check("mv /usr/bin/rustc-away /usr/bin/rustc")?;
    run_long(vm, "rmcp-kctl install --yes")?;
    expect_installed(vm, "1.0")?;
    unload_both(vm)?;
    vm.guest.check("modprobe amdgpu")?;
    vm.wait_for_amdgpu()?;
    expect_status(vm, 0)?;
    expect_registers(vm, Retry::Off)?;
    unload_both(vm)?;

    apt_silently(vm, &format!("install {HERE}/rmcp_1.0+1_amd64.deb"))?;
    expect_installed(vm, "1.0+1")?;

    apt_silently(vm, "remove rmcp")?;
    expect_as_before(vm)?;
    apt_silently(vm, "purge rmcp")?;
    expect_as_before(vm)?;
    let known = vm.guest.run("dpkg-query --status rmcp")?;
    ensure!(known.status == 1, "dpkg still knows rmcp: {}", known.stdout);
    Ok(())
}

/// The package's files are as they were packed, its module is built and in the initramfs, and the
/// command leaves the package to apt.
fn expect_installed(vm: &mut Vm, version: &str) -> Result<()> {
    let is = vm
        .guest
        .check("dpkg-query --show --showformat='${Version} ${db:Status-Abbrev}' rmcp")?;
    ensure!(is.trim() == format!("{version} ii"), "rmcp is {is}");
    vm.guest.check("dpkg --verify rmcp")?;
    vm.guest.check("modinfo -F version rmcp | grep -x 1.0")?;
    let image = vm.guest.check("lsinitramfs /boot/initrd.img-$(uname -r)")?;
    for file in ["/rmcp.ko", "/modprobe.d/rmcp.conf"] {
        ensure!(image.contains(file), "the initramfs has no {file}");
    }
    let again = vm.guest.check("rmcp-kctl install --yes")?;
    ensure!(
        again.contains("the package rmcp owns") && again.contains("nothing to do"),
        "install on the packaged system said: {again}"
    );
    let refused = vm.guest.run("rmcp-kctl uninstall --yes")?;
    ensure!(
        refused.status == 1 && refused.stderr.contains("apt remove rmcp"),
        "uninstall on the packaged system said: {refused:?}"
    );
    Ok(())
}

fn expect_as_before(vm: &mut Vm) -> Result<()> {
    let changed = run_long(vm, &format!("{HERE}/snapshot | diff /run/before - || true"))?;
    ensure!(changed.is_empty(), "the package left behind: {changed}");
    Ok(())
}

fn apt(vm: &mut Vm, what: &str) -> Result<String> {
    let command = "DEBIAN_FRONTEND=noninteractive apt-get --yes --no-install-recommends";
    run_long(vm, &format!("{command} {what} 2>&1"))
}

/// The maintainer scripts have nothing to complain of.
fn apt_silently(vm: &mut Vm, what: &str) -> Result<()> {
    let said = apt(vm, what)?;
    ensure!(!said.contains("rmcp: "), "apt-get {what} said: {said}");
    Ok(())
}
