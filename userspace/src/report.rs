// SPDX-License-Identifier: MIT

//! How a result reaches a person or a script: text with a little colour, or one JSON document.

use crate::cli::Global;
use anstream::{AutoStream, ColorChoice};
use anstyle::{AnsiColor, Style};
use serde::Serialize;
use std::io::{self, IsTerminal, Write};

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
    /// The name of what follows.
    Strong,
    /// Of less weight.
    Faint,
}

impl Tone {
    fn style(self) -> Style {
        match self {
            Self::Plain => Style::new(),
            Self::Good => AnsiColor::Green.on_default(),
            Self::Warning => AnsiColor::Yellow.on_default(),
            Self::Bad => AnsiColor::Red.on_default().bold(),
            Self::Strong => Style::new().bold(),
            Self::Faint => Style::new().dimmed(),
        }
    }
}

/// Columns of a terminal.
pub const WIDTH: usize = 80;

/// One line, in pieces that each mean something.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Line(Vec<(Tone, String)>);

impl Line {
    /// A line of one piece.
    pub fn new(tone: Tone, text: &str) -> Self {
        Self(vec![(tone, text.to_owned())])
    }

    /// A line that means nothing in particular.
    pub fn plain(text: &str) -> Self {
        Self::new(Tone::Plain, text)
    }

    /// Appends a piece.
    pub fn push(&mut self, tone: Tone, text: &str) {
        self.0.push((tone, text.to_owned()));
    }

    /// How many columns it takes, with the white space at its end.
    fn width(&self) -> usize {
        self.0.iter().map(|(_, text)| text.chars().count()).sum()
    }

    /// The text alone.
    pub fn text(&self) -> String {
        let whole: String = self.0.iter().map(|(_, text)| text.as_str()).collect();
        whole.trim_end().to_owned()
    }

    /// The text with its colours. No piece without a text, no white space at the end.
    fn styled(&self) -> String {
        let mut left = self.text().len();
        let mut styled = String::new();
        for (tone, text) in &self.0 {
            let text = &text[..text.len().min(left)];
            left -= text.len();
            if !text.is_empty() {
                let style = tone.style();
                styled += &format!("{style}{text}{style:#}");
            }
        }
        styled
    }
}

fn styled(lines: &[Line]) -> String {
    lines.iter().map(|line| line.styled() + "\n").collect()
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

/// A text beside its head, in as many lines as it takes, the further ones below the first.
pub fn paragraph(head: Line, tone: Tone, text: &str) -> Vec<Line> {
    let margin = head.width();
    let further = Line::plain(&" ".repeat(margin));
    let heads = std::iter::once(head).chain(std::iter::repeat(further));
    let lines = heads.zip(wrap(text, WIDTH.saturating_sub(margin).max(1)));
    lines
        .map(|(mut line, text)| {
            line.push(tone, &text);
            line
        })
        .collect()
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
        let mut out = AutoStream::new(io::stdout().lock(), self.color);
        let _ = writeln!(out, "{style}{text}{style:#}");
    }

    /// Lines of the result.
    ///
    /// # Errors
    ///
    /// When they cannot be written; a reader that went away is an error here.
    pub fn print(&self, lines: &[Line]) -> io::Result<()> {
        let mut out = AutoStream::new(io::stdout().lock(), self.color);
        out.write_all(styled(lines).as_bytes())?;
        out.flush()
    }

    /// Lines beside the result. A reader that went away is not an error.
    pub fn beside(&self, lines: &[Line]) {
        let mut out = AutoStream::new(io::stderr().lock(), self.color);
        let _ = out.write_all(styled(lines).as_bytes());
    }

    /// A result that another program reads, as it is.
    ///
    /// # Errors
    ///
    /// When it cannot be written; a reader that went away is an error here.
    pub fn raw(&self, text: &str) -> io::Result<()> {
        let mut out = io::stdout().lock();
        out.write_all(text.as_bytes())?;
        out.flush()
    }

    /// Whether a person looks at a screen that can be drawn again.
    pub fn redraws(&self) -> bool {
        let dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
        !self.json && !dumb && io::stdout().is_terminal()
    }

    /// The result as one JSON document.
    ///
    /// # Errors
    ///
    /// When the value cannot be written as JSON.
    pub fn document(&self, value: &impl Serialize) -> serde_json::Result<()> {
        let text = serde_json::to_string_pretty(value)?;
        let _ = writeln!(io::stdout().lock(), "{text}");
        Ok(())
    }

    /// One line about work in progress, beside the result.
    pub fn progress(&self, text: &str) {
        let mut out = AutoStream::new(io::stderr().lock(), self.color);
        let _ = writeln!(out, "{text}");
    }

    /// Whether a line about work in progress can be written over.
    pub fn rewrites_progress(&self) -> bool {
        let dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
        !dumb && io::stderr().is_terminal()
    }

    /// The line about work in progress in the place of the one before; an empty one takes it away.
    pub fn progress_again(&self, text: &str) {
        const ERASED: &str = "\r\x1b[K";
        let mut err = io::stderr().lock();
        let _ = write!(err, "{ERASED}{}", printable(text));
        let _ = err.flush();
    }

    /// Why a command failed.
    pub fn error(&self, error: &anyhow::Error) {
        let style = Tone::Bad.style();
        let mut out = AutoStream::new(io::stderr().lock(), self.color);
        let _ = writeln!(out, "{style}rmcp-kctl:{style:#} {error:#}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn text_is_broken_between_words_and_a_long_word_where_it_must() {
        assert_eq!(wrap("one two  three", 7), ["one two", "three"]);
        assert_eq!(wrap("abcdefgh ij", 3), ["abc", "def", "gh", "ij"]);
        assert_eq!(wrap("a\u{1b}[31mb", 80), ["a\u{fffd}[31mb"]);
        assert_eq!(wrap("", 5), [""]);
    }

    #[test]
    fn a_line_has_its_colours_and_no_white_space_at_its_end() {
        let mut line = Line::plain("  ");
        line.push(Tone::Good, "yes");
        line.push(Tone::Bad, "  ");
        assert_eq!(line.text(), "  yes");
        assert_eq!(line.styled(), "  \u{1b}[32myes\u{1b}[0m");
    }

    #[test]
    fn a_text_stands_beside_its_head() {
        let text = "word ".repeat(16);
        let lines = paragraph(Line::new(Tone::Bad, "ERROR  "), Tone::Plain, &text);
        let lines: Vec<String> = lines.iter().map(Line::text).collect();
        let first = format!("ERROR  {}", "word ".repeat(14));
        assert_eq!(lines, [first.trim_end(), "       word word"]);
    }

    proptest! {
        #[test]
        fn no_line_is_too_long_and_nothing_is_lost(text: String, width in 1usize..40) {
            let lines = wrap(&text, width);
            prop_assert!(lines.iter().all(|line| line.chars().count() <= width));
            let letters = |text: &str| text.split_whitespace().collect::<String>();
            prop_assert_eq!(letters(&lines.concat()), printable(&letters(&text)));
        }
    }
}
