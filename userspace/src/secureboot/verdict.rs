// SPDX-License-Identifier: MIT

//! Will this machine load this module at its next boot, and if not, what to type.

use super::machine::{trusts_platform, Demand, Machine, SecureBoot};
use super::signature::{self, KeyId, SignatureError};
use crate::dkms;
use crate::kernel::{self, Config};
use crate::kernel_file;
use crate::root::Root;

/// The answer for the module of one kernel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// Whether it will be loaded, as far as signatures go; `None` when that cannot be told.
    pub loads: Option<bool>,
    /// Why, in one sentence.
    pub why: String,
    /// What to do, in order.
    pub steps: Vec<String>,
    /// The names of the signers, which may be those of people.
    pub signers: Vec<String>,
}

impl Verdict {
    fn loads(why: impl Into<String>) -> Self {
        Self::new(Some(true), why, Vec::new())
    }

    fn refused(why: impl Into<String>, steps: Vec<String>) -> Self {
        Self::new(Some(false), why, steps)
    }

    fn unknown(why: impl Into<String>) -> Self {
        Self::new(None, why, Vec::new())
    }

    fn new(loads: Option<bool>, why: impl Into<String>, steps: Vec<String>) -> Self {
        Self {
            loads,
            why: why.into(),
            steps,
            signers: Vec::new(),
        }
    }
}

/// Whether the kernel will load the installed rmcp; `None` when none is installed for it.
pub fn judge(root: &Root, machine: &Machine, release: &str) -> Option<Verdict> {
    let path = dkms::installed_module(root, release)?;
    let config = Config::of(root, release, &kernel::headers_of(root, release));
    let module = match kernel_file::read(&root.path(&path)) {
        Ok(module) => module,
        Err(error) => return Some(Verdict::unknown(error.reason.to_string())),
    };
    let kernels_own = || {
        let amdgpu = kernel_file::read(&kernel::amdgpu_module(root, release)?).ok()?;
        signature::signers(&amdgpu).ok()
    };
    let signature = signature::signers(&module);
    let names = signature.iter().flatten().filter_map(|key| match key {
        KeyId::Certificate { name, .. } => Some(name.clone()),
        KeyId::Subject(_) => None,
    });
    let signers = names.collect();
    let verdict = decide(machine, release, config.as_ref(), signature, kernels_own);
    Some(Verdict { signers, ..verdict })
}

