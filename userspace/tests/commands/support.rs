// SPDX-License-Identifier: MIT

//! A system tree made for one test, and the command run on it.

use serde_json::{json, Value};
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{symlink, FileExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The kernel of every tree.
pub(crate) const RELEASE: &str = "7.2.12+test";

/// A directory that looks like the root of a system.
pub(crate) struct Tree(tempfile::TempDir);

/// The number of a GPU's DRM device: that on bus 1 is the first.
fn minor(bdf: &str) -> u8 {
    u8::from_str_radix(&bdf[5..7], 16).unwrap() - 1
}

/// What the command did.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Outcome {
    /// What was told as JSON is what the schema of the command says.
    pub(crate) fn expect_schema(&self, arguments: &[&str]) {
        if self.code == 1 || !arguments.contains(&"--json") {
            return;
        }
        if arguments.contains(&"status") {
            crate::schema::expect_status(&self.json());
        } else if let ["rocm", command, ..] = arguments {
            crate::schema::expect_rocm(command, &self.json());
        }
    }

    /// The result as JSON.
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.out).unwrap_or_else(|e| panic!("{e}: {self:?}"))
    }
}

impl Tree {
    /// A system with one kernel and nothing else.
    pub(crate) fn new() -> Self {
        let tree = Self(tempfile::tempdir().unwrap());
        tree.write("/proc/sys/kernel/osrelease", RELEASE);
        tree.write(&format!("/lib/modules/{RELEASE}/kernel/x"), "");
        for shown in ["/sys/bus/pci/devices", "/sys/module/kernel"] {
            fs::create_dir_all(tree.path(shown)).unwrap();
        }
        tree
    }

    pub(crate) fn path(&self, absolute: &str) -> std::path::PathBuf {
        self.0.path().join(absolute.trim_start_matches('/'))
    }

