//! Checkpoints: a run's weights, optimiser state, step and config as one safetensors file.
//!
//! Tensors are named `main.conv1.weight`, `main.optimizer.first.conv1.weight`, `auxiliary.head.bias`, ...; what is not a
//! tensor stands as JSON in the header's metadata under `great-lab`.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
};

use burn::tensor::{Device, Tensor, Transaction};
use safetensors::{Dtype, SafeTensors, tensor::TensorView};
use serde::{Deserialize, Serialize};

use crate::{
    attack::audit::{Reader, Subject},
    config::{Activation, Config, NetworkKind, ScenarioKind, Setup, knobs},
    data::Dataset,
    gpu::read_all,
    nn::{
        MultitaskNetwork, Network, Optimizer, WeightSpec, Weights,
        network::{Interface, Statistics},
    },
    scenario::{State, auxiliary_network, multitask},
};

/// Key of the metadata entry.
const METADATA: &str = "great-lab";
/// Most outputs of a task.
const MOST_OUTPUTS: usize = 256;
/// Number of the format; a reader refuses larger ones.
const VERSION: u32 = 1;

/// Why a checkpoint could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// Its file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// Not safetensors, or cut off.
    #[error("this is not a whole safetensors file ({0}); it may be truncated: copy it again")]
    Format(#[from] safetensors::SafeTensorError),
    /// Safetensors, but not ours.
    #[error(
        "this safetensors file is not a GREAT Lab checkpoint: its header has no valid '{METADATA}' entry ({0})"
    )]
    Metadata(String),
    /// Written by a later version.
    #[error("the checkpoint has format {found}, this program reads up to {VERSION}: use a newer version")]
    Version {
        /// Format of the file.
        found: u32,
    },
    /// A tensor of the network is not there.
    #[error("the checkpoint has no tensor '{name}', which its network needs")]
    Missing {
        /// Its name.
        name: String,
    },
    /// A tensor has another shape or type.
    #[error("tensor '{name}' is {found}, and its network needs {expected}")]
    Shape {
        /// Its name.
        name: String,
        /// As in the file.
        found: String,
        /// As the network has it.
        expected: String,
    },
    /// A tensor holds NaN or an infinity.
    #[error("tensor '{name}' has an entry that is not a finite number")]
    NotFinite {
        /// Its name.
        name: String,
    },
    /// The device failed while the tensors were read from it.
    #[error("the device failed while the weights were read: {0}")]
    Device(String),
}

/// The networks of a checkpoint read other images than these data have, or know other classes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("reads {reads:?} images of {knows} classes, and {data} has {has:?} images of {classes}")]
pub struct Unfit {
    /// `[C, H, W]` that they read.
    pub reads: [usize; 3],
    /// Classes that they know.
    pub knows: usize,
    /// Name of the data.
    pub data: String,
    /// `[C, H, W]` of the data.
    pub has: [usize; 3],
    /// Classes of the data.
    pub classes: usize,
}

/// What a checkpoint says beside its tensors.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Header {
    version: u32,
    /// Setup and knobs of the run.
    pub config: Config,
    /// Steps done.
    pub step: u64,
    /// `[C, H, W]` of an image.
    pub image: [usize; 3],
    /// Class names.
    pub classes: Vec<String>,
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
    main_steps: u64,
    auxiliary_steps: u64,
}

/// What a teacher is, but for its weights. It reads the images and says the classes that the student does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TeacherHeader {
    /// Architecture.
    pub network: NetworkKind,
    /// Factor on its channels.
    pub width: f64,
    /// Activation.
    pub activation: Activation,
    /// Mean of the training images by channel that it normalises with.
    pub mean: Vec<f32>,
    /// Their deviation.
    pub deviation: Vec<f32>,
    /// Steps that its optimiser took.
    pub steps: u64,
}

impl TeacherHeader {
    /// A main network of that setup and these statistics as a teacher.
    pub fn new(network: NetworkKind, width: f64, activation: Activation, statistics: &Statistics) -> Self {
        let Statistics { mean, deviation } = statistics.clone();
        Self { network, width, activation, mean, deviation, steps: 0 }
    }

    /// The one that the lab trains for a run of `setup`.
    pub fn to_train(setup: &Setup, statistics: &Statistics) -> Self {
        Self::new(setup.teacher_network, setup.teacher_width, setup.activation, statistics)
    }

