// SPDX-License-Identifier: MIT

//! The ROCm runtime with the patches of `patches/rocr/` and `patches/libhsakmt/`: what does harm on these
//! GPUs is refused with a word on it, unless it is asked for by name, and memory is what it was.

use super::compute::{fields, mappings, PATIENCE, PROBE};
use super::support::start_enforced;
use crate::guest::Output;
use crate::progress::say;
use crate::vm::Vm;
use anyhow::{ensure, Context, Result};

/// Where the libraries are, each in a directory named for its version, with its patches and without.
const LIBRARIES: &str = "/usr/local/lib/rmcp-tests/rocr";
const OVERRIDE: &str = "HSA_OVERRIDE_GFX_VERSION=10.3.0";
const FINE_GRAIN: &str = "HSA_FORCE_FINE_GRAIN_PCIE=1";

pub(super) fn refuses_what_does_harm(vm: &mut Vm) -> Result<()> {
    start_enforced(vm)?;
    let libraries = vm.guest.check(&format!("ls {LIBRARIES}"))?;
    let libraries: Vec<&str> = libraries.lines().collect();
    for version in libraries {
        let Some(version) = version.strip_suffix("-unpatched") else {
            continue;
        };
        let unpatched = Runtime::new(vm, &format!("{version}-unpatched"))?;
        let patched = Runtime::new(vm, version)?;
        patched
            .refuses_what_does_harm(vm)
            .with_context(|| format!("ROCr {version}, patched"))?;
        let (before, after) = (unpatched.memory(vm)?, patched.memory(vm)?);
        ensure!(
            before == after,
            "ROCr {version} maps memory as {before:#?}, and patched as {after:#?}"
        );
        say(format_args!(
            "ROCr {version}, patched and not: {}",
            after.join(", ")
        ));
        patched
            .logs_pools(vm, &after)
            .with_context(|| format!("ROCr {version}, patched"))?;
    }
    Ok(())
}

/// The variable by which a program takes a library.
struct Runtime(String);

impl Runtime {
    /// That of this name, which programs are seen to take.
    fn new(vm: &mut Vm, name: &str) -> Result<Self> {
        let directory = format!("{LIBRARIES}/{name}");
        let variable = format!("LD_LIBRARY_PATH={directory}");
        let taken = vm
            .guest
            .check(&format!("{variable} ldd $(which rocminfo)"))?;
        ensure!(
            taken.contains(&format!("{directory}/")),
            "rocminfo takes another library: {taken}"
        );
        Ok(Self(variable))
    }

    fn refuses_what_does_harm(&self, vm: &mut Vm) -> Result<()> {
        self.refuses_an_override(vm).context(OVERRIDE)?;
        self.ignores_fine_grain(vm).context(FINE_GRAIN)
    }

    /// How what each pool gives is mapped, by the page tables.
    fn memory(&self, vm: &mut Vm) -> Result<Vec<String>> {
        mappings(vm, &format!("env {} {PROBE} memory", self.0))
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
    fn logs_pools(&self, vm: &mut Vm, mapped: &[String]) -> Result<()> {
        let output = self.rocminfo(vm, "HSAKMT_DEBUG_LEVEL=7")?;
        for (pool, kind) in [
            ("fine-grained system pool", "cpu-fine"),
            ("kernarg system pool", "cpu-kernarg"),
            ("coarse-grained system pool", "cpu-coarse"),
            ("coarse-grained local pool", "gpu-coarse"),
            (
                "extended-scope fine-grained local pool",
                "gpu-extended-fine",
            ),
        ] {
            let mut mapped = mapped.iter().map(|mapping| mapping.split(' '));
            let mtype = mapped
                .find_map(|mut words| (words.next() == Some(kind)).then(|| words.next())?)
                .with_context(|| format!("no {kind} memory was given"))?;
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
