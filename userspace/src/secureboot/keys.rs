// SPDX-License-Identifier: MIT

//! The keys that this machine's firmware and shim hand to the kernel, and the one that waits to be
//! enrolled.

use super::certificate::Certificate;
use super::signature_list;
use crate::root::Root;
use crate::sysfs::efi;

/// Certificates by where they are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Keys {
    /// The machine owner's keys (MOK), which the kernel takes only under Secure Boot.
    pub mok: Vec<Certificate>,
    /// The firmware's own.
    pub db: Vec<Certificate>,
    /// What `mokutil --import` left for the next boot, where somebody must confirm it.
    pub pending: Vec<Certificate>,
    /// What neither firmware nor shim trusts any more.
    pub revoked: Vec<Certificate>,
    /// Shim's word that the machine owner's keys may vouch for modules in the kernel's keyring
    /// `.machine`; without it they are in `.platform`.
    pub trusted_by_machine: bool,
    /// What could not be read, and why.
    pub unread: Vec<String>,
}

impl Keys {
    /// Reads all of them.
    pub fn read(root: &Root) -> Self {
        let mut keys = Self {
            trusted_by_machine: efi::in_mok_table(root, "MokListTrustedRT"),
            ..Self::default()
        };
        keys.mok = keys.shims(root, "MokListRT");
        if !matches!(efi::variable(root, "MokIgnoreDB", efi::SHIM), Ok(Some(_))) {
            keys.db = keys.variable(root, "db", efi::SECURITY_DATABASE);
        }
        keys.pending = keys.variable(root, "MokNew", efi::SHIM);
        keys.revoked = keys.variable(root, "dbx", efi::SECURITY_DATABASE);
        let revoked = keys.shims(root, "MokListXRT");
        keys.revoked.extend(revoked);
        keys
    }

    /// The kernel goes by the table first. Where this user may not read it, the variable says the
    /// same unless it was too large for one.
    fn shims(&mut self, root: &Root, name: &str) -> Vec<Certificate> {
        match efi::mok_table_entry(root, name) {
            Ok(Some(database)) => self.parse(name, &database),
            Ok(None) | Err(_) => self.variable(root, name, efi::SHIM),
        }
    }

    fn variable(&mut self, root: &Root, name: &str, vendor: &str) -> Vec<Certificate> {
        match efi::variable(root, name, vendor) {
            Ok(Some(variable)) => self.parse(name, &variable.data),
            Ok(None) => Vec::new(),
            Err(error) => {
                self.unread.push(error.to_string());
                Vec::new()
            }
        }
    }

    fn parse(&mut self, name: &str, database: &[u8]) -> Vec<Certificate> {
        let found = signature_list::read(database);
        if let Some(why) = found.damage {
            self.unread.push(format!("{name} is damaged: {why}"));
        }
        found.certificates
    }
}
