// SPDX-License-Identifier: MIT

//! What modprobe takes from the kernel command line (`libkmod-config.c`,
//! `kmod_config_parse_kcmdline`): `module.parameter=value`. The kernel itself only reads those of
//! modules that are built in. modprobe puts them after what modprobe.d says, so that they win.

use super::arguments::is_space;
use crate::modprobe::underscores;
use std::ops::Range;

/// One option of a module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModuleOption {
    /// Where it is in the command line.
    pub range: Range<usize>,
    /// The module, with `_` for `-`.
    pub module: String,
    /// What the module is passed, such as `noretry=0`.
    pub argument: String,
}

/// What the reader is in the middle of.
enum In {
    /// A word that is no option of a module.
    Other,
    /// The name of a module.
    Module,
    /// The name of a parameter, whose module's name ended at `dot`.
    Parameter { dot: usize },
    /// A value, which alone may hold white space.
    Value { dot: usize, equals: usize },
}

/// The options of modules on a command line. A word may be in quotes as a whole, as GRUB writes it.
pub fn module_options(text: &str) -> Vec<ModuleOption> {
    let mut options = Vec::new();
    let mut start = 0;
    let mut state = In::Module;
    let mut in_quotes = false;
    let mut quoted_word = false;
    for (at, character) in text.char_indices().chain([(text.len(), '\0')]) {
        match character {
            '"' => {
                in_quotes = !in_quotes;
                match state {
                    In::Module if in_quotes && at == start => quoted_word = true,
                    In::Value { .. } => {}
                    _ => state = In::Other,
                }
            }
            end if end == '\0' || is_space(end) => {
                if in_quotes {
                    if !matches!(state, In::Value { .. }) {
                        state = In::Other;
                    }
                    continue;
                }
                if let In::Parameter { dot } | In::Value { dot, .. } = state {
                    let name = &text[start + usize::from(quoted_word)..dot];
                    let argument = match state {
                        // The quote moves from before the word to before the value.
                        In::Value { equals, .. } if quoted_word => {
                            format!("{}=\"{}", &text[dot + 1..equals], &text[equals + 1..at])
                        }
                        _ => text[dot + 1..at].to_owned(),
                    };
                    options.extend(underscores(name).map(|module| ModuleOption {
                        range: start..at,
                        module,
                        argument,
                    }));
                }
                start = at + 1;
                state = In::Module;
                quoted_word = false;
            }
            '.' => match state {
                In::Module => state = In::Parameter { dot: at },
                In::Parameter { .. } => state = In::Other,
                _ => {}
            },
            '=' => match state {
                In::Parameter { dot } => state = In::Value { dot, equals: at },
                In::Module => state = In::Other,
                _ => {}
            },
            _ => {}
        }
    }
    options
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn options(text: &str) -> Vec<(String, String)> {
        module_options(text)
            .into_iter()
            .map(|option| (option.module, option.argument))
            .collect()
    }

    fn option(module: &str, argument: &str) -> (String, String) {
        (module.to_owned(), argument.to_owned())
    }

    #[test]
    fn options_of_modules_are_found() {
        let text = "quiet root=/dev/a.b amdgpu.noretry=0 snd-hda.x rmcp.enforce=1\n";
        assert_eq!(
            options(text),
            [
                option("amdgpu", "noretry=0"),
                option("snd_hda", "x"),
                option("rmcp", "enforce=1"),
            ]
        );
        assert_eq!(
            &text[module_options(text)[0].range.clone()],
            "amdgpu.noretry=0"
        );
    }

    #[test]
    fn quotes_hold_white_space_in_values_only() {
        assert_eq!(
            options("\"amdgpu.virtual_display=a b\" amdgpu.a=\"x y\" \"b c.d=e\" f.g=1"),
            [
                option("amdgpu", "virtual_display=\"a b\""),
                option("amdgpu", "a=\"x y\""),
                option("f", "g=1"),
            ]
        );
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "([ab.=\" \t\nä-]|\u{e9}){0,30}") {
            for option in module_options(&text) {
                let _ = &text[option.range];
            }
        }

        #[test]
        fn any_text(text: String) {
            module_options(&text);
        }
    }
}
