// SPDX-License-Identifier: MIT

//! `EFI_SIGNATURE_LIST`: the form of the firmware's and shim's databases of keys.

use super::certificate::Certificate;

/// `EFI_CERT_X509_GUID`, the kind of list that holds certificates.
const X509: [u8; 16] = [
    0xa1, 0x59, 0xc0, 0xa5, 0xe4, 0x94, 0xa7, 0x4a, 0x87, 0xb5, 0xab, 0x15, 0x5c, 0x2b, 0xf0, 0x72,
];

/// Bytes in front of each list: its kind and three sizes.
const HEADER: usize = 28;
/// Bytes in front of each certificate: who put it there.
const OWNER: usize = 16;

/// What a database holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Database {
    /// Its certificates. One that cannot be read is passed over, as the kernel does.
    pub(super) certificates: Vec<Certificate>,
    /// Why nothing was read beyond them: a size leads outside. The kernel stops there too
    /// (`parse_efi_signature_list`).
    pub(super) damage: Option<&'static str>,
}

/// Reads a database.
pub(super) fn read(database: &[u8]) -> Database {
    let mut found = Database::default();
    let mut rest = database;
    while !rest.is_empty() {
        match split_list(rest) {
            Ok((list, after)) => {
                if list.kind == X509 {
                    let readable = list
                        .entries()
                        .filter_map(|entry| Certificate::from_der(entry.get(OWNER..)?).ok());
                    found.certificates.extend(readable);
                }
                rest = after;
            }
            Err(why) => {
                found.damage = Some(why);
                break;
            }
        }
    }
    found
}

/// One list of entries of one kind and size.
struct List<'a> {
    kind: [u8; 16],
    entry: usize,
    body: &'a [u8],
}

impl<'a> List<'a> {
    fn entries(&self) -> impl Iterator<Item = &'a [u8]> {
        self.body.chunks_exact(self.entry)
    }
}

/// The first list, and what follows it.
fn split_list(bytes: &[u8]) -> Result<(List<'_>, &[u8]), &'static str> {
    let (kind, sizes) = bytes
        .split_first_chunk::<16>()
        .ok_or("it ends inside a header")?;
    let size = |at: usize| -> Option<usize> {
        let bytes = sizes.get(at..)?.first_chunk::<4>()?;
        usize::try_from(u32::from_le_bytes(*bytes)).ok()
    };
    let (Some(list), Some(header), Some(entry)) = (size(0), size(4), size(8)) else {
        return Err("it ends inside a header");
    };
    if list > bytes.len() {
        return Err("a list is longer than the database");
    }
    let body = HEADER
        .checked_add(header)
        .and_then(|start| bytes.get(start..list))
        .ok_or("a list is shorter than its header")?;
    if entry < OWNER || body.is_empty() || body.len() % entry != 0 {
        return Err("the entries of a list do not fill it");
    }
    let list_of = List {
        kind: *kind,
        entry,
        body,
    };
    Ok((list_of, &bytes[list..]))
}
