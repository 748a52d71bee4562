// SPDX-License-Identifier: MIT

//! What amdgpu shows in debugfs: a GPU's registers and memory, and where page tables begin. Only
//! root may look, and every failure says in one sentence what is in the way.

use crate::root::Root;
use anyhow::{anyhow, bail, ensure, Context, Result};
use nix::errno::Errno;
use nix::sys::signal::{SigSet, SigmaskHow};
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;

const DEBUGFS: &str = "/sys/kernel/debug";
/// Positions in `amdgpu_regs` from here on also choose shader engines
/// (`amdgpu_debugfs_process_reg_op`).
const REGISTERS_END: u64 = 1 << 22;

/// A text file of debugfs.
///
/// # Errors
///
/// When it cannot be read, with the reason.
pub(super) fn text(root: &Root, name: &str) -> Result<String> {
    // Says what is in the way, if something is.
    open(root, name, OpenOptions::new().read(true))?;
    let path = format!("{DEBUGFS}/{name}");
    let text = root.read_whole(&path)?;
    text.with_context(|| format!("there is no {path}"))
}

fn open(root: &Root, name: &str, options: &OpenOptions) -> Result<File> {
    let path = format!("{DEBUGFS}/{name}");
    let file = root.path(&path);
    let opened = fs::metadata(&file).and_then(|metadata| {
        if metadata.is_file() {
            options.open(&file)
        } else {
            Err(io::Error::other("it is not a regular file"))
        }
    });
    opened.map_err(|error| refused(root, &path, &error))
}

/// Why a file could not be opened.
fn refused(root: &Root, path: &str, error: &io::Error) -> anyhow::Error {
    match error.raw_os_error().map(Errno::from_raw) {
        Some(Errno::ENOENT | Errno::ENOTDIR) if root.list(DEBUGFS).is_empty() => {
            anyhow!("debugfs is not mounted: 'mount -t debugfs none {DEBUGFS}'")
        }
        Some(Errno::ENOENT | Errno::ENOTDIR) => anyhow!("there is no {path}"),
        Some(Errno::EACCES) => anyhow!("only root may read {path}"),
        Some(Errno::EPERM) => anyhow!("the kernel's lockdown does not let {path} be opened so"),
        _ => anyhow!("cannot open {path}: {error}"),
    }
}

/// The registers of a GPU. While this lives, its graphics block is kept from being switched off
/// (GFXOFF), when it would not answer.
///
/// They are read through `amdgpu_regs`, which a locked-down Linux 7.2.12 still opens for reading, and
/// not `amdgpu_regs2`, whose ioctl makes that kernel refuse it (`debugfs_locked_down`).
#[derive(Debug)]
pub struct Registers {
    file: File,
    _gfxoff: Option<GfxOff>,
}

impl Registers {
    /// Opens those of the DRM device with this number.
    ///
    /// # Errors
    ///
    /// When that is not possible, with the reason.
    pub fn open(root: &Root, minor: u32) -> Result<Self> {
        let name = format!("dri/{minor}/amdgpu_regs");
        Ok(Self {
            file: open(root, &name, OpenOptions::new().read(true))?,
            _gfxoff: GfxOff::hold(root, minor)?,
        })
    }

    /// Reads neighbouring registers, the first of which is this dword of the register BAR.
    ///
    /// # Errors
    ///
    /// When the driver does not give them.
    pub fn read<const N: usize>(&self, dword: u32) -> Result<[u32; N]> {
        let (from, size) = (u64::from(dword) * 4, N as u64 * 4);
        ensure!(
            from + size <= REGISTERS_END,
            "there is no register {dword:#x}: the base in ip_discovery is absurd"
        );
        let mut values = [0; N];
        for (value, position) in values.iter_mut().zip((from..).step_by(4)) {
            let mut bytes = [0; 4];
            self.file
                .read_exact_at(&mut bytes, position)
                .with_context(|| format!("cannot read the register {:#x}", position / 4))?;
            *value = u32::from_ne_bytes(bytes);
        }
        Ok(values)
    }
}

/// amdgpu's count of those who need the graphics block to be on, raised by one (`amdgpu_gfx_off_ctrl`).
#[derive(Debug)]
struct GfxOff {
    file: File,
    /// What ended the process meanwhile would leave the count so.
    _uninterrupted: Uninterrupted,
}

impl GfxOff {
    /// `None` when GFXOFF is not in use and cannot be touched either.
    fn hold(root: &Root, minor: u32) -> Result<Option<Self>> {
        let name = format!("dri/{minor}/amdgpu_gfxoff");
        let file = match open(root, &name, OpenOptions::new().write(true)) {
            Ok(file) => file,
            // Lockdown refuses to open for writing.
            Err(_) if !in_use(root, &name)? => return Ok(None),
            Err(error) => {
                bail!("GFXOFF may have switched the graphics block off: {error:#}")
            }
        };
        let uninterrupted = Uninterrupted::begin()?;
        write(&file, 0).context("cannot hold GFXOFF off")?;
        Ok(Some(Self {
            file,
            _uninterrupted: uninterrupted,
        }))
    }
}

impl Drop for GfxOff {
    fn drop(&mut self) {
        let _ = write(&self.file, 1);
    }
}

