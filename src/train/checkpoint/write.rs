//! Makes the bytes of a checkpoint.

use std::collections::{BTreeMap, HashMap};

use burn::tensor::{Tensor, Transaction};
use safetensors::{Dtype, SafeTensorError, SafeTensors, tensor::TensorView};
use serde_json::Value;

use super::{
    error::{CheckpointError, METADATA},
    header::Header,
    progress::{ATTACKS, BEST, PROBE, Progress, UnderWay},
};
use crate::{
    gpu::read_all,
    nn::{Optimizer, WeightSpec, Weights},
    scenario::{Control, State},
};

/// What stands in a tensor's name between the player's and the weight's: weights, first moments, second moments.
pub(super) const PARTS: [&str; 3] = ["", "optimizer.first.", "optimizer.second."];
/// Key of the metadata entry about tables.
pub(super) const TABLES: &str = "great-lab-tables";
/// Tables that it may name.
pub(super) const MOST_TABLES: usize = 64;
/// The tensors with the files that the main network and the teacher came from, where they came from such.
pub(super) const NETWORK_FILE: &str = "network.onnx";
pub(super) const TEACHER_FILE: &str = "teacher.onnx";
/// To a multiple of how many bytes a header is filled up, and what with.
const ALIGNED: usize = 8;
const FILLER: u8 = b' ';

/// A tensor with its name and shape.
type Named = (String, Vec<usize>, Tensor<1>);

/// These tensors of the weights under `prefix`.
fn named(prefix: &str, specs: &[WeightSpec], weights: Weights) -> Vec<Named> {
    let named = |(spec, tensor): (&WeightSpec, Tensor<1>)| {
        (format!("{prefix}{}", spec.name), spec.shape.clone(), tensor)
    };
    specs.iter().zip(weights.0).map(named).collect()
}

/// Every tensor of one player under `prefix`.
fn player(prefix: &str, specs: &[WeightSpec], optimizer: &Optimizer) -> Vec<Named> {
    let planes = [optimizer.weights()].into_iter().chain(optimizer.moments());
    let parts = PARTS.into_iter().zip(planes);
    parts.flat_map(|(part, plane)| named(&format!("{prefix}.{part}"), specs, plane)).collect()
}

/// What balances several tasks, under `prefix`.
fn balance(prefix: &str, header: &Header, balance: Option<&Weights>) -> Vec<Named> {
    let tensors = balance.map_or(Vec::new(), |Weights(tensors)| tensors.clone());
    let specs = header.balance().into_iter();
    specs.zip(tensors).map(|((name, shape), tensor)| (format!("{prefix}{name}"), shape, tensor)).collect()
}

/// The tensors of what is under way.
fn begun(header: &Header, state: &State, under_way: &UnderWay) -> Vec<Named> {
    let progress = Progress::of(state, under_way);
    let sums = state.sums.iter().flat_map(|sums| sums.parts.clone());
    let mut all: Vec<Named> =
        progress.sums().into_iter().zip(sums).map(|((name, shape), tensor)| (name, shape, tensor)).collect();
    let main = header.main_network().specs;
    if let Some(probe) = &under_way.probe {
        let auxiliary = header.auxiliary_network().specs;
        all.extend(named(&format!("{PROBE}.main."), &main, probe.state.main.weights()));
        all.extend(named(&format!("{PROBE}.auxiliary."), &auxiliary, probe.state.auxiliary.weights()));
        all.extend(balance(&format!("{PROBE}."), header, probe.state.balance.as_ref()));
    }
    if let Some(attacks) = &under_way.attacks {
        all.extend(named(&format!("{ATTACKS}.main."), &main, attacks.state.main.weights()));
    }
    if let (Some(best), Some(named)) = (&under_way.rule.best, progress.best()) {
        let auxiliary = header.auxiliary_network().specs;
        all.extend(player(&format!("{BEST}.main"), &main, &best.state.main));
        all.extend(player(&format!("{BEST}.auxiliary"), &auxiliary, &best.state.auxiliary));
        all.extend(balance(&format!("{BEST}."), header, best.state.balance.as_ref()));
        let sums = best.state.sums.iter().flat_map(|sums| sums.parts.clone());
        all.extend(named.sums().into_iter().zip(sums).map(|((name, shape), tensor)| (name, shape, tensor)));
    }
    all
}

