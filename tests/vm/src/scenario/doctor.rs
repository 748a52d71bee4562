// SPDX-License-Identifier: MIT

//! `rmcp-kctl doctor` in a real guest: what it finds is what the guest's own tools say. Then the
//! kernel is locked down, and what doctor foretells of modules and of debugfs comes true.

use super::support::{expect_status, read, start_enforced};
use crate::vm::Vm;
use anyhow::{ensure, Context, Result};
use serde_json::Value;

pub(super) fn agrees_with_the_guest(vm: &mut Vm) -> Result<()> {
    start_enforced(vm)?;
    let found = doctor(vm, "")?;
    for check in [
        "kernel",
        "tools",
        "dkms",
        "load-order",
        "initramfs",
        "secure-boot",
        "lockdown",
        "module",
        "gpu",
        "kfd",
        "access",
    ] {
        found.expect(check, "good")?;
    }
    the_signer_is_modinfos(vm, &found)?;
    the_kernels_view_of_the_gpu(vm, &found)?;
    packages_are_dpkgs(vm, &found)?;
    access_is_what_a_user_has(vm)?;
    the_environment_is_read(vm)?;
    a_report_is_written(vm)?;
    lockdown_does_what_is_foretold(vm)
}

/// What doctor printed.
pub(super) struct Findings(Value);

pub(super) fn doctor(vm: &mut Vm, arguments: &str) -> Result<Findings> {
    let output = vm
        .guest
        .run(&format!("rmcp-kctl --json doctor {arguments}"))?;
    let json: Value = serde_json::from_str(&output.stdout)
        .with_context(|| format!("rmcp-kctl --json doctor printed no JSON: {output:?}"))?;
    ensure!(
        json["exit_code"] == output.status,
        "doctor ended with {} and says {}",
        output.status,
        json["exit_code"]
    );
    Ok(Findings(json))
}

impl Findings {
    fn of(&self, check: &str) -> Vec<(&str, &str)> {
        let all = self.0["findings"].as_array().map_or(&[][..], Vec::as_slice);
        all.iter()
            .filter(|finding| finding["check"] == check)
            .filter_map(|finding| Some((finding["outcome"].as_str()?, finding["found"].as_str()?)))
            .collect()
    }

    /// Every finding of the check ended so; what the first found.
    fn expect(&self, check: &str, outcome: &str) -> Result<&str> {
        let found = self.of(check);
        ensure!(
            found.iter().all(|(ended, _)| *ended == outcome),
            "{check}: {found:?}, expected was {outcome}"
        );
        let first = found.first();
        Ok(first
            .with_context(|| format!("doctor says nothing of {check}"))?
            .1)
    }

    pub(super) fn expect_word(&self, check: &str, outcome: &str, word: &str) -> Result<()> {
        let found = self.expect(check, outcome)?;
        ensure!(
            found.contains(word),
            "{check} found {found:?}, expected was {word:?}"
        );
        Ok(())
    }
}

/// DKMS signed the module with a key that it made; modinfo reads the signature as well.
fn the_signer_is_modinfos(vm: &mut Vm, found: &Findings) -> Result<()> {
    let mut field = |name: &str| -> Result<String> {
        let value = vm.guest.check(&format!("modinfo -F {name} rmcp"))?;
        Ok(value.trim().to_owned())
    };
    let (signer, key) = (field("signer")?, field("sig_key")?);
    ensure!(
        !signer.is_empty() && !key.is_empty(),
        "modinfo shows no signature"
    );
    found.expect_word(
        "secure-boot",
        "good",
        &format!("signed with {signer:?} ({key})"),
    )?;
    let efi = vm.guest.run("test -d /sys/firmware/efi")?.status == 0;
    ensure!(
        !efi,
        "the guest was started by EFI firmware: look at its variables as well"
    );
    found.expect_word("secure-boot", "good", "Secure Boot absent")
}

fn the_kernels_view_of_the_gpu(vm: &mut Vm, found: &Findings) -> Result<()> {
    let status = expect_status(vm, 0)?;
    let target = status["gpus"][0]["gfx_target"].as_str();
    found.expect_word("kfd", "good", target.context("status names no gfx target")?)?;

    let group = vm.gpu_file("iommu_group/type");
    let iommu = vm.guest.run(&format!("cat {group}"))?;
    let word = match (iommu.status, iommu.stdout.trim()) {
        (0, "identity") => "passes addresses through",
        (0, how) => &format!("({how})"),
        _ => "no IOMMU",
    };
    found.expect_word("iommu", "good", word)?;

    let atomics = vm
        .guest
        .run("dmesg | grep -q 'PCIE atomic ops is not supported'")?
        .status
        != 0;
    let outcome = if atomics { "good" } else { "note" };
    found.expect("pcie-atomics", outcome)?;

    let (total, visible) = (
        vm.gpu_file("mem_info_vram_total"),
        vm.gpu_file("mem_info_vis_vram_total"),
    );
    let all = read(vm, &total)? == read(vm, &visible)?;
    found.expect("large-bar", if all { "good" } else { "note" })?;
    Ok(())
}

