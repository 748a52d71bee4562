// SPDX-License-Identifier: GPL-2.0

//! Who tells rmcp that amdgpu comes and goes, and that one of its GPUs is bound or about to be
//! unbound: the kernel's module notifier and the PCI bus notifier, both in sleepable context.
//!
//! C headers: `include/linux/module.h`, `include/linux/device/bus.h`.

use crate::c_string::from_char_ptr;
use crate::pci::{pci_bus_type, PciDevice};
use core::ffi::CStr;
use core::marker::PhantomData;
use kernel::{
    bindings,
    error::to_result,
    ffi::{c_int, c_ulong, c_void},
    prelude::*,
    types::Opaque,
};

/// `NOTIFY_DONE`: rmcp never vetoes anything.
const NOTIFY_DONE: c_int = 0;

/// What to do when a module comes or goes.
pub(crate) trait ModuleEvents {
    /// The module is in memory, its functions can be probed, its init has not run. `btf` is its
    /// `.BTF` section, empty when it has none.
    fn coming(name: &CStr, btf: &[u8]);
    /// The module's exit has run.
    fn going(name: &CStr);
}

/// What to do when a PCI function gets or loses its driver. The device lock is held.
pub(crate) trait PciEvents {
    /// A driver was bound: its probe succeeded.
    fn bound(device: PciDevice<'_>);
    /// A driver is about to be unbound, its remove has not run; or its probe failed.
    fn unbinding(device: PciDevice<'_>);
}

type Block = Pin<KBox<Opaque<bindings::notifier_block>>>;

fn block(
    call: unsafe extern "C" fn(*mut bindings::notifier_block, c_ulong, *mut c_void) -> c_int,
) -> Result<Block> {
    let block = bindings::notifier_block {
        notifier_call: Some(call),
        ..Default::default()
    };
    Ok(KBox::pin(Opaque::new(block), GFP_KERNEL)?)
}

/// A registered module notifier; dropping it unregisters and waits for a running call.
pub(crate) struct ModuleNotifier<E: ModuleEvents>(Block, PhantomData<E>);

// SAFETY: The kernel serialises access to a registered block, and any thread may unregister it.
unsafe impl<E: ModuleEvents> Send for ModuleNotifier<E> {}
// SAFETY: Nothing can be done through a shared reference.
unsafe impl<E: ModuleEvents> Sync for ModuleNotifier<E> {}

impl<E: ModuleEvents> ModuleNotifier<E> {
    pub(crate) fn register() -> Result<Self> {
        let block = block(module_event::<E>)?;
        // SAFETY: The block is initialised, pinned, and lives until `drop` unregisters it.
        to_result(unsafe { bindings::register_module_notifier(block.get()) })?;
        Ok(Self(block, PhantomData))
    }
}

impl<E: ModuleEvents> Drop for ModuleNotifier<E> {
    fn drop(&mut self) {
        // SAFETY: Registered by `register`, unregistered here only.
        unsafe { bindings::unregister_module_notifier(self.0.get()) };
    }
}

/// # Safety
///
/// Called by the module notifier chain only.
unsafe extern "C" fn module_event<E: ModuleEvents>(
    _block: *mut bindings::notifier_block,
    event: c_ulong,
    data: *mut c_void,
) -> c_int {
    // No reference to the whole structure is made: others change parts of it meanwhile.
    let module = data.cast::<bindings::module>();
    // SAFETY: The chain passes the module, which exists during the call; its name is a
    // NUL-terminated array that does not change.
    let name = unsafe { from_char_ptr((&raw const (*module).name).cast()) };
    let event = event as bindings::module_state;
    if event == bindings::module_state_MODULE_STATE_COMING {
        // SAFETY: As above; while a module is coming, nobody changes these two.
        let (start, length) = unsafe { ((*module).btf_data, (*module).btf_data_size) };
        let btf = if start.is_null() {
            &[]
        } else {
            // SAFETY: While a module is coming, its `.BTF` section is in memory with this size.
            unsafe { core::slice::from_raw_parts(start.cast::<u8>().cast_const(), length as usize) }
        };
        E::coming(name, btf);
    } else if event == bindings::module_state_MODULE_STATE_GOING {
        E::going(name);
    }
    NOTIFY_DONE
}

/// A registered PCI bus notifier; dropping it unregisters and waits for a running call.
pub(crate) struct PciNotifier<E: PciEvents>(Block, PhantomData<E>);

// SAFETY: The kernel serialises access to a registered block, and any thread may unregister it.
unsafe impl<E: PciEvents> Send for PciNotifier<E> {}
// SAFETY: Nothing can be done through a shared reference.
unsafe impl<E: PciEvents> Sync for PciNotifier<E> {}

impl<E: PciEvents> PciNotifier<E> {
    pub(crate) fn register() -> Result<Self> {
        let block = block(pci_event::<E>)?;
        // SAFETY: The block is initialised, pinned, and lives until `drop` unregisters it; the bus
        // type is static.
        to_result(unsafe {
            bindings::bus_register_notifier(&raw const pci_bus_type, block.get())
        })?;
        Ok(Self(block, PhantomData))
    }
}

impl<E: PciEvents> Drop for PciNotifier<E> {
    fn drop(&mut self) {
        // SAFETY: Registered by `register`, unregistered here only.
        unsafe { bindings::bus_unregister_notifier(&raw const pci_bus_type, self.0.get()) };
    }
}

/// # Safety
///
/// Called by the PCI bus notifier chain only.
unsafe extern "C" fn pci_event<E: PciEvents>(
    _block: *mut bindings::notifier_block,
    event: c_ulong,
    data: *mut c_void,
) -> c_int {
    let event = event as bindings::bus_notifier_event;
    let act = if event == bindings::bus_notifier_event_BUS_NOTIFY_BOUND_DRIVER {
        E::bound
    } else if event == bindings::bus_notifier_event_BUS_NOTIFY_UNBIND_DRIVER
        || event == bindings::bus_notifier_event_BUS_NOTIFY_DRIVER_NOT_BOUND
    {
        E::unbinding
    } else {
        return NOTIFY_DONE;
    };
    // SAFETY: The chain of the PCI bus passes the `dev` of a `struct pci_dev` that exists during
    // the call.
    act(unsafe { PciDevice::from_device(data.cast()) });
    NOTIFY_DONE
}
