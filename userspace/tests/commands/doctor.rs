// SPDX-License-Identifier: MIT

//! `rmcp-kctl doctor`: every outcome of every check, on trees that each differ in one thing from a
//! system where all is well.

use crate::support::{Outcome, Tree, RELEASE};
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};

const BDF: &str = "0000:01:00.0";
const PORT: &str = "0000:00:01.0";
const NODE: &str = "/sys/class/kfd/kfd/topology/nodes/1";
const CONFIG: &str = "CONFIG_RUST=y\nCONFIG_KPROBES=y\nCONFIG_KPROBES_ON_FTRACE=y\n\
    CONFIG_DEBUG_INFO_BTF_MODULES=y\nCONFIG_DRM_AMDGPU=m\nCONFIG_MODULE_SIG=y\n\
    CONFIG_LOCK_DOWN_IN_EFI_SECURE_BOOT=y\nCONFIG_INTEGRITY_PLATFORM_KEYRING=y";

/// A system where all is well, as far as a tree can show.
fn healthy() -> Tree {
    let tree = Tree::new();
    kernel(&tree);
    module(&tree);
    gpu(&tree);
    user(&tree);
    software(&tree);
    tree
}

fn kernel(tree: &Tree) {
    let modules = format!("/lib/modules/{RELEASE}");
    tree.write(&format!("{modules}/build/.config"), CONFIG)
        .write(&format!("{modules}/build/Makefile"), "")
        .write(&format!("{modules}/build/vmlinux"), "")
        .write(&format!("{modules}/updates/dkms/rmcp.ko"), "module")
        .bytes(
            &format!("{modules}/kernel/drivers/gpu/drm/amd/amdgpu/amdgpu.ko"),
            &elf(b"firmware=amdgpu/navi10_me.bin\0firmware=amdgpu/navi10_ta.bin\0firmware=amdgpu/navi14_ta.bin\0"),
        )
        .write("/proc/cmdline", "quiet")
        .write("/sys/kernel/security/lockdown", "[none] integrity confidentiality")
        .write("/sys/module/module/parameters/sig_enforce", "N");
    for part in ["pfp", "me", "ce", "rlc", "mec", "ta"] {
        tree.write(&format!("/lib/firmware/amdgpu/navi10_{part}.bin.xz"), "");
    }
}

fn module(tree: &Tree) {
    tree.amdgpu("-1", "-1")
        .rmcp("armed", "the probes are in place")
        .write("/etc/modprobe.d/rmcp.conf", "softdep amdgpu pre: rmcp");
}

fn gpu(tree: &Tree) {
    let port = format!("/sys/devices/pci0000:00/{PORT}");
    tree.link(&format!("/sys/bus/pci/devices/{PORT}"), &port)
        .link(
            &format!("/sys/bus/pci/devices/{BDF}"),
            &format!("{port}/{BDF}"),
        )
        .gpu(BDF, "0x731f", [10, 1, 10])
        .guarded(BDF)
        .bytes(&format!("{port}/config"), &configuration(0x1c0))
        .write(&format!("{port}/{BDF}/drm/renderD128/dev"), "226:128")
        .write(&format!("{port}/{BDF}/mem_info_vram_total"), "8573157376")
        .write(
            &format!("{port}/{BDF}/mem_info_vis_vram_total"),
            "8573157376",
        )
        .write(
            "/sys/class/kfd/kfd/topology/nodes/0/properties",
            "simd_count 0",
        )
        .write(
            &format!("{NODE}/properties"),
            "simd_count 80\nlocation_id 256\ndomain 0\ngfx_target_version 100100",
        )
        .write(&format!("{NODE}/io_links/0/properties"), "type 2\nflags 1");
}

fn user(tree: &Tree) {
    for device in ["/dev/kfd", "/dev/dri/renderD128"] {
        tree.write(device, "");
        mode(tree, device, 0o660);
    }
    let gid = fs::metadata(tree.path("/dev/kfd")).unwrap().gid();
    tree.write(
        "/etc/passwd",
        "ann:x:4242:4242:Ann:/home/ann:/bin/bash\nbob:x:4343:4343::/home/bob:/bin/sh",
    )
    .write("/etc/group", &format!("render:x:{gid}:ann\nusers:x:4242:"))
    .write("/home/ann/.bashrc", "export EDITOR=vi");
}

fn software(tree: &Tree) {
    tree.write("/opt/rocm-6.2.4/.info/version", "6.2.4-98")
        .write("/opt/rocm-6.2.4/lib/rocblas/library/Kernels_gfx1010.hsaco", "")
        .write(
            "/home/ann/ml/.venv/lib/python3.12/site-packages/torch/version.py",
            "__version__ = '2.5.1+rocm6.2'\ncuda: Optional[str] = None\nhip: Optional[str] = '6.2.41133'",
        );
}

fn mode(tree: &Tree, path: &str, mode: u32) {
    fs::set_permissions(tree.path(path), fs::Permissions::from_mode(mode)).unwrap();
}

/// An ELF file with nothing but this section `.modinfo`.
fn elf(modinfo: &[u8]) -> Vec<u8> {
    let names = b"\0.modinfo\0.shstrtab\0";
    let mut file = vec![0; 64];
    file[..6].copy_from_slice(b"\x7fELF\x02\x01");
    for (at, byte) in [
        (6, 1),
        (16, 1),
        (18, 62),
        (20, 1),
        (52, 64),
        (58, 64),
        (60, 3),
        (62, 2),
    ] {
        file[at] = byte;
    }
    let sections = (64 + modinfo.len() + names.len()) as u64;
    file[40..48].copy_from_slice(&sections.to_le_bytes());
    file.extend(modinfo);
    file.extend(names);
    let section = |name: u32, kind: u32, start: usize, len: usize| {
        let mut header = [0; 64];
        header[..4].copy_from_slice(&name.to_le_bytes());
        header[4..8].copy_from_slice(&kind.to_le_bytes());
        header[24..32].copy_from_slice(&(start as u64).to_le_bytes());
        header[32..40].copy_from_slice(&(len as u64).to_le_bytes());
        header
    };
    file.extend([0; 64]);
    file.extend(section(1, 1, 64, modinfo.len()));
    file.extend(section(10, 3, 64 + modinfo.len(), names.len()));
    file
}

