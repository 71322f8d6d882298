//! The smallest change of an image after which a network takes it for something else, as far as a few quick attacks find one.

use burn::tensor::{Tensor, TensorData};

use super::{goal::Goal, methods::descent::Recipe, pace::Pace, victim::Victim};
use crate::{
    config::Norm,
    gpu::{Slope, read},
    protocol::likeliest,
};

/// The radius that is looked at first, and then twice as much each time.
const FIRST: f64 = 1.0 / 1024.0;
/// No radius below this is looked at: `f32` has no smaller steps at 1.
const LEAST: f64 = 1.0 / 16_777_216.0;
/// How far apart, as a ratio, the radius that is told and one at which nothing was found may be.
const NEAR: f64 = 1.05;
/// Steps of those that take several.
const STEPS: usize = 10;

/// What was found.
#[derive(Clone, Debug)]
pub struct Smallest {
    /// L∞ radius of the change, pixels in [0, 1]: a better attack may need less.
    pub epsilon: f64,
    /// The class that the network takes the image for then.
    pub said: usize,
    /// The image after the change, `[1, C, H, W]`.
    pub image: Tensor<4>,
}

/// The smallest change in L∞ that leads `image` `[1, C, H, W]`, whose pixels lie in [0, 1], away from `class`: by FGSM along
/// the exact direction and by PGD of 10 steps from the image itself, along that direction and along the margin. None where
/// they find none, however far they go. Nothing is drawn, so the same image has the same answer; `pace` counts its passes.
///
/// # Errors
/// Where the device failed.
pub async fn smallest_change(
    victim: &Victim<'_>,
    image: &Tensor<4>,
    class: usize,
    pace: &Pace,
) -> Result<Option<Smallest>, String> {
    let classes = victim.network.interface.classes;
    let mut one_hot = vec![0.0f32; classes];
    one_hot[class] = 1.0;
    let goal = Goal::AwayFrom(Tensor::from_data(TensorData::new(one_hot, [1, classes]), &image.device()));
    let at = async |epsilon: f64| -> Result<Option<Smallest>, String> {
        let pgd = |slope| Recipe::pgd(Norm::Linf, epsilon, STEPS).along(slope);
        let recipes = [Recipe::fgsm(epsilon).along(Slope::Exact), pgd(Slope::Exact), pgd(Slope::Margin)];
        let mut images = Vec::new();
        for recipe in recipes {
            images.push(recipe.begin_at(image.clone(), image, &goal).finish_at(victim, pace).await);
        }
        let logits = read(victim.says(&Tensor::cat(images.clone(), 0))).await?;
        let said = logits.chunks_exact(classes).map(likeliest).zip(images);
        let found = said.into_iter().find(|(said, _)| *said != class);
        Ok(found.map(|(said, image)| Smallest { epsilon, said, image }))
    };
    let (mut below, mut found) = (0.0, None);
    let mut epsilon = FIRST;
    while found.is_none() && epsilon <= 1.0 {
        found = at(epsilon).await?;
        if found.is_none() {
            below = epsilon;
        }
        epsilon *= 2.0;
    }
    let Some(mut smallest) = found else { return Ok(None) };
    // Where the first radius was enough already.
    while below == 0.0 && smallest.epsilon > LEAST {
        match at(0.5 * smallest.epsilon).await? {
            Some(nearer) => smallest = nearer,
            None => below = 0.5 * smallest.epsilon,
        }
    }
    while below > 0.0 && smallest.epsilon > NEAR * below {
        let between = (below * smallest.epsilon).sqrt();
        match at(between).await? {
            Some(nearer) => smallest = nearer,
            None => below = between,
        }
    }
    Ok(Some(smallest))
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a test waits for what it checks")]
mod tests {
    use super::*;
    use crate::{
        config::{Activation, Architecture, HeadKind, NetworkKind},
        nn::{
            Network, Weights,
            network::{Interface, Statistics},
        },
    };
    use burn::tensor::Device;

    /// A network of two classes whose second logit is `a·x + b·y − c` of the normalised point: both hidden units that carry
    /// these are always active.
    fn half_plane([a, b, c]: [f32; 3]) -> (Network, Vec<Vec<f32>>) {
        let interface = Interface { image: [2, 1, 1], classes: 2 };
        let architecture = Architecture {
            network: NetworkKind::Mlp,
            width: 1.0,
            activation: Activation::Relu,
            head: HeadKind::Pooled,
            depth: 1,
        };
        let statistics = Statistics { mean: vec![0.5; 2], deviation: vec![0.1; 2] };
        let network = Network::main(architecture, interface, &statistics);
        let units = network.specs[0].shape[0];
        let mut hidden = vec![0.0; 2 * units];
        (hidden[0], hidden[3]) = (1.0, 1.0);
        let mut head = vec![0.0; 2 * units];
        (head[units], head[units + 1]) = (a, b);
        (network, vec![hidden, vec![10.0; units], head, vec![0.0, -10.0 * (a + b) - c]])
    }

    #[test]
    fn it_is_the_distance_to_a_straight_boundary() {
        let device = Device::default();
        for line in [[1.0f32, 2.0, 0.3], [-3.0, 0.5, 0.0], [0.2, 0.2, -0.15]] {
            let (network, values) = half_plane(line);
            let weights = Weights::from_values(values, &device);
            let victim = Victim::new(&network, &weights);
            for point in [[0.45f32, 0.5], [0.52, 0.61], [0.5, 0.4], [0.3, 0.6], [0.51, 0.5]] {
                let [x, y] = point.map(|at| (at - 0.5) / 0.1);
                let margin = line[0] * x + line[1] * y - line[2];
                // A change of ε moves each normalised coordinate by 10 ε.
                let truth = f64::from(0.1 * margin.abs() / (line[0].abs() + line[1].abs()));
                let class = usize::from(margin > 0.0);
                let image = Tensor::from_data(TensorData::new(point.to_vec(), [1, 2, 1, 1]), &device);
                let found = pollster::block_on(smallest_change(&victim, &image, class, &Pace::default()));
                let found = found.expect("it answers").expect("the other class is near");
                assert_eq!(found.said, 1 - class);
                let ratio = found.epsilon / truth;
                assert!(
                    (0.999..=NEAR * 1.001).contains(&ratio),
                    "{line:?} {point:?}: {} of {truth}",
                    found.epsilon
                );
            }
        }
    }

    #[test]
    fn a_network_that_says_one_class_everywhere_is_not_fooled() {
        let (network, _) = half_plane([1.0, 1.0, 0.0]);
        let device = Device::default();
        let zeros: Vec<_> = network.specs.iter().map(|spec| vec![0.0; spec.len()]).collect();
        let weights = Weights::from_values(zeros, &device);
        let image = Tensor::from_data(TensorData::new(vec![0.5f32, 0.5], [1, 2, 1, 1]), &device);
        let victim = Victim::new(&network, &weights);
        let found = pollster::block_on(smallest_change(&victim, &image, 0, &Pace::default()));
        assert!(matches!(found, Ok(None)), "ties go to the first class: {found:?}");
    }
}
