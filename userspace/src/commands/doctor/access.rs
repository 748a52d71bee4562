// SPDX-License-Identifier: MIT

//! Whether the user may use the devices that ROCm opens.

use super::finding::{Check, Finding};
use super::Patient;
use crate::accounts::{self, Access, User};
use crate::sysfs::{kfd, pci};

const ACCESS: Check = Check {
    name: "access",
    why: "ROCm opens /dev/kfd and the GPU's render node for reading and writing; without that it \
          finds no GPU",
    source: "amdkfd/kfd_chardev.c, kfd_open; udev's 50-udev-default.rules",
};

pub(super) fn examine(patient: &Patient) -> Vec<Finding> {
    let user = match &patient.user {
        Ok(user) => user,
        Err(why) => return vec![ACCESS.skipped(why.clone())],
    };
    let mut devices = Vec::new();
    if kfd::present(patient.root) || patient.root.exists("/dev/kfd") {
        devices.push("/dev/kfd".to_owned());
    }
    let nodes = patient.gpus.iter();
    devices.extend(nodes.filter_map(|gpu| pci::render_node(patient.root, &gpu.bdf)));
    if devices.is_empty() {
        return vec![ACCESS.skipped("there is neither /dev/kfd nor a render node of AMD's")];
    }
    devices
        .iter()
        .map(|device| one(patient, user, device))
        .collect()
}

fn one(patient: &Patient, user: &User, device: &str) -> Finding {
    let name = &user.name;
    match accounts::access(patient.root, user, device) {
        Access::Granted => ACCESS.good(format!("{name} may use {device}")),
        Access::Missing => ACCESS
            .warning(format!("{device} is not there, though its driver is"))
            .mend("udevadm trigger; in a container: pass the device on"),
        Access::Unknown(why) => ACCESS.skipped(format!("{device}: {why}")),
        Access::Denied {
            member: true,
            group: Some(group),
        } => ACCESS
            .error(format!(
                "{name} is in the group {group}, but this login is older than that"
            ))
            .mend("log out and in again"),
        Access::Denied {
            group: Some(group), ..
        } => ACCESS
            .error(format!(
                "{name} may not use {device}, which the group {group} may"
            ))
            .mend(format!("usermod -aG {group} {name}"))
            .mend("log out and in again"),
        Access::Denied { group: None, .. } => ACCESS
            .error(format!("{name} may not use {device}, nor may any group"))
            .mend("bring back udev's rules for it (group render, mode 0660)"),
    }
}
