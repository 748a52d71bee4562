// SPDX-License-Identifier: MIT

//! Every wording, made from the format strings of the sources that it names, and what becomes of whole
//! logs.

use super::clients::Gpu;
use super::event::{parse, Event, Happening, Header, Stage, Task};
use super::incident::{Incident, Incidents};
use super::meaning::Statement;
use super::status::{Hub, Status, FIELDS};
use super::{line, meaning, scan};
use crate::variables::{harms, testing::gpus};
use proptest::prelude::*;
use std::ops::ControlFlow;

/// A page fault as a kernel prints it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kernel {
    /// gmc_v10_0.c of Linux 5.15, 6.1 and 6.6: the task is in the first line.
    V5_15,
    /// gmc_v10_0.c of Linux 6.9 to 6.12, and of later releases of 6.1: the task has a line.
    V6_9,
    /// gmc_v10_0.c and amdgpu_vm.c (`amdgpu_vm_print_task_info`) of Linux 7.2 and 7.3, without `amdgpu: `.
    V7_2,
}

const KERNELS: [Kernel; 3] = [Kernel::V5_15, Kernel::V6_9, Kernel::V7_2];

/// What is printed of one fault.
#[derive(Debug, Clone)]
struct Printed {
    gpu: String,
    hub: &'static str,
    vmid: u32,
    pasid: u32,
    task: Option<Task>,
    address: u64,
    status: u32,
    client: &'static str,
}

fn task(name: &str) -> Task {
    let name = name.to_owned();
    Task {
        process: name.clone(),
        pid: 123,
        thread: name,
        tid: 124,
    }
}

fn printed() -> Printed {
    Printed {
        gpu: "0000:03:00.0".to_owned(),
        hub: "gfxhub",
        vmid: 8,
        pasid: 32770,
        task: Some(task("python")),
        address: 0x7f95_87e0_0000,
        // A write of TCP to a page that is not there.
        status: 0x0084_1031,
        client: "TCP",
    }
}

impl Printed {
    /// The lines, without a time.
    fn lines(&self, kernel: Kernel) -> Vec<String> {
        let Self {
            hub,
            vmid,
            pasid,
            address,
            status,
            client,
            ..
        } = self;
        let named = self.task.clone().map(|task| {
            let Task {
                process,
                pid,
                thread,
                tid,
            } = task;
            format!("process {process} pid {pid} thread {thread} pid {tid}")
        });
        let mut lines = Vec::new();
        let numbers = format!("src_id:0 ring:24 vmid:{vmid} pasid:{pasid}");
        if kernel == Kernel::V5_15 {
            // A task that is not known is zeroes.
            let named = named.unwrap_or("process  pid 0 thread  pid 0".to_owned());
            lines.push(format!("[{hub}] page fault ({numbers}, for {named})"));
        } else {
            lines.push(format!("[{hub}] page fault ({numbers})"));
            lines.extend(named.map(|named| match kernel {
                Kernel::V7_2 => format!(" P{}", &named[1..]),
                _ => format!(" in {named}"),
            }));
        }
        let (id, source, prefix) = match *hub {
            "mmhub" => (0x12, "VMC", "MM"),
            _ => (0x1b, "UTCL2", "GC"),
        };
        lines.push(format!(
            "  in page starting at address 0x{address:016x} from client 0x{id:x} ({source})"
        ));
        if kernel != Kernel::V7_2 || *status != 0 {
            let word = Status(*status);
            lines.push(format!(
                "{prefix}VM_L2_PROTECTION_FAULT_STATUS:0x{status:08X}"
            ));
            lines.push(format!(
                "\t Faulty UTCL2 client ID: {client} (0x{:x})",
                word.client()
            ));
            let values = [
                u32::from(word.more_faults()),
                word.walker_error(),
                word.permissions().0,
                u32::from(word.mapping_error()),
                u32::from(word.is_write()),
            ];
            for (field, value) in FIELDS.iter().zip(values) {
                lines.push(format!("\t {}: 0x{value:x}", field.name));
            }
        }
        let driver = match kernel {
            Kernel::V7_2 => "",
            // `dev_fmt` of amdgpu.h.
            _ => "amdgpu: ",
        };
        let whole = |line: &String| format!("amdgpu {}: {driver}{line}", self.gpu);
        lines.iter().map(whole).collect()
    }
}

