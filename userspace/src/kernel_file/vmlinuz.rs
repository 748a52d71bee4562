// SPDX-License-Identifier: MIT

//! The compressed kernel inside an x86 boot image (`vmlinuz`, `bzImage`), found through the setup
//! header: Documentation/arch/x86/boot.rst, fields `payload_offset` and `payload_length`.

/// Where the setup header's signature is, in bytes.
const SIGNATURE_AT: usize = 0x202;
const SIGNATURE: &[u8] = b"HdrS";
/// The first protocol version whose header says where the payload is.
const FIRST_VERSION: u16 = 0x0208;
const SECTOR: usize = 512;

/// Why a boot image has no payload to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VmlinuzError {
    /// The header is older than the fields needed.
    #[error(
        "a boot image of protocol {}.{:02}, expected 2.08 or newer (Linux 2.6.26)",
        .0 >> 8, .0 & 0xff
    )]
    OldProtocol(u16),
    /// The header points outside the file.
    #[error("a boot image cut short: its kernel is in bytes {start}..{end}, it has {have}")]
    Truncated {
        /// Where the payload starts, in bytes.
        start: u64,
        /// Where it ends, in bytes.
        end: u64,
        /// How many bytes there are.
        have: u64,
    },
}

/// Whether these bytes are an x86 boot image.
pub(super) fn is_boot_image(file: &[u8]) -> bool {
    file.get(SIGNATURE_AT..)
        .is_some_and(|header| header.starts_with(SIGNATURE))
}

/// The kernel in a boot image, as it is: usually compressed.
pub(super) fn payload(file: &[u8]) -> Result<&[u8], VmlinuzError> {
    let version = u16::from_le_bytes(field(file, 0x206)?);
    if version < FIRST_VERSION {
        return Err(VmlinuzError::OldProtocol(version));
    }
    let setup_sectors = match field::<1>(file, 0x1f1)? {
        [0] => 4,
        [sectors] => usize::from(sectors),
    };
    let offset = u32::from_le_bytes(field(file, 0x248)?) as usize;
    let len = u32::from_le_bytes(field(file, 0x24c)?) as usize;
    bytes(file, (setup_sectors + 1) * SECTOR + offset, len)
}

fn field<const N: usize>(file: &[u8], at: usize) -> Result<[u8; N], VmlinuzError> {
    let mut value = [0; N];
    value.copy_from_slice(bytes(file, at, N)?);
    Ok(value)
}

fn bytes(file: &[u8], start: usize, len: usize) -> Result<&[u8], VmlinuzError> {
    file.get(start..)
        .and_then(|rest| rest.get(..len))
        .ok_or(VmlinuzError::Truncated {
            start: start as u64,
            end: start as u64 + len as u64,
            have: file.len() as u64,
        })
}
