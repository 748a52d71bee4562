// SPDX-License-Identifier: MIT

//! What tells this very machine from every other: serial numbers, UUIDs and addresses.

use crate::root::Root;

/// Where each thing of a kind has a directory, and the files in it that identify it.
const IDENTIFYING: [(&str, &[&str]); 4] = [
    (
        "/sys/class/dmi",
        &[
            "product_serial",
            "product_uuid",
            "product_asset_tag",
            "board_serial",
            "board_asset_tag",
            "chassis_serial",
            "chassis_asset_tag",
        ],
    ),
    ("/sys/class/net", &["address", "perm_address"]),
    ("/sys/bus/pci/devices", &["unique_id", "serial_number"]),
    ("/sys/class/block", &["serial", "wwid", "uuid"]),
];

/// All of them that this user may read.
pub fn identifiers(root: &Root) -> Vec<String> {
    let mut found = Vec::new();
    for (directory, files) in IDENTIFYING {
        for name in root.list(directory) {
            let read = |file: &&str| root.read(format!("{directory}/{name}/{file}")).ok()?;
            found.extend(files.iter().filter_map(read));
        }
    }
    found
}

/// The machine's name in the network.
pub fn host_name(root: &Root) -> Option<String> {
    root.read("/proc/sys/kernel/hostname").ok().flatten()
}
