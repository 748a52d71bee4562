// SPDX-License-Identifier: MIT

//! Running other programs: their output captured, or their last lines shown when they fail.

use crate::report::Terminal;
use anyhow::{bail, Context, Result};
use rustix::pipe::{pipe_with, PipeFlags};
use rustix::process::{kill_process_group, Pid, Signal};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;
use signal_hook::iterator::Signals;
use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::FileExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

/// Where administrators' programs are, whatever PATH a hook was started with.
pub const HOOKS_PATH: [&str; 6] = [
    "/usr/local/sbin",
    "/usr/local/bin",
    "/usr/sbin",
    "/usr/bin",
    "/sbin",
    "/bin",
];

/// The directories of PATH, then the usual ones.
fn search_path() -> Vec<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(HOOKS_PATH.iter().map(PathBuf::from))
        .collect()
}

/// The same for the programs that are run: they look for others in turn.
fn set_path(command: &mut Command) {
    if let Ok(path) = std::env::join_paths(search_path()) {
        command.env("PATH", path);
    }
}

/// A program by name; `None` when it is not installed.
pub fn find(name: &str) -> Option<PathBuf> {
    find_all(name).into_iter().next()
}

/// Every program of that name, in the order of the search path, and each once: directories may be
/// links to others.
pub fn find_all(name: &str) -> Vec<PathBuf> {
    let mut seen = BTreeSet::new();
    search_path()
        .into_iter()
        .map(|directory| directory.join(name))
        .filter(|path| path.is_file())
        .filter(|path| {
            let directory = path.parent().unwrap_or(path);
            seen.insert(directory.canonicalize().unwrap_or(directory.to_owned()))
        })
        .collect()
}

/// Whether a program is where a hook of the package manager finds it, whatever its PATH.
pub fn is_for_hooks(name: &str) -> bool {
    let path = |directory: &str| Path::new(directory).join(name);
    HOOKS_PATH.iter().any(|directory| path(directory).is_file())
}

