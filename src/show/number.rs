//! Figures as people read them: as many digits as mean something, thousands set apart, times in words; and long names
//! where there is little room.

use web_time::Duration;

use crate::protocol::Share;

/// `1,240`.
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (position, digit) in digits.char_indices() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `52 k`, `11.2 M`.
pub fn magnitude(number: u64) -> String {
    match number {
        0..1_000 => number.to_string(),
        1_000..100_000 => format!("{:.1} k", number as f64 / 1e3),
        100_000..1_000_000 => format!("{:.0} k", number as f64 / 1e3),
        _ => format!("{:.1} M", number as f64 / 1e6),
    }
}

/// Three digits that mean something: `0.412`, `12.3`, `3.1e-5`; `n/a` for what is no number.
pub fn figure(value: f64) -> String {
    let size = value.abs();
    if value.is_nan() {
        "n/a".into()
    } else if value.is_infinite() {
        if value > 0.0 { "∞".into() } else { "−∞".into() }
    } else if size == 0.0 {
        "0".into()
    } else if !(1e-3..1e5).contains(&size) {
        format!("{value:.1e}").replace('-', "−")
    } else {
        let decimals = (2 - size.log10().floor() as i32).clamp(0, 5) as usize;
        format!("{value:.decimals$}").replace('-', "−")
    }
}

/// [`figure`] without zeros that say nothing: `0.1`, `0.002`, `12.3`; for values that people set.
pub fn short(value: f64) -> String {
    let text = figure(value);
    if text.contains('e') || !text.contains('.') {
        return text.replace(".0e", "e");
    }
    text.trim_end_matches('0').trim_end_matches('.').into()
}

/// A number without zeros that say nothing, to four decimals, and where these say little to three digits that mean
/// something: `0.1`, `1250`, `12.25`, `0.00392`, `0.00001`, `2e-7`; for what is read off an axis or was typed.
pub fn decimal(value: f64) -> String {
    let size = value.abs();
    if !value.is_finite() {
        return figure(value);
    }
    if size != 0.0 && size < 1e-6 {
        let text = format!("{value:.2e}");
        let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        return format!("{}e{exponent}", digits.trim_end_matches('0').trim_end_matches('.'));
    }
    let decimals = if size == 0.0 || size >= 0.01 { 4 } else { (2.0 - size.log10().floor()) as usize };
    let text = format!("{value:.decimals$}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0".into() } else { text.into() }
}

/// A radius on the scale of standardised inputs, to stand behind what it is in pixels: ` (0.283 σ)`; nothing where the
/// inputs' `deviation` is not known, and of 0.
pub fn standardised(epsilon: f64, deviation: Option<f64>) -> String {
    deviation
        .filter(|_| epsilon > 0.0)
        .map_or(String::new(), |deviation| format!(" ({} σ)", decimal(epsilon / deviation)))
}

/// What σ means, to stand behind the measure of an axis: `; 1 σ = 0.353, the inputs' standard deviation`.
pub fn deviation_in_words(deviation: Option<f64>) -> String {
    deviation.map_or(String::new(), |deviation| {
        format!("; 1 σ = {}, the inputs' standard deviation", short(deviation))
    })
}

/// A list of numbers as a sentence has it: `0.1`, `0 and 1`, `0.1, 0.2 and 0.3`.
pub fn list(values: &[f64]) -> String {
    let texts: Vec<String> = values.iter().copied().map(decimal).collect();
    match texts.split_last() {
        Some((last, before)) if !before.is_empty() => format!("{} and {last}", before.join(", ")),
        Some((last, _)) => last.clone(),
        None => String::new(),
    }
}

/// What a percentage may be off by where it is made of fractions in binary.
const ROUNDING: f64 = 1e-9;

/// A share in percent with this number of decimals, or with as many as it takes not to become 0 or 100 % that it is not.
fn hundredths(share: f64, decimals: usize) -> String {
    let value = 100.0 * share;
    let is_end = |value: f64| value.abs() <= ROUNDING || (value - 100.0).abs() <= ROUNDING;
    let mut texts = (decimals..=decimals + 4).map(|decimals| format!("{value:.decimals$}"));
    let tells = |text: &String| is_end(value) || !text.parse().is_ok_and(is_end);
    texts.clone().find(tells).unwrap_or_else(|| texts.next_back().unwrap_or_default())
}

/// A share in percent: `86.3 %`; `n/a` of none.
pub fn percent(share: f64) -> String {
    if share.is_nan() { "n/a".into() } else { format!("{} %", hundredths(share, 1)) }
}

/// A difference between two shares in percentage points, with its sign: `+3.1`, `−0.4`, `0.0`.
pub fn points(difference: f64) -> String {
    let text = format!("{:+.1}", 100.0 * difference).replace('-', "−");
    if matches!(&*text, "+0.0" | "−0.0") { "0.0".into() } else { text }
}

/// A share in whole percent: `86 %`.
pub fn whole_percent(share: f64) -> String {
    if share.is_nan() { "n/a".into() } else { format!("{} %", hundredths(share, 0)) }
}

