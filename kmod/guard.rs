// SPDX-License-Identifier: GPL-2.0

//! The state of each GPU and the decisions: when to arm, what to enforce, when to stand down.
//!
//! Probe handlers run with preemption off, so the table of GPUs is a fixed array of atomics: no
//! lock, no allocation. A GPU's entry lives from the first `gmc_v10_0_hw_init`, or from rmcp's own
//! load if amdgpu was first, to `gmc_v10_0_sw_fini`.

use crate::adev::Adev;
use crate::btf_file;
use crate::kprobe::{Arg, Args, Entry, Kprobe};
use crate::layout::{self, MtypeHook};
use crate::layout_generated::LAYOUT;
use crate::notifier::{ModuleEvents, PciEvents};
use crate::params;
use crate::pci::{self, PciDevice};
use crate::policy::{self, Fields, MtypeCc, Reason, State};
use crate::sysfs::{Directory, Page};
use core::ffi::CStr;
use core::sync::atomic::{
    AtomicBool, AtomicI32, AtomicPtr, AtomicU32, AtomicU64, AtomicU8, AtomicUsize,
    Ordering::{Acquire, Relaxed, Release},
};
use kernel::{
    bindings,
    prelude::*,
    sync::{new_mutex, Mutex},
};

/// The driver's name, as a module and as a PCI driver.
const AMDGPU: &CStr = c"amdgpu";
/// The BTF of a live amdgpu.
const AMDGPU_BTF: &CStr = c"/sys/kernel/btf/amdgpu";
/// How much longer than the one rmcp was built for the BTF may be that is looked at: patches add to
/// it.
const PATCHES: usize = 1 << 20;

/// One GPU.
struct Gpu {
    /// Address of its `struct amdgpu_device`; 0 = free entry, 1 = being filled.
    adev: AtomicUsize,
    /// Address of its `struct pci_dev`, 0 once the driver is unbound from it.
    pci: AtomicUsize,
    /// `/sys/bus/pci/devices/<bdf>/rmcp/` as [`Directory::into_raw`], null = none. Changed under the
    /// device lock only.
    directory: AtomicPtr<bindings::kobject>,
    gc_version: AtomicU32,
    reason: AtomicU8,
    noretry_driver_default: AtomicI32,
    fragment_size_driver_default: AtomicU32,
    mtype_cc_requests: AtomicU64,
    mtype_cc_rewritten: AtomicU64,
    hw_inits: AtomicU64,
}

const FREE: usize = 0;
const FILLING: usize = 1;

impl Gpu {
    const fn free() -> Self {
        Self {
            adev: AtomicUsize::new(FREE),
            pci: AtomicUsize::new(0),
            directory: AtomicPtr::new(core::ptr::null_mut()),
            gc_version: AtomicU32::new(0),
            reason: AtomicU8::new(0),
            noretry_driver_default: AtomicI32::new(0),
            fragment_size_driver_default: AtomicU32::new(0),
            mtype_cc_requests: AtomicU64::new(0),
            mtype_cc_rewritten: AtomicU64::new(0),
            hw_inits: AtomicU64::new(0),
        }
    }

    fn reason(&self) -> Reason {
        Reason::from_u8(self.reason.load(Relaxed)).unwrap_or(Reason::AmdgpuFirst)
    }

    fn set_reason(&self, reason: Reason) {
        self.reason.store(reason as u8, Relaxed);
    }

    fn driver_default(&self) -> Fields {
        Fields {
            noretry: self.noretry_driver_default.load(Relaxed),
            fragment_size: self.fragment_size_driver_default.load(Relaxed),
        }
    }

    /// The device, while the driver has it.
    fn adev(&self) -> Option<Adev> {
        Adev::known(self.adev.load(Acquire))
    }
}

static GPUS: [Gpu; 16] = [const { Gpu::free() }; 16];

fn find(adev: usize) -> Option<&'static Gpu> {
    if adev <= FILLING {
        return None;
    }
    GPUS.iter().find(|gpu| gpu.adev.load(Acquire) == adev)
}

