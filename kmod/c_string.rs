// SPDX-License-Identifier: GPL-2.0

//! C strings between `core`'s type and the kernel's pointers. The kernel crate has this for a type of
//! its own in some versions and for `core`'s in others.

use core::ffi::CStr;
use kernel::ffi::c_char;

/// The string as C functions take it.
#[allow(clippy::disallowed_methods)] // The reason against it is a sign, which the cast takes away.
pub(crate) const fn as_char_ptr(text: &CStr) -> *const c_char {
    text.as_ptr().cast()
}

/// A string of C.
///
/// # Safety
///
/// As for [`CStr::from_ptr`].
#[allow(clippy::disallowed_methods)] // As above.
pub(crate) unsafe fn from_char_ptr<'a>(text: *const c_char) -> &'a CStr {
    // SAFETY: By the contract of this function.
    unsafe { CStr::from_ptr(text.cast()) }
}
