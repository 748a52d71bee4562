// SPDX-License-Identifier: MIT

//! The ROCm runtime on the GPU: rmcp changes nothing of what it finds, of how its memory is mapped,
//! and of what becomes of an access that goes astray. The accesses are those of the packet processor and
//! of the SDMA engine. The GPU model never retries one, so what retrying would do is not seen here.

use super::faults;
use super::mtype::counters;
use super::support::{
    expect_healthy_kernel, expect_status, load_amdgpu_alone, new_kernel_log, start_enforced,
    unload_both,
};
use crate::address_space::AddressSpace;
use crate::vm::Vm;
use anyhow::{bail, ensure, Context, Result};
use rmcp_vgpu::{FaultReport, Hub};
use std::collections::BTreeSet;
use std::time::Duration;

/// The process of the runtime.
pub(super) const PROBE: &str = "/usr/local/lib/rmcp-tests/hsa_probe";
/// How long it may take for anything; on two cores without KVM that is a second.
pub(super) const PATIENCE: Duration = Duration::from_secs(300);
const PAGE_SIZE: usize = 4096;

/// The hardware's memory types by their numbers.
const MTYPES: [&str; 4] = ["NC", "WC", "CC", "UC"];

/// Every kind of memory that the runtime gives out: its type, and where it is. What is coherent by
/// contract is UC, everything else NC.
const MEMORY: [&str; 8] = [
    "cpu-fine UC system",
    "cpu-kernarg UC system",
    "cpu-coarse NC system",
    "gpu-coarse NC vram",
    "gpu-extended-fine UC vram",
    "locked NC system",
    "svm UC system",
    "svm-coarse NC system",
];

/// The pools that `rocminfo` shows, of the CPU and of the GPU.
const POOLS: [&[&str]; 2] = [
    &[
        "GLOBAL; FLAGS: FINE GRAINED",
        "GLOBAL; FLAGS: KERNARG, FINE GRAINED",
        "GLOBAL; FLAGS: COARSE GRAINED",
    ],
    &[
        "GLOBAL; FLAGS: COARSE GRAINED",
        "GLOBAL; FLAGS: EXTENDED FINE GRAINED",
        "GROUP",
    ],
];

pub(super) fn is_untouched(vm: &mut Vm) -> Result<()> {
    unload_both(vm)?;
    load_amdgpu_alone(vm)?;
    let target = everything_works(vm).context("without rmcp")?;

    unload_both(vm)?;
    start_enforced(vm)?;
    let guarded = everything_works(vm).context("with rmcp")?;
    ensure!(
        target == guarded,
        "the GPU is a {target}, and with rmcp a {guarded}"
    );
    let status = expect_status(vm, 0)?;
    ensure!(
        status["gpus"][0]["gfx_target"] == target.as_str(),
        "the runtime knows the GPU as {target}, status as {}",
        status["gpus"][0]["gfx_target"]
    );
    let counted = counters(vm, 0)?;
    ensure!(
        counted == [0, 0],
        "nobody asked for CC, but rmcp has counted {counted:?}"
    );
    expect_healthy_kernel(vm)
}

/// The runtime's name for the GPU, after all that it does with it has been seen to work.
fn everything_works(vm: &mut Vm) -> Result<String> {
    let mut seen = 0;
    new_kernel_log(vm, &mut seen)?;
    let target = rocminfo_shows_it(vm)?;
    let found = mappings(vm, &format!("{PROBE} memory"))?;
    ensure!(found == MEMORY, "memory is mapped as {found:#?}");
    a_queue_works(vm)?;
    let log = new_kernel_log(vm, &mut seen)?;
    ensure!(
        of_the_driver(&log).is_empty(),
        "nothing went wrong, but the kernel logged: {log}"
    );
    for fault in &FAULTS {
        fault.ends_the_process(vm)?;
    }
    Ok(target)
}

