// SPDX-License-Identifier: MIT

//! The GPU virtual memory of a process in a guest: what the GPU knows it by, and where its page
//! tables begin.

use crate::vm::Vm;
use anyhow::{bail, Context, Result};

/// The GPU virtual memory behind one opening of a render node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AddressSpace {
    /// The DRM client, by which debugfs knows it.
    pub client: u64,
    /// The process address space ID, by which the GPU knows it.
    pub pasid: u32,
    /// What its CONTEXTn_PAGE_TABLE_BASE_ADDR must be, as amdgpu prints it in debugfs. One that does
    /// not, as on Linux 6.12, has shown it to the GPU with the process's last job.
    pub root: u64,
}

impl AddressSpace {
    /// That of a process on the GPU of this index, the only one that it has.
    pub fn of_process(vm: &mut Vm, gpu: usize, pid: u32) -> Result<Self> {
        let fdinfo = vm.guest.check(&format!(
            "grep -hE '^(drm-client-id|pasid):' /proc/{pid}/fdinfo/*"
        ))?;
        let (client, pasid) = match clients(&fdinfo)?[..] {
            [client] => client,
            ref others => bail!("process {pid} has the DRM clients {others:?}, expected was one"),
        };
        let file = format!("/sys/kernel/debug/dri/client-{client}/vm_pagetable_info");
        let info = vm.guest.run(&format!("cat {file}"))?;
        let root = if info.status == 0 {
            pd_address(&info.stdout).with_context(|| format!("{file} says {info:?}"))?
        } else {
            let jobs = vm.gpus()[gpu].jobs();
            let last = jobs.iter().rfind(|job| job.pasid == pasid);
            last.with_context(|| format!("there is no {file}, and no job of {pasid:#x} was run"))?
                .root
        };
        Ok(Self {
            client,
            pasid,
            root,
        })
    }
}

/// The DRM clients of open files and their PASIDs. Duplicates of a file descriptor are one client.
fn clients(fdinfo: &str) -> Result<Vec<(u64, u32)>> {
    let (mut clients, mut last) = (Vec::new(), None);
    for line in fdinfo.lines() {
        let (key, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.trim();
        if key == "drm-client-id" {
            last = Some(value.parse()?);
            continue;
        }
        // Each file's client stands before what the driver adds.
        let client = last.take().context("fdinfo has a pasid of no client")?;
        let found = (client, value.parse()?);
        if !clients.contains(&found) {
            clients.push(found);
        }
    }
    Ok(clients)
}

/// The root in what `vm_pagetable_info` holds.
fn pd_address(info: &str) -> Option<u64> {
    let value = info
        .lines()
        .find_map(|line| line.strip_prefix("pd_address: 0x"))?;
    u64::from_str_radix(value, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_may_have_several_clients() {
        let fdinfo = "drm-client-id:\t7\npasid:\t32769\ndrm-client-id:\t7\npasid:\t32769\n\
                      drm-client-id:\t8\npasid:\t32770\n";
        assert_eq!(clients(fdinfo).unwrap(), [(7, 32769), (8, 32770)]);
        assert!(clients("").unwrap().is_empty());
        assert!(clients("pasid:\t1\n").is_err());
    }

    #[test]
    fn the_root_is_read_with_its_flags() {
        let info = "pd_address: 0xf5ff001\nmax_pfn: 0x1000000000\nnum_level: 0x3\n";
        assert_eq!(pd_address(info), Some(0xF5F_F001));
        assert_eq!(pd_address("max_pfn: 0x1\n"), None);
    }
}
