// SPDX-License-Identifier: MIT

//! Time stamps that mean the same everywhere.

use std::time::{SystemTime, UNIX_EPOCH};

/// A moment in UTC, such as 2026-11-21T18:05:09Z; one before 1970 is 1970.
pub fn utc(moment: SystemTime) -> String {
    let seconds = moment
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs());
    let (year, month, day) = civil(seconds / 86400);
    let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// The date of a day since 1970-01-01. Counted in years that begin in March, a leap day is a year's
/// last, and the months' lengths repeat every five: 153 days.
fn civil(day: u64) -> (u64, u64, u64) {
    let day = day + 719_468; // since 0000-03-01
    let (era, day) = (day / 146_097, day % 146_097);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let date = day - (153 * month + 2) / 5 + 1;
    let (year, month) = match month {
        0..=9 => (year, month + 3),
        _ => (year + 1, month - 9),
    };
    (era * 400 + year, month, date)
}

/// The number of a date's day, counted from 1970-01-01: the inverse of [`civil`]. `None` when there is
/// no such date from 1970 to 9999.
pub fn days_since_1970(year: u64, month: u64, date: u64) -> Option<u64> {
    if !(1970..=9999).contains(&year) || !(1..=12).contains(&month) || !(1..=31).contains(&date) {
        return None;
    }
    let (march_year, march_month) = match month {
        3.. => (year, month - 3),
        _ => (year - 1, month + 9),
    };
    let leap_days = march_year / 4 - march_year / 100 + march_year / 400;
    let since_0000 = 365 * march_year + leap_days + (153 * march_month + 2) / 5 + date - 1;
    let day = since_0000.checked_sub(719_468)?;
    (civil(day) == (year, month, date)).then_some(day)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_date_has_a_number_that_has_the_date() {
        for day in (0..2_900_000).step_by(997) {
            let (year, month, date) = civil(day);
            assert_eq!(days_since_1970(year, month, date), Some(day));
        }
        for (year, month, date) in [(1969, 12, 31), (2026, 2, 29), (2026, 13, 1), (2026, 1, 0)] {
            assert_eq!(days_since_1970(year, month, date), None);
        }
    }

    #[test]
    fn moments_as_the_date_command_prints_them() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_827_696, "2000-02-29T12:34:56Z"),
            (1_709_251_199, "2024-02-29T23:59:59Z"),
            (1_795_284_309, "2026-11-21T18:05:09Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
        ] {
            assert_eq!(utc(UNIX_EPOCH + Duration::from_secs(seconds)), text);
        }
    }

    #[test]
    fn every_day_of_a_cycle_follows_the_one_before() {
        let mut last = civil(0);
        for day in 1..146_097 {
            let (year, month, date) = civil(day);
            let next_date = (year, month, date) == (last.0, last.1, last.2 + 1);
            let next_month = (year, month, date) == (last.0, last.1 + 1, 1) && last.2 >= 28;
            let next_year = (year, month, date) == (last.0 + 1, 1, 1) && last == (last.0, 12, 31);
            assert!(next_date || next_month || next_year, "{last:?}, then {day}");
            last = (year, month, date);
        }
        assert_eq!(last, (2369, 12, 31));
    }
}
