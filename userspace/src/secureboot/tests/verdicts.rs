// SPDX-License-Identifier: MIT

//! Every verdict, on trees of machines.

use super::super::testing::{append, key, message, signature_list, Key};
use super::super::{judge, Machine, SecureBoot, Verdict};
use crate::root::Root;
use crate::sysfs::security::Lockdown;
use std::fs;

const RELEASE: &str = "7.2.12+test";
const GLOBAL: &str = "8be4df61-93ca-11d2-aa0d-00e098032b8c";
const DATABASE: &str = "d719b2cb-3d3a-4596-a3bc-dad00e67656f";
const SHIM: &str = "605dab50-e046-4300-abb6-3dd810dd8b23";

/// What Debian's kernel is built with.
const CONFIG: &str = "CONFIG_MODULE_SIG=y\nCONFIG_LOCK_DOWN_IN_EFI_SECURE_BOOT=y\n\
     CONFIG_INTEGRITY_PLATFORM_KEYRING=y\nCONFIG_INTEGRITY_MACHINE_KEYRING=y\n";

struct Tree(tempfile::TempDir);

impl Tree {
    /// A machine under Secure Boot with a signed module, whose key is not enrolled.
    fn new() -> Self {
        let tree = Self(tempfile::tempdir().unwrap());
        tree.write("/proc/sys/kernel/osrelease", RELEASE)
            .write("/proc/cmdline", "root=/dev/x")
            .write(&format!("/boot/config-{RELEASE}"), CONFIG)
            .lockdown("none [integrity] confidentiality")
            .write("/sys/module/module/parameters/sig_enforce", "N")
            .variable("SecureBoot", GLOBAL, &[1])
            .variable("SetupMode", GLOBAL, &[0])
            .module(&append(b"module", &message([dkms().by_number()])))
            .write("/var/lib/dkms/mok.pub", dkms().certificate());
        tree
    }

    fn write(&self, path: &str, bytes: impl AsRef<[u8]>) -> &Self {
        let path = self.0.path().join(path.trim_start_matches('/'));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
        self
    }

    fn remove(&self, path: &str) -> &Self {
        fs::remove_file(self.0.path().join(path.trim_start_matches('/'))).unwrap();
        self
    }

    fn lockdown(&self, text: &str) -> &Self {
        self.write("/sys/kernel/security/lockdown", text)
    }

    fn variable(&self, name: &str, vendor: &str, data: &[u8]) -> &Self {
        let path = format!("/sys/firmware/efi/efivars/{name}-{vendor}");
        self.write(&path, [&[6, 0, 0, 0], data].concat())
    }

    fn module(&self, bytes: &[u8]) -> &Self {
        let path = format!("/lib/modules/{RELEASE}/updates/dkms/rmcp.ko");
        self.write(&path, bytes)
    }

    fn enrolled(&self, key: &Key) -> &Self {
        self.variable("MokListRT", SHIM, &signature_list(&[key.certificate()]))
    }

    fn machine(&self) -> Machine {
        Machine::read(&Root::new(self.0.path())).unwrap()
    }

    fn verdict(&self) -> Verdict {
        self.verdict_for(RELEASE)
    }

    fn verdict_for(&self, release: &str) -> Verdict {
        judge(&Root::new(self.0.path()), &self.machine(), release).unwrap()
    }
}

fn dkms() -> Key {
    key("DKMS module signing key", 1)
}

#[track_caller]
fn assert_says(verdict: &Verdict, loads: Option<bool>, word: &str) {
    assert_eq!(verdict.loads, loads, "{verdict:?}");
    assert!(verdict.why.contains(word), "{verdict:?}");
}

#[test]
fn a_key_that_is_not_enrolled_is_enrolled_in_two_steps() {
    let verdict = Tree::new().verdict();
    assert_says(&verdict, Some(false), "DKMS's key, which is not enrolled");
    assert_says(&verdict, Some(false), "locked down (integrity)");
    assert_eq!(verdict.steps.len(), 2, "{verdict:?}");
    assert!(verdict.steps[0].starts_with("mokutil --import /var/lib/dkms/mok.pub "));
    assert!(verdict.steps[1].contains("'Enroll MOK'"));
}