/// A share in percent with three digits that mean something, as [`short`] has them: `10 %`, `2.5 %`; for what is given and
/// not measured.
pub fn short_percent(share: f64) -> String {
    format!("{} %", short(100.0 * share))
}

/// A share in whole percent for a small cell, without its unit: `86`, `<1`, nothing for none.
pub fn cell(share: f64) -> String {
    match 100.0 * share {
        value if value.is_nan() || value <= 0.0 => String::new(),
        value if value < 0.5 => "<1".into(),
        value => format!("{value:.0}"),
    }
}

/// The 95 % interval of a share, in percent: `80.9 to 89.0 %`.
pub fn interval(share: Share) -> String {
    let (low, high) = share.interval();
    format!("{} to {} %", hundredths(low, 1), hundredths(high, 1))
}

/// Seconds in the two largest units that matter, to the second: `42 s`, `3 min 5 s`, `2 h 5 min`; `?` of no number.
pub fn seconds(seconds: f64) -> String {
    if !seconds.is_finite() {
        return "?".into();
    }
    let seconds = seconds.ceil() as u64;
    let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
    match (hours, minutes) {
        (0, 0) => format!("{seconds} s"),
        (0, _) => format!("{minutes} min {} s", seconds % 60),
        _ => format!("{hours} h {minutes} min"),
    }
}

/// About how long: `42 s`, `3 min`, `2 h 5 min`.
pub fn duration(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0..90 => format!("{seconds} s"),
        90..5_400 => format!("{} min", (seconds + 30) / 60),
        _ => format!("{} h {} min", seconds / 3_600, seconds % 3_600 / 60),
    }
}

/// Seconds of a day.
const DAY: u64 = 86_400;

/// The day of a time in seconds since 1970, in the calendar that all have: `2026-11-29`.
pub fn date(unix_seconds: u64) -> String {
    // Eras of 400 years that begin on the first of March (Hinnant, "chrono-compatible low-level date algorithms").
    let days = unix_seconds / DAY + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let (day, month) = (day - (153 * month + 2) / 5 + 1, if month < 10 { month + 3 } else { month - 9 });
    let year = 400 * era + year + u64::from(month <= 2);
    format!("{year}-{month:02}-{day:02}")
}

/// How long before `now` that was, both in seconds since 1970, and after a week its [`date`]: `just now`, `5 min ago`,
/// `3 h ago`, `2 d ago`.
pub fn ago(unix_seconds: u64, now: u64) -> String {
    match now.saturating_sub(unix_seconds) {
        0..60 => "just now".into(),
        passed @ 60..3_600 => format!("{} min ago", passed / 60),
        passed @ 3_600..DAY => format!("{} h ago", passed / 3_600),
        passed if passed < 7 * DAY => format!("{} d ago", passed / DAY),
        _ => date(unix_seconds),
    }
}

/// The text, or where it has more than `most` characters its beginning and an ellipsis, `most` in all; a wide character
/// (Chinese, Japanese, Korean) takes the room of two.
pub fn shortened(text: &str, most: usize) -> String {
    if text.chars().map(width).sum::<usize>() <= most {
        return text.into();
    }
    let mut room = most.saturating_sub(1);
    let fits = |char: &char| {
        let left = room.checked_sub(width(*char));
        room = left.unwrap_or(0);
        left.is_some()
    };
    let begin: String = text.chars().take_while(fits).collect();
    begin.trim_end().to_owned() + "…"
}

