// SPDX-License-Identifier: MIT

//! One booted guest with an emulated GPU: the machine, the way in, and the GPU's side.

use crate::address_space::AddressSpace;
use crate::checkout::Checkout;
use crate::console;
use crate::guest::Guest;
use crate::image::{Image, Variant};
use crate::progress::say;
use crate::qemu::{self, Machine, Process, Qemu};
use crate::report::Registers;
use crate::rootfs::RootFs;
use anyhow::{anyhow, bail, ensure, Context, Result};
use rmcp_vgpu::{Chip, Gpu, Hub, PageTableEntry};
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::thread::{self, sleep, JoinHandle};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// How long a guest may take to boot. It takes about 25 s on two cores without KVM.
const BOOT: Duration = Duration::from_secs(300);
/// How long amdgpu may take from then on; loading it takes about 12 s without KVM.
const DRIVER: Duration = Duration::from_secs(180);

/// What amdgpu needs to bring the emulated GPU up, and the setting that rmcp stands against:
/// retry of faulting accesses.
const AMDGPU: &str = "amdgpu.fw_load_type=0 amdgpu.dpm=1 amdgpu.noretry=0";

/// What guests are booted from: the images that were asked for, and QEMU.
#[derive(Debug)]
pub struct Bench {
    images: BTreeMap<Variant, Image>,
    qemu: Qemu,
    kernel: String,
}

impl Bench {
    /// Makes the images.
    pub fn prepare(
        checkout: &Checkout,
        kctl: &Path,
        variants: impl IntoIterator<Item = Variant>,
    ) -> Result<Self> {
        let rootfs = RootFs::get(checkout)?;
        let mut images = BTreeMap::new();
        for variant in variants {
            images.insert(variant, Image::get(checkout, &rootfs, variant, kctl)?);
        }
        let image = images.values().next().context("no guest was asked for")?;
        Ok(Self {
            qemu: Qemu::find(&rootfs, image)?,
            images,
            kernel: rootfs.kernel().to_owned(),
        })
    }

    /// The kernel that guests run.
    pub fn kernel(&self) -> &str {
        &self.kernel
    }
}

/// What is booted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Boot {
    /// The GPU that is plugged in.
    pub chip: &'static str,
    /// What is installed.
    pub variant: Variant,
    /// A shell command that runs as root before init.
    pub before_init: Option<&'static str>,
}

/// A booted guest.
#[derive(Debug)]
pub struct Vm {
    /// The way in.
    pub guest: Guest,
    process: Process,
    gpu: PluggedGpu,
    bdf: String,
    directory: TempDir,
}

impl Vm {
    /// Boots a guest and waits until it has settled. Nothing is done in it by hand.
    pub fn boot(bench: &Bench, boot: &Boot) -> Result<Self> {
        let directory = tempfile::Builder::new().prefix("rmcp-vm").tempdir()?;
        let gpu = PluggedGpu::plug(boot.chip, directory.path())?;
        let image = bench
            .images
            .get(&boot.variant)
            .with_context(|| format!("no image was made for {:?}", boot.variant))?;
        let process = bench.qemu.start(&Machine {
            image,
            append: AMDGPU,
            before_init: boot.before_init,
            gpu: &gpu.socket,
            directory: directory.path(),
        })?;
        let begin = Instant::now();
        let booted = Guest::connect(&qemu::agent_socket(directory.path()), BOOT, || {
            process.check()?;
            gpu.check()
        })
        .and_then(|mut guest| {
            guest.wait_until_settled()?;
            let bdf = find_gpu(&mut guest)?;
            Ok((guest, bdf))
        })
        .map_err(|error| {
            let console = console::tail(&process.console());
            anyhow!("the guest did not boot: {error:#}\nits console ends with:\n{console}")
        });
        let (guest, bdf) = booted?;
        say(format_args!(
            "booted {} with {:?} in {} s",
            boot.chip,
            boot.variant,
            begin.elapsed().as_secs()
        ));
        Ok(Self {
            guest,
            process,
            gpu,
            bdf,
            directory,
        })
    }

    /// The GPU's PCI address in the guest.
    pub fn bdf(&self) -> &str {
        &self.bdf
    }

    /// A file of the GPU in the guest's sysfs.
    pub fn gpu_file(&self, name: &str) -> String {
        format!("/sys/bus/pci/devices/{}/{name}", self.bdf)
    }

    /// The serial console's socket, for a person.
    pub fn console_socket(&self) -> PathBuf {
        qemu::console_socket(self.directory.path())
    }

