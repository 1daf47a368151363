//! Moments of the proleptic Gregorian calendar as Unix seconds, in the formats ECS documents.

/// The Unix seconds of `2018-06-18T22:28:28+00:00`, `2018-06-18T22:28:28Z`, `2018-06-18T22:28:28`
/// or `2018-06-18`; nothing when `text` is written in another way or names no moment.
///
/// No zone means UTC and a bare date midnight; AWS documents neither. Offsets go to 23:59.
pub fn parse(text: &str) -> Option<i64> {
    if !text.is_ascii() {
        return None;
    }
    let (date, rest) = text.split_at_checked(10)?;
    let [year, month, day] = fields(date, ["", "-", "-"], [4, 2, 2])?;
    if !(1..=12).contains(&month) || !(1..=days_in(year, month)).contains(&day) {
        return None;
    }
    let midnight = days_since_epoch(year, month, day) * 86_400;
    if rest.is_empty() {
        return Some(midnight);
    }
    let (time, zone) = rest.split_at_checked(9)?;
    let [hour, minute, second] = fields(time, ["T", ":", ":"], [2, 2, 2])?;
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    Some(midnight + hour * 3600 + minute * 60 + second - offset(zone)?)
}

/// `seconds` as [`parse`] reads it: `2018-06-18T22:28:28Z`.
pub fn format(seconds: i64) -> String {
    let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    // A year has 365 or 366 days, so this is never too late a year, and the loop closes in on it.
    let mut year = 1970 + days.div_euclid(if days < 0 { 365 } else { 366 });
    while days_since_epoch(year + 1, 1, 1) <= days {
        year += ((days - days_since_epoch(year, 1, 1)) / 366).max(1);
    }
    let mut month = 1;
    while month < 12 && days_since_epoch(year, month + 1, 1) <= days {
        month += 1;
    }
    let day = days - days_since_epoch(year, month, 1) + 1;
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// Seconds east of UTC: nothing, `Z`, `+02:00` or `-02:00`.
fn offset(zone: &str) -> Option<i64> {
    if zone.is_empty() || zone == "Z" {
        return Some(0);
    }
    let sign = if zone.starts_with('-') { "-" } else { "+" };
    let [hours, minutes] = fields(zone, [sign, ":"], [2, 2])?;
    let seconds = hours * 3600 + minutes * 60;
    let legal = hours <= 23 && minutes <= 59;
    legal.then_some(if sign == "-" { -seconds } else { seconds })
}

/// Numbers of a fixed count of digits, each after its mark; nothing when `text` is anything else.
fn fields<const N: usize>(
    mut text: &str,
    marks: [&str; N],
    digits: [usize; N],
) -> Option<[i64; N]> {
    let mut numbers = [0; N];
    for index in 0..N {
        let (number, rest) = text
            .strip_prefix(marks[index])?
            .split_at_checked(digits[index])?;
        if !number.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        (numbers[index], text) = (number.parse().ok()?, rest);
    }
    text.is_empty().then_some(numbers)
}

fn days_in(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1970-01-01. Years are counted from March, so that the leap day ends one.
fn days_since_epoch(year: i64, month: i64, day: i64) -> i64 {
    /// From 0000-03-01 to 1970-01-01.
    const TO_EPOCH: i64 = 719_468;
    let march_year = if month < 3 { year - 1 } else { year };
    let leap_days =
        march_year.div_euclid(4) - march_year.div_euclid(100) + march_year.div_euclid(400);
    let months_since_march = (month + 9) % 12;
    // 31, 30, 31, 30, 31 days from March, and so on: 153 in each five months.
    let days_of_months = (153 * months_since_march + 2) / 5;
    365 * march_year + leap_days + days_of_months + day - 1 - TO_EPOCH
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documented_formats_are_read() {
        let check = |text, seconds| assert_eq!(parse(text), Some(seconds), "{text}");
        check("1970-01-01", 0);
        check("2018-06-18T22:28:28+00:00", 1_529_360_908);
        check("2018-06-18T22:28:28Z", 1_529_360_908);
        check("2018-06-18T22:28:28", 1_529_360_908);
        check("2018-06-18", 1_529_280_000);
        check("2018-06-19T00:28:28+02:00", 1_529_360_908);
        check("2018-06-18T16:58:28-05:30", 1_529_360_908);
        check("2000-02-29", 951_782_400);
        check("0000-01-01", -62_167_219_200);
        check("9999-12-31T23:59:59Z", 253_402_300_799);
    }

    #[test]
    fn nothing_else_is_a_moment() {
        for text in [
            "",
            "yesterday",
            "2018-6-18",
            "2018-13-01",
            "2018-02-29",
            "1900-02-29",
            "2018-00-10",
            "2018-01-00",
            "+018-01-01",
            "2018-06-18 22:28:28",
            "2018-06-18T22:28",
            "2018-06-18T24:00:00",
            "2018-06-18T22:60:00",
            "2018-06-18T22:28:60",
            "2018-06-18T22:28:28.5Z",
            "2018-06-18T22:28:28z",
            "2018-06-18t22:28:28Z",
            "2018-06-18T22:28:28+0000",
            "2018-06-18T22:28:28+24:00",
            "2018-06-18T22:28:28+02:60",
            "2018-06-18Z",
            "2018-06-1８",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn printing_is_undone_by_parsing() {
        for days in -719_528_i64..2_932_897 {
            let seconds = days * 86_400 + days.rem_euclid(86_400);
            if days % 97 == 0 {
                assert_eq!(parse(&format(seconds)), Some(seconds));
            }
        }
        assert_eq!(format(i64::MAX), "292277026596-12-04T15:30:07Z");
        assert_eq!(format(i64::MIN), "-292277022657-01-27T08:29:52Z");
    }
}
