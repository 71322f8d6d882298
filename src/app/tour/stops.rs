//! The stops of the guided tour: what is said at each, where it points, and what it asks for.

/// A stop.
#[derive(Debug)]
pub struct Stop {
    /// Its name.
    pub title: &'static str,
    /// A sentence or two.
    pub text: &'static str,
    /// The one act.
    pub asks: &'static str,
    /// The pane that it points at.
    pub pane: Option<&'static str>,
    /// The run that it needs, as the fragment of a link, if it needs another one than the stop before.
    pub link: Option<&'static str>,
    /// When its act is done.
    pub done: Done,
}

/// When the act of a stop is done.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Done {
    /// When somebody goes on.
    Read,
    /// When the run trains.
    Trains,
    /// When a point of the plane is chosen.
    Chosen,
    /// When the auxiliary network reads more than this share of the gradients.
    Reads(f64),
    /// When α is above 0 and it reads less than this share, after so many steps.
    Blinded(f64, u64),
    /// When f32 rounds the label's probability to 1 for more than this share of the points.
    Certain(f64),
    /// When the run was attacked.
    Attacked,
    /// When FGSM leaves so much more than every place of the square does.
    Masked(f64),
    /// When an audit has a red light.
    Red,
}

/// All of them, in their order.
pub static STOPS: [Stop; 10] = [
    Stop {
        title: "A world",
        text: "Points of the plane in four classes: all of the data in one picture. The network learns which class is where.",
        asks: "Press Run.",
        pane: Some("plane"),
        link: Some(
            "v1&data=blobs&world_classes=4&world_noise=0.06&mode=great&alpha=0&ramp=0&learning_rate=0.003&weight_decay=1/10000&epsilon=0.08&steps=100000&evaluate_every_steps=0",
        ),
        done: Done::Trains,
    },
    Stop {
        title: "Its gradient",
        text: "Arrows, ∇x J: how a point would have to move for the loss to grow. An attack goes that way, and stays within ε.",
        asks: "Click a point: its ε-square, and how three attacks go in it.",
        pane: Some("plane"),
        link: None,
        done: Done::Chosen,
    },
    Stop {
        title: "What it gives away",
        text: "The auxiliary network sees nothing but such gradients, the right half of the plane, and tells the class of each.",
        asks: "Wait until it reads nine of ten.",
        pane: Some("discriminator"),
        link: None,
        done: Done::Reads(0.9),
    },
    Stop {
        title: "Gradient adversarial training",
        text: "The main network is now also to make that impossible; α is how much it cares. Watch the colours of the right half.",
        asks: "Raise α, to 0.1 or more, until less than half of the gradients are read.",
        pane: Some("knobs"),
        link: None,
        done: Done::Blinded(0.5, 300),
    },
    Stop {
        title: "How it did that",
        text: "It became so sure of most points that hardly any gradient is left of them: the class is hidden, not gone.",
        asks: "Wait until f32 rounds the probability of a third of the points to 1.",
        pane: Some("saturation"),
        link: None,
        done: Done::Certain(0.33),
    },
    Stop {
        title: "Does it help?",
        text: "What counts: the points that no attack turns. In a world one attack, grid, looks at every place: with α at 0 it leaves 79 of 100.",
        asks: "Press Evaluate now, and hold the worst case against that.",
        pane: Some("robustness"),
        link: None,
        done: Done::Attacked,
    },
    Stop {
        title: "Hidden, not robust",
        text: "Another network, made very sure: where the plane is striped its gradient is exactly 0, and attacks that follow it go nowhere.",
        asks: "Wait until FGSM leaves far more points than grid does.",
        pane: Some("plane"),
        link: Some("v1&data=redundant&mode=baseline&epsilon=0.06&width=2&learning_rate=0.05&steps=3000&run"),
        done: Done::Masked(0.25),
    },
    Stop {
        title: "An audit sees it",
        text: "Attacks of other kinds, and a fresh auxiliary network, check whether the figures can be trusted: each check is a light.",
        asks: "Press Audit now, and look for what is red.",
        pane: Some("audit"),
        link: None,
        done: Done::Red,
    },
    Stop {
        title: "The same on pictures",
        text: "Fashion-MNIST: gradients are pictures now, read through noise in which small ones drown. α sets in at step 200.",
        asks: "Watch the auxiliary network rise, and fall below 60 %.",
        pane: Some("discriminator"),
        link: Some(
            "v1&mode=great&epsilon=8/255&normalization=constant&gradient_scale=30&gradient_noise=1&adversary_start=0.2&ramp=0.1&run",
        ),
        done: Done::Blinded(0.6, 200),
    },
    Stop {
        title: "The paper's table",
        text: "File → Examples has the rows of the paper's tables, and great-lab compare paper prints them beside ours: what looks robust there is mostly rounding.",
        asks: "Go on as you like: other knobs, other data, and Sweep for many runs.",
        pane: None,
        link: None,
        done: Done::Read,
    },
];
