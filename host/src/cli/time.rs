//! Times for people: UTC, to the millisecond.

/// Writes milliseconds since the Unix epoch as `2026-08-01 12:30:05.123Z`.
///
/// The date comes from Howard Hinnant's `civil_from_days`: eras of 400 years, years that begin in March.
pub(super) fn utc(epoch_ms: u64) -> String {
    let (seconds, ms) = (epoch_ms / 1_000, epoch_ms % 1_000);
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}.{ms:03}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_moments_have_their_known_dates() {
        for (epoch_ms, text) in [
            (0, "1970-01-01 00:00:00.000Z"),
            (951_782_400_000, "2000-02-29 00:00:00.000Z"),
            (951_868_799_999, "2000-02-29 23:59:59.999Z"),
            (1_709_164_800_000, "2024-02-29 00:00:00.000Z"),
            (1_735_689_599_001, "2024-12-31 23:59:59.001Z"),
            (4_107_542_400_000, "2100-03-01 00:00:00.000Z"),
        ] {
            assert_eq!(utc(epoch_ms), text);
        }
    }

    #[test]
    fn the_end_of_time_does_not_overflow() {
        assert!(utc(u64::MAX).ends_with('Z'));
    }
}
