// SPDX-License-Identifier: MIT

//! One line of a log: when, of which GPU, and the message, whatever wrote the prefix: the kernel
//! (`/dev/kmsg`), dmesg, syslog, journalctl or a container's runtime.

use super::event::{self, Event};
use super::stamp::Stamp;
use serde_json::Value;
use std::borrow::Cow;

/// A line that matters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// When it was logged.
    pub at: Option<Stamp>,
    /// The PCI address of the GPU that it is about.
    pub gpu: Option<String>,
    /// What was printed, without anything that only says who printed it.
    pub message: String,
    /// What that says.
    pub event: Event,
}

/// What begins a message, or stands before the driver's name or the GPU's address.
const BEGINNINGS: [&str; 6] = [
    "amdgpu",
    "[drm",
    "Memory access fault by GPU",
    "HW Exception by GPU",
    "GPU reset",
    "HSA_STATUS_ERROR",
];
/// How many of them a line is read from: a prefix has few.
const TRIES: usize = 16;
/// Who says so tells of a line that was read before.
const OWN: &str = "rmcp-kctl: ";

/// Reads a line; `None` when nothing of it is amdgpu's or ROCr's.
pub fn parse(line: &[u8]) -> Option<Line> {
    if let Some((at, message)) = record(line) {
        return read(Some(at), &String::from_utf8_lossy(&message));
    }
    match wrapped(line) {
        Some((at, message)) => read(at, &message),
        None => read(None, &String::from_utf8_lossy(line)),
    }
}

/// A record of /dev/kmsg: `priority,number,microseconds,flags;message`, with `\x09` for a tab and so on
/// (Documentation/ABI/testing/dev-kmsg).
fn record(line: &[u8]) -> Option<(Stamp, Vec<u8>)> {
    let end = line.iter().take(80).position(|b| *b == b';')?;
    let head = std::str::from_utf8(&line[..end]).ok()?;
    let mut fields = head.split(',');
    let mut number = || fields.next()?.parse::<u64>().ok();
    let (_priority, _number, micros) = (number()?, number()?, number()?);
    Some((Stamp::boot(micros), unescaped(&line[end + 1..])))
}

fn unescaped(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((first, after)) = rest.split_first() {
        let code = rest.strip_prefix(b"\\x").and_then(|code| code.get(..2));
        let code = code.and_then(|code| std::str::from_utf8(code).ok());
        match code.and_then(|code| u8::from_str_radix(code, 16).ok()) {
            Some(byte) => {
                out.push(byte);
                rest = &rest[4..];
            }
            None => {
                out.push(*first);
                rest = after;
            }
        }
    }
    out
}

/// A line of `journalctl -o json`, or of Docker's json-file.
fn wrapped(line: &[u8]) -> Option<(Option<Stamp>, String)> {
    if !line.starts_with(b"{") {
        return None;
    }
    let entry: Value = serde_json::from_slice(line).ok()?;
    let text = |name| entry.get(name).and_then(Value::as_str);
    let at = match text("__REALTIME_TIMESTAMP") {
        Some(micros) => micros.parse().ok().map(Stamp::utc),
        None => text("time").and_then(Stamp::find),
    };
    let message = match entry.get("MESSAGE").or(entry.get("log"))? {
        Value::String(text) => text.clone(),
        // Not UTF-8: its bytes.
        Value::Array(bytes) => {
            let byte = |value: &Value| value.as_u64().and_then(|byte| u8::try_from(byte).ok());
            let bytes: Vec<u8> = bytes.iter().filter_map(byte).collect();
            String::from_utf8_lossy(&bytes).into_owned()
        }
        _ => return None,
    };
    Some((at, message))
}

fn read(at: Option<Stamp>, text: &str) -> Option<Line> {
    let text = text.trim_end();
    // A process's name may hold what looks like a colour: it is taken as it is.
    message(at.clone(), text).or_else(|| match without_colours(text) {
        Cow::Borrowed(_) => None,
        Cow::Owned(text) => message(at, text.trim_end()),
    })
}

