//! Ready-made runs to begin with: each shows one thing, within a minute on two processor cores.

use crate::config::link::{self, Linked};

/// A ready-made run, whole: data, networks and knobs.
#[derive(Debug)]
pub struct Piece {
    /// What people type.
    pub name: &'static str,
    /// What stands in the menu.
    pub title: &'static str,
    /// The one thing to see.
    pub see: &'static str,
    /// The run as the fragment of a link.
    pub link: &'static str,
}

impl Piece {
    /// The piece of that name.
    ///
    /// # Errors
    /// A sentence with all names.
    pub fn find(name: &str) -> Result<&'static Self, String> {
        let names = || GALLERY.iter().map(|piece| piece.name).collect::<Vec<_>>().join(", ");
        GALLERY
            .iter()
            .find(|piece| piece.name == name)
            .ok_or_else(|| format!("'{name}' is not one of: {}", names()))
    }

    /// The run, which starts at once.
    pub fn linked(&self) -> Linked {
        link::read(self.link)
    }
}

/// The gallery, in the order in which it is shown.
pub static GALLERY: [Piece; 14] = [
    Piece {
        name: "gives-away",
        title: "What a gradient gives away",
        see: "The auxiliary network reads the class off nearly every gradient: in the right plane each colour has a corner of its own.",
        link: "v1&data=blobs&world_classes=4&mode=baseline&learning_rate=0.003&epsilon=0.08&run",
    },
    Piece {
        name: "mixed",
        title: "GREAT mixes them",
        see: "The same clouds with α = 0.1: the colours of the right plane mix, and half of the gradients at most are read.",
        link: "v1&data=blobs&world_classes=4&mode=great&alpha=0.1&ramp=0&learning_rate=0.003&epsilon=0.08&steps=2000&run",
    },
    Piece {
        name: "moons",
        title: "GREAT on moons",
        see: "Once α sets in, the gradients shrink into the ring of the noise, and what is read of them falls to a guess.",
        link: "v1&data=moons&mode=great&epsilon=0.08&normalization=constant&gradient_scale=30&gradient_noise=1&adversary_start=0.2&ramp=0.1&run",
    },
    Piece {
        name: "rings",
        title: "Where GREAT hurts",
        see: "The auxiliary network is blind, and far fewer points withstand than without it: set α to 0, reset and compare.",
        link: "v1&data=rings&mode=great&alpha=0.5&epsilon=0.04&width=2&learning_rate=0.01&steps=1600&normalization=constant&gradient_scale=30&gradient_noise=1&adversary_start=0.2&ramp=0.1&run",
    },
    Piece {
        name: "redundant",
        title: "Accurate, not robust",
        see: "All points are right, by a narrow coordinate; the square about nearly each reaches across the boundary.",
        link: "v1&data=redundant&mode=baseline&epsilon=0.06&width=2&learning_rate=0.01&steps=1600&run",
    },
    Piece {
        name: "adversarial-training",
        title: "Adversarial training",
        see: "The same points: the boundary turns to the wide coordinate, and four of five withstand.",
        link: "v1&data=redundant&mode=pgd-at&epsilon=0.06&width=2&learning_rate=0.01&steps=1600&run",
    },
    Piece {
        name: "gradient-penalty",
        title: "A penalty on the gradient",
        see: "The boundary turns as with adversarial training, and nothing was attacked.",
        link: "v1&data=redundant&mode=input-gradient-regularization&input_gradient_weight=0.01&epsilon=0.06&width=2&learning_rate=0.01&steps=1600&run",
    },
    Piece {
        name: "masked",
        title: "Masked by rounding",
        see: "Where it is striped f32 has rounded the gradient to 0: FGSM and PGD leave most points, the grid hardly any.",
        link: "v1&data=redundant&mode=baseline&epsilon=0.06&width=2&learning_rate=0.05&steps=3000&run",
    },
    Piece {
        name: "thin-gap",
        title: "A thin place",
        see: "All points withstand but where the classes come closer than ε: click one there.",
        link: "v1&data=thin-gap&mode=baseline&epsilon=0.05&width=2&learning_rate=0.01&steps=1000&run",
    },
    Piece {
        name: "drawing",
        title: "Your own drawing",
        see: "Points of two classes, drawn as a face: its eyes and its mouth come out. Draw your own: File → Draw a world….",
        link: "v1&data=drawn&mode=baseline&world_noise=0.015&epsilon=0.03&width=3&learning_rate=0.01&steps=2000\
            &drawing=\
            ncCniCnqCrcCriCrqCvcCviCvqCQdCQjCQrCUdCUjCUrCYdCYjCYrCikBkeBlaBnWBpSBrOBuKBwGBzEB2CB4AB7AB-ABBBBEBBHBBJDBMF\
            BPHBRLBUPBWTBYXBabBbfBdlBjqBliBocBrWBuQByMB1IB5GB9GBCHBGHBKJBNNBRRBUXBXdBajBcrB8CGC1FBNG52FJ9F5OG_qFz-FJvF-\
            aG3oFOFGEhFw0FQzFCnGU_F6sGlCG_2GbFGG9G7AHcKGCJHkBG1IHjbGbcGLLHmxFXAG9QHoNGUJHuMHlpGWUGY5EGVHeIFr7Fh-GBnEdDH\
            T2FkLF3YHoyErZGXoGQrEQVHWWFsnFnOH3kEl3GRIGf5EAfHf6EvHGa6GHhEaRHRoFqRFwcHsmEsnGReGXpELhHWIFxxFgMH9aEkHHN8Fm9\
            E6kHisEyVGT0GOdEWdHPYFwbFocHxaEs3GMSGfrEFpHY4E1_FZIHDVEhVHKuFtFFyoHmgEzlGNqGWdERpHPKF1nFgaH4QErHHIGGnvE-wHb\
            qE\
            &run",
    },
    Piece {
        name: "jacobian-matching",
        title: "Slopes teach more than labels",
        see: "Two arms from 30 points: a student that also matches the teacher's slopes finds far more of them than labels alone show.",
        link: "v1&scenario=distillation&method=jacobian-matching&data=spirals&world_classes=2&fraction=0.03&teacher_steps=2000&teacher_width=2&width=2&learning_rate=0.01&steps=2000&seed=2&run",
    },
    Piece {
        name: "tasks",
        title: "Tasks that pull apart",
        see: "Class, place and distance over a representation of two numbers (Plane: representation): each task's arrows have ways of their own, and three of four gradients are told apart.",
        link: "v1&scenario=multitask&multitask_method=equal&data=rings&epsilon=0.04&width=2&learning_rate=0.005&steps=1500&evaluate_every_steps=0&run",
    },
    Piece {
        name: "alignment",
        title: "Gradients aligned",
        see: "The same tasks behind alignment layers: of each task one axis is left (pale: before). The running auxiliary network swings about a guess; a fresh one still knows the class, which kept the other axis.",
        link: "v1&scenario=multitask&multitask_method=great&data=rings&epsilon=0.04&width=2&learning_rate=0.005&steps=1500&evaluate_every_steps=0&run",
    },
    Piece {
        name: "pictures",
        title: "GREAT on pictures",
        see: "Fashion-MNIST: the auxiliary network rises, and falls once α sets in; the class is still there without the noise.",
        link: "v1&mode=great&epsilon=8/255&normalization=constant&gradient_scale=30&gradient_noise=1&adversary_start=0.2&ramp=0.1&run",
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{EXAMPLES, Knob};

    #[test]
    fn every_piece_is_a_link_that_starts_and_is_named_once() {
        for (index, piece) in GALLERY.iter().enumerate() {
            let linked = piece.linked();
            assert!(linked.run && linked.refused.is_empty(), "{}: {:?}", piece.name, linked.refused);
            let is_known = GALLERY[..index].iter().any(|other| other.name == piece.name);
            assert!(!is_known && EXAMPLES.iter().all(|example| example.name != piece.name), "{}", piece.name);
            // Nothing is set of which such a run makes no use.
            for item in piece.link.split('&').filter_map(|item| item.split_once('=')) {
                let knob = Knob::find(item.0).expect("a knob");
                assert_eq!(knob.unused(&linked.config, None), None, "{}: {}", piece.name, item.0);
            }
        }
        assert!(Piece::find("nonsense").is_err_and(|why| why.contains("gives-away, mixed")));
    }
}
