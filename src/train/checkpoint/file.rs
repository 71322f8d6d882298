//! A checkpoint's file.
//!
//! Tensors are named `main.conv1.weight`, `main.optimizer.first.conv1.weight`, `auxiliary.head.bias`, ...; what is not a
//! tensor stands as JSON in the header's metadata under `great-lab`.

use std::{collections::HashMap, path::Path};

use burn::tensor::{Device, Tensor, Transaction};
use safetensors::{Dtype, SafeTensors, tensor::TensorView};

use super::{
    error::{CheckpointError, METADATA, Unfit},
    header::{Header, TEACHER},
};
use crate::{
    attack::audit::{Reader, Subject},
    config::{Config, ScenarioKind},
    data::Dataset,
    gpu::read_all,
    nn::{Network, Optimizer, WeightSpec, Weights, channel::Channel, network::Interface},
    runs::run_folder,
    scenario::State,
};

/// A checkpoint in memory, checked to be whole.
#[derive(Clone, Debug)]
pub struct Checkpoint {
    /// What it says beside its tensors.
    pub header: Header,
    tensors: HashMap<String, Vec<f32>>,
}

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
    pub const FILE: &'static str = run_folder::CHECKPOINT;

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
        let header = Header::read(json)?;
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
            Reader { network, weights, channel: Channel::of(hyper, setup.batch_size) }
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
