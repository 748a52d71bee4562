// SPDX-License-Identifier: MIT

//! The command `rmcp-kctl`: parses, dispatches, and turns the outcome into an exit code.

#![forbid(unsafe_code)]

use clap::Parser;
use rmcp_kctl::cli::{Cli, Command};
use rmcp_kctl::commands;
use rmcp_kctl::report::Terminal;
use rmcp_kctl::root::Root;
use std::process::ExitCode;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let _ = error.print();
            // clap's own 2 means "not in effect" here.
            let exit = if error.use_stderr() {
                commands::Exit::Error
            } else {
                commands::Exit::Success
            };
            return exit.into();
        }
    };
    let root = Root::new(&cli.global.root);
    let terminal = Terminal::new(&cli.global);
    let outcome = match &cli.command {
        Command::Status(args) => commands::status::run(&root, &terminal, args),
        Command::Detect(args) => commands::detect::run(&root, &terminal, args),
        Command::Doctor(args) => commands::doctor::run(&root, &terminal, args),
        Command::Env(args) => commands::env::run(&root, &terminal, args),
        Command::Verify(args) => commands::verify::run(&root, &terminal, args),
        Command::Faults(args) => commands::faults::run(&root, &terminal, args),
        Command::Install(args) => commands::install::run(&root, &terminal, args),
        Command::Uninstall(args) => commands::uninstall::run(&root, &terminal, args),
        Command::Params(what) => commands::params::run(&root, &terminal, what),
        Command::Run(args) => Ok(commands::run::run(&root, &terminal, args)),
        Command::Selftest => commands::selftest::run(&root, &terminal),
        Command::Rocm(what) => commands::rocm::run(&root, &terminal, what),
        Command::Layout(args) => commands::layout::run(&root, &terminal, args),
        Command::Prepare(args) => commands::prepare::run(&root, &terminal, args),
        Command::Completions(args) => commands::packaging::completions(args),
        Command::Man(args) => commands::packaging::man(args),
        Command::Source(args) => commands::packaging::source(args),
    };
    match outcome {
        Ok(code) => code.into(),
        Err(error) => {
            terminal.error(&error);
            commands::Exit::Error.into()
        }
    }
}
