// SPDX-License-Identifier: MIT

//! `name=value` words as the kernel splits them (`lib/cmdline.c`, `next_arg`; `kernel/params.c`,
//! `parse_args`): on its own command line, and in what a module is passed when it is loaded.

use std::ops::Range;

/// One word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Argument {
    /// Where it is in the text, quotes included.
    pub range: Range<usize>,
    /// The part before the first `=`.
    pub name: String,
    /// The part after it, without its quotes; `None` without a `=`.
    pub value: Option<String>,
}

/// White space of C.
pub fn is_space(character: char) -> bool {
    matches!(character, ' ' | '\t' | '\n' | '\x0b' | '\x0c' | '\r')
}

/// The words up to `--`: what follows that is ignored by a module, and init's for the kernel.
pub fn split(text: &str) -> Vec<Argument> {
    let mut arguments = Vec::new();
    let mut at = 0;
    while let Some(start) = text[at..].find(|c| !is_space(c)).map(|n| at + n) {
        let argument = next(text, start);
        at = argument.range.end;
        if argument.name == "--" && argument.value.is_none() {
            break;
        }
        arguments.push(argument);
    }
    arguments
}

fn next(text: &str, start: usize) -> Argument {
    let quoted = text[start..].starts_with('"');
    let first = start + usize::from(quoted);
    let mut in_quotes = quoted;
    let mut equals = None;
    let mut end = text.len();
    for (at, character) in text[first..].char_indices() {
        match character {
            space if is_space(space) && !in_quotes => {
                end = first + at;
                break;
            }
            // A `=` in the first place is none.
            '=' if at > 0 && equals.is_none() => equals = Some(first + at),
            '"' => in_quotes = !in_quotes,
            _ => {}
        }
    }
    let word = &text[first..end];
    let closed = |part: &str| part.strip_suffix('"').unwrap_or(part).to_owned();
    let (name, value) = match equals {
        Some(equals) => {
            let value = &text[equals + 1..end];
            let value = match value.strip_prefix('"') {
                Some(inside) => closed(inside),
                None if quoted => closed(value),
                None => value.to_owned(),
            };
            (text[first..equals].to_owned(), Some(value))
        }
        None if quoted => (closed(word), None),
        None => (word.to_owned(), None),
    };
    Argument {
        range: start..end,
        name,
        value,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn pairs(text: &str) -> Vec<(String, Option<String>)> {
        split(text).into_iter().map(|a| (a.name, a.value)).collect()
    }

    fn pair(name: &str, value: Option<&str>) -> (String, Option<String>) {
        (name.to_owned(), value.map(str::to_owned))
    }

    #[test]
    fn words_are_split_as_the_kernel_does() {
        assert_eq!(
            pairs("  a=1\tb  c=\"x y\" \"d=x y\" e= f=\"\" g=1=2 =h=3\r"),
            [
                pair("a", Some("1")),
                pair("b", None),
                pair("c", Some("x y")),
                pair("d", Some("x y")),
                pair("e", Some("")),
                pair("f", Some("")),
                pair("g", Some("1=2")),
                pair("=h", Some("3")),
            ]
        );
        assert_eq!(pairs("a=\"open b=2"), [pair("a", Some("open b=2"))]);
        assert_eq!(pairs("a=1 -- b=2"), [pair("a", Some("1"))]);
    }

    proptest! {
        #[test]
        fn no_text_panics_and_ranges_are_of_the_text(text in "([a-c=\" \t\nä-]|\u{e9}){0,30}") {
            let mut last = 0;
            for argument in split(&text) {
                prop_assert!(argument.range.start >= last && !text[argument.range.clone()].is_empty());
                last = argument.range.end;
            }
        }

        #[test]
        fn any_text(text: String) {
            split(&text);
        }
    }
}