/// The entry of a device that amdgpu initialises. One that was unbound is of a device that went
/// while the probes were off, and the new one has its address.
fn find_initialised(adev: usize) -> Option<&'static Gpu> {
    let gpu = find(adev)?;
    if gpu.pci.load(Relaxed) == 0 {
        gpu.adev.store(FREE, Release);
        return None;
    }
    Some(gpu)
}

fn find_pci(pci: PciDevice<'_>) -> Option<&'static Gpu> {
    entries_of(pci).find(|gpu| gpu.adev.load(Acquire) > FILLING)
}

/// Takes a free entry for the device, with what the driver has now as its default.
fn adopt(adev: Adev, fields: Fields, reason: Reason) -> Option<&'static Gpu> {
    let gpu = GPUS.iter().find(|gpu| {
        gpu.adev
            .compare_exchange(FREE, FILLING, Acquire, Relaxed)
            .is_ok()
    })?;
    gpu.pci.store(adev.pci_address().unwrap_or(0), Relaxed);
    gpu.gc_version
        .store(adev.gc_version().unwrap_or(0), Relaxed);
    gpu.noretry_driver_default.store(fields.noretry, Relaxed);
    gpu.fragment_size_driver_default
        .store(fields.fragment_size, Relaxed);
    gpu.mtype_cc_requests.store(0, Relaxed);
    gpu.mtype_cc_rewritten.store(0, Relaxed);
    gpu.hw_inits.store(0, Relaxed);
    gpu.set_reason(reason);
    gpu.adev.store(adev.address(), Release);
    Some(gpu)
}

/// Probe on `gmc_v10_0_hw_init`: the driver has computed its defaults and is about to program the
/// hubs with them, at probe, resume and reset.
struct HwInit;

impl Entry for HwInit {
    const SYMBOL: &'static CStr = c"amdgpu:gmc_v10_0_hw_init";

    fn entered(args: Args<'_>) {
        let Some(adev) = Adev::from_ip_function(args.get(Arg::First)) else {
            pr_err!(
                "gmc_v10_0_hw_init was called on something that is no amdgpu device by this layout: nothing is written; rebuild rmcp for this kernel (dkms)\n"
            );
            return;
        };
        let Some(found) = adev.fields() else {
            return;
        };
        let known = find_initialised(adev.address());
        let before = known.map(Gpu::reason);
        let Some(gpu) = known.or_else(|| adopt(adev, found, Reason::AmdgpuFirst)) else {
            pr_err!("{}\n", Reason::TooManyGpus.as_str());
            return;
        };
        gpu.hw_inits.fetch_add(1, Relaxed);
        let reason = enforce(adev, gpu, found, before);
        gpu.set_reason(reason);
        // A laptop's GPU comes here at every wake-up: only what is new is worth a line.
        if before != Some(reason) || adev.fields() != Some(found) {
            report(adev, gpu, found);
        }
    }
}

/// Writes the policy if all is as it must be. `before` is why the GPU was as it was, if it is
/// known already.
fn enforce(adev: Adev, gpu: &Gpu, found: Fields, before: Option<Reason>) -> Reason {
    let version = policy::ip_version(gpu.gc_version.load(Relaxed));
    let Some(chip) = policy::find_chip(version) else {
        return Reason::UnknownGc;
    };
    if !found.plausible() {
        return Reason::Implausible;
    }
    if !params::enforce() {
        return Reason::ReportOnly;
    }
    if params::noretry() == policy::LEAVE && params::fragment_size() == policy::LEAVE {
        return Reason::NothingAsked;
    }
    // SAFETY: The driver is at the entry of hw_init of this device.
    unsafe { adev.write_fields(found.wanted(params::noretry(), params::fragment_size())) };
    // An APU's resume from s0ix runs hw_init without programming the graphics hub anew, so that
    // one that amdgpu had first stays so (`gmc_v10_0_gart_enable`).
    if chip.apu && before == Some(Reason::AmdgpuFirst) {
        Reason::AmdgpuFirst
    } else {
        Reason::Written
    }
}