/// The configuration space of a port with these bits in its second device capabilities.
fn configuration(capabilities: u32) -> Vec<u8> {
    let mut space = vec![0; 256];
    space[0x34] = 0x40;
    space[0x40] = 0x10;
    space[0x64..0x68].copy_from_slice(&capabilities.to_le_bytes());
    space
}

fn doctor(tree: &Tree) -> Outcome {
    tree.run(&["doctor", "--user", "ann", "--json"])
}

/// The findings of a check: each its outcome and what was found.
fn findings(tree: &Tree, check: &str) -> Vec<(String, String)> {
    let json = doctor(tree).json();
    let all = json["findings"].as_array().unwrap();
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    all.iter()
        .filter(|finding| finding["check"] == check)
        .map(|finding| (text(&finding["outcome"]), text(&finding["found"])))
        .collect()
}

/// The check ends so, once, with these words in what it found.
#[track_caller]
fn assert_finds(tree: &Tree, check: &str, outcome: &str, words: &str) {
    let found = findings(tree, check);
    let fits = |(o, f): &&(String, String)| o == outcome && f.contains(words);
    assert_eq!(found.iter().filter(fits).count(), 1, "{check}: {found:#?}");
}

#[track_caller]
fn assert_exit(tree: &Tree, code: i32) {
    let seen = doctor(tree);
    assert_eq!(seen.code, code, "{seen:?}");
    assert_eq!(seen.json()["exit_code"], code);
    assert_eq!(tree.run(&["doctor", "--user", "ann"]).code, code);
}

#[test]
fn what_a_container_hides_is_skipped_and_not_missing() {
    for hidden in ["/sys/module", "/sys/bus"] {
        let tree = healthy();
        fs::remove_dir_all(tree.path(hidden)).unwrap();
        assert_finds(&tree, "gpu", "skipped", "as in some containers");
        if hidden == "/sys/module" {
            assert_finds(&tree, "module", "skipped", "as in some containers");
        }
    }
}

#[test]
fn where_all_is_well_nothing_is_loud() {
    let tree = healthy();
    let seen = doctor(&tree);
    assert_eq!(seen.code, 0, "{seen:?}");
    let json = seen.json();
    let of = |outcome: &str| -> Vec<&serde_json::Value> {
        let all = json["findings"].as_array().unwrap().iter();
        all.filter(|finding| finding["outcome"] == outcome)
            .collect()
    };
    for outcome in ["note", "warning", "error"] {
        assert_eq!(of(outcome), Vec::<&serde_json::Value>::new());
    }
    // What a tree cannot show is said to be skipped.
    let skipped: Vec<_> = of("skipped").iter().map(|f| &f["check"]).collect();
    assert_eq!(skipped, ["tools", "initramfs", "parameters", "environment"]);
    let text = tree.run(&["doctor", "--user", "ann"]).out;
    assert!(!text.contains(" why "), "{text}");
}

#[test]
fn the_text_fits_a_terminal_and_tells_why_and_what_to_do() {
    let tree = healthy();
    tree.write("/etc/environment", "HSA_OVERRIDE_GFX_VERSION=10.3.0")
        .remove("/etc/modprobe.d/rmcp.conf");
    let seen = tree.run(&["doctor", "--user", "ann"]);
    assert!(seen.out.starts_with("2 errors, "), "{}", seen.out);
    for line in seen.out.lines() {
        assert!(line.chars().count() <= 80, "{line}");
    }
    for word in ["ERROR    override ", " why ", " do ", " source "] {
        assert!(seen.out.contains(word), "{word}: {}", seen.out);
    }
    let notes = Tree::new().run(&["doctor"]).out;
    let more = Tree::new().run(&["doctor", "--verbose"]).out;
    assert!(!notes.contains(" why ") && more.contains(" why "), "{more}");
}

#[test]
fn the_exit_code_is_the_gravest_findings() {
    let tree = healthy();
    assert_exit(&tree, 0);
    tree.write("/etc/environment", "HSA_XNACK=1");
    assert_exit(&tree, 0);
    tree.write("/etc/environment", "HSA_DISABLE_CACHE=1");
    assert_exit(&tree, 4);
    tree.guard(BDF, "state", "armed");
    assert_exit(&tree, 2);
    // No such GPU goes before a warning, and after an error.
    let tree = Tree::new();
    user(&tree);
    assert_exit(&tree, 3);
    tree.write("/etc/environment", "HSA_DISABLE_CACHE=1");
    assert_exit(&tree, 3);
    let seen = tree.run(&["doctor", "--user", "nobody-known"]);
    assert_eq!(seen.code, 1, "{seen:?}");
}

#[test]
fn kernels() {
    let tree = healthy();
    let headers = format!("/lib/modules/{RELEASE}/build");
    assert_finds(
        &tree,
        "kernel",
        "good",
        "7.2.12+test (running) can have rmcp",
    );
    assert_finds(&tree, "dkms", "good", "rmcp is installed");
    let another = "/lib/modules/6.6.9/kernel/x";
    tree.write(another, "");
    assert_finds(&tree, "kernel", "note", "6.6.9 cannot have rmcp");
    tree.remove(&format!("{headers}/Makefile"));
    assert_finds(
        &tree,
        "kernel",
        "note",
        "the headers of 7.2.12+test were not found",
    );

    let tree = healthy();
    tree.remove(&format!("/lib/modules/{RELEASE}/updates/dkms/rmcp.ko"));
    assert_finds(&tree, "dkms", "warning", "no rmcp");
    tree.remove(&format!("{headers}/Makefile"));
    assert_finds(
        &tree,
        "kernel",
        "warning",
        "the headers of 7.2.12+test were not found",
    );
    tree.write(&format!("{headers}/.config"), "CONFIG_RUST=n");
    assert_finds(&tree, "kernel", "error", "was built without CONFIG_RUST");

    let tree = Tree::new();
    fs::remove_dir_all(tree.path("/lib/modules")).unwrap();
    user(&tree);
    assert_finds(&tree, "kernel", "skipped", "no kernel");
}

