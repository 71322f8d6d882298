//! The choices that have names: what people type, what files and links hold; and the values of texts that mean something.

/// Declares an enumeration whose variants have the names that people type and read.
macro_rules! choices {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
        pub enum $name { $($(#[$variant_doc])* #[serde(rename = $text)] $variant),+ }

        impl $name {
            /// Every variant, in the order in which it is offered.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];
            /// The names of [`Self::ALL`], in the same order.
            pub const NAMES: &'static [&'static str] = &[$($text),+];

            /// The name that people type and read.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.name())
            }
        }

        impl std::str::FromStr for $name {
            type Err = String;
            fn from_str(text: &str) -> Result<Self, String> {
                Self::ALL.iter().copied().find(|choice| choice.name() == text)
                    .ok_or_else(|| format!("'{text}' is not one of: {}", Self::NAMES.join(", ")))
            }
        }
    };
}
pub(crate) use choices;

/// The data sets that come with the lab, on a page too.
pub const BUILT_IN_DATA: [&str; 10] = [
    "fashion-mnist",
    "solids",
    "moons",
    "rings",
    "spirals",
    "blobs",
    "checkerboard",
    "thin-gap",
    "redundant",
    "drawn",
];

/// The teacher that the lab trains by itself, as a value of [`Setup::teacher`](crate::config::Setup::teacher).
pub const TRAIN_TEACHER: &str = "train";

/// The network that was kept as a teacher while the lab was open (`Command::Teach`), as a value of
/// [`Setup::teacher`](crate::config::Setup::teacher).
pub const KEPT_TEACHER: &str = "kept";

/// The value of [`Setup::pretrained`](crate::config::Setup::pretrained) that names no file.
pub const NO_PRETRAINED: &str = "none";

choices! {
    /// Which gradient tensors must look alike.
    ScenarioKind {
        /// Those of different classes (algorithms, section 1).
        Defense = "defense",
        /// A student's and its teacher's (algorithms, section 2).
        Distillation = "distillation",
        /// Those of different tasks that share an encoder (algorithms, section 3).
        Multitask = "multitask",
    }
}

choices! {
    /// What is learned of an image that comes grey and noisy.
    TaskSet {
        /// Class, colours, edges, and the image without noise: of any images.
        Pictures = "pictures",
        /// Class, depth, normals and key points: of scenes.
        Scenes = "scenes",
    }
}

choices! {
    /// The worlds among the data sets that come with the lab: points of the plane, drawn from a seed.
    WorldKind {
        /// Two half circles that reach into each other.
        Moons = "moons",
        /// Circles about the middle, a class each.
        Rings = "rings",
        /// Arms that wind about the middle, a class each.
        Spirals = "spirals",
        /// Clouds on a circle, a class each.
        Blobs = "blobs",
        /// Four by four squares of two classes in turn.
        Checkerboard = "checkerboard",
        /// Two classes that are far apart but in one place.
        ThinGap = "thin-gap",
        /// One coordinate tells two classes apart well but narrowly, the other weakly but widely (after Tsipras et al. 2019).
        Redundant = "redundant",
        /// Points that somebody drew.
        Drawn = "drawn",
    }
}

choices! {
    /// The architectures of the main network.
    NetworkKind {
        /// Four 3×3 convolutions, about 50 k weights.
        CnnSmall = "cnn-small",
        /// Six 3×3 convolutions, about 290 k weights.
        CnnMedium = "cnn-medium",
        /// ResNet-18 in its CIFAR form with GroupNorm, about 11 M weights.
        Resnet18 = "resnet-18",
        /// Linear layers on all pixels, with an activation after each but the last: what learns worlds.
        Mlp = "mlp",
    }
}

choices! {
    /// The activation of the main network.
    Activation {
        /// `max(x, 0)`: piecewise linear on purpose; second derivatives come from softmax and normalisation.
        Relu = "relu",
        /// `x · sigmoid(x)`: smooth, with a useful second derivative.
        Silu = "silu",
    }
}

choices! {
    /// What is done to an image before the main network sees it: ways to look robust without being so, to see an audit
    /// turn red.
    InputTransform {
        /// Nothing.
        None = "none",
        /// Rounded to a few levels; its gradient is zero, so attacks have nothing to follow.
        Quantize = "quantize",
        /// Gaussian noise in every pass, in evaluation too; attacks follow the gradient of another draw.
        Noise = "noise",
    }
}

choices! {
    /// In what ε is given.
    EpsilonScale {
        /// Pixels in [0, 1].
        Pixel = "pixel",
        /// Standard deviations of the inputs: of the training images' pixels, the mean over the channels.
        Standardised = "standardised",
    }
}

choices! {
    /// In what a main network stores what images become in it while it trains.
    Precision {
        /// 32-bit floats.
        Single = "f32",
        /// 16-bit floats (Micikevicius et al. 2018): weights, sums, heads, losses and the auxiliary network stay in `f32`.
        Mixed = "mixed",
    }
}