    /// Writes a file, as the kernel does with a line break at its end, and at once, for those who
    /// watch it.
    pub(crate) fn write(&self, absolute: &str, text: &str) -> &Self {
        let (path, new) = (self.path(absolute), self.path("/new"));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&new, format!("{text}\n")).unwrap();
        fs::rename(new, path).unwrap();
        self
    }

    /// Writes a program: a script for the shell.
    pub(crate) fn program(&self, absolute: &str, script: &str) -> &Self {
        self.write(absolute, &format!("#!/bin/sh\n{script}"));
        let mode = fs::Permissions::from_mode(0o755);
        fs::set_permissions(self.path(absolute), mode).unwrap();
        self
    }

    /// Writes a file that is not text.
    pub(crate) fn bytes(&self, absolute: &str, bytes: &[u8]) -> &Self {
        let path = self.path(absolute);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
        self
    }

    /// A directory in sysfs under its short name, as a link to where it is.
    pub(crate) fn link(&self, absolute: &str, target: &str) -> &Self {
        let path = self.path(absolute);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::create_dir_all(self.path(target)).unwrap();
        symlink(self.path(target), path).unwrap();
        self
    }

    /// The module's source as `install` writes it.
    pub(crate) fn source(&self) -> &Self {
        for file in rmcp_kctl::source::FILES {
            let path = self.path(&format!("/usr/src/rmcp-1.0/{}", file.path));
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, file.text).unwrap();
        }
        self
    }

    /// What an installation or uninstallation wrote down.
    pub(crate) fn journal(&self, work: &str, state: &str, steps: Value, source: &str) -> &Self {
        let journal = json!({
            "format": 1, "work": work, "state": state, "steps": steps,
            "written": {"/usr/src/rmcp-1.0": source},
        });
        self.write("/var/lib/rmcp/journal.json", &journal.to_string())
    }

    pub(crate) fn remove(&self, absolute: &str) -> &Self {
        fs::remove_file(self.path(absolute)).unwrap();
        self
    }

    /// A display controller of AMD that amdgpu drives and has read the discovery table of.
    pub(crate) fn gpu(&self, bdf: &str, device: &str, gc: [u8; 3]) -> &Self {
        let directory = format!("/sys/bus/pci/devices/{bdf}");
        self.pci(bdf, "0x1002", device, "0x030000")
            .bind(bdf, "amdgpu");
        for (name, number) in ["major", "minor", "revision"].iter().zip(gc) {
            let file = format!("{directory}/ip_discovery/die/0/GC/0/{name}");
            self.write(&file, &number.to_string());
        }
        self
    }

    /// Binds a PCI function to a driver, which offers it to user space.
    pub(crate) fn bind(&self, bdf: &str, driver: &str) -> &Self {
        let directory = format!("/sys/bus/pci/devices/{bdf}");
        fs::create_dir_all(self.path(&format!("/sys/bus/pci/drivers/{driver}"))).unwrap();
        let link = self.path(&format!("{directory}/driver"));
        symlink(Path::new("../../drivers").join(driver), link).unwrap();
        let minor = minor(bdf);
        self.write(
            &format!("{directory}/drm/card{minor}/dev"),
            &format!("226:{minor}"),
        )
    }

    /// A block in the discovery table of a GPU.
    pub(crate) fn block(&self, bdf: &str, name: &str, version: [u8; 3], bases: &str) -> &Self {
        let directory = format!("/sys/bus/pci/devices/{bdf}/ip_discovery/die/0/{name}/0");
        for (file, number) in ["major", "minor", "revision"].iter().zip(version) {
            self.write(&format!("{directory}/{file}"), &number.to_string());
        }
        self.write(&format!("{directory}/base_addr"), bases)
    }

    /// Registers of a GPU as debugfs shows them, by their dwords in the register BAR.
    pub(crate) fn registers(
        &self,
        bdf: &str,
        values: impl IntoIterator<Item = (u32, u32)>,
    ) -> &Self {
        let path = self.debugfs(bdf, "amdgpu_regs");
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let mut options = fs::OpenOptions::new();
        let file = options.write(true).create(true).truncate(false);
        let file = file.open(path).unwrap();
        file.set_len(512 << 10).unwrap();
        for (dword, value) in values {
            let position = u64::from(dword) * 4;
            file.write_all_at(&value.to_ne_bytes(), position).unwrap();
        }
        self
    }

    /// A file of a GPU in debugfs.
    pub(crate) fn debugfs(&self, bdf: &str, name: &str) -> std::path::PathBuf {
        self.path(&format!("/sys/kernel/debug/dri/{}/{name}", minor(bdf)))
    }

    /// Any PCI function.
    pub(crate) fn pci(&self, bdf: &str, vendor: &str, device: &str, class: &str) -> &Self {
        let directory = format!("/sys/bus/pci/devices/{bdf}");
        self.write(&format!("{directory}/vendor"), vendor)
            .write(&format!("{directory}/device"), device)
            .write(&format!("{directory}/class"), class)
    }

    /// A loaded amdgpu with these options.
    pub(crate) fn amdgpu(&self, noretry: &str, vm_fragment_size: &str) -> &Self {
        let parameters = "/sys/module/amdgpu/parameters";
        self.write(&format!("{parameters}/noretry"), noretry)
            .write(&format!("{parameters}/vm_fragment_size"), vm_fragment_size)
    }

    /// An amdgpu.ko with these parameters, each a name, its type and its line of help; `messages` is
    /// what its code prints.
    pub(crate) fn amdgpu_ko(&self, parameters: &[(&str, &str, &str)], messages: &str) -> &Self {
        self.amdgpu_ko_of(RELEASE, parameters, messages)
    }

    /// The same of another kernel.
    pub(crate) fn amdgpu_ko_of(
        &self,
        release: &str,
        parameters: &[(&str, &str, &str)],
        messages: &str,
    ) -> &Self {
        let mut modinfo = String::new();
        for (name, kind, help) in parameters {
            modinfo += &format!("parm={name}:{help}\0parmtype={name}:{kind}\0");
        }
        let sections = [
            (".modinfo", modinfo.as_bytes()),
            (".rodata.str1.1", messages.as_bytes()),
        ];
        let path = self.path(&format!(
            "/lib/modules/{release}/kernel/drivers/gpu/drm/amd/amdgpu/amdgpu.ko"
        ));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, crate::elf::elf(&sections)).unwrap();
        self
    }

    /// The initramfs of the kernel, with these files.
    pub(crate) fn initramfs(&self, files: &[(&str, &str)]) -> &Self {
        let path = self.path(&format!("/boot/initrd.img-{RELEASE}"));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, crate::cpio::archive(files)).unwrap();
        self
    }

    /// rmcp as DKMS installs it.
    pub(crate) fn rmcp_installed(&self) -> &Self {
        self.write(&format!("/lib/modules/{RELEASE}/updates/dkms/rmcp.ko"), "")
    }

    /// A loaded rmcp with default parameters.
    pub(crate) fn rmcp(&self, state: &str, reason: &str) -> &Self {
        self.write("/sys/module/rmcp/version", "1.0")
            .write("/sys/module/rmcp/guard/state", state)
            .write("/sys/module/rmcp/guard/reason", reason)
            .parameter("noretry", "1")
            .parameter("fragment_size", "9")
            .parameter("mtype_cc", "nc")
            .parameter("enforce", "1")
    }

    pub(crate) fn parameter(&self, name: &str, value: &str) -> &Self {
        self.write(&format!("/sys/module/rmcp/parameters/{name}"), value)
    }

    /// What rmcp publishes of a Navi10 that it has enforced, over a driver that chose to retry.
    pub(crate) fn guarded(&self, bdf: &str) -> &Self {
        self.published(bdf, "rmcp")
    }

    /// The same, published in this directory of the device.
    fn published(&self, bdf: &str, directory: &str) -> &Self {
        for (name, value) in [
            ("state", "enforced"),
            ("reason", "written before amdgpu programmed the memory hubs"),
            ("gc_version", "10.1.10"),
            ("chip", "Navi10"),
            ("gfx_target", "gfx1010"),
            ("noretry", "1"),
            ("fragment_size", "9"),
            ("noretry_driver_default", "0"),
            ("fragment_size_driver_default", "9"),
            ("mtype_cc_requests", "0"),
            ("mtype_cc_rewritten", "0"),
            ("hw_inits", "1"),
        ] {
            self.write(
                &format!("/sys/bus/pci/devices/{bdf}/{directory}/{name}"),
                value,
            );
        }
        self
    }

    /// An amdgpu that has the policy itself, with default parameters, and has enforced it.
    pub(crate) fn patched_amdgpu(&self, bdf: &str) -> &Self {
        for param in rmcp_kctl::policy::PARAMS {
            self.driver_parameter(param.name, param.word(param.default()));
        }
        self.published(bdf, "gmc_v10_policy")
    }

    /// A parameter of such an amdgpu.
    pub(crate) fn driver_parameter(&self, name: &str, value: &str) -> &Self {
        let file = format!("/sys/module/amdgpu/parameters/gmc_v10_{name}");
        self.write(&file, value)
    }

    pub(crate) fn guard(&self, bdf: &str, name: &str, value: &str) -> &Self {
        self.write(&format!("/sys/bus/pci/devices/{bdf}/rmcp/{name}"), value)
    }

    /// The command, for this tree.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rmcp-kctl"));
        command.arg("--root").arg(self.0.path()).args(arguments);
        command
    }

    /// Every file and link of the tree, with what it holds.
    pub(crate) fn snapshot(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut found = BTreeMap::new();
        let mut directories = vec![self.0.path().to_owned()];
        while let Some(directory) = directories.pop() {
            for entry in fs::read_dir(directory).unwrap() {
                let path = entry.unwrap().path();
                let kind = path.symlink_metadata().unwrap().file_type();
                if kind.is_dir() {
                    directories.push(path);
                } else if kind.is_symlink() {
                    let target = fs::read_link(&path).unwrap();
                    found.insert(path, target.into_os_string().into_encoded_bytes());
                } else {
                    let bytes = fs::read(&path).unwrap();
                    found.insert(path, bytes);
                }
            }
        }
        found
    }

    /// Runs the command on this tree.
    pub(crate) fn run(&self, arguments: &[&str]) -> Outcome {
        let output = self.command(arguments).output().unwrap();
        let outcome = Outcome {
            code: output.status.code().unwrap(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        };
        outcome.expect_schema(arguments);
        outcome
    }
}
