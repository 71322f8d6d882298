//! Networks of several tasks: an encoder that they share, or one for each of them, and a decoder a task.
//!
//! An encoder is a main network without its head, behind a layer that takes the colours away. The decoder of the first
//! task, which says classes, is that head; the others double height and width as often as the encoder halves them.
//!
//! An encoder of points makes two numbers of the two: a representation that can be drawn, with all that is done to it. Its
//! decoders have one hidden layer each.

use std::ops::Range;

use super::{
    Layer, Network, WeightSpec,
    network::{Builder, Interface, Statistics, UNITS, channels, halvings, units},
    weights::first_values,
};
use crate::config::{Architecture, NetworkKind, Stream};

/// Numbers of the representation of points: as many as the plane has.
const CODE: usize = 2;

/// What such a network is made for.
#[derive(Clone, Debug, PartialEq)]
pub struct MultitaskInterface {
    /// `[C, H, W]` of an image.
    pub image: [usize; 3],
    /// Name and outputs of each task, the first of them the classes.
    pub tasks: Vec<(String, usize)>,
    /// Whether each task has an encoder of its own.
    pub apart: bool,
}

/// A network without its weights.
#[derive(Clone, Debug, PartialEq)]
pub struct MultitaskNetwork {
    /// One, or one a task: from an image `[N, C, H, W]` to the representation.
    pub encoders: Vec<Vec<Layer>>,
    /// One a task, from the representation: to logits `[N, K, 1, 1]`, or to a map of the image's height and width.
    pub decoders: Vec<Vec<Layer>>,
    /// `[C', H', W']` of the representation.
    pub representation: [usize; 3],
    /// All weights: those of the encoders, then those of the decoders.
    pub specs: Vec<WeightSpec>,
    /// Which of the weights each encoder and then each decoder has.
    parts: Vec<Range<usize>>,
    interface: Interface,
}

impl MultitaskNetwork {
    /// The network of that architecture; `statistics` are those of the images in colour.
    ///
    /// # Panics
    /// Where there is no task.
    pub fn new(architecture: Architecture, interface: &MultitaskInterface, statistics: &Statistics) -> Self {
        let Architecture { network: kind, width, .. } = architecture;
        let [_, height, width_pixels] = interface.image;
        let mut builder = Builder::new(1, architecture.activation);
        let (mut parts, mut encoders, mut decoders) = (Vec::new(), Vec::new(), Vec::new());
        let count = if interface.apart { interface.tasks.len() } else { 1 };
        for (name, _) in &interface.tasks[..count] {
            let begin = builder.specs.len();
            builder.prefix = if interface.apart { format!("encoder.{name}.") } else { "encoder.".into() };
            encode(&mut builder, architecture, interface, statistics);
            encoders.push(std::mem::take(&mut builder.layers));
            parts.push(begin..builder.specs.len());
        }
        let coded = builder.channels;
        let halvings = halvings(kind);
        let half = |[height, width]: [usize; 2]| [height.div_ceil(2), width.div_ceil(2)];
        // The image's size, halved again and again.
        let sizes: Vec<[usize; 2]> =
            std::iter::successors(Some([height, width_pixels]), |size| Some(half(*size)))
                .take(halvings + 1)
                .collect();
        for (index, (name, outputs)) in interface.tasks.iter().enumerate() {
            let begin = builder.specs.len();
            (builder.channels, builder.prefix) = (coded, format!("decoder.{name}."));
            match (kind, index) {
                (NetworkKind::Mlp, _) => {
                    let features = builder.hidden(coded, &[units(UNITS, width)]);
                    builder.head(features, *outputs);
                }
                (_, 0) => {
                    builder.layers.push(Layer::GlobalPool);
                    builder.head(coded, *outputs);
                }
                _ => dense(&mut builder, &sizes, *outputs),
            }
            decoders.push(std::mem::take(&mut builder.layers));
            parts.push(begin..builder.specs.len());
        }
        let [height, width] = sizes[halvings];
        Self {
            encoders,
            decoders,
            representation: [coded, height, width],
            specs: builder.specs,
            parts,
            interface: Interface { image: interface.image, classes: interface.tasks[0].1 },
        }
    }

    /// What says the class of an image, with the weights of all tasks.
    pub fn main(&self) -> Network {
        let layers = [self.encoders[0].as_slice(), &self.decoders[0]].concat();
        Network { layers, specs: self.specs.clone(), interface: self.interface.clone() }
    }

    /// The encoder of a task, by its number.
    pub fn encoder_of(&self, task: usize) -> usize {
        task.min(self.encoders.len() - 1)
    }

    /// Which task's decoder a weight is part of; none where it is an encoder's.
    pub fn task_of(&self, weight: usize) -> Option<usize> {
        self.parts.iter().position(|part| part.contains(&weight))?.checked_sub(self.encoders.len())
    }

    /// First weights from `seed`: every encoder begins alike, and a decoder the same with one encoder and with many.
    pub fn first_values(&self, seed: u64) -> Vec<Vec<f32>> {
        let of = |(index, part): (usize, &Range<usize>)| {
            let seed = match index.checked_sub(self.encoders.len()) {
                None => seed,
                Some(task) => Stream::Decoders.of(seed) ^ (task as u64).rotate_left(32),
            };
            first_values(&self.specs[part.clone()], seed)
        };
        self.parts.iter().enumerate().flat_map(of).collect()
    }
}