#[test]
fn the_boot() {
    let tree = healthy();
    assert_finds(&tree, "load-order", "good", "/etc/modprobe.d/rmcp.conf");
    assert_finds(&tree, "initramfs", "skipped", "below another root");
    tree.write("/etc/modprobe.d/zz.conf", "alias rmcp off");
    assert_finds(&tree, "load-order", "error", "takes the name rmcp for off");
    tree.write("/etc/modprobe.d/a.conf", "softdep amdgpu pre: x")
        .remove("/etc/modprobe.d/zz.conf");
    assert_finds(&tree, "load-order", "error", "/etc/modprobe.d/a.conf:1");
    tree.remove("/etc/modprobe.d/a.conf")
        .remove("/etc/modprobe.d/rmcp.conf");
    assert_finds(&tree, "load-order", "error", "nothing loads rmcp");
    let tree = Tree::new();
    user(&tree);
    assert_finds(&tree, "load-order", "note", "nothing loads rmcp");
    assert_eq!(findings(&tree, "initramfs"), []);
}

#[test]
fn secure_boot() {
    const GLOBAL: &str = "8be4df61-93ca-11d2-aa0d-00e098032b8c";
    let tree = healthy();
    assert_finds(&tree, "secure-boot", "good", "demands no signature");
    assert_finds(&tree, "lockdown", "good", "lockdown is none");
    tree.bytes(
        &format!("/sys/firmware/efi/efivars/SecureBoot-{GLOBAL}"),
        &[6, 0, 0, 0, 1],
    )
    .write(
        "/sys/kernel/security/lockdown",
        "none [integrity] confidentiality",
    );
    assert_finds(
        &tree,
        "lockdown",
        "note",
        "may not be able to read the registers",
    );
    assert_finds(
        &tree,
        "secure-boot",
        "error",
        "Secure Boot on: the kernel is locked down (integrity), and the module is not signed",
    );
    let mend = doctor(&tree).json()["findings"]
        .as_array()
        .unwrap()
        .iter()
        .find(|finding| finding["check"] == "secure-boot")
        .unwrap()["mend"]
        .clone();
    assert!(
        mend[2]
            .as_str()
            .unwrap()
            .starts_with("mokutil --import /var/lib/dkms/mok.pub"),
        "{mend}"
    );
    let signed = "module~Module signature appended~";
    tree.write(
        &format!("/lib/modules/{RELEASE}/updates/dkms/rmcp.ko"),
        signed,
    );
    assert_finds(&tree, "secure-boot", "error", "trailer is damaged");
    tree.remove(&format!("/lib/modules/{RELEASE}/updates/dkms/rmcp.ko"));
    assert_finds(
        &tree,
        "secure-boot",
        "note",
        "what DKMS builds must be signed",
    );
    tree.write("/sys/kernel/security/lockdown", "nonsense");
    assert_finds(&tree, "secure-boot", "skipped", "nonsense");
    tree.remove("/sys/kernel/security/lockdown");
    assert_finds(&tree, "lockdown", "skipped", "does not show");
}

#[test]
fn the_module() {
    let tree = healthy();
    let state = "/sys/module/rmcp/guard/state";
    assert_finds(&tree, "module", "good", "armed");
    tree.write(state, "refused");
    assert_finds(&tree, "module", "error", "refused");
    tree.write(state, "report-only");
    assert_finds(&tree, "module", "warning", "only reports");
    tree.write(state, "?");
    assert_finds(&tree, "module", "skipped", "does not say");
    fs::remove_dir_all(tree.path("/sys/module/rmcp")).unwrap();
    assert_finds(&tree, "module", "error", "but not loaded");
    tree.remove(&format!("/lib/modules/{RELEASE}/updates/dkms/rmcp.ko"));
    assert_finds(&tree, "module", "error", "nor installed");
    let tree = Tree::new();
    user(&tree);
    assert_finds(&tree, "module", "note", "not loaded");
}

#[test]
fn beside_an_amdgpu_that_has_the_policy_itself_rmcp_is_not_missed() {
    let tree = healthy();
    tree.patched_amdgpu(BDF).rmcp("report-only", "it stands by");
    fs::remove_dir_all(tree.path(&format!("/sys/bus/pci/devices/{BDF}/rmcp"))).unwrap();
    assert_finds(
        &tree,
        "module",
        "good",
        "itself; rmcp is beside it: it stands by",
    );
    assert_finds(&tree, "gpu", "good", "0000:01:00.0 Navi10: enforced");
    assert_exit(&tree, 0);

    // Nor where it cannot be: of a kernel without Rust.
    fs::remove_dir_all(tree.path("/sys/module/rmcp")).unwrap();
    tree.remove(&format!("/lib/modules/{RELEASE}/updates/dkms/rmcp.ko"))
        .remove("/etc/modprobe.d/rmcp.conf");
    assert_finds(&tree, "module", "good", "need not be");
    assert_finds(&tree, "dkms", "note", "no rmcp");
    assert_finds(&tree, "load-order", "note", "which has the policy itself");
    let config = format!("/lib/modules/{RELEASE}/build/.config");
    tree.write(&config, "CONFIG_RUST=n");
    assert_finds(&tree, "kernel", "note", "cannot have rmcp");
    assert_exit(&tree, 0);

    // What it says is believed no more than rmcp.
    let own = format!("/sys/bus/pci/devices/{BDF}/gmc_v10_policy");
    tree.write(&format!("{own}/noretry"), "0");
    assert_finds(
        &tree,
        "gpu",
        "error",
        "amdgpu says that it is in force, but",
    );
    assert_exit(&tree, 2);
}

