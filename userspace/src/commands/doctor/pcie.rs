// SPDX-License-Identifier: MIT

//! The way between a GPU and memory: amdkfd's word, PCIe atomics, IOMMU and the size of the BAR.

use super::finding::{Check, Finding};
use super::Patient;
use crate::policy::Chip;
use crate::sysfs::iommu::{self, View};
use crate::sysfs::pci::Gpu;
use crate::sysfs::pcie::{self, Atomics};
use crate::sysfs::{amdgpu, kfd};

const KFD: Check = Check {
    name: "kfd",
    why: "ROCm finds only the GPUs that amdkfd publishes",
    source: "amdkfd/kfd_device.c, kgd2kfd_device_init; kfd_topology.c",
};

const ATOMICS: Check = Check {
    name: "pcie-atomics",
    why: "without atomic operations over PCIe amdkfd leaves out a GPU whose compute firmware is \
          older than 145 (GC 10.1), 92 (GC 10.3), 14 (10.3.6) or 3 (10.3.7)",
    source:
        "amdkfd/kfd_device.c:213-226, 776-785; drivers/pci/pci.c, pci_enable_atomic_ops_to_root",
};

const IOMMU: Check = Check {
    name: "iommu",
    why: "behind a translating IOMMU amdgpu maps system memory for each GPU by itself instead of \
          sharing one mapping",
    source: "amdgpu/amdgpu_device.c, amdgpu_device_check_iommu_direct_map; \
             amdgpu_amdkfd_gpuvm.c, reuse_dmamap",
};

const BAR: Check = Check {
    name: "large-bar",
    why: "where the CPU sees all of the video memory it writes the page tables of compute itself; \
          elsewhere the GPU's SDMA engine does",
    source: "amdgpu/amdgpu_vm.c:2850-2866",
};

pub(super) fn examine(patient: &Patient) -> Vec<Finding> {
    let gpus: Vec<_> = patient.guarded().collect();
    if gpus.is_empty() {
        let why = patient.no_guarded_gpu();
        return [KFD, ATOMICS, IOMMU, BAR]
            .iter()
            .map(|check| check.skipped(why.clone()))
            .collect();
    }
    gpus.into_iter()
        .flat_map(|(gpu, chip)| {
            let node = kfd_node(patient, gpu);
            [
                kfd_finding(patient, gpu, chip, &node),
                atomics(patient, gpu, chip, &node),
                iommu_finding(patient, gpu),
                bar(patient, gpu, chip),
            ]
        })
        .collect()
}

/// amdkfd's node of the GPU, if it has one.
fn kfd_node(patient: &Patient, gpu: &Gpu) -> Result<Option<kfd::Node>, String> {
    let nodes = kfd::gpus(patient.root).map_err(|error| error.to_string())?;
    let own = |node: &kfd::Node| node.bdf.as_deref() == Some(&gpu.bdf);
    Ok(nodes.into_iter().find(own))
}

type Node = Result<Option<kfd::Node>, String>;

fn kfd_finding(patient: &Patient, gpu: &Gpu, chip: &Chip, node: &Node) -> Finding {
    let name = patient.title(gpu);
    match node {
        Err(why) => KFD.skipped(format!("{name}: {why}")),
        Ok(Some(node)) => {
            let target = node.gfx_target.as_deref().unwrap_or("no instruction set");
            let found = format!("{name} is node {}, {target}", node.number);
            if target == chip.gfx_target {
                KFD.good(found)
            } else {
                KFD.warning(format!("{found}, expected {}", chip.gfx_target))
            }
        }
        Ok(None) if !kfd::present(patient.root) => KFD
            .warning("amdkfd is not there: no /sys/class/kfd")
            .mend("boot a kernel with CONFIG_HSA_AMD=y, and load amdgpu"),
        Ok(None) => KFD
            .warning(format!(
                "amdkfd does not publish {name}: ROCm will not find it"
            ))
            .mend("dmesg | grep -i kfd"),
    }
}

fn atomics(patient: &Patient, gpu: &Gpu, chip: &Chip, node: &Node) -> Finding {
    let name = patient.title(gpu);
    if chip.apu {
        return ATOMICS.good(format!(
            "{name} is in the CPU's package, where atomics work"
        ));
    }
    let published = match node {
        Ok(Some(node)) if node.atomics => {
            return ATOMICS.good(format!("{name} reaches memory with atomic operations"));
        }
        Ok(node) => node.is_some(),
        Err(_) => false,
    };
    let found = match pcie::atomics(patient.root, &gpu.bdf) {
        Atomics::Carried if published => {
            return ATOMICS.note(format!(
                "{name}: the bridges carry atomic operations, but amdkfd says that they are not used"
            ));
        }
        Atomics::Carried => return ATOMICS.good(format!("{name}: every bridge carries them")),
        Atomics::Stopped { at } => format!("{name}: the bridge {at} does not carry them"),
        Atomics::Unknown(_) if published => {
            format!("{name}: amdkfd says that they do not get through")
        }
        Atomics::Unknown(why) => return ATOMICS.skipped(format!("{name}: {why}")),
    };
    if published {
        ATOMICS.note(format!("{found}; its firmware can do without"))
    } else {
        ATOMICS
            .warning(found)
            .mend("put the card into a slot of the CPU's own, not of the chipset")
            .mend("take the newest firmware package")
    }
}

fn iommu_finding(patient: &Patient, gpu: &Gpu) -> Finding {
    let name = patient.title(gpu);
    match iommu::view(patient.root, &gpu.bdf) {
        Ok(View::Direct) => IOMMU.good(format!("{name}: no IOMMU is in its way")),
        Ok(View::Identity) => IOMMU.good(format!("{name}: the IOMMU passes addresses through")),
        Ok(View::Translated(how)) if patient.guarded().count() > 1 => IOMMU
            .note(format!(
                "{name}: the IOMMU translates its addresses ({how})"
            ))
            .mend("iommu=pt on the kernel command line, if several GPUs work on the same memory"),
        Ok(View::Translated(how)) => IOMMU.good(format!(
            "{name}: the IOMMU translates its addresses ({how})"
        )),
        Err(error) => IOMMU.skipped(format!("{name}: {error}")),
    }
}

fn bar(patient: &Patient, gpu: &Gpu, chip: &Chip) -> Finding {
    let name = patient.title(gpu);
    if chip.apu {
        return BAR.good(format!("{name} shares the CPU's memory"));
    }
    match amdgpu::memory(patient.root, &gpu.bdf) {
        Ok(Some(memory)) if memory.visible >= memory.total => BAR.good(format!(
            "{name}: the CPU sees all {} MiB",
            memory.total >> 20
        )),
        Ok(Some(memory)) => BAR
            .note(format!(
                "{name}: the CPU sees {} of {} MiB",
                memory.visible >> 20,
                memory.total >> 20
            ))
            .mend("turn on Resizable BAR (Smart Access Memory) in the firmware setup"),
        Ok(None) => BAR.skipped(format!("{name}: amdgpu does not show its memory")),
        Err(error) => BAR.skipped(format!("{name}: {error}")),
    }
}