/// One line for the kernel log about what was found on a GPU, what is there now, and why.
fn report(adev: Adev, gpu: &Gpu, found: Fields) {
    let gc = policy::ip_version(gpu.gc_version.load(Relaxed));
    let name = policy::find_chip(gc).map_or("unknown chip", |chip| chip.name);
    let now = adev.fields().unwrap_or(found);
    let reason = gpu.reason();
    // SAFETY: Called from a probe in the driver's own init of this device, or under its lock.
    let _ = unsafe {
        adev.with_pci(|pci| {
            pr_info!(
                "{}: {} (GC {}.{}.{}): noretry {} -> {}, fragment_size {} -> {}: {} ({})\n",
                pci.name(),
                name,
                gc.0,
                gc.1,
                gc.2,
                found.noretry,
                now.noretry,
                found.fragment_size,
                now.fragment_size,
                reason.state().as_str(),
                reason.as_str()
            );
        })
    };
}

/// Probe on `gmc_v10_0_sw_fini`: the driver is done with the device.
struct SwFini;

impl Entry for SwFini {
    const SYMBOL: &'static CStr = c"amdgpu:gmc_v10_0_sw_fini";

    fn entered(args: Args<'_>) {
        let Some(adev) = Adev::from_ip_function(args.get(Arg::First)) else {
            return;
        };
        for gpu in &GPUS {
            if gpu.adev.load(Acquire) == adev.address() {
                gpu.pci.store(0, Relaxed);
                gpu.adev.store(FREE, Release);
            }
        }
    }
}

/// Probe on the function through which every request for a memory type passes.
struct Mtype;

impl Mtype {
    /// Which argument holds the VM flags.
    const FLAGS: Arg = match LAYOUT.mtype_hook {
        MtypeHook::GetVmPte => Arg::Fourth,
        MtypeHook::MapMtype => Arg::Second,
    };

    /// What it means that amdgpu lacks the function.
    const MISSING: Reason = match LAYOUT.mtype_hook {
        MtypeHook::GetVmPte => Reason::NoGetVmPte,
        MtypeHook::MapMtype => Reason::NoMapMtype,
    };
}

impl Entry for Mtype {
    const SYMBOL: &'static CStr = match LAYOUT.mtype_hook {
        MtypeHook::GetVmPte => c"amdgpu:gmc_v10_0_get_vm_pte",
        MtypeHook::MapMtype => c"amdgpu:gmc_v10_0_map_mtype",
    };

    fn entered(args: Args<'_>) {
        filter_mtype(args);
    }
}

/// Replaces a request for MTYPE_CC. This runs for every mapping, so the common case leaves first.
fn filter_mtype(mut args: Args<'_>) {
    let flags = args.get(Mtype::FLAGS) as u32;
    if !policy::requests_cc(flags) {
        return;
    }
    let Some(gpu) = find(args.get(Arg::First)) else {
        return;
    };
    gpu.mtype_cc_requests.fetch_add(1, Relaxed);
    if !params::enforce() || gpu.reason().state() == State::Refused {
        return;
    }
    if let Some(flags) = params::mtype_cc().rewrite(flags) {
        args.set(Mtype::FLAGS, flags as usize);
        gpu.mtype_cc_rewritten.fetch_add(1, Relaxed);
    }
}

/// The probes in amdgpu. Dropping them takes them out.
struct Probes {
    _sw_fini: Kprobe<SwFini>,
    _mtype: Option<Kprobe<Mtype>>,
    _hw_init: Kprobe<HwInit>,
}

impl Probes {
    fn register() -> Result<Self, Reason> {
        Ok(Self {
            _sw_fini: place(Reason::NoSwFini)?,
            _mtype: if params::mtype_cc() == MtypeCc::Off {
                None
            } else {
                Some(place(Mtype::MISSING)?)
            },
            _hw_init: place(Reason::NoHwInit)?,
        })
    }
}

