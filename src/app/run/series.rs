//! Measurements over a run of any length in bounded memory: when the room is full, neighbours are averaged.

/// Rows kept at most. Twice what a chart has pixels across on a large screen.
const CAPACITY: usize = 4096;

/// `N` measurements at one time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Row<const N: usize> {
    /// Steps done.
    pub step: f64,
    /// Seconds spent training.
    pub seconds: f64,
    /// The measurements.
    pub values: [f64; N],
}

/// `N` measurements over time, each row the mean of `stride` of them.
#[derive(Clone, Debug)]
pub struct Series<const N: usize> {
    rows: Vec<Row<N>>,
    stride: usize,
    /// Sum of the measurements that will make the next row, and how many they are.
    open: ([f64; N], usize),
}

impl<const N: usize> Default for Series<N> {
    fn default() -> Self {
        Self { rows: Vec::new(), stride: 1, open: ([0.0; N], 0) }
    }
}

impl<const N: usize> Series<N> {
    /// Adds a measurement, later than all before it.
    pub fn push(&mut self, row: Row<N>) {
        let (sum, count) = &mut self.open;
        for (sum, value) in sum.iter_mut().zip(row.values) {
            *sum += value;
        }
        *count += 1;
        if *count >= self.stride {
            let values = sum.map(|sum| sum / *count as f64);
            self.rows.push(Row { values, ..row });
            self.open = ([0.0; N], 0);
        }
        if self.rows.len() >= CAPACITY {
            self.rows = self.rows.chunks(2).map(mean).collect();
            self.stride *= 2;
        }
    }

    /// The rows, oldest first.
    pub fn rows(&self) -> &[Row<N>] {
        &self.rows
    }
}

/// The mean of rows that are neighbours, at the time of the last.
fn mean<const N: usize>(rows: &[Row<N>]) -> Row<N> {
    let mut values = [0.0; N];
    for row in rows {
        for (sum, value) in values.iter_mut().zip(row.values) {
            *sum += value / rows.len() as f64;
        }
    }
    let (step, seconds) = rows.last().map_or((0.0, 0.0), |row| (row.step, row.seconds));
    Row { step, seconds, values }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_run_stays_small_and_keeps_its_mean_and_ends() {
        let mut series = Series::<1>::default();
        for i in 0..1_000_000_u32 {
            series.push(Row { step: f64::from(i), seconds: 0.0, values: [f64::from(i)] });
        }
        assert!(series.rows().len() < CAPACITY);
        assert!(series.rows.capacity() <= 2 * CAPACITY);
        assert!(series.rows().len() > CAPACITY / 4);
        assert!(series.rows().windows(2).all(|pair| pair[0].step < pair[1].step));
        // Averages of an identity: each row's value is half a stride behind its step.
        let behind = (series.stride - 1) as f64 / 2.0;
        assert!(series.rows().iter().all(|row| (row.step - row.values[0] - behind).abs() < 1e-6));
    }
}
