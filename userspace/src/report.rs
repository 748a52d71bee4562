// SPDX-License-Identifier: MIT

//! How a result reaches a person or a script: text with a little colour, or one JSON document.

use crate::cli::Global;
use anstream::{AutoStream, ColorChoice};
use anstyle::{AnsiColor, Style};
use serde::Serialize;
use std::io::Write;

/// The streams that a command prints to.
#[derive(Debug)]
pub struct Terminal {
    json: bool,
    verbose: bool,
    color: ColorChoice,
}

/// What a line means to the reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// Nothing in particular.
    Plain,
    /// As it should be.
    Good,
    /// Worth a look.
    Warning,
    /// Wrong.
    Bad,
}

impl Tone {
    fn style(self) -> Style {
        match self {
            Self::Plain => Style::new(),
            Self::Good => AnsiColor::Green.on_default(),
            Self::Warning => AnsiColor::Yellow.on_default(),
            Self::Bad => AnsiColor::Red.on_default().bold(),
        }
    }
}

/// The text with what could do something to a terminal replaced.
pub fn printable(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect()
}

/// The text, printable, in lines of at most `width` characters, broken between words where it can be.
pub fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let (mut line, mut used) = (String::new(), 0);
    for word in text.split_whitespace() {
        let word: Vec<char> = printable(word).chars().collect();
        for (i, piece) in word.chunks(width).enumerate() {
            let space = usize::from(used > 0);
            if used > 0 && (i > 0 || used + space + piece.len() > width) {
                lines.push(std::mem::take(&mut line));
                used = 0;
            } else if used > 0 {
                line.push(' ');
                used += space;
            }
            line.extend(piece);
            used += piece.len();
        }
    }
    lines.push(line);
    lines
}

impl Terminal {
    /// The terminal as the global options want it.
    pub fn new(global: &Global) -> Self {
        Self {
            json: global.json,
            verbose: global.verbose,
            color: match global.color {
                clap::ColorChoice::Auto => ColorChoice::Auto,
                clap::ColorChoice::Always => ColorChoice::Always,
                clap::ColorChoice::Never => ColorChoice::Never,
            },
        }
    }

    /// Whether JSON is wanted.
    pub fn json(&self) -> bool {
        self.json
    }

    /// Whether more output is wanted.
    pub fn verbose(&self) -> bool {
        self.verbose
    }

    /// One line of the result. A reader that went away is not an error.
    pub fn line(&self, tone: Tone, text: &str) {
        let style = tone.style();
        let mut out = AutoStream::new(std::io::stdout().lock(), self.color);
        let _ = writeln!(out, "{style}{text}{style:#}");
    }

    /// The result as one JSON document.
    ///
    /// # Errors
    ///
    /// When the value cannot be written as JSON.
    pub fn document(&self, value: &impl Serialize) -> serde_json::Result<()> {
        let text = serde_json::to_string_pretty(value)?;
        let _ = writeln!(std::io::stdout().lock(), "{text}");
        Ok(())
    }

    /// One line about work in progress, beside the result.
    pub fn progress(&self, text: &str) {
        let mut out = AutoStream::new(std::io::stderr().lock(), self.color);
        let _ = writeln!(out, "{text}");
    }

    /// Why a command failed.
    pub fn error(&self, error: &anyhow::Error) {
        let style = Tone::Bad.style();
        let mut out = AutoStream::new(std::io::stderr().lock(), self.color);
        let _ = writeln!(out, "{style}rmcp-kctl:{style:#} {error:#}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lines_are_broken_between_words() {
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(wrap("one toolong two", 5), ["one", "toolo", "ng", "two"]);
        assert_eq!(wrap("", 5), [""]);
    }

    proptest! {
        #[test]
        fn no_line_is_too_long(text: String, width in 1..40_usize) {
            for line in wrap(&text, width) {
                prop_assert!(line.chars().count() <= width, "{line:?}");
                prop_assert!(!line.contains(char::is_control));
            }
        }
    }
}
