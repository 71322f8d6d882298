//! Where logarithmic bins with a sign lie on an axis: bin by bin, with the powers of ten marked and long empty
//! stretches drawn short.

use super::number::figure;

/// Empty bins in a row from which on they are drawn short, and the room that they then get together, in bins.
const LONG: usize = 10;
const SHORT: f64 = 4.0;

/// A marked place on the axis.
#[derive(Clone, Debug, PartialEq)]
pub struct Tick {
    /// Along the axis.
    pub at: f64,
    /// What is there: `−1e−4`, `0`, `1e−2`.
    pub label: String,
}

/// The axis of some histograms: a bin is 1 wide, unless it lies in a long stretch where no class has an entry.
#[derive(Clone, Debug)]
pub struct Bins {
    edges: Vec<f32>,
    /// Where each edge is.
    places: Vec<f64>,
    /// First bin drawn, and the one after the last.
    bins: (usize, usize),
    /// Stretches that are drawn short: first bin, and the one after the last.
    squeezed: Vec<(usize, usize)>,
}

impl Bins {
    /// The axis for histograms with these ascending edges and these counts, class by class.
    pub fn new<'a>(edges: &[f32], counts: impl Iterator<Item = &'a [u32]> + Clone) -> Self {
        let bins = edges.len().saturating_sub(1);
        let occupied: Vec<bool> = (0..bins)
            .map(|bin| counts.clone().any(|counts| counts.get(bin).is_some_and(|count| *count > 0)))
            .collect();
        let first = occupied.iter().position(|occupied| *occupied).unwrap_or(0).saturating_sub(1);
        let last = occupied.iter().rposition(|occupied| *occupied).map_or(bins, |last| (last + 2).min(bins));
        let squeezed = empty_stretches(&occupied[first..last], first);
        let mut places = vec![0.0];
        for bin in 0..bins {
            let stretch = squeezed.iter().find(|(from, to)| (*from..*to).contains(&bin));
            let width = stretch.map_or(1.0, |(from, to)| SHORT / (to - from) as f64);
            places.push(places[bin] + width);
        }
        Self { edges: edges.to_vec(), places, bins: (first, last), squeezed }
    }

    /// First bin drawn, and the one after the last.
    pub fn bins(&self) -> (usize, usize) {
        self.bins
    }

    /// Both ends.
    pub fn ends(&self) -> (f64, f64) {
        (self.edge(self.bins.0), self.edge(self.bins.1))
    }

    /// Where an edge is.
    pub fn edge(&self, edge: usize) -> f64 {
        self.places.get(edge).or(self.places.last()).copied().unwrap_or(0.0)
    }

    /// Where a value is; logarithmic inside a bin.
    pub fn place(&self, value: f64) -> f64 {
        let position = position(&self.edges, value);
        let bin = position.floor();
        let (low, high) = (self.edge(bin as usize), self.edge(bin as usize + 1));
        low + (high - low) * (position - bin)
    }

    /// The bin at a place.
    pub fn bin_at(&self, place: f64) -> Option<usize> {
        let above = self.places.partition_point(|edge| *edge <= place);
        above.checked_sub(1).filter(|bin| (self.bins.0..self.bins.1).contains(bin))
    }

    /// The stretches that are drawn short, as places.
    pub fn squeezed(&self) -> impl Iterator<Item = (f64, f64)> {
        self.squeezed.iter().map(|(from, to)| (self.edge(*from), self.edge(*to)))
    }

    /// Zero and powers of ten, no closer to each other than the `most`th part of the axis.
    pub fn ticks(&self, most: usize) -> Vec<Tick> {
        let (from, to) = self.ends();
        let room = (to - from) / most.max(1) as f64;
        let sizes = self
            .edges
            .iter()
            .map(|edge| f64::from(edge.abs()))
            .filter(|edge| edge.is_finite() && *edge > 0.0);
        let (smallest, largest) =
            sizes.fold((f64::INFINITY, 0.0_f64), |(low, high), edge| (low.min(edge), high.max(edge)));
        if largest == 0.0 {
            return Vec::new();
        }
        let decade = (self.edges.len() as f64 / 2.0 - 1.0) / (largest / smallest).log10().max(1e-9);
        let every = ((room / decade).ceil() as i32).max(1);
        // An edge that is meant to be a power of ten may miss it by a rounding.
        let exponents = ((smallest.log10() - 1e-6).ceil() as i32)..=((largest.log10() + 1e-6).floor() as i32);
        let powers =
            exponents.rev().filter(|exponent| exponent.rem_euclid(every) == 0).flat_map(|exponent| {
                [("−", -1.0), ("", 1.0)].map(|(sign, factor)| {
                    (factor * 10f64.powi(exponent), format!("{sign}1e{exponent}").replace('-', "−"))
                })
            });
        let mut ticks: Vec<Tick> = Vec::new();
        for (value, label) in std::iter::once((0.0, "0".into())).chain(powers) {
            let at = self.place(value);
            let is_squeezed = self.squeezed().any(|(low, high)| low < at && at < high);
            let is_near = ticks.iter().any(|tick| (tick.at - at).abs() < room);
            if (from..=to).contains(&at) && !is_squeezed && !is_near {
                ticks.push(Tick { at, label });
            }
        }
        ticks.sort_by(|a, b| a.at.total_cmp(&b.at));
        ticks
    }

    /// What lies in a bin: `1.0e−4 to 1.3e−4`.
    pub fn range_label(&self, bin: usize) -> String {
        match (self.edges.get(bin), self.edges.get(bin + 1)) {
            (Some(low), Some(high)) => format!("{} to {}", figure(f64::from(*low)), figure(f64::from(*high))),
            _ => String::new(),
        }
    }
}

