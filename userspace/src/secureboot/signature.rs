// SPDX-License-Identifier: MIT

//! The signature at the end of a kernel module: the trailer that `sign-file` appends, and the
//! PKCS#7 message in front of it. It says whose signature this is; whether it is a true one, only
//! the kernel's own check says.

use super::certificate::{common_name, Certificate};
use super::sound;
use cms::content_info::ContentInfo;
use cms::signed_data::{SignedData, SignerIdentifier};
use der::Encode;
use std::fmt;

/// What a signed module ends with (`MODULE_SIGNATURE_MARKER`, `module_signature.h`).
const MARKER: &[u8] = b"~Module signature appended~\n";

/// Bytes of `struct module_signature`.
const TRAILER: usize = 12;

/// `MODULE_SIGNATURE_TYPE_PKCS7`, the one kind of signature that the kernel knows.
const PKCS7: u8 = 2;

/// The most bytes of a message that is read: several times the largest that `sign-file` makes. To
/// read many signers takes time by the square of their number.
const LONGEST: usize = 32 << 10;

/// How a signature names the key that it was made with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum KeyId {
    /// By its certificate: who issued it, and the number it was given.
    Certificate {
        /// The issuer's name as it is encoded.
        issuer: Vec<u8>,
        /// The issuer's name as people read it.
        name: String,
        /// The number.
        serial: Vec<u8>,
    },
    /// By the identifier in its certificate.
    Subject(Vec<u8>),
}

/// Why a signature is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub(super) enum SignatureError {
    /// The kernel refuses to load this module, whether or not signatures are enforced.
    #[error("the signature's trailer is damaged: {0}")]
    Damaged(&'static str),
    /// A kind of signature that the kernel does not know.
    #[error("the signature is of kind {0}, expected {PKCS7} (PKCS#7)")]
    Kind(u8),
    /// The message is none that this program reads.
    #[error("the signature is no PKCS#7 message that can be read: {0}")]
    Message(String),
}

/// Whose keys signed the module; nobody when it is not signed.
///
/// # Errors
///
/// When the module says that it is signed, but the signature cannot be read.
pub(super) fn signers(module: &[u8]) -> Result<Vec<KeyId>, SignatureError> {
    let Some(message) = message(module)? else {
        return Ok(Vec::new());
    };
    let unreadable = SignatureError::Message;
    if message.len() > LONGEST {
        return Err(unreadable(format!("it is longer than {LONGEST} bytes")));
    }
    let signers = parse(message).map_err(|error| unreadable(error.to_string()))?;
    if signers.is_empty() {
        return Err(unreadable("it names no signer".to_owned()));
    }
    Ok(signers)
}

/// The PKCS#7 message of a signed module, after the checks of the kernel's `mod_check_sig`.
fn message(module: &[u8]) -> Result<Option<&[u8]>, SignatureError> {
    let Some(signed) = module.strip_suffix(MARKER) else {
        return Ok(None);
    };
    let Some((rest, trailer)) = signed.split_last_chunk::<TRAILER>() else {
        return Err(SignatureError::Damaged("the file is shorter than it"));
    };
    let [algorithm, hash, kind, signer, key, pad @ .., a, b, c, d] = *trailer;
    let len = u32::from_be_bytes([a, b, c, d]) as usize;
    if len >= rest.len() {
        return Err(SignatureError::Damaged(
            "the signature would be longer than the file",
        ));
    }
    if kind != PKCS7 {
        return Err(SignatureError::Kind(kind));
    }
    if [algorithm, hash, signer, key] != [0; 4] || pad != [0; 3] {
        return Err(SignatureError::Damaged("a field that must be 0 is not"));
    }
    Ok(Some(&rest[rest.len() - len..]))
}

fn parse(message: &[u8]) -> der::Result<Vec<KeyId>> {
    let signed: SignedData = sound::decode::<ContentInfo>(message)?.content.decode_as()?;
    signed
        .signer_infos
        .0
        .iter()
        .map(|signer| {
            Ok(match &signer.sid {
                SignerIdentifier::IssuerAndSerialNumber(id) => KeyId::Certificate {
                    issuer: id.issuer.to_der()?,
                    name: common_name(&id.issuer),
                    serial: id.serial_number.as_bytes().to_vec(),
                },
                SignerIdentifier::SubjectKeyIdentifier(id) => {
                    KeyId::Subject(id.0.as_bytes().to_vec())
                }
            })
        })
        .collect()
}

impl KeyId {
    /// Whether the key is the certificate's: by the rule of the kernel's `find_asymmetric_key`.
    pub(super) fn is_of(&self, certificate: &Certificate) -> bool {
        match self {
            Self::Certificate { issuer, serial, .. } => {
                *issuer == certificate.issuer && *serial == certificate.serial
            }
            Self::Subject(id) => certificate.key_id.as_ref() == Some(id),
        }
    }

    /// The identifier, as modinfo prints it in `sig_key`.
    pub(super) fn digits(&self) -> String {
        let (Self::Certificate { serial: bytes, .. } | Self::Subject(bytes)) = self;
        let digits: Vec<String> = bytes.iter().map(|byte| format!("{byte:02X}")).collect();
        digits.join(":")
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Certificate { name, .. } => write!(f, "{name:?} ({})", self.digits()),
            Self::Subject(_) => f.write_str(&self.digits()),
        }
    }
}
