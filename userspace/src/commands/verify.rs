// SPDX-License-Identifier: MIT

//! `rmcp-kctl verify`: each policy held against sources other than the word of rmcp, or of an amdgpu
//! that has the policy itself: the GPU's registers, what user space is told, the kernel's list of
//! kprobes, on which only rmcp rests, and, when asked for, a page table. What could not be read is
//! said, with the reason, and confirms nothing.

use super::not_loaded::NotLoaded;
use super::Exit;
use crate::cli;
use crate::evidence::{self, Evidence, Sources};
use crate::gpu;
use crate::kernel;
use crate::page_table::Mtype;
use crate::policy::{self, MtypeCc, Param};
use crate::registers::Hub;
use crate::report::{paragraph, printable, Line, Terminal, Tone};
use crate::root::Root;
use crate::sysfs::amdgpu::{self, Amdgpu};
use crate::sysfs::rmcp::{self, Guard, Keepers, Module};
use crate::sysfs::{self, pci};
use anyhow::{anyhow, Context, Result};
use serde::Serialize;
use std::collections::BTreeMap;

/// All that `verify` found.
#[derive(Debug, Serialize)]
pub struct Verification {
    verdict: Verdict,
    exit_code: u8,
    summary: String,
    gpus: Vec<Gpu>,
}

/// The answer for a GPU, or for the whole machine: that for the worst of its GPUs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Verdict {
    /// rmcp leaves it alone, or there is none that it does not.
    NoGpu,
    /// Another source confirms each policy, and none contradicts one.
    Confirmed,
    /// None contradicts, but nothing confirms some policy.
    Unconfirmed,
    /// A source contradicts, or who keeps the policy does not say "enforced".
    NotInEffect,
}

impl Verdict {
    fn exit(self) -> Exit {
        match self {
            Self::NoGpu => Exit::NoGpu,
            Self::Confirmed => Exit::Success,
            Self::Unconfirmed => Exit::Unconfirmed,
            Self::NotInEffect => Exit::NotInEffect,
        }
    }

    fn words(self) -> (Tone, &'static str) {
        match self {
            Self::NoGpu => (Tone::Plain, "not rmcp's"),
            Self::Confirmed => (Tone::Good, "confirmed"),
            Self::Unconfirmed => (Tone::Warning, "not confirmed"),
            Self::NotInEffect => (Tone::Bad, "not in effect"),
        }
    }
}

/// One AMD GPU.
#[derive(Debug, Serialize)]
struct Gpu {
    bdf: String,
    pci_id: String,
    title: String,
    verdict: Verdict,
    /// Who keeps the policy: rmcp, or an amdgpu that has it itself.
    keeper: &'static str,
    /// What that one says.
    said: String,
    policies: Vec<Policy>,
}

/// One policy on one GPU.
#[derive(Debug, Serialize)]
struct Policy {
    name: &'static str,
    wanted: String,
    /// Whether the parameter leaves this to amdgpu.
    left: bool,
    outcome: Outcome,
    checks: Vec<Check>,
}

/// What one source says of a policy.
#[derive(Debug, Serialize)]
struct Check {
    source: &'static str,
    outcome: Outcome,
    detail: String,
    /// What was read, by name.
    values: BTreeMap<String, u64>,
}

/// How far a policy is confirmed, by one source or by all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Outcome {
    Confirmed,
    Contradicted,
    /// The source was read, and neither confirms nor contradicts.
    SaysNothing,
    /// Of a policy: no source confirms it, and none contradicts.
    NotRead,
}

impl Outcome {
    fn words(self) -> (Tone, &'static str) {
        match self {
            Self::Confirmed => (Tone::Good, "confirmed"),
            Self::Contradicted => (Tone::Bad, "contradicted"),
            Self::SaysNothing => (Tone::Plain, "says nothing"),
            Self::NotRead => (Tone::Warning, "not read"),
        }
    }
}

impl Check {
    fn new(source: &'static str, read: Result<Evidence>) -> Self {
        match read {
            Ok(evidence) => Self {
                source,
                outcome: match evidence.agrees {
                    Some(true) => Outcome::Confirmed,
                    Some(false) => Outcome::Contradicted,
                    None => Outcome::SaysNothing,
                },
                detail: evidence.detail,
                values: evidence.values,
            },
            Err(why) => Self {
                source,
                outcome: Outcome::NotRead,
                detail: format!("{why:#}"),
                values: BTreeMap::new(),
            },
        }
    }
}

/// Runs the command.
///
/// # Errors
///
/// When something in /sys exists but cannot be read or is not of the documented form.
pub fn run(root: &Root, terminal: &Terminal, args: &cli::Verify) -> Result<Exit> {
    let verification = Verification::make(root, args.probe)?;
    if terminal.json() {
        terminal.document(&verification)?;
    } else {
        // A reader that went away is not an error.
        let _ = terminal.print(&verification.lines());
    }
    Ok(verification.verdict.exit())
}