/// From an image to its representation.
fn encode(
    builder: &mut Builder,
    Architecture { network, width, depth, .. }: Architecture,
    interface: &MultitaskInterface,
    statistics: &Statistics,
) {
    if network == NetworkKind::Mlp {
        let Statistics { mean, deviation } = statistics.clone();
        builder.layers.extend([Layer::Normalize { mean, deviation }, Layer::Flatten]);
        let features = builder.hidden(interface.image.iter().product(), &vec![units(UNITS, width); depth]);
        builder.linear("code", (features, CODE), (1.0 / features as f32).sqrt());
        builder.channels = CODE;
        return;
    }
    builder.channels = 1;
    builder.layers.push(Layer::Grey { channels: interface.image[0] });
    builder.layers.push(normalize(statistics));
    builder.trunk(network, width);
}

/// Of the mean over the channels; its deviation is at most the mean of theirs.
fn normalize(statistics: &Statistics) -> Layer {
    let mean = |values: &[f32]| vec![values.iter().sum::<f32>() / values.len() as f32];
    Layer::Normalize { mean: mean(&statistics.mean), deviation: mean(&statistics.deviation) }
}

/// From the last of `sizes` back to the first; where channels become pixels, there are fewer of them.
fn dense(builder: &mut Builder, sizes: &[[usize; 2]], outputs: usize) {
    for (index, to) in sizes.iter().rev().skip(1).enumerate() {
        let out = channels(builder.channels / 4, 1.0);
        builder.block(index + 1, 4 * out, 1);
        builder.layers.push(Layer::DepthToSpace { to: *to });
        builder.channels = out;
    }
    let last = builder.conv("head", builder.channels, outputs, 3, 1);
    builder.layers.push(last);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Setup;

    fn architecture(network: NetworkKind) -> Architecture {
        Setup { network, ..Setup::default() }.architecture()
    }

    fn network(apart: bool, size: [usize; 2]) -> MultitaskNetwork {
        let tasks = [("class", 10), ("depth", 1), ("normals", 3)].map(|(name, n)| (name.to_owned(), n));
        let interface = MultitaskInterface { image: [3, size[0], size[1]], tasks: tasks.into(), apart };
        let statistics = Statistics { mean: vec![0.5; 3], deviation: vec![0.25; 3] };
        MultitaskNetwork::new(architecture(NetworkKind::CnnSmall), &interface, &statistics)
    }

    #[test]
    fn a_decoder_begins_the_same_with_one_encoder_and_with_many() {
        let (joint, single) = (network(false, [29, 32]), network(true, [29, 32]));
        assert_eq!((joint.encoders.len(), single.encoders.len()), (1, 3));
        assert_eq!(joint.representation, [64, 8, 8]);
        let (own, alone) = (joint.first_values(5), single.first_values(5));
        for (index, spec) in single.specs.iter().enumerate() {
            let twin = match single.task_of(index) {
                Some(_) => spec.name.clone(),
                None => format!("encoder.{}", spec.name.splitn(3, '.').last().unwrap()),
            };
            let place = joint.specs.iter().position(|other| other.name == twin).unwrap();
            assert!(alone[index] == own[place], "{}", spec.name);
            assert_eq!(joint.task_of(place), single.task_of(index));
        }
        assert_ne!(joint.first_values(6), own);
    }

    #[test]
    fn points_are_represented_by_two_numbers() {
        let tasks = [("class", 3), ("place", 2), ("distance", 1)].map(|(name, n)| (name.to_owned(), n));
        let interface = MultitaskInterface { image: [2, 1, 1], tasks: tasks.into(), apart: false };
        let statistics = Statistics { mean: vec![0.4, 0.6], deviation: vec![0.2, 0.3] };
        let network = MultitaskNetwork::new(architecture(NetworkKind::Mlp), &interface, &statistics);
        assert_eq!(network.representation, [2, 1, 1]);
        let shapes: Vec<_> =
            network.specs.iter().map(|spec| (spec.name.as_str(), spec.shape.as_slice())).collect();
        let weights = shapes.iter().filter(|(name, _)| name.ends_with("weight"));
        let expected: [(&str, &[usize]); 9] = [
            ("encoder.hidden1.weight", &[16, 2]),
            ("encoder.hidden2.weight", &[16, 16]),
            ("encoder.code.weight", &[2, 16]),
            ("decoder.class.hidden1.weight", &[16, 2]),
            ("decoder.class.head.weight", &[3, 16]),
            ("decoder.place.hidden1.weight", &[16, 2]),
            ("decoder.place.head.weight", &[2, 16]),
            ("decoder.distance.hidden1.weight", &[16, 2]),
            ("decoder.distance.head.weight", &[1, 16]),
        ];
        assert_eq!(weights.copied().collect::<Vec<_>>(), expected);
        let normalized = Layer::Normalize { mean: statistics.mean, deviation: statistics.deviation };
        assert_eq!(network.encoders[0][0], normalized, "both coordinates by their own");
    }
}