#[test]
fn an_enrolled_key_loads() {
    let tree = Tree::new();
    assert_says(&tree.enrolled(&dkms()).verdict(), Some(true), "enrolled");
    // In the table that the kernel prefers, or in the firmware's own database.
    let tree = Tree::new();
    let database = signature_list(&[dkms().certificate()]);
    tree.write("/sys/firmware/efi/mok-variables/MokListRT", &database);
    assert_says(&tree.verdict(), Some(true), "enrolled as MOK");
    let tree = Tree::new();
    tree.variable("db", DATABASE, &database);
    assert_says(&tree.verdict(), Some(true), "the firmware trusts");
}

#[test]
fn the_table_goes_before_the_variable() {
    let tree = Tree::new();
    tree.enrolled(&dkms());
    tree.write("/sys/firmware/efi/mok-variables/MokListRT", "");
    assert_says(&tree.verdict(), Some(false), "not enrolled");
}

#[test]
fn a_firmware_database_that_shim_ignores_does_not_count() {
    let tree = Tree::new();
    tree.variable("db", DATABASE, &signature_list(&[dkms().certificate()]))
        .variable("MokIgnoreDB", SHIM, &[1]);
    assert_says(&tree.verdict(), Some(false), "not enrolled");
}

#[test]
fn an_enrolment_that_waits_is_confirmed_at_the_next_boot() {
    let tree = Tree::new();
    tree.variable("MokNew", SHIM, &signature_list(&[dkms().certificate()]));
    let verdict = tree.verdict();
    assert_says(&verdict, Some(false), "waits to be confirmed");
    assert_eq!(verdict.steps.len(), 1);
}

#[test]
fn a_revoked_key_is_refused_though_enrolled() {
    for (name, vendor) in [("dbx", DATABASE), ("MokListXRT", SHIM)] {
        let tree = Tree::new();
        tree.enrolled(&dkms())
            .variable(name, vendor, &signature_list(&[dkms().certificate()]));
        assert_says(&tree.verdict(), Some(false), "revoked");
    }
}

#[test]
fn an_unsigned_module_is_built_again_and_the_key_enrolled() {
    let tree = Tree::new();
    let verdict = tree.module(b"module").verdict();
    assert_says(&verdict, Some(false), "is not signed");
    assert_eq!(verdict.steps.len(), 4, "{verdict:?}");
    assert!(verdict.steps[1].contains("dkms install rmcp/1.0 -k 7.2.12+test"));
    let verdict = tree.enrolled(&dkms()).verdict();
    assert_eq!(verdict.steps.len(), 2, "the key is enrolled: {verdict:?}");
}

#[test]
fn a_key_of_yesterday_is_told_from_dkms_key_of_today() {
    let tree = Tree::new();
    tree.module(&append(
        b"module",
        &message([key("DKMS module signing key", 9).by_number()]),
    ));
    assert_says(
        &tree.verdict(),
        Some(false),
        "neither enrolled nor DKMS's key",
    );
}

#[test]
fn the_kernels_own_key_is_known_by_amdgpu() {
    let tree = Tree::new();
    let module = append(b"module", &message([key("Build time key", 7).by_number()]));
    tree.module(&module).write(
        &format!("/lib/modules/{RELEASE}/kernel/drivers/gpu/drm/amd/amdgpu/amdgpu.ko"),
        &module,
    );
    assert_says(&tree.verdict(), Some(true), "as the kernel's own modules");
}

#[test]
fn without_a_demand_anything_loads_but_a_damaged_trailer() {
    let tree = Tree::new();
    tree.variable("SecureBoot", GLOBAL, &[0])
        .lockdown("[none] integrity confidentiality");
    assert_says(&tree.verdict(), Some(true), "demands no signature");
    assert_says(&tree.module(b"module").verdict(), Some(true), "demands no");
    let mut module = append(b"module", b"");
    let trailer = module.len() - 28 - 12;
    module[trailer] = 1;
    assert_says(&tree.module(&module).verdict(), Some(false), "damaged");
}

#[test]
fn enforcement_without_secure_boot_takes_no_machine_owners_key() {
    let tree = Tree::new();
    tree.variable("SecureBoot", GLOBAL, &[0])
        .lockdown("[none] integrity confidentiality")
        .write("/sys/module/module/parameters/sig_enforce", "Y")
        .enrolled(&dkms());
    let verdict = tree.verdict();
    assert_says(&verdict, Some(false), "Secure Boot is not on");
    assert_says(&verdict, Some(false), "enforces signatures");
}

