// SPDX-License-Identifier: MIT

//! `rmcp-kctl detect`: for a script, whether a job may be started on the GPUs that rmcp guards. What
//! cannot be seen, as in a container, is an answer of its own.

use super::status::{self, Status};
use super::Exit;
use crate::accounts::{self, Access, User};
use crate::cli;
use crate::gpu::{chips_with, NONE_FOUND};
use crate::report::{printable, Terminal, Tone};
use crate::root::Root;
use crate::sysfs::kfd::{self, Node};
use crate::sysfs::{module, pci};
use anyhow::Result;
use serde::Serialize;

const NO_RENDER_NODE: &str = "it has no render node";

/// What was found.
#[derive(Debug, Serialize)]
struct Detected {
    exit_code: u8,
    /// Why `gpus` is empty.
    #[serde(skip_serializing_if = "Option::is_none")]
    none: Option<String>,
    gpus: Vec<Gpu>,
}

/// A GPU that rmcp guards, or may guard.
#[derive(Debug, Serialize)]
pub(super) struct Gpu {
    pub(super) bdf: String,
    /// Its name, or its PCI device where neither its GC version nor its node in amdkfd tells it.
    pub(super) chip: String,
    gfx_target: Option<String>,
    pub(super) guarded: Answer,
    usable: Answer,
    /// Whether a job may come to use it, whoever runs it.
    #[serde(skip)]
    pub(super) within_reach: bool,
}

/// The answer to a question that not every place can answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "answer", content = "why")]
pub(super) enum Answer {
    Yes,
    No(String),
    Unseen(String),
}

/// Runs the command.
///
/// # Errors
///
/// When something in /sys exists but cannot be read or is not of the documented form, or there is no
/// user of the name.
pub fn run(root: &Root, terminal: &Terminal, args: &cli::Detect) -> Result<Exit> {
    let user = accounts::asked(root, args.user.as_deref())?;
    let gpus = gpus(root, user.as_ref())?;
    let exit = exit(root, &gpus);
    let detected = Detected {
        exit_code: exit.code(),
        none: gpus
            .is_empty()
            .then(|| unseen(root).unwrap_or(NONE_FOUND).to_owned()),
        gpus,
    };
    if terminal.json() {
        terminal.document(&detected)?;
    } else {
        detected.print(terminal);
    }
    Ok(exit)
}

/// Those on the PCI bus, and those that amdkfd shows where the bus cannot be seen.
pub(super) fn gpus(root: &Root, user: Option<&User>) -> Result<Vec<Gpu>> {
    let nodes = kfd::readable_gpus(root);
    let on_bus = Status::as_far_as_visible(root)?.gpus;
    let hidden = nodes.iter().filter(|node| {
        let bdf = node.bdf.as_deref();
        bdf.is_some() && on_bus.iter().all(|gpu| Some(gpu.bdf.as_str()) != bdf)
    });
    let hidden: Vec<Gpu> = hidden
        .filter_map(|node| Gpu::of_node(root, node, user))
        .collect();
    let on_bus = on_bus.iter().filter(|gpu| gpu.covered != Some(false));
    Ok(on_bus
        .filter_map(|gpu| Gpu::on_bus(root, gpu, &nodes, user))
        .chain(hidden)
        .collect())
}

/// For the whole machine. A GPU that a job cannot use does not count.
fn exit(root: &Root, gpus: &[Gpu]) -> Exit {
    let is_unseen = |answer: &Answer| matches!(answer, Answer::Unseen(_));
    let mut used = gpus
        .iter()
        .filter(|gpu| !matches!(gpu.usable, Answer::No(_)))
        .peekable();
    if gpus.is_empty() {
        return match unseen(root) {
            None => Exit::NoGpu,
            Some(_) => Exit::Unseen,
        };
    }
    if used.peek().is_none() {
        return Exit::Unusable;
    }
    let used: Vec<&Gpu> = used.collect();
    if used.iter().any(|gpu| matches!(gpu.guarded, Answer::No(_))) {
        Exit::NotInEffect
    } else if used
        .iter()
        .any(|gpu| is_unseen(&gpu.guarded) || is_unseen(&gpu.usable))
    {
        Exit::Unseen
    } else {
        Exit::Success
    }
}

/// Why it is not known whether there is a GPU when none is seen.
pub(super) fn unseen(root: &Root) -> Option<&'static str> {
    let looked = pci::visible(root) || kfd::present(root);
    (!looked).then_some(
        "neither /sys/bus/pci nor amdkfd's topology can be seen: whether there is a GPU is not known",
    )
}

/// Why no job can use a GPU on the bus, whoever runs it: amdgpu does not drive it, or ROCm's runtime does
/// not find it here. Where amdkfd's topology cannot be seen that is not known, and what somebody may not
/// open, somebody else may.
pub(super) fn out_of_reach(root: &Root, gpu: &status::Gpu, nodes: &[Node]) -> Option<String> {
    match gpu.driver.as_deref() {
        Some("amdgpu") => {}
        Some(other) => return Some(format!("{other} drives it, not amdgpu")),
        None => return Some("no driver has it".to_owned()),
    }
    let has_node = nodes.iter().any(|node| node.bdf.as_ref() == Some(&gpu.bdf));
    if has_node {
        let render_node = pci::render_node(root, &gpu.bdf);
        return render_node.is_none().then(|| NO_RENDER_NODE.to_owned());
    }
    kfd::present(root)
        .then(|| "none of amdkfd's nodes that may be read here is this GPU's".to_owned())
}

