// SPDX-License-Identifier: GPL-2.0

//! The few fields of `struct amdgpu_device` that rmcp reads and writes, reached through the
//! generated layout. This is the only file that uses an offset.

use crate::layout::AdevFrom;
use crate::layout_generated::LAYOUT;
use crate::pci::{self, PciDevice};
use crate::policy::Fields;
use core::mem::MaybeUninit;
use kernel::bindings;

/// A `struct amdgpu_device` whose own back references were found to be right.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Adev(usize);

impl Adev {
    /// The device behind the first argument of `gmc_v10_0_hw_init` or `gmc_v10_0_sw_fini`.
    pub(crate) fn from_ip_function(argument: usize) -> Option<Self> {
        let adev = match LAYOUT.adev_from {
            AdevFrom::Handle => argument,
            AdevFrom::IpBlock { adev } => read::<usize>(argument.checked_add(adev)?)?,
        };
        Self(adev).verified()
    }

    /// The device of a PCI function that amdgpu drives: its driver data is the `struct drm_device`
    /// embedded in the one sought (`amdgpu_pci_probe`).
    pub(crate) fn from_pci(pci: PciDevice<'_>) -> Option<Self> {
        let adev = Self(pci.driver_data().checked_sub(LAYOUT.ddev)?).verified()?;
        let drm_dev = adev.field::<usize>(LAYOUT.ddev + LAYOUT.drm_dev)?;
        let pdev = adev.field::<usize>(LAYOUT.pdev)?;
        (drm_dev == pci.device_address() && pdev == pci.address()).then_some(adev)
    }

    /// Two pointers of the structure must agree: `dev` is the `struct device` inside `pdev`. With a
    /// wrong layout they do not, and nothing is done with the address.
    fn verified(self) -> Option<Self> {
        let pdev = self.field::<usize>(LAYOUT.pdev)?;
        let dev = self.field::<usize>(LAYOUT.dev)?;
        let embedded = pdev.checked_add(pci::DEV)?;
        (pdev != 0 && dev == embedded).then_some(self)
    }

    /// The device at an address that [`Adev::address`] gave earlier, while it still is one.
    pub(crate) fn known(address: usize) -> Option<Self> {
        Self(address).verified()
    }

    /// The address, for comparison and as a key.
    pub(crate) fn address(self) -> usize {
        self.0
    }

    /// The address of the GPU's `struct pci_dev`.
    pub(crate) fn pci_address(self) -> Option<usize> {
        self.field(LAYOUT.pdev)
    }

    /// Runs `f` with the GPU's PCI function.
    ///
    /// # Safety
    ///
    /// amdgpu must be working on this device, so that its PCI function exists.
    pub(crate) unsafe fn with_pci<R>(self, f: impl FnOnce(PciDevice<'_>) -> R) -> Option<R> {
        let dev = self.field::<usize>(LAYOUT.dev)?;
        // SAFETY: `verified` found `dev` embedded in `pdev`; both exist by this contract.
        Some(f(unsafe {
            PciDevice::from_device(core::ptr::with_exposed_provenance_mut(dev))
        }))
    }

    /// `ip_versions[GC_HWIP][0]`, as encoded by the driver.
    pub(crate) fn gc_version(self) -> Option<u32> {
        self.field(LAYOUT.gc_version)
    }

    /// The two fields of the policy, as they are now.
    pub(crate) fn fields(self) -> Option<Fields> {
        Some(Fields {
            noretry: self.field(LAYOUT.noretry)?,
            fragment_size: self.field(LAYOUT.fragment_size)?,
        })
    }

    /// Writes the two fields. The driver may read one meanwhile and get the old or the new value:
    /// both are aligned words.
    ///
    /// # Safety
    ///
    /// The device must be alive.
    pub(crate) unsafe fn write_fields(self, fields: Fields) {
        let noretry = core::ptr::with_exposed_provenance_mut::<i32>(self.0 + LAYOUT.noretry);
        let fragment_size =
            core::ptr::with_exposed_provenance_mut::<u32>(self.0 + LAYOUT.fragment_size);
        // SAFETY: The offsets were generated from the BTF of this very amdgpu, as the fingerprint
        // showed when the probes were armed, and the device is alive by this contract.
        unsafe {
            noretry.write_volatile(fields.noretry);
            fragment_size.write_volatile(fields.fragment_size);
        }
    }

    fn field<T: Plain>(self, offset: usize) -> Option<T> {
        read(self.0.checked_add(offset)?)
    }
}

/// Types of which every bit pattern is a value.
///
/// # Safety
///
/// Only for such types.
unsafe trait Plain: Copy {}
// SAFETY: An integer.
unsafe impl Plain for i32 {}
// SAFETY: An integer.
unsafe impl Plain for u32 {}
// SAFETY: An integer.
unsafe impl Plain for usize {}

/// Reads kernel memory that may not be there: `None` where it is not mapped.
fn read<T: Plain>(address: usize) -> Option<T> {
    let mut value = MaybeUninit::<T>::uninit();
    // SAFETY: The destination is valid for `size_of::<T>()` bytes; the source may be anything, the
    // function takes the fault.
    let error = unsafe {
        bindings::copy_from_kernel_nofault(
            value.as_mut_ptr().cast(),
            core::ptr::with_exposed_provenance(address),
            core::mem::size_of::<T>(),
        )
    };
    // SAFETY: On success all bytes were written, and any bytes make a `T`.
    (error == 0).then(|| unsafe { value.assume_init() })
}