    /// Waits until amdgpu has the GPU and offers it to user space.
    pub fn wait_for_amdgpu(&mut self) -> Result<()> {
        let up = format!(
            "test -e /sys/bus/pci/drivers/amdgpu/{0} && ls /sys/bus/pci/devices/{0}/drm/card*/dev",
            self.bdf
        );
        let result = self.guest.wait_for(DRIVER, "amdgpu brings the GPU up", &up);
        result.with_context(|| {
            let log = self
                .guest
                .check("dmesg | grep -iE 'amdgpu|rmcp' | tail -n 30");
            format!(
                "the kernel log's last words on it:\n{}",
                log.unwrap_or_default()
            )
        })
    }

    /// What the driver left in the context registers, from the GPU's side.
    pub fn registers(&self) -> Registers {
        Registers {
            gcvm: contexts(self.gpu.gpu.0.context_cntl(Hub::Gfx)),
            mmvm: contexts(self.gpu.gpu.0.context_cntl(Hub::Mm)),
        }
    }

    /// How often the driver has written each of them.
    pub fn register_writes(&self) -> [[u64; 15]; 2] {
        [Hub::Gfx, Hub::Mm].map(|hub| contexts(self.gpu.gpu.0.context_cntl_writes(hub)))
    }

    /// The page-table entry of an address in a process's GPU virtual memory, as the GPU reads it.
    /// `None` when no directory leads to the address.
    pub fn page_table_entry(&self, space: &AddressSpace, address: u64) -> Option<PageTableEntry> {
        self.gpu.gpu.0.page_table_entry(space.root, address)
    }

    /// Saves the console and the kernel log of the guest so far.
    pub fn save_logs(&mut self, to: &Path) -> Result<()> {
        fs::create_dir_all(to)?;
        fs::write(to.join("console.log"), self.process.console())?;
        // The console is there in any case; a guest that died has no kernel log to give.
        let log = self.guest.check("dmesg")?;
        fs::write(to.join("dmesg"), log)?;
        Ok(())
    }
}

/// Contexts 1 to 15, those of user space; context 0 is the kernel's own.
fn contexts<T: Copy + Default>(all: [T; 16]) -> [T; 15] {
    let mut users = [T::default(); 15];
    users.copy_from_slice(&all[1..]);
    users
}

/// The one AMD GPU of the guest.
fn find_gpu(guest: &mut Guest) -> Result<String> {
    let found = guest.check("cd /sys/bus/pci/devices && grep -l 0x1002 */vendor | cut -d/ -f1")?;
    match found.split_whitespace().collect::<Vec<_>>().as_slice() {
        [bdf] => Ok((*bdf).to_owned()),
        others => bail!("the guest has the AMD devices {others:?}, one is expected"),
    }
}

/// An emulated GPU and the thread that serves it.
#[derive(Debug)]
struct PluggedGpu {
    gpu: Handle,
    socket: PathBuf,
    thread: JoinHandle<Result<()>>,
}

/// [`Gpu`] with a `Debug` of its own.
struct Handle(Gpu);

impl std::fmt::Debug for Handle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0.chip().name)
    }
}

impl PluggedGpu {
    fn plug(chip: &str, directory: &Path) -> Result<Self> {
        let chip: &'static Chip = rmcp_vgpu::chip(chip)
            .with_context(|| format!("the emulated GPU can't be a {chip:?}"))?;
        let gpu = Gpu::new(chip)?;
        let socket = directory.join("gpu");
        let thread = {
            let (gpu, socket) = (gpu.clone(), socket.clone());
            thread::spawn(move || gpu.serve(&socket))
        };
        let plugged = Self {
            gpu: Handle(gpu),
            socket,
            thread,
        };
        let end = Instant::now() + Duration::from_secs(10);
        while !plugged.socket.exists() {
            plugged.check()?;
            ensure!(Instant::now() < end, "the emulated GPU opened no socket");
            sleep(Duration::from_millis(10));
        }
        Ok(plugged)
    }

    /// An error when nobody serves the GPU any more.
    fn check(&self) -> Result<()> {
        ensure!(
            !self.thread.is_finished(),
            "the emulated GPU stopped: its connection to QEMU was closed or failed"
        );
        Ok(())
    }
}

impl Drop for PluggedGpu {
    fn drop(&mut self) {
        // A server that no QEMU came to still waits for one; this is its visitor.
        let _ = UnixStream::connect(&self.socket);
    }
}