/// The first in the text that is a message: a prefix may hold a host or a program of the driver's name,
/// and names that a process chose come after the message's beginning.
fn message(at: Option<Stamp>, text: &str) -> Option<Line> {
    if let Some((function, _)) = text.split_once(": ").filter(|_| suppressed(text)) {
        let start = function.rfind(char::is_whitespace).map_or(0, |at| at + 1);
        let message = last_words(text);
        return Some(Line {
            at: at.or_else(|| Stamp::find(&text[..start])),
            gpu: None,
            event: event::parse(&message)?,
            message,
        });
    }
    let mut from = 0;
    for _ in 0..TRIES {
        let rest = &text[from..];
        let found = BEGINNINGS.iter().filter_map(|begin| rest.find(begin));
        let begin = from + found.min()?;
        let prefix = &text[..begin];
        if prefix.contains(OWN) {
            return None;
        }
        let (gpu, message) = without_origin(&text[begin..]);
        if let Some(event) = event::parse(message) {
            return Some(Line {
                at: at.or_else(|| Stamp::find(prefix)),
                gpu,
                message: message.to_owned(),
                event,
            });
        }
        // What has the GPU's address before it is the driver's, to its end.
        if gpu.is_some() {
            return None;
        }
        // Each begins with a letter of one byte.
        from = begin + 1;
    }
    None
}

/// A text without the sequences that colour it on a terminal: ESC, `[`, parameters, a letter.
fn without_colours(text: &str) -> Cow<'_, str> {
    const BEGIN: &str = "\u{1b}[";
    if !text.contains(BEGIN) {
        return Cow::Borrowed(text);
    }
    let mut pieces = text.split(BEGIN);
    let mut plain = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let parameters = |c: char| matches!(c, ' '..='?');
        let mut rest = piece.trim_start_matches(parameters).chars();
        rest.next();
        plain += rest.as_str();
    }
    Cow::Owned(plain)
}

/// Whether this tells of lines that the rate limit left out (lib/ratelimit.c).
fn suppressed(text: &str) -> bool {
    text.ends_with(" callbacks suppressed")
}

/// The end of a line that tells of a rate limit: `function: count callbacks suppressed`.
fn last_words(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    words[words.len().saturating_sub(4)..].join(" ")
}

/// The GPU's address, and what comes after everything that says who prints: `amdgpu 0000:03:00.0:`, then
/// `amdgpu:` up to Linux 7.1, `[drm]` and `*ERROR*`, and `amdgpu:function:line:` of dynamic debug.
fn without_origin(message: &str) -> (Option<String>, &str) {
    let (mut gpu, mut rest) = (None, message);
    loop {
        rest = rest.trim_start();
        let after = if let Some(tail) = rest.strip_prefix("amdgpu ") {
            address(tail).map(|(found, tail)| {
                gpu = Some(found.to_owned());
                tail
            })
        } else if let Some(tail) = rest.strip_prefix("amdgpu:") {
            let traced = tail.split_once(": ").filter(|(from, _)| traced(from));
            Some(traced.map_or(tail, |(_, tail)| tail))
        } else if let Some(tail) = rest.strip_prefix("[drm:amdgpu") {
            // Such as `[drm:amdgpu_job_timedout [amdgpu]]`.
            tail.split_once("] ").map(|(_, tail)| tail)
        } else {
            rest.strip_prefix("[drm]")
                .or_else(|| rest.strip_prefix("*ERROR*"))
        };
        match after {
            Some(after) => rest = after,
            None => return (gpu, rest),
        }
    }
}

/// Whether this is where a line of dynamic debug comes from: a function, perhaps with a line.
fn traced(from: &str) -> bool {
    let (function, line) = from.split_once(':').unwrap_or((from, "0"));
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    !function.is_empty() && function.chars().all(word) && line.parse::<u32>().is_ok()
}

