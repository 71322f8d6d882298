//! How numbers are spread.

use std::fmt;

/// Some numbers in their order.
pub struct Spread(Vec<f64>);

impl Spread {
    /// Of these.
    pub fn of(numbers: impl IntoIterator<Item = f64>) -> Self {
        let mut numbers: Vec<f64> = numbers.into_iter().collect();
        numbers.sort_by(f64::total_cmp);
        Self(numbers)
    }

    /// The number below which this share of them lies; not a number of none.
    pub fn at(&self, share: f64) -> f64 {
        let last = self.0.len().saturating_sub(1);
        self.0.get((share * last as f64).round() as usize).copied().unwrap_or(f64::NAN)
    }
}

impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [median, high, most] = [0.5, 0.95, 1.0].map(|share| self.at(share));
        write!(f, "median {median:.2} ms, 95 % below {high:.2} ms, longest {most:.2} ms")
    }
}
