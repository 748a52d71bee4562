// SPDX-License-Identifier: GPL-2.0

//! The BTF of a module that is already live. The kernel drops its own pointer to the section once
//! a module is up, so the copy that sysfs publishes is read, from `/sys/kernel/btf/`.
//!
//! C header: `include/linux/kernel_read_file.h`.

use core::ffi::CStr;
use core::ptr;
use kernel::{bindings, prelude::*};

/// Reads the whole file.
///
/// # Errors
///
/// EFBIG when it is longer than `limit` bytes, ENOENT when it does not exist, ENOMEM.
pub(crate) fn read(path: &'static CStr, limit: usize) -> Result<VVec<u8>> {
    let mut bytes = VVec::<u8>::with_capacity(limit, GFP_KERNEL)?;
    let mut buffer: *mut kernel::ffi::c_void = bytes.as_mut_ptr().cast();
    // SAFETY: The path is a C string; the buffer has room for `limit` bytes and is not kept.
    let length = unsafe {
        bindings::kernel_read_file_from_path(
            path.as_ptr().cast(),
            0,
            &raw mut buffer,
            limit,
            ptr::null_mut(),
            bindings::kernel_read_file_id_READING_UNKNOWN,
        )
    };
    if length < 0 {
        return Err(Error::from_errno(length as i32));
    }
    // SAFETY: The kernel wrote the first `length` bytes, which are at most `limit`.
    unsafe { bytes.inc_len(length as usize) };
    Ok(bytes)
}
