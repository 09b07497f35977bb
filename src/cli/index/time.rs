//! Times as people write and read them, in UTC.

use crate::cli::Failure;
use std::time::{SystemTime, UNIX_EPOCH};

const DAY: u64 = 86_400;

/// Now, in milliseconds.
pub(super) fn now_ms() -> u64 {
    u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis()).unwrap_or(u64::MAX)
}

/// `2026-11-27`, Unix time in seconds, or so long ago: `90m`, `24h`, `7d`. In milliseconds.
pub(super) fn parse(text: &str, now_ms: u64) -> Result<u64, Failure> {
    let read = || {
        if let Some(seconds) = text.parse::<u64>().ok().or_else(|| date(text)) {
            return seconds.checked_mul(1000);
        }
        let unit = match text.chars().last()? {
            's' => 1,
            'm' => 60,
            'h' => 3600,
            'd' => DAY,
            _ => return None,
        };
        let ago = text[..text.len() - 1].parse::<u64>().ok()?.checked_mul(unit)?.checked_mul(1000)?;
        Some(now_ms.saturating_sub(ago))
    };
    read().ok_or_else(|| {
        Failure::Input(format!("`{text}` is no time: give 2026-11-27, Unix seconds, or 24h for so long ago"))
    })
}

/// Seconds at which a day begins.
fn date(text: &str) -> Option<u64> {
    let parts: Vec<u64> = text.split('-').map(|part| part.parse().ok()).collect::<Option<_>>()?;
    let &[year @ 1970..=9999, month @ 1..=12, day @ 1..=31] = &parts[..] else { return None };
    let days = days(year, month, day);
    (civil(days) == (year, month, day)).then_some(days * DAY)
}

/// Days since 1970-01-01 of a date of the Gregorian calendar.
const fn days(year: u64, month: u64, day: u64) -> u64 {
    // Years that begin in March: the day that some years have more is then the last one.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    year * 365 + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 1 - 719_468
}

const fn civil(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468;
    let (era, day) = (shifted / 146_097, shifted % 146_097);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let (y, m) = if month < 10 { (year, month + 3) } else { (year + 1, month - 9) };
    (era * 400 + y, m, day - (153 * month + 2) / 5 + 1)
}

/// `2026-11-27 07:20:03`.
pub(crate) fn show(ms: u64) -> String {
    let seconds = ms / 1000;
    let ((year, month, day), second) = (civil((seconds / DAY).min(4_000_000)), seconds % DAY);
    format!("{year:04}-{month:02}-{day:02} {:02}:{:02}:{:02}", second / 3600, second / 60 % 60, second % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_and_shown() {
        let parse = |text| parse(text, 10_000_000).ok();
        assert_eq!(parse("1970-01-02"), Some(86_400_000));
        assert_eq!(parse("2000-02-29").map(show), Some("2000-02-29 00:00:00".into()));
        assert_eq!(show(1_795_764_003_000), "2026-11-27 07:20:03");
        assert_eq!((parse("42"), parse("1h"), parse("9d")), (Some(42_000), Some(6_400_000), Some(0)));
        for text in ["", "x", "1900-01-01", "2001-02-29", "2000-13-01", "5y", "é", "99999999999999999999"] {
            assert_eq!(parse(text), None, "{text}");
        }
        let _ = show(u64::MAX);
    }

    #[test]
    fn every_day_of_four_centuries_round_trips() {
        for day in 0..146_097 {
            let (year, month, of_month) = civil(day);
            assert_eq!(days(year, month, of_month), day);
        }
    }
}
