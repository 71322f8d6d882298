//! A checkpoint's file.
//!
//! Tensors are named `main.conv1.weight`, `main.optimizer.first.conv1.weight`, `auxiliary.head.bias`, ...; what is not a
//! tensor stands as JSON in the header's metadata under `great-lab`.

use std::{
    collections::{BTreeMap, HashMap},
    path::Path,
};

use burn::tensor::Device;
use prost::bytes::Bytes;
use safetensors::{Dtype, SafeTensors};

use super::{
    error::{CheckpointError, METADATA, Unfit},
    header::{Header, TEACHER},
    progress::{ATTACKS, BEST, Beginning, Begun, Best, PROBE, Rule, UnderWay},
    write::{MOST_TABLES, NETWORK_FILE, PARTS, TABLES, TEACHER_FILE},
};
use crate::{
    attack::audit::{Reader, Subject},
    config::{Config, ScenarioKind},
    data::Dataset,
    nn::{Network, Optimizer, Pretrained, Weights, channel::Channel, network::Interface},
    runs::run_folder,
    scenario::{Controller, State, Sums},
};

/// A checkpoint in memory, checked to be whole.
#[derive(Clone, Debug)]
pub struct Checkpoint {
    /// What it says beside its tensors.
    pub header: Header,
    tensors: HashMap<String, Vec<f32>>,
    /// Rows that the tables of its run had when it was taken, by the names of their files; none where nobody said.
    pub tables: Option<BTreeMap<String, u64>>,
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
        let mut header = Header::read(json)?;
        let tables = metadata.metadata().as_ref().and_then(|entries| entries.get(TABLES));
        let tables: Option<BTreeMap<String, u64>> = tables
            .map(|json| serde_json::from_str(json))
            .transpose()
            .map_err(|error| CheckpointError::Metadata(error.to_string()))?;
        if tables.as_ref().is_some_and(|tables| tables.len() > MOST_TABLES) {
            return Err(CheckpointError::Metadata("it names too many tables".into()));
        }
        let file = SafeTensors::deserialize(bytes)?;
        let interface = header.interface();
        let setup = &header.config.setup;
        let pixels = setup.pretrained().map(|_| setup.pretrained_pixels.clone());
        header.pretrained =
            pixels.map(|pixels| pretrained(&file, NETWORK_FILE, &interface, &pixels)).transpose()?;
        if let Some(teacher) = &mut header.teacher
            && let Some(pixels) = &teacher.pixels
        {
            teacher.pretrained = Some(pretrained(&file, TEACHER_FILE, &interface, pixels)?);
        }
        let mut tensors = HashMap::new();
        for (name, shape) in expected(&header) {
            let entries = entries(&file, &name, &shape)?;
            tensors.insert(name, entries);
        }
        Ok(Self { header, tensors, tables })
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
            Reader { network, weights, channel: Channel::of(hyper, setup.batch_size), is_trained: true }
        });
        Subject { network, weights: upload(weights), reader, surrogate: None }
    }

    /// All that training had changed, on `device`.
    pub fn state(&self, device: &Device) -> State {
        let header = &self.header;
        let progress = header.progress.as_ref();
        State {
            main: self.player("main", &header.main_network(), header.main_steps, device),
            auxiliary: self.player("auxiliary", &header.auxiliary_network(), header.auxiliary_steps, device),
            teacher: header.teacher.as_ref().map(|teacher| {
                self.player(TEACHER, &teacher.build(header.interface()), teacher.steps, device)
            }),
            balance: self.balance("", device),
            sums: progress
                .and_then(|progress| self.sums(&progress.sums(), progress.sums.as_ref()?.steps, device)),
            draws: progress.map_or(Vec::new(), |progress| progress.draws.clone()),
            control: Controller::resumed(header.control, device),
        }
    }

    /// Weights and moments of a network under `prefix`.
    fn player(&self, prefix: &str, network: &Network, steps: u64, device: &Device) -> Optimizer {
        // Those that the optimiser does not have, the file does not hold either.
        let planes = PARTS.map(|part| self.entries(&format!("{prefix}.{part}"), network));
        let planes: Vec<&[Vec<f32>]> =
            planes.iter().map(Vec::as_slice).filter(|plane| !plane.is_empty()).collect();
        Optimizer::gone_on(self.header.config.setup.optimizer, steps, (&network.specs, &planes), device)
    }

    /// Sums over so many steps, in tensors of these names; none where there are none.
    fn sums(&self, names: &[(String, Vec<usize>)], steps: u64, device: &Device) -> Option<Sums> {
        let named = names.iter().map(|(name, _)| self.tensors.get(name).cloned());
        let values: Vec<Vec<f32>> = named.collect::<Option<_>>()?;
        let Weights(parts) = Weights::from_values(values, &device.clone().without_autodiff());
        Some(Sums { parts, steps })
    }

    /// How far early stopping had come, on `device`. A teacher is as it is `now`: there is no evaluation before it is.
    fn rule(&self, now: impl Fn() -> State, device: &Device) -> Rule {
        let Some(rule) = self.header.progress.as_ref().and_then(|progress| progress.rule.as_ref()) else {
            return Rule::default();
        };
        let header = &self.header;
        let best = rule.best.as_ref().map(|best| {
            let main = header.main_network();
            let auxiliary = header.auxiliary_network();
            let state = State {
                main: self.player(&format!("{BEST}.main"), &main, best.main_steps, device),
                auxiliary: self.player(
                    &format!("{BEST}.auxiliary"),
                    &auxiliary,
                    best.auxiliary_steps,
                    device,
                ),
                balance: self.balance(&format!("{BEST}."), device),
                sums: best.sums.as_ref().and_then(|sums| self.sums(&best.sums(), sums.steps, device)),
                draws: best.draws.clone(),
                control: Controller::resumed(best.control, device),
                ..now()
            };
            Best { step: best.step, worst_case: best.worst_case, state }
        });
        Rule { awaited: rule.awaited, since: rule.since, best }
    }

    /// What training had begun and not told yet, on `device`; of then there are weights alone, without the moments of
    /// their optimisers.
    pub fn under_way(&self, device: &Device) -> UnderWay {
        let Some(progress) = &self.header.progress else { return UnderWay::default() };
        let now = || self.state(device);
        let main =
            |prefix: &str| self.weights_alone(&format!("{prefix}.main"), &self.header.main_network(), device);
        let begun = |beginning: &Beginning, state: State| Begun {
            step: beginning.step,
            hyper: beginning.hyper(),
            state: State { draws: beginning.draws.clone(), sums: None, teacher: None, ..state },
        };
        let probe = progress.probe.as_ref().map(|beginning| {
            let network = self.header.auxiliary_network();
            let auxiliary = self.weights_alone(&format!("{PROBE}.auxiliary"), &network, device);
            let balance = self.balance(&format!("{PROBE}."), device);
            begun(beginning, State { main: main(PROBE), auxiliary, balance, ..now() })
        });
        let attacks = progress.attacks.as_ref();
        let attacks = attacks.map(|beginning| begun(beginning, State { main: main(ATTACKS), ..now() }));
        UnderWay { next_probe: progress.next_probe, probe, attacks, rule: self.rule(now, device) }
    }

    /// What balances several tasks, where there are such; `prefix` stands before the tensors' names.
    fn balance(&self, prefix: &str, device: &Device) -> Option<Weights> {
        let names = self.header.balance().into_iter().map(|(name, _)| format!("{prefix}{name}"));
        let values: Vec<Vec<f32>> = names.filter_map(|name| self.tensors.get(&name).cloned()).collect();
        (!values.is_empty()).then(|| Weights::from_values(values, &device.clone().without_autodiff()))
    }

    fn weights_alone(&self, prefix: &str, network: &Network, device: &Device) -> Optimizer {
        let weights = self.weights(prefix, network);
        Optimizer::of(self.header.config.setup.optimizer, &network.specs, &weights, device)
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
        self.entries(&format!("{prefix}."), network)
    }

    /// The tensors of a network whose names have this before the weights'.
    fn entries(&self, prefix: &str, network: &Network) -> Vec<Vec<f32>> {
        let named = |name: &String| self.tensors.get(&format!("{prefix}{name}"));
        network.specs.iter().filter_map(|spec| named(&spec.name)).cloned().collect()
    }
}

