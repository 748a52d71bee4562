// SPDX-License-Identifier: MIT

//! `softdep` lines: what is loaded before and after a module. Of several lines for a module kmod
//! takes the first and no other (`libkmod-module.c`, `kmod_module_get_softdeps`).

use crate::cmdline::arguments::is_space;

/// One line.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Softdep {
    /// The module: a pattern.
    pub module: String,
    /// Loaded before it.
    pub pre: Vec<String>,
    /// Loaded after it.
    pub post: Vec<String>,
}

impl Softdep {
    /// What follows the module's name on the line and one blank. kmod counts a single further blank
    /// as part of the first word (`kmod_config_add_softdep`): `softdep a  pre: b` asks for nothing.
    pub(super) fn parse(module: String, text: &str) -> Self {
        let mut softdep = Self {
            module,
            ..Self::default()
        };
        let mut list = None;
        let mut blanks = text.chars().take_while(|c| is_space(*c));
        let one_blank = blanks.next().is_some() && blanks.next().is_none();
        for (i, word) in text.split(is_space).filter(|w| !w.is_empty()).enumerate() {
            match word {
                "pre:" if !(i == 0 && one_blank) => list = Some(&mut softdep.pre),
                "post:" if !(i == 0 && one_blank) => list = Some(&mut softdep.post),
                name => {
                    if let Some(list) = &mut list {
                        list.push(name.to_owned());
                    }
                }
            }
        }
        softdep
    }

    /// Whether `module` is loaded first.
    pub fn loads_first(&self, module: &str) -> bool {
        self.pre.iter().any(|name| name.replace('-', "_") == module)
    }
}

/// Whether a module's name matches a pattern of modprobe.d (`fnmatch`): `*`, `?` and `[...]`.
pub(super) fn matches(pattern: &str, name: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let name: Vec<char> = name.chars().collect();
    let (mut p, mut n) = (0, 0);
    // Where to go on when the last `*` has to take one character more.
    let mut again = None;
    while n < name.len() {
        if pattern.get(p) == Some(&'*') {
            again = Some((p + 1, n));
            p += 1;
            continue;
        }
        if let Some(next) = one(&pattern, p, name[n]) {
            p = next;
            n += 1;
        } else if let Some((star, taken)) = again {
            again = Some((star, taken + 1));
            p = star;
            n = taken + 1;
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

/// Where the pattern goes on when its element at `at` takes the character.
fn one(pattern: &[char], at: usize, character: char) -> Option<usize> {
    match pattern.get(at)? {
        '?' => Some(at + 1),
        '[' => bracket(pattern, at, character),
        '\\' => (pattern.get(at + 1) == Some(&character)).then_some(at + 2),
        literal => (*literal == character).then_some(at + 1),
    }
}

/// The same for a bracket; one that is not closed is a plain character.
fn bracket(pattern: &[char], at: usize, character: char) -> Option<usize> {
    let negated = matches!(pattern.get(at + 1), Some('!' | '^'));
    let first = at + 1 + usize::from(negated);
    // A `]` in the first place is one of the characters.
    let length = pattern.iter().skip(first + 1).position(|c| *c == ']');
    let Some(close) = length.map(|length| first + 1 + length) else {
        return (character == '[').then_some(at + 1);
    };
    let mut inside = false;
    let mut i = first;
    while i < close {
        if pattern.get(i + 1) == Some(&'-') && i + 2 < close {
            inside |= (pattern[i]..=pattern[i + 2]).contains(&character);
            i += 3;
        } else {
            inside |= pattern[i] == character;
            i += 1;
        }
    }
    (inside != negated).then_some(close + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_are_before_or_after() {
        let softdep = Softdep::parse("amdgpu".to_owned(), "x pre: a  rmcp post: b");
        assert_eq!(softdep.pre, ["a", "rmcp"]);
        assert_eq!(softdep.post, ["b"]);
        assert!(softdep.loads_first("rmcp") && !softdep.loads_first("b"));
    }

    #[test]
    fn one_blank_too_much_before_the_first_word_and_kmod_does_not_see_it() {
        for (text, seen) in [
            ("pre: rmcp", true),
            (" pre: rmcp", false),
            ("  pre: rmcp", true),
        ] {
            let softdep = Softdep::parse("amdgpu".to_owned(), text);
            assert_eq!(softdep.loads_first("rmcp"), seen, "{text:?}");
        }
    }

    #[test]
    fn patterns_match_as_fnmatch_does() {
        for (pattern, name) in [
            ("amdgpu", "amdgpu"),
            ("amd*", "amdgpu"),
            ("*", "amdgpu"),
            ("*d*u", "amdgpu"),
            ("amd?pu", "amdgpu"),
            ("[a-c]mdgpu", "amdgpu"),
            ("[!x]mdgpu", "amdgpu"),
            ("amdgpu*", "amdgpu"),
        ] {
            assert!(matches(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in [
            ("amdgp", "amdgpu"),
            ("amdgpux", "amdgpu"),
            ("?amdgpu", "amdgpu"),
            ("[b-c]mdgpu", "amdgpu"),
            ("[!a]mdgpu", "amdgpu"),
            ("", "amdgpu"),
            ("[amdgpu", "amdgpu"),
        ] {
            assert!(!matches(pattern, name), "{pattern} {name}");
        }
    }

    proptest! {
        #[test]
        fn no_pattern_panics(pattern in "[\\[\\]a!*?\\\\-]{0,20}", name in "[a\\[]{0,20}") {
            matches(&pattern, &name);
        }

        #[test]
        fn a_plain_name_matches_itself_only(name in "[a-z_0-9]{1,12}", other in "[a-z_0-9]{1,12}") {
            prop_assert!(matches(&name, &name));
            prop_assert_eq!(matches(&name, &other), name == other);
        }
    }
}
