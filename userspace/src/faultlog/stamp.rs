// SPDX-License-Identifier: MIT

//! When a line was logged, in whichever form the log has it.

use crate::clock;
use serde::{Serialize, Serializer};
use std::fmt;
use std::time::{Duration, UNIX_EPOCH};

/// The moment of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamp {
    clock: Clock,
    /// On that clock.
    micros: u64,
}

/// What a time is counted from.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Clock {
    /// The kernel's start.
    Boot,
    /// 1970, UTC.
    Utc,
    /// Unknown: a time of some zone, perhaps without a year. The text of the log is kept.
    Local(String),
}

const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

impl Stamp {
    /// So long after the kernel's start.
    pub fn boot(micros: u64) -> Self {
        Self {
            clock: Clock::Boot,
            micros,
        }
    }

    /// So long after 1970.
    pub fn utc(micros: u64) -> Self {
        Self {
            clock: Clock::Utc,
            micros,
        }
    }

    /// The time in what a log puts before its messages.
    pub fn find(prefix: &str) -> Option<Self> {
        iso(prefix)
            .or_else(|| calendar(prefix))
            .or_else(|| since_boot(prefix))
    }

    /// How long after another; `None` when it is before, or on another clock.
    pub fn after(&self, other: &Self) -> Option<Duration> {
        let same = matches!(
            (&self.clock, &other.clock),
            (Clock::Boot, Clock::Boot)
                | (Clock::Utc, Clock::Utc)
                | (Clock::Local(_), Clock::Local(_))
        );
        let micros = self.micros.checked_sub(other.micros).filter(|_| same)?;
        Some(Duration::from_micros(micros))
    }

    /// The moment that it is, where that is certain.
    pub(super) fn seconds_since_1970(&self) -> Option<u64> {
        (self.clock == Clock::Utc).then_some(self.micros / 1_000_000)
    }

    /// Whether it is before a moment, seconds after 1970, on a machine that booted at another; `None`
    /// when this cannot be said.
    pub fn is_before(&self, moment: u64, booted: Option<u64>) -> Option<bool> {
        let seconds = self.micros / 1_000_000;
        match &self.clock {
            Clock::Utc => Some(seconds < moment),
            Clock::Boot => booted.map(|booted| booted.saturating_add(seconds) < moment),
            Clock::Local(_) => None,
        }
    }
}

impl fmt::Display for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seconds, micros) = (self.micros / 1_000_000, self.micros % 1_000_000);
        match &self.clock {
            Clock::Boot => write!(f, "{seconds}.{micros:06} s after boot"),
            Clock::Utc => f.write_str(&clock::utc(UNIX_EPOCH + Duration::from_secs(seconds))),
            Clock::Local(text) => f.write_str(text),
        }
    }
}

impl Serialize for Stamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A whole number of so many digits at the text's start, and the rest.
fn digits(text: &str, count: usize) -> Option<(u64, &str)> {
    let number = text.get(..count)?;
    let all = number.bytes().all(|b| b.is_ascii_digit());
    Some((number.parse().ok().filter(|_| all)?, &text[count..]))
}

/// A fraction of a second in microseconds, and the rest.
fn fraction(text: &str) -> (u64, &str) {
    let Some(rest) = text.strip_prefix(['.', ',']) else {
        return (0, text);
    };
    let end = rest.bytes().take_while(u8::is_ascii_digit).count();
    let micros = format!("{:0<6}", &rest[..end.min(6)]);
    (micros.parse().unwrap_or(0), &rest[end..])
}

/// `HH:MM:SS`, and the rest.
fn time(text: &str) -> Option<(u64, &str)> {
    let (hour, rest) = digits(text, 2)?;
    let (minute, rest) = digits(rest.strip_prefix(':')?, 2)?;
    let (second, rest) = digits(rest.strip_prefix(':')?, 2)?;
    let sound = hour < 24 && minute < 60 && second <= 60;
    sound.then_some((hour * 3600 + minute * 60 + second, rest))
}

/// Such as `2026-11-21T18:05:09.123456+01:00` or `2026-11-21 18:05:09Z`.
pub(super) fn iso(text: &str) -> Option<Stamp> {
    let bytes = text.as_bytes();
    let dash = |at: usize| bytes.get(at + 4) == Some(&b'-') && bytes.get(at + 7) == Some(&b'-');
    let at = (0..bytes.len()).find(|at| bytes[*at].is_ascii_digit() && dash(*at))?;
    let text = text.get(at..)?;
    let (year, rest) = digits(text, 4)?;
    let (month, rest) = digits(rest.strip_prefix('-')?, 2)?;
    let (day, rest) = digits(rest.strip_prefix('-')?, 2)?;
    let (second, rest) = time(rest.strip_prefix(['T', ' '])?)?;
    let days = clock::days_since_1970(year, month, day)?;
    let (micros, zone) = fraction(rest);
    let shown = &text[..text.len() - zone.len()];
    let micros = (days * 86_400 + second) * 1_000_000 + micros;
    let Some((sign, rest)) = zone.strip_prefix('Z').map(|_| (0, "00:00")).or_else(|| {
        let sign = zone.chars().next()?;
        let sign = [('+', -1), ('-', 1)].iter().find(|(s, _)| *s == sign)?.1;
        Some((sign, &zone[1..]))
    }) else {
        return Some(Stamp {
            clock: Clock::Local(shown.to_owned()),
            micros,
        });
    };
    let (hours, rest) = digits(rest, 2)?;
    let (minutes, _) = digits(rest.strip_prefix(':').unwrap_or(rest), 2)?;
    let offset = i64::try_from(hours * 3600 + minutes * 60).ok()? * sign * 1_000_000;
    Some(Stamp::utc(micros.checked_add_signed(offset)?))
}