/// Places one probe; `missing` is what it means that there is no such function.
fn place<E: Entry>(missing: Reason) -> Result<Kprobe<E>, Reason> {
    Kprobe::register().map_err(|error| match error {
        ENOENT => missing,
        _ => Reason::ProbeFailed,
    })
}

/// Where [`ProbesLock`] is: a lock that can be static itself is something that not every kernel
/// crate has.
static PROBES: AtomicPtr<Mutex<Option<Probes>>> = AtomicPtr::new(core::ptr::null_mut());

/// The lock around the probes.
pub(crate) struct ProbesLock {
    _lock: Pin<KBox<Mutex<Option<Probes>>>>,
}

impl ProbesLock {
    /// Makes the lock.
    ///
    /// # Safety
    ///
    /// Call once. Whatever takes the lock runs while this value lives.
    pub(crate) unsafe fn make() -> Result<Self> {
        let lock = KBox::pin_init(new_mutex!(None, "rmcp::PROBES"), GFP_KERNEL)?;
        PROBES.store((&raw const *lock).cast_mut(), Release);
        Ok(Self { _lock: lock })
    }
}

fn probes() -> &'static Mutex<Option<Probes>> {
    // SAFETY: The lock was made and still exists, by the contract of `ProbesLock::make`.
    unsafe { &*PROBES.load(Acquire) }
}

static MODULE_REASON: AtomicU8 = AtomicU8::new(Reason::WaitingForAmdgpu as u8);

/// The state of the module as a whole.
pub(crate) fn module_reason() -> Reason {
    Reason::from_u8(MODULE_REASON.load(Relaxed)).unwrap_or(Reason::WaitingForAmdgpu)
}

fn set_module_reason(reason: Reason) {
    MODULE_REASON.store(reason as u8, Relaxed);
}

/// Why rmcp keeps out of this amdgpu, or `None` when it is the one that rmcp was built for and has
/// no policy itself. An error means that its BTF could not be read.
fn objection(btf: Result<&[u8]>) -> Option<Reason> {
    match btf {
        Ok(btf) if layout::has_policy(btf) => Some(Reason::DriverHasPolicy),
        _ if !LAYOUT.intact() => Some(Reason::LayoutEdited),
        Ok(btf) if LAYOUT.matches_btf(btf) => None,
        Ok(_) => Some(Reason::OtherBtf),
        Err(_) => Some(Reason::NoBtf),
    }
}

/// Places the probes if this is the amdgpu that rmcp was built for, and it has no policy itself;
/// otherwise stands down with one line. Does nothing when they are in place already, or rmcp is
/// about to go.
fn arm(probes: &mut Option<Probes>, btf: Result<&[u8]>) {
    if probes.is_some() || CLOSING.load(Acquire) {
        return;
    }
    let reason = objection(btf).unwrap_or_else(|| match Probes::register() {
        Ok(new) => {
            *probes = Some(new);
            Reason::ProbesArmed
        }
        Err(reason) => reason,
    });
    set_module_reason(reason);
    match reason.state() {
        State::Refused => pr_err!(
            "refused: {} (built for the amdgpu of {})\n",
            reason.as_str(),
            LAYOUT.kernel_release
        ),
        _ => pr_info!("{}\n", reason.as_str()),
    }
}

/// Takes the probes out.
fn disarm() {
    *probes().lock() = None;
}

/// Deals with the amdgpu that was there before rmcp, if any.
pub(crate) fn take_over() {
    {
        // Held over reading and placing, so that no other amdgpu can come in between.
        let mut probes = probes().lock();
        match btf_file::read(AMDGPU_BTF, LAYOUT.btf_len + PATCHES) {
            Err(ENOENT) if !pci::driver_registered(AMDGPU) => {
                pr_info!("{}\n", Reason::WaitingForAmdgpu.as_str());
            }
            btf => arm(&mut probes, btf.as_deref().map_err(|error| *error)),
        }
    }
    if module_reason() == Reason::ProbesArmed {
        pci::for_each_bound(AMDGPU, |pci| publish(pci, Reason::AmdgpuFirst));
    }
    TAKEN_OVER.store(true, Release);
}

