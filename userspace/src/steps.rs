// SPDX-License-Identifier: MIT

//! Changes to the system: a list of steps first, then each of them done atomically, and all of them
//! taken back when a later one fails.

use crate::process;
use crate::report::{Terminal, Tone};
use crate::root::Root;
use crate::source;
use anyhow::{bail, Context, Result};
use serde::Serialize;
use std::fs;
use std::io::{IsTerminal, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;

/// One change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "do")]
pub enum Step {
    /// Write a file.
    Write {
        /// The absolute path.
        path: String,
        /// Its text.
        #[serde(skip)]
        text: String,
        /// Its permission bits.
        mode: u32,
    },
    /// Put the module's source where DKMS expects it, in place of any other.
    Source {
        /// The absolute path of the directory.
        path: String,
    },
    /// Remove a file or a directory with all that is in it.
    Remove {
        /// The absolute path.
        path: String,
    },
    /// Run a program.
    Run {
        /// What it is for.
        what: String,
        /// The program and its arguments.
        command: Vec<String>,
        /// What takes it back.
        undo: Option<Vec<String>>,
    },
    /// See that an initramfs holds rmcp, as its tool lists it.
    VerifyInitramfs {
        /// The kernel's release.
        release: String,
    },
}

impl Step {
    /// The step as a person reads it before it is done.
    pub fn describe(&self) -> String {
        match self {
            Self::Write { path, .. } => format!("write {path}"),
            Self::Source { path } => {
                format!(
                    "write the module's source to {path} ({} files)",
                    source::FILES.len()
                )
            }
            Self::Remove { path } => format!("remove {path}"),
            Self::Run { what, command, .. } => format!("run {}  ({what})", command.join(" ")),
            Self::VerifyInitramfs { release } => {
                format!("check that the initramfs of {release} holds rmcp")
            }
        }
    }
}

/// How to take a step back.
enum Undo {
    Restore {
        path: PathBuf,
        bytes: Vec<u8>,
        mode: u32,
    },
    Delete(PathBuf),
    Run(Vec<String>),
}

/// Prints the steps.
pub fn print(terminal: &Terminal, steps: &[Step]) {
    for (i, step) in steps.iter().enumerate() {
        terminal.line(Tone::Plain, &format!("  {}. {}", i + 1, step.describe()));
    }
}

/// Asks whether to go on; without a terminal to ask on, nothing is done.
///
/// # Errors
///
/// When nobody can be asked.
pub fn confirm(terminal: &Terminal, yes: bool) -> Result<bool> {
    if yes {
        return Ok(true);
    }
    if !std::io::stdin().is_terminal() {
        bail!("nothing was changed: nobody can be asked here; give --yes, or --dry-run to see the steps");
    }
    terminal.progress("Go on? [y/N]");
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

/// Does the steps in their order. When one fails, those done are taken back, last first.
///
/// # Errors
///
/// The failure of a step, with what could not be taken back.
pub fn execute(terminal: &Terminal, root: &Root, steps: &[Step]) -> Result<()> {
    let mut undos = Vec::new();
    for (i, step) in steps.iter().enumerate() {
        terminal.progress(&format!("[{}/{}] {}", i + 1, steps.len(), step.describe()));
        match execute_one(terminal, root, step) {
            Ok(undo) => undos.extend(undo),
            Err(error) => {
                terminal.progress("failed; taking back what was done");
                for undo in undos.into_iter().rev() {
                    if let Err(also) = take_back(terminal, undo) {
                        terminal.progress(&format!("could not be taken back: {also:#}"));
                    }
                }
                return Err(error);
            }
        }
    }
    Ok(())
}

fn execute_one(terminal: &Terminal, root: &Root, step: &Step) -> Result<Option<Undo>> {
    Ok(match step {
        Step::Write { path, text, mode } => {
            let path = root.path(path);
            let before = fs::read(&path).ok().map(|bytes| Undo::Restore {
                mode: fs::metadata(&path).map_or(*mode, |m| m.permissions().mode() & 0o7777),
                path: path.clone(),
                bytes,
            });
            write_atomically(&path, text.as_bytes(), *mode)?;
            Some(before.unwrap_or(Undo::Delete(path)))
        }
        Step::Source { path } => {
            let directory = root.path(path);
            let beside = with_suffix(&directory, ".rmcp-new");
            remove(&beside)?;
            for file in source::FILES {
                write_atomically(&beside.join(file.path), file.text.as_bytes(), file.mode)?;
            }
            remove(&directory)?;
            fs::rename(&beside, &directory)
                .with_context(|| format!("cannot make {}", directory.display()))?;
            Some(Undo::Delete(directory))
        }
        Step::Remove { path } => {
            remove(&root.path(path))?;
            None
        }
        Step::Run {
            what,
            command,
            undo,
        } => {
            run(terminal, what, command)?;
            undo.clone().map(Undo::Run)
        }
        Step::VerifyInitramfs { release } => {
            crate::initramfs::verify(root, release)?;
            None
        }
    })
}

fn take_back(terminal: &Terminal, undo: Undo) -> Result<()> {
    match undo {
        Undo::Restore { path, bytes, mode } => write_atomically(&path, &bytes, mode),
        Undo::Delete(path) => remove(&path),
        Undo::Run(command) => run(terminal, "taking back", &command),
    }
}

fn run(terminal: &Terminal, what: &str, command: &[String]) -> Result<()> {
    let (program, arguments) = command.split_first().context("an empty command")?;
    let program = process::find(program)
        .with_context(|| format!("{program} was not found; install it first"))?;
    process::run(terminal, what, Command::new(program).args(arguments))
}

fn remove(path: &Path) -> Result<()> {
    let removed = match path.symlink_metadata() {
        Ok(metadata) if metadata.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) => Err(error),
    };
    match removed {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", path.display()))
        }
        _ => Ok(()),
    }
}

