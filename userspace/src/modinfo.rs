// SPDX-License-Identifier: MIT

//! The `.modinfo` section of a module: `key=value` strings, each ended by a zero byte.

/// The values of a key, in their order.
pub fn values<'a>(section: &'a [u8], key: &'a str) -> impl Iterator<Item = &'a [u8]> {
    section
        .split(|&byte| byte == 0)
        .filter_map(move |entry| entry.strip_prefix(key.as_bytes())?.strip_prefix(b"="))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn values_are_those_of_the_whole_key() {
        let section = b"parm=a:b\0parmtype=a:int\0parm=c:d\0\0parm";
        let values: Vec<&[u8]> = values(section, "parm").collect();
        assert_eq!(values, [&b"a:b"[..], b"c:d"]);
    }

    proptest! {
        #[test]
        fn no_bytes_panic(section: Vec<u8>) {
            values(&section, "parm").count();
        }
    }
}
