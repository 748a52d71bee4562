// SPDX-License-Identifier: MIT

//! The ROCm runtime with the patches of `patches/rocr/` and `patches/libhsakmt/`: what does harm on these
//! GPUs is refused with a word on it, unless it is asked for by name, and memory is what it was.

use super::compute::{fields, memory, MEMORY, PATIENCE};
use super::support::start_enforced;
use crate::guest::Output;
use crate::vm::Vm;
use anyhow::{ensure, Context, Result};

/// Where the patched libraries are, each in a directory named for its version.
const LIBRARIES: &str = "/usr/local/lib/rmcp-tests/rocr";
/// What ROCr has from 6.4 on, and what it is mapped as.
const SINCE_6_4: &str = "cpu-extended-fine UC system";
const OVERRIDE: &str = "HSA_OVERRIDE_GFX_VERSION=10.3.0";
const FINE_GRAIN: &str = "HSA_FORCE_FINE_GRAIN_PCIE=1";

pub(super) fn refuses_what_does_harm(vm: &mut Vm) -> Result<()> {
    start_enforced(vm)?;
    let versions = vm.guest.check(&format!("ls {LIBRARIES}"))?;
    for version in versions.lines() {
        let patched = Patched(format!("LD_LIBRARY_PATH={LIBRARIES}/{version}"));
        patched.is_taken(vm)?;
        patched
            .all(vm)
            .with_context(|| format!("ROCr {version}, patched"))?;
    }
    Ok(())
}

/// The variable by which a program takes a patched library.
struct Patched(String);

impl Patched {
    fn all(&self, vm: &mut Vm) -> Result<()> {
        self.refuses_an_override(vm).context(OVERRIDE)?;
        self.ignores_fine_grain(vm).context(FINE_GRAIN)?;
        let mut found = memory(vm, &self.0)?;
        found.retain(|kind| kind != SINCE_6_4);
        ensure!(found == MEMORY, "memory is mapped as {found:#?}");
        self.logs_pools(vm)
    }

    fn is_taken(&self, vm: &mut Vm) -> Result<()> {
        let libraries = vm
            .guest
            .check(&format!("{} ldd $(which rocminfo)", self.0))?;
        ensure!(
            libraries.contains(LIBRARIES),
            "rocminfo takes another library: {libraries}"
        );
        Ok(())
    }

    fn rocminfo(&self, vm: &mut Vm, variables: &str) -> Result<Output> {
        let command = format!("env {} {variables} rocminfo", self.0);
        vm.guest.run_within(PATIENCE, &command)
    }

    fn refuses_an_override(&self, vm: &mut Vm) -> Result<()> {
        let target = gpu(&self.rocminfo(vm, "")?).context("there is no GPU")?;
        let refused = self.rocminfo(vm, OVERRIDE)?;
        ensure!(gpu(&refused).is_none(), "was obeyed: {}", refused.stdout);
        expect_one(
            &refused,
            &format!("{OVERRIDE} refused: this GPU is {target},"),
        )?;
        let asked_for = self.rocminfo(vm, &format!("{OVERRIDE} RMCP_ALLOW_CROSS_ISA=1"))?;
        ensure!(
            gpu(&asked_for).as_deref() == Some("gfx1030") && asked_for.stderr.is_empty(),
            "asked for by name, shows {asked_for:?}"
        );
        let within = self.rocminfo(vm, "HSA_OVERRIDE_GFX_VERSION=10.1.2")?;
        ensure!(
            gpu(&within).as_deref() == Some("gfx1012") && within.stderr.is_empty(),
            "10.1.2 shows {within:?}"
        );
        Ok(())
    }

    fn ignores_fine_grain(&self, vm: &mut Vm) -> Result<()> {
        let ignored = self.rocminfo(vm, FINE_GRAIN)?;
        ensure!(!offers_fine_grain(&ignored), "was obeyed");
        expect_one(&ignored, "HSA_FORCE_FINE_GRAIN_PCIE ignored: ")?;
        let asked_for = self.rocminfo(vm, &format!("{FINE_GRAIN} RMCP_ALLOW_FINE_GRAIN_PCIE=1"))?;
        ensure!(
            offers_fine_grain(&asked_for) && asked_for.stderr.is_empty(),
            "asked for by name, shows {asked_for:?}"
        );
        Ok(())
    }

    /// Each pool's type is logged at the debug level, and is what the page tables have.
    fn logs_pools(&self, vm: &mut Vm) -> Result<()> {
        let output = self.rocminfo(vm, "HSAKMT_DEBUG_LEVEL=7")?;
        for (pool, mtype) in [
            ("fine-grained system pool", "UC"),
            ("kernarg system pool", "UC"),
            ("coarse-grained system pool", "NC"),
            ("coarse-grained local pool", "NC"),
            ("extended-scope fine-grained local pool", "UC"),
        ] {
            let found = output.stderr.lines().find_map(|line| {
                let (_, rest) = line.strip_prefix("[rocr] ")?.split_once(": ")?;
                let (name, logged) = rest.split_once(" of node ")?;
                (name == pool).then(|| logged.contains(&format!("MTYPE_{mtype}")))
            });
            ensure!(
                found == Some(true),
                "the {pool} is to be MTYPE_{mtype}, the log is: {}",
                output.stderr
            );
        }
        Ok(())
    }
}

/// The name of the one GPU that `rocminfo` shows.
fn gpu(output: &Output) -> Option<String> {
    let agent = output.stdout.split("\nAgent ").nth(2)?;
    fields(agent, "Name").next().map(str::to_owned)
}

/// Whether the GPU offers its own memory as a fine-grained pool.
fn offers_fine_grain(output: &Output) -> bool {
    let agent = output.stdout.split("\nAgent ").nth(2);
    agent.is_some_and(|agent| {
        fields(agent, "Segment").any(|pool| pool == "GLOBAL; FLAGS: FINE GRAINED")
    })
}

/// Standard error is one line, which begins so.
fn expect_one(output: &Output, begin: &str) -> Result<()> {
    let lines: Vec<_> = output.stderr.lines().collect();
    ensure!(
        matches!(lines[..], [line] if line.starts_with(begin)),
        "expected is one line that begins with {begin:?}, found: {lines:#?}"
    );
    Ok(())
}