#[test]
fn a_kernel_without_the_keyrings_takes_no_machine_owners_key() {
    let tree = Tree::new();
    tree.enrolled(&dkms());
    let config = format!("/boot/config-{RELEASE}");
    let without = CONFIG.replace("PLATFORM_KEYRING=y", "PLATFORM_KEYRING=n");
    tree.write(&config, &without);
    assert_says(&tree.verdict(), Some(false), "takes no keys from there");
    tree.write("/sys/firmware/efi/mok-variables/MokListTrustedRT", [1]);
    assert_says(&tree.verdict(), Some(true), "enrolled as MOK");
}

#[test]
fn the_firmwares_keys_count_where_a_distribution_patched_that_in() {
    let config = format!("/boot/config-{RELEASE}");
    let patched = "CONFIG_LOCK_DOWN_IN_EFI_SECURE_BOOT=y";
    let database = signature_list(&[dkms().certificate()]);
    let tree = Tree::new();
    tree.variable("db", DATABASE, &database);
    assert_says(&tree.verdict(), Some(true), "which the firmware trusts");
    tree.write(&config, CONFIG.replace(patched, ""));
    assert_says(
        &tree.verdict(),
        None,
        "which the firmware trusts, and whether",
    );
    tree.write(
        &config,
        CONFIG.replace("PLATFORM_KEYRING=y", "PLATFORM_KEYRING=n"),
    );
    assert_says(&tree.verdict(), Some(false), "not enrolled");

    let tree = Tree::new();
    tree.enrolled(&dkms())
        .write(&config, CONFIG.replace(patched, ""));
    assert_says(
        &tree.verdict(),
        None,
        "which is enrolled as MOK, and whether",
    );
    // By shim's word, and upstream's, in `.machine`.
    tree.write("/sys/firmware/efi/mok-variables/MokListTrustedRT", [1]);
    assert_says(&tree.verdict(), Some(true), "enrolled as MOK");
    // No configuration at all.
    let tree = Tree::new();
    tree.enrolled(&dkms()).remove(&config);
    assert_says(&tree.verdict(), None, "Linux alone does not");
}

#[test]
fn a_kernel_that_does_not_run_is_judged_by_its_configuration() {
    let other = "7.3.0+test";
    let path = format!("/lib/modules/{other}/updates/dkms/rmcp.ko.xz");
    let config = format!("/boot/config-{other}");
    for (text, line, secure, word) in [
        (CONFIG, "", 1, Some("Secure Boot is on")),
        (CONFIG, "", 0, None),
        ("CONFIG_MODULE_SIG=y", "", 1, None),
        (
            "CONFIG_MODULE_SIG=y\nCONFIG_MODULE_SIG_FORCE=y",
            "",
            0,
            Some("CONFIG_MODULE_SIG_FORCE"),
        ),
        (
            "CONFIG_MODULE_SIG=y\nCONFIG_IMA_ARCH_POLICY=y",
            "",
            1,
            Some("CONFIG_IMA_ARCH_POLICY"),
        ),
        (CONFIG, "lockdown=integrity", 0, Some("lockdown=integrity")),
        (CONFIG, "module.sig_enforce", 0, Some("module.sig_enforce")),
        (
            CONFIG,
            "module.sig_enforce=1",
            0,
            Some("module.sig_enforce=1"),
        ),
        (CONFIG, "module.sig_enforce=0 quiet", 0, None),
        ("", "lockdown=integrity", 1, None),
    ] {
        let tree = Tree::new();
        tree.variable("SecureBoot", GLOBAL, &[secure])
            .write(&path, b"module")
            .write(&config, text)
            .write("/proc/cmdline", line);
        let verdict = tree.verdict_for(other);
        match word {
            Some(word) => assert_says(&verdict, Some(false), word),
            None => assert_says(&verdict, Some(true), "demands no signature"),
        }
        tree.remove(&config);
        assert_says(&tree.verdict_for(other), None, "was not found");
    }
}