/// The incidents of a log.
fn incidents<L: AsRef<str>>(lines: impl IntoIterator<Item = L>) -> Vec<Incident> {
    let lines: Vec<L> = lines.into_iter().collect();
    let lines: Vec<&[u8]> = lines.iter().map(|line| line.as_ref().as_bytes()).collect();
    incidents_of(&lines.join(&b'\n'))
}

fn incidents_of(log: &[u8]) -> Vec<Incident> {
    let mut incidents = Incidents::default();
    scan::lines(log, |bytes| {
        if let Some(line) = line::parse(bytes) {
            incidents.push(line);
        }
        ControlFlow::Continue(())
    })
    .unwrap();
    incidents.end();
    incidents.over()
}

fn at(second: u32, lines: Vec<String>) -> Vec<String> {
    lines
        .into_iter()
        .map(|line| format!("[{second:5}.000000] {line}"))
        .collect()
}

#[test]
fn every_kernels_wording_of_a_fault_is_read() {
    for kernel in KERNELS {
        let found = incidents(printed().lines(kernel));
        let [incident] = &found[..] else {
            panic!("{kernel:?}: {found:?}")
        };
        assert_eq!(incident.gpu.as_deref(), Some("0000:03:00.0"), "{kernel:?}");
        assert_eq!(incident.task, Some(task("python")), "{kernel:?}");
        let [(fault, 1)] = &incident.faults[..] else {
            panic!("{incident:?}")
        };
        assert_eq!((fault.hub, fault.ring), (Some(Hub::Gfxhub), Some(24)));
        assert_eq!((fault.vmid, fault.pasid), (Some(8), Some(32770)));
        assert_eq!(fault.address, Some(0x7f95_87e0_0000));
        assert_eq!(fault.status, Some(Status(printed().status)));
        assert_eq!(fault.client(Gpu::Unknown).as_deref(), Some("TCP"));
    }
}

#[test]
fn other_hubs_and_words_are_read() {
    // gmc_v9_0.c of Linux 5.15 to 7.2, and Documentation/gpu/amdgpu/debugging.rst.
    let header = |text: &str| match parse(text) {
        Some(Event::Fault(Header {
            hub,
            vmid,
            pasid,
            task,
            ..
        })) => (hub, vmid, pasid, task),
        other => panic!("{text}: {other:?}"),
    };
    let numbers = "(src_id:0 ring:24 vmid:3 pasid:7)";
    for (text, hub) in [
        ("[gfxhub0] no-retry page fault", Hub::Gfxhub),
        ("[gfxhub0] retry page fault", Hub::Gfxhub),
        ("[mmhub1] page fault", Hub::Mmhub),
    ] {
        let expected = (hub, Some(3), Some(7), None);
        assert_eq!(header(&format!("{text} {numbers}")), expected);
    }
    for text in [
        "from IH client 0x1b (UTCL2)",
        // gmc_v11_0.c.
        "from client 10",
    ] {
        let page = parse(&format!(
            "in page starting at address 0x0000000000001000 {text}"
        ));
        assert_eq!(page, Some(Event::Page(4096)), "{text}");
    }
    for other in [
        "[gfxhub] page walk (src_id:0)",
        "[somehub] page fault (src_id:0)",
        "in page starting at address x from client 0x1b (UTCL2)",
        "XXVM_L2_PROTECTION_FAULT_STATUS:0x0",
        "RW: many",
        "RW: 0x100000000",
    ] {
        assert_eq!(parse(other), None, "{other}");
    }
}

#[test]
fn every_wording_of_a_task_is_read() {
    for (before, after) in [
        // gmc_v10_0.c of Linux 6.9 to 6.12, as first released and as mended.
        ("in process", ""),
        ("in process", ")"),
        // Another hub's of Linux 6.1.192.
        ("for process", ""),
        // amdgpu_vm.c of Linux 7.2 and 7.3.
        ("Process", ""),
        // amdgpu_job.c of Linux 5.15 to 6.12.
        ("Process information: process", ""),
    ] {
        let line = format!("{before} python pid 123 thread python pid 124{after}");
        assert_eq!(parse(&line), Some(Event::Task(task("python"))), "{line}");
    }
}

