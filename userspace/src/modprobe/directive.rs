// SPDX-License-Identifier: MIT

//! One line of a modprobe.d file, as kmod reads it (`libkmod-config.c`, `kmod_config_parse`): a
//! backslash at the end of a line goes on below, also in a comment; a comment is a line that starts
//! with `#`, and nothing else is; `-` in a module's name is `_`.

use super::softdep::Softdep;
use crate::traced::{Place, Traced};

/// A line that says something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Directive {
    /// Where it starts.
    pub place: Place,
    /// The line as it is written, continuations joined.
    pub text: Traced,
    /// What it says.
    pub kind: Kind,
}

/// What a line says. Names of modules are in kmod's form, with `_` for `-`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// `options MODULE ...`
    Options {
        /// The module.
        module: String,
        /// What the module is passed, as written.
        arguments: Traced,
    },
    /// `blacklist MODULE`
    Blacklist {
        /// The module.
        module: String,
    },
    /// `install MODULE COMMAND...`
    Install {
        /// The module: a pattern.
        module: String,
        /// What is run in its place.
        command: String,
    },
    /// `softdep MODULE ...`
    Softdep(Softdep),
    /// `alias NAME MODULE`
    Alias {
        /// The name: a pattern.
        name: String,
        /// The module.
        module: String,
    },
    /// A line that says nothing of interest here: `remove`, `weakdep`.
    Other,
    /// A line that kmod ignores with a message.
    Bad,
}

/// Reads a whole file. Empty lines and comments are passed over.
pub fn parse(file: &str, text: &str) -> Vec<Directive> {
    logical_lines(file, text)
        .into_iter()
        .filter_map(|line| {
            let place = line.place(0)?.clone();
            if line.text().starts_with('#') {
                return None;
            }
            let kind = kind(&line)?;
            Some(Directive {
                place,
                text: line,
                kind,
            })
        })
        .collect()
}

/// `freadline_wrapped` of kmod: a backslash takes what follows it as it is, and a line break away.
fn logical_lines(file: &str, text: &str) -> Vec<Traced> {
    let mut lines = Vec::new();
    let mut line = Traced::default();
    for (i, mut rest) in text.split('\n').enumerate() {
        let place = Place::line(file, i + 1);
        let mut goes_on = false;
        while let Some((before, after)) = rest.split_once('\\') {
            let escaped = after.chars().next().map_or(0, char::len_utf8);
            goes_on = escaped == 0;
            line.push(before, &place);
            line.push(&after[..escaped], &place);
            rest = &after[escaped..];
        }
        line.push(rest, &place);
        if !goes_on {
            lines.push(std::mem::take(&mut line));
        }
    }
    lines.push(line);
    lines
}

/// The words of a line as `strtok_r` takes them one by one, and what is left.
struct Words<'a> {
    line: &'a Traced,
    at: usize,
}

impl<'a> Words<'a> {
    fn next(&mut self) -> Option<&'a str> {
        let text = self.line.text();
        let start = self.at + text[self.at..].find(|c| !is_blank(c))?;
        let end = text[start..]
            .find(is_blank)
            .map_or(text.len(), |n| start + n);
        self.at = (end + 1).min(text.len());
        Some(&text[start..end])
    }

    /// All that follows the one blank after the last word; `None` when nothing does.
    fn rest(&self) -> Option<Traced> {
        let end = self.line.text().len();
        (self.at < end).then(|| self.line.slice(self.at..end))
    }
}

fn is_blank(character: char) -> bool {
    matches!(character, ' ' | '\t')
}

fn kind(line: &Traced) -> Option<Kind> {
    let mut words = Words { line, at: 0 };
    let kind = match words.next()? {
        "options" => {
            arguments(&mut words).map(|(module, arguments)| Kind::Options { module, arguments })
        }
        "blacklist" => module_name(&mut words).map(|module| Kind::Blacklist { module }),
        "install" => arguments(&mut words).map(|(module, command)| Kind::Install {
            module,
            command: command.text().to_owned(),
        }),
        "softdep" => arguments(&mut words)
            .map(|(module, rest)| Kind::Softdep(Softdep::parse(module, rest.text()))),
        "alias" => module_name(&mut words).and_then(|name| {
            let module = module_name(&mut words)?;
            Some(Kind::Alias { name, module })
        }),
        "remove" | "weakdep" => arguments(&mut words).map(|_| Kind::Other),
        _ => None,
    };
    Some(kind.unwrap_or(Kind::Bad))
}

fn arguments(words: &mut Words<'_>) -> Option<(String, Traced)> {
    Some((module_name(words)?, words.rest()?))
}

fn module_name(words: &mut Words<'_>) -> Option<String> {
    underscores(words.next()?)
}

/// A module's name with `_` for `-`, but for what is in brackets; `None` when those do not match.
pub fn underscores(name: &str) -> Option<String> {
    let mut in_brackets = false;
    let mut result = String::with_capacity(name.len());
    for character in name.chars() {
        result.push(match character {
            '-' if !in_brackets => '_',
            ']' if !in_brackets => return None,
            other => other,
        });
        match character {
            '[' => in_brackets = true,
            ']' => in_brackets = false,
            _ => {}
        }
    }
    (!in_brackets).then_some(result)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn kinds(text: &str) -> Vec<Kind> {
        parse("/f", text).into_iter().map(|d| d.kind).collect()
    }

    #[test]
    fn lines_are_read_as_kmod_does() {
        let text = "# a comment\n\
                    \n\
                    options amd-gpu \\\n  noretry=0\n\
                    blacklist amdgpu\n\
                    install amdgpu /bin/false x\n\
                    options amdgpu\n\
                    option amdgpu a=1\n  # not a comment";
        let directives = parse("/f", text);
        let lines: Vec<_> = directives.iter().map(|d| d.place.line).collect();
        assert_eq!(lines, [3, 5, 6, 7, 8, 9].map(Some));
        let Kind::Options { module, arguments } = &directives[0].kind else {
            panic!("{:?}", directives[0]);
        };
        assert_eq!(
            (module.as_str(), arguments.text()),
            ("amd_gpu", "  noretry=0")
        );
        assert_eq!(arguments.place(2), Some(&Place::line("/f", 4)));
        assert_eq!(
            directives[1].kind,
            Kind::Blacklist {
                module: "amdgpu".to_owned()
            }
        );
        assert_eq!(
            directives[2].kind,
            Kind::Install {
                module: "amdgpu".to_owned(),
                command: "/bin/false x".to_owned()
            }
        );
        assert!(directives[3..].iter().all(|d| d.kind == Kind::Bad));
    }

    #[test]
    fn a_comment_that_ends_with_a_backslash_takes_the_next_line_along() {
        assert_eq!(kinds("# note \\\noptions amdgpu noretry=1\n"), []);
    }

    #[test]
    fn brackets_must_match() {
        assert_eq!(underscores("a-b[0-9]-c").as_deref(), Some("a_b[0-9]_c"));
        assert_eq!(underscores("a]"), None);
        assert_eq!(underscores("a[b"), None);
    }

    proptest! {
        #[test]
        fn no_text_panics(text: String) {
            parse("/f", &text);
        }

        #[test]
        fn no_text_of_the_language_panics(text in "(options|softdep|#|amdgpu|pre:|\\\\|\n| |\t|\\[|\\]|-|ä){0,40}") {
            parse("/f", &text);
        }
    }
}
