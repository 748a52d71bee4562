// SPDX-License-Identifier: MIT

//! The key that DKMS signs modules with: where its certificate is, as `prepare_mok` of the program
//! `dkms` decides, and what it says.

use super::certificate::Certificate;
use crate::os_release;
use crate::root::Root;
use crate::shell;

const FRAMEWORK: &str = "/etc/dkms/framework.conf";
const FRAMEWORK_PARTS: &str = "/etc/dkms/framework.conf.d";

/// DKMS's own.
const DEFAULT: &str = "/var/lib/dkms/mok.pub";
/// What DKMS takes on Ubuntu.
const UBUNTU: &str = "/var/lib/shim-signed/mok/MOK.der";

/// DKMS's certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SigningKey {
    /// The file.
    pub path: String,
    /// Whether it is in PEM, which `mokutil` does not take.
    pub pem: bool,
    /// What is in it; `None` when there is no such file, as before DKMS signs for the first time.
    pub certificate: Option<Certificate>,
    /// Why it cannot be read.
    pub error: Option<String>,
}

impl SigningKey {
    /// Reads DKMS's certificate.
    pub fn read(root: &Root) -> Self {
        let path = certificate_path(root);
        let mut key = Self {
            pem: false,
            certificate: None,
            error: None,
            path,
        };
        match std::fs::read(root.path(&key.path)) {
            Ok(bytes) => {
                key.pem = bytes.starts_with(b"-----BEGIN");
                match Certificate::from_file(&bytes) {
                    Ok(certificate) => key.certificate = Some(certificate),
                    Err(error) => key.error = Some(format!("it holds no certificate: {error}")),
                }
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => key.error = Some(format!("it cannot be read: {error}")),
        }
        key
    }
}

fn certificate_path(root: &Root) -> String {
    let setting = |name| {
        framework_files(root)
            .iter()
            .filter_map(|path| root.read(path).ok()?)
            .filter_map(|text| shell::value(&text, name))
            .next_back()
            .filter(|value| !value.is_empty())
    };
    // Without a key of the user's, Ubuntu's certificate goes before one of the user's.
    if setting("mok_signing_key").is_none() && is_ubuntu(root) {
        return UBUNTU.to_owned();
    }
    setting("mok_certificate").unwrap_or_else(|| DEFAULT.to_owned())
}

fn framework_files(root: &Root) -> Vec<String> {
    let parts = root.list(FRAMEWORK_PARTS).into_iter();
    std::iter::once(FRAMEWORK.to_owned())
        .chain(
            parts
                .filter(|name| name.ends_with(".conf"))
                .map(|name| format!("{FRAMEWORK_PARTS}/{name}")),
        )
        .collect()
}

fn is_ubuntu(root: &Root) -> bool {
    os_release::value(root, "ID").as_deref() == Some("ubuntu")
        || os_release::value(root, "ID_LIKE").is_some_and(|like| like.starts_with("ubuntu"))
}
