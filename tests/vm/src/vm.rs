// SPDX-License-Identifier: MIT

//! One booted guest with emulated GPUs: the machine, the way in, and the GPUs' side.

use crate::address_space::AddressSpace;
use crate::checkout::Checkout;
use crate::console;
use crate::gpu::PluggedGpu;
use crate::guest::Guest;
use crate::image::{Image, Variant};
use crate::monitor::Monitor;
use crate::progress::say;
use crate::qemu::{self, Machine, Process, Qemu};
use crate::report::Registers;
use crate::rootfs::RootFs;
use anyhow::{anyhow, ensure, Context, Result};
use rmcp_vgpu::PageTableEntry;
use serde_json::json;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// How long a guest may take to boot. It takes about 25 s on two cores without KVM.
const BOOT: Duration = Duration::from_secs(900);
/// How long amdgpu may take from then on; loading it takes about 12 s without KVM.
const DRIVER: Duration = Duration::from_secs(600);

/// How long a guest may take to fall asleep or to wake up.
const SLEEP: Duration = Duration::from_secs(180);

/// What amdgpu needs to bring the emulated GPU up.
const AMDGPU: &str = "amdgpu.fw_load_type=0 amdgpu.dpm=1";
/// The setting that rmcp stands against: retry of faulting accesses.
const RETRIES: &str = "amdgpu.noretry=0";

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
        rootfs: &RootFs,
        kctl: &Path,
        variants: impl IntoIterator<Item = Variant>,
    ) -> Result<Self> {
        let mut images = BTreeMap::new();
        for variant in variants {
            images.insert(variant, Image::get(checkout, rootfs, variant, kctl)?);
        }
        let image = images.values().next().context("no guest was asked for")?;
        Ok(Self {
            qemu: Qemu::find(rootfs, image)?,
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
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Boot {
    /// The GPUs that are plugged in.
    pub chips: Vec<&'static str>,
    /// What is installed.
    pub variant: Variant,
    /// A shell command that runs as root before init.
    pub before_init: Option<&'static str>,
    /// Whether amdgpu itself decides about retries of faulting accesses; otherwise it is told to retry.
    pub own_retries: bool,
    /// Whether the GPUs' slots can be switched off, which gives amdgpu runtime PM (BOCO).
    pub runtime_pm: bool,
}

/// The parameters of amdgpu for this boot. Of two values for one the driver takes the last.
fn parameters(boot: &Boot) -> String {
    let mut all = vec![AMDGPU];
    if !boot.own_retries {
        all.push(RETRIES);
    }
    for chip in boot.chips.iter().filter_map(|name| rmcp_vgpu::chip(name)) {
        all.extend(chip.parameters);
    }
    all.join(" ")
}

/// A booted guest.
#[derive(Debug)]
pub struct Vm {
    /// The way in.
    pub guest: Guest,
    /// The machine itself.
    monitor: Monitor,
    process: Process,
    gpus: Vec<PluggedGpu>,
    directory: TempDir,
}

impl Vm {
    /// Boots a guest and waits until it has settled. Nothing is done in it by hand.
    pub fn boot(bench: &Bench, boot: &Boot) -> Result<Self> {
        let directory = tempfile::Builder::new().prefix("rmcp-vm").tempdir()?;
        let mut gpus = Vec::new();
        for (port, chip) in boot.chips.iter().enumerate() {
            gpus.push(PluggedGpu::plug(chip, port, directory.path())?);
        }
        let image = bench
            .images
            .get(&boot.variant)
            .with_context(|| format!("no image was made for {:?}", boot.variant))?;
        let process = bench.qemu.start(&Machine {
            image,
            append: &parameters(boot),
            before_init: boot.before_init,
            runtime_pm: boot.runtime_pm,
            gpus: &gpus.iter().map(PluggedGpu::socket).collect::<Vec<_>>(),
            directory: directory.path(),
        })?;
        let begin = Instant::now();
        let booted = Guest::connect(&qemu::agent_socket(directory.path()), BOOT, || {
            process.check()?;
            gpus.iter().try_for_each(PluggedGpu::check)
        })
        .and_then(|mut guest| {
            guest.wait_until_settled()?;
            for gpu in &mut gpus {
                gpu.locate(&mut guest)?;
            }
            Ok(guest)
        })
        .map_err(|error| {
            let console = console::tail(&process.console());
            anyhow!("the guest did not boot: {error:#}\nits console ends with:\n{console}")
        });
        let guest = booted?;
        let monitor = Monitor::connect(&qemu::monitor_socket(directory.path()))?;
        say(format_args!(
            "booted {} with {:?} in {} s",
            boot.chips.join(" and "),
            boot.variant,
            begin.elapsed().as_secs()
        ));
        Ok(Self {
            guest,
            monitor,
            process,
            gpus,
            directory,
        })
    }

    /// Every emulated GPU, in the order of [`Boot::chips`].
    pub fn gpus(&self) -> &[PluggedGpu] {
        &self.gpus
    }

    /// The first GPU: in most guests the only one.
    pub fn gpu(&self) -> &PluggedGpu {
        &self.gpus[0]
    }

    /// The first GPU's PCI address in the guest.
    pub fn bdf(&self) -> &str {
        self.gpu().bdf()
    }

    /// A file of the first GPU in the guest's sysfs.
    pub fn gpu_file(&self, name: &str) -> String {
        self.gpu().file(name)
    }

    /// The first GPU's [`PluggedGpu::registers`].
    pub fn registers(&self) -> Registers {
        self.gpu().registers()
    }

    /// The first GPU's [`PluggedGpu::register_writes`].
    pub fn register_writes(&self) -> [[u64; 15]; 2] {
        self.gpu().register_writes()
    }

    /// The serial console's socket, for a person.
    pub fn console_socket(&self) -> PathBuf {
        qemu::console_socket(self.directory.path())
    }

    /// Waits until amdgpu has every GPU and offers it to user space.
    pub fn wait_for_amdgpu(&mut self) -> Result<()> {
        for gpu in &self.gpus {
            let up = format!(
                "test -e /sys/bus/pci/drivers/amdgpu/{0} && ls /sys/bus/pci/devices/{0}/drm/card*/dev",
                gpu.bdf()
            );
            let what = format!("amdgpu brings the GPU {} up", gpu.bdf());
            let result = self.guest.wait_for(DRIVER, &what, &up);
            result.with_context(|| {
                let log = self
                    .guest
                    .check("dmesg | grep -iE 'amdgpu|rmcp' | tail -n 30");
                format!(
                    "the kernel log's last words on it:\n{}",
                    log.unwrap_or_default()
                )
            })?;
        }
        Ok(())
    }

    /// The page-table entry of an address in a process's GPU virtual memory, as the GPU reads it.
    /// `None` when no directory leads to the address.
    pub fn page_table_entry(&self, space: &AddressSpace, address: u64) -> Option<PageTableEntry> {
        self.gpu().page_table_entry(space, address)
    }

    /// Suspends the guest to RAM and wakes it. The power is gone meanwhile, so that the GPUs lose all
    /// that their registers held.
    pub fn suspend_and_wake(&mut self) -> Result<()> {
        self.monitor.forget_events()?;
        // The console stays on, so that a kernel that dies on the way says why. The agent sleeps too,
        // and finds the command when it is awake again.
        let asleep = self.guest.start(
            "echo N >/sys/module/printk/parameters/console_suspend; echo mem >/sys/power/state",
        )?;
        self.monitor.wait_for(SLEEP, "SUSPEND")?;
        self.monitor.execute("system_wakeup", json!({}))?;
        self.monitor.wait_for(SLEEP, "WAKEUP")?;
        self.guest
            .wait_until_it_answers(SLEEP, || self.process.check())?;
        let output = self.guest.finish(SLEEP, &asleep)?;
        ensure!(output.status == 0, "suspending failed: {}", output.stderr);
        Ok(())
    }

    /// Runs a command that boots the guest anew, and waits until it has.
    pub fn reboot(&mut self, command: &str) -> Result<()> {
        self.boot_again(|vm| vm.guest.start(command).map(drop))
    }

    /// Cuts the guest's power and gives it back: what was only in its memory is lost.
    pub fn cut_power(&mut self) -> Result<()> {
        self.boot_again(|vm| vm.monitor.execute("system_reset", json!({})).map(drop))
    }

    /// Does what ends in a boot, and waits until the guest is through with it.
    fn boot_again(&mut self, how: impl FnOnce(&mut Self) -> Result<()>) -> Result<()> {
        // Otherwise the machine ends, which is what is wanted when the kernel panics.
        let allow = |action| json!({ "reboot": action });
        self.monitor.execute("set-action", allow("reset"))?;
        self.monitor.forget_events()?;
        how(self)?;
        // The agent's channel is open now, so that it was closed before it is opened.
        while self.monitor.wait_for(BOOT, "VSERPORT_CHANGE")?["open"] != true {}
        self.monitor.execute("set-action", allow("shutdown"))?;
        self.guest
            .wait_until_it_answers(BOOT, || self.process.check())?;
        self.guest.wait_until_settled()?;
        for gpu in &mut self.gpus {
            gpu.locate(&mut self.guest)?;
        }
        Ok(())
    }

    /// Takes the first GPU out of its slot, with the notice that a hot-plug slot gives.
    pub fn unplug(&mut self) -> Result<()> {
        self.monitor.forget_events()?;
        let id = qemu::gpu_id(self.gpu().port());
        self.monitor.execute("device_del", json!({ "id": id }))?;
        self.monitor.wait_for(DRIVER, "DEVICE_DELETED")?;
        Ok(())
    }

    /// Puts the first GPU, as new, into its slot again.
    pub fn plug(&mut self) -> Result<()> {
        let gpu = &mut self.gpus[0];
        gpu.plug_again()?;
        let device = qemu::gpu_device(gpu.port(), &gpu.socket());
        self.monitor.execute("device_add", device)?;
        let present = format!("test -e {}", gpu.file("vendor"));
        self.guest
            .wait_for(DRIVER, "the guest sees the GPU again", &present)
    }

    /// Saves the console and the kernel log of the guest so far.
    pub fn save_logs(&mut self, to: &Path) -> Result<()> {
        fs::create_dir_all(to)?;
        fs::write(to.join("console.log"), self.process.console())?;
        self.process.check()?;
        // The console is there in any case; a guest that died has no kernel log to give.
        let log = self.guest.check("dmesg")?;
        fs::write(to.join("dmesg"), log)?;
        Ok(())
    }
}
