// SPDX-License-Identifier: MIT

//! The access list of a file (acl(5)), as the kernel keeps it: with one, logind lets who sits at the
//! machine use its GPUs, whatever their groups.

use std::path::Path;

/// Where the kernel keeps it.
const ATTRIBUTE: &str = "system.posix_acl_access";
/// `POSIX_ACL_XATTR_VERSION`.
const VERSION: u32 = 2;
/// Bytes of an entry: what it is of, what it permits, whom.
const ENTRY: usize = 8;
/// Reading and writing.
const READ_WRITE: u16 = 4 | 2;

const USER: u16 = 0x02;
const OWNING_GROUP: u16 = 0x04;
const GROUP: u16 = 0x08;
const MASK: u16 = 0x10;
const OTHERS: u16 = 0x20;

/// An access list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessList(Vec<Entry>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Entry {
    of: u16,
    permits: u16,
    id: u32,
}

/// The access list of a file; `None` when its mode says everything.
pub fn read(path: &Path) -> Option<AccessList> {
    /// Room for some hundred entries.
    const MOST: usize = 4096;
    let mut bytes = vec![0; MOST];
    let len = rustix::fs::getxattr(path, ATTRIBUTE, bytes.as_mut_slice()).ok()?;
    AccessList::parse(bytes.get(..len)?)
}

impl AccessList {
    fn parse(bytes: &[u8]) -> Option<Self> {
        let (version, entries) = bytes.split_first_chunk::<4>()?;
        if u32::from_le_bytes(*version) != VERSION || entries.len() % ENTRY != 0 {
            return None;
        }
        let entries = entries.chunks_exact(ENTRY).map(|entry| Entry {
            of: u16::from_le_bytes([entry[0], entry[1]]),
            permits: u16::from_le_bytes([entry[2], entry[3]]),
            id: u32::from_le_bytes([entry[4], entry[5], entry[6], entry[7]]),
        });
        Some(Self(entries.collect()))
    }

    /// Whether it lets somebody read and write who does not own the file: by their own entry, else
    /// by those of their groups, else as everybody.
    pub fn grants(&self, uid: u32, owning_group: u32, groups: &[u32]) -> bool {
        let find = |of| self.0.iter().find(move |entry| entry.of == of);
        let mask = find(MASK).map_or(u16::MAX, |mask| mask.permits);
        let permits = |entry: &Entry| entry.permits & mask & READ_WRITE == READ_WRITE;
        let own = |entry: &&Entry| entry.of == USER && entry.id == uid;
        if let Some(own) = self.0.iter().find(own) {
            return permits(own);
        }
        let of_groups: Vec<&Entry> = self
            .0
            .iter()
            .filter(|entry| match entry.of {
                OWNING_GROUP => groups.contains(&owning_group),
                GROUP => groups.contains(&entry.id),
                _ => false,
            })
            .collect();
        if of_groups.is_empty() {
            find(OTHERS).is_some_and(|others| others.permits & READ_WRITE == READ_WRITE)
        } else {
            of_groups.into_iter().any(permits)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// user::rw-, user:1000:rw-, group::r--, group:7:rw-, mask::rw-, other::---
    const LIST: [(u16, u16, u32); 6] = [
        (1, 6, u32::MAX),
        (USER, 6, 1000),
        (OWNING_GROUP, 4, u32::MAX),
        (GROUP, 6, 7),
        (MASK, 6, u32::MAX),
        (OTHERS, 0, u32::MAX),
    ];

    fn bytes(list: &[(u16, u16, u32)]) -> Vec<u8> {
        let mut bytes = VERSION.to_le_bytes().to_vec();
        for (of, permits, id) in list {
            bytes.extend(of.to_le_bytes());
            bytes.extend(permits.to_le_bytes());
            bytes.extend(id.to_le_bytes());
        }
        bytes
    }

    #[test]
    fn the_nearest_entry_decides() {
        let list = AccessList::parse(&bytes(&LIST)).unwrap();
        assert!(list.grants(1000, 5, &[5]), "by name");
        assert!(
            !list.grants(1001, 5, &[5]),
            "the owning group may only read"
        );
        assert!(list.grants(1001, 5, &[5, 7]), "another group may write");
        assert!(!list.grants(1001, 5, &[]), "nobody else may");
    }

    #[test]
    fn the_mask_takes_away_from_all_but_the_others() {
        let mut masked = LIST;
        masked[4].1 = 4;
        masked[5].1 = 6;
        let list = AccessList::parse(&bytes(&masked)).unwrap();
        assert!(!list.grants(1000, 5, &[5]) && !list.grants(1001, 5, &[7]));
        assert!(list.grants(1001, 5, &[]));
    }

    #[test]
    fn what_is_no_list_is_none() {
        let mut whole = bytes(&LIST);
        whole.pop();
        assert_eq!(AccessList::parse(&whole), None);
        assert_eq!(AccessList::parse(&[3, 0, 0, 0]), None);
        assert_eq!(AccessList::parse(&[2, 0, 0]), None);
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes: Vec<u8>, uid: u32, group: u32, groups: Vec<u32>) {
            if let Some(list) = AccessList::parse(&bytes) {
                list.grants(uid, group, &groups);
            }
        }
    }
}