#[test]
fn whatever_a_process_is_called_its_number_is_its_own() {
    for name in [
        "",
        "a b",
        "x pid 1 thread",
        " thread ",
        "a pid 7",
        ") pid",
        "é\u{1b}[31m",
    ] {
        for kernel in KERNELS {
            let printed = Printed {
                task: Some(task(name)),
                ..printed()
            };
            let found = incidents(printed.lines(kernel));
            assert_eq!(found[0].task, Some(task(name)), "{kernel:?} {name:?}");
        }
    }
}

#[test]
fn what_else_happens_to_a_gpu_is_read() {
    let ring = || "gfx_0.0.0".to_owned();
    let reset = |stage, error| Happening::GpuReset { stage, error };
    for (message, expected) in [
        // amdgpu_job.c of Linux 5.15 to 7.3.
        (
            "ring gfx_0.0.0 timeout, signaled seq=41, emitted seq=43",
            Happening::RingTimeout { ring: ring(), jobs: Some((41, 43)), soft_recovered: false },
        ),
        (
            "ring gfx_0.0.0 timeout, but soft recovered",
            Happening::RingTimeout { ring: ring(), jobs: None, soft_recovered: true },
        ),
        // amdgpu_job.c of Linux 7.2 and 7.3.
        (
            "Starting gfx_0.0.0 ring reset",
            Happening::RingReset { ring: ring(), stage: Stage::Begun },
        ),
        (
            "Ring gfx_0.0.0 reset succeeded",
            Happening::RingReset { ring: ring(), stage: Stage::Succeeded },
        ),
        (
            "Ring gfx_0.0.0 reset failed",
            Happening::RingReset { ring: ring(), stage: Stage::Failed },
        ),
        // amdgpu_device.c: the source since Linux 6.13.
        ("GPU reset begin!", reset(Stage::Begun, None)),
        ("GPU reset begin!. Source:  1", reset(Stage::Begun, None)),
        ("GPU reset(2) succeeded!", reset(Stage::Succeeded, None)),
        ("GPU reset(2) failed", reset(Stage::Failed, None)),
        ("GPU reset(2) failed with error -110", reset(Stage::Failed, Some(-110))),
        ("GPU reset end with ret = -110", reset(Stage::Failed, Some(-110))),
        ("GPU Recovery Failed: -19", reset(Stage::Failed, Some(-19))),
        ("VRAM is lost due to GPU reset!", Happening::VramLost),
        // drm_drv.c of Linux 7.2 and 7.3.
        ("device wedged, needs recovery", Happening::Wedged { needs_recovery: true }),
        ("device wedged, but no recovery needed", Happening::Wedged { needs_recovery: false }),
        // gfx_v10_0.c of Linux 5.15 to 7.3.
        (
            "Illegal register access in command stream",
            Happening::IllegalCommand { what: "register access".to_owned() },
        ),
        // sdma_v5_0.c and sdma_v5_2.c of Linux 5.15 to 6.1.
        (
            "Illegal instruction in SDMA command stream",
            Happening::IllegalCommand { what: "instruction".to_owned() },
        ),
        // kfd_device_queue_manager.c, kfd_process.c and kfd_svm.c of Linux 7.2 and 7.3.
        ("qcm fence wait loop timeout expired", Happening::PreemptionTimeout),
        (
            "The cp might be in an unrecoverable state due to an unsuccessful queues preemption",
            Happening::PreemptionTimeout,
        ),
        ("Failed to evict queue 1", Happening::EvictionFailed),
        ("Failed to evict process queues", Happening::EvictionFailed),
        (
            "Freeing queue vital buffer 0x7f0000001000, queue evicted",
            Happening::QueueBufferFreed { address: 0x7f00_0000_1000 },
        ),
        ("queue id 0x2 at pasid 123 is reset", Happening::QueueReset { pid: 123 }),
        (
            "sq_intr: error, se 0, data 0x1, sa 0, priv 0, wave_id 1, simd_id 0, wgp_id 2, err_type 1",
            Happening::ShaderError,
        ),
        // runtime.cpp of ROCr 6 and 7, and 5 without the handle.
        (
            "Memory access fault by GPU node-1 (Agent handle: 0x55ac) on address 0x7f9587e00000. \
             Reason: Page not present or supervisor privilege.",
            Happening::MemoryFault {
                node: 1,
                address: Some(0x7f95_87e0_0000),
                reason: "Page not present or supervisor privilege".to_owned(),
            },
        ),
        (
            "Memory access fault by GPU node-2 on address (nil)(may not be exact address). \
             Reason: Unknown.",
            Happening::MemoryFault { node: 2, address: None, reason: "Unknown".to_owned() },
        ),
        (
            "HW Exception by GPU node-1 (Agent handle: 0x55ac) reason :GPU Hang",
            Happening::HardwareException { node: 1, reason: "GPU Hang".to_owned() },
        ),
        (
            "HSA_STATUS_ERROR_MEMORY_APERTURE_VIOLATION: The agent attempted to access memory",
            Happening::RuntimeError {
                name: "HSA_STATUS_ERROR_MEMORY_APERTURE_VIOLATION".to_owned(),
            },
        ),
    ] {
        assert_eq!(parse(message), Some(Event::Happened(expected)), "{message}");
        let line = format!("amdgpu 0000:03:00.0: {message}");
        assert_eq!(incidents([&line]).len(), 1, "{line}");
    }
    for other in [
        "ring gfx timeout",
        "ring gfx timeout, x",
        "GPU reset(2) went",
        "",
        "Ring",
    ] {
        assert_eq!(parse(other), None, "{other}");
    }
}

