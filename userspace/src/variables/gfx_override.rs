// SPDX-License-Identifier: MIT

//! `HSA_OVERRIDE_GFX_VERSION`, and its form for one node: judged by the GPU that it is for.

use super::known::OVERRIDE;
use crate::policy::{Chip, CHIPS};

/// A version of an instruction set: (10, 1, 0) is gfx1010.
pub type Version = (u32, u32, u32);

/// Which GPUs the variable is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nodes {
    /// All.
    All,
    /// That which amdkfd has at this number: newer libraries know this form.
    One(u32),
}

impl Nodes {
    /// By its name; `None` for another variable.
    pub fn of(name: &str) -> Option<Self> {
        let rest = name.strip_prefix(OVERRIDE)?;
        match rest.strip_prefix('_') {
            None => rest.is_empty().then_some(Self::All),
            Some(node) => node.parse().ok().map(Self::One),
        }
    }
}

/// What C's `isspace` calls a space.
fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t'..='\r')
}

/// 10.3.0, as the library reads it (`sscanf("%u.%u.%u%c")` in `topology_sysfs_get_node_props`): with any
/// other text, even a blank after it, it gives up on every GPU.
pub fn version(text: &str) -> Option<Version> {
    let numbers: Vec<u32> = text
        .split('.')
        .map(|number| number.trim_start_matches(is_space).parse().ok())
        .collect::<Option<_>>()?;
    match numbers.as_slice() {
        &[major @ ..=63, minor @ ..=255, stepping @ ..=255] => Some((major, minor, stepping)),
        _ => None,
    }
}

/// Whether with this value a chip passes for itself or for a sister, whose code it runs: the version of a
/// chip with the same minor version, after any blanks. A stepping that no chip has, such as that of
/// 10.1.10, makes ROCr leave the GPU out; the odd ways in which the library lets the same version be
/// written, such as 010.1.0, are not told from harm, for the sake of those who judge in a shell.
pub fn is_harmless(text: &str, chip: &Chip) -> bool {
    let text = text.trim_start_matches(is_space);
    let own = series(chip);
    let stepping = own.as_ref().and_then(|own| {
        let rest = text.strip_prefix(own.as_str())?.strip_prefix('.')?;
        let mut digits = rest.chars();
        digits.next().filter(|_| digits.next().is_none())
    });
    let known = own.map_or(String::new(), |own| steppings(&own));
    stepping.is_some_and(|stepping| known.contains(stepping))
}

/// 10.3 of gfx1030.
pub fn series(chip: &Chip) -> Option<String> {
    target(chip).map(|(major, minor, _)| format!("{major}.{minor}"))
}

/// The steppings of the chips of a series, each a digit.
pub fn steppings(series: &str) -> String {
    let of_series = CHIPS
        .iter()
        .filter(|chip| self::series(chip).as_deref() == Some(series));
    let mut steppings: Vec<char> = of_series
        .filter_map(|chip| chip.gfx_target.chars().last())
        .collect();
    steppings.sort_unstable();
    steppings.dedup();
    steppings.into_iter().collect()
}

/// (10, 1, 0) of gfx1010: the last two digits are the minor version and the stepping.
pub fn target(chip: &Chip) -> Option<Version> {
    let digits = chip.gfx_target.strip_prefix("gfx")?;
    let (major, rest) = digits.split_at_checked(digits.len().checked_sub(2)?)?;
    let mut rest = rest.chars().map(|digit| digit.to_digit(16));
    Some((major.parse().ok()?, rest.next()??, rest.next()??))
}

/// Whether code of the version is made for another minor version than the chip's.
pub fn crosses(version: Version, chip: &Chip) -> bool {
    target(chip).map(|(major, minor, _)| (major, minor)) != Some((version.0, version.1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_chips_target_is_a_version() {
        for chip in &CHIPS {
            let (major, minor, _) = target(chip).unwrap();
            assert_eq!(
                (major as u8, minor as u8),
                (chip.gc.0, chip.gc.1),
                "{chip:?}"
            );
        }
    }

    #[test]
    fn versions_have_three_numbers() {
        assert_eq!(version(" 10.3.0"), Some((10, 3, 0)));
        assert_eq!(version("10. 3.\t0"), Some((10, 3, 0)));
        assert_eq!(version("63.255.255"), Some((63, 255, 255)));
        for text in [
            "", "10.3", "10.3.0.1", "gfx1030", "10.3.x", "-1.0.0", "10.3.0 ", "64.0.0", "10.256.0",
        ] {
            assert_eq!(version(text), None, "{text}");
        }
    }

    #[test]
    fn only_the_version_of_a_sister_is_harmless() {
        let navi10 = &CHIPS[0];
        for text in ["10.1.0", "10.1.3", " 10.1.0", "\n10.1.0"] {
            assert!(is_harmless(text, navi10), "{text:?}");
        }
        for text in [
            "10.1.4", "10.1.10", "10.3.0", "10.1.0 ", "010.1.0", "10.1.", "",
        ] {
            assert!(!is_harmless(text, navi10), "{text:?}");
        }
        assert_eq!(
            (steppings("10.1"), steppings("10.3")),
            ("0123".to_owned(), "0123456".to_owned())
        );
    }

    #[test]
    fn the_variable_is_for_all_nodes_or_for_one() {
        let of = |rest: &str| Nodes::of(&format!("{OVERRIDE}{rest}"));
        assert_eq!((of(""), of("_1")), (Some(Nodes::All), Some(Nodes::One(1))));
        for other in ["_", "_x", "S", "_1_2"] {
            assert_eq!(of(other), None, "{other}");
        }
    }

    proptest! {
        #[test]
        fn no_value_panics(text: String) {
            version(&text);
            Nodes::of(&format!("{OVERRIDE}_{text}"));
        }
    }
}
