//! What a checkpoint says beside its tensors, as JSON: from it come its networks, and the names of their tensors.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{
    error::{CheckpointError, VERSION},
    progress::Progress,
};
use crate::{
    config::{Architecture, Config, InputTransform, ScenarioKind, Setup, knobs},
    data::{self, DataError},
    gpu::measures::SCALARS,
    nn::{
        MultitaskNetwork, Network, Pretrained,
        network::{Interface, Statistics},
    },
    protocol::{Places, Stopped},
    scenario::{Control, auxiliary_network, distillation::ORIGINS, multitask},
};

/// Most outputs of a task.
const MOST_OUTPUTS: usize = 256;
/// What the names of a teacher's tensors begin with.
pub(super) const TEACHER: &str = "teacher";
/// What the names of what balances several tasks begin with.
const BALANCE: &str = "balance";

/// What a checkpoint says beside its tensors.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Header {
    /// Number of the format.
    version: u32,
    /// Setup and knobs of the run.
    pub config: Config,
    /// Steps done.
    pub step: u64,
    /// `[C, H, W]` of an image.
    pub image: [usize; 3],
    /// Class names.
    pub classes: Vec<String>,
    /// Where the run found its data and its teacher.
    #[serde(default, skip_serializing_if = "Places::is_empty")]
    pub places: Places,
    /// Mean of the training images by channel.
    pub mean: Vec<f32>,
    /// Deviation of the training images by channel.
    pub deviation: Vec<f32>,
    /// What the teacher of a distillation is; its tensors are named `teacher.conv1.weight`, ...
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub teacher: Option<TeacherHeader>,
    /// Name and outputs of each task of a multi-task run; what balances them is named `balance.alignment.class`, ...
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tasks: Vec<(String, usize)>,
    /// The network that it began as, where that came from a file, which is the tensor `network.onnx`.
    #[serde(skip)]
    pub(super) pretrained: Option<Pretrained>,
    /// How early stopping ended its run, if it did: then the weights are those of the best evaluation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopped: Option<Stopped>,
    /// Where the controller of the adversary stood, if it had turned anything.
    #[serde(default, skip_serializing_if = "Control::is_neutral")]
    pub control: Control,
    /// Steps that the main network's optimiser took.
    pub(super) main_steps: u64,
    /// Steps that the auxiliary network's took.
    pub(super) auxiliary_steps: u64,
    /// What is under way; none in checkpoints of before it was written down.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) progress: Option<Progress>,
}

/// What a teacher is, but for its weights. It reads the images and says the classes that the student does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TeacherHeader {
    /// Architecture.
    #[serde(flatten)]
    pub architecture: Architecture,
    /// Mean of the training images by channel that it normalises with.
    pub mean: Vec<f32>,
    /// Their deviation.
    pub deviation: Vec<f32>,
    /// Steps that its optimiser took.
    pub steps: u64,
    /// What it does to an image first, if anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<TeacherInput>,
    /// Where its network came from a file: how pixels are scaled for it. The file is the tensor `teacher.onnx`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pixels: Option<String>,
    /// That network; the architecture is not its.
    #[serde(skip)]
    pub(super) pretrained: Option<Pretrained>,
}

/// What a teacher does to an image first.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct TeacherInput {
    /// What it does.
    pub transform: InputTransform,
    /// To how many levels it rounds, where it does.
    pub levels: usize,
    /// How much noise it adds, where it does.
    pub noise: f64,
}

impl TeacherHeader {
    /// A main network of that setup and these statistics as a teacher.
    pub fn new(architecture: Architecture, statistics: &Statistics) -> Self {
        let Statistics { mean, deviation } = statistics.clone();
        Self { architecture, mean, deviation, steps: 0, input: None, pixels: None, pretrained: None }
    }

    /// The same with a network from a file, for which pixels are scaled as the text says.
    pub fn from_file(self, pretrained: Option<(Pretrained, String)>) -> Self {
        let (pretrained, pixels) = pretrained.unzip();
        Self { pixels, pretrained, ..self }
    }

    /// The same behind the input transform of `setup`.
    pub fn behind_input_of(self, setup: &Setup) -> Self {
        let input = TeacherInput {
            transform: setup.input_transform,
            levels: setup.input_levels,
            noise: setup.transform_noise,
        };
        Self { input: (setup.input_transform != InputTransform::None).then_some(input), ..self }
    }

    /// The one that the lab trains for a run of `setup`.
    pub fn to_train(setup: &Setup, statistics: &Statistics) -> Self {
        Self::new(setup.teacher_architecture(), statistics)
    }