/// Debian's `rocminfo` and the KFD's topology agree on the GPU, and with the chip that it is.
fn rocminfo_shows_it(vm: &mut Vm) -> Result<String> {
    let topology = vm.guest.check(
        "sed -n 's/^gfx_target_version //p' /sys/class/kfd/kfd/topology/nodes/*/properties",
    )?;
    // The CPU's node has 0.
    let versions: Vec<u32> = topology.lines().map(str::parse).collect::<Result<_, _>>()?;
    let [0, version] = versions[..] else {
        bail!("the KFD's nodes have the versions {versions:?}, expected is one GPU");
    };
    let target = format!(
        "gfx{}{}{:x}",
        version / 10_000,
        version / 100 % 100,
        version % 100
    );

    let output = vm.guest.check("rocminfo")?;
    let agents: Vec<&str> = output.split("\nAgent ").skip(1).collect();
    ensure!(
        agents.len() == POOLS.len(),
        "rocminfo shows {} agents, expected were a CPU and a GPU",
        agents.len()
    );
    for (agent, expected) in agents.iter().zip(POOLS) {
        let pools: Vec<&str> = fields(agent, "Segment").collect();
        ensure!(pools == expected, "rocminfo shows the pools {pools:?}");
    }
    let shader = &vm.gpu().model().chip().shader;
    for (name, expected) in [
        ("Name", target.clone()),
        ("Device Type", "GPU".to_owned()),
        ("Compute Unit", shader.compute_units().to_string()),
        ("Shader Engines", shader.engines.to_string()),
    ] {
        let found = fields(agents[1], name).next();
        ensure!(
            found == Some(&expected),
            "rocminfo shows for {name:?}: {found:?}, expected was {expected:?}"
        );
    }
    Ok(target)
}

/// What `rocminfo` prints for a name, in order.
pub(super) fn fields<'a>(agent: &'a str, name: &'a str) -> impl Iterator<Item = &'a str> {
    agent
        .lines()
        .filter_map(move |line| line.trim().strip_prefix(name)?.strip_prefix(':'))
        .map(str::trim)
}

/// A command gets memory of every kind, prints what, and waits to be ended; the page tables that the GPU
/// walks say how it is mapped.
pub(super) fn mappings(vm: &mut Vm, command: &str) -> Result<Vec<String>> {
    let file = "/run/probe";
    let probe = vm.guest.start(&format!("exec {command} >{file} 2>&1"))?;
    let pid = probe.pid;
    vm.guest.wait_for(
        PATIENCE,
        "a process gets memory of every kind",
        &format!("grep -qx ready {file} || ! kill -0 {pid}"),
    )?;
    let printed = vm.guest.check(&format!("cat {file}"))?;
    let allocations = printed
        .strip_suffix("ready\n")
        .with_context(|| format!("the process ended early: {printed}"))?;
    let space = AddressSpace::of_process(vm, 0, pid)?;
    let found = allocations
        .lines()
        .map(|line| mapping(vm, &space, line).with_context(|| format!("memory {line:?}")))
        .collect::<Result<Vec<_>>>()?;

    vm.guest.check(&format!("kill {pid}"))?;
    vm.guest.finish(PATIENCE, &probe)?;
    Ok(found)
}

/// `KIND ADDRESS SIZE` becomes the kind with how every page of it is mapped.
fn mapping(vm: &Vm, space: &AddressSpace, line: &str) -> Result<String> {
    let [kind, address, size] = line.split(' ').collect::<Vec<_>>()[..] else {
        bail!("is not of three words");
    };
    let address = hexadecimal(address)?;
    let mut mappings = BTreeSet::new();
    for page in (address..address + size.parse::<u64>()?).step_by(PAGE_SIZE) {
        let entry = vm
            .gpu()
            .page_table_entry(space, page)
            .filter(|entry| entry.is_valid())
            .with_context(|| format!("{page:#x} is not mapped"))?;
        let mtype = MTYPES.get(usize::from(entry.mtype())).unwrap_or(&"?");
        let place = if entry.is_system() { "system" } else { "vram" };
        mappings.insert(format!("{mtype} {place}"));
    }
    let mappings: Vec<String> = mappings.into_iter().collect();
    Ok(format!("{kind} {}", mappings.join(" and ")))
}

pub(super) fn hexadecimal(text: &str) -> Result<u64> {
    let digits = text.strip_prefix("0x").context("no hexadecimal number")?;
    Ok(u64::from_str_radix(digits, 16)?)
}

/// A queue that the hardware scheduler maps executes a packet, and its signal wakes the process.
fn a_queue_works(vm: &mut Vm) -> Result<()> {
    let printed = vm.guest.check(&format!("{PROBE} queue"))?;
    ensure!(
        printed == "created\nbarrier executed\ndestroyed\n",
        "of a queue, the process says {printed:?}"
    );
    Ok(())
}

/// An access that goes astray.
struct Fault {
    /// What the probe calls it.
    kind: &'static str,
    /// What the runtime says of it.
    reason: &'static str,
    /// The unit that made the access.
    client: &'static str,
    write: bool,
    /// What the page-table entry lacked: a bit each for valid, read and write.
    permission_faults: u8,
}