#[test]
fn secure_boot_is_what_the_kernel_takes_it_for() {
    let tree = Tree::new();
    let state = |tree: &Tree| tree.machine().secure_boot;
    assert_eq!(state(&tree), SecureBoot::On);
    tree.variable("SetupMode", GLOBAL, &[1]);
    assert_eq!(state(&tree), SecureBoot::SetupMode);
    tree.variable("SetupMode", GLOBAL, &[0]);
    tree.variable("MokSBStateRT", SHIM, &[1]);
    assert_eq!(state(&tree), SecureBoot::ShimOff);
    // One that outlives a boot is not shim's copy.
    let path = format!("/sys/firmware/efi/efivars/MokSBStateRT-{SHIM}");
    tree.write(&path, [7, 0, 0, 0, 1]);
    assert_eq!(state(&tree), SecureBoot::On);
    tree.variable("SecureBoot", GLOBAL, &[0]);
    assert_eq!(state(&tree), SecureBoot::Off);
    let path = format!("/sys/firmware/efi/efivars/SecureBoot-{GLOBAL}");
    tree.write(&path, [6, 0]);
    assert!(matches!(state(&tree), SecureBoot::Unknown(_)));
    fs::remove_dir_all(tree.0.path().join("sys/firmware/efi/efivars")).unwrap();
    assert!(matches!(state(&tree), SecureBoot::Unknown(_)));
    fs::remove_dir_all(tree.0.path().join("sys/firmware/efi")).unwrap();
    assert_eq!(state(&tree), SecureBoot::NoEfi);
}

#[test]
fn what_cannot_be_read_gives_no_verdict() {
    let tree = Tree::new();
    tree.write(&format!("/sys/firmware/efi/efivars/MokListRT-{SHIM}"), [6]);
    assert_says(&tree.verdict(), None, "MokListRT");
    let tree = Tree::new();
    tree.module(&append(b"module", b"junk"));
    assert_says(&tree.verdict(), None, "no PKCS#7 message");
    let tree = Tree::new();
    fs::remove_file(tree.0.path().join("sys/kernel/security/lockdown")).unwrap();
    fs::remove_dir_all(tree.0.path().join("sys/firmware/efi/efivars")).unwrap();
    assert_says(&tree.verdict(), None, "Secure Boot cannot be seen");
}

#[test]
fn lockdown_is_one_of_its_levels() {
    let tree = Tree::new();
    assert_eq!(tree.machine().lockdown, Some(Lockdown::Integrity));
    tree.lockdown("none integrity [confidentiality]");
    assert_eq!(tree.machine().lockdown, Some(Lockdown::Confidentiality));
    for text in ["", "none", "[x]"] {
        tree.lockdown(text);
        assert!(Machine::read(&Root::new(tree.0.path())).is_err(), "{text}");
    }
}

#[test]
fn dkms_certificate_is_where_dkms_takes_it_from() {
    let tree = Tree::new();
    let path = |tree: &Tree| tree.machine().signing_key.path;
    assert_eq!(path(&tree), "/var/lib/dkms/mok.pub");
    tree.write(
        "/etc/os-release",
        "ID=linuxmint\nID_LIKE=\"ubuntu debian\"\n",
    );
    assert_eq!(path(&tree), "/var/lib/shim-signed/mok/MOK.der");
    tree.write(
        "/etc/dkms/framework.conf",
        "# mok_certificate=/no\nmok_certificate=/a.der\n",
    );
    assert_eq!(path(&tree), "/var/lib/shim-signed/mok/MOK.der");
    tree.write(
        "/etc/dkms/framework.conf.d/a.conf",
        "mok_signing_key=\"/b.key\"\n",
    );
    assert_eq!(path(&tree), "/a.der");
    tree.write(
        "/etc/dkms/framework.conf.d/b.conf",
        "mok_certificate='/b.pem'\n",
    );
    assert_eq!(path(&tree), "/b.pem");

    let der = dkms().certificate();
    let pem = der::pem::encode_string("CERTIFICATE", der::pem::LineEnding::LF, &der).unwrap();
    tree.write("/b.pem", pem);
    let verdict = tree.verdict();
    assert!(
        verdict.steps[0].starts_with("openssl x509 -in /b.pem"),
        "{verdict:?}"
    );
    assert!(verdict.steps[1].contains("--import /var/lib/dkms/mok.der"));
}

#[test]
fn no_module_no_verdict() {
    let tree = Tree::new();
    let root = Root::new(tree.0.path());
    assert_eq!(judge(&root, &tree.machine(), "6.1.0"), None);
}