/// Such as `Jul 23 13:49:25`, with a year after it in the form of `dmesg -T`.
fn calendar(text: &str) -> Option<Stamp> {
    let (at, month) = MONTHS.iter().enumerate().find_map(|(month, name)| {
        let at = text.find(&format!("{name} "))?;
        Some((at, month as u64 + 1))
    })?;
    let (day, rest) = text[at + 4..].trim_start().split_once(' ')?;
    let (second, rest) = time(rest)?;
    let (micros, rest) = fraction(rest);
    let year = rest.strip_prefix(' ').and_then(|rest| digits(rest, 4));
    let (year, rest) = year.unwrap_or((2000, rest));
    let days = clock::days_since_1970(year, month, day.parse().ok()?)?;
    let shown = text[at..text.len() - rest.len()].to_owned();
    let micros = (days * 86_400 + second) * 1_000_000 + micros;
    Some(Stamp {
        clock: Clock::Local(shown),
        micros,
    })
}

/// Such as `[   12.345678]`.
fn since_boot(text: &str) -> Option<Stamp> {
    text.match_indices('[').find_map(|(at, _)| {
        let inside = text[at + 1..].split(']').next()?;
        let (seconds, micros) = inside.trim_start().split_once('.')?;
        let (micros, rest) = digits(micros, 6)?;
        let (seconds, none) = digits(seconds, seconds.len())?;
        (rest.is_empty() && none.is_empty()).then_some(())?;
        Some(Stamp::boot(
            seconds.checked_mul(1_000_000)?.checked_add(micros)?,
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_form_of_a_time_is_read() {
        for (prefix, shown) in [
            ("[   12.345678] ", "12.345678 s after boot"),
            ("<3>[   12.345678][ T123] ", "12.345678 s after boot"),
            (
                "kern  :err   : [12345.000001] ",
                "12345.000001 s after boot",
            ),
            ("2026-11-21T18:05:09Z host kernel: ", "2026-11-21T18:05:09Z"),
            (
                "2026-11-21T19:05:09.5+0100 host kernel: ",
                "2026-11-21T18:05:09Z",
            ),
            ("2026-11-21T13:05:09,123456-05:00 ", "2026-11-21T18:05:09Z"),
            ("2026-11-21 18:05:09 [12.000000] ", "2026-11-21 18:05:09"),
            (
                "Nov 21 18:05:09 host kernel: [   12.345678] ",
                "Nov 21 18:05:09",
            ),
            ("[Sat Nov  1 18:05:09 2026] ", "Nov  1 18:05:09 2026"),
        ] {
            let stamp = Stamp::find(prefix).map(|stamp| stamp.to_string());
            assert_eq!(stamp.as_deref(), Some(shown), "{prefix}");
        }
        for prefix in [
            "",
            "[drm] ",
            "host kernel: ",
            "[ +0.000012] ",
            "[1.2] ",
            "99-99-99T",
        ] {
            assert_eq!(Stamp::find(prefix), None, "{prefix}");
        }
    }

    #[test]
    fn times_of_different_clocks_have_no_distance() {
        let at = |text: &str| Stamp::find(text).unwrap();
        let (early, late) = (at("[1.000000]"), at("[3.500000]"));
        assert_eq!(late.after(&early), Some(Duration::from_millis(2500)));
        assert_eq!(early.after(&late), None);
        assert_eq!(at("2026-11-21T18:05:09Z").after(&early), None);
        let (before, after) = (at("Feb 28 23:59:59"), at("Mar  1 00:00:01"));
        assert!(after.after(&before).is_some());
    }

    #[test]
    fn a_time_is_before_a_moment_or_nobody_knows() {
        assert_eq!(Stamp::utc(9_000_000).is_before(10, None), Some(true));
        assert_eq!(Stamp::boot(9_000_000).is_before(10, None), None);
        assert_eq!(Stamp::boot(9_000_000).is_before(10, Some(5)), Some(false));
        assert_eq!(
            Stamp::find("Feb 28 23:59:59")
                .unwrap()
                .is_before(10, Some(5)),
            None
        );
    }

    proptest! {
        #[test]
        fn no_prefix_panics(prefix in "([0-9:TZ.+,-]|Jan |\\[|\\]|\\PC)*") {
            if let Some(stamp) = Stamp::find(&prefix) {
                let _ = stamp.to_string();
            }
        }
    }
}