/// A PCI address such as `0000:03:00.0` with a colon after it, and the rest.
fn address(text: &str) -> Option<(&str, &str)> {
    let (address, rest) = text
        .split_once(": ")
        .or_else(|| Some((text.strip_suffix(':')?, "")))?;
    let (slot, function) = address.split_once('.')?;
    let mut parts = slot.split(':');
    let hex = |part: Option<&str>, digits: std::ops::RangeInclusive<usize>| {
        part.is_some_and(|p| digits.contains(&p.len()) && p.bytes().all(|b| b.is_ascii_hexdigit()))
    };
    let sound = hex(parts.next(), 4..=8)
        && hex(parts.next(), 2..=2)
        && hex(parts.next(), 2..=2)
        && parts.next().is_none()
        && matches!(function.as_bytes(), [b'0'..=b'7']);
    sound.then_some((address, rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parsed(line: &str) -> (Option<String>, Option<String>, String) {
        let line = parse(line.as_bytes()).unwrap();
        (line.at.map(|at| at.to_string()), line.gpu, line.message)
    }

    #[test]
    fn the_message_is_found_behind_every_prefix() {
        for prefix in [
            "",
            "[   12.000000] ",
            "[   12.000000][ T1234] ",
            "<3>[   12.000000] ",
            "kern  :err   : [   12.000000] ",
            "[Sat Nov 21 18:05:09 2026] ",
            "Nov 21 18:05:09 host kernel: ",
            "Nov 21 18:05:09 host kernel: [   12.000000] ",
            "2026-11-21T18:05:09.123456+01:00 host kernel: ",
            "3,1234,12000000,-;",
            "3,1234,12000000,-,caller=T12;",
        ] {
            for origin in [
                "amdgpu 0000:03:00.0: ",
                "amdgpu 0000:03:00.0: amdgpu: ",
                "amdgpu 0000:03:00.0: [drm] *ERROR* ",
                "amdgpu:gmc_v10_0_process_interrupt:150: amdgpu 0000:03:00.0: ",
            ] {
                let (at, gpu, message) = parsed(&format!("{prefix}{origin}GPU reset begin!"));
                assert_eq!(gpu.as_deref(), Some("0000:03:00.0"), "{prefix}{origin}");
                assert_eq!(message, "GPU reset begin!", "{prefix}{origin}");
                assert_eq!(at.is_some(), !prefix.is_empty(), "{prefix}{origin}");
            }
        }
    }

    #[test]
    fn lines_without_an_address_are_read_too() {
        let message = "ring sdma0 timeout, but soft recovered";
        let old = "[    1.000000] [drm:amdgpu_job_timedout [amdgpu]] *ERROR*";
        assert_eq!(parsed(&format!("{old} {message}")).2, message);
        assert_eq!(
            parsed("kfd kfd: amdgpu: queue id 0x2 at pasid 123 is reset").2,
            "queue id 0x2 at pasid 123 is reset"
        );
        assert_eq!(parse(b"kfd kfd: amdgpu: added device 1002:731f"), None);
        let (at, gpu, message) =
            parsed("[1.000000] gmc_v10_0_process_interrupt: 35 callbacks suppressed");
        assert_eq!(
            message,
            "gmc_v10_0_process_interrupt: 35 callbacks suppressed"
        );
        assert!(at.is_some() && gpu.is_none());
        assert_eq!(parse(b"[1.000000] usb 1-1: new device"), None);
    }

    #[test]
    fn what_the_kernel_escapes_and_the_journal_wraps_comes_back() {
        assert_eq!(
            parsed(r"3,1,5,-;amdgpu 0000:03:00.0: \x09 RW: 0x1").2,
            "RW: 0x1"
        );
        assert_eq!(
            parsed(r"3,1,5,-;amdgpu: Process a\x5cb\x pid 1 thread c pid 2").2,
            r"Process a\b\x pid 1 thread c pid 2"
        );
        let at = Some("2026-11-21T18:05:09Z".to_owned());
        let json = r#"{"MESSAGE":"amdgpu: RW: 0x1","__REALTIME_TIMESTAMP":"1795284309000000"}"#;
        assert_eq!(parsed(json), (at, None, "RW: 0x1".to_owned()));
        let bytes: Vec<String> = b"HSA_STATUS_ERROR\xff".map(|byte| byte.to_string()).into();
        let bytes = format!(r#"{{"MESSAGE":[{}]}}"#, bytes.join(","));
        assert_eq!(parsed(&bytes).2, "HSA_STATUS_ERROR\u{fffd}");
    }

    proptest! {
        #[test]
        fn no_bytes_panic(line: Vec<u8>) {
            let _ = parse(&line);
        }

        #[test]
        fn no_text_panics(line in "(amdgpu|\\[drm|:| |0000:03:00.0|[0-9],|;|\\\\x|\\{|RW: 0x1|\u{1b}\\[|\\PC)*") {
            let _ = parse(line.as_bytes());
        }
    }
}
