// SPDX-License-Identifier: MIT

//! Variables of the firmware, as efivarfs and the kernel's copy of shim's list of keys show them.

use crate::root::Root;
use std::fs::File;
use std::io::{self, Read};

const FIRMWARE: &str = "/sys/firmware/efi";

/// The vendor of the variables that UEFI itself defines.
pub const GLOBAL: &str = "8be4df61-93ca-11d2-aa0d-00e098032b8c";
/// The vendor of the databases of keys that UEFI defines.
pub const SECURITY_DATABASE: &str = "d719b2cb-3d3a-4596-a3bc-dad00e67656f";
/// The vendor of shim's variables.
pub const SHIM: &str = "605dab50-e046-4300-abb6-3dd810dd8b23";

/// The attribute of a variable that the firmware keeps over a reboot.
pub const NON_VOLATILE: u32 = 1;

/// The most bytes of a variable that are read: far above what firmware has room for.
const MOST: u64 = 4 << 20;

/// A variable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variable {
    /// `EFI_VARIABLE_*`.
    pub attributes: u32,
    /// What it holds.
    pub data: Vec<u8>,
}

/// Whether the system was started by EFI firmware.
pub fn present(root: &Root) -> bool {
    root.exists(FIRMWARE)
}

/// Whether the firmware's variables can be looked at at all.
pub fn has_variables(root: &Root) -> bool {
    !root.list(format!("{FIRMWARE}/efivars")).is_empty()
}

/// A variable, or `None`.
///
/// # Errors
///
/// When it exists but cannot be read, or lacks its attributes.
pub fn variable(root: &Root, name: &str, vendor: &str) -> io::Result<Option<Variable>> {
    let path = format!("{FIRMWARE}/efivars/{name}-{vendor}");
    let Some(bytes) = read(root, &path)? else {
        return Ok(None);
    };
    let Some((attributes, data)) = bytes.split_first_chunk::<4>() else {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            format!(
                "{path} holds {} bytes, expected 4 of attributes first",
                bytes.len()
            ),
        ));
    };
    Ok(Some(Variable {
        attributes: u32::from_le_bytes(*attributes),
        data: data.to_vec(),
    }))
}

/// An entry of the table in which shim hands its keys to the kernel, which goes by it before the
/// variable of that name; `None` when there is none. Only root may read it.
///
/// # Errors
///
/// When it exists but cannot be read.
pub fn mok_table_entry(root: &Root, name: &str) -> io::Result<Option<Vec<u8>>> {
    read(root, &format!("{FIRMWARE}/mok-variables/{name}"))
}

/// Whether the table has the entry, which everybody may see.
pub fn in_mok_table(root: &Root, name: &str) -> bool {
    root.exists(format!("{FIRMWARE}/mok-variables/{name}"))
}

fn read(root: &Root, path: &str) -> io::Result<Option<Vec<u8>>> {
    let at =
        |error: io::Error| io::Error::new(error.kind(), format!("cannot read {path}: {error}"));
    let file = match File::open(root.path(path)) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(at(error)),
    };
    let mut bytes = Vec::new();
    file.take(MOST + 1).read_to_end(&mut bytes).map_err(at)?;
    if bytes.len() as u64 > MOST {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            format!("{path} is larger than {MOST} bytes, which no variable is"),
        ));
    }
    Ok(Some(bytes))
}
