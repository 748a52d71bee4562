// SPDX-License-Identifier: MIT
//! Command line of the emulated GPU: serve one to QEMU, write its placeholder firmware, list chips.

#![forbid(unsafe_code)]

use std::fs::File;
use std::path::PathBuf;

use anyhow::{bail, Context, Result};
use clap::{Args, Parser, Subcommand};
use rmcp_vgpu::{chip, firmware, Chip, Gpu, Hub, Role, CHIPS};

/// An emulated RDNA GPU for QEMU's vfio-user-pci.
#[derive(Parser)]
#[command(version, args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: Option<Serve>,
}

#[derive(Subcommand)]
enum Command {
    /// Write the placeholder firmware files into DIR.
    Firmware {
        #[arg(long, value_parser = parse_chip)]
        chip: &'static Chip,
        dir: PathBuf,
    },
    /// List the chips the model can be.
    Chips,
}

#[derive(Args)]
struct Serve {
    /// The chip to be.
    #[arg(long, value_parser = parse_chip)]
    chip: &'static Chip,
    /// Socket for QEMU's vfio-user-pci device; must not exist yet.
    #[arg(long)]
    socket: PathBuf,
    /// File for a line per register access.
    #[arg(long)]
    log: Option<PathBuf>,
}

fn main() -> Result<()> {
    let cli = Cli::parse();
    match (cli.command, cli.serve) {
        (Some(Command::Firmware { chip, dir }), _) => {
            for path in firmware::write(chip, &dir)? {
                println!("{}", path.display());
            }
        }
        (Some(Command::Chips), _) => {
            for chip in CHIPS {
                println!(
                    "{:<16} 1002:{:04x}  GC {:<8} {}",
                    chip.name, chip.device_id, chip.versions.gc, chip.description
                );
                if chip.role == Role::Control {
                    println!("{:16} not one that rmcp guards", "");
                }
                if let Some(obstacle) = chip.obstacle {
                    println!("{:16} {obstacle}", "");
                }
            }
        }
        (None, Some(options)) => serve(&options)?,
        (None, None) => bail!("give --chip and --socket, or a command; see --help"),
    }
    Ok(())
}

fn parse_chip(name: &str) -> Result<&'static Chip, String> {
    chip(name).ok_or_else(|| {
        let known: Vec<_> = CHIPS.iter().map(|chip| chip.name).collect();
        format!("the chips are: {}", known.join(", "))
    })
}

fn serve(options: &Serve) -> Result<()> {
    let mut gpu = Gpu::new(options.chip)?;
    if let Some(path) = &options.log {
        let file = File::create(path).with_context(|| format!("cannot make {}", path.display()))?;
        gpu = gpu.with_log(Box::new(file));
    }
    gpu.serve(&options.socket)?;
    report(&gpu);
    Ok(())
}

/// What the driver wrote to the VM contexts, and which registers it used that have no name.
fn report(gpu: &Gpu) {
    for (hub, name) in [(Hub::Gfx, "GCVM"), (Hub::Mm, "MMVM")] {
        for context in 0..gpu.context_cntl(hub).len() {
            let values: Vec<_> = gpu
                .context_cntl_history(hub, context)
                .iter()
                .map(|value| format!("{value:#010x}"))
                .collect();
            println!("{name}_CONTEXT{context}_CNTL: {}", values.join(" "));
        }
    }
    for (dword, reads, writes) in gpu.unknown_registers() {
        println!("unnamed register {dword:#07x}: reads {reads}, writes {writes}");
    }
}
