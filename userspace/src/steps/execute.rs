// SPDX-License-Identifier: MIT

//! Doing the steps, and taking them back.

use super::files::{remove, write_atomically};
use super::journal::{Journal, Progress, State, Work};
use super::{source_tree, Step};
use crate::dkms;
use crate::initramfs;
use crate::process;
use crate::report::Terminal;
use crate::root::Root;
use anyhow::{bail, Context, Result};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;

/// How to take a step back.
enum Undo {
    Restore {
        path: PathBuf,
        bytes: Vec<u8>,
        mode: u32,
    },
    Delete(PathBuf),
    /// Put back what was moved.
    Rename {
        from: PathBuf,
        to: PathBuf,
        /// Whether it was only moved until the end.
        aside: bool,
    },
    Run(Vec<String>),
    /// Rebuild an initramfs, once everything else is as it was.
    Rebuild(Vec<String>),
}

/// Does the steps in their order and writes down how far it is. When one of an installation fails,
/// or somebody asks to stop, those done are taken back, last first. An uninstallation stays where it
/// is: it goes on with the next one.
///
/// # Errors
///
/// The failure of a step; what could not be taken back is reported as progress.
pub fn execute(terminal: &Terminal, root: &Root, work: Work, steps: &[Step]) -> Result<()> {
    // A journal that cannot be read is replaced: what is planned does not rest on it.
    let before = Journal::read(root).unwrap_or_default();
    let mut journal = Journal::new(work, steps, before.as_ref());
    let stop = Stop::listen()?;
    journal.write(root).context("nothing was changed")?;
    let mut undos = Vec::new();
    let outcome = do_all(terminal, root, &stop, &mut journal, &mut undos);
    match (outcome, work) {
        (Ok(()), _) => {
            for undo in undos {
                if let Undo::Rename {
                    from, aside: true, ..
                } = undo
                {
                    remove(&from)?;
                }
            }
            Ok(())
        }
        (Err(error), Work::Uninstall) => {
            terminal.progress("failed; 'rmcp-kctl uninstall' goes on from here");
            Err(error)
        }
        (Err(error), Work::Install) => {
            show_dkms_log(terminal, root);
            terminal.progress("failed; taking back what was done");
            journal.state = State::TakingBack;
            // Taking back frees what a full disk lacks for it.
            let _ = journal.write(root);
            if take_all_back(terminal, undos) {
                forget(terminal, root, before.as_ref());
            }
            Err(error)
        }
    }
}

/// Does one step and writes nothing down.
///
/// # Errors
///
/// When it fails.
pub fn execute_one(terminal: &Terminal, root: &Root, step: &Step) -> Result<()> {
    terminal.progress(&step.describe());
    do_one(terminal, root, step).map(drop)
}

/// The system is as it was, and so is what is written down of it.
fn forget(terminal: &Terminal, root: &Root, before: Option<&Journal>) {
    let forgotten = match before {
        Some(before) => before.write(root),
        None => Journal::remove(root),
    };
    if let Err(error) = forgotten {
        terminal.progress(&format!("could not be written down: {error:#}"));
    }
}

fn do_all(
    terminal: &Terminal,
    root: &Root,
    stop: &Stop,
    journal: &mut Journal,
    undos: &mut Vec<Undo>,
) -> Result<()> {
    let count = journal.steps.len();
    for i in 0..count {
        let step = journal.steps[i].step.clone();
        terminal.progress(&format!("[{}/{count}] {}", i + 1, step.describe()));
        stop.check()?;
        journal.steps[i].progress = Progress::Begun;
        journal.write(root)?;
        match do_one(terminal, root, &step) {
            Ok(undo) => undos.extend(undo),
            Err(error) => {
                // A failed rebuild may have left a new image all the same.
                if let Step::Initramfs { command, .. } = &step {
                    undos.push(Undo::Rebuild(command.clone()));
                }
                return Err(error);
            }
        }
        if matches!(&step, Step::Remove { path } if path == super::DIRECTORY) {
            // The last one of an uninstallation: the journal is gone.
            return Ok(());
        }
        // Other programs do not see to it that what they wrote outlives a power cut.
        rustix::fs::sync();
        journal.steps[i].progress = Progress::Done;
        if let Step::Source { path, .. } = &step {
            let written = source_tree::fingerprint(&root.path(path)).unwrap_or_default();
            journal.written.insert(path.clone(), written);
        }
        journal.write(root)?;
    }
    stop.check()?;
    journal.state = State::Done;
    journal.write(root)
}