choices! {
    /// The optimiser of both networks.
    OptimizerKind {
        /// Adam (Kingma & Ba 2015), β = (0.9, 0.999), ε = 1e-8; weight decay is added to the gradient.
        Adam = "adam",
        /// Stochastic gradient descent with momentum, as PyTorch defines it.
        Sgd = "sgd",
    }
}

choices! {
    /// How the learning rates go over a run.
    Schedule {
        /// As set.
        Constant = "constant",
        /// From as set to 0 along half a cosine.
        Cosine = "cosine",
    }
}

choices! {
    /// How training images are changed each time they come.
    Augmentation {
        /// As they are.
        None = "none",
        /// Moved by up to 4 pixels each way; what comes in is 0.
        Shift = "shift",
        /// The same, and every other one mirrored left to right.
        ShiftFlip = "shift+flip",
    }
}

choices! {
    /// What the auxiliary network reads in place of the gradient tensor `g`: `n(g)`; sample by sample, where nothing else is
    /// said.
    Normalization {
        /// `g` itself.
        None = "none",
        /// `g / sqrt(mean(g²) + 1e-12)`.
        Rms = "rms",
        /// `g / max|g|`.
        Max = "max",
        /// Each place of `g` divided by the length of the vector that its channels make there, `sqrt(Σ_c g² + 1e-12)`, as
        /// Maninis et al. (2019, ASTMT) read tasks' gradients; of one channel only the signs are left.
        Pixel = "pixel",
        /// `g / N`, N images in the batch: the gradient of the mean loss, as frameworks give it.
        BatchMean = "batch-mean",
        /// `g / sqrt(mean(g²) + 1e-12)`, the mean over the whole batch: how large gradients are beside each other is seen.
        BatchRms = "batch-rms",
        /// `c · g`, with `gradient_scale` for c: how large they are is seen.
        Constant = "constant",
    }
}

choices! {
    /// What GREACE pushes down in the logits `a`: `β · Σ_{j≠y} S_j · …` with `S = sg(softmax(a'))`, and what that makes of
    /// the logits' gradient.
    Push {
        /// `a_j`, as in Algorithm 1: adds `β S_j`, which sinks all logits together; the softmax does not see that.
        Raw = "raw",
        /// `a_j` less the mean logit: what is added sums to nothing, so that the mean logit stays.
        Centred = "centred",
        /// `log softmax(a)_j`: what is added sums to nothing, and fades where the class is ruled out already.
        LogSoftmax = "log-softmax",
    }
}

choices! {
    /// How α comes from 0 to its height once the adversary has set in.
    AlphaSchedule {
        /// Linearly over `ramp` of the run.
        Linear = "linear",
        /// `2 / (1 + e^(−10 t)) − 1`, t from 0 to 1 over what is left of the run (Ganin & Lempitsky 2015).
        Sigmoid = "sigmoid",
    }
}

choices! {
    /// What the auxiliary network is told that gradient tensors are of.
    AuxiliaryLabels {
        /// What they are of.
        True = "true",
        /// What another gradient tensor of the batch is of, at random: a control, from which nothing can be learned.
        Shuffled = "shuffled",
    }
}

choices! {
    /// What makes logits of the last channels of a main network.
    HeadKind {
        /// A linear layer on each channel's mean.
        Pooled = "pooled",
        /// A linear layer on every pixel of every channel: logits may grow large, and where an object stands matters.
        Flat = "flat",
    }
}

choices! {
    /// Of what the gradient tensor is that the auxiliary network reads.
    AuxiliaryReads {
        /// The whole cross-entropy: `∇x J`.
        Gradient = "gradient",
        /// The label's logit alone: `∇x a_y`, a reading of the “masked” loss of the paper's Algorithm 1.
        Masked = "masked",
    }
}

choices! {
    /// The layers of the auxiliary network.
    AuxiliaryKind {
        /// Three 3×3 convolutions of stride 2, each with GroupNorm, and a linear layer: hardly sees how large a gradient is.
        GroupNorm = "group-norm",
        /// The same with biases and without norm: what it says fades with the gradient.
        Plain = "plain",
        /// A 3×3 convolution, ReLU, a 1×1 convolution: a verdict at each place, from the 3×3 places about it (Maninis,
        /// Radosavovic & Kokkinos 2019).
        PerPixel = "per-pixel",
    }
}

choices! {
    /// Which norm of the gradient tensor input-gradient regularisation adds to the loss.
    PenaltyNorm {
        /// `‖g‖₂²` (Ross & Doshi-Velez 2018).
        L2 = "l2",
        /// `‖g‖₁`; with a smooth activation (Rodríguez-Muñoz, Wang & Torralba 2024).
        L1 = "l1",
    }
}

choices! {
    /// What the main network adds, times α, to its loss.
    Adversary {
        /// `−CE(a', y)`: gradient reversal, unbounded.
        Reversal = "reversal",
        /// Cross-entropy from the uniform distribution to `softmax(a')`: bounded below.
        Confusion = "confusion",
    }
}
