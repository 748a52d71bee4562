// SPDX-License-Identifier: MIT

//! Every chip that can be emulated, under the stock amdgpu: with rmcp as the guest booted, and then,
//! in the same guest, without it; and what it lives through.

mod finding;
mod table;

use super::support::{expect_healthy_kernel, kernel_errors, load_amdgpu_alone, unload_both};
use crate::checkout::Checkout;
use crate::image::Variant;
use crate::page_tables::{page_tables, PageTables};
use crate::parallel;
use crate::progress::say;
use crate::rootfs::RootFs;
use crate::vm::{Bench, Boot, Vm};
use anyhow::{Context, Result};
use finding::{Finding, Life, Mtypes, RetryBits};
use rmcp_vgpu::{Chip, Role};
use serde::Serialize;
use std::fs;
use std::path::Path;

/// The scenarios that each guarded chip goes through at last. The reset taints the kernel.
const LIFE: [&str; 4] = ["rebind", "unplug", "suspend", "reset"];

/// Where the report and the logs go.
const DIRECTORY: &str = "target/chips";

/// Unloading an APU, the driver resets it by its SMU. One that is brought up without has none to ask.
const NO_SMU: &str = "amdgpu.dpm=0";
const NO_RESET: &str = "asic reset on amdgpu_device_ip_fini_early failed";

/// What `report.json` holds.
#[derive(Debug, Serialize)]
struct Report {
    kernel: String,
    chips: Vec<Finding>,
}

/// Looks at the chips of these names, without any at all; the answer is whether all was as promised.
pub fn run(checkout: &Checkout, kctl: &Path, names: &[&'static str]) -> Result<bool> {
    let chips: Vec<&'static Chip> = rmcp_vgpu::CHIPS
        .iter()
        .copied()
        .filter(|chip| names.is_empty() || names.contains(&chip.name))
        .collect();
    let bench = Bench::prepare(checkout, &RootFs::get(checkout)?, kctl, [Variant::Tests])?;
    let directory = checkout.path(DIRECTORY);
    println!("{}", table::head());
    let results = parallel::map(chips, |chip| {
        say(format_args!("{}: booting", chip.name));
        let result = look(&bench, chip, &directory.join(chip.name));
        match &result {
            Ok(finding) => println!("{}", table::line(finding)),
            Err(error) => println!("{}: FAILED: {error:#}", chip.name),
        }
        result
    });

    let mut good = true;
    let mut found = Vec::new();
    for result in results {
        good &= result
            .as_ref()
            .is_ok_and(|finding| finding.failures().is_empty());
        found.extend(result.ok());
    }
    for finding in &found {
        for failure in finding.failures() {
            println!("{}: {failure}", finding.chip);
        }
    }
    let report = Report {
        kernel: bench.kernel().to_owned(),
        chips: found,
    };
    let path = directory.join("report.json");
    fs::create_dir_all(&directory)?;
    fs::write(&path, serde_json::to_string_pretty(&report)? + "\n")?;
    say(format_args!("written: {}", path.display()));
    Ok(good)
}

/// Boots a guest with the chip and looks at it, twice.
fn look(bench: &Bench, chip: &'static Chip, logs: &Path) -> Result<Finding> {
    let mut vm = Vm::boot(
        bench,
        &Boot {
            chips: vec![chip.name],
            variant: Variant::Tests,
            before_init: None,
            own_retries: false,
            runtime_pm: false,
        },
    )?;
    let result = look_twice(&mut vm, chip);
    vm.save_logs(logs)?;
    result
}

fn look_twice(vm: &mut Vm, chip: &'static Chip) -> Result<Finding> {
    vm.wait_for_amdgpu().context("with rmcp")?;
    let with = Half::look(vm, chip).context("with rmcp")?;
    let status_exit = vm.guest.run("rmcp-kctl status")?.status;

    unload_both(vm)?;
    load_amdgpu_alone(vm).context("without rmcp")?;
    let without = Half::look(vm, chip).context("without rmcp")?;

    let mut kernel_log = kernel_errors(vm)?;
    kernel_log.extend(
        expect_healthy_kernel(vm)
            .err()
            .map(|error| error.to_string()),
    );
    let expected = |line: &String| chip.parameters.contains(&NO_SMU) && line.ends_with(NO_RESET);
    let mut life = Life::new();
    for name in LIFE.iter().filter(|_| is_wholly_guarded(chip)) {
        say(format_args!("{}: {name}", chip.name));
        let failure = super::named(name).and_then(|scenario| (scenario.run)(vm));
        life.insert(name, failure.err().map(|error| format!("{error:#}")));
    }
    Ok(Finding {
        gc_version: chip.versions.gc.to_string(),
        chip: chip.name,
        guarded: chip.role == Role::Guarded,
        obstacle: chip.obstacle,
        ptes: finding::join(&without.ptes, &with.ptes)?,
        coherent_ptes: finding::join(&without.coherent_ptes, &with.coherent_ptes)?,
        noretry_bits_without: without.retry,
        noretry_bits_with: with.retry,
        status_exit,
        life,
        kernel_log_clean: kernel_log.iter().all(expected),
        kernel_log,
    })
}

/// Whether all can be looked at. A chip that isn't wholly up has nothing that could write page
/// tables, and opening it would be the end of the kernel; what GMC v9 and v11 write, the walk doesn't
/// know.
fn is_wholly_guarded(chip: &Chip) -> bool {
    chip.obstacle.is_none() && chip.role == Role::Guarded
}

/// What is to be seen in one of the two settings.
struct Half {
    retry: RetryBits,
    ptes: Mtypes,
    coherent_ptes: Mtypes,
}

impl Half {
    fn look(vm: &mut Vm, chip: &Chip) -> Result<Self> {
        let tables = if is_wholly_guarded(chip) {
            page_tables(vm, 0)?
        } else {
            PageTables::default()
        };
        Ok(Self {
            retry: vm.registers().into(),
            ptes: tables.ordinary,
            coherent_ptes: tables.coherent,
        })
    }
}
