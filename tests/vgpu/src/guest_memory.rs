// SPDX-License-Identifier: MIT
//! The guest's RAM as the device reaches it by DMA: the regions QEMU announces, mapped from their
//! files. There is no IOMMU: a DMA address is a guest physical address.

use std::fs::File;

use anyhow::{ensure, Context, Result};
use vm_memory::{Bytes, FileOffset, MmapRegion, VolatileMemory};

struct Region {
    base: u64,
    size: u64,
    map: MmapRegion,
}

/// The regions mapped now.
#[derive(Default)]
pub(crate) struct GuestMemory {
    regions: Vec<Region>,
}

impl GuestMemory {
    /// Adds a region. Those without a file (option ROMs, the device's own BARs) cannot be reached
    /// and are left out.
    pub(crate) fn map(
        &mut self,
        base: u64,
        size: u64,
        offset: u64,
        file: Option<File>,
    ) -> Result<()> {
        let Some(file) = file else { return Ok(()) };
        ensure!(
            base.checked_add(size).is_some(),
            "DMA region {base:#x}+{size:#x} does not fit the address space"
        );
        let map = MmapRegion::from_file(FileOffset::new(file, offset), size as usize)
            .with_context(|| format!("cannot map the DMA region {base:#x}+{size:#x}"))?;
        self.regions.push(Region { base, size, map });
        Ok(())
    }

    /// Removes the region that begins at `base`. An unknown one was mapped without a file.
    pub(crate) fn unmap(&mut self, base: u64, size: u64) {
        self.regions
            .retain(|region| region.base != base || region.size != size);
    }

    pub(crate) fn clear(&mut self) {
        self.regions.clear();
    }

    /// False if some byte is not in a mapped region.
    #[must_use]
    pub(crate) fn read(&self, address: u64, data: &mut [u8]) -> bool {
        let Some((region, offset)) = self.find(address) else {
            return false;
        };
        region
            .map
            .as_volatile_slice()
            .read_slice(data, offset)
            .is_ok()
    }

    /// False if some byte is not in a mapped region.
    #[must_use]
    pub(crate) fn write(&self, address: u64, data: &[u8]) -> bool {
        let Some((region, offset)) = self.find(address) else {
            return false;
        };
        region
            .map
            .as_volatile_slice()
            .write_slice(data, offset)
            .is_ok()
    }

    fn find(&self, address: u64) -> Option<(&Region, usize)> {
        self.regions
            .iter()
            .find(|region| address >= region.base && address - region.base < region.size)
            .map(|region| (region, (address - region.base) as usize))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn memory_file(size: u64) -> File {
        let file = tempfile::tempfile().unwrap();
        file.set_len(size).unwrap();
        file
    }

    #[test]
    fn a_region_is_reached_at_its_base() {
        let mut memory = GuestMemory::default();
        let file = memory_file(0x3000);
        memory
            .map(0x10_0000, 0x2000, 0x1000, Some(file.try_clone().unwrap()))
            .unwrap();
        assert!(memory.write(0x10_0010, &[7, 8]));
        let mut data = [0; 2];
        assert!(memory.read(0x10_0010, &mut data));
        assert_eq!(data, [7, 8]);
        use std::os::unix::fs::FileExt;
        file.read_exact_at(&mut data, 0x1010).unwrap();
        assert_eq!(data, [7, 8], "the file is shared, from its offset on");
    }

    #[test]
    fn nothing_outside_the_regions_is_reached() {
        let mut memory = GuestMemory::default();
        memory
            .map(0x1000, 0x1000, 0, Some(memory_file(0x1000)))
            .unwrap();
        memory.map(0x8000, 0x1000, 0, None).unwrap();
        assert!(!memory.read(0xFFF, &mut [0]));
        assert!(!memory.read(0x1FFE, &mut [0; 4]), "runs over the end");
        assert!(!memory.write(0x2000, &[0]));
        assert!(!memory.write(0x8000, &[0]), "announced without a file");
        memory.unmap(0x1000, 0x1000);
        assert!(!memory.read(0x1000, &mut [0]));
    }
}