/// The room that a character takes beside a Latin one: from Hangul's letters on those of East Asia are as wide as high.
fn width(char: char) -> usize {
    match char {
        '\u{1100}'..='\u{115f}'
        | '\u{2e80}'..='\u{a4cf}'
        | '\u{ac00}'..='\u{d7a3}'
        | '\u{f900}'..='\u{faff}' => 2,
        '\u{fe30}'..='\u{fe6f}' | '\u{ff00}'..='\u{ff60}' | '\u{1f300}'..='\u{3fffd}' => 2,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn points_have_a_sign_unless_they_are_none() {
        for (difference, text) in [
            (0.031, "+3.1"),
            (-0.0042, "−0.4"),
            (0.0, "0.0"),
            (-0.0, "0.0"),
            (0.0004, "0.0"),
            (-1.0, "−100.0"),
        ] {
            assert_eq!(points(difference), text);
        }
    }

    #[test]
    fn days_are_those_of_the_calendar() {
        for (seconds, day) in [
            (0, "1970-01-01"),
            (951_782_399, "2000-02-28"),
            (951_782_400, "2000-02-29"),
            (951_868_800, "2000-03-01"),
            (1_798_761_599, "2026-12-31"),
            (4_107_542_400, "2100-03-01"),
        ] {
            assert_eq!(date(seconds), day);
        }
        let now = 1_798_761_599;
        let before = |seconds: u64| ago(now - seconds, now);
        assert_eq!([0, 61, 7_300, 200_000].map(before), ["just now", "1 min ago", "2 h ago", "2 d ago"]);
        assert_eq!((before(8 * 86_400), ago(now + 5, now)), ("2026-12-23".into(), "just now".into()));
    }

    proptest! {
        #[test]
        fn whatever_it_is_it_fits(text in ".{0,40}", most in 1_usize..30) {
            let short = shortened(&text, most);
            prop_assert!(short.chars().map(width).sum::<usize>() <= most);
            prop_assert!(short == text || short.ends_with('…'));
        }

        #[test]
        fn no_number_is_shown_as_another(digits in 100_u32..1000, exponent in -12_i32..4) {
            // Three digits that mean something come back from whatever shows them.
            let value: f64 = format!("{digits}e{}", exponent - 2).parse().unwrap();
            let read = |text: String| text.replace('−', "-").parse::<f64>().unwrap();
            prop_assert!((read(decimal(value)) / value - 1.0).abs() < 6e-3, "{} of {value}", decimal(value));
            // Below a thousandth two digits have to do.
            prop_assert!((read(figure(value)) / value - 1.0).abs() < 0.051, "{} of {value}", figure(value));
            let share = value / 1e4;
            let percent = read(percent(share).trim_end_matches(" %").into());
            prop_assert!(share < 1e-7 || percent > 0.0 && (percent < 100.0 || share >= 1.0), "{percent} of {share}");
        }
    }

    #[test]
    fn long_names_end_in_an_ellipsis() {
        let short = |text| shortened(text, 10);
        assert_eq!(
            ["", "boot", "0123456789", "0123456789a", "a name  of it"].map(short),
            ["", "boot", "0123456789", "012345678…", "a name  o…"]
        );
        assert_eq!(
            ["短袖衬衫裤", "短袖衬衫裤子"].map(short),
            ["短袖衬衫裤", "短袖衬衫…"],
            "wide ones count twice"
        );
    }

    #[test]
    fn figures_read_well() {
        assert_eq!([0, 7, 999, 1_240, 1_000_000].map(count), ["0", "7", "999", "1,240", "1,000,000"]);
        assert_eq!([412, 52_300, 290_000, 11_170_000].map(magnitude), ["412", "52.3 k", "290 k", "11.2 M"]);
        let figures = [0.0, 0.412_34, -12.345, 3.14e-5, 1e6, f64::NAN, f64::NEG_INFINITY].map(figure);
        assert_eq!(figures, ["0", "0.412", "−12.3", "3.1e−5", "1.0e6", "n/a", "−∞"]);
        let short = [0.1, 0.002, 1.0, 12.25, 1e-5, 0.0].map(short);
        assert_eq!(short, ["0.1", "0.002", "1", "12.2", "1e−5", "0"]);
        assert_eq!([0.8631, f64::NAN].map(percent), ["86.3 %", "n/a"]);
        let decimals = [0.1, 12.25, 1250.0, 123_456.0, -0.000_01, 0.123_456].map(decimal);
        assert_eq!(decimals, ["0.1", "12.25", "1250", "123456", "-0.00001", "0.1235"]);
        let small =
            [1.0 / 255.0, 8.0 / 255.0, 0.00123, 0.0001, 3.0 * 0.000_02, 2.5e-7, 0.0, -0.0].map(decimal);
        assert_eq!(small, ["0.00392", "0.0314", "0.00123", "0.0001", "0.00006", "2.5e-7", "0", "0"]);
        assert_eq!([f64::NAN, f64::INFINITY].map(decimal), ["n/a", "∞"]);
        assert_eq!([0.004_56, 0.001].map(figure), ["0.00456", "0.00100"]);
        let lists = [&[][..], &[0.1], &[0.0, 1.0], &[0.1, 0.2, 0.000_01]].map(list);
        assert_eq!(lists, ["", "0.1", "0 and 1", "0.1, 0.2 and 0.00001"]);
        assert_eq!(
            [0.0004, 0.9996, 0.0, 1.0, 1e-6].map(percent),
            ["0.04 %", "99.96 %", "0.0 %", "100.0 %", "0.0001 %"]
        );
        assert_eq!(
            [0.86, 0.0, 0.004, 1.0, 0.999, 1e-14].map(whole_percent),
            ["86 %", "0 %", "0.4 %", "100 %", "99.9 %", "0 %"]
        );
        assert_eq!([0.86, 0.0, 0.004, 1.0].map(cell), ["86", "", "<1", "100"]);
        assert_eq!(interval(Share { hits: 50, total: 100 }), "40.4 to 59.6 %");
        let times = [42, 185, 7_530].map(|seconds| duration(Duration::from_secs(seconds)));
        assert_eq!(times, ["42 s", "3 min", "2 h 5 min"]);
        let times = [0.0, 59.2, 61.0, 7260.0, f64::NAN].map(seconds);
        assert_eq!(times, ["0 s", "1 min 0 s", "1 min 1 s", "2 h 1 min", "?"]);
    }

    #[test]
    fn a_radius_is_told_on_both_scales_where_they_are_known() {
        assert_eq!(standardised(0.1, Some(0.353)), " (0.2833 σ)");
        assert_eq!([standardised(0.0, Some(0.353)), standardised(0.1, None)], ["", ""]);
        assert_eq!(deviation_in_words(Some(0.353)), "; 1 σ = 0.353, the inputs' standard deviation");
        assert_eq!(deviation_in_words(None), "");
    }
}
