// SPDX-License-Identifier: MIT

//! Where the kernel's log is: its device, the journal, and a file that grows. This folder and nothing
//! else in user space knows how to get at them.

mod device;
mod live;
mod tail;

pub use device::Device;
pub use live::{Live, Took};
pub use tail::Tail;

use crate::process;
use crate::root::Root;
use anyhow::{ensure, Context, Result};
use serde_json::Value;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// The kernel's own log.
const DEVICE: &str = "/dev/kmsg";
/// What is said of records that the kernel overwrote.
pub const LOST: &str =
    "the kernel overwrote lines of its log before they were read: faults may be missing";
/// How often what grows is looked at.
const PAUSE: Duration = Duration::from_millis(100);
/// How long journalctl may look for one message: on a slow disk, in many files, that takes seconds.
const LONGEST: Duration = Duration::from_secs(20);

/// When the kernel was started, in seconds after 1970; `None` when it does not say.
///
/// # Errors
///
/// When its statistics cannot be read.
pub fn booted(root: &Root) -> io::Result<Option<u64>> {
    let text = root.read("/proc/stat")?.unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("btime "));
    Ok(line.and_then(|seconds| seconds.trim().parse().ok()))
}

/// How many messages the kernel has overwritten with later ones: the number of the first that it has.
///
/// # Errors
///
/// When its log cannot be opened.
pub fn overwritten(root: &Root) -> io::Result<u64> {
    // A read yields one record.
    let mut record = [0; 8192];
    let read = Device::open(root, false)?.read(&mut record)?;
    let head = String::from_utf8_lossy(&record[..read]);
    let number = head
        .split(',')
        .nth(1)
        .and_then(|number| number.parse().ok());
    Ok(number.unwrap_or(0))
}

/// Whether the kernel overwrote records before they were read: for another than who reads them.
#[derive(Debug, Clone, Default)]
pub struct Lost(Arc<AtomicBool>);

impl Lost {
    fn note(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether it did so since this was asked last.
    pub fn take(&self) -> bool {
        self.0.swap(false, Ordering::Relaxed)
    }
}

/// The kernel's messages as journald kept them, in the form of `journalctl -o json`.
#[derive(Debug)]
pub struct Journal {
    journalctl: Arc<Mutex<Child>>,
    output: ChildStdout,
}

/// Ends journalctl when it goes: what reads its output may wait for ever.
#[derive(Debug)]
pub struct Running(Arc<Mutex<Child>>);

/// journalctl; a tree that is not the running system has its own.
fn journalctl(root: &Root) -> Result<PathBuf> {
    let program = match root.is_running_system() {
        true => process::find("journalctl"),
        false => Some(root.path("/usr/bin/journalctl")).filter(|path| path.is_file()),
    };
    program.context("journalctl is not installed: there is no journal to read")
}

/// What shows the kernel's messages; which of them is said by the options.
fn messages(program: &Path, options: &[&str]) -> Command {
    let mut command = Command::new(program);
    command
        .args([
            "--no-pager",
            "--quiet",
            "--output=json",
            "--output-fields=MESSAGE",
        ])
        .args(options)
        .arg("_TRANSPORT=kernel")
        .stdin(Stdio::null())
        .stdout(Stdio::piped());
    command
}

/// Where the last message of the kernel is in the journal; which one is said by the options. To one who
/// may not see them journalctl shows none, and succeeds.
fn last(program: &Path, options: &[&str]) -> Result<String> {
    let options = [options, &["--lines=1"]].concat();
    let (status, text) = process::run_within(
        &mut messages(program, &options),
        LONGEST,
        &AtomicBool::new(false),
    )?;
    ensure!(
        status.success(),
        "journalctl failed ({status}): {}",
        text.trim()
    );
    let cursor = text.lines().find_map(|line| {
        let entry: Value = serde_json::from_str(line).ok()?;
        Some(entry.get("__CURSOR")?.as_str()?.to_owned())
    });
    cursor.context(
        "journalctl shows no message of the kernel: the groups systemd-journal and adm may see them, \
         and the journal of a container has none",
    )
}

impl Journal {
    /// Of this boot, or of every boot since a moment, in seconds after 1970.
    ///
    /// # Errors
    ///
    /// When journalctl is not installed, cannot be run or shows nothing of the kernel.
    pub fn open(root: &Root, since: Option<u64>, follow: bool) -> Result<(Self, Running)> {
        let program = journalctl(root)?;
        let when = match since {
            Some(moment) => format!("--since=@{moment}"),
            None => "--boot".to_owned(),
        };
        // There may be none since then.
        last(&program, if since.is_some() { &[] } else { &["--boot"] })?;
        let options = [when.as_str(), "--follow", "--no-tail"];
        let options = if follow { &options[..] } else { &options[..1] };
        let mut journalctl = messages(&program, options)
            .spawn()
            .with_context(|| format!("cannot run {}", program.display()))?;
        let output = journalctl
            .stdout
            .take()
            .context("journalctl has no output")?;
        let journalctl = Arc::new(Mutex::new(journalctl));
        let running = Running(Arc::clone(&journalctl));
        Ok((Self { journalctl, output }, running))
    }
}

impl Read for Journal {
    /// Its failure is an error at the end of its output.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.output.read(buffer)?;
        if read == 0 && !buffer.is_empty() {
            let mut journalctl = self
                .journalctl
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            let status = journalctl.wait()?;
            if !status.success() {
                return Err(io::Error::other(format!("journalctl failed ({status})")));
            }
        }
        Ok(read)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let mut journalctl = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = journalctl.kill();
        let _ = journalctl.wait();
    }
}
