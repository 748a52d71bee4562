// SPDX-License-Identifier: MIT

//! What an incident means and what to try, in plain words. Nothing is said without a source; where the
//! sources are silent, so is this.

use super::clients::{self, Gpu, Role};
use super::event::{Happening, Stage, Task};
use super::fault::{hexadecimal, Fault, Space};
use super::incident::{Happened, Incident};
use super::stamp::Stamp;
use super::status::{Hub, Status};
use serde::Serialize;

/// An incident with its explanation.
#[derive(Debug, Serialize)]
pub struct Explained<'a> {
    /// What it is, in a few words.
    pub summary: String,
    /// The GPU's PCI address.
    pub gpu: Option<&'a str>,
    /// The time of its first line.
    pub begin: Option<&'a Stamp>,
    /// The time of its last line.
    pub end: Option<&'a Stamp>,
    /// Whose it is.
    pub task: Option<&'a Task>,
    /// Page faults that differ.
    pub faults: Vec<Decoded<'a>>,
    /// All page faults, those that are not listed among them.
    pub fault_count: u64,
    /// What else happened.
    pub happenings: &'a [Happened],
    /// How much more of that there was.
    pub more_happenings: u64,
    /// Messages that the kernel left out for their number.
    pub suppressed: u64,
    /// What it means.
    pub means: Vec<Statement>,
    /// What to try.
    pub advice: Vec<Statement>,
}

/// Something that is so, or to do, and where that is known from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Statement {
    /// A sentence or two.
    pub text: String,
    /// A file and a name in it.
    pub source: &'static str,
}

/// A page fault, decoded.
#[derive(Debug, Serialize)]
pub struct Decoded<'a> {
    /// When it came first.
    pub at: Option<&'a Stamp>,
    /// How often it came.
    pub times: u64,
    /// The hub that reported it.
    pub hub: Option<Hub>,
    /// The address space.
    pub vmid: Option<u32>,
    /// Whose that is.
    pub space: Option<Space>,
    /// The process's number at the GPU.
    pub pasid: Option<u32>,
    /// The first byte of the page.
    #[serde(serialize_with = "hexadecimal")]
    pub address: Option<u64>,
    /// Who asked.
    pub client: Option<String>,
    /// The client's number.
    pub client_id: Option<u16>,
    /// What was tried.
    pub access: Option<&'static str>,
    /// What the page-table entry lacked.
    pub permission_faults: Option<Vec<&'static str>>,
    /// How the walk of the page tables failed; 0 when it did not.
    pub walker_error: Option<u32>,
    /// Whether the address could not be mapped.
    pub mapping_error: Option<bool>,
    /// Whether further faults came before this one was read.
    pub more_faults: Option<bool>,
    /// The register itself.
    pub status: Option<Status>,
    /// What the client does.
    #[serde(skip)]
    pub role: Option<Role>,
}

impl<'a> Decoded<'a> {
    fn new(fault: &'a Fault, times: u64, gpu: Gpu) -> Self {
        let client = fault.client(gpu);
        // Which address spaces are amdkfd's is known of these GPUs only.
        let known = |space: &Space| gpu != Gpu::Other || *space == Space::Kernel;
        let status = fault.described();
        Self {
            at: fault.at.as_ref(),
            times,
            hub: fault.hub,
            vmid: fault.vmid(),
            space: fault.space().filter(known),
            pasid: fault.pasid,
            address: fault.address,
            role: client.as_deref().and_then(clients::role),
            client,
            client_id: status.map(Status::client),
            access: status.map(|status| match (status.is_atomic(), status.is_write()) {
                (true, _) => "atomic",
                (false, true) => "write",
                (false, false) => "read",
            }),
            permission_faults: status.map(|status| status.permissions().words()),
            walker_error: status.map(Status::walker_error),
            mapping_error: status.map(Status::mapping_error),
            more_faults: status.map(Status::more_faults),
            status: fault.register(),
        }
    }
}

