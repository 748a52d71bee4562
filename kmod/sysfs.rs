// SPDX-License-Identifier: GPL-2.0

//! The read-only files: `/sys/bus/pci/devices/<bdf>/rmcp/` for a GPU and `/sys/module/rmcp/guard/`
//! for the module. One value per file, one line each, readable by everybody.
//!
//! C header: `include/linux/sysfs.h`.

use crate::bindings_generated::rmcp_kobj_attribute_show;
use crate::c_string::as_char_ptr;
use crate::guard;
use crate::pci::PciDevice;
use core::ffi::CStr;
use core::fmt::{self, Write};
use core::mem::ManuallyDrop;
use core::ptr::{self, NonNull};
use kernel::{bindings, error::to_result, ffi::c_char, page::PAGE_SIZE, prelude::*};

/// The page that sysfs hands to a reader's function.
pub(crate) struct Page {
    start: *mut u8,
    len: usize,
}

impl Page {
    /// # Safety
    ///
    /// `start` is valid for writes of a page for as long as the value lives.
    pub(crate) unsafe fn new(start: *mut u8) -> Self {
        Self { start, len: 0 }
    }

    /// Writes one line; what does not fit is left out.
    pub(crate) fn line(&mut self, text: fmt::Arguments<'_>) {
        let _ = self.write_fmt(text);
        let _ = self.write_str("\n");
    }

    /// How many bytes were written.
    pub(crate) fn len(&self) -> usize {
        self.len
    }
}

impl Write for Page {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if text.len() > PAGE_SIZE - self.len {
            return Err(fmt::Error);
        }
        // SAFETY: The page has room for `PAGE_SIZE - len` more bytes, and the text fits.
        unsafe { ptr::copy_nonoverlapping(text.as_ptr(), self.start.add(self.len), text.len()) };
        self.len += text.len();
        Ok(())
    }
}

/// A file: its name and the function that prints its value.
#[repr(transparent)]
struct File(bindings::kobj_attribute);

// SAFETY: Never written after it was made.
unsafe impl Sync for File {}

type Show = unsafe extern "C" fn(
    *mut bindings::kobject,
    *mut bindings::kobj_attribute,
    *mut c_char,
) -> isize;

impl File {
    const fn new(name: &'static CStr, show: Show) -> Self {
        // SAFETY: All zeroes is a valid `struct kobj_attribute`: null pointers and numbers.
        let mut file: bindings::kobj_attribute = unsafe { core::mem::zeroed() };
        file.attr.name = as_char_ptr(name);
        file.attr.mode = 0o444;
        // SAFETY: The offset is that of the member, a pointer to such a function.
        unsafe {
            (&raw mut file)
                .byte_add(rmcp_kobj_attribute_show)
                .cast::<Option<Show>>()
                .write(Some(show));
        }
        Self(file)
    }
}

/// A directory of files; dropping it removes it and waits for its readers.
pub(crate) struct Directory(NonNull<bindings::kobject>);

// SAFETY: Holds only the pointer with which the directory is removed, which any thread may do.
unsafe impl Send for Directory {}
// SAFETY: Nothing can be done through a shared reference.
unsafe impl Sync for Directory {}

impl Directory {
    /// # Safety
    ///
    /// `parent` is a kobject in sysfs that stays there for as long as the directory.
    unsafe fn create(
        parent: *mut bindings::kobject,
        name: &'static CStr,
        files: &'static [File],
    ) -> Result<Self> {
        // SAFETY: By the contract of this function; the name is a C string.
        let kobject = unsafe { bindings::kobject_create_and_add(as_char_ptr(name), parent) };
        let directory = Self(NonNull::new(kobject).ok_or(ENOMEM)?);
        for file in files {
            // SAFETY: The directory was just made, the file is static.
            to_result(unsafe {
                bindings::sysfs_create_file_ns(kobject, &raw const file.0.attr, ptr::null())
            })?;
        }
        Ok(directory)
    }

    /// A GPU's directory. The caller holds the device lock, and drops the directory before the
    /// device goes.
    pub(crate) fn for_gpu(pci: PciDevice<'_>) -> Result<Self> {
        // SAFETY: The kobject belongs to a live device, and the caller keeps the order.
        unsafe { Self::create(pci.kobject(), c"rmcp", &GPU_FILES) }
    }

    /// The module's own directory.
    pub(crate) fn for_module(module: &'static ThisModule) -> Result<Self> {
        // SAFETY: The module being initialised exists, and its kobject outlives its exit.
        unsafe {
            let kobject = &raw mut (*module.as_ptr()).mkobj.kobj;
            Self::create(kobject, c"guard", &MODULE_FILES)
        }
    }

    /// The directory as a pointer that an atomic can hold; never null.
    pub(crate) fn into_raw(self) -> *mut bindings::kobject {
        ManuallyDrop::new(self).0.as_ptr()
    }

    /// # Safety
    ///
    /// `raw` is null, or what [`Directory::into_raw`] gave, taken back once.
    pub(crate) unsafe fn from_raw(raw: *mut bindings::kobject) -> Option<Self> {
        NonNull::new(raw).map(Self)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        // SAFETY: Made by `create`, whose reference is given back here.
        unsafe {
            bindings::kobject_del(self.0.as_ptr());
            bindings::kobject_put(self.0.as_ptr());
        }
    }
}

/// Shows one value of the GPU whose file is read.
///
/// # Safety
///
/// Called by sysfs only, on a file of [`GPU_FILES`].
unsafe extern "C" fn show_gpu<const FILE: usize>(
    directory: *mut bindings::kobject,
    _file: *mut bindings::kobj_attribute,
    buffer: *mut c_char,
) -> isize {
    // SAFETY: The directory's parent is the kobject of a PCI device, see `Directory::for_gpu`, and
    // removing the directory, which comes before the device goes, waits for this call to end.
    let pci = unsafe { PciDevice::from_kobject((*directory).parent) };
    // SAFETY: sysfs passes a page of its own.
    let mut page = unsafe { Page::new(buffer.cast()) };
    match guard::show(pci, guard::FILES[FILE].1, &mut page) {
        Some(()) => page.len() as isize,
        None => ENODEV.to_errno() as isize,
    }
}

/// Makes one file per listed index of `guard::FILES`.
macro_rules! gpu_files {
    ($($index:literal)*) => {
        [$(File::new(guard::FILES[$index].0, show_gpu::<$index>)),*]
    };
}

static GPU_FILES: [File; guard::FILES.len()] = gpu_files!(0 1 2 3 4 5 6 7 8 9 10 11);

/// Shows the state of the whole module, or the reason for it.
///
/// # Safety
///
/// Called by sysfs only.
unsafe extern "C" fn show_module<const REASON: bool>(
    _directory: *mut bindings::kobject,
    _file: *mut bindings::kobj_attribute,
    buffer: *mut c_char,
) -> isize {
    // SAFETY: sysfs passes a page of its own.
    let mut page = unsafe { Page::new(buffer.cast()) };
    let reason = guard::module_reason();
    let text = if REASON {
        reason.as_str()
    } else {
        reason.state().as_str()
    };
    page.line(format_args!("{text}"));
    page.len() as isize
}

static MODULE_FILES: [File; 2] = [
    File::new(c"state", show_module::<false>),
    File::new(c"reason", show_module::<true>),
];
