// SPDX-License-Identifier: MIT

//! What sources other than rmcp show of a GPU's memory policy. Each either gives its evidence, or the
//! reason in one sentence why it could not be read.

use crate::drm::{DevInfo, RenderNode};
use crate::page_table::Mtype;
use crate::probe;
use crate::registers::{Hub, CONTEXTS, ENABLE, RETRY};
use crate::root::Root;
use crate::sysfs::amdgpu;
use crate::sysfs::debugfs::Registers;
use crate::sysfs::discovery::{self, Block};
use crate::sysfs::kprobes;
use crate::sysfs::pci;
use anyhow::{anyhow, ensure, Context, Result};
use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::Path;

/// The functions of amdgpu that decide on a mapping's memory type: of 7.2 and later, and before.
const DECIDES_MTYPE: [&str; 2] = ["gmc_v10_0_get_vm_pte", "gmc_v10_0_map_mtype"];

/// What a source that was read shows.
#[derive(Debug, Default)]
pub struct Evidence {
    /// Whether it is as wanted; `None` when nothing is wanted, or this cannot show it.
    pub agrees: Option<bool>,
    /// It in a few words.
    pub detail: String,
    /// What was read, by name.
    pub values: BTreeMap<String, u64>,
}

/// Where to look for evidence on one GPU.
#[derive(Debug, Clone, Copy)]
pub struct Sources<'a> {
    /// The system that is looked at.
    pub root: &'a Root,
    /// The GPU.
    pub gpu: &'a pci::Gpu,
}

impl Sources<'_> {
    /// The number of the DRM device, unless a look at it would wake the GPU.
    fn awake(&self) -> Result<u32> {
        let bdf = &self.gpu.bdf;
        let amdgpu = self.gpu.driver.as_deref() == Some("amdgpu");
        let minor = pci::drm_minor(self.root, bdf).filter(|_| amdgpu);
        let minor = minor.context("amdgpu does not drive this GPU")?;
        ensure!(
            !self.gpu.asleep,
            "the GPU sleeps, and a look would wake it: run this while it is in use"
        );
        Ok(minor)
    }

    fn block(&self, name: &str) -> Result<Block> {
        discovery::block(self.root, &self.gpu.bdf, name)?
            .with_context(|| format!("ip_discovery does not say where {name} is"))
    }

    /// The retry bit of a hub's contexts, against the wanted value of noretry.
    ///
    /// # Errors
    ///
    /// When it could not be read, with the reason.
    pub fn contexts(&self, hub: Hub, noretry: Option<i32>) -> Result<Evidence> {
        let minor = self.awake()?;
        let block = self.block(hub.block())?;
        let first = hub.context1_cntl(&block).map_err(anyhow::Error::msg)?;
        let values: [u32; 15] = Registers::open(self.root, minor)?.read(first)?;
        let contexts = |of: &dyn Fn(u32) -> bool| {
            let numbered = CONTEXTS.zip(values);
            let found = numbered.filter_map(|(context, value)| of(value).then_some(context));
            found.collect::<Vec<_>>()
        };
        let dead = contexts(&|value| value == u32::MAX || value & ENABLE == 0);
        ensure!(
            dead.is_empty(),
            "not programmed, or switched off: {} ({:#010x})",
            names(hub, &dead),
            values[dead[0] - CONTEXTS.start()]
        );
        let retry = contexts(&|value| value & RETRY != 0);
        let no_retry = contexts(&|value| value & RETRY == 0);
        let said = [(&retry, "1: retries"), (&no_retry, "0: no retries")]
            .into_iter()
            .filter(|(contexts, _)| !contexts.is_empty())
            .map(|(contexts, bit)| format!("{}: bit 7 is {bit}", names(hub, contexts)));
        Ok(Evidence {
            detail: said.collect::<Vec<_>>().join("; "),
            agrees: noretry.map(|noretry| match noretry {
                1 => retry.is_empty(),
                _ => no_retry.is_empty(),
            }),
            values: CONTEXTS
                .zip(values)
                .map(|(context, value)| (hub.context_cntl(context), value.into()))
                .collect(),
        })
    }

    /// The render node, where asking it is sound.
    fn render_node(&self) -> Result<(RenderNode, DevInfo)> {
        self.awake()?;
        ensure!(
            self.root.is_running_system(),
            "only the running system's driver can be asked, not that of a tree"
        );
        // Of an amdgpu without its graphics block, the question is a null pointer.
        ensure!(
            amdgpu::has_all_blocks(self.root)?,
            "amdgpu.ip_block_mask takes blocks away, and amdgpu may not survive the question"
        );
        let path = pci::render_node(self.root, &self.gpu.bdf).context("it has no render node")?;
        let node = RenderNode::open(Path::new(&path)).map_err(|error| match error.kind() {
            ErrorKind::PermissionDenied => {
                anyhow!("this user may not open {path}: run it as root, or join the group render")
            }
            _ => anyhow!("cannot open {path}: {error}"),
        })?;
        let info = node.dev_info()?;
        let device = format!("1002:{:04x}", info.device_id);
        ensure!(
            device == self.gpu.pci_id,
            "{path} is a {device}, and this GPU a {}",
            self.gpu.pci_id
        );
        Ok((node, info))
    }

    /// The fragment size that user space is told.
    ///
    /// # Errors
    ///
    /// When it could not be read, with the reason.
    pub fn fragment_size(&self, wanted: Option<i32>) -> Result<Evidence> {
        let (_, info) = self.render_node()?;
        let size = info.pte_fragment_size;
        Ok(Evidence {
            agrees: wanted.map(|bits| size == 4096 << bits),
            detail: format!(
                "pte_fragment_size is {size}: {} pages of 4 KiB",
                size / 4096
            ),
            values: BTreeMap::from([("pte_fragment_size".to_owned(), size.into())]),
        })
    }

    /// Whether the kernel calls somebody before amdgpu decides on a memory type.
    ///
    /// # Errors
    ///
    /// When it could not be read, with the reason.
    pub fn kprobe(&self, wanted: Option<Mtype>) -> Result<Evidence> {
        for function in DECIDES_MTYPE {
            let found = kprobes::find(self.root, function)?;
            let Some(worst) = found
                .iter()
                .find(|kprobe| !kprobe.is_on())
                .or(found.first())
            else {
                continue;
            };
            let on = found.iter().filter(|kprobe| kprobe.is_on()).count();
            let (agrees, one) = match found.len() {
                all if on == all => (Some(true), "the kprobe"),
                _ if on == 0 => (Some(false), "the kprobe"),
                // Which of them is rmcp's, the kernel does not say.
                _ => (None, "one of several kprobes"),
            };
            return Ok(Evidence {
                agrees: agrees.filter(|_| wanted.is_some()),
                detail: format!("{one} on {function} {}", worst.words()),
                ..Evidence::default()
            });
        }
        Ok(Evidence {
            agrees: wanted.map(|_| false),
            detail: format!("no kprobe is on amdgpu's {}", DECIDES_MTYPE.join(" or ")),
            ..Evidence::default()
        })
    }

    /// What a mapping that asks for MTYPE_CC has in its page table; one is made for it.
    ///
    /// # Errors
    ///
    /// When it could not be read, with the reason.
    pub fn mapping(&self, wanted: Option<Mtype>) -> Result<Evidence> {
        let minor = self.awake()?;
        let block = self.block(Hub::Gfx.block())?;
        let (node, _) = self.render_node()?;
        let entry = probe::entry_of_cc(self.root, &node, minor, &block)?;
        Ok(Evidence {
            agrees: wanted.map(|mtype| entry.mtype() == mtype),
            detail: format!("a page mapped as CC is {} in its entry", entry.mtype()),
            values: BTreeMap::from([("page_table_entry".to_owned(), entry.0)]),
        })
    }
}

