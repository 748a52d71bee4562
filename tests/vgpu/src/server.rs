// SPDX-License-Identifier: MIT
//! The vfio-user side: what QEMU is told about regions and interrupts, and its requests passed on
//! to the device. It holds no device behaviour.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex};

use anyhow::{bail, Context, Result};
use vfio_bindings::bindings::vfio::{
    vfio_region_info, vfio_region_sparse_mmap_area, VFIO_IRQ_INFO_EVENTFD,
    VFIO_IRQ_SET_ACTION_TRIGGER, VFIO_IRQ_SET_DATA_EVENTFD, VFIO_PCI_BAR0_REGION_INDEX,
    VFIO_PCI_BAR2_REGION_INDEX, VFIO_PCI_BAR4_REGION_INDEX, VFIO_PCI_BAR5_REGION_INDEX,
    VFIO_PCI_CONFIG_REGION_INDEX, VFIO_PCI_INTX_IRQ_INDEX, VFIO_PCI_MSI_IRQ_INDEX,
    VFIO_PCI_NUM_IRQS, VFIO_PCI_NUM_REGIONS, VFIO_PCI_ROM_REGION_INDEX, VFIO_REGION_INFO_FLAG_MMAP,
    VFIO_REGION_INFO_FLAG_READ, VFIO_REGION_INFO_FLAG_WRITE,
};
use vfio_user::{
    DmaMapFlags, DmaUnmapFlags, IrqInfo, Server, ServerBackend, ServerRegion, SparseArea,
};

use crate::device::Device;
use crate::pci::{CONFIG_SIZE, DOORBELL_SIZE, IO_SIZE, MMIO_SIZE, ROM_SIZE};
use crate::vram::VRAM_SIZE;
use crate::{lock, Gpu};

const READ: u32 = VFIO_REGION_INFO_FLAG_READ;
const READ_WRITE: u32 = VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE;

/// Serves one connection; returns when QEMU closes it.
pub(crate) fn serve(gpu: &Gpu, socket: &Path) -> Result<()> {
    if socket.exists() {
        bail!(
            "{} exists already; remove it or choose another path",
            socket.display()
        );
    }
    let regions = {
        let mut device = lock(&gpu.device);
        device.power_cycle()?;
        regions(&device)
    };
    let server = Server::new(socket, true, irqs(), regions)
        .with_context(|| format!("cannot listen on {}", socket.display()))?;
    let mut backend = Backend(Arc::clone(&gpu.device));
    let result = server.run(&mut backend);
    lock(&gpu.device).disconnect();
    result.with_context(|| format!("connection on {}", socket.display()))
}

/// Region n of VFIO is BAR n, then the ROM and the configuration space.
fn regions(device: &Device) -> Vec<ServerRegion> {
    let sizes = |index| match index {
        VFIO_PCI_BAR0_REGION_INDEX => (VRAM_SIZE, READ_WRITE | VFIO_REGION_INFO_FLAG_MMAP),
        // Doorbells are not mapped: a write must arrive here.
        VFIO_PCI_BAR2_REGION_INDEX => (DOORBELL_SIZE, READ_WRITE),
        VFIO_PCI_BAR4_REGION_INDEX => (IO_SIZE, READ_WRITE),
        VFIO_PCI_BAR5_REGION_INDEX => (MMIO_SIZE, READ_WRITE),
        VFIO_PCI_ROM_REGION_INDEX => (ROM_SIZE, READ),
        VFIO_PCI_CONFIG_REGION_INDEX => (CONFIG_SIZE as u64, READ_WRITE),
        _ => (0, 0),
    };
    (0..VFIO_PCI_NUM_REGIONS)
        .map(|index| {
            let (size, flags) = sizes(index);
            // QEMU gets the file only together with a list of the areas it may map.
            let mapped = flags & VFIO_REGION_INFO_FLAG_MMAP != 0;
            ServerRegion {
                region_info: vfio_region_info {
                    argsz: size_of::<vfio_region_info>() as u32,
                    flags,
                    index,
                    size,
                    ..Default::default()
                },
                sparse_areas: if mapped {
                    vec![SparseArea {
                        area: vfio_region_sparse_mmap_area { offset: 0, size },
                    }]
                } else {
                    Vec::new()
                },
                mmap_fd: mapped.then(|| device.vram.fd()),
            }
        })
        .collect()
}

/// One MSI vector. INTx is announced, as on a real card, but never raised: the driver takes the MSI.
fn irqs() -> Vec<IrqInfo> {
    (0..VFIO_PCI_NUM_IRQS)
        .map(|index| {
            let used = matches!(index, VFIO_PCI_INTX_IRQ_INDEX | VFIO_PCI_MSI_IRQ_INDEX);
            IrqInfo {
                index,
                flags: if used { VFIO_IRQ_INFO_EVENTFD } else { 0 },
                count: u32::from(used),
            }
        })
        .collect()
}

struct Backend(Arc<Mutex<Device>>);