fn packages_are_dpkgs(vm: &mut Vm, found: &Findings) -> Result<()> {
    let package = "libhsa-runtime64-1";
    let version = vm
        .guest
        .check(&format!("dpkg-query -W -f '${{Version}}' {package}"))?;
    found.expect_word("rocm", "good", &format!("{package} {version}"))
}

/// Doctor says of a user that may not open the devices that he may not, and what would help does.
fn access_is_what_a_user_has(vm: &mut Vm) -> Result<()> {
    vm.guest.check("useradd --create-home ann")?;
    let device = "/dev/kfd";
    let may = |vm: &mut Vm| -> Result<bool> {
        let opened = vm
            .guest
            .run(&format!("runuser -u ann -- sh -c ': <>{device}'"))?;
        Ok(opened.status == 0)
    };
    ensure!(!may(vm)?, "a new user may open {device}");
    let found = doctor(vm, "--user ann")?;
    found.expect_word("access", "error", "ann may not use /dev/kfd")?;
    let findings = found.0["findings"].as_array().context("no findings")?;
    let access = findings.iter().find(|finding| finding["check"] == "access");
    let command = access.and_then(|finding| finding["mend"][0].as_str());
    let command = command.context("doctor names no command that gives access")?;
    ensure!(
        command.starts_with("usermod -aG "),
        "doctor says {command:?}"
    );
    vm.guest.check(command)?;
    ensure!(
        may(vm)?,
        "after {command:?} the user still may not open {device}"
    );
    doctor(vm, "--user ann")?.expect("access", "good")?;
    Ok(())
}

fn the_environment_is_read(vm: &mut Vm) -> Result<()> {
    let variable = "HSA_OVERRIDE_GFX_VERSION=11.0.0";
    vm.guest
        .check(&format!("echo 'export {variable}' >>~ann/.bashrc"))?;
    let found = doctor(vm, "--user ann")?;
    found.expect_word("override", "error", variable)?;
    vm.guest.check("sed -i '$d' ~ann/.bashrc")?;
    let output = vm.guest.run(&format!("{variable} rmcp-kctl doctor"))?;
    ensure!(
        output.status == 2
            && output
                .stdout
                .contains(&format!("{variable} (this process)")),
        "doctor does not see its own environment: {output:?}"
    );
    Ok(())
}

fn a_report_is_written(vm: &mut Vm) -> Result<()> {
    vm.guest.run("rmcp-kctl doctor --report /run/report")?;
    let report = vm.guest.check("cat /run/report")?;
    for private in ["hostname", "cat /etc/machine-id", "modinfo -F sig_key rmcp"] {
        let private = vm.guest.check(private)?;
        ensure!(
            !report.contains(private.trim()),
            "the report holds {private:?}: {report}"
        );
    }
    ensure!(report.contains("\"verdict\": \"enforced\""), "{report}");
    Ok(())
}

/// From here on this kernel loads no module that is signed with a key it does not know.
fn lockdown_does_what_is_foretold(vm: &mut Vm) -> Result<()> {
    let debugfs = "/sys/kernel/debug/dri/*";
    let opens = |vm: &mut Vm, file: &str| -> Result<bool> {
        let opened = vm.guest.run(&format!(
            "for file in {debugfs}/{file}; do : <$file || exit 1; done"
        ))?;
        Ok(opened.status == 0)
    };
    for file in ["amdgpu_regs", "amdgpu_regs2"] {
        ensure!(
            opens(vm, file)?,
            "{file} cannot be opened before the lockdown"
        );
    }
    vm.guest
        .check("echo integrity >/sys/kernel/security/lockdown")?;
    let found = doctor(vm, "")?;
    found.expect_word("lockdown", "note", "lockdown is integrity")?;
    ensure!(opens(vm, "amdgpu_regs")?, "lockdown closed amdgpu_regs");
    ensure!(
        !opens(vm, "amdgpu_regs2")?,
        "lockdown left amdgpu_regs2 open"
    );

    found.expect_word("secure-boot", "error", "the module will be refused")?;
    vm.guest.check("modprobe -r amdgpu && modprobe -r rmcp")?;
    let output = vm.guest.run("modprobe rmcp")?;
    ensure!(
        output.status != 0 && output.stderr.contains("not permitted"),
        "modprobe ended otherwise than with EPERM: {output:?}"
    );
    Ok(())
}