#[test]
fn a_status_comes_from_its_fields_only_when_none_is_missing() {
    let mut lines = printed().lines(Kernel::V7_2);
    lines.retain(|line| !line.contains("FAULT_STATUS"));
    // What has no line, such as the VMID, is not there.
    let fields = printed().status & 0x7ffff;
    assert_eq!(
        incidents(&lines)[0].faults[0].0.status,
        Some(Status(fields))
    );
    // Without the first line either, whose the address space is nobody knows.
    let fault = incidents(&lines[2..])[0].faults[0].0.clone();
    assert_eq!(
        (fault.vmid(), fault.space(), fault.register()),
        (None, None, None)
    );
    lines.retain(|line| !line.contains("RW:"));
    assert_eq!(incidents(&lines)[0].faults[0].0.status, None);
}

#[test]
fn what_the_detail_lines_would_say_comes_from_the_register() {
    let lines = printed().lines(Kernel::V6_9);
    let found = incidents(lines.iter().filter(|line| !line.contains('\t')));
    let explained = meaning::explain(&found[0], Gpu::Unknown);
    let fault = &explained.faults[0];
    assert_eq!(fault.client.as_deref(), Some("TCP"));
    assert_eq!(
        (fault.access, fault.more_faults),
        (Some("write"), Some(true))
    );
    assert_eq!(
        fault.permission_faults.as_deref(),
        Some(&["not valid", "not readable"][..])
    );
}

#[test]
fn lines_of_several_gpus_do_not_mix() {
    let second = Printed {
        gpu: "0000:06:00.0".to_owned(),
        address: 0x1000,
        ..printed()
    };
    let (first, second) = (printed().lines(Kernel::V7_2), second.lines(Kernel::V7_2));
    let mixed: Vec<_> = first
        .into_iter()
        .zip(second)
        .flat_map(|(a, b)| [b, a])
        .collect();
    let mut found = incidents(mixed);
    found.sort_by_key(|incident| incident.gpu.clone());
    let addresses: Vec<_> = found
        .iter()
        .map(|i| (i.fault_count, i.faults[0].0.address))
        .collect();
    assert_eq!(addresses, [(1, Some(0x7f95_87e0_0000)), (1, Some(0x1000))]);
    assert!(found
        .iter()
        .all(|incident| incident.faults[0].0.status.is_some()));
}

