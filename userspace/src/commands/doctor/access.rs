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
    let access = accounts::access(patient.root, user, device);
    let Some(obstacle) = access.obstacle(user, device) else {
        return ACCESS.good(format!("{name} may use {device}"));
    };
    match access {
        Access::Granted | Access::Unknown(_) => ACCESS.skipped(obstacle),
        Access::Missing => ACCESS
            .warning(obstacle)
            .mend("udevadm trigger; in a container: pass the device on"),
        Access::Denied {
            member: true,
            group: Some(_),
        } => ACCESS.error(obstacle).mend("log out and in again"),
        Access::Denied {
            group: Some(group), ..
        } => ACCESS
            .error(obstacle)
            .mend(format!("usermod -aG {group} {name}"))
            .mend("log out and in again"),
        Access::Denied { group: None, .. } => ACCESS
            .error(obstacle)
            .mend("bring back udev's rules for it (group render, mode 0660)"),
    }
}
