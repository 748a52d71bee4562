// SPDX-License-Identifier: MIT
//! Video memory: a memfd which QEMU maps into the guest as BAR0 and the model reads and writes.
//! Addresses here are offsets into VRAM; GPU addresses are translated in `hub.rs`.

use std::fs::File;
use std::os::fd::{AsRawFd, RawFd};

use anyhow::{Context, Result};
use nix::fcntl::{fallocate, FallocateFlags};
use nix::sys::memfd::{memfd_create, MFdFlags};
use vm_memory::{Bytes, FileOffset, MmapRegion, VolatileMemory};

/// All of VRAM is visible through BAR0, so the driver has no reason to resize the BAR.
pub(crate) const VRAM_SIZE: u64 = 256 << 20;

pub(crate) struct Vram {
    file: File,
    map: MmapRegion,
}

impl Vram {
    pub(crate) fn new() -> Result<Self> {
        let fd = memfd_create("rmcp-vgpu-vram", MFdFlags::MFD_CLOEXEC)
            .context("cannot make the memory file of the VRAM")?;
        let file = File::from(fd);
        file.set_len(VRAM_SIZE)
            .context("cannot give the VRAM its size")?;
        let handle = file.try_clone().context("cannot duplicate the VRAM file")?;
        let map = MmapRegion::from_file(FileOffset::new(handle, 0), VRAM_SIZE as usize)
            .context("cannot map the VRAM")?;
        Ok(Vram { file, map })
    }

    pub(crate) fn fd(&self) -> RawFd {
        self.file.as_raw_fd()
    }

    /// Fills VRAM with zeros. The file keeps its size all the time: QEMU would be killed by an access
    /// behind its end.
    pub(crate) fn clear(&self) -> Result<()> {
        let pages = FallocateFlags::FALLOC_FL_PUNCH_HOLE | FallocateFlags::FALLOC_FL_KEEP_SIZE;
        fallocate(&self.file, pages, 0, VRAM_SIZE as i64).context("cannot clear the VRAM")
    }

    /// Whether `len` bytes at `offset` are inside VRAM.
    #[must_use]
    pub(crate) fn read(&self, offset: u64, data: &mut [u8]) -> bool {
        self.map
            .as_volatile_slice()
            .read_slice(data, offset as usize)
            .is_ok()
    }

    #[must_use]
    pub(crate) fn write(&self, offset: u64, data: &[u8]) -> bool {
        self.map
            .as_volatile_slice()
            .write_slice(data, offset as usize)
            .is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clearing_keeps_the_mapping() {
        let vram = Vram::new().unwrap();
        assert!(vram.write(0x1234, &[1, 2, 3, 4]));
        let mut data = [0; 4];
        assert!(vram.read(0x1234, &mut data));
        assert_eq!(data, [1, 2, 3, 4]);
        vram.clear().unwrap();
        assert!(vram.read(0x1234, &mut data));
        assert_eq!(data, [0; 4]);
    }

    #[test]
    fn accesses_beyond_the_end_fail() {
        let vram = Vram::new().unwrap();
        assert!(!vram.write(VRAM_SIZE, &[0]));
        assert!(!vram.read(VRAM_SIZE - 2, &mut [0; 4]));
    }
}
