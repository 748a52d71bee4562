// SPDX-License-Identifier: MIT

use super::signature::{signers, KeyId, SignatureError};
use super::testing::{append, key, message, signature_list, Key};
use super::{signature_list as lists, Certificate};
use proptest::prelude::*;

const MODULE: &[u8] = b"\x7fELF, a module";

fn signed_by(key: &Key) -> Vec<u8> {
    append(MODULE, &message([key.by_number()]))
}

#[test]
fn the_signer_of_a_module_is_read() {
    let key = key("DKMS module signing key", 1);
    let signers = signers(&signed_by(&key)).unwrap();
    assert_eq!(signers.len(), 1);
    assert_eq!(
        signers[0].to_string(),
        "\"DKMS module signing key\" (11:22:01)"
    );
    let certificate = Certificate::from_der(&key.certificate()).unwrap();
    assert_eq!(certificate.subject, "DKMS module signing key");
    assert!(signers[0].is_of(&certificate));
}

#[test]
fn a_key_that_is_named_by_its_identifier_is_known_as_well() {
    let key = key("K", 3);
    let signers = signers(&append(MODULE, &message([key.by_key_id()]))).unwrap();
    assert_eq!(signers[0], KeyId::Subject(key.key_id.clone()));
    let certificate = Certificate::from_der(&key.certificate()).unwrap();
    assert!(signers[0].is_of(&certificate));
}

#[test]
fn another_number_or_another_issuer_is_another_key() {
    let ours = signers(&signed_by(&key("A", 1))).unwrap();
    for other in [key("A", 2), key("B", 1)] {
        let certificate = Certificate::from_der(&other.certificate()).unwrap();
        assert!(!ours[0].is_of(&certificate), "{other:?}");
    }
}

#[test]
fn every_signer_is_read() {
    let (a, b) = (key("A", 1), key("B", 2));
    let module = append(MODULE, &message([a.by_number(), b.by_key_id()]));
    assert_eq!(signers(&module).unwrap().len(), 2);
}

#[test]
fn a_module_without_the_marker_is_unsigned() {
    assert_eq!(signers(MODULE), Ok(Vec::new()));
    assert_eq!(signers(b""), Ok(Vec::new()));
    let mut cut = signed_by(&key("A", 1));
    cut.pop();
    assert_eq!(signers(&cut), Ok(Vec::new()));
}

#[test]
fn a_damaged_trailer_is_what_the_kernel_refuses() {
    let whole = signed_by(&key("A", 1));
    let trailer = whole.len() - 28 - 12;
    for (at, byte) in [(0, 1), (1, 1), (3, 1), (4, 1), (5, 1), (7, 1), (8, 1)] {
        let mut damaged = whole.clone();
        damaged[trailer + at] = byte;
        let error = signers(&damaged).unwrap_err();
        assert!(matches!(error, SignatureError::Damaged(_)), "{at}: {error}");
    }
    let mut other_kind = whole.clone();
    other_kind[trailer + 2] = 1;
    assert_eq!(signers(&other_kind), Err(SignatureError::Kind(1)));
    // Only the marker, and a signature without a module.
    for short in [&whole[whole.len() - 28..], &whole[MODULE.len()..]] {
        let error = signers(short).unwrap_err();
        assert!(matches!(error, SignatureError::Damaged(_)), "{error}");
    }
}

#[test]
fn a_message_that_is_none_is_named() {
    for bytes in [&b"junk"[..], &[], &message([])] {
        let error = signers(&append(MODULE, bytes)).unwrap_err();
        assert!(matches!(error, SignatureError::Message(_)), "{error}");
    }
}

#[test]
fn names_do_nothing_to_a_terminal() {
    let certificate = key("a\u{1b}[31m\nb", 1).certificate();
    let certificate = Certificate::from_der(&certificate).unwrap();
    assert_eq!(certificate.subject, "a\u{fffd}[31m\u{fffd}b");
}

#[test]
fn a_certificate_in_pem_is_read() {
    let der = key("A", 1).certificate();
    let pem = der::pem::encode_string("CERTIFICATE", der::pem::LineEnding::LF, &der).unwrap();
    assert_eq!(
        Certificate::from_file(pem.as_bytes()),
        Certificate::from_file(&der)
    );
    assert!(Certificate::from_file(b"-----BEGIN CERTIFICATE-----\nx").is_err());
}