/// The decision, by the order of the kernel's `module_sig_check`.
pub(super) fn decide(
    machine: &Machine,
    release: &str,
    config: Option<&Config>,
    signature: Result<Vec<KeyId>, SignatureError>,
    kernels_own: impl FnOnce() -> Option<Vec<KeyId>>,
) -> Verdict {
    let rebuild = rebuild(release);
    let signers = match signature {
        Err(error @ SignatureError::Damaged(_)) => {
            return Verdict::refused(error.to_string(), rebuild);
        }
        Err(error @ SignatureError::Message(_)) => return Verdict::unknown(error.to_string()),
        // Of no kind that the kernel knows is as good as none.
        Err(SignatureError::Kind(_)) => Vec::new(),
        Ok(signers) => signers,
    };
    let demand = match machine.demand(release, config) {
        Demand::Signed(why) => why,
        Demand::Nothing => {
            let signed = signers.first().map_or_else(
                || "the module is not signed".to_owned(),
                |key| format!("the module is signed with {key}"),
            );
            return Verdict::loads(format!("the kernel demands no signature; {signed}"));
        }
        Demand::Unknown(why) => return Verdict::unknown(why),
    };
    let enrol = || enrol(machine);
    if signers.is_empty() {
        let steps = [rebuild, enrol()].concat();
        return Verdict::refused(format!("{demand}, and the module is not signed"), steps);
    }
    let keys = &machine.keys;
    let among = |certificates: &[super::Certificate]| {
        signers
            .iter()
            .find(|key| certificates.iter().any(|c| key.is_of(c)))
            .cloned()
    };
    let signed_by = signers[0].clone();
    if let Some(key) = among(&keys.revoked) {
        return Verdict::refused(
            format!("{demand}, and the module is signed with a revoked key, {key}"),
            Vec::new(),
        );
    }
    let in_mok = among(&keys.mok);
    let trusted = [
        (
            among(&keys.db),
            trusts_platform(config),
            "the firmware trusts",
        ),
        (
            in_mok.clone(),
            machine.trusts_mok(config),
            "is enrolled as MOK",
        ),
    ];
    let of_trust = |wanted| {
        let mut trusted = trusted.iter().filter(|(_, trusts, _)| *trusts == wanted);
        trusted.find_map(|(key, _, whose)| {
            Some(format!("signed with {}, which {whose}", key.as_ref()?))
        })
    };
    if let Some(why) = of_trust(Some(true)) {
        return Verdict::loads(why);
    }
    if kernels_own().is_some_and(|own| own.contains(&signed_by)) {
        return Verdict::loads(format!(
            "signed with {signed_by}, as the kernel's own modules"
        ));
    }
    if let Some(why) = of_trust(None) {
        return Verdict::unknown(format!(
            "{demand}; the module is {why}, and whether this kernel takes such keys for modules is \
             not known: Linux alone does not"
        ));
    }
    let why = format!("{demand}, and the module is signed with {signed_by}");
    if machine.secure_boot != SecureBoot::On {
        let word = "which no kernel takes from a machine whose Secure Boot is not on";
        return Verdict::refused(format!("{why}, {word}"), vec![STOP_DEMANDING.to_owned()]);
    }
    if in_mok.is_some() {
        return Verdict::refused(
            format!("{why}, which is enrolled as MOK, but this kernel takes no keys from there"),
            vec![STOP_DEMANDING.to_owned()],
        );
    }
    if among(&keys.pending).is_some() {
        return Verdict::refused(
            format!("{why}, whose enrolment waits to be confirmed"),
            vec![CONFIRM.to_owned()],
        );
    }
    if !keys.unread.is_empty() {
        return Verdict::unknown(format!("{why}; {}", keys.unread.join("; ")));
    }
    let by_dkms = |key: &KeyId| {
        let certificate = machine.signing_key.certificate.as_ref();
        certificate.is_some_and(|certificate| key.is_of(certificate))
    };
    if signers.iter().any(by_dkms) {
        Verdict::refused(format!("{why}, DKMS's key, which is not enrolled"), enrol())
    } else {
        Verdict::refused(
            format!("{why}, which is neither enrolled nor DKMS's key of today"),
            [rebuild, enrol()].concat(),
        )
    }
}

/// Where no key can help.
const STOP_DEMANDING: &str =
    "start the kernel without lockdown= and module.sig_enforce, or with Secure Boot on";

/// What MokManager asks, which shim starts when something waits.
const CONFIRM: &str = "reboot; on the blue screen press a key, choose 'Enroll MOK', 'Continue', \
     'Yes', type the password again, choose 'Reboot'";

/// DKMS signs what it builds, when the kernel's sign-file is there.
fn rebuild(release: &str) -> Vec<String> {
    vec![
        format!("dkms unbuild {} -k {release}", dkms::PACKAGE),
        format!("dkms install {} -k {release}", dkms::PACKAGE),
    ]
}

fn enrol(machine: &Machine) -> Vec<String> {
    let key = &machine.signing_key;
    if key
        .certificate
        .as_ref()
        .is_some_and(|own| machine.keys.mok.contains(own))
    {
        return Vec::new();
    }
    let mut steps = Vec::new();
    let mut path = key.path.clone();
    if key.pem {
        let der = "/var/lib/dkms/mok.der";
        steps.push(format!("openssl x509 -in {path} -outform DER -out {der}"));
        der.clone_into(&mut path);
    }
    steps.push(format!(
        "mokutil --import {path} (it asks for a password that is needed once)"
    ));
    steps.push(CONFIRM.to_owned());
    steps
}