/// Whether somebody has asked to stop, with Ctrl-C or a termination. The programs that are run are
/// asked in the same way, and end the step that is under way.
struct Stop(Arc<AtomicBool>);

impl Stop {
    fn listen() -> Result<Self> {
        let flag = Arc::new(AtomicBool::new(false));
        for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
            signal_hook::flag::register(signal, Arc::clone(&flag))?;
        }
        Ok(Self(flag))
    }

    fn check(&self) -> Result<()> {
        if self.0.swap(false, Ordering::Relaxed) {
            bail!("stopped, as asked");
        }
        Ok(())
    }
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

/// Whether all was taken back.
fn take_all_back(terminal: &Terminal, undos: Vec<Undo>) -> bool {
    // An initramfs is made from everything else, so it comes last.
    let (rebuilds, others): (Vec<Undo>, Vec<Undo>) = undos
        .into_iter()
        .partition(|undo| matches!(undo, Undo::Rebuild(_)));
    let mut all = true;
    for undo in others.into_iter().rev().chain(rebuilds) {
        if let Err(error) = take_back(terminal, undo) {
            terminal.progress(&format!("could not be taken back: {error:#}"));
            all = false;
        }
    }
    all
}

/// Does one step; the answer is how to take it back.
fn do_one(terminal: &Terminal, root: &Root, step: &Step) -> Result<Option<Undo>> {
    Ok(match step {
        Step::Packages { command } => {
            run(terminal, "installing packages", command)?;
            None
        }
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
        Step::Source { path, keep } => {
            let directory = root.path(path);
            let keep = keep.as_ref().map(|keep| root.path(keep));
            let replaced = source_tree::write(&directory, keep.as_deref())?;
            Some(replaced.before.map_or_else(
                || Undo::Delete(directory.clone()),
                |before| Undo::Rename {
                    from: before,
                    to: directory.clone(),
                    aside: keep.is_none(),
                },
            ))
        }
        Step::Keep { path, to } => {
            let (from, to) = (root.path(path), root.path(to));
            source_tree::rename(&from, &to)?;
            Some(Undo::Rename {
                from: to,
                to: from,
                aside: false,
            })
        }
        Step::Remove { path } => {
            let is_source = path == dkms::SOURCE;
            let path = root.path(path);
            if is_source {
                source_tree::take_away(&path)?;
            } else {
                remove(&path)?;
            }
            None
        }
        Step::Dkms(action) => {
            run(terminal, &action.to_string(), &action.command())?;
            action.undo().map(|undo| Undo::Run(undo.command()))
        }
        Step::Initramfs {
            release,
            command,
            wanted,
        } => {
            run(terminal, "rebuilding the initramfs", command)?;
            initramfs::verify(root, release, wanted)?;
            Some(Undo::Rebuild(command.clone()))
        }
        Step::Depmod { release } => {
            let command = ["depmod".to_owned(), release.clone()];
            run(terminal, "listing the kernel's modules", &command)?;
            None
        }
        Step::Unload => {
            let command = ["rmmod", "rmcp"].map(str::to_owned);
            run(terminal, "unloading rmcp", &command)?;
            None
        }
    })
}

fn take_back(terminal: &Terminal, undo: Undo) -> Result<()> {
    match undo {
        Undo::Restore { path, bytes, mode } => write_atomically(&path, &bytes, mode),
        Undo::Delete(path) if path.is_dir() => source_tree::take_away(&path),
        Undo::Delete(path) => remove(&path),
        Undo::Rename { from, to, .. } => source_tree::put_back(&from, &to),
        Undo::Run(command) | Undo::Rebuild(command) => run(terminal, "taking back", &command),
    }
}

