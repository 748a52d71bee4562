// SPDX-License-Identifier: MIT

//! Changes to the system: a list of steps first, then each of them done atomically, and all of them
//! taken back when a later one fails.

use crate::dkms;
use crate::initramfs;
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
    /// Rebuild a kernel's initramfs, and see by listing it that it is in order.
    Initramfs {
        /// The kernel's release.
        release: String,
        /// The program that rebuilds it, and its arguments.
        command: Vec<String>,
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
            Self::Initramfs { release, command } => format!(
                "run {}  (the initramfs of {release}), and list what is in it",
                command.join(" ")
            ),
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
    /// Put back what was moved aside.
    Rename {
        from: PathBuf,
        to: PathBuf,
    },
    Run(Vec<String>),
    /// Rebuild an initramfs, once everything else is as it was.
    Rebuild(Vec<String>),
}

/// Prints the steps.
pub fn print(terminal: &Terminal, steps: &[Step]) {
    for (i, step) in steps.iter().enumerate() {
        terminal.line(Tone::Plain, &format!("  {}. {}", i + 1, step.describe()));
    }
}

/// Asks whether to go on.
///
/// # Errors
///
/// When the answer is no, or nobody can be asked.
pub fn confirm(terminal: &Terminal, yes: bool) -> Result<()> {
    if yes {
        return Ok(());
    }
    if !std::io::stdin().is_terminal() {
        bail!("nothing was changed: nobody can be asked here; give --yes, or --dry-run to see the steps");
    }
    terminal.progress("Go on? [y/N]");
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    if !matches!(answer.trim(), "y" | "Y" | "yes") {
        bail!("nothing was changed");
    }
    Ok(())
}

/// Does the steps in their order. When one fails, those done are taken back, last first.
///
/// # Errors
///
/// The failure of a step; what could not be taken back is reported as progress.
pub fn execute(terminal: &Terminal, root: &Root, steps: &[Step]) -> Result<()> {
    let mut undos = Vec::new();
    for (i, step) in steps.iter().enumerate() {
        terminal.progress(&format!("[{}/{}] {}", i + 1, steps.len(), step.describe()));
        match execute_one(terminal, root, step) {
            Ok(undo) => undos.extend(undo),
            Err(error) => {
                // A failed rebuild may have left a new image all the same.
                if let Step::Initramfs { command, .. } = step {
                    undos.push(Undo::Rebuild(command.clone()));
                }
                show_dkms_log(terminal, root);
                terminal.progress("failed; taking back what was done");
                take_all_back(terminal, undos);
                return Err(error);
            }
        }
    }
    for undo in undos {
        // What was moved aside is not needed any more.
        if let Undo::Rename { from, .. } = undo {
            remove(&from)?;
        }
    }
    Ok(())
}

/// DKMS writes the reason of a failure to a log that goes when the package is taken back.
fn show_dkms_log(terminal: &Terminal, root: &Root) {
    const LAST_LINES: usize = 30;
    if let Ok(Some(log)) = root.read(dkms::LOG) {
        let lines: Vec<&str> = log.lines().collect();
        terminal.progress(&format!("the last lines of {}:", dkms::LOG));
        for line in &lines[lines.len().saturating_sub(LAST_LINES)..] {
            terminal.progress(&format!("  {line}"));
        }
    }
}

fn take_all_back(terminal: &Terminal, undos: Vec<Undo>) {
    // An initramfs is made from everything else, so it comes last.
    let (rebuilds, others): (Vec<Undo>, Vec<Undo>) = undos
        .into_iter()
        .partition(|undo| matches!(undo, Undo::Rebuild(_)));
    for undo in others.into_iter().rev().chain(rebuilds) {
        if let Err(error) = take_back(terminal, undo) {
            terminal.progress(&format!("could not be taken back: {error:#}"));
        }
    }
}

/// Does one step; the answer is how to take it back.
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
        Step::Source { path } => Some(write_source(&root.path(path))?),
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
        Step::Initramfs { release, command } => {
            run(terminal, "rebuilding the initramfs", command)?;
            initramfs::verify(root, release)?;
            Some(Undo::Rebuild(command.clone()))
        }
    })
}

/// Puts the module's source at the directory; what was there is moved aside.
fn write_source(directory: &Path) -> Result<Undo> {
    if directory.join(".git").exists() {
        bail!(
            "{} is a git checkout, not what rmcp-kctl wrote there: move it away first",
            directory.display()
        );
    }
    let new = with_suffix(directory, ".rmcp-new");
    remove(&new)?;
    for file in source::FILES {
        write_atomically(&new.join(file.path), file.text.as_bytes(), file.mode)?;
    }
    let undo = if directory.exists() {
        let old = with_suffix(directory, ".rmcp-old");
        remove(&old)?;
        fs::rename(directory, &old)
            .with_context(|| format!("cannot move {} aside", directory.display()))?;
        Undo::Rename {
            from: old,
            to: directory.to_owned(),
        }
    } else {
        Undo::Delete(directory.to_owned())
    };
    fs::rename(&new, directory).with_context(|| format!("cannot make {}", directory.display()))?;
    Ok(undo)
}

fn take_back(terminal: &Terminal, undo: Undo) -> Result<()> {
    match undo {
        Undo::Restore { path, bytes, mode } => write_atomically(&path, &bytes, mode),
        Undo::Delete(path) => remove(&path),
        Undo::Rename { from, to } => {
            remove(&to)?;
            fs::rename(&from, &to).with_context(|| format!("cannot restore {}", to.display()))
        }
        Undo::Run(command) | Undo::Rebuild(command) => run(terminal, "taking back", &command),
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

        // An older source comes back as it was.
        let source = at("src/rmcp-1.0");
        fs::create_dir_all(&source).unwrap();
        fs::write(source.join("older"), "x").unwrap();
        execute_in(directory.path(), &steps).unwrap_err();
        assert_eq!(fs::read_to_string(source.join("older")).unwrap(), "x");
        assert!(!source::is_in(&source));

        execute_in(directory.path(), &steps[..3]).unwrap();
        assert_eq!(fs::read_to_string(at("old")).unwrap(), "after");
        assert!(source::is_in(&at("src/rmcp-1.0")));
        assert_eq!(fs::read_dir(at("src")).unwrap().count(), 1);
    }

    #[test]
    fn a_checkout_is_never_replaced() {
        let directory = tempfile::tempdir().unwrap();
        let git = directory.path().join("src/rmcp-1.0/.git");
        fs::create_dir_all(&git).unwrap();
        let step = Step::Source {
            path: "/src/rmcp-1.0".to_owned(),
        };
        execute_in(directory.path(), &[step]).unwrap_err();
        assert!(git.exists());
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