#[test]
fn gpus() {
    let tree = healthy();
    assert_finds(&tree, "gpu", "good", "0000:01:00.0 Navi10: enforced");
    tree.guard(BDF, "state", "refused");
    assert_finds(&tree, "gpu", "error", "refused");
    tree.guard(BDF, "noretry", "maybe");
    assert_finds(&tree, "gpu", "skipped", "maybe");
    fs::remove_dir_all(tree.path(&format!("/sys/bus/pci/devices/{BDF}/rmcp"))).unwrap();
    assert_finds(&tree, "gpu", "error", "not adopted");
    // By the values, as status judges.
    let tree = healthy();
    tree.guard(BDF, "mtype_cc_requests", "3")
        .guard(BDF, "mtype_cc_rewritten", "2");
    assert_finds(&tree, "gpu", "error", "a live value is not the wanted one");
    // Of Cyan Skillfish only rmcp may know the version.
    let tree = healthy();
    let table = format!("/sys/bus/pci/devices/{BDF}/ip_discovery");
    fs::remove_dir_all(tree.path(&table)).unwrap();
    tree.write(&format!("/sys/bus/pci/devices/{BDF}/device"), "0x13fe")
        .guard(BDF, "gc_version", "10.1.3");
    assert_finds(
        &tree,
        "gpu",
        "good",
        "0000:01:00.0 Cyan Skillfish: enforced",
    );
    assert_finds(&tree, "large-bar", "good", "Cyan Skillfish");
    let tree = Tree::new();
    user(&tree);
    assert_finds(&tree, "gpu", "note", "no other of AMD's either");
    tree.gpu(BDF, "0x744c", [11, 0, 0]);
    assert_finds(&tree, "gpu", "note", "one other of AMD's");
    fs::create_dir_all(tree.path("/sys/bus/pci/devices/0000:02:00.0/vendor")).unwrap();
    assert_finds(&tree, "gpu", "skipped", "vendor");
}

#[test]
fn parameters_are_judged_as_params_check_does() {
    let tree = healthy();
    assert_finds(&tree, "parameters", "good", "nothing that is set");
    let file = "/etc/modprobe.d/gpu.conf";
    tree.write(file, "options rmcp noretry=7");
    let found = findings(&tree, "parameters");
    let check = tree.run(&["params", "check", "--json"]).json();
    let check = check["findings"].as_array().unwrap();
    assert!(!check.is_empty());
    for theirs in check {
        let ours = format!("{file}:1: {}", theirs["found"].as_str().unwrap());
        let severity = theirs["severity"].as_str().unwrap().to_owned();
        assert!(found.contains(&(severity, ours)), "{theirs}: {found:#?}");
    }
    fs::remove_file(tree.path("/proc/cmdline")).unwrap();
    fs::create_dir(tree.path("/proc/cmdline")).unwrap();
    assert_finds(&tree, "parameters", "skipped", "/proc/cmdline");
}

#[test]
fn firmware() {
    let tree = healthy();
    assert_finds(&tree, "firmware", "good", "Navi10");
    tree.remove("/lib/firmware/amdgpu/navi10_ta.bin.xz");
    assert_finds(&tree, "firmware", "note", "amdgpu/navi10_ta.bin");
    tree.write("/lib/firmware/updates/amdgpu/navi10_ta.bin", "")
        .remove("/lib/firmware/amdgpu/navi10_rlc.bin.xz");
    assert_finds(&tree, "firmware", "error", "amdgpu/navi10_rlc.bin");
    tree.write("/sys/module/firmware_class/parameters/path", "/srv/fw")
        .write("/srv/fw/amdgpu/navi10_rlc.bin", "");
    assert_finds(&tree, "firmware", "good", "Navi10");
    tree.write(
        &format!("/lib/modules/{RELEASE}/kernel/drivers/gpu/drm/amd/amdgpu/amdgpu.ko"),
        "junk",
    );
    assert_finds(&tree, "firmware", "skipped", "ELF");
    tree.remove("/proc/sys/kernel/osrelease");
    assert_finds(&tree, "firmware", "skipped", "release");
}

#[test]
fn the_way_to_memory() {
    let tree = healthy();
    let gpu = format!("/sys/bus/pci/devices/{BDF}");
    assert_finds(&tree, "kfd", "good", "node 1, gfx1010");
    assert_finds(&tree, "pcie-atomics", "good", "atomic operations");
    assert_finds(&tree, "iommu", "good", "no IOMMU");
    assert_finds(&tree, "large-bar", "good", "all 8176 MiB");

    tree.write(&format!("{gpu}/iommu_group/type"), "identity");
    assert_finds(&tree, "iommu", "good", "passes addresses through");
    tree.write(&format!("{gpu}/iommu_group/type"), "DMA-FQ");
    assert_finds(&tree, "iommu", "good", "translates its addresses (DMA-FQ)");
    tree.write(&format!("{gpu}/mem_info_vis_vram_total"), "268435456");
    assert_finds(&tree, "large-bar", "note", "256 of 8176 MiB");
    tree.remove(&format!("{gpu}/mem_info_vram_total"));
    assert_finds(&tree, "large-bar", "skipped", "does not show");

    let properties = format!("{NODE}/properties");
    tree.write(
        &properties,
        "simd_count 80\nlocation_id 256\ngfx_target_version 100300",
    );
    assert_finds(&tree, "kfd", "warning", "gfx1030, expected gfx1010");
    tree.gpu("0000:02:00.0", "0x73bf", [10, 3, 0]);
    assert_finds(
        &tree,
        "kfd",
        "warning",
        "does not publish 0000:02:00.0 Navi21",
    );
    assert_finds(&tree, "iommu", "note", "translates its addresses (DMA-FQ)");
    assert_finds(&tree, "pcie-atomics", "skipped", "no root port");
    fs::remove_dir_all(tree.path("/sys/class/kfd")).unwrap();
    tree.pci("0000:02:00.0", "0x10de", "0", "0x030000");
    assert_finds(&tree, "kfd", "warning", "amdkfd is not there");
}

