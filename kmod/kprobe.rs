// SPDX-License-Identifier: GPL-2.0

//! A probe on the entry of a kernel function: registers, runs a handler, unregisters on drop. It
//! knows nothing of amdgpu.
//!
//! C header: `include/linux/kprobes.h`.

use crate::bindings_generated as c;
use crate::c_string::as_char_ptr;
use core::ffi::CStr;
use core::marker::PhantomData;
use kernel::{bindings, error::to_result, ffi::c_int, prelude::*, types::Opaque};

/// The arguments of the probed function, as the registers hold them at its entry.
pub(crate) struct Args<'a>(&'a mut bindings::pt_regs);

impl Args<'_> {
    /// Argument `index`, counted from 0; the x86-64 calling convention passes six in registers.
    pub(crate) fn get(&self, index: Arg) -> usize {
        let regs = &self.0;
        match index {
            Arg::First => regs.di,
            Arg::Second => regs.si,
            Arg::Fourth => regs.cx,
        }
    }

    /// Replaces an argument before the function sees it.
    pub(crate) fn set(&mut self, index: Arg, value: usize) {
        match index {
            Arg::First => self.0.di = value,
            Arg::Second => self.0.si = value,
            Arg::Fourth => self.0.cx = value,
        }
    }
}

/// The argument positions that rmcp uses.
#[derive(Clone, Copy)]
pub(crate) enum Arg {
    First,
    Second,
    Fourth,
}

/// What runs when the probed function is entered. It runs with preemption off: it must not sleep
/// and not allocate.
pub(crate) trait Entry {
    /// The function to probe, as `module:symbol`.
    const SYMBOL: &'static CStr;

    /// Runs before the function's first instruction.
    fn entered(args: Args<'_>);
}

/// A registered probe. Dropping it waits until no handler runs any more.
pub(crate) struct Kprobe<E: Entry> {
    inner: Pin<KBox<Opaque<c::kprobe>>>,
    _entry: PhantomData<E>,
}

// SAFETY: The kernel serialises access to a registered kprobe; `Kprobe` itself only holds the
// pointer that unregisters it, which any thread may do.
unsafe impl<E: Entry> Send for Kprobe<E> {}

impl<E: Entry> Kprobe<E> {
    /// Places the probe.
    ///
    /// # Errors
    ///
    /// What `register_kprobe` returns: ENOENT where the symbol does not exist, EINVAL where the
    /// place cannot be probed or the probe did not arm, ENOMEM.
    pub(crate) fn register() -> Result<Self> {
        let probe = c::kprobe {
            symbol_name: as_char_ptr(E::SYMBOL),
            pre_handler: Some(pre_handler::<E>),
            ..Default::default()
        };
        let inner = KBox::pin(Opaque::new(probe), GFP_KERNEL)?;
        // SAFETY: The probe is initialised, pinned, and stays allocated until `drop` unregisters
        // it; the symbol name is static.
        to_result(unsafe { c::register_kprobe(inner.get()) })?;
        let probe = Self {
            inner,
            _entry: PhantomData,
        };
        // Some kernels (7.2) answer with success when arming failed and the probe was taken out
        // again; only then is it unknown to this function.
        // SAFETY: The probe is initialised and pinned.
        to_result(unsafe { c::enable_kprobe(probe.inner.get()) })?;
        Ok(probe)
    }
}

impl<E: Entry> Drop for Kprobe<E> {
    fn drop(&mut self) {
        // SAFETY: `register` registered this very probe, and nobody else unregisters it. This also
        // holds when the probed module is gone: the kernel then only marks the probe.
        unsafe { c::unregister_kprobe(self.inner.get()) };
    }
}

/// # Safety
///
/// Called by the kprobe core only, with the registers of the probed function's entry.
unsafe extern "C" fn pre_handler<E: Entry>(
    _probe: *mut c::kprobe,
    regs: *mut bindings::pt_regs,
) -> c_int {
    // SAFETY: The core passes registers that are valid and not shared while the handler runs.
    E::entered(Args(unsafe { &mut *regs }));
    0
}
