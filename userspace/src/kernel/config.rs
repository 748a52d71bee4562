// SPDX-License-Identifier: MIT

//! A kernel's configuration.

use super::MODULES;
use crate::root::Root;
use std::collections::BTreeMap;
use std::path::Path;

/// The options of a `.config` that are set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config(BTreeMap<String, String>);

impl Config {
    /// The configuration of a kernel: from its headers, or from beside its image.
    pub fn of(root: &Root, release: &str, headers: &Path) -> Option<Self> {
        [
            headers.join(".config"),
            root.path(format!("/boot/config-{release}")),
            root.path(format!("{MODULES}/{release}/config")),
        ]
        .iter()
        .find_map(|path| std::fs::read_to_string(path).ok())
        .map(|text| Self::parse(&text))
    }

    /// Reads the text of a `.config`. Lines that set nothing are passed over.
    pub fn parse(text: &str) -> Self {
        Self(
            text.lines()
                .filter(|line| line.starts_with("CONFIG_"))
                .filter_map(|line| line.split_once('='))
                .map(|(name, value)| (name.to_owned(), value.trim_matches('"').to_owned()))
                .collect(),
        )
    }

    /// The value of an option, without quotes.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// The kernel's compiler, as in `rustc 1.85.1 (...)`; empty for a kernel without one.
    pub fn rustc(&self) -> &str {
        self.get("CONFIG_RUSTC_VERSION_TEXT").unwrap_or_default()
    }

    /// The number of that compiler, as in `1.85.1`.
    pub fn rustc_number(&self) -> &str {
        self.rustc().split_whitespace().nth(1).unwrap_or_default()
    }

    /// Whether an option is built in or a module.
    pub fn enabled(&self, name: &str) -> bool {
        matches!(self.get(name), Some("y" | "m"))
    }

    /// The options that differ from `other`, but for those that only name a tool's version text.
    pub fn differences(&self, other: &Self) -> Vec<String> {
        self.0
            .keys()
            .chain(other.0.keys())
            .filter(|name| !name.ends_with("_VERSION_TEXT"))
            .filter(|name| self.get(name) != other.get(name))
            .cloned()
            .collect::<std::collections::BTreeSet<_>>()
            .into_iter()
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TEXT: &str = "# a comment\nCONFIG_RUST=y\nCONFIG_DRM_AMDGPU=m\n# CONFIG_X is not set\nCONFIG_RUSTC_VERSION_TEXT=\"rustc 1.85.1 (a b)\"\n";

    #[test]
    fn options_are_read() {
        let config = Config::parse(TEXT);
        assert!(config.enabled("CONFIG_RUST") && config.enabled("CONFIG_DRM_AMDGPU"));
        assert!(!config.enabled("CONFIG_X"));
        assert_eq!(
            config.get("CONFIG_RUSTC_VERSION_TEXT"),
            Some("rustc 1.85.1 (a b)")
        );
    }

    #[test]
    fn differences_name_the_options_and_pass_over_version_texts() {
        let config = Config::parse(TEXT);
        let other = Config::parse(
            "CONFIG_RUST=n\nCONFIG_DRM_AMDGPU=m\nCONFIG_NEW=1\nCONFIG_CC_VERSION_TEXT=\"gcc\"\n",
        );
        assert_eq!(config.differences(&other), ["CONFIG_NEW", "CONFIG_RUST"]);
        assert_eq!(config.differences(&config), Vec::<String>::new());
    }

    proptest! {
        #[test]
        fn no_text_panics(text: String) {
            Config::parse(&text);
        }
    }
}
