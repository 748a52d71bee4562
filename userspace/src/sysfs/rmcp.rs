// SPDX-License-Identifier: MIT

//! What the kernel module publishes: its own state, and what it did to each GPU.

use super::pci;
use crate::gpu::GcVersion;
use crate::policy::{self, MtypeCc, Param, Reason, State};
use crate::root::Root;
use anyhow::{anyhow, Context, Result};
use serde::Serialize;
use std::collections::BTreeMap;
use std::io;
use std::str::FromStr;

/// The loaded module.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Module {
    /// Its version.
    pub version: Option<String>,
    /// `armed`, `refused` or `report-only`; `None` when it does not say.
    pub state: Option<String>,
    /// Why, in one sentence.
    pub reason: Option<String>,
    /// Its parameters as they are in force.
    pub parameters: BTreeMap<&'static str, String>,
}

/// What the module says of one GPU.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Guard {
    /// `enforced`, `armed`, `report-only` or `refused`.
    pub state: String,
    /// Why, in one sentence.
    pub reason: String,
    /// The GC version in the driver's structure.
    pub gc_version: GcVersion,
    /// `gmc.noretry`, read just now.
    pub noretry: i32,
    /// `vm_manager.fragment_size`, read just now.
    pub fragment_size: u32,
    /// What the driver had before rmcp wrote.
    pub noretry_driver_default: i32,
    /// What the driver had before rmcp wrote.
    pub fragment_size_driver_default: u32,
    /// Requests for MTYPE_CC seen.
    pub mtype_cc_requests: u64,
    /// Requests for MTYPE_CC replaced.
    pub mtype_cc_rewritten: u64,
    /// How often the driver initialised the memory controller under rmcp's eyes.
    pub hw_inits: u64,
}

impl Guard {
    /// Whether rmcp says that what it was asked for is in force on the GPU. One on which neither field is
    /// to be written is "report-only", and its requests for MTYPE_CC are replaced all the same.
    pub fn says_in_force(&self, module: &Module) -> bool {
        let mtype_cc = module.parameters.get(policy::MTYPE_CC.name);
        let mtype_cc = mtype_cc.and_then(|word| policy::MTYPE_CC.parse(word));
        let replaces = mtype_cc
            .map(MtypeCc::from_value)
            .is_some_and(|mode| mode.rewrite(policy::VM_MTYPE_CC).is_some());
        let neither_field = self.state == State::ReportOnly.as_str()
            && self.reason == Reason::NothingAsked.as_str();
        self.state == State::Enforced.as_str() || neither_field && replaces
    }
}

/// AMD's GPUs, with the GC version of rmcp's word where amdgpu shows none.
///
/// # Errors
///
/// As [`pci::gpus`].
pub fn gpus(root: &Root) -> io::Result<Vec<pci::Gpu>> {
    let mut gpus = pci::gpus(root)?;
    for gpu in &mut gpus {
        let file = format!("{}/rmcp/gc_version", pci::directory(&gpu.bdf));
        let own = || root.read(file).ok()??.parse().ok();
        gpu.gc_version = gpu.gc_version.or_else(own);
    }
    Ok(gpus)
}

/// The loaded modules that can keep the policy.
#[derive(Debug)]
pub struct Keepers {
    /// rmcp.
    pub rmcp: Option<Module>,
    /// An amdgpu that has the policy itself. rmcp stands by then.
    pub amdgpu: Option<Module>,
}

impl Keepers {
    /// Looks for both.
    ///
    /// # Errors
    ///
    /// When a file in sysfs exists but cannot be read.
    pub fn read(root: &Root) -> Result<Self> {
        Ok(Self {
            rmcp: module(root)?,
            amdgpu: driver(root)?,
        })
    }

    /// The one that keeps it.
    pub fn module(&self) -> Option<&Module> {
        self.amdgpu.as_ref().or(self.rmcp.as_ref())
    }

    /// The name of the one that keeps it, or would.
    pub fn name(&self) -> &'static str {
        match self.amdgpu {
            Some(_) => "amdgpu",
            None => "rmcp",
        }
    }

    /// What that one says of the GPU at `bdf`; `None` when it does not know it.
    ///
    /// # Errors
    ///
    /// When a file of its directory is missing, unreadable or not of the documented form.
    pub fn guard(&self, root: &Root, bdf: &str) -> Result<Option<Guard>> {
        let directory = match self.amdgpu {
            Some(_) => "gmc_v10_policy",
            None => "rmcp",
        };
        guard_in(root, bdf, directory)
    }
}

/// The loaded module, or `None`.
fn module(root: &Root) -> Result<Option<Module>> {
    const MODULE: &str = "/sys/module/rmcp";
    if !root.exists(MODULE) {
        return Ok(None);
    }
    let parameters = parameters(root, &format!("{MODULE}/parameters/"))?;
    Ok(Some(Module {
        version: root.read(format!("{MODULE}/version"))?,
        state: root.read(format!("{MODULE}/guard/state"))?,
        reason: root.read(format!("{MODULE}/guard/reason"))?,
        parameters,
    }))
}

/// The module that an amdgpu with the policy in itself is: only its parameters. `None` for any other.
fn driver(root: &Root) -> Result<Option<Module>> {
    let parameters = parameters(root, "/sys/module/amdgpu/parameters/gmc_v10_")?;
    Ok((!parameters.is_empty()).then_some(Module {
        version: None,
        state: None,
        reason: None,
        parameters,
    }))
}

/// The policy's parameters, in files of this prefix.
fn parameters(root: &Root, prefix: &str) -> Result<BTreeMap<&'static str, String>> {
    let mut parameters = BTreeMap::new();
    for Param { name, .. } in policy::PARAMS {
        if let Some(value) = root.read(format!("{prefix}{name}"))? {
            parameters.insert(*name, value);
        }
    }
    Ok(parameters)
}

fn guard_in(root: &Root, bdf: &str, name: &str) -> Result<Option<Guard>> {
    let directory = format!("{}/{name}", pci::directory(bdf));
    if !root.exists(&directory) {
        return Ok(None);
    }
    let files = Files { root, directory };
    Ok(Some(Guard {
        state: files.get("state")?,
        reason: files.get("reason")?,
        gc_version: files.get("gc_version")?,
        noretry: files.get("noretry")?,
        fragment_size: files.get("fragment_size")?,
        noretry_driver_default: files.get("noretry_driver_default")?,
        fragment_size_driver_default: files.get("fragment_size_driver_default")?,
        mtype_cc_requests: files.get("mtype_cc_requests")?,
        mtype_cc_rewritten: files.get("mtype_cc_rewritten")?,
        hw_inits: files.get("hw_inits")?,
    }))
}

struct Files<'a> {
    root: &'a Root,
    directory: String,
}

impl Files<'_> {
    fn get<T: FromStr<Err: std::fmt::Display>>(&self, name: &str) -> Result<T> {
        let path = format!("{}/{name}", self.directory);
        let text = self
            .root
            .read(&path)?
            .with_context(|| format!("{path} is missing, though its directory exists"))?;
        text.parse()
            .map_err(|error| anyhow!("{path} holds {text:?}: {error}"))
    }
}
