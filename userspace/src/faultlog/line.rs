// SPDX-License-Identifier: MIT

//! One line of a log: when, of which GPU, and the message, whatever wrote the prefix: the kernel
//! (`/dev/kmsg`), dmesg, syslog, journalctl or a container's runtime.

use super::stamp::Stamp;
use serde_json::Value;

/// A line that may matter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// When it was logged.
    pub at: Option<Stamp>,
    /// The PCI address of the GPU that it is about.
    pub gpu: Option<String>,
    /// What was printed, without anything that only says who printed it.
    pub message: String,
}

/// What begins a message, or stands before the driver's name or the GPU's address. The first in a line
/// counts: names that a process chose come after it.
const BEGINNINGS: [&str; 6] = [
    "amdgpu",
    "[drm",
    "Memory access fault by GPU",
    "HW Exception by GPU",
    "GPU reset",
    "HSA_STATUS_ERROR",
];

/// Reads a line; `None` when nothing of it can be amdgpu's or ROCr's.
pub fn parse(line: &[u8]) -> Option<Line> {
    if let Some((at, message)) = record(line) {
        return read(Some(at), &String::from_utf8_lossy(&message));
    }
    if line.starts_with(b"{") {
        let (at, message) = journal(line)?;
        return read(at, &message);
    }
    read(None, &String::from_utf8_lossy(line))
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

/// A line of `journalctl -o json`.
fn journal(line: &[u8]) -> Option<(Option<Stamp>, String)> {
    let entry: Value = serde_json::from_slice(line).ok()?;
    let message = match entry.get("MESSAGE")? {
        Value::String(text) => text.clone(),
        // Not UTF-8: its bytes.
        Value::Array(bytes) => {
            let byte = |value: &Value| value.as_u64().and_then(|byte| u8::try_from(byte).ok());
            let bytes: Vec<u8> = bytes.iter().filter_map(byte).collect();
            String::from_utf8_lossy(&bytes).into_owned()
        }
        _ => return None,
    };
    let at = entry.get("__REALTIME_TIMESTAMP").and_then(Value::as_str);
    Some((at.and_then(|at| at.parse().ok()).map(Stamp::utc), message))
}

fn read(at: Option<Stamp>, text: &str) -> Option<Line> {
    let text = text.trim_end();
    if let Some((function, _)) = text.split_once(": ").filter(|_| suppressed(text)) {
        let start = function.rfind(char::is_whitespace).map_or(0, |at| at + 1);
        return Some(Line {
            at: at.or_else(|| Stamp::find(&text[..start])),
            gpu: None,
            message: last_words(text),
        });
    }
    let begin = BEGINNINGS
        .iter()
        .filter_map(|begin| text.find(begin))
        .min()?;
    let (prefix, message) = text.split_at(begin);
    let (gpu, message) = without_origin(message);
    Some(Line {
        at: at.or_else(|| Stamp::find(prefix)),
        gpu,
        message: message.to_owned(),
    })
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
        let old = "[    1.000000] [drm:amdgpu_job_timedout [amdgpu]] *ERROR* ring sdma0 timeout";
        assert_eq!(parsed(old).2, "ring sdma0 timeout");
        assert_eq!(
            parsed("kfd kfd: amdgpu: added device 1002:731f").2,
            "added device 1002:731f"
        );
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
        assert_eq!(parsed(r"3,1,5,-;amdgpu: a\x5cb\x").2, r"a\b\x");
        let json = r#"{"MESSAGE":"amdgpu: x","__REALTIME_TIMESTAMP":"1795284309000000"}"#;
        assert_eq!(
            parsed(json),
            (
                Some("2026-11-21T18:05:09Z".to_owned()),
                None,
                "x".to_owned()
            )
        );
        let bytes = r#"{"MESSAGE":[97,109,100,103,112,117,58,32,255]}"#;
        assert_eq!(parsed(bytes).2, "\u{fffd}");
        assert_eq!(parse(br#"{"MESSAGE":1} amdgpu: x"#), None);
    }

    proptest! {
        #[test]
        fn no_bytes_panic(line: Vec<u8>) {
            let _ = parse(&line);
        }

        #[test]
        fn no_text_panics(line in "(amdgpu|\\[drm|:| |0000:03:00.0|[0-9],|;|\\\\x|\\{|\\PC)*") {
            let _ = parse(line.as_bytes());
        }
    }
}
