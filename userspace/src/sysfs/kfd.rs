// SPDX-License-Identifier: MIT

//! The topology that amdkfd publishes: the GPUs that ROCm's runtime will find.

use crate::root::Root;
use std::collections::BTreeMap;
use std::io;

const NODES: &str = "/sys/class/kfd/kfd/topology/nodes";

/// The flags of a link that cannot carry atomic operations of 32 and of 64 bits (`kfd_crat.h`).
const NO_ATOMICS: u64 = 1 << 2 | 1 << 3;

/// A node: a CPU or a GPU.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Its number.
    pub number: u32,
    /// The bus address of a GPU's PCI function.
    pub bdf: Option<String>,
    /// The instruction set that amdkfd announces, such as gfx1010.
    pub gfx_target: Option<String>,
    /// The device file by which programs reach it.
    pub render_node: Option<String>,
    /// Whether each of its links carries atomic operations.
    pub atomics: bool,
}

/// Whether amdkfd is there.
pub fn present(root: &Root) -> bool {
    root.exists(NODES)
}

/// The GPUs among the nodes.
///
/// # Errors
///
/// When a file exists but cannot be read.
pub fn gpus(root: &Root) -> io::Result<Vec<Node>> {
    all(root).filter_map(Result::transpose).collect()
}

/// The GPUs among the nodes that may be read. A container may not read those of GPUs that it was not
/// given (`kfd_devcgroup_check_permission`), and ROCm's runtime passes them over.
pub fn readable_gpus(root: &Root) -> Vec<Node> {
    all(root).filter_map(|node| node.ok().flatten()).collect()
}

/// Every node; `None` for one that is no GPU.
fn all(root: &Root) -> impl Iterator<Item = io::Result<Option<Node>>> + '_ {
    let names = root.list(NODES).into_iter();
    names.filter_map(|name| Some(gpu(root, name.parse().ok()?)))
}

fn gpu(root: &Root, number: u32) -> io::Result<Option<Node>> {
    let node = format!("{NODES}/{number}");
    let properties = properties(root, &format!("{node}/properties"))?;
    let get = |name: &str| properties.get(name).copied();
    if get("simd_count").unwrap_or(0) == 0 {
        return Ok(None);
    }
    let mut atomics = true;
    for link in root.list(format!("{node}/io_links")) {
        let link = self::properties(root, &format!("{node}/io_links/{link}/properties"))?;
        atomics &= link
            .get("flags")
            .is_none_or(|flags| flags & NO_ATOMICS == 0);
    }
    Ok(Some(Node {
        number,
        bdf: get("location_id").map(|id| bdf(get("domain").unwrap_or(0), id)),
        gfx_target: get("gfx_target_version").and_then(gfx_target),
        render_node: get("drm_render_minor").map(|minor| format!("/dev/dri/renderD{minor}")),
        atomics,
    }))
}

/// `location_id` is the kernel's `pci_dev_id`.
fn bdf(domain: u64, id: u64) -> String {
    let (bus, device, function) = (id >> 8 & 0xff, id >> 3 & 0x1f, id & 7);
    format!("{domain:04x}:{bus:02x}:{device:02x}.{function}")
}

/// 100100 is gfx1010: two decimal digits each for minor version and stepping.
fn gfx_target(version: u64) -> Option<String> {
    let (major, minor, stepping) = (version / 10_000, version / 100 % 100, version % 100);
    (version > 0).then(|| format!("gfx{major}{minor:x}{stepping:x}"))
}

/// Lines of a name and a number.
fn properties(root: &Root, path: &str) -> io::Result<BTreeMap<String, u64>> {
    let text = root.read(path)?.unwrap_or_default();
    Ok(text
        .lines()
        .filter_map(|line| line.split_once(' '))
        .filter_map(|(name, value)| Some((name.to_owned(), value.trim().parse().ok()?)))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn numbers_become_what_people_read() {
        assert_eq!(bdf(0, 0x100), "0000:01:00.0");
        assert_eq!(bdf(1, 0x0321), "0001:03:04.1");
        assert_eq!(gfx_target(100_100).as_deref(), Some("gfx1010"));
        assert_eq!(gfx_target(100_306).as_deref(), Some("gfx1036"));
        assert_eq!(gfx_target(90_010).as_deref(), Some("gfx90a"));
        assert_eq!(gfx_target(0), None);
    }

    proptest! {
        #[test]
        fn no_topology_panics(version: u64, domain: u64, id: u64, text: String) {
            let directory = tempfile::tempdir().unwrap();
            let node = directory.path().join(NODES.trim_start_matches('/')).join("1");
            std::fs::create_dir_all(&node).unwrap();
            let text = format!(
                "simd_count 1\nlocation_id {id}\ndomain {domain}\ngfx_target_version {version}\n{text}"
            );
            std::fs::write(node.join("properties"), text).unwrap();
            prop_assert!(gpus(&Root::new(directory.path())).is_ok());
        }
    }
}