#[test]
fn atomics_by_the_bridges_and_by_amdkfds_word() {
    let tree = healthy();
    let link = format!("{NODE}/io_links/0/properties");
    let port = format!("/sys/bus/pci/devices/{PORT}/config");
    tree.write(&link, "flags 13");
    assert_finds(
        &tree,
        "pcie-atomics",
        "note",
        "amdkfd says that they are not used",
    );
    tree.bytes(&port, &configuration(0x80));
    assert_finds(&tree, "pcie-atomics", "note", "firmware can do without");
    fs::remove_dir_all(tree.path(NODE)).unwrap();
    assert_finds(
        &tree,
        "pcie-atomics",
        "warning",
        "the bridge 0000:00:01.0 does not carry",
    );
    tree.bytes(&port, &configuration(0x180));
    assert_finds(&tree, "pcie-atomics", "good", "every bridge");
    tree.bytes(&port, &configuration(0x180)[..64]);
    assert_finds(&tree, "pcie-atomics", "skipped", "only root");
    tree.bytes(&port, &[0; 256]);
    assert_finds(&tree, "pcie-atomics", "skipped", "no capability");
    let tree = healthy();
    for (name, number) in [("minor", "3"), ("revision", "3")] {
        tree.write(
            &format!("/sys/bus/pci/devices/{BDF}/ip_discovery/die/0/GC/0/{name}"),
            number,
        );
    }
    assert_finds(
        &tree,
        "pcie-atomics",
        "good",
        "Rembrandt is in the CPU's package",
    );
    assert_finds(&tree, "large-bar", "good", "shares the CPU's memory");
}

#[test]
fn access() {
    let tree = healthy();
    assert_finds(&tree, "access", "good", "/dev/kfd");
    assert_finds(&tree, "access", "good", "/dev/dri/renderD128");
    let bob = tree.run(&["doctor", "--user", "bob"]).out;
    assert!(bob.contains("usermod -aG render bob"), "{bob}");
    mode(&tree, "/dev/kfd", 0o600);
    assert_finds(&tree, "access", "error", "nor may any group");
    tree.remove("/dev/kfd");
    assert_finds(&tree, "access", "warning", "/dev/kfd is not there");
    let seen = tree.run(&["doctor"]).out;
    assert!(seen.contains("must be named with --user"), "{seen}");
    let tree = Tree::new();
    user(&tree);
    tree.remove("/dev/kfd");
    assert_finds(&tree, "access", "skipped", "neither");
}

#[test]
fn the_override_is_judged_by_the_gpu() {
    let version = "HSA_OVERRIDE_GFX_VERSION";
    let tree = healthy();
    for (gc, value, outcome, words) in [
        ([10, 1, 10], "10.3.0", "error", "another GPU on gfx1010"),
        ([10, 1, 10], "10.1.0", "note", "changes nothing"),
        ([10, 3, 2], "10.3.0", "note", "sister chip on gfx1031"),
        ([10, 1, 10], "10.1.10", "error", "version of no chip"),
        ([10, 3, 0], "11.0.0", "error", "another GPU on gfx1030"),
        ([10, 3, 0], "ten", "warning", "is no version"),
        ([10, 3, 0], "$X", "warning", "takes a shell"),
    ] {
        for (name, number) in ["major", "minor", "revision"].iter().zip(gc) {
            let file = format!("/sys/bus/pci/devices/{BDF}/ip_discovery/die/0/GC/0/{name}");
            tree.write(&file, &number.to_string());
        }
        tree.write(
            "/home/ann/.bashrc",
            &format!("# mine\nexport {version}={value}"),
        );
        assert_finds(&tree, "override", outcome, words);
        assert_finds(&tree, "override", outcome, "/home/ann/.bashrc:2");
    }
    // For one node of amdkfd's, the second GPU being another.
    let tree = healthy();
    tree.gpu("0000:02:00.0", "0x73bf", [10, 3, 0]).write(
        "/sys/class/kfd/kfd/topology/nodes/2/properties",
        "simd_count 80\nlocation_id 512\ngfx_target_version 100300",
    );
    let file = "/etc/environment.d/a.conf";
    for (node, outcome, words) in [
        (
            1,
            "error",
            "_1=10.3.0 (/etc/environment.d/a.conf:1) runs code of another GPU on gfx1010",
        ),
        (2, "note", "it changes nothing"),
        (0, "note", "node 0 is no RDNA1/RDNA2 GPU"),
        (3, "note", "node 3 is no RDNA1/RDNA2 GPU"),
    ] {
        tree.write(file, &format!("{version}_{node}=10.3.0"));
        assert_finds(&tree, "override", outcome, words);
    }
    fs::remove_dir_all(tree.path("/sys/class/kfd")).unwrap();
    assert_finds(
        &tree,
        "override",
        "note",
        "amdkfd does not say which GPU is node 3",
    );
    let tree = Tree::new();
    user(&tree);
    tree.write("/etc/environment", &format!("{version}=10.3.0"));
    assert_finds(&tree, "override", "note", "there is no RDNA1/RDNA2 GPU");
}