const DEBUGGING: &str = "Linux, Documentation/gpu/amdgpu/debugging.rst";
const ROCR_FLAGS: &str = "ROCr, core/util/flag.h";
const CLR_FLAGS: &str = "CLR, rocclr/utils/flags.hpp";
const OVERRIDE: &str = "libhsakmt, src/topology.c, HSA_OVERRIDE_GFX_VERSION";

/// The lowest address that amdgpu maps for a process.
const RESERVED_BOTTOM: u64 = 1 << 16;

/// Explains an incident of a GPU.
pub fn explain(incident: &Incident, gpu: Gpu) -> Explained<'_> {
    let faults: Vec<Decoded> = incident
        .faults
        .iter()
        .map(|(fault, times)| Decoded::new(fault, *times, gpu))
        .collect();
    let mut words = Words::default();
    // What comes first causes what comes after: the first fault is explained.
    if let Some((fault, _)) = incident.faults.first() {
        words.fault(fault, &faults[0]);
    }
    let mut told: Vec<&Happening> = Vec::new();
    for Happened { what, .. } in &incident.happenings {
        if !told
            .iter()
            .any(|known| std::mem::discriminant(*known) == std::mem::discriminant(what))
        {
            words.happening(what, !faults.is_empty());
            told.push(what);
        }
    }
    if incident.suppressed > 0 {
        words.means(
            "The kernel left out messages here because there were too many: what is counted is the \
             least there was.",
            "Linux, lib/ratelimit.c; gmc_v10_0.c, printk_ratelimit",
        );
    }
    Explained {
        summary: summary(incident),
        gpu: incident.gpu.as_deref(),
        begin: incident.begin.as_ref(),
        end: incident.end.as_ref(),
        task: incident.task.as_ref(),
        faults,
        fault_count: incident.fault_count,
        happenings: &incident.happenings,
        more_happenings: incident.more_happenings,
        suppressed: incident.suppressed,
        means: words.means,
        advice: words.advice,
    }
}

/// Each kind of thing that happened, in the order of its first time; faults come before what follows.
fn summary(incident: &Incident) -> String {
    let faults = match incident.fault_count {
        0 => None,
        1 => Some("page fault".to_owned()),
        count => Some(format!("{count} page faults")),
    };
    let mut parts: Vec<String> = faults.into_iter().collect();
    for Happened { what, .. } in &incident.happenings {
        let words = what.words();
        if !parts.iter().any(|part| part == words) {
            parts.push(words.to_owned());
        }
    }
    if parts.is_empty() {
        parts.push("messages left out".to_owned());
    }
    parts.join(", ")
}

impl Happening {
    /// In a word or two.
    fn words(&self) -> &'static str {
        match self {
            Self::RingTimeout { .. } => "job timed out",
            Self::RingReset { .. } | Self::QueueReset { .. } => "queue reset",
            Self::GpuReset {
                stage: Stage::Failed,
                ..
            } => "GPU reset failed",
            Self::GpuReset { .. } => "GPU reset",
            Self::VramLost => "GPU memory lost",
            Self::Wedged {
                needs_recovery: true,
            } => "GPU given up",
            Self::Wedged {
                needs_recovery: false,
            } => "reset announced",
            Self::IllegalCommand { .. } => "illegal command",
            Self::PreemptionTimeout | Self::EvictionFailed => "queues stuck",
            Self::QueueBufferFreed { .. } => "queue's memory freed",
            Self::ShaderError => "shader error",
            Self::MemoryFault { .. } | Self::HardwareException { .. } => "job aborted by ROCr",
            Self::RuntimeError { .. } => "error of ROCr",
        }
    }
}

/// What is said so far.
#[derive(Default)]
struct Words {
    means: Vec<Statement>,
    advice: Vec<Statement>,
}

impl Words {
    fn means(&mut self, text: impl Into<String>, source: &'static str) {
        self.means.push(Statement {
            text: text.into(),
            source,
        });
    }

    fn advice(&mut self, text: &str, source: &'static str) {
        self.advice.push(Statement {
            text: text.to_owned(),
            source,
        });
    }

