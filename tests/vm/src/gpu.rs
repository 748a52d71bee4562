// SPDX-License-Identifier: MIT

//! An emulated GPU of a guest: the thread that serves it, its place in the guest, and its registers
//! as it sees them itself.

use crate::address_space::AddressSpace;
use crate::guest::Guest;
use crate::qemu;
use crate::report::Registers;
use anyhow::{bail, ensure, Context, Result};
use rmcp_vgpu::{Chip, Gpu, Hub, Job, PageTableEntry};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::thread::{self, sleep, JoinHandle};
use std::time::{Duration, Instant};

/// How long a server may take to begin or to end.
const LIMIT: Duration = Duration::from_secs(60);
/// Pause between two looks at it.
const PAUSE: Duration = Duration::from_millis(10);

/// An emulated GPU and the thread that serves it.
#[derive(Debug)]
pub struct PluggedGpu {
    model: Model,
    /// Which of the guest's root ports it is plugged into.
    port: usize,
    /// Empty until [`PluggedGpu::locate`].
    bdf: String,
    socket: PathBuf,
    thread: JoinHandle<Result<()>>,
}

/// [`Gpu`] with a `Debug` of its own.
struct Model(Gpu);

impl std::fmt::Debug for Model {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0.chip().name)
    }
}

impl PluggedGpu {
    /// Powers a GPU up and offers it to QEMU on a socket in this directory.
    pub(crate) fn plug(chip: &str, port: usize, directory: &Path) -> Result<Self> {
        let chip: &'static Chip = rmcp_vgpu::chip(chip)
            .with_context(|| format!("the emulated GPU can't be a {chip:?}"))?;
        let gpu = Gpu::new(chip)?;
        let socket = directory.join(format!("gpu{port}"));
        Ok(Self {
            thread: serve(&gpu, &socket)?,
            model: Model(gpu),
            port,
            bdf: String::new(),
            socket,
        })
    }

    /// Powers it up anew and offers it again, after QEMU has let it go.
    pub(crate) fn plug_again(&mut self) -> Result<()> {
        let end = Instant::now() + LIMIT;
        while !self.thread.is_finished() {
            ensure!(Instant::now() < end, "QEMU did not let the GPU go");
            sleep(PAUSE);
        }
        self.thread = serve(&self.model.0, &self.socket)?;
        Ok(())
    }

    /// Which of the guest's root ports it is plugged into.
    pub(crate) fn port(&self) -> usize {
        self.port
    }

    /// Where QEMU finds it.
    pub(crate) fn socket(&self) -> PathBuf {
        self.socket.clone()
    }

    /// An error when nobody serves the GPU any more.
    pub(crate) fn check(&self) -> Result<()> {
        check(&self.thread)
    }

    /// Finds out its PCI address in the guest.
    pub(crate) fn locate(&mut self, guest: &mut Guest) -> Result<()> {
        let port = qemu::root_port(self.port);
        let found = guest.check(&format!("cd {port} && grep -H . ????:*/device"))?;
        let id = self.model.0.chip().device_id;
        self.bdf = match found.lines().collect::<Vec<_>>().as_slice() {
            [line] if line.ends_with(&format!("/device:{id:#06x}")) => {
                line.split('/').next().unwrap_or_default().to_owned()
            }
            others => bail!("below {port} are {others:?}, expected was a device {id:#06x}"),
        };
        Ok(())
    }

    /// Its PCI address in the guest.
    pub fn bdf(&self) -> &str {
        &self.bdf
    }

    /// A file of it in the guest's sysfs.
    pub fn file(&self, name: &str) -> String {
        format!("/sys/bus/pci/devices/{}/{name}", self.bdf)
    }

    /// The model itself.
    pub fn model(&self) -> &Gpu {
        &self.model.0
    }

    /// What the driver left in the context registers, from the GPU's side.
    pub fn registers(&self) -> Registers {
        Registers {
            gcvm: contexts(self.model().context_cntl(Hub::Gfx)),
            mmvm: contexts(self.model().context_cntl(Hub::Mm)),
        }
    }

    /// How often the driver has written each of them.
    pub fn register_writes(&self) -> [[u64; 15]; 2] {
        [Hub::Gfx, Hub::Mm].map(|hub| contexts(self.model().context_cntl_writes(hub)))
    }

    /// What its SDMA engine has executed for processes of the guest.
    pub fn jobs(&self) -> Vec<Job> {
        self.model.0.jobs()
    }

    /// The page-table entry of an address in a process's GPU virtual memory, as the GPU reads it.
    /// `None` when no directory leads to the address.
    pub fn page_table_entry(&self, space: &AddressSpace, address: u64) -> Option<PageTableEntry> {
        self.model().page_table_entry(space.root, address)
    }
}

/// Serves a GPU in a thread of its own; it listens when this returns.
fn serve(gpu: &Gpu, socket: &Path) -> Result<JoinHandle<Result<()>>> {
    let thread = {
        let (gpu, socket) = (gpu.clone(), socket.to_owned());
        thread::spawn(move || gpu.serve(&socket))
    };
    let end = Instant::now() + LIMIT;
    while !socket.exists() {
        check(&thread)?;
        ensure!(Instant::now() < end, "the emulated GPU opened no socket");
        sleep(PAUSE);
    }
    Ok(thread)
}

fn check(thread: &JoinHandle<Result<()>>) -> Result<()> {
    ensure!(
        !thread.is_finished(),
        "the emulated GPU stopped: its connection to QEMU was closed or failed"
    );
    Ok(())
}

impl Drop for PluggedGpu {
    fn drop(&mut self) {
        // A server that no QEMU came to still waits for one; this is its visitor.
        let _ = UnixStream::connect(&self.socket);
    }
}

/// Contexts 1 to 15, those of user space; context 0 is the kernel's own.
fn contexts<T: Copy + Default>(all: [T; 16]) -> [T; 15] {
    let mut users = [T::default(); 15];
    users.copy_from_slice(&all[1..]);
    users
}