#[test]
fn variables_matter_by_their_values_wherever_they_are_set() {
    for (line, outcome) in [
        ("HSA_FORCE_FINE_GRAIN_PCIE=1", "warning"),
        ("HSA_DISABLE_CACHE=1", "warning"),
        // libhsakmt takes only 0 for off.
        ("export HSA_DISABLE_CACHE=", "warning"),
        ("OPENCL_USE_NC_MEMORY_POLICY=0", "warning"),
        ("HIP_FORCE_DEV_KERNARG=1", "warning"),
        ("HIP_VISIBLE_DEVICES=-1", "warning"),
        ("ROCR_VISIBLE_DEVICES=-1", "warning"),
        ("ROCR_VISIBLE_DEVICES=", "warning"),
        ("CUDA_VISIBLE_DEVICES='-1,0'", "warning"),
        ("HSA_XNACK=0", "note"),
        ("HSA_USE_SVM=0", "note"),
        ("HIP_HOST_COHERENT=0", "note"),
        ("HSA_ENABLE_SDMA=0", "note"),
        ("HSA_DISABLE_FRAGMENT_ALLOCATOR=1", "note"),
        ("HSA_ENABLE_INTERRUPT=0", "note"),
        ("AMD_SERIALIZE_KERNEL=3", "note"),
        ("AMD_SERIALIZE_COPY=3", "note"),
        ("HIP_LAUNCH_BLOCKING=1", "note"),
        ("PYTORCH_NO_CUDA_MEMORY_CACHING=1", "note"),
        ("PYTORCH_NO_HIP_MEMORY_CACHING=1", "note"),
    ] {
        for file in [
            "/etc/profile.d/rocm.sh",
            "/home/ann/.config/environment.d/1.conf",
        ] {
            let tree = healthy();
            tree.write(file, line);
            let name = line.split('=').next().unwrap();
            let name = name.trim_start_matches("export ");
            assert_finds(&tree, "environment", outcome, name);
            assert_finds(&tree, "environment", outcome, &format!("({file}:1)"));
        }
    }
    for line in [
        "HSA_FORCE_FINE_GRAIN_PCIE=0",
        // ROCr knows only 1.
        "HSA_FORCE_FINE_GRAIN_PCIE=2",
        "PYTORCH_HIP_ALLOC_CONF=expandable_segments:True",
        "HSA_USE_SVM=1",
        "HIP_VISIBLE_DEVICES=0,1",
        // HIP takes an empty list for none.
        "HIP_VISIBLE_DEVICES=",
        "CUDA_VISIBLE_DEVICES=''",
        "#HSA_DISABLE_CACHE=1",
        "MY_HSA_XNACK=1",
    ] {
        let tree = healthy();
        tree.write("/etc/environment", line);
        assert_finds(&tree, "environment", "good", "none of");
    }
    // As pam_env reads it.
    for file in ["/etc/security/pam_env.conf", "/home/ann/.pam_environment"] {
        let tree = healthy();
        tree.write(file, "HSA_DISABLE_CACHE  DEFAULT=1");
        let found = format!("HSA_DISABLE_CACHE=1 ({file}:1)");
        assert_finds(&tree, "environment", "warning", &found);
    }
    let tree = healthy();
    fs::create_dir(tree.path("/etc/profile")).unwrap();
    assert_finds(&tree, "environment", "skipped", "/etc/profile");
}

#[test]
fn rocm_and_pytorch_on_the_disk() {
    let torch = "/home/ann/ml/.venv/lib/python3.12/site-packages/torch";
    let tree = healthy();
    assert_finds(&tree, "rocm", "good", "/opt/rocm-6.2.4 6.2.4-98");
    assert_finds(&tree, "rocblas", "good", "kernels for gfx1010");
    assert_finds(&tree, "pytorch", "good", "2.5.1+rocm6.2, for HIP 6.2.41133");
    tree.write("/opt/rocm-5.7/.info/version", "5.7.0");
    assert_finds(&tree, "rocm", "note", "several");
    tree.write(
        &format!("{torch}/lib/rocblas/library/Kernels_gfx1030.hsaco"),
        "",
    );
    assert_finds(
        &tree,
        "rocblas",
        "warning",
        "torch has no kernels for gfx1010",
    );
    tree.write(
        &format!("/sys/bus/pci/devices/{BDF}/ip_discovery/die/0/GC/0/minor"),
        "3",
    )
    .write(
        &format!("/sys/bus/pci/devices/{BDF}/ip_discovery/die/0/GC/0/revision"),
        "2",
    );
    assert_finds(&tree, "rocblas", "note", "none for gfx1031");
    tree.write(
        &format!("{torch}/version.py"),
        "__version__ = '2.5.1'\ncuda: Optional[str] = '12.4'\nhip = None",
    );
    assert_finds(&tree, "pytorch", "warning", "for CUDA 12.4");
    let ultralytics = torch.replace("/torch", "/ultralytics/__init__.py");
    tree.write(&ultralytics, "__version__ = \"8.3.40\"");
    assert_finds(&tree, "ultralytics", "note", "Ultralytics 8.3.40 is beside");
    tree.write(&format!("{torch}/version.py"), "__version__ = '2.5.1+cpu'");
    assert_finds(&tree, "pytorch", "note", "for the CPU");
    // Where Fedora has them.
    let tree = Tree::new();
    user(&tree);
    tree.gpu(BDF, "0x731f", [10, 1, 10])
        .write("/usr/lib64/rocblas/library/Kernels_gfx1010.hsaco", "");
    assert_finds(
        &tree,
        "rocblas",
        "good",
        "/usr/lib64/rocblas/library has kernels for gfx1010",
    );
    for library in ["/usr/lib64", "/usr/local/lib64"] {
        let torch = format!("{library}/python3.13/site-packages/torch");
        tree.write(
            &format!("{torch}/version.py"),
            "__version__ = '2.5.0'\nhip = '6.2'",
        );
        assert_finds(&tree, "pytorch", "good", &torch);
    }
    // AMD's beside the distribution's.
    let tree = healthy();
    let debians = "Package: libamdhip64-5\nStatus: install ok installed\nVersion: 5.7.1-5";
    tree.write("/var/lib/dpkg/status", debians);
    assert_finds(
        &tree,
        "rocm",
        "note",
        "several: /opt/rocm-6.2.4 6.2.4-98, libamdhip64-5 5.7.1-5",
    );
    let amds = "Package: rocm-core6.2.4\nStatus: install ok installed\nVersion: 6.2.4.60204-139";
    tree.write("/var/lib/dpkg/status", amds);
    assert_finds(&tree, "rocm", "good", "rocm-core6.2.4 6.2.4.60204-139");
    let tree = Tree::new();
    user(&tree);
    assert_finds(&tree, "rocm", "note", "no ROCm is where it was looked");
    assert_finds(
        &tree,
        "pytorch",
        "note",
        "no PyTorch is where it was looked",
    );
    tree.write(
        "/var/lib/dpkg/status",
        "Package: libhsa-runtime64-1\nStatus: install ok installed\nVersion: 6.1.2-3\n\nPackage: bash\n",
    );
    assert_finds(&tree, "rocm", "good", "libhsa-runtime64-1 6.1.2-3");
    // As long as the list of a large system.
    let others = "Package: bash\nStatus: install ok installed\nVersion: 5.2\n\n".repeat(40_000);
    let status = format!("{others}Package: hsa-rocr\nStatus: install ok installed\nVersion: 1.14");
    tree.write("/var/lib/dpkg/status", &status);
    assert_finds(&tree, "rocm", "good", "hsa-rocr 1.14");
    tree.remove("/var/lib/dpkg/status");
    fs::create_dir(tree.path("/var/lib/dpkg/status")).unwrap();
    assert_finds(&tree, "rocm", "skipped", "dpkg/status");
    assert!(
        tree.run(&["doctor"])
            .out
            .contains("none was found outside home"),
        "{tree:?}",
        tree = tree.path("/")
    );
}