    fn fault(&mut self, fault: &Fault, decoded: &Decoded) {
        if decoded.space == Some(Space::Kernel) {
            self.means(
                "The address space is the kernel's own (VMID 0): the fault is likely the driver's or \
                 the firmware's, not a program's.",
                DEBUGGING,
            );
            self.advice(
                "Look at the GPU's firmware with 'rmcp-kctl doctor', and report the fault to amdgpu's \
                 developers; 'rmcp-kctl doctor --report FILE' gathers what they ask for.",
                DEBUGGING,
            );
            return;
        }
        if fault
            .address
            .is_some_and(|address| address < RESERVED_BOTTOM)
        {
            self.means(
                "The address is within the first 64 KiB, where amdgpu lets no process map anything: a \
                 null pointer, or an offset from one.",
                "Linux, amdgpu_vm.h, AMDGPU_VA_RESERVED_BOTTOM; amdgpu_gem.c",
            );
        }
        match fault.described() {
            Some(status) => self.status(status, decoded),
            None => self.without_status(fault, decoded.space),
        }
        if decoded.space == Some(Space::Compute) {
            self.compute_advice(decoded.role);
        }
    }

    fn status(&mut self, status: Status, decoded: &Decoded) {
        let permissions = status.permissions();
        let who = decoded
            .role
            .map_or("The GPU".to_owned(), |role| format!("The {}", role.words()));
        let did = match decoded.access {
            Some("write") => "wrote to",
            Some("atomic") => "did an atomic on",
            _ => "read",
        };
        let what = if permissions.not_valid() {
            Some("an address where nothing is mapped")
        } else if status.is_write() && permissions.not_writable() {
            Some("a page that is mapped, but not for writing")
        } else if permissions.not_executable() {
            Some("a page that is mapped, but not for code")
        } else if permissions.not_readable() {
            Some("a page that is mapped, but not for reading")
        } else {
            None
        };
        if let Some(what) = what {
            self.means(format!("{who} {did} {what}."), DEBUGGING);
        }
        if status.walker_error() != 0 || status.mapping_error() {
            self.means(
                "The walk of the page tables itself failed (WALKER_ERROR or MAPPING_ERROR). What its \
                 codes mean, amdgpu's source does not say.",
                "Linux, gfxhub_v2_0.c and mmhub_v2_0.c, print_l2_protection_fault_status",
            );
        }
        if status.more_faults() {
            self.means(
                "More faults came than this one: the register holds one at a time.",
                "Linux, gc_10_1_0_sh_mask.h, MORE_FAULTS",
            );
        }
    }

    /// What is left to say of a fault whose register is not in the log, or read 0.
    fn without_status(&mut self, fault: &Fault, space: Option<Space>) {
        let why = match fault.status {
            Some(_) => {
                "The status register read 0 at this fault, so that who asked, and for what, is not \
                 known."
            }
            None => {
                "The log has no status register of this fault, so that who asked, and for what, is not \
                 known: lines were lost, or the register read 0, which Linux 7.2 does not print."
            }
        };
        self.means(why, "Linux, gmc_v10_0.c, gmc_v10_0_process_interrupt");
        let (Some(ring), Some(Space::Compute)) = (fault.ring, space) else {
            return;
        };
        let why = match (ring & 0x08 != 0, ring & 0x20 != 0) {
            (true, _) => "the page is not present",
            (false, true) => "the page is read-only",
            (false, false) => return,
        };
        self.means(
            format!("From the interrupt's ring number, {ring}, amdkfd tells ROCr that {why}."),
            "Linux, kfd_int_process_v10.c, event_interrupt_wq_v10",
        );
    }