    /// Its network, without weights.
    pub fn build(&self, interface: Interface) -> Network {
        let statistics = Statistics { mean: self.mean.clone(), deviation: self.deviation.clone() };
        Network::main(self.network, self.width, self.activation, interface, &statistics)
    }
}

/// A checkpoint in memory, checked to be whole.
#[derive(Clone, Debug)]
pub struct Checkpoint {
    /// What it says beside its tensors.
    pub header: Header,
    tensors: HashMap<String, Vec<f32>>,
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
            mean: statistics.mean.clone(),
            deviation: statistics.deviation.clone(),
            teacher: None,
            tasks: Vec::new(),
            main_steps: 0,
            auxiliary_steps: 0,
        }
    }

    /// The same, of a run with a teacher.
    pub fn with_teacher(self, teacher: Option<TeacherHeader>) -> Self {
        Self { teacher, ..self }
    }

    /// The same, of a run of several tasks.
    pub fn with_tasks(self, tasks: Vec<(String, usize)>) -> Self {
        Self { tasks, ..self }
    }

    /// The network of several tasks, where there are such.
    fn multitask(&self) -> Option<MultitaskNetwork> {
        let network =
            || multitask::network(&self.config.setup, &self.interface(), &self.statistics(), &self.tasks);
        (!self.tasks.is_empty()).then(network)
    }

    /// Names and shapes of what balances several tasks.
    fn balance(&self) -> Vec<(String, Vec<usize>)> {
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
        Network::main(setup.network, setup.width, setup.activation, self.interface(), &self.statistics())
            .behind_input_of(setup)
    }

    /// The auxiliary network of the checkpoint, without weights.
    pub fn auxiliary_network(&self) -> Network {
        match self.multitask() {
            Some(network) => multitask::discriminator(&self.config.setup, &network),
            None => auxiliary_network(&self.config.setup, self.interface()),
        }
    }

    /// Every network of the checkpoint with what its tensors' names begin with.
    fn networks(&self) -> Vec<(&'static str, Network)> {
        let teacher = self.teacher.as_ref().map(|teacher| (TEACHER, teacher.build(self.interface())));
        [("main", self.main_network()), ("auxiliary", self.auxiliary_network())]
            .into_iter()
            .chain(teacher)
            .collect()
    }
}

/// What the names of a teacher's tensors begin with.
const TEACHER: &str = "teacher";
/// What the names of what balances several tasks begin with.
const BALANCE: &str = "balance";

/// What stands in a tensor's name between the player's and the weight's: weights, first moments, second moments.
const PARTS: [&str; 3] = ["", "optimizer.first.", "optimizer.second."];

/// Every tensor of one player under `prefix`, with its name and shape.
fn named(prefix: &str, specs: &[WeightSpec], optimizer: &Optimizer) -> Vec<(String, Vec<usize>, Tensor<1>)> {
    let planes = [optimizer.weights()].into_iter().chain(optimizer.moments());
    PARTS
        .into_iter()
        .zip(planes)
        .flat_map(|(part, tensors)| {
            specs.iter().zip(tensors.0).map(move |(spec, tensor)| {
                (format!("{prefix}.{part}{}", spec.name), spec.shape.clone(), tensor)
            })
        })
        .collect()
}

/// The bytes of a checkpoint of `state`: one read from the device.
///
/// # Errors
/// [`CheckpointError::Device`].
pub async fn write(mut header: Header, state: State) -> Result<Vec<u8>, CheckpointError> {
    header.main_steps = state.main.steps;
    header.auxiliary_steps = state.auxiliary.steps;
    if let (Some(header), Some(teacher)) = (&mut header.teacher, &state.teacher) {
        header.steps = teacher.steps;
    }
    let optimizers = [Some(&state.main), Some(&state.auxiliary), state.teacher.as_ref()];
    let balance = state.balance.map_or(Vec::new(), |Weights(tensors)| tensors);
    let balanced =
        header.balance().into_iter().zip(balance).map(|((name, shape), tensor)| (name, shape, tensor));
    let tensors: Vec<_> = header
        .networks()
        .iter()
        .zip(optimizers.into_iter().flatten())
        .flat_map(|((prefix, network), optimizer)| named(prefix, &network.specs, optimizer))
        .chain(balanced)
        .collect();
    let read =
        tensors.iter().fold(Transaction::default(), |read, (_, _, tensor)| read.register(tensor.clone()));
    let data = read_all(read).await.map_err(CheckpointError::Device)?;
    let views = tensors
        .iter()
        .zip(&data)
        .map(|((name, shape, _), data)| {
            Ok((name.as_str(), TensorView::new(Dtype::F32, shape.clone(), data.as_bytes())?))
        })
        .collect::<Result<Vec<_>, safetensors::SafeTensorError>>()?;
    let json =
        serde_json::to_string(&header).map_err(|error| CheckpointError::Metadata(error.to_string()))?;
    Ok(safetensors::serialize(views, Some(HashMap::from([(METADATA.to_owned(), json)])))?)
}