#[test]
fn faults_of_a_process_and_what_follows_are_one_incident() {
    let mut lines = at(10, printed().lines(Kernel::V7_2));
    lines.extend(at(10, printed().lines(Kernel::V7_2)));
    lines.push("[   10.100000] gmc_v10_0_process_interrupt: 35 callbacks suppressed".to_owned());
    lines.push(
        "Memory access fault by GPU node-1 (Agent handle: 0x1) on address 0x7f9587e00000. Reason: \
         Page not present or supervisor privilege."
            .to_owned(),
    );
    lines.push(
        "[   20.000000] amdgpu 0000:03:00.0: ring sdma0 timeout, signaled seq=1, emitted seq=2"
            .to_owned(),
    );
    lines.push("[   21.000000] amdgpu 0000:03:00.0: GPU reset begin!. Source:  1".to_owned());
    let found = incidents(&lines);
    let [incident] = &found[..] else {
        panic!("{found:#?}")
    };
    assert_eq!((incident.fault_count, incident.faults.len()), (2, 1));
    assert_eq!((incident.suppressed, incident.happenings.len()), (35, 3));
    let explained = meaning::explain(incident, Gpu::Unknown);
    assert_eq!(
        explained.summary,
        "2 page faults, job aborted by ROCr, job timed out, GPU reset"
    );
}

/// What a process prints comes by another way than the kernel's lines, at any moment.
#[test]
fn rocrs_line_amid_the_kernels_does_not_part_them() {
    let rocr =
        "Memory access fault by GPU node-1 (Agent handle: 0x1) on address 0x7f9587e00000. Reason: \
                Page not present or supervisor privilege.";
    for kernel in KERNELS {
        let lines = printed().lines(kernel);
        for place in 0..=lines.len() {
            let mut lines = lines.clone();
            lines.insert(place, rocr.to_owned());
            let incidents = incidents(lines);
            assert_eq!(incidents.len(), 1, "{kernel:?} {place}: {incidents:#?}");
            assert_eq!(incidents[0].happenings.len(), 1);
            let [(fault, 1)] = &incidents[0].faults[..] else {
                panic!("{incidents:#?}");
            };
            assert_eq!(fault.address, Some(printed().address));
            assert!(fault.task.is_some() && fault.status.is_some());
        }
    }
}

#[test]
fn counts_that_no_kernel_prints_do_no_harm() {
    let line = "gmc_v10_0_process_interrupt: 18446744073709551615 callbacks suppressed";
    assert_eq!(incidents([line, line])[0].suppressed, u64::MAX);
}

#[test]
fn another_process_or_a_later_time_or_another_boot_is_another_incident() {
    let other = Printed {
        pasid: 32771,
        ..printed()
    };
    let lines = [
        at(10, printed().lines(Kernel::V7_2)),
        at(11, other.lines(Kernel::V7_2)),
        at(500, printed().lines(Kernel::V7_2)),
        at(12, printed().lines(Kernel::V7_2)),
    ];
    assert_eq!(incidents(lines.concat()).len(), 4);
}

#[test]
fn a_log_that_begins_or_ends_within_a_fault_loses_only_what_is_missing() {
    let lines = printed().lines(Kernel::V7_2);
    for begin in 0..lines.len() {
        for end in begin + 1..=lines.len() {
            let found = incidents(&lines[begin..end]);
            assert!(found.len() <= 1, "{begin}..{end}: {found:?}");
            // A process's line alone says nothing of a fault.
            assert_eq!(found.is_empty(), (begin, end) == (1, 2), "{begin}..{end}");
            assert!(found.iter().all(|incident| incident.fault_count == 1));
        }
    }
}

#[test]
fn a_timeout_of_an_older_kernel_belongs_to_the_only_gpu() {
    // amdgpu_job.c of Linux 5.15 to 6.12 prints without the GPU.
    let mut lines = at(10, printed().lines(Kernel::V5_15));
    lines.push("[   20.000000] [drm:amdgpu_job_timedout [amdgpu]] *ERROR* ring sdma0 timeout, signaled seq=1, emitted seq=2".to_owned());
    lines.push("[   20.000000] [drm:amdgpu_job_timedout [amdgpu]] *ERROR* Process information: process Xorg pid 5 thread Xorg:cs0 pid 6".to_owned());
    let found = incidents(&lines);
    assert_eq!(found.len(), 1, "{found:#?}");
    let alone = incidents(&lines[lines.len() - 2..]);
    assert_eq!(alone[0].task.as_ref().map(|task| task.pid), Some(5));
}