#[test]
fn without_a_gpu_its_checks_are_skipped_not_good() {
    let tree = Tree::new();
    user(&tree);
    for check in ["firmware", "kfd", "pcie-atomics", "iommu", "large-bar"] {
        assert_finds(&tree, check, "skipped", "there is no RDNA1/RDNA2 GPU");
    }
    tree.pci(BDF, "0x1002", "0x731f", "0x030000");
    assert_finds(
        &tree,
        "kfd",
        "skipped",
        "GC version of the GPU is not known",
    );
}

#[test]
fn every_finding_says_why_it_matters_and_where_to_read_so() {
    for tree in [healthy(), Tree::new()] {
        user(&tree);
        for finding in doctor(&tree).json()["findings"].as_array().unwrap() {
            for field in ["check", "found", "why", "source"] {
                assert!(!finding[field].as_str().unwrap().is_empty(), "{finding}");
            }
        }
    }
}

/// What is private, as a report would show it.
const PRIVATE: [&str; 18] = [
    "annsbox",
    "example.org",
    "ann",
    "Ann",
    "Smithers",
    "bobby",
    "secretproject",
    "Secret Work",
    "acme",
    "5b8a7f6e5d4c3b2a190817263544aabb",
    "SER1AL42",
    "4c4c4544-0038",
    "aa:bb:cc:dd:ee:01",
    "deadbeefcafef00d",
    "d3adb33f-1111",
    "topsecret",
    "intranet",
    "/home/",
];

/// A reason of rmcp's with all in it that is known to be private wherever it stands.
const REASON: &str =
    "no such thing at annsbox.example.org or annsbox, of ann (Ann Smithers), bobby and \
    acme, in 5b8a7f6e5d4c3b2a190817263544aabb: SER1AL42, 4c4c4544-0038-4d10-8051-b1c04f4a3132, \
    aa:bb:cc:dd:ee:01, deadbeefcafef00d, UUID=d3adb33f-1111-2222-3333-444455556666, \
    /home/ann/secretproject/topsecret, /srv/people/bobby/intranet";

/// Puts what is private wherever doctor looks, and where it does not.
fn plant(tree: &Tree) {
    let gid = fs::metadata(tree.path("/dev/kfd")).unwrap().gid();
    let torch = "/home/ann/Secret Work/lib/python3.12/site-packages/torch";
    // An image of an older boot loader, whose directory is named for the machine.
    let image = crate::cpio::archive(&[("lib/amdgpu.ko", "")]);
    let machine = "5b8a7f6e5d4c3b2a190817263544aabb";
    tree.bytes(&format!("/boot/{machine}/{RELEASE}/initrd"), &image);
    let version = "__version__ = '2.5.1'\ncuda: Optional[str] = '12.4'";
    let gpu = format!("/sys/bus/pci/devices/{BDF}");
    tree.write("/proc/sys/kernel/hostname", "annsbox")
        .write("/etc/hostname", "annsbox")
        .write("/etc/hosts", "127.0.1.1 annsbox.example.org annsbox\n10.0.0.1 intranet")
        .write("/etc/machine-id", "5b8a7f6e5d4c3b2a190817263544aabb")
        .write(
            "/proc/cmdline",
            "root=UUID=d3adb33f-1111-2222-3333-444455556666 user=ann amdgpu.noretry=0 ip=intranet nomodeset module_blacklist=x",
        )
        .write("/sys/class/dmi/id/product_serial", "SER1AL42")
        .write("/sys/class/dmi/id/product_uuid", "4c4c4544-0038-4d10-8051-b1c04f4a3132")
        .write("/sys/class/net/eth0/address", "aa:bb:cc:dd:ee:01")
        .write(&format!("{gpu}/unique_id"), "deadbeefcafef00d")
        .write(
            "/etc/passwd",
            "ann:x:4242:4242:Ann Smithers,Room 1:/home/ann:/bin/bash\nbobby:x:4343:4343::/srv/people/bobby:/bin/sh",
        )
        .write("/etc/group", &format!("acme:x:{}:", gid.max(4000)))
        .write("/etc/fstab", "UUID=d3adb33f-1111-2222-3333-444455556666 / ext4")
        .write(
            "/etc/environment",
            "HSA_OVERRIDE_GFX_VERSION=topsecret\nHSA_DISABLE_CACHE=topsecret\nHSA_TOOLS_LIB=/home/ann/secretproject/x.so",
        )
        .write("/home/ann/.bashrc", "HSA_DISABLE_CACHE=1 # topsecret\nAPI_KEY=topsecret")
        .write("/home/ann/.config/environment.d/Secret Work.conf", "HSA_DISABLE_CACHE=1")
        .write(
            "/home/ann/secretproject/lib/python3.12/site-packages/torch/version.py",
            version,
        )
        .write(&format!("{torch}/version.py"), version)
        .write(&format!("{torch}/lib/rocblas/library/gfx1030"), "")
        .write("/etc/modprobe.d/ann.conf", "softdep amdgpu pre: rmcp\noptions x key=topsecret")
        .remove("/etc/modprobe.d/rmcp.conf")
        .write("/etc/dkms/framework.conf", "mok_certificate=/srv/people/bobby/topsecret.der")
        .guard(BDF, "state", "refused")
        .guard(BDF, "reason", REASON)
        .write("/sys/module/amdgpu/parameters/virtual_display", "aa:bb:cc:dd:ee:01")
        .write("/sys/kernel/security/lockdown", "none [integrity] confidentiality");
    mode(tree, "/dev/kfd", 0o600);
}

