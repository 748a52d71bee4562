// SPDX-License-Identifier: GPL-2.0

//! The BTF of a module that is already live. The kernel drops its own pointer to the section once
//! a module is up, so the copy that sysfs publishes is read, from `/sys/kernel/btf/`.
//!
//! C header: `include/linux/fs.h`. Not `kernel_read_file`: that is for what the kernel loads, and
//! security modules warn about a reader that names no such purpose.

use crate::c_string::as_char_ptr;
use core::ffi::CStr;
use core::ptr;
use kernel::{bindings, error::from_err_ptr, prelude::*};

/// Reads the file; at most `limit` bytes and one more, by which a longer one is told.
///
/// # Errors
///
/// ENOENT when it does not exist, ENOMEM, or what reading it gives.
pub(crate) fn read(path: &'static CStr, limit: usize) -> Result<VVec<u8>> {
    let room = limit + 1;
    let bytes = VVec::<u8>::with_capacity(room, GFP_KERNEL)?;
    // SAFETY: The path is a C string.
    let file = from_err_ptr(unsafe {
        bindings::filp_open(as_char_ptr(path), bindings::O_RDONLY as i32, 0)
    })?;
    // In its parts, because the kernel crate has had more than one name for setting a length.
    let (start, mut filled, capacity) = bytes.into_raw_parts();
    let mut position = 0;
    let result = loop {
        // SAFETY: The file is open, and the buffer has room for the bytes that are asked for.
        let read = unsafe {
            bindings::kernel_read(
                file,
                start.add(filled).cast(),
                room - filled,
                &raw mut position,
            )
        };
        if read < 0 {
            break Err(Error::from_errno(read as i32));
        }
        if read == 0 {
            break Ok(());
        }
        filled += read as usize;
    };
    // SAFETY: The parts of a vector, of whose room the kernel wrote `filled` bytes.
    let bytes = unsafe { VVec::from_raw_parts(start, filled, capacity) };
    // SAFETY: Opened above, closed once.
    unsafe { bindings::filp_close(file, ptr::null_mut()) };
    result.map(|()| bytes)
}
