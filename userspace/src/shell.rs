// SPDX-License-Identifier: MIT

//! Assignments in files that a shell or the like reads: found by reading, nothing is ever executed.

/// One `NAME=value`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assignment {
    /// The line that it is in, from 1.
    pub line: usize,
    /// The name.
    pub name: String,
    /// The value without quotes; `None` when it takes a shell to know it.
    pub value: Option<String>,
}

/// Every assignment in the text: `NAME=value`, also after `export` or after another command on the
/// line, csh's `setenv NAME value`, fish's `set -x NAME value`, and pam_env's `NAME DEFAULT=value`.
/// Whether the line is ever reached is not known. Comments are passed over.
pub fn assignments(text: &str) -> Vec<Assignment> {
    let mut found = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let line_number = index + 1;
        let words = words(line);
        let mut add = |name: &str, value: Option<String>| {
            if is_name(name) {
                found.push(Assignment {
                    line: line_number,
                    name: name.to_owned(),
                    value,
                });
            }
        };
        let literal = |word: &Word| word.literal.then(|| word.text.clone());
        match words.first().map(|word| word.text.as_str()) {
            Some("setenv") => {
                if let [_, name, value, ..] = words.as_slice() {
                    add(&name.text, literal(value));
                }
            }
            Some("set") => {
                let mut rest = words[1..]
                    .iter()
                    .skip_while(|word| word.text.starts_with('-'));
                if let (Some(name), Some(value)) = (rest.next(), rest.next()) {
                    add(&name.text, literal(value));
                }
            }
            Some(name) if words.len() > 1 && words[1..].iter().all(is_of_pam) => {
                add(name, pam_value(&words[1..]));
            }
            _ => {
                for word in &words {
                    if let Some((name, value)) = word.text.split_once('=') {
                        add(name, word.literal.then(|| value.to_owned()));
                    }
                }
            }
        }
    }
    found
}

/// The value of the last assignment to `name`, if it can be known.
pub fn value(text: &str, name: &str) -> Option<String> {
    assignments(text)
        .into_iter()
        .rfind(|assignment| assignment.name == name)?
        .value
}

/// Whether a word says of a variable what pam_env.conf(5) lets it.
fn is_of_pam(word: &Word) -> bool {
    word.text.starts_with(DEFAULT) || word.text.starts_with(OVERRIDE)
}

const DEFAULT: &str = "DEFAULT=";
const OVERRIDE: &str = "OVERRIDE=";

/// The value that such words give a variable: the first does where the second is empty.
fn pam_value(words: &[Word]) -> Option<String> {
    let last = |prefix: &str| {
        let mut of_it = words
            .iter()
            .rev()
            .filter(|word| word.text.len() > prefix.len());
        of_it.find(|word| word.text.starts_with(prefix))
    };
    let (word, prefix) = match (last(OVERRIDE), last(DEFAULT)) {
        (Some(word), _) => (word, OVERRIDE),
        (None, Some(word)) => (word, DEFAULT),
        (None, None) => return Some(String::new()),
    };
    // A variable, or an item of PAM's.
    let known = word.literal && !word.text.contains("@{");
    known.then(|| word.text[prefix.len()..].to_owned())
}

/// Whether a text is the name of a variable, as shells have it.
pub fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

struct Word {
    text: String,
    literal: bool,
}

/// The words of a line, up to a comment, without quotes.
fn words(line: &str) -> Vec<Word> {
    let mut words = Vec::new();
    let mut word: Option<Word> = None;
    let mut quote = None;
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        let begun = word.is_some();
        match (quote, c) {
            (None, '#') if !begun => break,
            (None, ' ' | '\t' | ';' | '&' | '|' | '(' | ')') => words.extend(word.take()),
            _ => {
                let word = word.get_or_insert_with(|| Word {
                    text: String::new(),
                    literal: true,
                });
                match (quote, c) {
                    (None, '"' | '\'') => quote = Some(c),
                    (Some(open), _) if open == c => quote = None,
                    (None | Some('"'), '\\') => word.text.extend(chars.next()),
                    _ => {
                        word.literal &= quote == Some('\'') || !matches!(c, '$' | '`');
                        word.text.push(c);
                    }
                }
            }
        }
    }
    words.extend(word);
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn one(text: &str) -> (String, Option<String>) {
        let found = assignments(text);
        assert_eq!(found.len(), 1, "{text}: {found:?}");
        (found[0].name.clone(), found[0].value.clone())
    }

    #[test]
    fn assignments_of_every_shell_are_found() {
        for text in [
            "A=1",
            "export A=1",
            "  export A=\"1\" # comment",
            "A='1'",
            "[ -e /x ] && A=1",
            "if x; then export A=1; fi",
            "declare -x A=1",
            "setenv A 1",
            "set -gx A 1",
            "set -g -x A '1'",
            "A=\\1",
            "A DEFAULT=1",
            "A  DEFAULT=2 OVERRIDE=\"1\"",
            "A OVERRIDE= DEFAULT=1",
        ] {
            assert_eq!(one(text), ("A".to_owned(), Some("1".to_owned())), "{text}");
        }
    }

    #[test]
    fn what_only_a_shell_knows_is_not_guessed() {
        for text in [
            "A=$B",
            "A=\"${B:-1}\"",
            "export A=`b`",
            "set -x A $b",
            "A DEFAULT=1 OVERRIDE=${B}",
            "A DEFAULT=@{HOME}/x",
        ] {
            assert_eq!(one(text), ("A".to_owned(), None), "{text}");
        }
        assert_eq!(one("A='$B'").1.as_deref(), Some("$B"));
    }

    #[test]
    fn comments_and_other_words_are_none() {
        for text in ["# A=1", "  #export A=1", "--a=1", "a-b=1", "=1", "", "1A=2"] {
            assert_eq!(assignments(text), [], "{text}");
        }
    }

    #[test]
    fn the_last_one_counts_and_lines_are_counted_from_1() {
        let text = "A=1\n\nB=x\nA=2\n";
        assert_eq!(value(text, "A").as_deref(), Some("2"));
        assert_eq!(assignments(text)[2].line, 4);
        assert_eq!(value("A=1\nA=$x", "A"), None);
        assert_eq!(value(text, "C"), None);
        let text = "export DEFAULT=x A=1";
        assert_eq!(value(text, "A").as_deref(), Some("1"));
        assert_eq!(value("A DEFAULT=", "A").as_deref(), Some(""));
    }

    proptest! {
        #[test]
        fn no_text_panics(text: String) {
            assignments(&text);
        }

        #[test]
        fn nor_does_any_jumble_of_what_means_something(text in "[A=\"'\\\\$`#; \nset-]{0,40}") {
            assignments(&text);
        }
    }
}
