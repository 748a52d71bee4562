// SPDX-License-Identifier: MIT

//! A text put together from pieces of files, every part of which still knows the line it is from:
//! a line of modprobe.d that goes on below, or a kernel command line made of several variables.

use serde::Serialize;
use std::fmt;
use std::ops::Range;

/// A line of a file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Place {
    /// The absolute path.
    pub file: String,
    /// Counted from 1; `None` for a file that is one value.
    pub line: Option<usize>,
}

impl Place {
    /// A line of a file.
    pub fn line(file: &str, line: usize) -> Self {
        Self {
            file: file.to_owned(),
            line: Some(line),
        }
    }

    /// A file as a whole.
    pub fn file(file: &str) -> Self {
        Self {
            file: file.to_owned(),
            line: None,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        self.line.map_or(Ok(()), |line| write!(f, ":{line}"))
    }
}

/// The text and where its parts are from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Traced {
    text: String,
    /// Where each piece starts in `text`, in order.
    starts: Vec<(usize, Place)>,
}

impl Traced {
    /// A text that is all from one place.
    pub fn new(text: &str, place: Place) -> Self {
        let mut traced = Self::default();
        traced.push(text, &place);
        traced
    }

    /// Puts a piece at the end.
    pub fn push(&mut self, text: &str, place: &Place) {
        if text.is_empty() {
            return;
        }
        if self.starts.last().map(|(_, last)| last) != Some(place) {
            self.starts.push((self.text.len(), place.clone()));
        }
        self.text.push_str(text);
    }

    /// Puts another text at the end.
    pub fn append(&mut self, other: &Self) {
        for (i, (start, place)) in other.starts.iter().enumerate() {
            let end = other
                .starts
                .get(i + 1)
                .map_or(other.text.len(), |(next, _)| *next);
            self.push(&other.text[*start..end], place);
        }
    }

    /// The whole text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Where the byte at `offset` is from; `None` for an empty text.
    pub fn place(&self, offset: usize) -> Option<&Place> {
        let after = self.starts.partition_point(|(start, _)| *start <= offset);
        self.starts
            .get(after.saturating_sub(1))
            .map(|(_, place)| place)
    }

    /// A part of it; the range must lie on character boundaries, as those of a search do.
    pub fn slice(&self, range: Range<usize>) -> Self {
        let mut part = Self::default();
        for (i, (start, place)) in self.starts.iter().enumerate() {
            let end = self
                .starts
                .get(i + 1)
                .map_or(self.text.len(), |(next, _)| *next);
            let (from, to) = (range.start.max(*start), range.end.min(end));
            if from < to {
                part.push(&self.text[from..to], place);
            }
        }
        part
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_part_knows_its_line() {
        let mut text = Traced::new("options amdgpu ", Place::line("/a", 1));
        text.push("noretry=1", &Place::line("/a", 2));
        assert_eq!(text.text(), "options amdgpu noretry=1");
        assert_eq!(text.place(14), Some(&Place::line("/a", 1)));
        assert_eq!(text.place(15), Some(&Place::line("/a", 2)));
        assert_eq!(text.slice(8..18).place(7), Some(&Place::line("/a", 2)));
        assert_eq!(Traced::default().place(0), None);
        assert_eq!(Place::line("/a", 2).to_string(), "/a:2");
        assert_eq!(Place::file("/a").to_string(), "/a");
    }

    proptest! {
        #[test]
        fn pieces_keep_their_places(pieces in prop::collection::vec("[a-zä ]{0,5}", 0..6)) {
            let mut text = Traced::default();
            for (i, piece) in pieces.iter().enumerate() {
                text.push(piece, &Place::line("/f", i));
            }
            let mut copy = Traced::default();
            copy.append(&text);
            prop_assert_eq!(&copy, &text);
            prop_assert_eq!(&text.slice(0..text.text().len()), &text);
            let mut at = 0;
            for (i, piece) in pieces.iter().enumerate() {
                if !piece.is_empty() {
                    let place = Place::line("/f", i);
                    prop_assert_eq!(text.place(at), Some(&place));
                }
                at += piece.len();
            }
        }
    }
}