fn write(file: &File, allow: u32) -> io::Result<()> {
    file.write_all_at(&allow.to_ne_bytes(), 0)
}

/// While this lives, no signal that can be held back reaches this thread.
#[derive(Debug)]
struct Uninterrupted(SigSet);

impl Uninterrupted {
    fn begin() -> Result<Self> {
        let before = SigSet::all().thread_swap_mask(SigmaskHow::SIG_SETMASK)?;
        Ok(Self(before))
    }
}

impl Drop for Uninterrupted {
    fn drop(&mut self) {
        let _ = self.0.thread_set_mask();
    }
}

/// Whether the firmware may switch the graphics block off at this moment.
fn in_use(root: &Root, name: &str) -> Result<bool> {
    let mut state = [0; 4];
    open(root, name, OpenOptions::new().read(true))?
        .read_exact_at(&mut state, 0)
        .with_context(|| format!("cannot read {DEBUGFS}/{name}"))?;
    Ok(u32::from_ne_bytes(state) != 0)
}

/// The memory of a GPU, and that of the machine where the GPU uses it.
#[derive(Debug)]
pub struct Memory {
    vram: File,
    system: File,
}

impl Memory {
    /// Opens those of the DRM device with this number.
    ///
    /// # Errors
    ///
    /// When that is not possible, with the reason.
    pub fn open(root: &Root, minor: u32) -> Result<Self> {
        let file = |name| {
            let name = format!("dri/{minor}/{name}");
            open(root, &name, OpenOptions::new().read(true))
        };
        Ok(Self {
            vram: file("amdgpu_vram")?,
            system: file("amdgpu_iomem")?,
        })
    }

    /// 64 bits of VRAM, by their offset in it.
    ///
    /// # Errors
    ///
    /// When the driver does not give them.
    pub fn vram(&self, offset: u64) -> io::Result<u64> {
        read_u64(&self.vram, offset)
    }

    /// 64 bits of the machine's memory, by the address that the GPU has for them. The driver only
    /// gives what belongs to it.
    ///
    /// # Errors
    ///
    /// When the driver does not give them.
    pub fn system(&self, address: u64) -> io::Result<u64> {
        read_u64(&self.system, address)
    }
}

fn read_u64(file: &File, position: u64) -> io::Result<u64> {
    let mut bytes = [0; 8];
    file.read_exact_at(&mut bytes, position)?;
    Ok(u64::from_ne_bytes(bytes))
}

/// The page tables of a DRM client: where they begin, and their shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageTables {
    /// The entry that leads to the root, as the GPU is given it.
    pub root: u64,
    /// How many levels of directories there are.
    pub levels: u32,
    /// How many bits of an address choose the entry of the last level.
    pub block_bits: u32,
}

impl PageTables {
    /// Those of the client with this number.
    ///
    /// # Errors
    ///
    /// When they cannot be read, with the reason.
    pub fn of_client(root: &Root, client: u64) -> Result<Self> {
        let name = format!("dri/client-{client}/vm_pagetable_info");
        if !root.list(DEBUGFS).is_empty() && !root.exists(format!("{DEBUGFS}/{name}")) {
            bail!(
                "amdgpu does not show in {DEBUGFS}/{name} where page tables begin, which it does on \
                 Linux 6.18 and not on 6.12"
            );
        }
        let info = text(root, &name)?;
        Self::parse(&info).with_context(|| format!("{DEBUGFS}/{name} holds {info:?}"))
    }

    /// Reads `amdgpu_pt_info_read`'s lines.
    fn parse(info: &str) -> Option<Self> {
        let field = |name: &str| {
            let mut lines = info.lines();
            let value = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(": 0x"))?;
            u64::from_str_radix(value, 16).ok()
        };
        Some(Self {
            root: field("pd_address")?,
            levels: field("num_level")?.try_into().ok()?,
            block_bits: field("block_size")?.try_into().ok()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn page_tables_are_read() {
        let info = "pd_address: 0xf5ff001\nmax_pfn: 0x1000000000\nnum_level: 0x3\n\
                    block_size: 0x9\nfragment_size: 0x9\n";
        let tables = PageTables {
            root: 0xF5F_F001,
            levels: 3,
            block_bits: 9,
        };
        assert_eq!(PageTables::parse(info), Some(tables));
        assert_eq!(PageTables::parse("pd_address: 0xf5ff001\n"), None);
        assert_eq!(PageTables::parse(&info.replace("0x3", "three")), None);
        assert_eq!(PageTables::parse(&info.replace("0x3", "0x100000003")), None);
    }

    #[test]
    fn an_amdgpu_that_shows_no_page_tables_is_named() {
        let at = tempfile::tempdir().unwrap();
        let root = Root::new(at.path());
        let why = || format!("{:#}", PageTables::of_client(&root, 7).unwrap_err());
        assert!(why().contains("debugfs is not mounted"), "{}", why());
        fs::create_dir_all(root.path(format!("{DEBUGFS}/dri/0"))).unwrap();
        assert!(why().contains("does not show"), "{}", why());
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "(pd_address|num_level|block_size|: 0x|[0-9a-f]|\n|\\PC)*") {
            let _ = PageTables::parse(&text);
        }
    }
}
