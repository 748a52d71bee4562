// SPDX-License-Identifier: MIT

//! What the kernel says of a file that this process has open.

use anyhow::{Context, Result};
use std::fs;
use std::os::fd::AsRawFd;

/// The number by which debugfs knows the DRM client behind an open render node.
///
/// # Errors
///
/// When the kernel does not say.
pub fn drm_client(file: &impl AsRawFd) -> Result<u64> {
    let path = format!("/proc/self/fdinfo/{}", file.as_raw_fd());
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
    parse(&text).with_context(|| format!("{path} names no DRM client"))
}

fn parse(text: &str) -> Option<u64> {
    let mut lines = text.lines();
    let client = lines.find_map(|line| line.strip_prefix("drm-client-id:"))?;
    client.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_client_is_read() {
        let text = "pos:\t0\ndrm-driver:\tamdgpu\ndrm-client-id:\t7\ndrm-pdev:\t0000:01:00.0\n";
        assert_eq!(parse(text), Some(7));
        assert_eq!(parse("pos:\t0\n"), None);
        // Any file but a DRM node.
        let file = fs::File::open("/dev/null").unwrap();
        assert!(drm_client(&file).is_err());
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "(drm-client-id:|[0-9 ]|\n|\\PC)*") {
            let _ = parse(&text);
        }
    }
}
