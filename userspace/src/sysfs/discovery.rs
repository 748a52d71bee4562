// SPDX-License-Identifier: MIT

//! What amdgpu found in a GPU's IP discovery table: the version of each block, and where its
//! registers begin (`amdgpu_discovery.c`).

use super::pci;
use crate::root::Root;
use std::io;

/// The first instance of an IP block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// Major, minor, revision.
    pub version: (u8, u8, u8),
    /// Where each of its address segments begins, in dwords of the register BAR.
    pub bases: Vec<u32>,
}

/// The version of a block, by its name in the table (`hw_id_names`); `None` when it is not there.
///
/// # Errors
///
/// When a file in sysfs exists but cannot be read.
pub fn version(root: &Root, bdf: &str, name: &str) -> io::Result<Option<(u8, u8, u8)>> {
    let directory = directory(bdf, name);
    let mut version = [0; 3];
    for (number, file) in version.iter_mut().zip(["major", "minor", "revision"]) {
        let Some(value) = root
            .read(format!("{directory}/{file}"))?
            .and_then(|text| text.parse().ok())
        else {
            return Ok(None);
        };
        *number = value;
    }
    Ok(Some((version[0], version[1], version[2])))
}

/// A block, by its name in the table; `None` when it is not there, or is not of the known form.
///
/// # Errors
///
/// When a file in sysfs exists but cannot be read.
pub fn block(root: &Root, bdf: &str, name: &str) -> io::Result<Option<Block>> {
    let Some(version) = version(root, bdf, name)? else {
        return Ok(None);
    };
    let text = root.read(format!("{}/base_addr", directory(bdf, name)))?;
    Ok(text
        .and_then(|text| bases(&text))
        .map(|bases| Block { version, bases }))
}

fn directory(bdf: &str, name: &str) -> String {
    format!("{}/ip_discovery/die/0/{name}/0", pci::directory(bdf))
}

/// One address in each line.
fn bases(text: &str) -> Option<Vec<u32>> {
    text.lines()
        .map(|line| u32::from_str_radix(line.strip_prefix("0x")?, 16).ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn bases_are_read() {
        assert_eq!(
            bases("0x00001260\n0x0000A000\n"),
            Some(vec![0x1260, 0xA000])
        );
        for bad in ["1260", "0x", "0x1260\n\n", "0x123456789"] {
            assert_eq!(bases(bad), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text: String) {
            let _ = bases(&text);
        }
    }
}
