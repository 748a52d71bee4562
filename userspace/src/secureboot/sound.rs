// SPDX-License-Identifier: MIT

//! Reading DER that anybody may have written.

use der::asn1::AnyRef;
use der::{Decode, DecodeOwned, ErrorKind, Reader, SliceReader, Tagged};

/// How deep values may be nested: several times as deep as in any signature.
const DEEPEST: usize = 32;

/// Decodes a value, once it is known that nothing in it claims to be longer than what it is in: the
/// decoder takes memory for a claimed length before it looks whether there is so much.
///
/// # Errors
///
/// When it is no such value.
pub(super) fn decode<T: DecodeOwned>(bytes: &[u8]) -> der::Result<T> {
    check(bytes, DEEPEST)?;
    T::from_der(bytes)
}

fn check(bytes: &[u8], deepest: usize) -> der::Result<()> {
    let mut reader = SliceReader::new(bytes)?;
    while !reader.is_finished() {
        let value = AnyRef::decode(&mut reader)?;
        if value.tag().is_constructed() {
            let deeper = deepest.checked_sub(1);
            let deeper = deeper.ok_or_else(|| der::Error::from(ErrorKind::Failed))?;
            check(value.value(), deeper)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use der::asn1::OctetString;
    use der::Encode;

    #[test]
    fn a_claimed_length_takes_no_memory() {
        // An octet string of 16 MiB, of which there is nothing.
        let claim = [0x04, 0x83, 0xff, 0xff, 0xff];
        let used = allocation_counter::measure(|| {
            assert!(decode::<OctetString>(&claim).is_err());
        });
        assert!(used.bytes_max < 1 << 10, "{used:?}");
        let nested = [&[0x30, 5][..], &claim].concat();
        assert!(check(&nested, DEEPEST).is_err());
    }

    #[test]
    fn what_is_sound_is_read() {
        let text = OctetString::new(*b"sound").unwrap();
        assert_eq!(decode(&text.to_der().unwrap()), Ok(text));
    }

    #[test]
    fn there_is_an_end_to_nesting() {
        let nest = |depth: usize| {
            (0..depth).fold(Vec::new(), |inner: Vec<u8>, _| {
                [&[0x30, inner.len() as u8][..], &inner].concat()
            })
        };
        assert!(check(&nest(DEEPEST), DEEPEST).is_ok());
        assert!(check(&nest(DEEPEST + 2), DEEPEST).is_err());
    }
}