/// An option of amdgpu is what it was asked for, not what it did: it confirms nothing.
///
/// # Errors
///
/// When it could not be read, with the reason.
pub fn option(name: &str, value: Option<&str>, wanted: &str) -> Result<Evidence> {
    let value = value.with_context(|| format!("amdgpu is not loaded, or has no option {name}"))?;
    let meaning = match value {
        "-1" => "amdgpu's own choice",
        _ if value == wanted => "asks for the same",
        _ => "asks for another value",
    };
    Ok(Evidence {
        detail: format!("{name}={value}: {meaning}"),
        ..Evidence::default()
    })
}

/// The control registers of these contexts, neighbours as one: `GCVM_CONTEXT1..15_CNTL`.
fn names(hub: Hub, contexts: &[usize]) -> String {
    let runs = contexts.chunk_by(|a, b| a + 1 == *b).map(|run| match run {
        [first, .., last] => format!("{}_CONTEXT{first}..{last}_CNTL", hub.prefix()),
        [one] => hub.context_cntl(*one),
        [] => String::new(),
    });
    runs.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbouring_contexts_are_named_as_one() {
        let all: Vec<usize> = CONTEXTS.collect();
        assert_eq!(names(Hub::Gfx, &all), "GCVM_CONTEXT1..15_CNTL");
        assert_eq!(
            names(Hub::Mm, &[1, 2, 3, 5, 14, 15]),
            "MMVM_CONTEXT1..3_CNTL, MMVM_CONTEXT5_CNTL, MMVM_CONTEXT14..15_CNTL"
        );
        assert_eq!(names(Hub::Mm, &[]), "");
    }
}
