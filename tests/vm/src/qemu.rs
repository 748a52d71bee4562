// SPDX-License-Identifier: MIT

//! QEMU: which one, with what acceleration, and one running machine.

use crate::image::Image;
use crate::progress::say;
use crate::rootfs::RootFs;
use crate::slot_power;
use anyhow::{bail, Context, Result};
use serde_json::{json, Value};
use std::ffi::OsString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Mutex;
use std::thread::sleep;
use std::time::{Duration, Instant};

const PROGRAM: &str = "qemu-system-x86_64";
/// How long the machine that probes KVM may take; a working one is done in about three seconds.
const PROBE: Duration = Duration::from_secs(20);
/// What the kernel prints when `/bin/true`, run as init, has ended well.
const PROBE_DONE: &str = "Attempted to kill init! exitcode=0x00000000";
/// Where the root ports of the emulated GPUs begin on the root bus, above all that QEMU places itself.
const FIRST_PORT: usize = 0x10;

/// A QEMU that knows vfio-user, and how it runs guests here.
#[derive(Debug)]
pub struct Qemu {
    /// The program and its first arguments.
    command: Vec<OsString>,
    accelerator: Accelerator,
}

/// How guest code is executed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Accelerator {
    /// By the processor.
    Kvm,
    /// By translation, anywhere.
    Tcg,
}

impl Accelerator {
    fn name(self) -> &'static str {
        match self {
            Self::Kvm => "kvm",
            Self::Tcg => "tcg",
        }
    }

    fn arguments(self) -> [&'static str; 4] {
        match self {
            Self::Kvm => ["-accel", "kvm", "-cpu", "host"],
            // The guest runs no guests: without the feature it does not load KVM.
            Self::Tcg => ["-accel", "tcg,thread=multi", "-cpu", "max,svm=off"],
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        [Self::Kvm, Self::Tcg]
            .into_iter()
            .find(|accelerator| accelerator.name() == name.trim())
    }
}

impl Qemu {
    /// Takes this machine's QEMU if it can do what is needed, else the root filesystem's.
    pub fn find(rootfs: &RootFs, image: &Image) -> Result<Self> {
        let command = match [vec![PROGRAM.into()], in_rootfs(rootfs.path())]
            .into_iter()
            .find(|command| knows_vfio_user(command))
        {
            Some(command) => command,
            None => bail!(
                "neither this machine's {PROGRAM} nor the one in {} offers vfio-user-pci, which QEMU has from 10.1 on",
                rootfs.path().display()
            ),
        };
        let accelerator = choose_accelerator(&command, rootfs.cache(), image)?;
        Ok(Self {
            command,
            accelerator,
        })
    }

    /// Starts a machine.
    pub fn start(&self, machine: &Machine<'_>) -> Result<Process> {
        for (index, file) in machine.slot_tables() {
            fs::write(file, slot_power::table(FIRST_PORT + index))?;
        }
        Process::start(
            &self.command,
            &machine.arguments(self.accelerator),
            machine.directory,
        )
    }
}

/// The root filesystem's QEMU, run on its own libraries.
fn in_rootfs(rootfs: &Path) -> Vec<OsString> {
    let libraries = rootfs.join("usr/lib/x86_64-linux-gnu");
    vec![
        rootfs.join("lib64/ld-linux-x86-64.so.2").into(),
        "--library-path".into(),
        libraries.into(),
        rootfs.join("usr/bin").join(PROGRAM).into(),
        "-L".into(),
        rootfs.join("usr/share/qemu").into(),
        "-L".into(),
        rootfs.join("usr/share/seabios").into(),
    ]
}

fn knows_vfio_user(command: &[OsString]) -> bool {
    Command::new(&command[0])
        .args(&command[1..])
        .args(["-device", "vfio-user-pci,help"])
        .stdin(Stdio::null())
        .output()
        .is_ok_and(|output| output.status.success())
}

