// SPDX-License-Identifier: MIT

//! Finds the few lines of a log that may matter, at the speed of a search, in a fixed amount of memory.

use super::event::PHRASES;
use aho_corasick::AhoCorasick;
use memchr::memmem::Finder;
use memchr::{memchr, memrchr};
use std::io::{self, ErrorKind, Read};
use std::ops::ControlFlow;
use std::sync::LazyLock;

/// What a line that matters has in it, and few others do.
const RARE: [&str; 4] = ["amdgpu", "GPU ", "HSA_STATUS_ERROR", "callbacks suppressed"];
/// How much is read at a time. A line that is longer is cut there.
const BLOCK: usize = 256 << 10;
/// As long as a line may be that is looked at: its beginning. The kernel's longest is below 2 KiB.
const LONGEST: usize = 16 << 10;

/// Calls `each` with every line that may matter, until there is no more to read or it says so.
///
/// # Errors
///
/// When the log cannot be read; that it was interrupted is none.
pub fn lines(mut log: impl Read, mut each: impl FnMut(&[u8]) -> ControlFlow<()>) -> io::Result<()> {
    let words = Words::new();
    let mut block = vec![0; BLOCK];
    let mut filled = 0;
    // Whether the block begins within a line that was cut.
    let mut cut = false;
    loop {
        let read = match log.read(&mut block[filled..]) {
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            read => read?,
        };
        let before = filled;
        filled += read;
        let whole = match memrchr(b'\n', &block[before..filled]) {
            Some(end) => before + end + 1,
            None if read == 0 || filled == BLOCK => filled,
            None => continue,
        };
        let mut begin = 0;
        if cut {
            begin = memchr(b'\n', &block[..whole]).map_or(whole, |end| end + 1);
        }
        // Only what fills the block ends elsewhere than at a line's end.
        cut = whole > 0 && block[whole - 1] != b'\n';
        if search(&words, &block[begin..whole], &mut each).is_break() || read == 0 {
            return Ok(());
        }
        block.copy_within(whole..filled, 0);
        filled -= whole;
    }
}

/// Whether a line may matter.
pub fn may_matter(line: &[u8]) -> bool {
    static WORDS: LazyLock<Words> = LazyLock::new(Words::new);
    let mut rare = WORDS.rare.iter();
    rare.any(|word| word.find(line).is_some()) && WORDS.telling.is_match(line)
}

/// What is searched for.
struct Words {
    /// Each alone: that is several times as fast as all at once.
    rare: [Finder<'static>; RARE.len()],
    /// One of them is in each message that is read.
    telling: AhoCorasick,
}

impl Words {
    fn new() -> Self {
        Self {
            rare: RARE.map(Finder::new),
            telling: AhoCorasick::new(PHRASES).expect("few words"),
        }
    }
}

/// The same in a text of whole lines.
fn search(
    words: &Words,
    text: &[u8],
    each: &mut impl FnMut(&[u8]) -> ControlFlow<()>,
) -> ControlFlow<()> {
    let find = |word: &Finder, from: usize| Some(from + word.find(&text[from..])?);
    // Where each word comes next.
    let mut next = words.rare.each_ref().map(|word| find(word, 0));
    while let Some(found) = next.iter().flatten().min().copied() {
        let begin = memrchr(b'\n', &text[..found]).map_or(0, |at| at + 1);
        let end = memchr(b'\n', &text[found..]).map_or(text.len(), |at| found + at);
        let line = &text[begin..end.min(begin + LONGEST)];
        // amdgpu logs much that is no fault.
        if words.telling.is_match(line) {
            each(line)?;
        }
        for (word, next) in words.rare.iter().zip(&mut next) {
            if next.is_some_and(|at| at < end) {
                *next = find(word, end);
            }
        }
    }
    ControlFlow::Continue(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Reads as much at a time as a list says, over and over.
    struct Pieces<'a>(&'a [u8], Vec<usize>, usize);

    impl Read for Pieces<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.2 += 1;
            let size = self.1[self.2 % self.1.len()]
                .min(buffer.len())
                .min(self.0.len());
            buffer[..size].copy_from_slice(&self.0[..size]);
            self.0 = &self.0[size..];
            Ok(size)
        }
    }

    fn found(log: impl Read) -> Vec<Vec<u8>> {
        let mut found = Vec::new();
        let each = |line: &[u8]| {
            found.push(line.to_vec());
            ControlFlow::Continue(())
        };
        lines(log, each).unwrap();
        found
    }

    #[test]
    fn a_line_longer_than_a_block_is_cut_and_the_next_is_read() {
        let long = "GPU reset ".repeat(BLOCK / 2);
        let log = format!("{long}\nx\nGPU reset\n{long}");
        let lines = found(log.as_bytes());
        let begin = &long.as_bytes()[..LONGEST];
        assert_eq!(lines, [begin, b"GPU reset", begin]);
    }

    #[test]
    fn it_stops_when_told() {
        let mut count = 0;
        let each = |_: &[u8]| {
            count += 1;
            ControlFlow::Break(())
        };
        lines(&b"GPU reset\nGPU reset\n"[..], each).unwrap();
        assert_eq!(count, 1);
    }

    proptest! {
        #[test]
        fn every_line_is_found_however_it_arrives(
            text in "(amdgpu|GPU reset|RW: |a|\n|\n|by GPU node-)*",
            sizes in prop::collection::vec(1usize..9, 1..5),
        ) {
            let has = |line: &str, words: &[&str]| words.iter().any(|word| line.contains(word));
            let lines = text.lines().filter(|line| has(line, &RARE) && has(line, &PHRASES));
            let lines: Vec<Vec<u8>> = lines.map(|line| line.as_bytes().to_vec()).collect();
            let one_by_one = text.lines().map(str::as_bytes).filter(|line| may_matter(line));
            prop_assert!(one_by_one.eq(lines.iter().map(Vec::as_slice)));
            prop_assert_eq!(found(Pieces(text.as_bytes(), sizes, 0)), lines);
        }
    }
}
