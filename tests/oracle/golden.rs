//! The golden files: tensors and settings that PyTorch computed, and a tally of what was held against them.

use std::collections::{BTreeSet, HashMap};

use burn::tensor::{Device, Tensor, TensorData};
use great_lab::config::Architecture;
use great_lab::nn::{Network, Weights};
use safetensors::{Dtype, SafeTensors};
use serde::de::DeserializeOwned;

/// A pixel of an adversarial image may be off by this much, on any device.
const PIXEL_TOLERANCE: f32 = 1e-5;

/// One file of `golden/`.
pub struct Golden {
    settings: serde_json::Value,
    floats: HashMap<String, (Vec<usize>, Vec<f32>)>,
    classes: HashMap<String, Vec<usize>>,
    tolerance: f32,
    compared: BTreeSet<String>,
    failures: Vec<String>,
}

impl Golden {
    /// Reads `name`; results may differ by `tolerance` of the largest entry of each tensor.
    pub fn load(name: &str, tolerance: f32) -> Self {
        let path = format!("{}/tests/oracle/golden/{name}.safetensors", env!("CARGO_MANIFEST_DIR"));
        let bytes = std::fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
        let (_, header) = SafeTensors::read_metadata(&bytes).unwrap();
        let settings = &header.metadata().as_ref().unwrap()["settings"];
        let (mut floats, mut classes) = (HashMap::new(), HashMap::new());
        for (name, view) in SafeTensors::deserialize(&bytes).unwrap().tensors() {
            match view.dtype() {
                Dtype::F32 => {
                    let entries = view.data().as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes));
                    floats.insert(name, (view.shape().to_vec(), entries.collect()));
                }
                Dtype::I64 => {
                    let entries = view.data().as_chunks().0.iter();
                    classes.insert(name, entries.map(|bytes| i64::from_le_bytes(*bytes) as usize).collect());
                }
                other => panic!("{name} holds {other:?}"),
            }
        }
        Self {
            settings: serde_json::from_str(settings).unwrap(),
            floats,
            classes,
            tolerance,
            compared: BTreeSet::new(),
            failures: Vec::new(),
        }
    }

    /// A value that the script was run with.
    pub fn setting<T: DeserializeOwned>(&self, name: &str) -> T {
        serde_json::from_value(self.settings[name].clone()).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// The main network's, as the settings have it.
    pub fn architecture(&self) -> Architecture {
        serde_json::from_value(self.settings.clone()).unwrap_or_else(|error| panic!("settings: {error}"))
    }

    /// A tensor's entries, row by row.
    pub fn entries(&self, name: &str) -> &[f32] {
        &self.floats.get(name).unwrap_or_else(|| panic!("there is no tensor {name}")).1
    }

    /// Images `[N, C, H, W]`.
    pub fn images(&self, name: &str, device: &Device) -> Tensor<4> {
        let (shape, entries) = &self.floats[name];
        Tensor::from_data(TensorData::new(entries.clone(), shape.clone()), device)
    }

    /// Labels or targets `[N]`.
    pub fn classes(&self, name: &str) -> &[usize] {
        &self.classes[name]
    }

    /// The same as rows `[N, K]`.
    pub fn one_hot(&self, name: &str, device: &Device) -> Tensor<2> {
        let (labels, k) = (self.classes(name), self.setting::<usize>("classes"));
        let rows: Vec<f32> = labels
            .iter()
            .flat_map(|label| (0..k).map(move |class| f32::from(u8::from(class == *label))))
            .collect();
        Tensor::from_data(TensorData::new(rows, [labels.len(), k]), device)
    }

    /// The tensors `prefix.NAME` for every weight of `network`, which must have PyTorch's names and shapes.
    pub fn weights(&self, prefix: &str, network: &Network, device: &Device) -> Weights {
        Weights::from_values(self.weight_values(prefix, network), device)
    }

    /// Their entries.
    pub fn weight_values(&self, prefix: &str, network: &Network) -> Vec<Vec<f32>> {
        let read = |spec: &great_lab::nn::WeightSpec| {
            let name = format!("{prefix}.{}", spec.name);
            let (shape, entries) =
                self.floats.get(&name).unwrap_or_else(|| panic!("PyTorch has no weight {name}"));
            assert_eq!(*shape, spec.shape, "shape of {name}");
            entries.clone()
        };
        network.specs.iter().map(read).collect()
    }

    /// Whether there is a tensor of that name, or below that name.
    pub fn has(&self, name: &str) -> bool {
        let below = format!("{name}.");
        self.floats.keys().any(|key| key == name || key.starts_with(&below))
    }

    /// Holds `got` against the tensor `name`.
    pub fn compare<const D: usize>(&mut self, name: &str, got: Tensor<D>) {
        #[expect(clippy::disallowed_methods, reason = "a test has nothing else to do meanwhile")]
        let got: Vec<f32> = got.without_autodiff().into_data().try_into_vec().unwrap();
        self.compare_entries(name, &got);
    }

    /// Holds `got` against the tensor `name`.
    pub fn compare_entries(&mut self, name: &str, got: &[f32]) {
        let want = self.entries(name);
        assert_eq!(got.len(), want.len(), "entries of {name}");
        let largest = want.iter().fold(0.0f32, |largest, entry| largest.max(entry.abs()));
        // A NaN is as wrong as can be, and f32::max would drop it.
        let off = |(a, b): (&f32, &f32)| if a.is_finite() { (a - b).abs() } else { f32::INFINITY };
        let error = got.iter().zip(want).map(off).fold(0.0, f32::max);
        let allowed = if name.starts_with("attack.") { PIXEL_TOLERANCE } else { self.tolerance * largest };
        if error > allowed {
            self.failures
                .push(format!("{name}: off by {error:e}, largest entry {largest:e}, allowed {allowed:e}"));
        }
        self.compared.insert(name.into());
    }

    /// Holds every tensor of `got` against `prefix.NAME`.
    pub fn compare_weights(&mut self, prefix: &str, network: &Network, got: &Weights) {
        for (spec, tensor) in network.specs.iter().zip(&got.0) {
            self.compare(&format!("{prefix}.{}", spec.name), tensor.clone());
        }
    }

    /// Fails where anything differed, or was never looked at.
    pub fn finish(self) {
        let given = |name: &str| {
            ["main.", "main_single.", "auxiliary.", "teacher.", "x"]
                .iter()
                .any(|start| name.starts_with(start))
        };
        let forgotten: Vec<_> =
            self.floats.keys().filter(|name| !given(name) && !self.compared.contains(*name)).collect();
        assert!(forgotten.is_empty(), "never compared: {forgotten:?}");
        assert!(self.failures.is_empty(), "{} differ:\n{}", self.failures.len(), self.failures.join("\n"));
    }
}
