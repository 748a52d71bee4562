// SPDX-License-Identifier: GPL-2.0 OR MIT

//! The hash that ties a generated layout to one amdgpu: FNV-1a, 64 bits, `core` only, so that the
//! kernel module and the user-space command compute the same. It finds accidents, not attackers.

const OFFSET_BASIS: u64 = 0xcbf2_9ce4_8422_2325;
const PRIME: u64 = 0x0000_0100_0000_01b3;

/// FNV-1a of `bytes`.
pub const fn fnv1a64(bytes: &[u8]) -> u64 {
    fnv1a64_from(OFFSET_BASIS, bytes)
}

/// FNV-1a of several numbers, each as eight little-endian bytes.
pub const fn fnv1a64_words(words: &[u64]) -> u64 {
    let mut hash = OFFSET_BASIS;
    let mut i = 0;
    while i < words.len() {
        hash = fnv1a64_from(hash, &words[i].to_le_bytes());
        i += 1;
    }
    hash
}

const fn fnv1a64_from(mut hash: u64, bytes: &[u8]) -> u64 {
    let mut i = 0;
    while i < bytes.len() {
        hash = (hash ^ bytes[i] as u64).wrapping_mul(PRIME);
        i += 1;
    }
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_vectors() {
        assert_eq!(fnv1a64(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv1a64(b"a"), 0xaf63_dc4c_8601_ec8c);
        assert_eq!(fnv1a64(b"foobar"), 0x8594_4171_f739_67e8);
    }

    #[test]
    fn words_hash_as_their_bytes() {
        let bytes: Vec<u8> = [1_u64, u64::MAX]
            .iter()
            .flat_map(|word| word.to_le_bytes())
            .collect();
        assert_eq!(fnv1a64_words(&[1, u64::MAX]), fnv1a64(&bytes));
    }
}
