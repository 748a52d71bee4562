// SPDX-License-Identifier: MIT

//! A writer of certificates, signed modules and databases of keys, for tests. The signatures are of
//! the right form and sign nothing: who made one is all that is read.

use cms::cert::IssuerAndSerialNumber;
use cms::content_info::{CmsVersion, ContentInfo};
use cms::signed_data::{
    EncapsulatedContentInfo, SignedData, SignerIdentifier, SignerInfo, SignerInfos,
};
use der::asn1::{BitString, ObjectIdentifier, OctetString, SetOfVec};
use der::{Any, Encode};
use std::str::FromStr;
use x509_cert::certificate::{CertificateInner, Raw, TbsCertificateInner, Version};
use x509_cert::ext::pkix::SubjectKeyIdentifier;
use x509_cert::ext::Extension;
use x509_cert::name::Name;
use x509_cert::serial_number::SerialNumber;
use x509_cert::spki::{AlgorithmIdentifierOwned, SubjectPublicKeyInfoOwned};
use x509_cert::time::{Time, Validity};

/// A key, by what certificates and signatures say of it.
#[derive(Debug, Clone)]
pub(crate) struct Key {
    pub(crate) name: String,
    pub(crate) serial: Vec<u8>,
    pub(crate) key_id: Vec<u8>,
}

/// A key of that name and number.
pub(crate) fn key(name: &str, number: u8) -> Key {
    Key {
        name: name.to_owned(),
        serial: vec![0x11, 0x22, number],
        key_id: vec![number; 20],
    }
}

fn algorithm(oid: &str) -> AlgorithmIdentifierOwned {
    AlgorithmIdentifierOwned {
        oid: ObjectIdentifier::new_unwrap(oid),
        parameters: None,
    }
}

fn sha256() -> AlgorithmIdentifierOwned {
    algorithm("2.16.840.1.101.3.4.2.1")
}

fn rsa() -> AlgorithmIdentifierOwned {
    algorithm("1.2.840.113549.1.1.1")
}

impl Key {
    fn issuer(&self) -> Name {
        Name::from_str(&format!("CN={}", self.name)).unwrap()
    }

    /// A self-signed certificate of the key, in DER.
    pub(crate) fn certificate(&self) -> Vec<u8> {
        let id = SubjectKeyIdentifier(OctetString::new(self.key_id.clone()).unwrap());
        let name = self.issuer();
        let bits = || BitString::from_bytes(&[7; 32]).unwrap();
        let validity = Validity {
            not_before: Time::INFINITY,
            not_after: Time::INFINITY,
        };
        let signed = TbsCertificateInner::<Raw> {
            version: Version::V3,
            serial_number: SerialNumber::new(&self.serial).unwrap(),
            signature: rsa(),
            issuer: name.clone(),
            validity,
            subject: name,
            subject_public_key_info: SubjectPublicKeyInfoOwned {
                algorithm: rsa(),
                subject_public_key: bits(),
            },
            issuer_unique_id: None,
            subject_unique_id: None,
            extensions: Some(vec![Extension {
                extn_id: ObjectIdentifier::new_unwrap("2.5.29.14"),
                critical: false,
                extn_value: OctetString::new(id.to_der().unwrap()).unwrap(),
            }]),
        };
        let certificate = CertificateInner::<Raw> {
            tbs_certificate: signed,
            signature_algorithm: rsa(),
            signature: bits(),
        };
        certificate.to_der().unwrap()
    }

    /// As `sign-file` names a key.
    pub(crate) fn by_number(&self) -> SignerIdentifier {
        SignerIdentifier::IssuerAndSerialNumber(IssuerAndSerialNumber {
            issuer: self.issuer(),
            serial_number: SerialNumber::new(&self.serial).unwrap(),
        })
    }

    /// As `sign-file -k` does.
    pub(crate) fn by_key_id(&self) -> SignerIdentifier {
        SignerIdentifier::SubjectKeyIdentifier(SubjectKeyIdentifier(
            OctetString::new(self.key_id.clone()).unwrap(),
        ))
    }
}

/// A PKCS#7 message with these signers.
pub(crate) fn message(signers: impl IntoIterator<Item = SignerIdentifier>) -> Vec<u8> {
    let infos = signers.into_iter().map(|sid| SignerInfo {
        version: CmsVersion::V1,
        sid,
        digest_alg: sha256(),
        signed_attrs: None,
        signature_algorithm: rsa(),
        signature: OctetString::new(vec![9; 64]).unwrap(),
        unsigned_attrs: None,
    });
    let data = SignedData {
        version: CmsVersion::V1,
        digest_algorithms: SetOfVec::try_from(vec![sha256()]).unwrap(),
        encap_content_info: EncapsulatedContentInfo {
            econtent_type: ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.1"),
            econtent: None,
        },
        certificates: None,
        crls: None,
        signer_infos: SignerInfos(SetOfVec::try_from(infos.collect::<Vec<_>>()).unwrap()),
    };
    let content = ContentInfo {
        content_type: ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.2"),
        content: Any::encode_from(&data).unwrap(),
    };
    content.to_der().unwrap()
}

/// The module with this message appended, as `sign-file` does.
pub(crate) fn append(module: &[u8], message: &[u8]) -> Vec<u8> {
    let len = u32::try_from(message.len()).unwrap().to_be_bytes();
    let trailer = [&[0, 0, 2, 0, 0, 0, 0, 0][..], &len].concat();
    [module, message, &trailer, b"~Module signature appended~\n"].concat()
}

/// A list of certificates as firmware and shim keep them.
pub(crate) fn signature_list(certificates: &[Vec<u8>]) -> Vec<u8> {
    let x509 = "a159c0a5e494a74a87b5ab155c2bf072";
    let kind: Vec<u8> = (0..16)
        .map(|i| u8::from_str_radix(&x509[2 * i..2 * i + 2], 16).unwrap())
        .collect();
    let mut database = Vec::new();
    for certificate in certificates {
        let entry = 16 + certificate.len() as u32;
        database.extend(&kind);
        for size in [28 + entry, 0, entry] {
            database.extend(size.to_le_bytes());
        }
        database.extend([5; 16]);
        database.extend(certificate);
    }
    database
}