impl Gpu {
    /// `None` for one whose GC version cannot be seen, and that is none by amdkfd's word.
    fn on_bus(root: &Root, gpu: &status::Gpu, nodes: &[Node], user: Option<&User>) -> Option<Self> {
        let node = nodes
            .iter()
            .find(|node| node.bdf.as_ref() == Some(&gpu.bdf));
        let target = node.and_then(|node| node.gfx_target.as_deref());
        let (chip, gfx_target) = match (gpu.chip, target) {
            (Some(chip), _) => (chip.to_owned(), gpu.gfx_target),
            (None, Some(target)) => (chips(target)?, Some(target)),
            (None, None) => (gpu.pci_id.clone(), None),
        };
        let render_node = pci::render_node(root, &gpu.bdf);
        let out_of_reach = out_of_reach(root, gpu, nodes);
        Some(Self {
            bdf: gpu.bdf.clone(),
            chip,
            gfx_target: gfx_target.map(str::to_owned),
            guarded: guarded(root, gpu),
            within_reach: out_of_reach.is_none(),
            usable: match (out_of_reach, node) {
                (Some(why), _) => Answer::No(why),
                (None, None) => Answer::No("amdkfd's topology is not there".to_owned()),
                (None, Some(_)) => usable(root, render_node.as_deref(), user),
            },
        })
    }

    /// A GPU that only amdkfd shows; `None` for one that rmcp does not guard.
    fn of_node(root: &Root, node: &Node, user: Option<&User>) -> Option<Self> {
        let target = node.gfx_target.as_deref()?;
        Some(Self {
            bdf: node.bdf.clone()?,
            chip: chips(target)?,
            gfx_target: Some(target.to_owned()),
            guarded: Answer::Unseen("the GPU is not to be seen in /sys/bus/pci".to_owned()),
            usable: usable(root, node.render_node.as_deref(), user),
            within_reach: node.render_node.is_some(),
        })
    }

    /// In the order in which a script wants it.
    fn line(&self) -> String {
        let target = self.gfx_target.as_deref().unwrap_or("-");
        let mut line = format!(
            "{} {} {target} guarded={} usable={}",
            self.bdf,
            self.chip,
            self.guarded.word(),
            self.usable.word()
        );
        let reasons: Vec<&str> = [&self.guarded, &self.usable]
            .into_iter()
            .filter_map(Answer::why)
            .collect();
        if !reasons.is_empty() {
            line += ": ";
            line += &reasons.join("; ");
        }
        printable(&line)
    }

    fn tone(&self) -> Tone {
        match (&self.guarded, &self.usable) {
            (Answer::Yes, Answer::Yes) => Tone::Good,
            (Answer::No(_), _) | (_, Answer::No(_)) => Tone::Bad,
            _ => Tone::Warning,
        }
    }
}

impl Answer {
    fn word(&self) -> &'static str {
        match self {
            Self::Yes => "yes",
            Self::No(_) => "no",
            Self::Unseen(_) => "unseen",
        }
    }

    fn why(&self) -> Option<&str> {
        match self {
            Self::Yes => None,
            Self::No(why) | Self::Unseen(why) => Some(why),
        }
    }
}

/// Which chips have an instruction set; `None` for that of no chip that rmcp guards.
fn chips(gfx_target: &str) -> Option<String> {
    let names: Vec<&str> = chips_with(gfx_target).map(|chip| chip.name).collect();
    (!names.is_empty()).then(|| names.join("/"))
}

/// As `status` has it, but for what it takes for granted: that it sees the modules.
fn guarded(root: &Root, gpu: &status::Gpu) -> Answer {
    if gpu.enforced {
        Answer::Yes
    } else if module::visible(root) {
        Answer::No(gpu.reason.clone())
    } else {
        Answer::Unseen(match &gpu.guard {
            Some(guard) => format!(
                "rmcp says {} there, but /sys/module, where its parameters are, cannot be seen",
                guard.state
            ),
            None => "/sys/module cannot be seen, and rmcp says nothing of the GPU".to_owned(),
        })
    }
}

/// Whether ROCm's runtime, run by this user, may open a GPU that it finds.
fn usable(root: &Root, render_node: Option<&str>, user: Option<&User>) -> Answer {
    let Some(render_node) = render_node else {
        return Answer::No(NO_RENDER_NODE.to_owned());
    };
    let Some(user) = user else {
        return Answer::Unseen(accounts::NOBODY.to_owned());
    };
    let mut answer = Answer::Yes;
    for device in ["/dev/kfd", render_node] {
        let access = accounts::access(root, user, device);
        if let Some(obstacle) = access.obstacle(user, device) {
            let unknown = matches!(access, Access::Unknown(_));
            if !unknown {
                return Answer::No(obstacle);
            }
            answer = Answer::Unseen(obstacle);
        }
    }
    answer
}

impl Detected {
    fn print(&self, terminal: &Terminal) {
        for gpu in &self.gpus {
            terminal.line(gpu.tone(), &gpu.line());
        }
        if let Some(none) = &self.none {
            terminal.line(Tone::Warning, none);
        }
    }
}