/// Names and shapes of all tensors that a checkpoint with this header holds.
fn expected(header: &Header) -> Vec<(String, Vec<usize>)> {
    use crate::config::OptimizerKind::{Adam, Sgd};
    let parts = match header.config.setup.optimizer {
        Adam => &PARTS[..],
        Sgd => &PARTS[..2],
    };
    let of = |network: &Network, prefix: &str| -> Vec<(String, Vec<usize>)> {
        let specs = network.specs.iter();
        specs.map(|spec| (format!("{prefix}{}", spec.name), spec.shape.clone())).collect()
    };
    let mut all: Vec<(String, Vec<usize>)> = Vec::new();
    let player = |network: &Network, prefix: &str| -> Vec<(String, Vec<usize>)> {
        parts.iter().flat_map(|part| of(network, &format!("{prefix}.{part}"))).collect()
    };
    for (prefix, network) in header.networks() {
        all.extend(player(&network, prefix));
    }
    all.extend(header.balance());
    let Some(progress) = &header.progress else { return all };
    all.extend(progress.sums());
    if progress.probe.is_some() {
        all.extend(of(&header.main_network(), &format!("{PROBE}.main.")));
        all.extend(of(&header.auxiliary_network(), &format!("{PROBE}.auxiliary.")));
        all.extend(header.balance().into_iter().map(|(name, shape)| (format!("{PROBE}.{name}"), shape)));
    }
    if progress.attacks.is_some() {
        all.extend(of(&header.main_network(), &format!("{ATTACKS}.main.")));
    }
    if let Some(best) = progress.best() {
        all.extend(player(&header.main_network(), &format!("{BEST}.main")));
        all.extend(player(&header.auxiliary_network(), &format!("{BEST}.auxiliary")));
        all.extend(header.balance().into_iter().map(|(name, shape)| (format!("{BEST}.{name}"), shape)));
        all.extend(best.sums());
    }
    all
}

/// The network whose file is that tensor.
fn pretrained(
    file: &SafeTensors,
    name: &'static str,
    interface: &Interface,
    pixels: &str,
) -> Result<Pretrained, CheckpointError> {
    let view = file.tensor(name).map_err(|_| CheckpointError::Missing { name: name.into() })?;
    if view.dtype() != Dtype::U8 {
        return Err(CheckpointError::Shape {
            name: name.into(),
            found: format!("{:?} {:?}", view.dtype(), view.shape()),
            expected: "bytes (U8)".into(),
        });
    }
    let bytes = Bytes::copy_from_slice(view.data());
    let read = Pretrained::read_again(bytes, interface, pixels);
    read.map_err(|error| CheckpointError::Network { name, problem: error.to_string() })
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