/// KVM where it really runs a guest. The answer is kept until this machine boots again.
fn choose_accelerator(command: &[OsString], cache: &Path, image: &Image) -> Result<Accelerator> {
    if let Ok(name) = std::env::var("RMCP_ACCEL") {
        return Accelerator::from_name(&name)
            .with_context(|| format!("RMCP_ACCEL is {name:?}, expected is kvm or tcg"));
    }
    if File::options()
        .read(true)
        .write(true)
        .open("/dev/kvm")
        .is_err()
    {
        return Ok(Accelerator::Tcg);
    }
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id")?;
    let answer = cache.join(format!("accelerator-{}", boot.trim()));
    let known = fs::read_to_string(&answer).ok();
    if let Some(accelerator) = known.as_deref().and_then(Accelerator::from_name) {
        return Ok(accelerator);
    }
    say("trying whether KVM works here");
    let accelerator = if kvm_runs_a_guest(command, image)? {
        Accelerator::Kvm
    } else {
        say("it does not: guests run translated (TCG)");
        Accelerator::Tcg
    };
    fs::write(&answer, accelerator.name())?;
    Ok(accelerator)
}

/// Boots the image's kernel and initramfs until a user program has run and ended.
fn kvm_runs_a_guest(command: &[OsString], image: &Image) -> Result<bool> {
    let directory = tempfile::tempdir()?;
    let mut arguments = board(Accelerator::Kvm, directory.path());
    arguments.extend(kernel(image, "console=ttyS0 panic=-1 rdinit=/bin/true"));
    let process = Process::start(command, &arguments, directory.path())?;
    let end = Instant::now() + PROBE;
    while Instant::now() < end {
        let ended = process.ended()?.is_some();
        if process.console().contains(PROBE_DONE) {
            return Ok(true);
        }
        if ended || process.errors().contains("KVM internal error") {
            break;
        }
        sleep(Duration::from_millis(200));
    }
    Ok(false)
}

/// What a machine is made of. Its sockets and logs are in a directory of its own.
#[derive(Debug)]
pub struct Machine<'a> {
    /// Kernel, initramfs and disk; the disk is not written to.
    pub image: &'a Image,
    /// More for the kernel's command line.
    pub append: &'a str,
    /// A shell command that runs as root before init.
    pub before_init: Option<&'a str>,
    /// Whether the guest can switch off the emulated GPUs' slots.
    pub runtime_pm: bool,
    /// Where the emulated GPUs listen.
    pub gpus: &'a [PathBuf],
    /// Where the sockets and logs are.
    pub directory: &'a Path,
}