/// The path with something put after its last name. What looks like an extension stays: the names
/// of kernels are full of dots.
pub fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// Writes a file so that at any moment either the old or the new one is there, whole.
///
/// # Errors
///
/// When its directory cannot be made or written.
pub fn write_atomically(path: &Path, bytes: &[u8], mode: u32) -> Result<()> {
    let directory = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let name = path
        .file_name()
        .with_context(|| format!("{} names no file", path.display()))?;
    let beside = directory.join(format!(".{}.rmcp-new", name.to_string_lossy()));
    let write = || -> std::io::Result<()> {
        fs::create_dir_all(directory)?;
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(mode)
            .open(&beside)?;
        file.write_all(bytes)?;
        // The mode above is subject to the umask, and an older file keeps its own.
        file.set_permissions(fs::Permissions::from_mode(mode))?;
        file.sync_all()?;
        fs::rename(&beside, path)?;
        fs::File::open(directory)?.sync_all()
    };
    write().with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_suffix_leaves_the_dots_of_a_kernel_alone() {
        let path = with_suffix(Path::new("/a/7.2.12+deb13-amd64"), ".new");
        assert_eq!(path, Path::new("/a/7.2.12+deb13-amd64.new"));
    }

    #[test]
    fn a_written_file_is_whole_has_its_mode_and_leaves_nothing_beside() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("sub/file.conf");
        write_atomically(&path, b"one", 0o600).unwrap();
        write_atomically(&path, b"two", 0o755).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o755
        );
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }

    /// Does the steps in a tree of the test's own.
    fn execute_in(directory: &Path, steps: &[Step]) -> Result<()> {
        let cli = <crate::cli::Cli as clap::Parser>::parse_from(["rmcp-kctl", "status"]);
        execute(&Terminal::new(&cli.global), &Root::new(directory), steps)
    }

    fn write(path: &str, text: &str) -> Step {
        Step::Write {
            path: path.to_owned(),
            text: text.to_owned(),
            mode: 0o644,
        }
    }

    #[test]
    fn a_failing_step_takes_the_earlier_ones_back() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        fs::write(at("old"), "before").unwrap();
        let fails = Step::Run {
            what: "failing".to_owned(),
            command: vec!["false".to_owned()],
            undo: None,
        };
        let source = Step::Source {
            path: "/src/rmcp-1.0".to_owned(),
        };
        let steps = [write("/old", "after"), write("/new", "x"), source, fails];
        execute_in(directory.path(), &steps).unwrap_err();
        assert_eq!(fs::read_to_string(at("old")).unwrap(), "before");
        assert!(!at("new").exists() && !at("src/rmcp-1.0").exists());

        execute_in(directory.path(), &steps[..3]).unwrap();
        assert_eq!(fs::read_to_string(at("old")).unwrap(), "after");
        assert!(source::is_in(&at("src/rmcp-1.0")));
        assert_eq!(fs::read_dir(at("src")).unwrap().count(), 1);
    }

    #[test]
    fn removing_what_is_not_there_is_no_error() {
        let directory = tempfile::tempdir().unwrap();
        let step = Step::Remove {
            path: "/nothing".to_owned(),
        };
        execute_in(directory.path(), &[step]).unwrap();
    }
}
