//! The figures of `bench` as people read them.

use std::fmt::Write as _;

use super::measured::{Measured, Operation, mebibytes};
use crate::show::number::whole_percent;
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
    let speed = |ms: f64| format!("{:.0}", *batch as f64 * 1e3 / ms);
    let ms = |ms: f64| format!("{ms:.1} ms");
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
    let number =
        |value: f64, digits: usize| if value > 0.0 { format!("{value:.digits$}") } else { "".into() };
    for row in rows {
        let (megabytes, gigaflop) = (row.bytes as f64 / 1e6, row.floating_point_operations as f64 / 1e9);
        let line = format!(
            "{:<widest$} {:>8} {:>9.3} {:>4.0} % {:>8} {:>8} {:>7} {:>8} {:>7}",
            row.name,
            number(row.launches as f64, 0),
            row.ms,
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
        "\n{launches} launches; burn's operations: {} of them, {:.1} ms, {:.0} % of the step",
        burn.launches,
        burn.ms,
        100.0 * burn.share,
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
        "{} steps, first tenth to last: step {:.1} to {:.1} ms: {}; {memory}",
        drift.steps,
        drift.first_ms,
        drift.last_ms,
        verdict(drift.slower)
    )
}
