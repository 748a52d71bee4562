// SPDX-License-Identifier: MIT

//! What a package of rmcp holds besides the command, made by the command itself: `completions`,
//! `man` and `source`.

use super::Exit;
use crate::cli::{self, Cli};
use crate::source;
use crate::steps;
use anyhow::Result;
use clap::CommandFactory;
use clap_mangen::Man;
use std::io::{self, Write};
use std::path::Path;

/// Prints a shell's completions.
///
/// # Errors
///
/// When they cannot be written.
pub fn completions(args: &cli::Completions) -> Result<Exit> {
    let mut command = Cli::command();
    let name = command.get_name().to_owned();
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command, &name, &mut script);
    // For bash, clap_complete 4.6 names a subcommand in two ways when the command has a hyphen
    // (clap issue 6421), so that its options would not be found.
    let (wrong, right) = (name.replace('-', "__subcmd__"), name.replace('-', "__"));
    let script = String::from_utf8_lossy(&script).replace(&wrong, &right);
    print(script.as_bytes())
}

/// Prints the first manual page, or writes all of them.
///
/// # Errors
///
/// When they cannot be written.
pub fn man(args: &cli::Man) -> Result<Exit> {
    let mut command = Cli::command();
    command.build();
    match &args.output {
        Some(directory) => pages(&command, directory)?,
        None => return print(&page(&command)?),
    }
    Ok(Exit::Success)
}

/// Writes the module's source as DKMS takes it.
///
/// # Errors
///
/// When it cannot be written.
pub fn source(args: &cli::Source) -> Result<Exit> {
    for file in source::FILES {
        let path = args.output.join(file.path);
        steps::write_atomically(&path, file.text.as_bytes(), file.mode)?;
    }
    Ok(Exit::Success)
}

/// Writes the page of a command and those of its subcommands.
fn pages(command: &clap::Command, directory: &Path) -> Result<()> {
    let name = format!("{}.1", name(command));
    steps::write_atomically(&directory.join(name), &page(command)?, 0o644)?;
    command
        .get_subcommands()
        .filter(|subcommand| subcommand.get_name() != "help")
        .try_for_each(|subcommand| pages(subcommand, directory))
}

/// Such as rmcp-kctl-status.
fn name(command: &clap::Command) -> String {
    let name = command.get_display_name();
    name.unwrap_or(command.get_name()).to_owned()
}

fn page(command: &clap::Command) -> io::Result<Vec<u8>> {
    let mut text = b".\\\" SPDX-License-Identifier: MIT\n".to_vec();
    Man::new(command.clone())
        .title(name(command))
        .source(format!("rmcp {}", env!("CARGO_PKG_VERSION")))
        .manual("rmcp")
        .render(&mut text)
        .map(|()| text)
}

/// A reader that went away is not an error.
fn print(text: &[u8]) -> Result<Exit> {
    match io::stdout().write_all(text) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(Exit::Success),
    }
}
