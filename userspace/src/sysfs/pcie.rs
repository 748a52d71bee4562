// SPDX-License-Identifier: MIT

//! The PCI Express path from a GPU to the root port above it, and what of it the ports say they can.

use super::pci;
use crate::root::Root;
use std::fs;
use std::io;

/// What `/sys` shows of a configuration space to those who are not root.
const SHOWN_TO_ALL: usize = 64;

/// Where the list of capabilities starts.
const CAPABILITIES: usize = 0x34;
/// The capability of PCI Express.
const EXPRESS: u8 = 0x10;
/// `PCI_EXP_DEVCAP2` from the start of that capability.
const DEVICE_CAPABILITIES_2: usize = 0x24;
/// `PCI_EXP_DEVCAP2_ATOMIC_COMP32` and `_COMP64`.
const COMPLETES_ATOMICS: u32 = 1 << 7 | 1 << 8;
/// `PCI_EXP_DEVCAP2_ATOMIC_ROUTE`.
const ROUTES_ATOMICS: u32 = 1 << 6;

/// What keeps the atomic operations of a GPU from the memory of the CPU, by what
/// `pci_enable_atomic_ops_to_root` asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Atomics {
    /// Nothing.
    Carried,
    /// This bridge does not complete, or pass on, atomic operations.
    Stopped {
        /// Its bus address.
        at: String,
    },
    /// It cannot be told, and why.
    Unknown(String),
}

/// Whether the bridges above a GPU carry atomic operations.
pub fn atomics(root: &Root, bdf: &str) -> Atomics {
    let Ok(bridges) = bridges(root, bdf) else {
        return Atomics::Unknown("its place among the PCI bridges cannot be read".to_owned());
    };
    let Some((port, between)) = bridges.split_first() else {
        return Atomics::Unknown("no root port is above it".to_owned());
    };
    let wanted = std::iter::once((port, COMPLETES_ATOMICS))
        .chain(between.iter().map(|bridge| (bridge, ROUTES_ATOMICS)));
    for (bridge, bits) in wanted {
        match device_capabilities_2(root, bridge) {
            Ok(found) if found & bits == bits => {}
            Ok(_) => return Atomics::Stopped { at: bridge.clone() },
            Err(why) => return Atomics::Unknown(why),
        }
    }
    Atomics::Carried
}

/// The bridges above a PCI function, the root port first: the directories that its own is in.
fn bridges(root: &Root, bdf: &str) -> io::Result<Vec<String>> {
    let device = fs::canonicalize(root.path(pci::directory(bdf)))?;
    let mut bridges: Vec<String> = device
        .ancestors()
        .skip(1)
        .map_while(|path| path.file_name()?.to_str())
        .take_while(|name| is_bdf(name))
        .map(str::to_owned)
        .collect();
    bridges.reverse();
    Ok(bridges)
}

/// Whether it is of the form 0000:01:00.0.
fn is_bdf(name: &str) -> bool {
    name.len() >= 12
        && name
            .chars()
            .all(|c| c.is_ascii_hexdigit() || c == ':' || c == '.')
        && name.matches(':').count() == 2
        && name.matches('.').count() == 1
}

fn device_capabilities_2(root: &Root, bdf: &str) -> Result<u32, String> {
    let path = format!("{}/config", pci::directory(bdf));
    let config = fs::read(root.path(&path)).map_err(|error| format!("{path}: {error}"))?;
    if config.len() <= SHOWN_TO_ALL {
        return Err("only root may read the capabilities of the bridges above it".to_owned());
    }
    express_capability(&config)
        .and_then(|at| {
            let bytes = config.get(at + DEVICE_CAPABILITIES_2..)?.first_chunk()?;
            Some(u32::from_le_bytes(*bytes))
        })
        .ok_or_else(|| format!("{bdf} has no capability of PCI Express"))
}

/// Where the capability of PCI Express is.
fn express_capability(config: &[u8]) -> Option<usize> {
    /// More than there is room for, so that a list in a circle ends.
    const MOST: usize = 48;
    let mut at = usize::from(*config.get(CAPABILITIES)?);
    for _ in 0..MOST {
        let [kind, next] = *config.get(at & !3..)?.first_chunk()?;
        if at == 0 {
            return None;
        }
        if kind == EXPRESS {
            return Some(at & !3);
        }
        at = usize::from(next);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_capability_is_found_through_the_list() {
        let mut config = vec![0; 256];
        config[CAPABILITIES] = 0x40;
        config[0x40..0x42].copy_from_slice(&[1, 0x80]);
        config[0x80] = EXPRESS;
        assert_eq!(express_capability(&config), Some(0x80));
        // A circle.
        config[0x80..0x82].copy_from_slice(&[5, 0x40]);
        assert_eq!(express_capability(&config), None);
        assert_eq!(express_capability(&[0; 256]), None);
    }

    proptest! {
        #[test]
        fn no_configuration_space_panics(config in prop::collection::vec(any::<u8>(), 0..300)) {
            if let Some(at) = express_capability(&config) {
                prop_assert!(at < config.len());
            }
        }

        #[test]
        fn no_name_panics(name: String) {
            is_bdf(&name);
        }
    }
}
