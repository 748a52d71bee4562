// SPDX-License-Identifier: MIT

//! The demonstration: one boot without rmcp and one with it, side by side.

use crate::checkout::Checkout;
use crate::image::Variant;
use crate::progress::say;
use crate::report::Report;
use crate::rootfs::RootFs;
use crate::vm::{Bench, Boot, Vm};
use anyhow::{anyhow, Context, Result};
use std::fs;
use std::path::Path;
use std::thread;

/// Runs it, with an amdgpu that is told to retry or decides itself; the answer is whether everything
/// was as promised.
pub fn run(
    checkout: &Checkout,
    kctl: &Path,
    chip: &'static str,
    own_retries: bool,
    keep: bool,
) -> Result<bool> {
    let bench = Bench::prepare(
        checkout,
        &RootFs::get(checkout)?,
        kctl,
        [Variant::Stock, Variant::Rmcp],
    )?;
    let boot = |variant| {
        let bench = &bench;
        move || -> Result<Vm> {
            let mut vm = Vm::boot(
                bench,
                &Boot {
                    chips: vec![chip],
                    variant,
                    before_init: None,
                    own_retries,
                    runtime_pm: false,
                },
            )?;
            vm.wait_for_amdgpu()?;
            Ok(vm)
        }
    };
    say(format_args!(
        "booting Linux {} with an emulated {chip} twice, without rmcp and with it",
        bench.kernel()
    ));
    // Each machine lives in the thread that it was started in.
    thread::scope(|scope| {
        let without = scope.spawn(move || Ok(boot(Variant::Stock)()?.registers()));
        let mut vm = boot(Variant::Rmcp)().context("with rmcp")?;
        let status = vm.guest.run("rmcp-kctl --json status")?;
        let text = vm.guest.run("rmcp-kctl status")?;
        let coloured = vm.guest.run("rmcp-kctl --color always status")?;
        let without: Result<_> = without.join().map_err(|_| anyhow!("panicked"))?;
        let report = Report {
            gpu: chip,
            own_retries,
            kernel: bench.kernel().to_owned(),
            without: without.context("without rmcp")?,
            with: vm.registers(),
            status: serde_json::from_str(&status.stdout).with_context(|| {
                format!(
                    "rmcp-kctl status --json printed {:?}{:?}",
                    status.stdout, status.stderr
                )
            })?,
            status_exit: status.status,
        };
        print(&report, &text.stdout);
        fs::create_dir_all(checkout.path("target/demo"))?;
        for (name, content) in [
            ("report.json", serde_json::to_string_pretty(&report)? + "\n"),
            ("status.svg", picture(&coloured.stdout)),
        ] {
            let path = checkout.path("target/demo").join(name);
            fs::write(&path, content)?;
            say(format_args!("written: {}", path.display()));
        }
        if keep {
            leave_running(&vm);
        }
        Ok(report.failures().is_empty())
    })
}

fn print(report: &Report, status: &str) {
    println!(
        "\nWhat the unmodified amdgpu of Linux {} left in the GPU:\n",
        report.kernel
    );
    println!("{}", report.table());
    println!(
        "In the guest, `rmcp-kctl status` ended with {}:\n",
        report.status_exit
    );
    println!("{status}");
    let failures = report.failures();
    if failures.is_empty() {
        println!("As promised: {}", report.promise());
    } else {
        println!("NOT as promised:");
        for failure in failures {
            println!("  {failure}");
        }
    }
}

/// A terminal with this output, as a picture.
fn picture(output: &str) -> String {
    let svg = anstyle_svg::Term::new().render_svg(output.trim_end());
    let licence = "<!-- SPDX-License-Identifier: MIT -->\n";
    format!("{licence}{}\n", svg.trim_end())
}

fn leave_running(vm: &Vm) {
    say(format_args!(
        "the guest with rmcp goes on until Ctrl-C; its console (root, no password): \
         socat -,raw,echo=0 UNIX-CONNECT:{}",
        vm.console_socket().display()
    ));
    loop {
        thread::park();
    }
}