/// Set once the GPUs that were there before rmcp are known: one that comes later must have passed
/// the probe.
static TAKEN_OVER: AtomicBool = AtomicBool::new(false);

/// Makes a GPU that amdgpu has visible in sysfs. One whose hw_init was not seen is adopted for
/// the reason given, and nothing is written to it. The caller holds the device lock.
fn publish(pci: PciDevice<'_>, unseen: Reason) {
    if let Some(gpu) = find_pci(pci) {
        make_directory(pci, gpu);
        return;
    }
    let Some(adev) = Adev::from_pci(pci) else {
        pr_warn!(
            "{}: amdgpu's device data is not where it was expected: left alone\n",
            pci.name()
        );
        return;
    };
    let (Some(version), Some(fields)) = (adev.gc_version(), adev.fields()) else {
        return;
    };
    // GPUs of other generations are not rmcp's and not worth a word.
    if policy::find_chip(policy::ip_version(version)).is_none() {
        return;
    }
    let reason = if !fields.plausible() {
        Reason::Implausible
    } else if !params::enforce() {
        Reason::ReportOnly
    } else {
        unseen
    };
    let Some(gpu) = adopt(adev, fields, reason) else {
        pr_err!("{}: {}\n", pci.name(), Reason::TooManyGpus.as_str());
        return;
    };
    report(adev, gpu, fields);
    make_directory(pci, gpu);
}

/// Set when rmcp is about to go: no probe is placed and no directory made any more.
static CLOSING: AtomicBool = AtomicBool::new(false);

/// Takes everything back: the probes, the directories, and what was written.
pub(crate) fn close() {
    // Probes are placed under the lock, and directories made under the device lock, which the walk
    // below takes for each device: what is being made now is found, a later try sees the flag.
    CLOSING.store(true, Release);
    disarm();
    pci::for_each_bound(AMDGPU, |pci| {
        for gpu in entries_of(pci) {
            remove_directory(gpu);
            restore(gpu);
        }
    });
}

/// Gives the driver back what it had, so that it goes on as if rmcp had not been there.
fn restore(gpu: &Gpu) {
    if gpu.reason() != Reason::Written {
        return;
    }
    if let Some(adev) = gpu.adev() {
        // SAFETY: The device is bound and its lock is held, so that it is alive.
        unsafe { adev.write_fields(gpu.driver_default()) };
    }
}