impl Checkpoint {
    /// The file of a run folder that holds one.
    pub const FILE: &'static str = "checkpoint.safetensors";

    /// Reads and checks a checkpoint's file, or that of a run folder.
    ///
    /// # Errors
    /// [`CheckpointError`].
    pub fn open(file_or_run_folder: &Path) -> Result<Self, CheckpointError> {
        let mut path = file_or_run_folder.to_path_buf();
        if path.is_dir() {
            path.push(Self::FILE);
        }
        match std::fs::read(&path) {
            Ok(bytes) => Self::read(&bytes),
            Err(source) => Err(CheckpointError::Unreadable { path, source }),
        }
    }

    /// Reads and checks the bytes of a checkpoint; nothing is uploaded.
    ///
    /// # Errors
    /// [`CheckpointError`], saying which tensor.
    pub fn read(bytes: &[u8]) -> Result<Self, CheckpointError> {
        let (_, metadata) = SafeTensors::read_metadata(bytes)?;
        let json = metadata
            .metadata()
            .as_ref()
            .and_then(|entries| entries.get(METADATA))
            .ok_or_else(|| CheckpointError::Metadata("it is missing".into()))?;
        let header = read_header(json)?;
        let file = SafeTensors::deserialize(bytes)?;
        let mut tensors = HashMap::new();
        for (name, shape) in expected(&header) {
            let entries = entries(&file, &name, &shape)?;
            tensors.insert(name, entries);
        }
        Ok(Self { header, tensors })
    }

    /// Whether its networks were made for such data.
    ///
    /// # Errors
    /// What the images or the classes of the data differ in.
    pub fn fits(&self, data: &Dataset) -> Result<(), Unfit> {
        let Interface { image: reads, classes: knows } = self.header.interface();
        let (has, classes) = (data.shape, data.classes.len());
        if reads == has && knows == classes {
            return Ok(());
        }
        Err(Unfit { reads, knows, data: data.name.clone(), has, classes })
    }

    /// Its networks as attacks and audits take them, with their weights on `device`; no surrogate is among them.
    pub fn subject(&self, device: &Device) -> Subject {
        let device = device.clone().without_autodiff();
        let upload = |weights: Vec<Vec<f32>>| Weights::from_values(weights, &device);
        let (network, weights) = self.main();
        let Config { setup, hyper } = &self.header.config;
        let reads_classes = setup.scenario == ScenarioKind::Defense;
        let reader = reads_classes.then(|| {
            let network = self.header.auxiliary_network();
            let weights = upload(self.weights("auxiliary", &network));
            Reader { network, weights, normalization: hyper.normalization }
        });
        Subject { network, weights: upload(weights), reader, surrogate: None }
    }

    /// Weights and optimisers of both networks, on `device`.
    pub fn state(&self, device: &Device) -> State {
        let player = |prefix: &str, network: &Network, steps: u64| {
            // Those that the optimiser does not have, the file does not hold either.
            let planes = PARTS.map(|part| -> Vec<Vec<f32>> {
                let values = network
                    .specs
                    .iter()
                    .filter_map(|spec| self.tensors.get(&format!("{prefix}.{part}{}", spec.name)));
                values.cloned().collect()
            });
            let planes: Vec<&[Vec<f32>]> =
                planes.iter().map(Vec::as_slice).filter(|plane| !plane.is_empty()).collect();
            Optimizer::resumed(self.header.config.setup.optimizer, steps, &planes, device)
        };
        State {
            main: player("main", &self.header.main_network(), self.header.main_steps),
            auxiliary: player("auxiliary", &self.header.auxiliary_network(), self.header.auxiliary_steps),
            teacher: self
                .header
                .teacher
                .as_ref()
                .map(|teacher| player(TEACHER, &teacher.build(self.header.interface()), teacher.steps)),
            balance: (!self.header.tasks.is_empty()).then(|| {
                let values =
                    self.header.balance().into_iter().filter_map(|(name, _)| self.tensors.get(&name));
                Weights::from_values(values.cloned(), &device.clone().without_autodiff())
            }),
        }
    }

