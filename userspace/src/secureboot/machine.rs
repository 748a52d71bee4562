// SPDX-License-Identifier: MIT

//! What the machine demands of modules: Secure Boot, lockdown and the enforcement of signatures.

use super::keys::Keys;
use super::signing_key::SigningKey;
use crate::kernel::{self, Config};
use crate::root::Root;
use crate::sysfs::cmdline;
use crate::sysfs::efi;
use crate::sysfs::security::{self, Lockdown};
use std::fmt;

/// Secure Boot, as the kernel's `efi_get_secureboot` decides it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecureBoot {
    /// The firmware starts only what is signed, and tells the kernel so.
    On,
    /// It is switched off in the firmware.
    Off,
    /// The firmware has no platform key yet and checks nothing.
    SetupMode,
    /// The firmware checks shim, but its owner told shim to check nothing: the kernel takes that
    /// for off.
    ShimOff,
    /// There is no EFI firmware.
    NoEfi,
    /// It cannot be told, and why.
    Unknown(String),
}

impl SecureBoot {
    fn read(root: &Root) -> Self {
        if !efi::present(root) {
            return Self::NoEfi;
        }
        if !efi::has_variables(root) {
            return Self::Unknown("efivarfs is not mounted".to_owned());
        }
        Self::of_variables(root).unwrap_or_else(|error| Self::Unknown(error.to_string()))
    }

    fn of_variables(root: &Root) -> std::io::Result<Self> {
        let is_set = |name, vendor| -> std::io::Result<Option<(bool, u32)>> {
            let variable = efi::variable(root, name, vendor)?;
            Ok(variable.map(|v| (v.data.first() == Some(&1), v.attributes)))
        };
        Ok(match is_set("SecureBoot", efi::GLOBAL)? {
            Some((true, _)) => match is_set("SetupMode", efi::GLOBAL)? {
                Some((true, _)) => Self::SetupMode,
                // Shim's own copy does not outlive a boot; another is not its word.
                _ => match is_set("MokSBStateRT", efi::SHIM)? {
                    Some((true, attributes)) if attributes & efi::NON_VOLATILE == 0 => {
                        Self::ShimOff
                    }
                    _ => Self::On,
                },
            },
            _ => match is_set("SetupMode", efi::GLOBAL)? {
                Some((true, _)) => Self::SetupMode,
                _ => Self::Off,
            },
        })
    }
}

impl fmt::Display for SecureBoot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::On => f.write_str("on"),
            Self::Off => f.write_str("off"),
            Self::SetupMode => f.write_str("off (the firmware is in setup mode)"),
            Self::ShimOff => f.write_str("off (shim's validation is disabled)"),
            Self::NoEfi => f.write_str("absent (no EFI firmware)"),
            Self::Unknown(why) => write!(f, "unknown ({why})"),
        }
    }
}

/// The whole machine.
#[derive(Debug, Clone)]
pub struct Machine {
    /// Secure Boot.
    pub secure_boot: SecureBoot,
    /// The running kernel's lockdown; `None` where it cannot be seen.
    pub lockdown: Option<Lockdown>,
    /// Whether the running kernel refuses modules without a trusted signature.
    pub signatures_enforced: Option<bool>,
    /// The key that DKMS signs with.
    pub signing_key: SigningKey,
    /// The keys that the kernel is handed.
    pub keys: Keys,
    running: Option<String>,
    command_line: Vec<String>,
}

/// Whether a kernel will take only modules with a trusted signature, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Demand {
    /// It will.
    Signed(String),
    /// It will not.
    Nothing,
    /// It cannot be told.
    Unknown(String),
}

impl Machine {
    /// Looks at it.
    ///
    /// # Errors
    ///
    /// When a file of the kernel's exists but cannot be read or is not of the documented form.
    pub fn read(root: &Root) -> std::io::Result<Self> {
        Ok(Self {
            secure_boot: SecureBoot::read(root),
            lockdown: security::lockdown(root)?,
            signatures_enforced: security::signatures_enforced(root)?,
            signing_key: SigningKey::read(root),
            keys: Keys::read(root),
            running: kernel::running(root)?,
            command_line: cmdline::words(root)?,
        })
    }

