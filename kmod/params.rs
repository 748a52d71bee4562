// SPDX-License-Identifier: GPL-2.0

//! The module parameters: readable in `/sys/module/rmcp/parameters/`, checked against the words of
//! `policy.rs`. The kernel crate's own parameters cannot be read from sysfs, so these are made
//! here.
//!
//! C header: `include/linux/moduleparam.h`.

use crate::c_string::from_char_ptr;
use crate::policy::{self, MtypeCc, Param};
use core::sync::atomic::{AtomicI32, Ordering::Relaxed};
use kernel::{
    bindings,
    ffi::{c_char, c_int},
    prelude::*,
};

/// A parameter and its value in force.
struct Value {
    param: &'static Param,
    value: AtomicI32,
}

impl Value {
    const fn new(param: &'static Param) -> Self {
        Self {
            param,
            value: AtomicI32::new(param.default()),
        }
    }

    fn get(&self) -> i32 {
        self.value.load(Relaxed)
    }
}

/// The wanted `gmc.noretry`, or [`policy::LEAVE`].
pub(crate) fn noretry() -> i32 {
    NORETRY.get()
}

/// The wanted `vm_manager.fragment_size`, or [`policy::LEAVE`].
pub(crate) fn fragment_size() -> i32 {
    FRAGMENT_SIZE.get()
}

/// What becomes of requests for MTYPE_CC.
pub(crate) fn mtype_cc() -> MtypeCc {
    MtypeCc::from_value(MTYPE_CC.get())
}

/// Whether anything may be written.
pub(crate) fn enforce() -> bool {
    ENFORCE.get() != 0
}

/// Takes a word from the command line.
///
/// # Safety
///
/// Called by the kernel only: `word` is a NUL-terminated string, `param` one of the statics below.
unsafe extern "C" fn set(word: *const c_char, param: *const bindings::kernel_param) -> c_int {
    // SAFETY: Every `kernel_param` of this file points to a static `Value`.
    let target = unsafe { &*(*param).__bindgen_anon_1.arg.cast::<Value>() };
    let word = if word.is_null() {
        ""
    } else {
        // SAFETY: Not null, so a NUL-terminated string by the contract.
        unsafe { from_char_ptr(word) }.to_str().unwrap_or("")
    };
    match target.param.parse(word) {
        Some(value) => {
            target.value.store(value, Relaxed);
            0
        }
        None => {
            pr_err!(
                "{}={} is out of range: {} is expected\n",
                target.param.name,
                word,
                target.param.range
            );
            EINVAL.to_errno()
        }
    }
}

/// Prints the word in force for sysfs.
///
/// # Safety
///
/// Called by the kernel only: `buffer` holds a page, `param` is one of the statics below.
unsafe extern "C" fn get(buffer: *mut c_char, param: *const bindings::kernel_param) -> c_int {
    // SAFETY: Every `kernel_param` of this file points to a static `Value`.
    let source = unsafe { &*(*param).__bindgen_anon_1.arg.cast::<Value>() };
    // SAFETY: sysfs passes a page of its own.
    let mut page = unsafe { crate::sysfs::Page::new(buffer.cast()) };
    page.line(format_args!("{}", source.param.word(source.get())));
    page.len() as c_int
}

static OPS: Shared<bindings::kernel_param_ops> = Shared(bindings::kernel_param_ops {
    flags: 0,
    set: Some(set),
    get: Some(get),
    free: None,
});

/// A C structure that only the kernel's own locking code touches.
#[repr(transparent)]
struct Shared<T>(T);

// SAFETY: The kernel serialises access to parameters; this module never touches the structure.
unsafe impl<T> Sync for Shared<T> {}

/// A string of the form `tag=name:text` with its NUL, as an array for `.modinfo`.
const fn modinfo<const N: usize>(parts: [&str; 4]) -> [u8; N] {
    let mut bytes = [0; N];
    let (mut at, mut part) = (0, 0);
    while part < parts.len() {
        let text = parts[part].as_bytes();
        let mut i = 0;
        while i < text.len() {
            bytes[at] = text[i];
            at += 1;
            i += 1;
        }
        part += 1;
    }
    bytes
}

const fn modinfo_len(parts: [&str; 4]) -> usize {
    parts[0].len() + parts[1].len() + parts[2].len() + parts[3].len() + 1
}

/// Makes a static `Value`, its `kernel_param` and its two lines for `modinfo`.
macro_rules! parameter {
    ($value:ident, $param:expr, $kind:literal) => {
        static $value: Value = Value::new(&$param);

        const _: () = {
            // The name with its NUL.
            const NAME: [&str; 4] = [$param.name, "", "", ""];
            static C_NAME: [u8; modinfo_len(NAME)] = modinfo(NAME);

            #[link_section = "__param"]
            #[used(compiler)]
            static KERNEL_PARAM: Shared<bindings::kernel_param> = Shared(bindings::kernel_param {
                name: C_NAME.as_ptr().cast(),
                mod_: (&raw const bindings::__this_module).cast_mut(),
                ops: &raw const OPS.0,
                perm: 0o444,
                level: -1,
                flags: 0,
                __bindgen_anon_1: bindings::kernel_param__bindgen_ty_1 {
                    arg: (&raw const $value).cast_mut().cast(),
                },
            });

            const PARM: [&str; 4] = ["parm=", $param.name, ":", $param.help];
            #[link_section = ".modinfo"]
            #[used(compiler)]
            static MODINFO_PARM: [u8; modinfo_len(PARM)] = modinfo(PARM);

            const TYPE: [&str; 4] = ["parmtype=", $param.name, ":", $kind];
            #[link_section = ".modinfo"]
            #[used(compiler)]
            static MODINFO_TYPE: [u8; modinfo_len(TYPE)] = modinfo(TYPE);
        };
    };
}

parameter!(NORETRY, policy::NORETRY, "int");
parameter!(FRAGMENT_SIZE, policy::FRAGMENT_SIZE, "int");
parameter!(MTYPE_CC, policy::MTYPE_CC, "charp");
parameter!(ENFORCE, policy::ENFORCE, "int");
