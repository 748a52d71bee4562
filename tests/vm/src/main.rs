// SPDX-License-Identifier: MIT

//! Command line of the virtual-machine harness. Run it from a checkout, on programs that `build.sh`
//! built.

#![forbid(unsafe_code)]

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};
use rmcp_vm::checkout::Checkout;
use rmcp_vm::image::{self, Variant};
use rmcp_vm::rootfs::RootFs;
use rmcp_vm::vm::{Bench, Boot, Vm};
use rmcp_vm::{corpus, demo, matrix, progress, scenario};
use std::path::PathBuf;
use std::process::ExitCode;

/// Boots Debian with the stock amdgpu and an emulated GPU, and looks at what rmcp does there.
#[derive(Parser)]
#[command(version)]
struct Cli {
    /// The rmcp-kctl to install in guests [default: the one beside this program]
    #[arg(long, global = true, value_name = "FILE")]
    kctl: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Boot without rmcp and with it, and show what the driver left in the GPU
    Demo {
        /// The GPU
        #[arg(long, default_value = "navi10", value_parser = parse_chip)]
        gpu: &'static str,
        /// Don't tell amdgpu to retry faulting accesses: show what it does of itself
        #[arg(long)]
        own_retries: bool,
        /// Leave the guest with rmcp running, for a look around
        #[arg(long)]
        keep: bool,
    },
    /// Run the scenarios whose names contain one of the filters, or, of the long ones, begin with it
    Test {
        /// Only with this GPU [default: each scenario's own]
        #[arg(long, value_parser = parse_chip)]
        gpu: Option<&'static str>,
        /// The long ones too, which otherwise run only when a filter begins their names
        #[arg(long)]
        all: bool,
        /// Parts of names
        filters: Vec<String>,
    },
    /// Boot every GPU that can be emulated, and show what the driver does with rmcp and without
    Chips {
        /// Only these
        #[arg(value_parser = parse_chip)]
        chips: Vec<&'static str>,
    },
    /// Run scenarios on every kernel of kernels.toml, and write a table of what became of them
    Matrix {
        /// Only these kernels, by their names: 7.2.12,7.3.4
        #[arg(long, value_delimiter = ',')]
        kernels: Vec<String>,
        /// With these GPUs [default: navi10,navi21]
        #[arg(long, value_delimiter = ',', value_parser = parse_chip)]
        chips: Vec<&'static str>,
        /// Parts of names [default: every scenario that an ordinary boot can show]
        filters: Vec<String>,
    },
    /// Look through the kernel module's source with the kernel's own rustfmt and clippy, and compare
    /// the register lists of the emulated GPU with the kernel's source
    Lint,
    /// Kill rmcp-kctl at every step of an installation and of an uninstallation, in the root
    /// filesystem without a boot, and see that both can be completed and taken away
    Interrupt,
    /// Compare the layouts that rmcp-kctl reads with what bpftool prints, for many of Debian's kernels
    Corpus {
        /// Only for the kernel of the root filesystem, without a download
        #[arg(long)]
        installed: bool,
        /// Parts of releases
        filters: Vec<String>,
    },
    /// Boot a guest and run one shell command in it
    Run {
        /// The GPU, or several: navi10,navi21
        #[arg(long, default_value = "navi10", value_delimiter = ',', value_parser = parse_chip)]
        gpu: Vec<&'static str>,
        /// What is installed in the guest
        #[arg(long, default_value = "rmcp")]
        guest: Variant,
        /// In slots that can be switched off, so that amdgpu has runtime PM
        #[arg(long)]
        runtime_pm: bool,
        /// The command
        command: String,
    },
}

fn main() -> ExitCode {
    match run(&Cli::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: &Cli) -> Result<bool> {
    progress::start();
    let checkout = Checkout::find()?;
    let kctl = match &cli.kctl {
        Some(file) => file.clone(),
        None => std::env::current_exe()?.with_file_name("rmcp-kctl"),
    };
    match &cli.command {
        Command::Demo {
            gpu,
            own_retries,
            keep,
        } => demo::run(&checkout, &kctl, gpu, *own_retries, *keep),
        Command::Test { gpu, all, filters } => scenario::run(&checkout, &kctl, *gpu, *all, filters),
        Command::Chips { chips } => scenario::chips::run(&checkout, &kctl, chips),
        Command::Matrix {
            kernels,
            chips,
            filters,
        } => matrix::run(&checkout, &kctl, kernels, chips, filters),
        Command::Lint => {
            image::lint(&checkout, &RootFs::get(&checkout)?, &kctl)?;
            println!("the module's source and the register lists: ok");
            Ok(true)
        }
        Command::Interrupt => {
            image::interrupt(&checkout, &RootFs::get(&checkout)?, &kctl)?;
            println!("interrupted installations: ok");
            Ok(true)
        }
        Command::Corpus { installed, filters } => {
            corpus::run(&checkout, &kctl, *installed, filters)
        }
        Command::Run {
            gpu,
            guest,
            runtime_pm,
            command,
        } => {
            let bench = Bench::prepare(&checkout, &RootFs::get(&checkout)?, &kctl, [*guest])?;
            let boot = Boot {
                chips: gpu.clone(),
                variant: *guest,
                before_init: None,
                own_retries: false,
                runtime_pm: *runtime_pm,
            };
            let mut vm = Vm::boot(&bench, &boot)?;
            let output = vm.guest.run(command).context("the command")?;
            print!("{}", output.stdout);
            eprint!("{}", output.stderr);
            Ok(output.status == 0)
        }
    }
}

fn parse_chip(name: &str) -> Result<&'static str, String> {
    rmcp_vgpu::chip(name).map(|chip| chip.name).ok_or_else(|| {
        let known: Vec<_> = rmcp_vgpu::CHIPS.iter().map(|chip| chip.name).collect();
        format!("the emulated GPU can be: {}", known.join(", "))
    })
}