/// Runs of [`LONG`] empty bins and more, counted from `offset`.
fn empty_stretches(occupied: &[bool], offset: usize) -> Vec<(usize, usize)> {
    let mut stretches = Vec::new();
    let mut start = 0;
    for (bin, is_occupied) in occupied.iter().chain(std::iter::once(&true)).enumerate() {
        if *is_occupied {
            if bin - start >= LONG {
                stretches.push((offset + start, offset + bin));
            }
            start = bin + 1;
        }
    }
    stretches
}

/// Where `value` lies among ascending `edges`, in bins: 2.5 is the middle of the third; logarithmic inside a bin.
fn position(edges: &[f32], value: f64) -> f64 {
    let above = edges.partition_point(|edge| f64::from(*edge) <= value);
    let (Some(low), Some(high)) = (above.checked_sub(1).and_then(|low| edges.get(low)), edges.get(above))
    else {
        return if above == 0 { 0.0 } else { edges.len() as f64 - 1.0 };
    };
    let (low, high) = (f64::from(*low), f64::from(*high));
    let within = if !low.is_finite() || !high.is_finite() {
        0.5
    } else if low * high > 0.0 && value != 0.0 {
        (value / low).ln() / (high / low).ln()
    } else {
        (value - low) / (high - low)
    };
    (above - 1) as f64 + within.clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const EDGES: [f32; 6] = [-1e-1, -1e-2, -1e-3, 1e-3, 1e-2, 1e-1];

    #[test]
    fn positions_are_logarithmic_with_a_sign() {
        for (value, expected) in [
            (-1e-1, 0.0),
            (0.0, 2.5),
            (1e-3, 3.0),
            (10f64.powf(-1.5), 4.5),
            (-10f64.powf(-1.5), 0.5),
            (9.0, 5.0),
            (-9.0, 0.0),
        ] {
            assert!(
                (position(&EDGES, value) - expected).abs() < 1e-3,
                "{value}: {}",
                position(&EDGES, value)
            );
        }
        let open = [f32::NEG_INFINITY, -1.0, 1.0, f32::INFINITY];
        assert_eq!(position(&open, 7.0), 2.5);
    }

    #[test]
    fn ticks_are_powers_of_ten_about_zero() {
        let full = Bins::new(&EDGES, [&[1, 1, 1, 1, 1][..]].into_iter());
        let labels = |most| full.ticks(most).into_iter().map(|tick| tick.label).collect::<Vec<_>>();
        assert_eq!(labels(12), ["−1e−1", "−1e−2", "−1e−3", "0", "1e−3", "1e−2", "1e−1"]);
        assert_eq!(labels(6), ["−1e−1", "−1e−2", "0", "1e−2", "1e−1"]);
        assert!(Bins::new(&[], std::iter::empty()).ticks(5).is_empty());
    }

    #[test]
    fn long_empty_stretches_are_short_and_the_tails_are_cut_off() {
        let edges: Vec<f32> = (0..=40).map(|edge| edge as f32 - 20.0).collect();
        let mut counts = [0; 40];
        for bin in [5, 6, 30] {
            counts[bin] = 3;
        }
        let axis = Bins::new(&edges, [&counts[..]].into_iter());
        assert_eq!(axis.bins(), (4, 32));
        // Bins 7 to 29 are empty and get room for four.
        let squeezed: Vec<_> = axis.squeezed().map(|(low, high)| (low.round(), high.round())).collect();
        assert_eq!(squeezed, [(7.0, 11.0)]);
        assert!((axis.ends().1 - 13.0).abs() < 1e-9 && axis.ends().0 == 4.0);
        for bin in 4..32 {
            let middle = (axis.edge(bin) + axis.edge(bin + 1)) / 2.0;
            assert_eq!(axis.bin_at(middle), Some(bin));
        }
        assert_eq!((axis.bin_at(-1.0), axis.bin_at(99.0)), (None, None));
    }
}
