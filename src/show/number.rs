//! Figures as people read them: as many digits as mean something, thousands set apart, times in words.

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
        let decimals = (2 - size.log10().floor() as i32).clamp(0, 4) as usize;
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

/// A number with up to four decimals and no zeros that say nothing: `0.1`, `1250`, `12.25`; for what is read off an axis.
pub fn decimal(value: f64) -> String {
    let text = format!("{value:.4}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0".into() } else { text.into() }
}

/// A share in percent: `86.3 %`; `n/a` of none.
pub fn percent(share: f64) -> String {
    if share.is_nan() { "n/a".into() } else { format!("{:.1} %", 100.0 * share) }
}

/// A share in whole percent: `86 %`.
pub fn whole_percent(share: f64) -> String {
    if share.is_nan() { "n/a".into() } else { format!("{:.0} %", 100.0 * share) }
}

/// The 95 % interval of a share, in percent: `80.9 to 89.0 %`.
pub fn interval(share: Share) -> String {
    let (low, high) = share.interval();
    format!("{:.1} to {:.1} %", 100.0 * low, 100.0 * high)
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

#[cfg(test)]
mod tests {
    use super::*;

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
        assert_eq!(decimals, ["0.1", "12.25", "1250", "123456", "0", "0.1235"]);
        assert_eq!(interval(Share { hits: 50, total: 100 }), "40.4 to 59.6 %");
        let times = [42, 185, 7_530].map(|seconds| duration(Duration::from_secs(seconds)));
        assert_eq!(times, ["42 s", "3 min", "2 h 5 min"]);
        let times = [0.0, 59.2, 61.0, 7260.0, f64::NAN].map(seconds);
        assert_eq!(times, ["0 s", "1 min 0 s", "1 min 1 s", "2 h 1 min", "?"]);
    }
}
