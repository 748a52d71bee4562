// SPDX-License-Identifier: MIT

//! Finds the few lines of a log that may matter, at the speed of a search, in a fixed amount of memory.

use super::event::PHRASES;
use aho_corasick::AhoCorasick;
use memchr::memmem::Finder;
use memchr::{memchr2, memrchr2};
use std::io::{self, ErrorKind, Read};
use std::ops::ControlFlow;
use std::sync::LazyLock;

/// What a line that matters has in it, and few others do.
const RARE: [&str; 4] = ["amdgpu", "GPU ", "HSA_STATUS_ERROR", "callbacks suppressed"];
/// How much is read at a time.
const BLOCK: usize = 256 << 10;
/// As much of a line is looked at, before and after one of those words. The kernel's longest line is below
/// 2 KiB.
const LONGEST: usize = 16 << 10;
/// How long a line may become before it is looked at without its end.
const UNENDED: usize = 4 * LONGEST;

/// Calls `each` with every line that may matter, until there is no more to read or it says so.
///
/// # Errors
///
/// When the log cannot be read; that it was interrupted is none.
pub fn lines(mut log: impl Read, mut each: impl FnMut(&[u8]) -> ControlFlow<()>) -> io::Result<()> {
    let mut block = vec![0; BLOCK];
    let mut filled = 0;
    loop {
        let read = match log.read(&mut block[filled..]) {
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            read => read?,
        };
        filled += read;
        let ControlFlow::Continue(done) = search(&block[..filled], read == 0, &mut each) else {
            return Ok(());
        };
        if read == 0 {
            return Ok(());
        }
        block.copy_within(done..filled, 0);
        filled -= done;
    }
}

/// Whether a line may matter.
pub fn may_matter(line: &[u8]) -> bool {
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

static WORDS: LazyLock<Words> = LazyLock::new(|| Words {
    rare: RARE.map(Finder::new),
    telling: AhoCorasick::new(PHRASES).expect("few words"),
});

/// Calls `each` with the lines of a text that may matter, and yields how much of the text is done with;
/// the rest, below [`UNENDED`], is the beginning of what comes next, unless the text is `over`. Progress bars
/// end their lines with a carriage return.
pub fn search(
    text: &[u8],
    over: bool,
    each: &mut impl FnMut(&[u8]) -> ControlFlow<()>,
) -> ControlFlow<(), usize> {
    let whole = memrchr2(b'\n', b'\r', text).map_or(0, |end| end + 1);
    // What is searched, and what is not needed any more: a message may be cut at the text's end, and a word
    // at the end of what is searched.
    let (until, unneeded) = match text.len() - whole {
        _ if over => (text.len(), text.len()),
        UNENDED.. => (text.len() - LONGEST, text.len() - 2 * LONGEST),
        _ => (whole, whole),
    };
    let find = |word: &Finder, from: usize| Some(from + word.find(text.get(from..until)?)?);
    // Where each word comes next.
    let mut next = WORDS.rare.each_ref().map(|word| find(word, 0));
    let mut done = 0;
    while let Some(found) = next.iter().flatten().min().copied() {
        let before = done.max(found.saturating_sub(LONGEST));
        let after = text.len().min(found + LONGEST);
        let begin = memrchr2(b'\n', b'\r', &text[before..found]);
        let begin = begin.map_or(before, |at| before + at + 1);
        let end = memchr2(b'\n', b'\r', &text[found..after]).map_or(after, |at| found + at);
        // amdgpu logs much that is no fault.
        if WORDS.telling.is_match(&text[begin..end]) {
            each(&text[begin..end])?;
        }
        done = end;
        for (word, next) in WORDS.rare.iter().zip(&mut next) {
            if next.is_some_and(|at| at < end) {
                *next = find(word, end);
            }
        }
    }
    ControlFlow::Continue(done.max(unneeded))
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
    fn a_line_longer_than_a_block_is_looked_at_around_its_words_wherever_it_is_cut() {
        for before in [BLOCK - 20, BLOCK - 5, 2 * BLOCK + 1, UNENDED - 3, UNENDED] {
            for after in [0, 5, 3 * BLOCK] {
                let (before, after) = ("x".repeat(before), "y".repeat(after));
                let log = format!("a\n{before}GPU reset begin!{after}\nGPU reset\r{before}");
                let lines = found(log.as_bytes());
                assert_eq!(lines.len(), 2);
                let line = String::from_utf8_lossy(&lines[0]);
                assert!(line.contains("xGPU reset begin!"), "{}", line.len());
                assert!(line.len() <= 2 * LONGEST);
                assert_eq!(lines[1], b"GPU reset");
            }
        }
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
            text in "(amdgpu|GPU reset|RW: |a|\n|\r|\r\n|by GPU node-)*",
            sizes in prop::collection::vec(1usize..9, 1..5),
        ) {
            let has = |line: &str, words: &[&str]| words.iter().any(|word| line.contains(word));
            let all = || text.split(['\n', '\r']);
            let lines = all().filter(|line| has(line, &RARE) && has(line, &PHRASES));
            let lines: Vec<Vec<u8>> = lines.map(|line| line.as_bytes().to_vec()).collect();
            let one_by_one = all().map(str::as_bytes).filter(|line| may_matter(line));
            prop_assert!(one_by_one.eq(lines.iter().map(Vec::as_slice)));
            prop_assert_eq!(found(Pieces(text.as_bytes(), sizes, 0)), lines);
        }
    }
}
