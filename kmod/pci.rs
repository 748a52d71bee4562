// SPDX-License-Identifier: GPL-2.0

//! A PCI function as rmcp sees it: its name, its driver's data, and the walk over those that
//! amdgpu already drives.
//!
//! C headers: `include/linux/pci.h`, `include/linux/device.h`.

use core::ffi::CStr;
use core::ptr;
use kernel::bindings;

/// AMD's PCI vendor ID.
const VENDOR_AMD: u16 = 0x1002;

/// A `struct pci_dev` that is known to exist for as long as the borrow lasts.
#[derive(Clone, Copy)]
pub(crate) struct PciDevice<'a>(&'a bindings::pci_dev);

impl PciDevice<'_> {
    /// # Safety
    ///
    /// `dev` is the `dev` member of a `struct pci_dev` that stays alive for the chosen lifetime.
    pub(crate) unsafe fn from_device(dev: *mut bindings::device) -> Self {
        let pdev = dev.wrapping_byte_sub(core::mem::offset_of!(bindings::pci_dev, dev));
        // SAFETY: By the contract of this function.
        Self(unsafe { &*pdev.cast() })
    }

    /// # Safety
    ///
    /// As [`PciDevice::from_device`], for the `dev.kobj` member.
    pub(crate) unsafe fn from_kobject(kobject: *mut bindings::kobject) -> Self {
        let dev = kobject.wrapping_byte_sub(core::mem::offset_of!(bindings::device, kobj));
        // SAFETY: By the contract of this function.
        unsafe { Self::from_device(dev.cast()) }
    }

    /// The address of the `struct pci_dev`, for comparison.
    pub(crate) fn address(self) -> usize {
        ptr::from_ref(self.0).addr()
    }

    /// The address of the embedded `struct device`.
    pub(crate) fn device_address(self) -> usize {
        ptr::from_ref(&self.0.dev).addr()
    }

    /// The kobject whose directory is `/sys/bus/pci/devices/<bdf>`.
    pub(crate) fn kobject(self) -> *mut bindings::kobject {
        ptr::from_ref(&self.0.dev.kobj).cast_mut()
    }

    /// What the bound driver stored with `pci_set_drvdata`.
    pub(crate) fn driver_data(self) -> usize {
        self.0.dev.driver_data.addr()
    }

    fn driver_is(self, name: &CStr) -> bool {
        let driver = self.0.dev.driver;
        if driver.is_null() {
            return false;
        }
        // SAFETY: The caller holds the device lock, so a bound driver stays bound, and its name is
        // a static string.
        unsafe { CStr::from_ptr((*driver).name.cast()) == name }
    }

    /// The bus address, as in `0000:01:00.0`.
    pub(crate) fn name(&self) -> &str {
        let name = self.0.dev.kobj.name;
        if name.is_null() {
            return "?";
        }
        // SAFETY: The name of a registered PCI device is a NUL-terminated string that is not
        // changed while the device exists.
        unsafe { CStr::from_ptr(name.cast()) }
            .to_str()
            .unwrap_or("?")
    }
}

/// Whether a PCI driver of this name is registered.
pub(crate) fn driver_registered(name: &'static CStr) -> bool {
    // SAFETY: The name is a C string and the bus type static; the pointer is only compared.
    let driver =
        unsafe { bindings::driver_find(name.as_ptr().cast(), &raw const bindings::pci_bus_type) };
    !driver.is_null()
}

/// Calls `found` for each AMD PCI function that the driver `name` drives, under its device lock, so
/// that it can neither be bound nor unbound meanwhile.
pub(crate) fn for_each_bound(name: &'static CStr, found: fn(PciDevice<'_>)) {
    let mut visit = Visit { name, found };
    // SAFETY: The bus type is static; `visit_device` gets the data that it expects and does not
    // keep it.
    unsafe {
        bindings::bus_for_each_dev(
            &raw const bindings::pci_bus_type,
            ptr::null_mut(),
            (&raw mut visit).cast(),
            Some(visit_device),
        )
    };
}

struct Visit {
    name: &'static CStr,
    found: fn(PciDevice<'_>),
}

/// # Safety
///
/// Called by `bus_for_each_dev` on the PCI bus only, with a `Visit` as data.
unsafe extern "C" fn visit_device(
    dev: *mut bindings::device,
    data: *mut core::ffi::c_void,
) -> kernel::ffi::c_int {
    // SAFETY: By the contract of this function.
    let visit = unsafe { &*data.cast::<Visit>() };
    // SAFETY: Devices on the PCI bus are embedded in a `struct pci_dev`, and the walk holds a
    // reference to this one.
    let pci = unsafe { PciDevice::from_device(dev) };
    // Other makers' devices are not locked: nothing here may wait for a foreign driver's probe.
    if pci.0.vendor != VENDOR_AMD {
        return 0;
    }
    // SAFETY: The device is alive and its mutex was initialised with it.
    unsafe { bindings::mutex_lock(&raw mut (*dev).mutex) };
    if pci.driver_is(visit.name) {
        (visit.found)(pci);
    }
    // SAFETY: Locked above.
    unsafe { bindings::mutex_unlock(&raw mut (*dev).mutex) };
    0
}