impl Verification {
    fn make(root: &Root, probe: bool) -> Result<Self> {
        sysfs::expect_visible(root)?;
        let keepers = Keepers::read(root)?;
        let amdgpu = amdgpu::read(root)?;
        let running = kernel::running(root)?;
        let loaded = keepers
            .module()
            .ok_or_else(|| NotLoaded::why(root, running.as_deref()));
        let mut gpus = Vec::new();
        for found in rmcp::gpus(root)? {
            let guard = keepers.guard(root, &found.bdf)?;
            let sources = Sources { root, gpu: &found };
            let guard = guard.as_ref();
            let gpu = if guard.is_none() && found.covered() == Some(false) {
                Gpu::left_alone(&found)
            } else {
                let policies = policies(&sources, probe, &keepers, amdgpu.as_ref())?;
                Gpu::judge(&found, policies, guard, (keepers.name(), loaded.as_ref()))
            };
            gpus.push(gpu);
        }
        let verdicts = gpus.iter().map(|gpu| gpu.verdict);
        let verdict = verdicts.max().unwrap_or(Verdict::NoGpu);
        Ok(Self {
            verdict,
            exit_code: verdict.exit().code(),
            summary: summary(verdict, &gpus, &keepers),
            gpus,
        })
    }

    fn lines(&self) -> Vec<Line> {
        let tone = self.verdict.words().0;
        let mut lines = paragraph(Line::default(), tone, &self.summary);
        for gpu in &self.gpus {
            gpu.add(&mut lines);
        }
        lines
    }
}

fn summary(verdict: Verdict, gpus: &[Gpu], keepers: &Keepers) -> String {
    if verdict == Verdict::NoGpu {
        return gpu::NONE_FOUND.to_owned();
    }
    let count = |of: fn(Verdict) -> bool| gpus.iter().filter(|gpu| of(gpu.verdict)).count();
    format!(
        "{}: {} of {} RDNA1/RDNA2 GPUs are confirmed by other sources than {}",
        verdict.words().1,
        count(|verdict| verdict == Verdict::Confirmed),
        count(|verdict| verdict != Verdict::NoGpu),
        match keepers.amdgpu {
            Some(_) => "amdgpu's gmc_v10_policy/",
            None => "rmcp",
        }
    )
}

impl Gpu {
    fn left_alone(found: &pci::Gpu) -> Self {
        Self {
            bdf: found.bdf.clone(),
            pci_id: found.pci_id.clone(),
            title: gpu::title(found.gc_version, &found.pci_id),
            verdict: Verdict::NoGpu,
            keeper: "rmcp",
            said: "leaves it alone: it is not GC 10.1.x or 10.3.x".to_owned(),
            policies: Vec::new(),
        }
    }

    fn judge(
        found: &pci::Gpu,
        policies: Vec<Policy>,
        guard: Option<&Guard>,
        (keeper, module): (&'static str, Result<&&Module, &NotLoaded>),
    ) -> Self {
        let mut outcomes = policies.iter().map(|policy| policy.outcome);
        let contradicted = outcomes
            .clone()
            .any(|outcome| outcome == Outcome::Contradicted);
        let unconfirmed = outcomes.any(|outcome| outcome == Outcome::NotRead);
        let said = guard.zip(module.ok());
        let said = said.is_some_and(|(guard, module)| guard.says_in_force(module));
        Self {
            bdf: found.bdf.clone(),
            pci_id: found.pci_id.clone(),
            title: gpu::title(found.gc_version, &found.pci_id),
            verdict: match (said, contradicted, unconfirmed) {
                (true, false, false) => Verdict::Confirmed,
                (true, false, true) => Verdict::Unconfirmed,
                (false, _, _) | (_, true, _) => Verdict::NotInEffect,
            },
            keeper,
            said: match (module, guard) {
                (_, Some(guard)) if said && contradicted => format!(
                    "says {}, which another source contradicts: reboot, and if it stays so, report this",
                    guard.state
                ),
                (_, Some(guard)) => format!("says {}: {}", guard.state, guard.reason),
                (Err(why), None) => format!(
                    "is not loaded, and this is held against its defaults: {}",
                    why.todo()
                ),
                (Ok(_), None) => "has not adopted this GPU: 'rmcp-kctl status' says why".to_owned(),
            },
            policies,
        }
    }

    fn add(&self, lines: &mut Vec<Line>) {
        let (tone, word) = self.verdict.words();
        lines.push(Line::default());
        let title = printable(&self.title);
        lines.push(Line::new(tone, &format!("{}  {title}  {word}", self.bdf)));
        let said = format!("{} {}", self.keeper, self.said);
        lines.extend(paragraph(Line::plain("  "), Tone::Plain, &said));
        for policy in &self.policies {
            policy.add(lines);
        }
    }
}

impl Policy {
    fn new(wanted: &Wanted, left: bool, checks: Vec<Check>) -> Self {
        let any = |outcome| checks.iter().any(|check| check.outcome == outcome);
        Self {
            name: wanted.name,
            wanted: wanted.word.clone(),
            left,
            outcome: if any(Outcome::Contradicted) {
                Outcome::Contradicted
            } else if left {
                Outcome::SaysNothing
            } else if any(Outcome::Confirmed) {
                Outcome::Confirmed
            } else {
                Outcome::NotRead
            },
            checks,
        }
    }

