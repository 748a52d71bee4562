// SPDX-License-Identifier: MIT

//! What a person sees: columns, the reasons in full, and never more than 80 characters in a line.

use super::found::{Gpu, Policy, Status, Verdict};
use crate::conf;
use crate::gpu;
use crate::report::{paragraph, printable, wrap, Line, Tone, WIDTH};
use std::collections::BTreeMap;

/// Where a row's text begins, after its label.
const LABEL: usize = 10;
/// The most that a column of the table takes; what is longer is cut.
const WIDEST: [usize; 4] = [14, 8, 30, 8];

impl Status {
    /// The lines of the screen.
    pub fn screen(&self) -> Vec<Line> {
        let tone = match self.verdict {
            Verdict::Enforced => Tone::Good,
            Verdict::NotInEffect => Tone::Bad,
            Verdict::NoGpu => Tone::Warning,
        };
        let mut lines = paragraph(Line::default(), tone, &self.summary);
        let table = Table::for_all(&self.gpus);
        for gpu in &self.gpus {
            lines.push(Line::default());
            gpu.lines(&table, &mut lines);
        }
        lines.push(Line::default());
        // On a machine without a GPU of its own, nothing is wrong with rmcp's absence.
        let missing = match self.verdict {
            Verdict::NoGpu => Tone::Plain,
            _ if self.driver_policy.is_some() => Tone::Plain,
            _ => Tone::Warning,
        };
        let mut row = |tone, label: &str, text: &str| {
            let label = Line::plain(&format!("{label:<LABEL$}"));
            lines.extend(paragraph(label, tone, text));
        };
        let tone = self.module.as_ref().map_or(missing, |_| Tone::Plain);
        row(tone, "module", &self.module_row());
        row(Tone::Plain, "amdgpu", &self.amdgpu_row());
        for kernel in &self.kernels {
            let running = if kernel.running { " (running)" } else { "" };
            let text = format!("{}{running}: {}", kernel.release, kernel.module);
            row(Tone::Plain, "dkms", &text);
        }
        match &self.boot.softdep {
            Some(file) => {
                let text = format!("rmcp is loaded before amdgpu ({file})");
                row(Tone::Plain, "boot", &text);
            }
            None if self.boot.params_only => {
                let text = format!("amdgpu's own options in place of rmcp ({})", conf::FILE);
                row(Tone::Plain, "boot", &text);
            }
            None if self.driver_policy.is_some() => {
                row(Tone::Plain, "boot", "amdgpu has the policy itself");
            }
            None => row(
                missing,
                "boot",
                self.boot
                    .in_the_way
                    .as_deref()
                    .unwrap_or("nothing loads rmcp before amdgpu: run 'rmcp-kctl install'"),
            ),
        }
        if let Some(interruption) = &self.interruption {
            row(missing, "install", interruption);
        }
        lines
    }

    /// The answer in one line, with the reason of the first GPU that is not enforced.
    pub fn in_one_line(&self) -> String {
        let reason = self
            .gpus
            .iter()
            .find(|gpu| gpu.covered != Some(false) && !gpu.enforced)
            .map(|gpu| format!("; {}: {}", gpu.bdf, gpu.reason))
            .unwrap_or_default();
        printable(&format!("rmcp: {}{reason}", self.summary))
    }

    pub(super) fn module_row(&self) -> String {
        let Some(module) = &self.module else {
            return match self.driver_policy {
                Some(_) => "rmcp is not loaded, and need not be".to_owned(),
                None => "rmcp is not loaded".to_owned(),
            };
        };
        format!(
            "rmcp {}: {} ({}); {}",
            module.version.as_deref().unwrap_or("of unknown version"),
            module.state.as_deref().unwrap_or("state unknown"),
            module.reason.as_deref().unwrap_or("no reason given"),
            assignments("", &module.parameters)
        )
    }