    /// What the kernel will demand at the next boot, if nothing changes but its version. The
    /// running kernel is asked itself; of another, its configuration.
    pub fn demand(&self, release: &str, config: Option<&Config>) -> Demand {
        if self.running.as_deref() == Some(release) {
            if self.signatures_enforced == Some(true) {
                return Demand::Signed("the kernel enforces signatures".to_owned());
            }
            match self.lockdown {
                Some(level) if level > Lockdown::None => {
                    return Demand::Signed(format!("the kernel is locked down ({level})"));
                }
                Some(_) => return Demand::Nothing,
                None => {}
            }
        }
        let Some(config) = config else {
            return Demand::Unknown(format!("the configuration of {release} was not found"));
        };
        if !config.enabled("CONFIG_MODULE_SIG") {
            return Demand::Nothing;
        }
        if let Some(option) = ALWAYS.iter().find(|option| config.enabled(option)) {
            return Demand::Signed(format!("it is built with {option}"));
        }
        if let Some(word) = self.command_line.iter().find(|word| demands(word)) {
            return Demand::Signed(format!("the kernel command line says {word}"));
        }
        let under_secure_boot = UNDER_SECURE_BOOT
            .iter()
            .find(|option| config.enabled(option));
        match (&self.secure_boot, under_secure_boot) {
            (SecureBoot::On, Some(option)) => {
                Demand::Signed(format!("Secure Boot is on, and it is built with {option}"))
            }
            (SecureBoot::Unknown(why), Some(_)) => {
                Demand::Unknown(format!("Secure Boot cannot be seen: {why}"))
            }
            _ => Demand::Nothing,
        }
    }

    /// Whether a kernel takes the machine owner's keys as signers of modules; `None` when that cannot
    /// be told.
    pub(super) fn trusts_mok(&self, config: Option<&Config>) -> Option<bool> {
        let enabled = |option| config.is_none_or(|config| config.enabled(option));
        let machine = enabled("CONFIG_INTEGRITY_MACHINE_KEYRING") && self.keys.trusted_by_machine;
        match self.secure_boot {
            SecureBoot::On if machine => Some(true),
            SecureBoot::On => trusts_platform(config),
            _ => Some(false),
        }
    }
}

/// Whether a kernel takes the keys of its keyring `.platform`, where the firmware's are, as signers of
/// modules; `None` when that cannot be told. Linux does not: a patch does that the distributions have
/// beside the one that locks down under Secure Boot, of which the configuration tells.
pub(super) fn trusts_platform(config: Option<&Config>) -> Option<bool> {
    let config = config?;
    if !config.enabled("CONFIG_INTEGRITY_PLATFORM_KEYRING") {
        return Some(false);
    }
    config.enabled(LOCKS_DOWN).then_some(true)
}

/// Options with which a kernel demands signatures always.
const ALWAYS: [&str; 3] = [
    "CONFIG_MODULE_SIG_FORCE",
    "CONFIG_LOCK_DOWN_KERNEL_FORCE_INTEGRITY",
    "CONFIG_LOCK_DOWN_KERNEL_FORCE_CONFIDENTIALITY",
];

/// Options with which it does so under Secure Boot (`drivers/firmware/efi/secureboot.c` of the
/// distributions, `security/integrity/ima/ima_efi.c`).
const UNDER_SECURE_BOOT: [&str; 2] = [LOCKS_DOWN, "CONFIG_IMA_ARCH_POLICY"];
/// That of them which is the distributions' own.
const LOCKS_DOWN: &str = "CONFIG_LOCK_DOWN_IN_EFI_SECURE_BOOT";

/// Whether a word of the kernel command line makes the kernel demand signatures.
fn demands(word: &str) -> bool {
    let on = |value: &str| matches!(value, "1" | "y" | "Y" | "on" | "yes");
    match word.split_once('=') {
        Some(("module.sig_enforce", value)) => on(value),
        Some(("lockdown", "integrity" | "confidentiality")) => true,
        None => word == "module.sig_enforce",
        _ => false,
    }
}