/// A program's standard output; an error when it cannot be run or fails.
///
/// # Errors
///
/// With the program's own error output.
pub fn capture(program: &Path, arguments: &[&str]) -> Result<String> {
    let mut command = Command::new(program);
    set_path(&mut command);
    let output = command
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot run {}", program.display()))?;
    if !output.status.success() {
        bail!(
            "{} {} failed ({}): {}",
            program.display(),
            arguments.join(" "),
            output.status,
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Runs a program whose output only matters when it fails, and says how long it took.
///
/// # Errors
///
/// When it cannot be run or fails; with its last lines.
pub fn run(terminal: &Terminal, what: &str, command: &mut Command) -> Result<()> {
    /// Enough to see the error, not the whole log.
    const LAST_LINES: usize = 30;
    terminal.progress(&format!("{what} ..."));
    let started = Instant::now();
    command.stdin(Stdio::null());
    let name = format!("{command:?}");
    set_path(command);
    if terminal.verbose() {
        // Standard output is the result's.
        command.stdout(std::io::stderr());
        let status = command
            .status()
            .with_context(|| format!("cannot run {name}"))?;
        if !status.success() {
            bail!("{what}: {name} failed ({status})");
        }
    } else {
        let output = with_heartbeat(terminal, what, started, || command.output())
            .with_context(|| format!("cannot run {name}"))?;
        if !output.status.success() {
            let text = [output.stdout, output.stderr].concat();
            let text = String::from_utf8_lossy(&text);
            let lines: Vec<&str> = text.lines().collect();
            let last = lines[lines.len().saturating_sub(LAST_LINES)..].join("\n  ");
            bail!(
                "{what}: {name} failed ({}); its last lines:\n  {last}",
                output.status
            );
        }
    }
    terminal.progress(&format!(
        "{what}: done in {} s",
        started.elapsed().as_secs()
    ));
    Ok(())
}

/// An empty log, to write and to read what is in it.
///
/// # Errors
///
/// When it cannot be made.
pub fn new_log(path: &Path) -> Result<File> {
    let mut options = File::options();
    let log = options.read(true).write(true).create(true).truncate(true);
    log.open(path)
        .with_context(|| format!("cannot write {}", path.display()))
}

/// Runs a program whose output goes to a log, and says how far it is: on a terminal in one line that is
/// written over, else every now and then. Whether it ended well.
///
/// # Errors
///
/// When it cannot be run.
pub fn run_logged(
    terminal: &Terminal,
    what: &str,
    program: &Path,
    arguments: &[String],
    log: &File,
) -> Result<bool> {
    const SOON: Duration = Duration::from_millis(200);
    const EVERY: Duration = Duration::from_secs(20);
    let failed = || format!("cannot run {}", program.display());
    let started = Instant::now();
    terminal.progress(&format!("{what} ..."));
    let mut command = Command::new(program);
    set_path(&mut command);
    let mut child = command
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(log.try_clone().with_context(failed)?)
        .stderr(log.try_clone().with_context(failed)?)
        .spawn()
        .with_context(failed)?;
    let seconds = || started.elapsed().as_secs();
    let rewrites = terminal.rewrites_progress();
    let mut told = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().with_context(failed)? {
            break status;
        }
        thread::sleep(SOON);
        if rewrites {
            terminal.progress_again(&format!("{what}: {} s{}", seconds(), percent(log)));
        } else if told.elapsed() >= EVERY {
            told = Instant::now();
            terminal.progress(&format!("{what}: {} s{}", seconds(), percent(log)));
        }
    };
    let end = if status.success() { "done" } else { "failed" };
    if rewrites {
        terminal.progress_again("");
    }
    terminal.progress(&format!("{what}: {end} in {} s", seconds()));
    Ok(status.success())
}

/// How far make says that it is, in its last lines.
fn percent(log: &File) -> String {
    // Longer than the command of one compilation, which may stand between.
    const LAST: u64 = 64 << 10;
    let end = log.metadata().map_or(0, |metadata| metadata.len());
    let mut bytes = vec![0; LAST as usize];
    let read = log
        .read_at(&mut bytes, end.saturating_sub(LAST))
        .unwrap_or(0);
    let percent = last_percent(&String::from_utf8_lossy(&bytes[..read]));
    percent.map_or_else(String::new, |percent| format!(", {percent}"))
}

/// 42% of the last line that begins with `[ 42%]`.
fn last_percent(text: &str) -> Option<String> {
    let mut lines = text.lines().rev();
    lines.find_map(|line| {
        let (percent, _) = line.strip_prefix('[')?.split_once("%]")?;
        let percent: u8 = percent.trim().parse().ok()?;
        Some(format!("{percent}%"))
    })
}

/// Does long work, and says every now and then that it goes on.
fn with_heartbeat<T: Send>(
    terminal: &Terminal,
    what: &str,
    started: Instant,
    work: impl FnOnce() -> T + Send,
) -> T {
    const EVERY: Duration = Duration::from_secs(20);
    let (done, wait) = mpsc::channel::<()>();
    thread::scope(|scope| {
        scope.spawn(move || {
            // Ends when the other side is dropped.
            while wait.recv_timeout(EVERY) == Err(RecvTimeoutError::Timeout) {
                terminal.progress(&format!("{what}: {} s", started.elapsed().as_secs()));
            }
        });
        let result = work();
        drop(done);
        result
    })
}

/// Runs a program for so long at most, with nothing to read; how it ended, and all that it printed. All
/// of its group ends when this process is asked to.
///
/// # Errors
///
/// When it cannot be run, or did not end before it was killed.
pub fn run_within(
    command: &mut Command,
    longest: Duration,
    asked_to_end: &AtomicBool,
) -> Result<(ExitStatus, String)> {
    const EVERY: Duration = Duration::from_millis(50);
    let name = command.get_program().to_string_lossy().into_owned();
    let (output, input) = pipe_with(PipeFlags::CLOEXEC).context("cannot make a pipe")?;
    command
        .stdin(Stdio::null())
        .stdout(input.try_clone().context("cannot make a pipe")?)
        .stderr(input)
        .process_group(0);
    let child = command.spawn();
    // The pipe's end is the program's alone.
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = child.with_context(|| format!("cannot run {name}"))?;
    let (done, read) = mpsc::channel();
    thread::spawn(move || {
        let mut text = Vec::new();
        let _ = File::from(output).read_to_end(&mut text);
        let _ = done.send(text);
    });
    let until = Instant::now() + longest;
    let text = loop {
        if let Ok(text) = read.recv_timeout(EVERY) {
            break text;
        }
        let asked = asked_to_end.load(Ordering::Relaxed);
        if asked || Instant::now() >= until {
            let _ = kill_process_group(Pid::from_child(&child), Signal::KILL);
            // It may be in the kernel for ever: nobody waits for it long.
            for _ in 0..20 {
                if !matches!(child.try_wait(), Ok(None)) {
                    break;
                }
                thread::sleep(EVERY);
            }
            match asked {
                true => bail!("{name} was ended"),
                false => bail!("{name} did not end in {} s", longest.as_secs()),
            }
        }
    };
    let status = child
        .wait()
        .with_context(|| format!("cannot wait for {name}"))?;
    Ok((status, String::from_utf8_lossy(&text).into_owned()))
}

/// Becomes true when this process is asked to end.
///
/// # Errors
///
/// When signals cannot be caught.
pub fn asked_to_end() -> Result<Arc<AtomicBool>> {
    let asked = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        flag::register(signal, asked.clone()).context("cannot catch Ctrl-C")?;
    }
    Ok(asked)
}

/// Gets something when this process is asked to end.
///
/// # Errors
///
/// When signals cannot be caught.
pub fn interrupts() -> Result<Receiver<()>> {
    let mut signals = Signals::new([SIGINT, SIGTERM]).context("cannot catch Ctrl-C")?;
    let (send, receive) = mpsc::channel();
    thread::spawn(move || {
        if signals.forever().next().is_some() {
            let _ = send.send(());
        }
    });
    Ok(receive)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn how_far_make_is_stands_in_its_lines() {
        let log = "[  5%] Building a\n[ 42%] Building b\nwarning: x\n[x%] y\n";
        assert_eq!(last_percent(log).as_deref(), Some("42%"));
        assert_eq!(last_percent("[100%]").as_deref(), Some("100%"));
        assert_eq!(last_percent("[ 999%] x\n["), None);
        let directory = tempfile::tempdir().unwrap();
        let mut file = new_log(&directory.path().join("log")).unwrap();
        assert_eq!(percent(&file), "");
        file.write_all(log.as_bytes()).unwrap();
        assert_eq!(percent(&file), ", 42%");
    }

    #[test]
    fn what_runs_too_long_is_killed() {
        let shell = |script: &str, longest| {
            let mut command = Command::new("sh");
            let longest = Duration::from_millis(longest);
            run_within(
                command.args(["-c", script]),
                longest,
                &AtomicBool::new(false),
            )
        };
        let (status, text) = shell("echo out; echo err >&2; exit 3", 60_000).unwrap();
        assert_eq!((status.code(), text.as_str()), (Some(3), "out\nerr\n"));
        let started = Instant::now();
        let error = shell("sleep 60; echo no", 300).unwrap_err();
        assert!(error.to_string().contains("did not end"), "{error}");
        assert!(started.elapsed() < Duration::from_secs(30));
    }
}
