// SPDX-License-Identifier: MIT

//! A parameter's value as the kernel reads it (`kernel/params.c`, `lib/kstrtox.c`), by the type in
//! the module's `.modinfo`.

/// A value that the kernel takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value {
    /// A number.
    Number(i128),
    /// Yes or no.
    Bool(bool),
    /// Any text.
    Text(String),
}

/// A type of parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A whole number from the first to the second.
    Number(i128, i128),
    /// `bool`, and `bint`, which is kept as a number.
    Bool,
    /// `charp` and `string`.
    Text,
}

impl Kind {
    /// The type of this name; `None` for one that is not known here.
    pub(super) fn of(name: &str) -> Option<Self> {
        let signed = |bits: u32| Self::Number(-(1 << (bits - 1)), (1 << (bits - 1)) - 1);
        let unsigned = |bits: u32| Self::Number(0, (1 << bits) - 1);
        Some(match name {
            "byte" => unsigned(8),
            "short" => signed(16),
            "ushort" => unsigned(16),
            "int" => signed(32),
            "uint" | "hexint" => unsigned(32),
            "long" => signed(64),
            "ulong" | "ullong" => unsigned(64),
            "bool" | "bint" => Self::Bool,
            "charp" | "string" => Self::Text,
            _ => return None,
        })
    }

    /// The value as the kernel takes it; `None` where it refuses to load the module.
    pub(super) fn parse(self, value: Option<&str>) -> Option<Value> {
        match self {
            Self::Number(least, most) => {
                let value = value?;
                // Only a signed type takes a minus.
                let number = match value.strip_prefix('-') {
                    Some(positive) if least < 0 => -digits(positive)?,
                    Some(_) => return None,
                    None => digits(value.strip_prefix('+').unwrap_or(value))?,
                };
                (least..=most)
                    .contains(&number)
                    .then_some(Value::Number(number))
            }
            Self::Bool => boolean(value.unwrap_or("1")).map(Value::Bool),
            Self::Text => Some(Value::Text(value?.to_owned())),
        }
    }

    /// What the kernel takes, as a person reads it.
    pub(super) fn describe(self) -> String {
        match self {
            Self::Number(least, most) => format!("a whole number from {least} to {most}"),
            Self::Bool => "y, n, 1, 0, on or off".to_owned(),
            Self::Text => "a text".to_owned(),
        }
    }
}

/// `kstrtoull` with base 0: `0x` is hexadecimal, `0` octal.
fn digits(text: &str) -> Option<i128> {
    let text = text.strip_suffix('\n').unwrap_or(text);
    let (base, text) = match text.strip_prefix('0') {
        Some(rest) => match rest.strip_prefix(['x', 'X']) {
            Some(hexadecimal) => (16, hexadecimal),
            None => (8, text),
        },
        None => (10, text),
    };
    // The sign is gone: Rust would take another.
    let plain = text.bytes().all(|byte| byte.is_ascii_hexdigit());
    plain
        .then(|| u64::from_str_radix(text, base).ok())
        .flatten()
        .map(i128::from)
}

/// `kstrtobool`, which looks at one or two letters only.
fn boolean(text: &str) -> Option<bool> {
    let mut letters = text.chars().map(|letter| letter.to_ascii_lowercase());
    match letters.next()? {
        'e' | 'y' | 't' | '1' => Some(true),
        'd' | 'n' | 'f' | '0' => Some(false),
        'o' => match letters.next()? {
            'n' => Some(true),
            'f' => Some(false),
            _ => None,
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse(kind: &str, value: &str) -> Option<Value> {
        Kind::of(kind).unwrap().parse(Some(value))
    }

    #[test]
    fn numbers_are_read_as_the_kernel_does() {
        for (kind, text, number) in [
            ("int", "9", 9),
            ("int", "-1", -1),
            ("int", "+5", 5),
            ("int", "0x10", 16),
            ("int", "010", 8),
            ("int", "0", 0),
            ("hexint", "0xffffffff", 0xffff_ffff),
            ("ullong", "0xffffffffffffffff", 0xffff_ffff_ffff_ffff),
        ] {
            assert_eq!(parse(kind, text), Some(Value::Number(number)), "{text}");
        }
        for (kind, text) in [
            ("uint", "-1"),
            ("int", "auto"),
            ("int", ""),
            ("int", "1 "),
            ("int", "08"),
            ("int", "0x"),
            ("int", "2147483648"),
            ("int", "-+1"),
            ("int", "--1"),
            ("int", "9\u{a0}"),
            ("hexint", "0x1ffffffff"),
        ] {
            assert_eq!(parse(kind, text), None, "{kind} {text}");
        }
        assert_eq!(Kind::of("int").unwrap().parse(None), None);
    }

    #[test]
    fn words_for_yes_and_no() {
        for (text, value) in [("1", true), ("Yes", true), ("on", true), ("off", false)] {
            assert_eq!(parse("bool", text), Some(Value::Bool(value)));
        }
        assert_eq!(parse("bool", "x"), None);
        assert_eq!(parse("bool", ""), None);
        assert_eq!(Kind::Bool.parse(None), Some(Value::Bool(true)));
    }

    proptest! {
        #[test]
        fn every_number_reads_back(number: i32) {
            prop_assert_eq!(
                parse("int", &number.to_string()),
                Some(Value::Number(number.into()))
            );
        }

        #[test]
        fn no_text_panics(text: String) {
            for kind in ["int", "uint", "bool", "charp"] {
                parse(kind, &text);
            }
        }
    }
}