impl ServerBackend for Backend {
    fn region_read(&mut self, region: u32, offset: u64, data: &mut [u8]) -> io::Result<()> {
        let mut device = lock(&self.0);
        data.fill(0);
        match region {
            VFIO_PCI_BAR0_REGION_INDEX => in_bounds(device.vram.read(offset, data))?,
            VFIO_PCI_BAR5_REGION_INDEX => device.mmio_read(offset, data),
            VFIO_PCI_ROM_REGION_INDEX => device.rom_read(offset, data),
            VFIO_PCI_CONFIG_REGION_INDEX => device.config.read(offset as usize, data),
            // Doorbells and the I/O BAR read zero.
            _ => {}
        }
        Ok(())
    }

    fn region_write(&mut self, region: u32, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut device = lock(&self.0);
        match region {
            VFIO_PCI_BAR0_REGION_INDEX => in_bounds(device.vram.write(offset, data))?,
            VFIO_PCI_BAR2_REGION_INDEX => device.doorbell_write(offset, data),
            VFIO_PCI_BAR5_REGION_INDEX => device.mmio_write(offset, data),
            VFIO_PCI_CONFIG_REGION_INDEX => device.config.write(offset as usize, data),
            _ => {}
        }
        Ok(())
    }

    fn dma_map(
        &mut self,
        _flags: DmaMapFlags,
        offset: u64,
        address: u64,
        size: u64,
        fd: Option<File>,
    ) -> io::Result<()> {
        lock(&self.0)
            .memory
            .map(address, size, offset, fd)
            .map_err(io::Error::other)
    }

    fn dma_unmap(&mut self, _flags: DmaUnmapFlags, address: u64, size: u64) -> io::Result<()> {
        lock(&self.0).memory.unmap(address, size);
        Ok(())
    }

    fn reset(&mut self) -> io::Result<()> {
        let mut device = lock(&self.0);
        device.resets += 1;
        device.reset().map_err(io::Error::other)
    }

    fn set_irqs(
        &mut self,
        index: u32,
        flags: u32,
        _start: u32,
        count: u32,
        mut fds: Vec<File>,
    ) -> io::Result<()> {
        const TRIGGER: u32 = VFIO_IRQ_SET_ACTION_TRIGGER;
        if index == VFIO_PCI_MSI_IRQ_INDEX && flags & TRIGGER != 0 {
            // A count of 0 turns the interrupt off.
            let sets = count > 0 && flags & VFIO_IRQ_SET_DATA_EVENTFD != 0;
            lock(&self.0).msi = if sets { fds.pop() } else { None };
        }
        Ok(())
    }
}

fn in_bounds(done: bool) -> io::Result<()> {
    if done {
        Ok(())
    } else {
        Err(io::ErrorKind::InvalidInput.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chip::CHIPS;
    use std::time::{Duration, Instant};
    use vfio_user::Client;

    fn connect(socket: &Path) -> Client {
        let end = Instant::now() + Duration::from_secs(5);
        loop {
            match Client::new(socket) {
                Ok(client) => return client,
                Err(error) => assert!(Instant::now() < end, "no server: {error:?}"),
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    #[test]
    fn a_client_sees_the_device() {
        let directory = tempfile::tempdir().unwrap();
        let socket = directory.path().join("gpu.sock");
        let gpu = Gpu::new(CHIPS[0]).unwrap();
        for _ in 0..2 {
            let server = {
                let (gpu, socket) = (gpu.clone(), socket.clone());
                std::thread::spawn(move || gpu.serve(&socket))
            };
            let mut client = connect(&socket);
            let mut id = [0; 4];
            client
                .region_read(VFIO_PCI_CONFIG_REGION_INDEX, 0, &mut id)
                .unwrap();
            assert_eq!(id, [0x02, 0x10, 0x1F, 0x73]);
            let bar0 = client.region(VFIO_PCI_BAR0_REGION_INDEX).unwrap();
            assert_eq!((bar0.size, bar0.sparse_areas.len()), (256 << 20, 1));
            assert!(bar0.file_offset.is_some(), "VRAM comes with its file");
            assert_eq!(
                client.region(VFIO_PCI_BAR5_REGION_INDEX).unwrap().size,
                512 << 10
            );
            assert_eq!(gpu.context_cntl(crate::Hub::Gfx), [None; 16]);
            client
                .region_write(VFIO_PCI_BAR5_REGION_INDEX, 0x2881 * 4, &[7, 0x54, 0x55, 0])
                .unwrap();
            client.shutdown().unwrap();
            drop(client);
            server.join().unwrap().unwrap();
            assert_eq!(gpu.context_cntl(crate::Hub::Gfx)[1], Some(0x0055_5407));
            assert_eq!(gpu.context_cntl_writes(crate::Hub::Gfx)[1], 1);
            let history = gpu.context_cntl_history(crate::Hub::Gfx, 1);
            assert_eq!(history, [0x0055_5407]);
            assert!(!socket.exists());
        }
    }

    #[test]
    fn an_existing_path_is_refused() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let gpu = Gpu::new(CHIPS[0]).unwrap();
        let error = gpu.serve(file.path()).unwrap_err().to_string();
        assert!(error.contains("exists already"), "{error}");
    }
}
