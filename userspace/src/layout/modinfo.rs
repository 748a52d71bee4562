// SPDX-License-Identifier: MIT

//! The entries of amdgpu's `.modinfo` section that a layout keeps.

use super::LayoutError;
use crate::modinfo::values;

/// The longest release of a kernel, in bytes (`struct new_utsname`).
const MAX_RELEASE: usize = 64;

/// The kernel that the module was built for: the first word of its `vermagic`.
pub(super) fn kernel_release(modinfo: &[u8]) -> Result<String, LayoutError> {
    let vermagic = values(modinfo, "vermagic").next().unwrap_or_default();
    let release = vermagic.split(|&byte| byte == b' ').next();
    checked(
        "vermagic",
        release.unwrap_or_default(),
        "to start with a kernel release such as 7.2.12+deb13-amd64",
    )
}

/// The checksum of the module's source, if there is one.
pub(super) fn srcversion(modinfo: &[u8]) -> Result<Option<String>, LayoutError> {
    values(modinfo, "srcversion")
        .next()
        .map(|bytes| checked("srcversion", bytes, "letters and digits"))
        .transpose()
}

/// The value as text, if it can be put into messages and source code as it is.
fn checked(key: &'static str, bytes: &[u8], expected: &'static str) -> Result<String, LayoutError> {
    let harmless = |byte: &u8| byte.is_ascii_alphanumeric() || b"+-._~".contains(byte);
    if (1..=MAX_RELEASE).contains(&bytes.len()) && bytes.iter().all(harmless) {
        return Ok(String::from_utf8_lossy(bytes).into_owned());
    }
    Err(LayoutError::Modinfo {
        key,
        found: match bytes {
            [] => "missing or empty".to_owned(),
            bytes => format!("{:?}", String::from_utf8_lossy(bytes)),
        },
        expected,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_word_of_vermagic_is_the_release() {
        let modinfo = b"license=GPL\0\0vermagic=7.2.12+deb13-amd64 SMP preempt\0srcversion=A1\0";
        assert_eq!(kernel_release(modinfo).unwrap(), "7.2.12+deb13-amd64");
        assert_eq!(srcversion(modinfo).unwrap().unwrap(), "A1");
        assert_eq!(srcversion(b"vermagic=1"), Ok(None));
    }

    #[test]
    fn a_value_that_could_be_code_is_refused() {
        for modinfo in [
            &b"license=GPL\0"[..],
            b"vermagic=\0",
            b"vermagic=\"; 7.2\0",
            b"vermagic=7.2\n8 SMP\0",
            b"vermagic=7.2\xff SMP\0",
        ] {
            assert!(kernel_release(modinfo).is_err(), "{modinfo:?}");
        }
        assert_eq!(
            kernel_release(b"").unwrap_err().to_string(),
            "amdgpu.ko: modinfo `vermagic` is missing or empty, expected to start with a kernel \
             release such as 7.2.12+deb13-amd64"
        );
    }
}