impl Machine<'_> {
    fn arguments(&self, accelerator: Accelerator) -> Vec<OsString> {
        let mut arguments = board(accelerator, self.directory);
        arguments.extend(kernel(self.image, &self.command_line()));

        let mut disk = OsString::from("if=none,id=disk,format=raw,snapshot=on,file=");
        disk.push(self.image.disk());
        let agent = agent_socket(self.directory);
        let mut channel = OsString::from("socket,id=agent,server=on,wait=off,path=");
        channel.push(agent);
        let mut pairs: Vec<(&str, OsString)> = vec![
            ("-drive", disk),
            ("-device", "virtio-blk-pci,drive=disk".into()),
            ("-chardev", channel),
            ("-device", "virtio-serial-pci".into()),
            (
                "-device",
                "virtserialport,id=agent,chardev=agent,name=org.qemu.guest_agent.0".into(),
            ),
        ];
        for (index, socket) in self.gpus.iter().enumerate() {
            // Of a faster port Linux asks, after a reset, whether its link is up, and these never say so.
            // It lets none sleep that the firmware hot-plugs.
            let port = format!(
                "pcie-root-port,id=gpu-port{index},chassis={},addr={:#x},x-speed=5,hotplug={}",
                index + 1,
                FIRST_PORT + index,
                if self.runtime_pm { "off" } else { "on" },
            );
            pairs.push(("-device", port.into()));
            pairs.push(("-device", gpu_device(index, socket).to_string().into()));
        }
        for (_, file) in self.slot_tables() {
            let mut table = OsString::from("file=");
            table.push(file);
            pairs.push(("-acpitable", table));
            // Linux lets no root port sleep that is of a machine from before 2015.
            pairs.push(("-smbios", "type=0,date=01/01/2020".into()));
        }
        let mut monitor = OsString::from("unix:");
        monitor.push(monitor_socket(self.directory));
        monitor.push(",server=on,wait=off");
        pairs.push(("-qmp", monitor));
        // The board's watchdog would reset the machine within a minute of a wake-up.
        pairs.push(("-action", "watchdog=none".into()));
        for (option, value) in pairs {
            arguments.push(option.into());
            arguments.push(value);
        }
        arguments
    }

    /// The ACPI table of each slot that can be switched off.
    fn slot_tables(&self) -> impl Iterator<Item = (usize, PathBuf)> + '_ {
        let ports = if self.runtime_pm { self.gpus.len() } else { 0 };
        (0..ports).map(|port| (port, self.directory.join(format!("slot{port}.aml"))))
    }

    fn command_line(&self) -> String {
        // The kernel's checks of its timer and of the TSC measure time, and fail now and then when the
        // host is busy; a guest has hung in what looked like that of the TSC (`watchdog_wait_seq`).
        let mut line = format!(
            "console=ttyS0 loglevel=5 log_buf_len=4M no_timer_check tsc=reliable panic=-1 \
             root=/dev/vda rw {}",
            self.append
        );
        if let Some(command) = self.before_init {
            // The words after the dashes are init's own.
            line += &format!(" init=/bin/sh -- -c \"{command}; exec /sbin/init\"");
        }
        line
    }
}

/// The device that QEMU makes of an emulated GPU.
pub fn gpu_device(index: usize, socket: &Path) -> Value {
    json!({
        "driver": "vfio-user-pci",
        "id": gpu_id(index),
        "bus": format!("gpu-port{index}"),
        "socket": { "type": "unix", "path": socket.to_string_lossy() },
    })
}

/// What QEMU calls an emulated GPU.
pub fn gpu_id(index: usize) -> String {
    format!("gpu{index}")
}

/// The directory, in the guest's sysfs, of the root port that an emulated GPU is plugged into: what
/// is below it is that GPU, whatever its number on the bus.
pub fn root_port(index: usize) -> String {
    format!(
        "/sys/devices/pci0000:00/0000:00:{:02x}.0",
        FIRST_PORT + index
    )
}

/// What every machine has: processors, memory that the emulated GPU can share, a serial console.
fn board(accelerator: Accelerator, directory: &Path) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = accelerator.arguments().map(OsString::from).to_vec();
    let fixed = "-nodefaults -no-user-config -no-reboot -display none -monitor none \
                 -smp 2 -m 2G -M q35,memory-backend=memory \
                 -object memory-backend-memfd,id=memory,size=2G,share=on";
    arguments.extend(fixed.split_whitespace().map(OsString::from));
    let mut console = OsString::from("socket,id=console,server=on,wait=off,path=");
    console.push(console_socket(directory));
    console.push(",logfile=");
    console.push(console_log(directory));
    arguments.extend(["-chardev".into(), console]);
    arguments.extend(["-serial", "chardev:console"].map(OsString::from));
    arguments
}

fn kernel(image: &Image, command_line: &str) -> [OsString; 6] {
    [
        "-kernel".into(),
        image.kernel().into(),
        "-initrd".into(),
        image.initrd().into(),
        "-append".into(),
        command_line.into(),
    ]
}

/// The guest agent's socket.
pub fn agent_socket(directory: &Path) -> PathBuf {
    directory.join("agent")
}

/// The socket of QEMU's monitor.
pub fn monitor_socket(directory: &Path) -> PathBuf {
    directory.join("monitor")
}