    fn compute_advice(&mut self, role: Option<Role>) {
        if role == Some(Role::Copy) {
            self.advice(
                "Run the job with HSA_ENABLE_SDMA=0: shaders then copy. If the fault becomes one of \
                 TCP, the copy's addresses are wrong, and not the copy engine.",
                ROCR_FLAGS,
            );
        }
        self.advice(
            "Run the job with 'rmcp-kctl run --profile conservative -- COMMAND'. AMD_SERIALIZE_KERNEL=3 \
             of that profile makes HIP wait before and after each kernel, so that the one launched last \
             is the one that faults.",
            CLR_FLAGS,
        );
        self.advice(
            "HSA_DISABLE_FRAGMENT_ALLOCATOR=1 of the same profile keeps allocations from sharing blocks: \
             an access beyond one faults nearer to the bug.",
            ROCR_FLAGS,
        );
        self.advice(
            "Run 'rmcp-kctl doctor': it tells whether HSA_OVERRIDE_GFX_VERSION makes this GPU run code \
             of another, and whether ROCm's libraries have code for it.",
            OVERRIDE,
        );
        self.advice(
            "Run the job with 'rmcp-kctl run --profile coherence-check -- COMMAND', which has all memory \
             mapped uncached: a fault that stays is not one of cache coherence.",
            "libhsakmt, src/fmm.c, HSA_DISABLE_CACHE",
        );
    }

    fn happening(&mut self, what: &Happening, after_fault: bool) {
        match what {
            Happening::RingTimeout { soft_recovered: false, .. } => {
                self.means(
                    "A job on one of amdgpu's own rings did not end in time. ROCm's queues are not \
                     among those: amdkfd has them.",
                    "Linux, amdgpu_job.c, amdgpu_job_timedout",
                );
                if !after_fault {
                    self.advice(
                        "If the job is only long, amdgpu.lockup_timeout sets the time in milliseconds; \
                         'modinfo -p amdgpu' has this kernel's default.",
                        "Linux, amdgpu_drv.c, lockup_timeout",
                    );
                }
            }
            Happening::RingTimeout { soft_recovered: true, .. } => self.means(
                "A job did not end in time, and was stopped without a reset: only its results are lost.",
                "Linux, amdgpu_job.c, amdgpu_ring_soft_recovery",
            ),
            Happening::VramLost => self.means(
                "What was in the GPU's memory is gone: every program that used this GPU has to be \
                 started again.",
                "Linux, amdgpu_device.c, amdgpu_device_check_vram_lost",
            ),
            Happening::Wedged { needs_recovery: true } => self.means(
                "The driver gave the GPU up: it needs to be bound again, or the machine rebooted.",
                "Linux, drm_drv.c, drm_dev_wedged_event",
            ),
            Happening::IllegalCommand { .. } => self.means(
                "The command processor refused a packet that a program sent to the GPU.",
                "Linux, gfx_v10_0.c, gfx_v10_0_priv_reg_irq and its siblings",
            ),
            Happening::PreemptionTimeout | Happening::EvictionFailed => self.means(
                "amdkfd could not take a process's queues from the GPU in time: a kernel that runs long \
                 or hangs. The driver then resets the GPU.",
                "Linux, kfd_device_queue_manager.c, unmap_queues_cpsch",
            ),
            Happening::QueueBufferFreed { .. } => self.means(
                "The program freed memory that one of its queues uses; amdkfd stopped the queues.",
                "Linux, kfd_svm.c, svm_range_unmap_from_cpu",
            ),
            Happening::RuntimeError { name } if name == "HSA_STATUS_ERROR_MEMORY_APERTURE_VIOLATION" => {
                self.means(
                    "The GPU used an address beyond the largest legal one.",
                    "ROCr, inc/hsa.h, HSA_STATUS_ERROR_MEMORY_APERTURE_VIOLATION",
                );
                self.advice(
                    "Run 'rmcp-kctl doctor': gfx1030 code on a gfx101x GPU, through \
                     HSA_OVERRIDE_GFX_VERSION, is a documented cause.",
                    OVERRIDE,
                );
            }
            Happening::MemoryFault { .. } if !after_fault => {
                self.means(
                    "ROCr ended its process because the GPU could not make an access of it. The \
                     kernel's log has the details.",
                    "ROCr, core/runtime/runtime.cpp, VMFaultHandler",
                );
                self.compute_advice(None);
            }
            Happening::HardwareException { .. } => self.means(
                "ROCr ended its process because the GPU was reset, or has an error in its memory.",
                "ROCr, core/runtime/runtime.cpp, HwExceptionHandler",
            ),
            _ => {}
        }
    }
}