const FAULTS: [Fault; 3] = [
    Fault {
        kind: "copy",
        reason: "Page not present or supervisor privilege.",
        client: "SDMA0 (0xd)",
        write: false,
        permission_faults: 0b011,
    },
    Fault {
        kind: "not-present",
        reason: "Page not present or supervisor privilege.",
        client: "CPC (0x5)",
        write: false,
        permission_faults: 0b011,
    },
    Fault {
        kind: "read-only",
        reason: "Write access to a read-only page.",
        client: "CPC (0x5)",
        write: true,
        permission_faults: 0b100,
    },
];

impl Fault {
    /// The runtime ends the process with the line that its users know, and the kernel log tells of
    /// this fault and of nothing else.
    fn ends_the_process(&self, vm: &mut Vm) -> Result<()> {
        const SIGABRT: i32 = 6;
        let kind = self.kind;
        let mut seen = 0;
        new_kernel_log(vm, &mut seen)?;
        let probe = vm.guest.start(&format!("exec {PROBE} fault {kind}"))?;
        let output = vm.guest.finish(PATIENCE, &probe)?;
        let log = new_kernel_log(vm, &mut seen)?;
        ensure!(
            output.status == 128 + SIGABRT,
            "a {kind} fault ended the process with {}: {}{}",
            output.status,
            output.stdout,
            output.stderr
        );
        let address = output.stdout.strip_prefix("address ").unwrap_or_default();
        let address = hexadecimal(address.trim_end())?;
        let end = format!(") on address {address:#x}. Reason: {}", self.reason);
        ensure!(
            output.stderr.lines().any(|line| {
                line.strip_prefix("Memory access fault by GPU node-1 (Agent handle: 0x")
                    .and_then(|rest| rest.strip_suffix(&end))
                    .is_some_and(|handle| u64::from_str_radix(handle, 16).is_ok())
            }),
            "the runtime says of a {kind} fault: {}",
            output.stderr
        );
        let (found, expected) = (of_the_driver(&log), self.kernel_log(probe.pid, address));
        ensure!(
            found.len() == expected.len()
                && found.iter().zip(&expected).all(|(a, b)| a.contains(b)),
            "the kernel log has on a {kind} fault {found:#?}, expected was {expected:#?}"
        );
        self.is_decoded(vm, probe.pid, address)
    }

    /// `rmcp-kctl faults` makes of those lines what the GPU did.
    fn is_decoded(&self, vm: &mut Vm, pid: u32, address: u64) -> Result<()> {
        let incidents = faults::incidents(vm)?;
        let incident = incidents.last().context("faults found nothing")?;
        let (client, id) = self
            .client
            .split_once(' ')
            .context("a client and its number")?;
        let report = FaultReport {
            hub: Hub::Gfx,
            vmid: 8,
            pasid: 0,
            address,
            write: self.write,
            client: hexadecimal(id.trim_matches(['(', ')']))?.try_into()?,
            permission_faults: self.permission_faults,
            walker_error: 0,
            mapping_error: false,
            more_faults: false,
        };
        faults::is_decoded(incident, &report, client, vm.bdf())?;
        ensure!(
            incident["task"]["pid"] == pid,
            "faults took a {} fault of {pid} for another's: {incident}",
            self.kind
        );
        Ok(())
    }

    /// What the kernel log must have on it, line by line.
    fn kernel_log(&self, pid: u32, address: u64) -> [String; 10] {
        let missing = self.permission_faults;
        [
            // The interrupt has the same bits, from where the reason is made.
            format!(
                "[gfxhub] page fault (src_id:0 ring:{} vmid:8 pasid:",
                missing << 3
            ),
            format!("Process hsa_probe pid {pid} thread hsa_probe pid {pid}"),
            format!("in page starting at address {address:#018x} from client 0x1b (UTCL2)"),
            "GCVM_L2_PROTECTION_FAULT_STATUS:0x".to_owned(),
            format!("Faulty UTCL2 client ID: {}", self.client),
            "MORE_FAULTS: 0x0".to_owned(),
            "WALKER_ERROR: 0x0".to_owned(),
            format!("PERMISSION_FAULTS: {missing:#x}"),
            "MAPPING_ERROR: 0x0".to_owned(),
            format!("RW: {:#x}", u8::from(self.write)),
        ]
    }
}

/// The lines of a kernel log that amdgpu and the KFD wrote.
fn of_the_driver(log: &str) -> Vec<&str> {
    log.lines()
        .filter(|line| line.contains("amdgpu") || line.contains("kfd"))
        .collect()
}
