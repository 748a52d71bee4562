// SPDX-License-Identifier: MIT

//! AMD's GPUs on the PCI bus, and the GC version that amdgpu's IP discovery found in each.

use super::discovery;
use crate::gpu::GcVersion;
use crate::kernel;
use crate::root::Root;
use std::io;

const DEVICES: &str = "/sys/bus/pci/devices";
const VENDOR_AMD: &str = "0x1002";
/// PCI base class 03: display controllers.
const CLASS_DISPLAY: &str = "0x03";

/// Cyan Skillfish (`amdgpu_drv.c`): the one guarded chip that amdgpu may drive without an IP
/// discovery table (`amdgpu_discovery_set_ip_blocks`).
const CYAN_SKILLFISH: [&str; 7] = [
    "1002:13db",
    "1002:13f9",
    "1002:13fa",
    "1002:13fb",
    "1002:13fc",
    "1002:13fe",
    "1002:143f",
];

/// A display controller made by AMD.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gpu {
    /// Bus address, such as 0000:01:00.0.
    pub bdf: String,
    /// Vendor and device, such as 1002:731f.
    pub pci_id: String,
    /// The driver bound to it.
    pub driver: Option<String>,
    /// Known once amdgpu has read the IP discovery table, where it shows that.
    pub gc_version: Option<GcVersion>,
    /// Whether the running kernel's amdgpu shows the table.
    pub table_shown: bool,
    /// Whether its driver has finished with its probe and offers it to user space.
    pub up: bool,
    /// Whether it is in runtime suspend. To ask does not wake it.
    pub asleep: bool,
}

impl Gpu {
    /// Whether it is one of the chips that rmcp guards; `None` while that cannot be known.
    pub fn covered(&self) -> Option<bool> {
        match self.gc_version {
            Some(version) => Some(version.chip().is_some()),
            None => self.cannot_be_covered().then_some(false),
        }
    }

    /// Whether its driver shows that it is none of the chips that rmcp guards, though its GC
    /// version is not known: radeon drives only older ones, and amdgpu reads and shows the version of
    /// every guarded chip but one.
    pub fn cannot_be_covered(&self) -> bool {
        match self.driver.as_deref() {
            Some("radeon") => true,
            Some("amdgpu") => {
                self.up
                    && self.table_shown
                    && self.gc_version.is_none()
                    && !CYAN_SKILLFISH.contains(&self.pci_id.as_str())
            }
            _ => false,
        }
    }
}

/// Whether PCI devices can be seen at all: not in every container.
pub fn visible(root: &Root) -> bool {
    root.exists(DEVICES)
}

/// The directory of a PCI function in sysfs.
pub fn directory(bdf: &str) -> String {
    format!("{DEVICES}/{bdf}")
}

/// Every AMD GPU, in bus order.
///
/// # Errors
///
/// When a file in sysfs exists but cannot be read.
pub fn gpus(root: &Root) -> io::Result<Vec<Gpu>> {
    let mut gpus = Vec::new();
    let table_shown = kernel::running(root)?.is_some_and(|release| shows_table(&release));
    for bdf in root.list(DEVICES) {
        let device = directory(&bdf);
        let read = |name: &str| root.read(format!("{device}/{name}"));
        let is_gpu = read("vendor")?.as_deref() == Some(VENDOR_AMD)
            && read("class")?.is_some_and(|class| class.starts_with(CLASS_DISPLAY));
        if !is_gpu {
            continue;
        }
        let id = read("device")?.unwrap_or_default();
        gpus.push(Gpu {
            pci_id: format!("1002:{}", id.trim_start_matches("0x")),
            driver: std::fs::read_link(root.path(format!("{device}/driver")))
                .ok()
                .and_then(|link| Some(link.file_name()?.to_str()?.to_owned())),
            gc_version: discovery::version(root, &bdf, "GC")?
                .map(|(major, minor, revision)| GcVersion(major, minor, revision)),
            table_shown,
            up: root.exists(format!("{device}/drm")),
            asleep: matches!(
                read("power/runtime_status")?.as_deref(),
                Some("suspended" | "suspending")
            ),
            bdf,
        });
    }
    Ok(gpus)
}

/// Whether this kernel's amdgpu shows the IP discovery table in sysfs, as it does since Linux 5.18
/// (a6c40b178092, "drm/amdgpu: Show IP discovery in sysfs").
fn shows_table(release: &str) -> bool {
    let mut numbers = release.split(['.', '-']).map(|number| number.parse().ok());
    let version = numbers.next().flatten().zip(numbers.next().flatten());
    version.is_some_and(|version: (u32, u32)| version >= (5, 18))
}

/// The number of the DRM device that its driver made of a GPU: 0 of `card0`.
pub fn drm_minor(root: &Root, bdf: &str) -> Option<u32> {
    drm_node(root, bdf, "card")
}

/// The device file by which programs reach a GPU without owning its display.
pub fn render_node(root: &Root, bdf: &str) -> Option<String> {
    let number = drm_node(root, bdf, "renderD")?;
    Some(format!("/dev/dri/renderD{number}"))
}

fn drm_node(root: &Root, bdf: &str, kind: &str) -> Option<u32> {
    let names = root.list(format!("{}/drm", directory(bdf)));
    names
        .iter()
        .find_map(|name| name.strip_prefix(kind)?.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_shown_since_5_18() {
        for release in ["5.18.0", "5.18-rc1", "6.1.0-17-amd64", "7.2.12+deb13-amd64"] {
            assert!(shows_table(release), "{release}");
        }
        for release in ["5.17.15", "5.4.0-200-generic", "4.19", "5", "", "x.y"] {
            assert!(!shows_table(release), "{release}");
        }
    }
}
