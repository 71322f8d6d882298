//! Worlds: data sets of the plane, small enough to be seen whole.

pub mod drawing;

use super::choices::WorldKind;
use super::table::Setup;
use drawing::Drawing;

/// `[C, H, W]` of a point of a world: its two numbers are channels of one pixel.
pub const POINT_SHAPE: [usize; 3] = [2, 1, 1];
/// Points of a world that are held out, whatever is trained on.
pub const HELD_OUT_POINTS: usize = 1000;

/// A world as a run asks for it: points of two numbers in [0, 1] and a class, which follow from these facts alone.
#[derive(Clone, Debug, PartialEq)]
pub struct World {
    /// Its shapes.
    pub kind: WorldKind,
    /// Its classes.
    pub classes: usize,
    /// Standard deviation of how far points lie off the shapes, in sides of the plane.
    pub noise: f64,
    /// What was drawn, of [`WorldKind::Drawn`]; empty of any other.
    pub drawing: Drawing,
    /// Points that are trained on.
    pub points: usize,
    /// Of all its points: not the run's, so that runs of several seeds learn of the same points and are held against each
    /// other on the same.
    pub seed: u64,
}

impl Setup {
    /// The world that the run is on, if its data are one.
    pub fn world(&self) -> Option<World> {
        let kind: WorldKind = self.data.parse().ok()?;
        let Self { world_classes, world_noise: noise, world_points: points, world_seed: seed, .. } = *self;
        let drawing = if kind == WorldKind::Drawn { self.drawing.clone() } else { Drawing::default() };
        let classes = match kind {
            WorldKind::Drawn => drawing.classes(),
            _ if kind.has_many_classes() => world_classes,
            _ => 2,
        };
        Some(World { kind, classes, noise, drawing, points, seed })
    }
}

impl WorldKind {
    /// Whether it has as many classes as are asked for; the others have two.
    pub const fn has_many_classes(self) -> bool {
        matches!(self, Self::Rings | Self::Spirals | Self::Blobs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Augmentation, BUILT_IN_DATA, Config, Knob, NetworkKind};

    fn on(data: &str) -> Config {
        Config { setup: Setup { data: data.into(), ..Setup::default() }, ..Config::default() }
    }

    #[test]
    fn every_world_comes_with_the_lab() {
        assert!(WorldKind::NAMES.iter().all(|name| BUILT_IN_DATA.contains(name)));
        assert_eq!(BUILT_IN_DATA.len(), 2 + WorldKind::NAMES.len());
        assert_eq!(on("fashion-mnist").setup.world(), None);
        assert_eq!(on("./moons").setup.world(), None, "a folder of that name");
    }

    #[test]
    fn a_world_has_its_own_classes_and_network() {
        let (moons, rings) = (on("moons").setup, on("rings").setup);
        assert_eq!(
            [moons.world(), rings.world()].map(|world| world.map(|world| world.classes)),
            [Some(2), Some(3)]
        );
        assert_eq!((moons.network, moons.architecture().network), (NetworkKind::CnnSmall, NetworkKind::Mlp));
        assert_eq!(moons.teacher_architecture().network, NetworkKind::Mlp);
        let [moved, still] = ["fashion-mnist", "moons"].map(|data| {
            let setup = Setup { augmentation: Augmentation::Shift, ..on(data).setup };
            setup.augmented()
        });
        assert_eq!((moved, still), (Augmentation::Shift, Augmentation::None), "a link may ask for it");
    }

    #[test]
    fn a_drawn_world_has_the_classes_that_were_drawn() {
        let mut config = on("drawn");
        config.setup.drawing = "AAA_BEFSE".parse().expect("two classes");
        assert_eq!(config.setup.world().map(|world| world.classes), Some(2));
        let unused = |name: &str, config: &Config| Knob::find(name).expect(name).unused(config, None);
        assert_eq!(unused("drawing", &config), None);
        assert!(unused("drawing", &on("moons")).is_some_and(|why| why.contains("the world drawn uses it")));
        assert!(unused("world_classes", &config).is_some_and(|why| why.contains("were drawn")));
        config.setup.data = "moons".into();
        assert_eq!(config.setup.world().map(|world| world.drawing), Some(Drawing::default()));
    }

    #[test]
    fn knobs_that_are_of_pictures_or_of_worlds_say_so() {
        let unused = |name: &str, config: &Config| Knob::find(name).expect(name).unused(config, None);
        let (pictures, moons, rings) = (on("fashion-mnist"), on("moons"), on("rings"));
        for name in ["world_noise", "world_points", "world_seed", "world_classes", "depth"] {
            assert!(unused(name, &pictures).is_some() && unused(name, &rings).is_none(), "{name}");
        }
        assert!(unused("world_classes", &moons).is_some_and(|why| why.contains("two classes")));
        for name in ["network", "head", "augmentation", "auxiliary_network"] {
            assert!(unused(name, &pictures).is_none() && unused(name, &moons).is_some(), "{name}");
        }
        let mut said = moons;
        said.setup.network = NetworkKind::Mlp;
        assert_eq!(unused("network", &said), None, "what it is anyway may be said");
    }
}