    /// Network and weights of the teacher in it.
    pub fn teacher(&self) -> Option<(Network, Vec<Vec<f32>>)> {
        let network = self.header.teacher.as_ref()?.build(self.header.interface());
        let weights = self.weights(TEACHER, &network);
        Some((network, weights))
    }

    /// Network and weights of its main network.
    pub fn main(&self) -> (Network, Vec<Vec<f32>>) {
        let network = self.header.main_network();
        let weights = self.weights("main", &network);
        (network, weights)
    }

    fn weights(&self, prefix: &str, network: &Network) -> Vec<Vec<f32>> {
        let tensors =
            network.specs.iter().filter_map(|spec| self.tensors.get(&format!("{prefix}.{}", spec.name)));
        tensors.cloned().collect()
    }
}

fn read_header(json: &str) -> Result<Header, CheckpointError> {
    #[derive(Deserialize)]
    struct Version {
        version: u32,
    }
    let bad = |error: serde_json::Error| CheckpointError::Metadata(error.to_string());
    let Version { version } = serde_json::from_str(json).map_err(bad)?;
    if version > VERSION {
        return Err(CheckpointError::Version { found: version });
    }
    let header: Header = serde_json::from_str(json).map_err(bad)?;
    knobs::validate(&header.config).map_err(|error| CheckpointError::Metadata(error.to_string()))?;
    if header.config.setup.scenario == ScenarioKind::Distillation && header.teacher.is_none() {
        return Err(CheckpointError::Metadata("it is of a distillation and names no teacher".into()));
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
    let [channels, height, width] = header.image;
    let statistics = header.teacher.iter().flat_map(|teacher| [&teacher.mean, &teacher.deviation]);
    let statistics =
        statistics.chain([&header.mean, &header.deviation]).all(|by_channel| by_channel.len() == channels);
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

/// Names and shapes of all tensors that a checkpoint with this header holds.
fn expected(header: &Header) -> Vec<(String, Vec<usize>)> {
    use crate::config::OptimizerKind::{Adam, Sgd};
    let parts = match header.config.setup.optimizer {
        Adam => &PARTS[..],
        Sgd => &PARTS[..2],
    };
    header
        .networks()
        .into_iter()
        .flat_map(|(prefix, network)| {
            parts.iter().flat_map(move |part| {
                network
                    .specs
                    .clone()
                    .into_iter()
                    .map(move |spec| (format!("{prefix}.{part}{}", spec.name), spec.shape))
            })
        })
        .chain(header.balance())
        .collect()
}

fn entries(file: &SafeTensors, name: &str, shape: &[usize]) -> Result<Vec<f32>, CheckpointError> {
    let view = file.tensor(name).map_err(|_| CheckpointError::Missing { name: name.into() })?;
    if view.shape() != shape || view.dtype() != Dtype::F32 {
        return Err(CheckpointError::Shape {
            name: name.into(),
            found: format!("{:?} {:?}", view.dtype(), view.shape()),
            expected: format!("F32 {shape:?}"),
        });
    }
    let values: Vec<f32> =
        view.data().as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
    if values.iter().all(|value| value.is_finite()) {
        Ok(values)
    } else {
        Err(CheckpointError::NotFinite { name: name.into() })
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
        assert_eq!(read_header(&json.to_string()).unwrap(), header());
        let mut later = json;
        later["version"] = (VERSION + 1).into();
        later["config"]["setup"]["mode"] = "a mode to come".into();
        let error = read_header(&later.to_string()).unwrap_err();
        assert!(matches!(error, CheckpointError::Version { found } if found == VERSION + 1), "{error}");
        assert!(error.to_string().contains("format 2, this program reads up to 1"), "{error}");
    }

    #[test]
    fn a_file_that_cannot_be_read_is_named() {
        let scratch = tempfile::tempdir().unwrap();
        for (path, named) in
            [(scratch.path().join("nowhere"), "nowhere: "), (scratch.path().into(), Checkpoint::FILE)]
        {
            let error = Checkpoint::open(&path).unwrap_err();
            assert!(matches!(error, CheckpointError::Unreadable { .. }), "{error}");
            assert!(error.to_string().contains(named), "{error}");
        }
    }
}
