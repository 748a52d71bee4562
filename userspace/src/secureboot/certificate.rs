// SPDX-License-Identifier: MIT

//! X.509 certificates, as far as it takes to tell whose key signed a module.

use super::sound;
use crate::report::printable;
use der::asn1::{Ia5StringRef, PrintableStringRef, TeletexStringRef, Utf8StringRef};
use der::oid::ObjectIdentifier;
use der::{Encode, Tag, Tagged};
use x509_cert::certificate::{CertificateInner, Raw};
use x509_cert::ext::pkix::SubjectKeyIdentifier;
use x509_cert::name::Name;

/// The attribute of a name that people know it by.
const COMMON_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.3");
/// The extension that identifies a certificate's key.
const KEY_ID: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.14");

/// The most characters of a name that are shown.
const LONGEST_NAME: usize = 100;

/// What of a certificate is needed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// Whose it is.
    pub subject: String,
    /// The name of who issued it, as it is encoded.
    pub issuer: Vec<u8>,
    /// The number that its issuer gave it.
    pub serial: Vec<u8>,
    /// The identifier of its key.
    pub key_id: Option<Vec<u8>>,
}

impl Certificate {
    /// Reads a certificate in DER.
    ///
    /// # Errors
    ///
    /// When it is none.
    pub fn from_der(bytes: &[u8]) -> der::Result<Self> {
        // Of any profile: the kernel is not strict about serial numbers either.
        Self::of(&sound::decode::<CertificateInner<Raw>>(bytes)?)
    }

    /// Reads a certificate in DER or PEM, as `sign-file` takes both.
    ///
    /// # Errors
    ///
    /// When it is neither.
    pub fn from_file(bytes: &[u8]) -> der::Result<Self> {
        if bytes.starts_with(b"-----BEGIN") {
            Self::from_der(&der::pem::decode_vec(bytes)?.1)
        } else {
            Self::from_der(bytes)
        }
    }

    fn of(certificate: &CertificateInner<Raw>) -> der::Result<Self> {
        let signed = &certificate.tbs_certificate;
        let key_id = signed
            .extensions
            .iter()
            .flatten()
            .find(|extension| extension.extn_id == KEY_ID)
            .map(|extension| sound::decode::<SubjectKeyIdentifier>(extension.extn_value.as_bytes()))
            .transpose()?;
        Ok(Self {
            subject: common_name(&signed.subject),
            issuer: signed.issuer.to_der()?,
            serial: signed.serial_number.as_bytes().to_vec(),
            key_id: key_id.map(|id| id.0.as_bytes().to_vec()),
        })
    }
}

/// The common name in a name, or all of it, fit to be printed.
pub(super) fn common_name(name: &Name) -> String {
    let value = name
        .0
        .iter()
        .flat_map(|part| part.0.iter())
        .find(|attribute| attribute.oid == COMMON_NAME)
        .map(|attribute| &attribute.value);
    let text = value.and_then(|value| match value.tag() {
        Tag::Utf8String => Some(Utf8StringRef::try_from(value).ok()?.to_string()),
        Tag::PrintableString => Some(PrintableStringRef::try_from(value).ok()?.to_string()),
        Tag::TeletexString => Some(TeletexStringRef::try_from(value).ok()?.to_string()),
        Tag::Ia5String => Some(Ia5StringRef::try_from(value).ok()?.to_string()),
        _ => None,
    });
    let text = text.unwrap_or_else(|| name.to_string());
    printable(&text).chars().take(LONGEST_NAME).collect()
}