/// Every entry of a PCI function: one, but for the moment in which a GPU is adopted by two ways.
fn entries_of(pci: PciDevice<'_>) -> impl Iterator<Item = &'static Gpu> {
    let address = pci.address();
    GPUS.iter()
        .filter(move |gpu| gpu.pci.load(Relaxed) == address)
}

fn make_directory(pci: PciDevice<'_>, gpu: &Gpu) {
    if CLOSING.load(Acquire) || !gpu.directory.load(Relaxed).is_null() {
        return;
    }
    match Directory::for_gpu(pci) {
        Ok(directory) => gpu.directory.store(directory.into_raw(), Relaxed),
        Err(error) => pr_warn!("{}: no sysfs directory: {:?}\n", pci.name(), error),
    }
}

fn remove_directory(gpu: &Gpu) {
    // SAFETY: The swap takes the directory out, so that it is dropped once.
    drop(unsafe { Directory::from_raw(gpu.directory.swap(core::ptr::null_mut(), Relaxed)) });
}

/// amdgpu comes and goes.
pub(crate) struct AmdgpuModule;

impl ModuleEvents for AmdgpuModule {
    fn coming(name: &CStr, btf: &[u8]) {
        if name == AMDGPU {
            let btf = if btf.is_empty() { Err(ENOENT) } else { Ok(btf) };
            arm(&mut probes().lock(), btf);
        }
    }

    fn going(name: &CStr) {
        if name == AMDGPU {
            disarm();
            for gpu in &GPUS {
                gpu.adev.store(FREE, Release);
            }
            set_module_reason(Reason::WaitingForAmdgpu);
        }
    }
}

/// A GPU gets or loses its driver.
pub(crate) struct GpuBinding;

impl PciEvents for GpuBinding {
    fn bound(pci: PciDevice<'_>) {
        if module_reason() == Reason::ProbesArmed && pci.is_driven_by(AMDGPU) {
            let unseen = if TAKEN_OVER.load(Acquire) {
                Reason::ProbeMissed
            } else {
                Reason::AmdgpuFirst
            };
            publish(pci, unseen);
        }
    }

    fn unbinding(pci: PciDevice<'_>) {
        for gpu in entries_of(pci) {
            remove_directory(gpu);
            gpu.pci.store(0, Relaxed);
        }
    }
}

/// A value that a GPU's directory shows.
#[derive(Clone, Copy)]
pub(crate) enum Value {
    State,
    Reason,
    GcVersion,
    Chip,
    GfxTarget,
    Noretry,
    FragmentSize,
    NoretryDriverDefault,
    FragmentSizeDriverDefault,
    MtypeCcRequests,
    MtypeCcRewritten,
    HwInits,
}

/// The files of a GPU's directory.
pub(crate) const FILES: [(&CStr, Value); 12] = [
    (c"state", Value::State),
    (c"reason", Value::Reason),
    (c"gc_version", Value::GcVersion),
    (c"chip", Value::Chip),
    (c"gfx_target", Value::GfxTarget),
    (c"noretry", Value::Noretry),
    (c"fragment_size", Value::FragmentSize),
    (c"noretry_driver_default", Value::NoretryDriverDefault),
    (
        c"fragment_size_driver_default",
        Value::FragmentSizeDriverDefault,
    ),
    (c"mtype_cc_requests", Value::MtypeCcRequests),
    (c"mtype_cc_rewritten", Value::MtypeCcRewritten),
    (c"hw_inits", Value::HwInits),
];

/// Writes one value of a GPU; `None` when the driver no longer has it.
pub(crate) fn show(pci: PciDevice<'_>, value: Value, page: &mut Page) -> Option<()> {
    let gpu = find_pci(pci)?;
    let live = gpu.adev()?.fields()?;
    let gc = policy::ip_version(gpu.gc_version.load(Relaxed));
    let chip = policy::find_chip(gc);
    let reason = match gpu.reason() {
        // What was written must still be there.
        Reason::Written if live != live.wanted(params::noretry(), params::fragment_size()) => {
            Reason::Drift
        }
        reason => reason,
    };
    match value {
        Value::State => page.line(format_args!("{}", reason.state().as_str())),
        Value::Reason => page.line(format_args!("{}", reason.as_str())),
        Value::GcVersion => page.line(format_args!("{}.{}.{}", gc.0, gc.1, gc.2)),
        Value::Chip => page.line(format_args!("{}", chip.map_or("unknown", |c| c.name))),
        Value::GfxTarget => page.line(format_args!("{}", chip.map_or("unknown", |c| c.gfx_target))),
        Value::Noretry => page.line(format_args!("{}", live.noretry)),
        Value::FragmentSize => page.line(format_args!("{}", live.fragment_size)),
        Value::NoretryDriverDefault => {
            page.line(format_args!("{}", gpu.driver_default().noretry));
        }
        Value::FragmentSizeDriverDefault => {
            page.line(format_args!("{}", gpu.driver_default().fragment_size));
        }
        Value::MtypeCcRequests => {
            page.line(format_args!("{}", gpu.mtype_cc_requests.load(Relaxed)));
        }
        Value::MtypeCcRewritten => {
            page.line(format_args!("{}", gpu.mtype_cc_rewritten.load(Relaxed)));
        }
        Value::HwInits => page.line(format_args!("{}", gpu.hw_inits.load(Relaxed))),
    }
    Some(())
}