#[test]
fn a_report_tells_much_and_nothing_private() {
    let tree = healthy();
    plant(&tree);
    let path = tree.path("/report.txt");
    let seen = tree.run(&[
        "doctor",
        "--user",
        "ann",
        "--report",
        path.to_str().unwrap(),
    ]);
    assert_eq!(seen.code, 2, "{seen:?}");
    // What is taken out of the report is on the screen.
    for shown in [
        "/home/ann/.bashrc",
        "Secret Work",
        "ann may not use",
        "ann.conf",
    ] {
        assert!(seen.out.contains(shown), "{shown}: {}", seen.out);
    }
    let report = fs::read_to_string(path).unwrap();
    let joined = report.split_whitespace().collect::<Vec<_>>().join(" ");
    for private in PRIVATE {
        let word = |c: char| c.is_alphanumeric();
        let leaks = joined.match_indices(private).any(|(at, _)| {
            let (before, after) = (&joined[..at], &joined[at + private.len()..]);
            !private.ends_with(word) || !(before.ends_with(word) || after.starts_with(word))
        });
        assert!(!leaks, "{private}: {report}");
    }
    for told in [
        "command line: amdgpu.noretry=0 nomodeset module_blacklist=x (and 3 other words)",
        "7.2.12+test",
        "/boot/<id>/7.2.12+test/initrd, read",
        "Navi10",
        "noretry=-1",
        "\"verdict\": \"not-in-effect\"",
        "ERROR    gpu ",
        "no such thing at <host> or <host>, of <user> (<user>), <user> and <group>, in <id>: <id>, \
         <id>, <id>, <id>, UUID=<id>, <home>, <home>",
        "== status",
    ] {
        assert!(report.contains(told), "{told}: {report}");
    }
    for line in report.split("== status").next().unwrap().lines() {
        assert!(line.chars().count() <= 80, "{line}");
    }
}

#[test]
fn a_report_that_cannot_be_written_is_an_error() {
    let tree = healthy();
    let seen = tree.run(&["doctor", "--report", "/proc/none/report"]);
    assert_eq!(seen.code, 1, "{seen:?}");
}

/// Files that doctor reads, each with something in it that it should have a hard time with.
fn hostile(tree: &Tree, seed: usize) {
    const NASTY: [&[u8]; 8] = [
        b"",
        b"\0\0\0\0",
        b"\xff\xfe\xfd",
        b"99999999999999999999999999",
        b"-1 -1\n= =\n::::\n\"'\\$`",
        b"a:b:c:d:e:f:g\na=b\nsimd_count 1\nlocation_id 18446744073709551615",
        b"~Module signature appended~\n",
        b"\x1b[31m\x1b]0;x\x07",
    ];
    let gpu = format!("/sys/bus/pci/devices/{BDF}");
    let files = [
        "/proc/cmdline",
        "/proc/sys/kernel/osrelease",
        "/proc/sys/kernel/hostname",
        "/sys/kernel/security/lockdown",
        "/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c",
        "/sys/firmware/efi/efivars/MokListRT-605dab50-e046-4300-abb6-3dd810dd8b23",
        "/var/lib/dkms/mok.pub",
        "/etc/dkms/framework.conf",
        "/etc/group",
        "/etc/environment",
        "/etc/os-release",
        "/home/ann/.profile",
        "/var/lib/dpkg/status",
        "/opt/rocm/.info/version",
        "/usr/lib/python3/dist-packages/torch/version.py",
        "/sys/module/rmcp/guard/state",
    ];
    let modules = format!("/lib/modules/{RELEASE}");
    let more = [
        format!("{modules}/updates/dkms/rmcp.ko"),
        format!("{modules}/build/.config"),
        format!("{modules}/kernel/drivers/gpu/drm/amd/amdgpu/amdgpu.ko"),
        format!("{gpu}/config"),
        format!("{gpu}/iommu_group/type"),
        format!("{gpu}/mem_info_vram_total"),
        format!("{gpu}/rmcp/noretry"),
        format!("{NODE}/properties"),
        format!("{NODE}/io_links/0/properties"),
    ];
    let all = files.iter().map(|&file| file.to_owned()).chain(more);
    for (i, file) in all.enumerate() {
        // Not all of them at once: one that is refused early hides the others.
        let at = (seed + 3 * i) % (NASTY.len() + 8);
        if let Some(bytes) = NASTY.get(at) {
            tree.bytes(&file, bytes);
        }
    }
}

#[test]
fn no_hostile_tree_makes_it_panic() {
    for seed in 0..16 {
        let tree = healthy();
        hostile(&tree, seed);
        for arguments in [&["doctor"][..], &["doctor", "--user", "ann", "--json"]] {
            let seen = tree.run(arguments);
            assert!([0, 2, 3, 4].contains(&seen.code), "{seed}: {seen:?}");
            assert!(!seen.out.contains('\u{1b}'), "{seed}: {seen:?}");
        }
    }
    // Directories where files should be.
    let tree = healthy();
    for file in [
        "/etc/environment",
        "/proc/cmdline",
        "/etc/hostname",
        "/var/lib/dkms/mok.pub",
    ] {
        let _ = fs::remove_file(tree.path(file));
        fs::create_dir_all(tree.path(file)).unwrap();
    }
    let seen = tree.run(&["doctor", "--user", "ann"]);
    assert!([0, 2, 4].contains(&seen.code), "{seen:?}");
}
