// SPDX-License-Identifier: MIT

//! Variables that a shell script sets in plain lines, such as those of `/etc/default/grub`. Nothing
//! is executed: assignments with quotes and references to earlier variables are understood, any
//! other line is passed over.

use crate::traced::{Place, Traced};
use std::collections::BTreeMap;
use std::iter::Peekable;
use std::str::Chars;

/// The most bytes of a value that another one is put into: far above any command line, and an end
/// to variables that double themselves.
const MAX_VALUE: usize = 1 << 16;

/// The variables and the lines that their values are from.
#[derive(Debug, Default)]
pub(super) struct Variables(BTreeMap<String, Traced>);

impl Variables {
    /// The value of a variable.
    pub(super) fn get(&self, name: &str) -> Option<&Traced> {
        self.0.get(name)
    }

    /// Reads a script; later assignments replace earlier ones.
    pub(super) fn read(&mut self, file: &str, text: &str) {
        let mut script = Script {
            place: Place::line(file, 1),
            characters: text.chars().peekable(),
        };
        while script.characters.peek().is_some() {
            self.command(&mut script);
        }
    }

    fn command(&mut self, script: &mut Script<'_>) {
        let mut word = String::new();
        while let Some(character) = script.next() {
            match character {
                '=' if is_name(word.trim_end_matches('+')) => {
                    let value = self.value(script);
                    if let Some(name) = word.strip_suffix('+') {
                        self.0.entry(name.to_owned()).or_default().append(&value);
                    } else {
                        self.0.insert(word, value);
                    }
                    return;
                }
                '\n' | ';' => return,
                ' ' | '\t' => word.clear(),
                '#' if word.is_empty() => return script.skip_line(),
                other => word.push(other),
            }
        }
    }

    fn value(&self, script: &mut Script<'_>) -> Traced {
        let mut value = Traced::default();
        let mut quote = None;
        while let Some(character) = script.characters.peek().copied() {
            if quote.is_none() && matches!(character, ' ' | '\t' | '\n' | ';') {
                break;
            }
            script.next();
            match character {
                '\'' | '"' if quote.is_none() => quote = Some(character),
                end if quote == Some(end) => quote = None,
                '\\' if quote != Some('\'') => match script.next() {
                    Some('\n') | None => {}
                    Some(escaped) => {
                        if quote.is_some() && !matches!(escaped, '$' | '`' | '"' | '\\') {
                            script.push(&mut value, '\\');
                        }
                        script.push(&mut value, escaped);
                    }
                },
                '$' if quote != Some('\'') => match script.reference() {
                    Some(name) => {
                        let room = MAX_VALUE.saturating_sub(value.text().len());
                        if let Some(other) = self.get(&name).filter(|v| v.text().len() <= room) {
                            value.append(other);
                        }
                    }
                    None => script.push(&mut value, '$'),
                },
                other => script.push(&mut value, other),
            }
        }
        value
    }
}

fn is_name(word: &str) -> bool {
    !word.is_empty()
        && !word.starts_with(|c: char| c.is_ascii_digit())
        && word.chars().all(is_in_name)
}

fn is_in_name(character: char) -> bool {
    character.is_ascii_alphanumeric() || character == '_'
}

struct Script<'a> {
    /// Where the next character is.
    place: Place,
    characters: Peekable<Chars<'a>>,
}

impl Script<'_> {
    fn next(&mut self) -> Option<char> {
        let character = self.characters.next()?;
        if character == '\n' {
            self.place.line = self.place.line.map(|number| number + 1);
        }
        Some(character)
    }

    fn skip_line(&mut self) {
        while self.next().is_some_and(|character| character != '\n') {}
    }

    fn push(&self, value: &mut Traced, character: char) {
        value.push(character.encode_utf8(&mut [0; 4]), &self.place);
    }

    /// The name after a `$`, with or without braces; `None` where there is none.
    fn reference(&mut self) -> Option<String> {
        let braces = self.characters.next_if_eq(&'{').is_some();
        let mut name = String::new();
        while let Some(character) = self.characters.next_if(|c| is_in_name(*c)) {
            name.push(character);
        }
        if braces {
            self.characters.next_if_eq(&'}');
        }
        is_name(&name).then_some(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn value(text: &str, name: &str) -> Option<String> {
        let mut variables = Variables::default();
        variables.read("/f", text);
        variables.get(name).map(|value| value.text().to_owned())
    }

    #[test]
    fn assignments_are_understood() {
        for (text, expected) in [
            ("A=quiet", "quiet"),
            ("A=\"quiet splash\"", "quiet splash"),
            ("A='a \"b\" $B'", "a \"b\" $B"),
            ("A=\"a \\\"b c\\\"\"", "a \"b c\""),
            ("A=x\nA=\"$A y\"", "x y"),
            ("A=x\nA+=\" y\"", "x y"),
            ("B=1;A=${B}2", "12"),
            ("export A=x # A=y", "x"),
            ("# A=y\nA=x", "x"),
            ("A=\"a \\\n  b\"", "a   b"),
            ("A=\"$NONE\"", ""),
        ] {
            assert_eq!(value(text, "A").as_deref(), Some(expected), "{text}");
        }
        assert_eq!(value("echo 1A=2\n if [ x ]", "A"), None);
    }

    #[test]
    fn words_keep_the_line_that_they_are_from() {
        let mut variables = Variables::default();
        variables.read("/a", "A=x\n");
        variables.read("/b", "\nA=\"$A y\"\n");
        let value = variables.get("A").unwrap();
        assert_eq!(value.place(0), Some(&Place::line("/a", 1)));
        assert_eq!(value.place(2), Some(&Place::line("/b", 2)));
    }

    #[test]
    fn a_variable_cannot_double_itself_for_ever() {
        let text = format!("A=x\n{}", "A=\"$A$A\"\n".repeat(200));
        assert!(value(&text, "A").unwrap().len() <= MAX_VALUE);
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "[A=+\"'$\\\\{}#; \nä]{0,40}") {
            value(&text, "A");
        }
    }
}