#[test]
fn a_database_of_keys_is_read_up_to_its_damage() {
    let (a, b) = (key("A", 1).certificate(), key("B", 2).certificate());
    let mut hashes = signature_list(&[vec![1; 32]]);
    hashes[0] ^= 0xff;
    let database = [signature_list(&[a]), hashes, signature_list(&[b])].concat();
    let found = lists::read(&database);
    let names: Vec<_> = found.certificates.iter().map(|c| &c.subject).collect();
    assert_eq!(names, ["A", "B"]);
    assert_eq!(found.damage, None);

    let found = lists::read(&database[..database.len() - 1]);
    assert_eq!(found.certificates.len(), 1);
    assert!(found.damage.is_some());
}

#[test]
fn sizes_that_lead_outside_a_database_are_damage() {
    let whole = signature_list(&[key("A", 1).certificate()]);
    for (at, size) in [
        (16, 0),
        (16, 27),
        (16, u32::MAX),
        (20, 1),
        (20, u32::MAX),
        (24, 0),
        (24, 15),
        (24, u32::MAX),
    ] {
        let mut damaged = whole.clone();
        damaged[at..at + 4].copy_from_slice(&size.to_le_bytes());
        let found = lists::read(&damaged);
        assert!(found.damage.is_some(), "{size} at {at}: {found:?}");
        assert_eq!(found.certificates, []);
    }
}

/// Runs it; it must not take more memory than a multiple of what it reads.
fn bounded(size: usize, read: impl FnOnce()) {
    let used = allocation_counter::measure(read);
    let most = 64 * size as u64 + (64 << 10);
    assert!(used.bytes_max <= most, "{used:?} for {size} bytes");
}

/// A sound file with a few bytes changed and its end cut off.
fn damaged(whole: Vec<u8>) -> impl Strategy<Value = Vec<u8>> {
    let len = whole.len();
    let edits = prop::collection::vec((0..len, any::<u8>()), 0..6);
    (edits, prop_oneof![3 => Just(len), 1 => 0..len]).prop_map(move |(edits, keep)| {
        let mut bytes = whole.clone();
        for (at, byte) in edits {
            bytes[at] = byte;
        }
        bytes.truncate(keep);
        bytes
    })
}

proptest! {
    #[test]
    fn hostile_messages_neither_panic_nor_take_much(
        message in damaged(message([key("A", 1).by_number(), key("B", 2).by_key_id()])),
    ) {
        let module = append(MODULE, &message);
        bounded(module.len(), || drop(signers(&module)));
    }

    #[test]
    fn nor_do_hostile_trailers(module in damaged(signed_by(&key("A", 1)))) {
        bounded(module.len(), || drop(signers(&module)));
    }

    #[test]
    fn nor_do_hostile_databases(
        database in damaged(signature_list(&[
            key("A", 1).certificate(),
            key("B", 2).certificate(),
        ])),
    ) {
        bounded(database.len(), || drop(lists::read(&database)));
    }

    #[test]
    fn nor_do_hostile_certificates(certificate in damaged(key("A", 1).certificate())) {
        bounded(certificate.len(), || drop(Certificate::from_file(&certificate)));
    }

    #[test]
    fn nor_does_anything_else(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        bounded(bytes.len(), || {
            drop(lists::read(&bytes));
            drop(Certificate::from_file(&bytes));
            drop(signers(&append(&bytes, &bytes)));
        });
    }
}

#[test]
fn no_number_of_signers_takes_long() {
    let signed_by_many = |number: u32| {
        let keys = (0..number).map(|number| {
            let mut key = key("A", 1);
            key.serial = (number | 1 << 24).to_be_bytes().to_vec();
            key.by_number()
        });
        append(MODULE, &message(keys))
    };
    let module = signed_by_many(200);
    bounded(module.len(), || {
        assert_eq!(signers(&module).unwrap().len(), 200);
    });
    let error = signers(&signed_by_many(400)).unwrap_err();
    assert!(error.to_string().contains("longer than"), "{error}");
}

mod verdicts;
