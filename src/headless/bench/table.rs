//! The figures of `bench` as people read them.

use std::fmt::Write as _;

use super::measured::{Measured, Operation, mebibytes};
use crate::show::number::{figure, whole_percent};
use crate::train::benchmark::{Drift, Results};

/// burn's kernels below this share of a step stand in one line together.
const SMALL_SHARE: f64 = 0.01;

/// Everything as text.
pub(super) fn text(measured: &Measured) -> String {
    let results = &measured.results;
    let Results { network, width, batch, precision, image: [c, h, w], device, backend, .. } = results;
    let what = format!("{network}, width {width}, batches of {batch}, {c}×{h}×{w}, {precision}");
    let mut text = format!("{what} on {device} ({backend})\n\n");
    let ratio = |great: f64, plain: f64| format!("{:.2}", great / plain);
    let memory = |bytes: Option<u64>| bytes.map_or("unknown".into(), mebibytes);
    let memories = results.great_peak_bytes.zip(results.plain_peak_bytes);
    let speed = |ms: f64| digits(*batch as f64 * 1e3 / ms, 0);
    let ms = |ms: f64| format!("{} ms", digits(ms, 1));
    let rows = [
        ["", "plain", "GREAT+GREACE", "ratio"].map(String::from),
        ["first step, from start".into(), String::new(), ms(results.first_step_ms), String::new()],
        [
            "step, median".into(),
            ms(results.plain_step_ms),
            ms(results.great_step_ms),
            ratio(results.great_step_ms, results.plain_step_ms),
        ],
        [
            "images per second".into(),
            speed(results.plain_step_ms),
            speed(results.great_step_ms),
            String::new(),
        ],
        [
            "peak memory".into(),
            memory(results.plain_peak_bytes),
            memory(results.great_peak_bytes),
            memories.map_or(String::new(), |(great, plain)| ratio(great as f64, plain as f64)),
        ],
    ];
    for [name, plain, great, ratio] in rows {
        text += format!("{name:<24}{plain:>12}{great:>16}{ratio:>9}").trim_end();
        text.push('\n');
    }
    // Writing to a string cannot fail.
    let _ = writeln!(
        text,
        "\nthe device at its best: copies {:.1} GB/s, matrix product {:.1} GFLOP/s",
        results.copied_bytes_per_second / 1e9,
        results.matrix_product_operations_per_second / 1e9,
    );
    write_operations(&mut text, &measured.operations);
    text
}

/// A figure with this number of decimals, or where these would make too little of it with three digits that mean something.
fn digits(value: f64, decimals: usize) -> String {
    let is_small = value != 0.0 && value.abs() < 10.0 * 10_f64.powi(-(decimals as i32));
    if is_small || !value.is_finite() { figure(value) } else { format!("{value:.decimals$}") }
}

fn write_operations(text: &mut String, operations: &[Operation]) {
    let Some((rest, operations)) = operations.split_last() else { return };
    let is_small = |operation: &&Operation| !operation.ours && operation.share < SMALL_SHARE;
    let small: Vec<_> = operations.iter().filter(is_small).collect();
    let burn: Vec<_> = operations.iter().filter(|operation| !operation.ours).collect();
    let mut rows: Vec<_> = operations.iter().filter(|operation| !is_small(operation)).cloned().collect();
    if !small.is_empty() {
        rows.push(Operation::sum(&format!("burn: {} others", small.len()), &small));
    }
    rows.push(rest.clone());
    let widest = rows.iter().map(|row| row.name.chars().count()).max().unwrap_or(0);
    let _ = writeln!(
        text,
        "\n{:<widest$} {:>8} {:>9} {:>6} {:>8} {:>8} {:>7} {:>8} {:>7}",
        "one GREAT+GREACE step", "launches", "ms", "share", "MB", "GFLOP", "GB/s", "GFLOP/s", "ceiling",
    );
    let number = |value: f64, decimals: usize| if value > 0.0 { digits(value, decimals) } else { "".into() };
    for row in rows {
        let (megabytes, gigaflop) = (row.bytes as f64 / 1e6, row.floating_point_operations as f64 / 1e9);
        let line = format!(
            "{:<widest$} {:>8} {:>9} {:>4.0} % {:>8} {:>8} {:>7} {:>8} {:>7}",
            row.name,
            number(row.launches as f64, 0),
            digits(row.ms, 3),
            100.0 * row.share,
            number(megabytes, 2),
            number(gigaflop, 3),
            number(megabytes / row.ms, 1),
            number(1e3 * gigaflop / row.ms, 1),
            row.of_ceiling.map_or(String::new(), whole_percent),
        );
        let _ = writeln!(text, "{}", line.trim_end());
    }
    if burn.is_empty() {
        return;
    }
    let launches: u64 = operations.iter().map(|operation| operation.launches).sum();
    let burn = Operation::sum("", &burn);
    let _ = writeln!(
        text,
        "\n{launches} launches; burn's operations: {} of them, {} ms, {} of the step",
        burn.launches,
        digits(burn.ms, 1),
        whole_percent(burn.share),
    );
}

/// A soak's outcome as text.
pub(super) fn drift(drift: &Drift) -> String {
    let verdict = |drifts| if drifts { "drifts" } else { "steady" };
    let memory =
        drift.first_bytes.zip(drift.last_bytes).map_or("memory unknown\n".into(), |(first, last)| {
            format!("memory {} to {}: {}\n", mebibytes(first), mebibytes(last), verdict(drift.grown))
        });
    format!(
        "{} steps, first tenth to last: step {} to {} ms: {}; {memory}",
        drift.steps,
        digits(drift.first_ms, 1),
        digits(drift.last_ms, 1),
        verdict(drift.slower)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fast_and_slow_machines_keep_their_digits() {
        let shown = [12_345.6, 12.34, 0.0456, 0.0].map(|ms| digits(ms, 1));
        assert_eq!(shown, ["12345.6", "12.3", "0.0456", "0.0"]);
        assert_eq!([812.4, 0.4].map(|speed| digits(speed, 0)), ["812", "0.400"]);
    }
}