    pub(super) fn amdgpu_row(&self) -> String {
        let Some(amdgpu) = &self.amdgpu else {
            return "not loaded".to_owned();
        };
        if let Some(policy) = &self.driver_policy {
            let policy = assignments("gmc_v10_", policy);
            return format!("loaded; it has the policy itself, so that rmcp stands by: {policy}");
        }
        let unknown = "unknown";
        format!(
            "loaded with noretry={} vm_fragment_size={} (-1 = amdgpu's choice)",
            amdgpu.noretry.as_deref().unwrap_or(unknown),
            amdgpu.vm_fragment_size.as_deref().unwrap_or(unknown)
        )
    }
}

/// Parameters as one writes them.
fn assignments(prefix: &str, parameters: &BTreeMap<&str, String>) -> String {
    let parameters = parameters.iter();
    let words: Vec<_> = parameters
        .map(|(name, value)| format!("{prefix}{name}={value}"))
        .collect();
    words.join(" ")
}

impl Gpu {
    /// What it is in one word.
    pub(super) fn word(&self) -> (Tone, &'static str) {
        match (self.covered, self.enforced) {
            (Some(false), _) => (Tone::Plain, "not rmcp's"),
            (_, true) => (Tone::Good, "enforced"),
            (_, false) => (Tone::Bad, "not in effect"),
        }
    }

    fn lines(&self, table: &Table, lines: &mut Vec<Line>) {
        let what = gpu::title(self.gc_version, &self.pci_id);
        let (tone, word) = self.word();
        let mut title = Line::default();
        title.push(Tone::Strong, &cut(&format!("{}  {what}", self.bdf), 60));
        title.push(Tone::Plain, "  ");
        title.push(tone, word);
        lines.push(title);
        lines.extend(paragraph(Line::plain("  "), Tone::Plain, &self.reason));
        if self.asleep {
            let asleep = "  asleep now: amdgpu programs it anew when it wakes";
            lines.push(Line::plain(asleep));
        }
        if !self.policies.is_empty() {
            lines.push(table.heading());
            for policy in &self.policies {
                lines.extend(table.rows(policy));
            }
        }
    }
}

/// The widths of the policies' columns, the same for every GPU.
struct Table([usize; 4]);

const HEADINGS: [&str; 4] = ["policy", "wanted", "live", "found"];

fn cells(policy: &Policy) -> [&str; 4] {
    [
        policy.name,
        &policy.wanted,
        &policy.live,
        &policy.driver_default,
    ]
}

impl Table {
    fn for_all(gpus: &[Gpu]) -> Self {
        let mut widths = HEADINGS.map(str::len);
        for policy in gpus.iter().flat_map(|gpu| &gpu.policies) {
            for ((width, cell), widest) in widths.iter_mut().zip(cells(policy)).zip(WIDEST) {
                *width = cell.chars().count().clamp(*width, widest);
            }
        }
        Self(widths)
    }

    fn heading(&self) -> Line {
        let mut line = Line::plain("");
        for (heading, width) in HEADINGS.iter().zip(self.0) {
            line.push(Tone::Faint, &format!("  {heading:<width$}"));
        }
        line
    }

    /// A policy's row, and more for a note that does not fit beside it.
    fn rows(&self, policy: &Policy) -> Vec<Line> {
        let taken = self.0.iter().map(|width| width + 2).sum::<usize>() + 2;
        let mut notes = wrap(&policy.note, WIDTH - taken).into_iter();
        let mut line = Line::default();
        for (i, (cell, width)) in cells(policy).iter().zip(self.0).enumerate() {
            let tone = match (i, policy.in_force) {
                (2, true) => Tone::Good,
                (2, false) => Tone::Bad,
                _ => Tone::Plain,
            };
            line.push(Tone::Plain, "  ");
            line.push(tone, &format!("{:<width$}", cut(cell, width)));
        }
        if let Some(note) = notes.next() {
            line.push(Tone::Plain, &format!("  {note}"));
        }
        let more = notes.map(|note| Line::plain(&format!("{:taken$}{note}", "")));
        [line].into_iter().chain(more).collect()
    }
}

/// The text, or as much of it as fits, and a mark that it is longer.
fn cut(text: &str, width: usize) -> String {
    let text = printable(text);
    if text.chars().count() <= width {
        return text;
    }
    text.chars().take(width - 1).chain(['…']).collect()
}