fn run(terminal: &Terminal, what: &str, command: &[String]) -> Result<()> {
    let (program, arguments) = command.split_first().context("an empty command")?;
    let program = process::find(program)
        .with_context(|| format!("{program} was not found; install it first"))?;
    process::run(terminal, what, Command::new(program).args(arguments))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source;
    use std::path::Path;

    /// Does the steps in a tree of the test's own.
    fn execute_in(directory: &Path, work: Work, steps: &[Step]) -> Result<()> {
        let cli = <crate::cli::Cli as clap::Parser>::parse_from(["rmcp-kctl", "status"]);
        execute(
            &Terminal::new(&cli.global),
            &Root::new(directory),
            work,
            steps,
        )
    }

    fn write(path: &str, text: &str) -> Step {
        Step::Write {
            path: path.to_owned(),
            text: text.to_owned(),
            mode: 0o644,
        }
    }

    fn source(keep: Option<&str>) -> Step {
        Step::Source {
            path: "/src/rmcp-1.0".to_owned(),
            keep: keep.map(str::to_owned),
        }
    }

    /// A step that fails: there is no such package manager.
    fn fails() -> Step {
        Step::Packages {
            command: vec!["no-such-package-manager".to_owned()],
        }
    }

    fn journal(directory: &Path) -> Option<Journal> {
        Journal::read(&Root::new(directory)).unwrap()
    }

    #[test]
    fn a_failing_step_takes_the_earlier_ones_back() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        fs::write(at("old"), "before").unwrap();
        let steps = [
            write("/old", "after"),
            write("/new", "x"),
            source(None),
            fails(),
        ];
        execute_in(directory.path(), Work::Install, &steps).unwrap_err();
        assert_eq!(fs::read_to_string(at("old")).unwrap(), "before");
        assert!(!at("new").exists() && !at("src/rmcp-1.0").exists());
        assert!(!at("var/lib/rmcp").exists());

        // An older source comes back as it was.
        let older = at("src/rmcp-1.0");
        fs::create_dir_all(&older).unwrap();
        fs::write(older.join("older"), "x").unwrap();
        execute_in(directory.path(), Work::Install, &steps).unwrap_err();
        assert_eq!(fs::read_to_string(older.join("older")).unwrap(), "x");
        assert!(!source::is_in(&older));

        execute_in(directory.path(), Work::Install, &steps[..3]).unwrap();
        assert_eq!(fs::read_to_string(at("old")).unwrap(), "after");
        assert!(source::is_in(&older));
        assert_eq!(fs::read_dir(at("src")).unwrap().count(), 1);
        let done = journal(directory.path()).unwrap();
        assert_eq!((done.state, done.interruption()), (State::Done, None));

        // What a failing one had found written down is written down again.
        execute_in(directory.path(), Work::Install, &steps).unwrap_err();
        assert_eq!(journal(directory.path()), Some(done));
    }

    #[test]
    fn what_a_user_changed_is_kept() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        fs::create_dir_all(at("src/rmcp-1.0")).unwrap();
        fs::write(at("src/rmcp-1.0/mine"), "x").unwrap();
        let steps = [source(Some("/src/rmcp-1.0.kept-1"))];
        execute_in(directory.path(), Work::Install, &steps).unwrap();
        assert!(source::is_in(&at("src/rmcp-1.0")));
        assert_eq!(
            fs::read_to_string(at("src/rmcp-1.0.kept-1/mine")).unwrap(),
            "x"
        );
    }

    #[test]
    fn an_uninstallation_that_fails_stays_where_it_is() {
        let directory = tempfile::tempdir().unwrap();
        let steps = [write("/a", "x"), fails(), write("/b", "x")];
        execute_in(directory.path(), Work::Uninstall, &steps).unwrap_err();
        assert!(directory.path().join("a").exists());
        let journal = journal(directory.path()).unwrap();
        assert_eq!(journal.begun(), Some(&fails()));
        assert_eq!(journal.unfinished().count(), 2);
    }

    #[test]
    fn the_last_step_of_an_uninstallation_takes_the_journal_along() {
        let directory = tempfile::tempdir().unwrap();
        let step = Step::Remove {
            path: super::super::DIRECTORY.to_owned(),
        };
        execute_in(directory.path(), Work::Uninstall, &[step]).unwrap();
        assert!(!directory.path().join("var/lib/rmcp").exists());
    }

    #[test]
    fn a_checkout_is_never_replaced() {
        let directory = tempfile::tempdir().unwrap();
        let git = directory.path().join("src/rmcp-1.0/.git");
        fs::create_dir_all(&git).unwrap();
        execute_in(directory.path(), Work::Install, &[source(None)]).unwrap_err();
        assert!(git.exists());
    }

    #[test]
    fn removing_what_is_not_there_is_no_error() {
        let directory = tempfile::tempdir().unwrap();
        let step = Step::Remove {
            path: "/nothing".to_owned(),
        };
        execute_in(directory.path(), Work::Uninstall, &[step]).unwrap();
    }
}
