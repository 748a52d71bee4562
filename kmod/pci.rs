// SPDX-License-Identifier: GPL-2.0

//! A PCI function as rmcp sees it: its name, its driver and its driver's data, and the walk over
//! those that a driver already has.
//!
//! C headers: `include/linux/pci.h`, `include/linux/device.h`.

pub(crate) use crate::bindings_generated::pci_bus_type;
use crate::c_string::{as_char_ptr, from_char_ptr};
use core::ffi::CStr;
use core::marker::PhantomData;
use core::mem::offset_of;
use core::ptr;
use kernel::bindings;

/// Where the `struct device` is in a `struct pci_dev`.
pub(crate) const DEV: usize = crate::bindings_generated::rmcp_pci_dev_dev;

/// A PCI function that is known to exist for as long as the lifetime lasts: the `struct device` in
/// its `struct pci_dev`. It is kept as a pointer, because the kernel changes parts of it meanwhile.
#[derive(Clone, Copy)]
pub(crate) struct PciDevice<'a>(*mut bindings::device, PhantomData<&'a ()>);

impl<'a> PciDevice<'a> {
    /// # Safety
    ///
    /// `dev` is the `dev` member of a `struct pci_dev` that stays alive for the chosen lifetime.
    pub(crate) unsafe fn from_device(dev: *mut bindings::device) -> Self {
        Self(dev, PhantomData)
    }

    /// # Safety
    ///
    /// As [`PciDevice::from_device`], for the `dev.kobj` member.
    pub(crate) unsafe fn from_kobject(kobject: *mut bindings::kobject) -> Self {
        let dev = kobject.wrapping_byte_sub(offset_of!(bindings::device, kobj));
        // SAFETY: By the contract of this function.
        unsafe { Self::from_device(dev.cast()) }
    }

    /// The address of the `struct pci_dev`, for comparison.
    pub(crate) fn address(self) -> usize {
        self.device_address() - DEV
    }

    /// The address of the embedded `struct device`.
    pub(crate) fn device_address(self) -> usize {
        self.0.addr()
    }

    /// The kobject whose directory is `/sys/bus/pci/devices/<bdf>`.
    pub(crate) fn kobject(self) -> *mut bindings::kobject {
        // SAFETY: The device exists, by the contract of the constructors.
        unsafe { &raw mut (*self.0).kobj }
    }

    /// What the bound driver stored with `pci_set_drvdata`.
    pub(crate) fn driver_data(self) -> usize {
        // SAFETY: As in `kobject`.
        unsafe { (&raw const (*self.0).driver_data).read_volatile() }.addr()
    }

    fn driver(self) -> *mut bindings::device_driver {
        // SAFETY: As in `kobject`. The pointer is only compared.
        unsafe { (&raw const (*self.0).driver).read_volatile() }
    }

    /// Whether this driver is bound to it. The answer holds under the device lock.
    pub(crate) fn is_driven_by(self, name: &'static CStr) -> bool {
        find_driver(name).is_some_and(|driver| ptr::eq(driver, self.driver()))
    }

    /// The bus address, as in `0000:01:00.0`.
    pub(crate) fn name(self) -> &'a str {
        // SAFETY: The name of a registered PCI device is a NUL-terminated string that is not
        // changed while the device exists.
        unsafe {
            let name = (*self.kobject()).name;
            if name.is_null() {
                return "?";
            }
            from_char_ptr(name).to_str().unwrap_or("?")
        }
    }
}

/// The PCI driver of this name, for comparison only.
fn find_driver(name: &'static CStr) -> Option<*mut bindings::device_driver> {
    // SAFETY: The name is a C string and the bus type static.
    let driver = unsafe { bindings::driver_find(as_char_ptr(name), &raw const pci_bus_type) };
    (!driver.is_null()).then_some(driver)
}

/// Whether a PCI driver of this name is registered.
pub(crate) fn driver_registered(name: &'static CStr) -> bool {
    find_driver(name).is_some()
}

/// Calls `found` for each PCI function that the driver `name` has, under its device lock, so that
/// it can neither be bound nor unbound meanwhile.
pub(crate) fn for_each_bound(name: &'static CStr, found: fn(PciDevice<'_>)) {
    let Some(driver) = find_driver(name) else {
        return;
    };
    let mut visit = Visit { driver, found };
    // SAFETY: The bus type is static; `visit_device` gets the data that it expects and does not
    // keep it.
    unsafe {
        bindings::bus_for_each_dev(
            &raw const pci_bus_type,
            ptr::null_mut(),
            (&raw mut visit).cast(),
            Some(visit_device),
        )
    };
}

struct Visit {
    driver: *mut bindings::device_driver,
    found: fn(PciDevice<'_>),
}

/// # Safety
///
/// Called by `bus_for_each_dev` on the PCI bus only, with a `Visit` as data.
unsafe extern "C" fn visit_device(
    dev: *mut bindings::device,
    data: *mut kernel::ffi::c_void,
) -> kernel::ffi::c_int {
    // SAFETY: By the contract of this function.
    let visit = unsafe { &*data.cast::<Visit>() };
    // SAFETY: Devices on the PCI bus are embedded in a `struct pci_dev`, and the walk holds a
    // reference to this one.
    let pci = unsafe { PciDevice::from_device(dev) };
    // Looked at before the lock is taken, so that nothing here waits for a foreign driver.
    if !ptr::eq(pci.driver(), visit.driver) {
        return 0;
    }
    // SAFETY: The device is alive and its mutex was initialised with it.
    unsafe { bindings::mutex_lock(&raw mut (*dev).mutex) };
    if ptr::eq(pci.driver(), visit.driver) {
        (visit.found)(pci);
    }
    // SAFETY: Locked above.
    unsafe { bindings::mutex_unlock(&raw mut (*dev).mutex) };
    0
}