/// `rmcp-kctl run` refuses a job with such a variable.
#[test]
fn no_advice_sets_a_variable_that_does_harm() {
    let mut lines = at(10, printed().lines(Kernel::V7_2));
    lines = lines
        .iter()
        .map(|line| line.replace("TCP (0x8)", "SDMA0 (0xd)"))
        .collect();
    lines.push("HSA_STATUS_ERROR_MEMORY_APERTURE_VIOLATION: x".to_owned());
    let incidents = incidents(&lines);
    let advice = incidents
        .iter()
        .flat_map(|i| meaning::explain(i, Gpu::Unknown).advice);
    let mut settings = 0;
    for Statement { text, .. } in advice {
        for (name, value) in text
            .split_whitespace()
            .filter_map(|word| word.split_once('='))
        {
            let value = value.trim_end_matches(['.', ',', ':', ';', '\'']);
            for target in ["gfx1010", "gfx1030"] {
                assert!(!harms(name, value, &gpus(&[target])), "{text}");
            }
            settings += 1;
        }
    }
    assert!(settings > 2);
}

fn any_printed() -> impl Strategy<Value = Printed> {
    let names = prop::sample::select(&["", "python", "x pid 1 thread", "RW: 0x1"][..]);
    let hubs = prop::sample::select(&["gfxhub", "mmhub"][..]);
    (
        0u32..3,
        hubs,
        0u32..16,
        0u32..3,
        prop::option::of(names),
        0u64..1 << 48,
        any::<u32>(),
    )
        .prop_map(|(bus, hub, vmid, pasid, name, address, status)| Printed {
            gpu: format!("0000:{bus:02x}:00.0"),
            hub,
            vmid,
            pasid,
            task: name.map(task),
            address,
            status: status | 1,
            client: "TCP",
        })
}

proptest! {
    #[test]
    fn no_message_panics(message in "(\\[gfxhub\\]|page fault \\(|vmid:|0x|[0-9]| pid | thread |Process |RW: |: |\\PC)*") {
        let _ = parse(&message);
    }

    #[test]
    fn what_was_printed_comes_back(printed in any_printed(), kernel in prop::sample::select(&KERNELS[..])) {
        let found = incidents(printed.lines(kernel));
        prop_assert_eq!(found.len(), 1);
        let (fault, _) = &found[0].faults[0];
        prop_assert_eq!(found[0].gpu.as_ref(), Some(&printed.gpu));
        prop_assert_eq!(fault.address, Some(printed.address));
        prop_assert_eq!(fault.status, Some(Status(printed.status)));
        prop_assert_eq!((fault.vmid, fault.pasid), (Some(printed.vmid), Some(printed.pasid)));
        prop_assert_eq!(&fault.task, &printed.task);
    }

    #[test]
    fn no_fault_is_lost_however_lines_are_cut_and_mixed(
        faults in prop::collection::vec((any_printed(), prop::sample::select(&KERNELS[..])), 1..60),
        drop in prop::collection::vec(any::<bool>(), 1..7),
    ) {
        let mut count = 0;
        let mut lines = Vec::new();
        for (printed, kernel) in &faults {
            let all = printed.lines(*kernel);
            count += 1;
            // The first line is always there.
            let kept = all.iter().enumerate().filter(|(i, _)| *i == 0 || !drop[i % drop.len()]);
            lines.extend(kept.map(|(_, line)| line.clone()));
        }
        let found = incidents(&lines);
        prop_assert_eq!(found.iter().map(|incident| incident.fault_count).sum::<u64>(), count);
        for incident in &found {
            prop_assert!(incident.faults.len() <= 16);
            let explained = meaning::explain(incident, Gpu::Unknown);
            prop_assert!(serde_json::to_string(&explained).is_ok());
        }
    }

    #[test]
    fn any_lines_are_survived(lines in prop::collection::vec(
        prop_oneof![any::<Vec<u8>>(), "(amdgpu|\\[drm| |0000:03:00.0|:|GPU reset|\\PC)*".prop_map(String::into_bytes)],
        0..30,
    )) {
        for bytes in &lines {
            let _ = line::parse(bytes);
        }
        for incident in incidents_of(&lines.join(&b'\n')) {
            let _ = meaning::explain(&incident, Gpu::Unknown);
        }
    }
}
