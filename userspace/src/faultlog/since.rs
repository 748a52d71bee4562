// SPDX-License-Identifier: MIT

//! From when on a log matters.

use super::stamp::{self, Stamp};
use std::time::{SystemTime, UNIX_EPOCH};

/// From when on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Since {
    /// This machine's last start.
    Boot,
    /// Seconds after 1970.
    Moment(u64),
}

impl Since {
    /// `boot`, a time with its zone such as 2026-11-21T18:05:09Z, or so long ago: 90s, 30m, 2h, 7d.
    ///
    /// # Errors
    ///
    /// When it is none of these.
    pub fn parse(text: &str) -> Result<Self, String> {
        Self::at(text, SystemTime::now()).ok_or_else(|| {
            "expected 'boot', a time with its zone such as 2026-11-21T18:05:09Z, or how long ago, such \
             as 90s, 30m, 2h or 7d"
                .to_owned()
        })
    }

    fn at(text: &str, now: SystemTime) -> Option<Self> {
        if text == "boot" {
            return Some(Self::Boot);
        }
        let units = [('s', 1), ('m', 60), ('h', 3600), ('d', 86_400)];
        let ago = units.into_iter().find_map(|(unit, seconds)| {
            let count: u64 = text.strip_suffix(unit)?.parse().ok()?;
            count.checked_mul(seconds)
        });
        if let Some(ago) = ago {
            let now = now.duration_since(UNIX_EPOCH).ok()?.as_secs();
            return Some(Self::Moment(now.saturating_sub(ago)));
        }
        stamp::iso(text)?.seconds_since_1970().map(Self::Moment)
    }

    /// Whether a line of that time matters. What cannot be compared does: nothing is left out that may
    /// be of use.
    pub fn keeps(self, at: Option<&Stamp>, booted: Option<u64>) -> bool {
        let moment = match self {
            Self::Boot => booted,
            Self::Moment(moment) => Some(moment),
        };
        let before = at
            .zip(moment)
            .and_then(|(at, moment)| at.is_before(moment, booted));
        before != Some(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn every_form_is_read() {
        let now = UNIX_EPOCH + Duration::from_secs(100_000);
        let at = |text| Since::at(text, now);
        assert_eq!(at("boot"), Some(Since::Boot));
        assert_eq!(at("90s"), Some(Since::Moment(99_910)));
        assert_eq!(at("2h"), Some(Since::Moment(92_800)));
        assert_eq!(at("9d"), Some(Since::Moment(0)));
        assert_eq!(at("1970-01-02T00:00:00Z"), Some(Since::Moment(86_400)));
        for other in [
            "",
            "h",
            "2",
            "yesterday",
            "1970-01-02T00:00:00",
            "99999999999999999999d",
        ] {
            assert_eq!(at(other), None, "{other}");
        }
    }

    #[test]
    fn only_what_is_surely_before_is_left_out() {
        let (early, late) = (Stamp::utc(5_000_000), Stamp::utc(15_000_000));
        let local = Stamp::find("Feb 28 23:59:59");
        for since in [Since::Moment(10), Since::Boot] {
            assert!(!since.keeps(Some(&early), Some(10)));
            assert!(since.keeps(Some(&late), Some(10)));
            assert!(since.keeps(local.as_ref(), Some(10)));
            assert!(since.keeps(None, Some(10)));
        }
        assert!(Since::Boot.keeps(Some(&early), None));
        assert!(Since::Boot.keeps(Some(&Stamp::boot(0)), Some(10)));
        assert!(!Since::Moment(10).keeps(Some(&Stamp::boot(4_000_000)), Some(5)));
    }
}