    fn add(&self, lines: &mut Vec<Line>) {
        let (tone, word) = match (self.left, self.outcome) {
            (true, _) => (Tone::Plain, "left to amdgpu"),
            (_, Outcome::NotRead) => (Tone::Warning, "not confirmed"),
            (_, outcome) => outcome.words(),
        };
        lines.push(Line::default());
        let title = format!("  {}={}  {word}", self.name, self.wanted);
        lines.push(Line::new(tone, &title));
        for check in &self.checks {
            let (tone, word) = check.outcome.words();
            let head = format!("    {:<14} {word:<13} ", check.source);
            lines.extend(paragraph(Line::new(tone, &head), tone, &check.detail));
        }
    }
}

/// The policies on a GPU, each with what its sources show.
fn policies(
    sources: &Sources<'_>,
    probe: bool,
    keepers: &Keepers,
    amdgpu: Option<&Amdgpu>,
) -> Result<Vec<Policy>> {
    let noretry = Wanted::of(&policy::NORETRY, keepers)?;
    let fragment_size = Wanted::of(&policy::FRAGMENT_SIZE, keepers)?;
    let mtype_cc = Wanted::of(&policy::MTYPE_CC, keepers)?;
    let pinned = |wanted: &Wanted| (wanted.value != policy::LEAVE).then_some(wanted.value);
    let mtype = match MtypeCc::from_value(mtype_cc.value) {
        MtypeCc::Nc => Some(Mtype::NC),
        MtypeCc::Uc => Some(Mtype::UC),
        MtypeCc::Report | MtypeCc::Off => None,
    };
    let mapping = if probe {
        sources.mapping(mtype)
    } else {
        Err(anyhow!("--probe maps a page to see it"))
    };
    let option = |name, value: Option<&String>, wanted: &Wanted| {
        let read = evidence::option(name, value.map(String::as_str), &wanted.word);
        Check::new("amdgpu option", read)
    };
    let options = (
        amdgpu.and_then(|amdgpu| amdgpu.noretry.as_ref()),
        amdgpu.and_then(|amdgpu| amdgpu.vm_fragment_size.as_ref()),
    );
    let hub = |hub| sources.contexts(hub, pinned(&noretry));
    let page_table = Check::new("page table", mapping);
    let mapped = match keepers.amdgpu {
        // It needs no kprobe.
        Some(_) => vec![page_table],
        None => vec![Check::new("kprobes", sources.kprobe(mtype)), page_table],
    };
    Ok(vec![
        Policy::new(
            &noretry,
            pinned(&noretry).is_none(),
            vec![
                option("noretry", options.0, &noretry),
                Check::new("GCVM registers", hub(Hub::Gfx)),
                Check::new("MMVM registers", hub(Hub::Mm)),
            ],
        ),
        Policy::new(
            &fragment_size,
            pinned(&fragment_size).is_none(),
            vec![
                option("vm_fragment_size", options.1, &fragment_size),
                Check::new("DEV_INFO", sources.fragment_size(pinned(&fragment_size))),
            ],
        ),
        Policy::new(&mtype_cc, mtype.is_none(), mapped),
    ])
}

/// What a parameter asks for.
struct Wanted {
    name: &'static str,
    value: i32,
    word: String,
}

impl Wanted {
    /// By the loaded module that keeps the policy, or else by default.
    fn of(param: &'static Param, keepers: &Keepers) -> Result<Self> {
        let (name, keeper) = (param.name, keepers.name());
        let Some(module) = keepers.module() else {
            let value = param.default();
            let word = param.word(value).to_owned();
            return Ok(Self { name, value, word });
        };
        let word = module.parameters.get(name).cloned();
        let word = word.with_context(|| format!("the loaded {keeper} has no parameter {name}"))?;
        let range = || format!("the loaded {keeper} has {name}={word}: not {}", param.range);
        let value = param.parse(&word).with_context(range)?;
        Ok(Self { name, value, word })
    }
}