/// The serial console's socket, for a person.
pub fn console_socket(directory: &Path) -> PathBuf {
    directory.join("console")
}

fn console_log(directory: &Path) -> PathBuf {
    directory.join("console.log")
}

/// A running QEMU; it ends when this is dropped or its thread ends.
#[derive(Debug)]
pub struct Process {
    child: Mutex<Child>,
    directory: PathBuf,
}

impl Process {
    fn start(command: &[OsString], arguments: &[OsString], directory: &Path) -> Result<Self> {
        let errors = File::create(directory.join("qemu.log"))?;
        // The kernel ends it with us, however we end.
        let child = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "--"])
            .args(command)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(errors.try_clone()?)
            .stderr(errors)
            .spawn()
            .context("cannot run setpriv, of util-linux")?;
        Ok(Self {
            child: Mutex::new(child),
            directory: directory.to_owned(),
        })
    }

    /// An error when QEMU is not running any more.
    pub fn check(&self) -> Result<()> {
        if let Some(status) = self.ended()? {
            bail!("QEMU ended ({status}): {}", self.errors().trim_end());
        }
        Ok(())
    }

    /// What the guest wrote to its console.
    pub fn console(&self) -> String {
        read(&console_log(&self.directory))
    }

    fn errors(&self) -> String {
        read(&self.directory.join("qemu.log"))
    }

    /// How it ended, if it has.
    fn ended(&self) -> Result<Option<ExitStatus>> {
        let mut child = self.child.lock().map_err(|_| anyhow::anyhow!("poisoned"))?;
        Ok(child.try_wait()?)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Ok(child) = self.child.get_mut() {
            // Both fail only when it has ended already.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn read(path: &Path) -> String {
    String::from_utf8_lossy(&fs::read(path).unwrap_or_default()).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::OsStr;

    #[test]
    fn accelerators_are_known_by_name() {
        assert_eq!(Accelerator::from_name("tcg\n"), Some(Accelerator::Tcg));
        assert_eq!(Accelerator::from_name("kvm"), Some(Accelerator::Kvm));
        assert_eq!(Accelerator::from_name("xen"), None);
    }

    #[test]
    fn the_machine_shares_its_memory_and_keeps_its_disk() {
        let image = Image::at(Path::new("/cache/guest"));
        let machine = Machine {
            image: &image,
            append: "amdgpu.noretry=0",
            before_init: None,
            runtime_pm: false,
            gpus: &["/run/gpu0".into(), "/run/gpu1".into()],
            directory: Path::new("/run"),
        };
        let arguments = machine.arguments(Accelerator::Tcg);
        let text = arguments.join(OsStr::new(" ")).into_string().unwrap();
        for expected in [
            "-accel tcg,thread=multi",
            "share=on",
            "snapshot=on,file=/cache/guest/disk.ext4",
            "id=gpu-port0,chassis=1,addr=0x10",
            r#"{"bus":"gpu-port1","driver":"vfio-user-pci","id":"gpu1","socket":{"path":"/run/gpu1","type":"unix"}}"#,
            "path=/run/agent",
            "root=/dev/vda rw amdgpu.noretry=0",
        ] {
            assert!(text.contains(expected), "{expected} is not in {text}");
        }
        assert!(!text.contains("init="));
    }

    #[test]
    fn a_root_port_is_found_in_the_guest_where_it_was_put() {
        assert_eq!(root_port(1), "/sys/devices/pci0000:00/0000:00:11.0");
    }

    #[test]
    fn a_command_before_init_is_inits_argument() {
        let image = Image::at(Path::new("/cache/guest"));
        let machine = Machine {
            image: &image,
            append: "",
            before_init: Some("touch /x"),
            runtime_pm: false,
            gpus: &[],
            directory: Path::new("/run"),
        };
        assert!(machine
            .command_line()
            .ends_with(r#"init=/bin/sh -- -c "touch /x; exec /sbin/init""#));
    }
}