    /// Its network, without weights.
    pub fn build(&self, interface: Interface) -> Network {
        let statistics = Statistics { mean: self.mean.clone(), deviation: self.deviation.clone() };
        let network = match &self.pretrained {
            Some(pretrained) => pretrained.network(),
            None => Network::main(self.architecture, interface, &statistics),
        };
        let Some(TeacherInput { transform, levels, noise }) = self.input else { return network };
        network.behind_input_of(&Setup {
            input_transform: transform,
            input_levels: levels,
            transform_noise: noise,
            ..Setup::default()
        })
    }
}

impl Header {
    /// A header of this version.
    pub fn new(
        config: Config,
        step: u64,
        interface: &Interface,
        classes: Vec<String>,
        statistics: &Statistics,
    ) -> Self {
        Self {
            version: VERSION,
            config,
            step,
            image: interface.image,
            classes,
            places: Places::default(),
            mean: statistics.mean.clone(),
            deviation: statistics.deviation.clone(),
            teacher: None,
            tasks: Vec::new(),
            pretrained: None,
            stopped: None,
            control: Control::default(),
            main_steps: 0,
            auxiliary_steps: 0,
            progress: None,
        }
    }

    /// The text that [`Self::read`] reads back, to the last bit.
    ///
    /// # Errors
    /// [`CheckpointError::Metadata`].
    pub(super) fn text(&self) -> Result<String, CheckpointError> {
        let bad = |error: serde_json::Error| CheckpointError::Metadata(error.to_string());
        serde_json::to_string(self).map_err(bad)
    }

    /// Whether it says what is under way, as later versions' checkpoints do: without, the averages of the first report
    /// after it leave steps out, and measurements that were under way are lost.
    pub const fn says_what_is_under_way(&self) -> bool {
        self.progress.is_some()
    }

    /// The tensors that sums since the last report may be in, by their entries.
    fn sums(&self) -> Vec<Vec<usize>> {
        let measures = |origins: usize| SCALARS + origins * origins;
        match self.config.setup.scenario {
            ScenarioKind::Defense => vec![vec![measures(self.classes.len())]],
            // The student's; loss and hits of the teacher.
            ScenarioKind::Distillation => vec![vec![measures(ORIGINS.len())], vec![2]],
            ScenarioKind::Multitask => vec![vec![2, measures(self.tasks.len())]],
        }
    }

    /// The same, of a run that found its data and its teacher there.
    pub fn with_places(self, places: Places) -> Self {
        Self { places, ..self }
    }

    /// Where the data of its run are now; `run` is the run's folder, if it is known.
    ///
    /// # Errors
    /// [`DataError::NotFound`].
    pub fn data(&self, run: Option<&Path>) -> Result<String, DataError> {
        data::locate(&self.config.setup.data, self.places.data.as_deref(), run)
    }

    /// The same, of a run with a teacher.
    pub fn with_teacher(self, teacher: Option<TeacherHeader>) -> Self {
        Self { teacher, ..self }
    }

    /// The same, of a run that began with a network from a file.
    pub fn with_pretrained(self, pretrained: Option<Pretrained>) -> Self {
        Self { pretrained, ..self }
    }

    /// The network that it began as, where that came from a file.
    pub const fn pretrained(&self) -> Option<&Pretrained> {
        self.pretrained.as_ref()
    }

    /// The same, of a run of several tasks.
    pub fn with_tasks(self, tasks: Vec<(String, usize)>) -> Self {
        Self { tasks, ..self }
    }

    /// The same, of a run that early stopping ended, if it did.
    pub fn with_stopped(self, stopped: Option<Stopped>) -> Self {
        Self { stopped, ..self }
    }

    /// The network of several tasks, where there are such.
    fn multitask(&self) -> Option<MultitaskNetwork> {
        let network =
            || multitask::network(&self.config.setup, &self.interface(), &self.statistics(), &self.tasks);
        (!self.tasks.is_empty()).then(network)
    }

    /// Names and shapes of what balances several tasks.
    pub(super) fn balance(&self) -> Vec<(String, Vec<usize>)> {
        let specs = self.multitask().map(|network| multitask::balance_specs(&network, &self.tasks));
        let named = |(name, shape)| (format!("{BALANCE}.{name}"), shape);
        specs.into_iter().flatten().map(named).collect()
    }

    /// What its networks read and say.
    pub fn interface(&self) -> Interface {
        Interface { image: self.image, classes: self.classes.len() }
    }