/// The bytes of a checkpoint of `state`, in which that is under way: one read from the device.
///
/// # Errors
/// [`CheckpointError::Device`].
pub async fn write(
    mut header: Header,
    state: State,
    under_way: UnderWay,
) -> Result<Vec<u8>, CheckpointError> {
    header.main_steps = state.main.steps;
    header.auxiliary_steps = state.auxiliary.steps;
    if let (Some(header), Some(teacher)) = (&mut header.teacher, &state.teacher) {
        header.steps = teacher.steps;
    }
    let optimizers = [Some(&state.main), Some(&state.auxiliary), state.teacher.as_ref()];
    let tensors: Vec<Named> = header
        .networks()
        .iter()
        .zip(optimizers.into_iter().flatten())
        .flat_map(|((prefix, network), optimizer)| player(prefix, &network.specs, optimizer))
        .chain(balance("", &header, state.balance.as_ref()))
        .chain(begun(&header, &state, &under_way))
        .collect();
    let mut progress = Progress::of(&state, &under_way);
    // What the controller has on the device: now, and at the best evaluation.
    let best = under_way.rule.best.as_ref().map(|best| &best.state);
    let rights = [Some(&state), best].map(|state| state.and_then(|state| state.control.right()));
    let has_right = [rights[0].is_some(), rights[1].is_some()];
    let read =
        tensors.iter().fold(Transaction::default(), |read, (_, _, tensor)| read.register(tensor.clone()));
    let data = read_all(rights.into_iter().flatten().fold(read, Transaction::register)).await;
    let data = data.map_err(CheckpointError::Device)?;
    let mut rights = data[tensors.len()..].iter().filter_map(|data| data.iter::<f32>().next());
    let [right, best_right] = has_right.map(|has| if has { rights.next() } else { None });
    header.control = Control { right: right.unwrap_or(0.0), ..state.control.control() };
    if let Some(best) = progress.rule.as_mut().and_then(|rule| rule.best.as_mut()) {
        best.control.right = best_right.unwrap_or(0.0);
    }
    header.progress = Some(progress);
    let of_teacher = header.teacher.as_ref().and_then(|teacher| teacher.pretrained.as_ref());
    let files = [(NETWORK_FILE, header.pretrained()), (TEACHER_FILE, of_teacher)];
    let files = files.iter().filter_map(|(name, pretrained)| Some((*name, pretrained.as_ref()?.file())));
    let files =
        files.map(|(name, file)| Ok((name, TensorView::new(Dtype::U8, vec![file.len()], file.as_ref())?)));
    let views = tensors
        .iter()
        .zip(&data)
        .map(|((name, shape, _), data)| {
            Ok((name.as_str(), TensorView::new(Dtype::F32, shape.clone(), data.as_bytes())?))
        })
        .chain(files)
        .collect::<Result<Vec<_>, SafeTensorError>>()?;
    let json = header.text()?;
    Ok(safetensors::serialize(views, Some(HashMap::from([(METADATA.to_owned(), json)])))?)
}

/// Whether every number in the bytes of a checkpoint is finite, so that it can be read again.
pub fn is_finite(bytes: &[u8]) -> bool {
    let finite =
        |data: &[u8]| data.as_chunks::<4>().0.iter().all(|entry| f32::from_le_bytes(*entry).is_finite());
    let is_sound = |tensor: &TensorView<'_>| tensor.dtype() != Dtype::F32 || finite(tensor.data());
    SafeTensors::deserialize(bytes).is_ok_and(|file| file.iter().all(|(_, tensor)| is_sound(&tensor)))
}

/// The bytes of a checkpoint with how many rows the tables of its run had when it was taken, by the names of their files:
/// so that a run which goes on from it knows which rows are of steps that it takes again.
///
/// # Errors
/// Where these are not the bytes of a checkpoint.
pub fn with_tables(bytes: &[u8], tables: &BTreeMap<String, u64>) -> Result<Vec<u8>, CheckpointError> {
    let cut = || CheckpointError::Format(SafeTensorError::HeaderTooSmall);
    let bad = |error: serde_json::Error| CheckpointError::Metadata(error.to_string());
    let (length, rest) = bytes.split_first_chunk::<8>().ok_or_else(cut)?;
    let length = usize::try_from(u64::from_le_bytes(*length)).map_err(|_| cut())?;
    let (header, data) = rest.split_at_checked(length).ok_or_else(cut)?;
    let mut header: Value = serde_json::from_slice(header).map_err(bad)?;
    let entries = header.get_mut("__metadata__").and_then(Value::as_object_mut);
    let entries = entries.ok_or_else(|| CheckpointError::Metadata("it is missing".into()))?;
    entries.insert(TABLES.into(), serde_json::to_string(tables).map_err(bad)?.into());
    let mut header = serde_json::to_vec(&header).map_err(bad)?;
    header.resize(header.len().next_multiple_of(ALIGNED), FILLER);
    Ok([&(header.len() as u64).to_le_bytes(), &*header, data].concat())
}
