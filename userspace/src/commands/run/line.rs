// SPDX-License-Identifier: MIT

//! The status line of a terminal: its title, so that nothing the job prints is touched.

use crate::job::{self, Faults, Glance, Terminal};
use crate::root::Root;
use crate::sysfs::amdgpu;
use crate::variables;
use std::io::{self, IsTerminal};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::time::Duration;

const EVERY: Duration = Duration::from_secs(1);
/// How long the terminal may take to get its title back: one that Ctrl-S halts takes for ever.
const LONGEST_END: Duration = Duration::from_secs(1);

/// Terminals without a title: they would show it in the midst of the job's output.
const WITHOUT_TITLE: [&str; 3] = ["", "dumb", "linux"];

/// Keep the title on the terminal's stack, and take it from there again.
const KEEP: &str = "\x1b[22;2t";
const TAKE_BACK: &str = "\x1b[23;2t";

/// A status line that is kept up to date.
pub(super) struct StatusLine {
    stop: Sender<()>,
    over: Receiver<()>,
}

impl StatusLine {
    /// Shows it while the job has the terminal; `None` where there is none to show it on.
    pub(super) fn start(root: &Root, faults: &Faults, job: u32) -> Option<Self> {
        let kind = std::env::var("TERM").unwrap_or_default();
        if !io::stderr().is_terminal() || WITHOUT_TITLE.contains(&kind.as_str()) {
            return None;
        }
        let terminal = Terminal::controlling()?;
        let (root, glancer) = (root.clone(), faults.glancer());
        let gpus = variables::gpus(&root).unwrap_or_default();
        let gpus: Vec<String> = gpus.into_iter().map(|gpu| gpu.bdf).collect();
        let (stop, stopped) = mpsc::channel();
        let (done, over) = mpsc::channel();
        job::thread(move || {
            let mut kept = false;
            while stopped.recv_timeout(EVERY) == Err(RecvTimeoutError::Timeout) {
                if !terminal.has(job) {
                    continue;
                }
                let keep = if kept { "" } else { KEEP };
                let title = text(glancer.glance(), &video_memory(&root, &gpus));
                terminal.write(&format!("{keep}\x1b]2;{title}\x07"));
                kept = true;
            }
            if kept {
                terminal.write(TAKE_BACK);
            }
            let _ = done.send(());
        });
        Some(Self { stop, over })
    }

    /// Gives the terminal its title back.
    pub(super) fn end(self) {
        drop(self.stop);
        let _ = self.over.recv_timeout(LONGEST_END);
    }
}

/// What is used and what there is of the video memory of each GPU that shows it.
fn video_memory(root: &Root, gpus: &[String]) -> Vec<(u64, u64)> {
    let memory = |bdf: &String| {
        let total = amdgpu::memory(root, bdf).ok()??.total;
        Some((amdgpu::memory_used(root, bdf).ok()??, total))
    };
    gpus.iter().filter_map(memory).collect()
}

fn text(glance: Glance, video_memory: &[(u64, u64)]) -> String {
    let mut text = format!("rmcp-kctl: {} resident", size(glance.resident));
    for (used, total) in video_memory {
        text += &format!(", {} of {} VRAM", size(*used), size(*total));
    }
    text + &match (glance.faults, glance.watches_kernel) {
        (0, true) => ", no GPU fault".to_owned(),
        (0, false) => ", faults not watched".to_owned(),
        (1, _) => ", 1 line of a GPU fault".to_owned(),
        (many, _) => format!(", {many} lines of GPU faults"),
    }
}

fn size(bytes: u64) -> String {
    const MIB: u64 = 1 << 20;
    match bytes {
        0..0x4000_0000 => format!("{} MiB", bytes / MIB),
        _ => format!("{:.1} GiB", (bytes / MIB) as f64 / 1024.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_says_what_is_used_and_what_was_seen() {
        let glance = |faults, watches_kernel| Glance {
            resident: 300 << 20,
            faults,
            watches_kernel,
        };
        assert_eq!(
            text(glance(0, true), &[(3 << 29, 8 << 30)]),
            "rmcp-kctl: 300 MiB resident, 1.5 GiB of 8.0 GiB VRAM, no GPU fault"
        );
        assert!(text(glance(0, false), &[]).ends_with("resident, faults not watched"));
        assert!(text(glance(2, true), &[]).ends_with("2 lines of GPU faults"));
    }
}