    /// Mean and deviation that the main network normalises with.
    pub fn statistics(&self) -> Statistics {
        Statistics { mean: self.mean.clone(), deviation: self.deviation.clone() }
    }

    /// The main network of the checkpoint, without weights.
    pub fn main_network(&self) -> Network {
        if let Some(network) = self.multitask() {
            return network.main();
        }
        let setup = &self.config.setup;
        let network = match &self.pretrained {
            Some(pretrained) => pretrained.network(),
            None => Network::main(setup.architecture(), self.interface(), &self.statistics()),
        };
        network.behind_input_of(setup)
    }

    /// The auxiliary network of the checkpoint, without weights.
    pub fn auxiliary_network(&self) -> Network {
        match self.multitask() {
            Some(network) => multitask::discriminator(&self.config.setup, &network),
            None => auxiliary_network(&self.config.setup, self.interface()),
        }
    }

    /// Every network of the checkpoint with what its tensors' names begin with.
    pub(super) fn networks(&self) -> Vec<(&'static str, Network)> {
        let teacher = self.teacher.as_ref().map(|teacher| (TEACHER, teacher.build(self.interface())));
        [("main", self.main_network()), ("auxiliary", self.auxiliary_network())]
            .into_iter()
            .chain(teacher)
            .collect()
    }

    /// Reads and checks the JSON of a header.
    ///
    /// # Errors
    /// [`CheckpointError`].
    pub(super) fn read(json: &str) -> Result<Self, CheckpointError> {
        #[derive(Deserialize)]
        struct Version {
            version: u32,
        }
        let bad = |error: serde_json::Error| CheckpointError::Metadata(error.to_string());
        let Version { version } = serde_json::from_str(json).map_err(bad)?;
        if version > VERSION {
            return Err(CheckpointError::Version { found: version });
        }
        let header: Self = serde_json::from_str(json).map_err(bad)?;
        knobs::validate(&header.config).map_err(|error| CheckpointError::Metadata(error.to_string()))?;
        if header.config.setup.scenario == ScenarioKind::Distillation && header.teacher.is_none() {
            return Err(CheckpointError::Metadata("it is of a distillation and names no teacher".into()));
        }
        if !header.control.is_sound() {
            return Err(CheckpointError::Metadata("its controller of α is out of range".into()));
        }
        let is_multitask = header.config.setup.scenario == ScenarioKind::Multitask;
        let sound = |(name, outputs): &(String, usize)| {
            multitask::Task::NAMES.contains(&name.as_str()) && (1..=MOST_OUTPUTS).contains(outputs)
        };
        let begins_with_classes =
            header.tasks.first().is_some_and(|(_, outputs)| *outputs == header.classes.len());
        if is_multitask != begins_with_classes || !header.tasks.iter().all(sound) {
            return Err(CheckpointError::Metadata("its tasks do not fit its scenario and classes".into()));
        }
        if let Some(progress) = &header.progress {
            progress.check(header.step, &header.sums())?;
        }
        let [channels, height, width] = header.image;
        let statistics = header.teacher.iter().flat_map(|teacher| [&teacher.mean, &teacher.deviation]);
        let statistics = statistics
            .chain([&header.mean, &header.deviation])
            .all(|by_channel| by_channel.len() == channels);
        let sane = statistics
            && (1..=4).contains(&channels)
            && (1..=4096).contains(&height)
            && (1..=4096).contains(&width);
        if !sane || header.classes.len() < 2 {
            return Err(CheckpointError::Metadata(
                "image shape, statistics and classes do not fit each other".into(),
            ));
        }
        Ok(header)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header() -> Header {
        let interface = Interface { image: [1, 28, 28], classes: 2 };
        let statistics = Statistics { mean: vec![0.0], deviation: vec![1.0] };
        let classes = vec!["a".into(), "b".into()];
        Header::new(Config::default(), 3, &interface, classes, &statistics)
    }

    #[test]
    fn a_later_format_is_refused_by_its_number_whatever_else_it_says() {
        let json = serde_json::to_value(header()).unwrap();
        assert_eq!(Header::read(&json.to_string()).unwrap(), header());
        let mut later = json;
        later["version"] = (VERSION + 1).into();
        later["config"]["setup"]["mode"] = "a mode to come".into();
        let error = Header::read(&later.to_string()).unwrap_err();
        assert!(matches!(error, CheckpointError::Version { found } if found == VERSION + 1), "{error}");
        assert!(error.to_string().contains("format 2, this program reads up to 1"), "{error}");
    }
}
