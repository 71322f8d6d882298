//! Networks of other people's making, read from the files of both of PyTorch's exporters: what they say, their gradients, and
//! the gradients of these, beside PyTorch's.

use burn::tensor::{Device, Tensor, TensorData};
use great_lab::gpu::logit_gradient;
use great_lab::nn::Weights;
use great_lab::nn::onnx::{self, Imported};
use safetensors::SafeTensors;

/// Of the largest entry of each tensor.
const TOLERANCE: f32 = 1e-4;

const NETWORKS: [&str; 12] = [
    "resnet",
    "preact-resnet",
    "wide-resnet",
    "wide-resnet-silu",
    "vgg",
    "densenet",
    "mobilenet-v2",
    "mobilenet-v3",
    "efficientnet",
    "convnext",
    "vit",
    "odd",
];

fn path(name: &str) -> String {
    format!("{}/tests/oracle/golden/own/{name}", env!("CARGO_MANIFEST_DIR"))
}

fn open(name: &str, exporter: &str, image: Option<[usize; 3]>) -> Imported {
    let bytes = std::fs::read(path(&format!("{name}-{exporter}.onnx"))).unwrap();
    let nothing = |_: &str, _: usize, _: usize| Err("there is none".to_owned());
    onnx::read(bytes.into(), image, &nothing).unwrap_or_else(|error| panic!("{name}-{exporter}: {error}"))
}

/// What PyTorch says, by the name of each tensor.
struct Golden {
    bytes: Vec<u8>,
}

impl Golden {
    fn of(name: &str) -> Self {
        Self { bytes: std::fs::read(path(&format!("{name}.safetensors"))).unwrap() }
    }

    fn floats(&self, name: &str) -> (Vec<f32>, Vec<usize>) {
        let file = SafeTensors::deserialize(&self.bytes).unwrap();
        let view = file.tensor(name).unwrap();
        let entries = view.data().as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes));
        (entries.collect(), view.shape().to_vec())
    }

    fn tensor<const D: usize>(&self, name: &str, device: &Device) -> Tensor<D> {
        let (values, shape) = self.floats(name);
        Tensor::from_data(TensorData::new(values, shape), device)
    }

    fn labels(&self) -> Vec<usize> {
        let file = SafeTensors::deserialize(&self.bytes).unwrap();
        let entries = file.tensor("y").unwrap();
        entries.data().as_chunks().0.iter().map(|bytes| i64::from_le_bytes(*bytes) as usize).collect()
    }

    /// Fails where a tensor is further off than allowed.
    fn hold<const D: usize>(&self, name: &str, found: Tensor<D>, of: &str) {
        let (expected, shape) = self.floats(name);
        assert_eq!(found.dims().to_vec(), shape, "{of}: {name}");
        let found: Vec<f32> = found.into_data().try_into_vec().unwrap();
        let largest = expected.iter().fold(0.0f32, |largest, entry| largest.max(entry.abs()));
        let off = found.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(off <= TOLERANCE * largest, "{of}: {name} is off by {off:e} of {largest:e}");
        assert!(largest > 0.0, "{of}: {name} is 0 and says nothing");
    }
}

#[test]
fn they_say_what_pytorch_says_and_so_do_their_derivatives() {
    let device = Device::flex();
    for name in NETWORKS {
        let golden = Golden::of(name);
        let x: Tensor<4> = golden.tensor("x", &device);
        let [n, c, h, w] = x.dims();
        for exporter in ["script", "dynamo"] {
            let of = format!("{name}-{exporter}");
            // The file says how large its images are, and so do the data.
            let Imported { network, values, .. } = open(name, exporter, Some([c, h, w]));
            assert_eq!(open(name, exporter, None).network, network, "{of}");
            let classes = network.interface.classes;
            let mut one_hot = vec![0.0f32; n * classes];
            one_hot.chunks_exact_mut(classes).zip(golden.labels()).for_each(|(row, label)| row[label] = 1.0);
            let one_hot: Tensor<2> = Tensor::from_data(TensorData::new(one_hot, [n, classes]), &device);
            let weights = Weights::from_values(values, &device);
            let (gradient, logits) = network.input_gradient(&weights, x.clone(), one_hot.clone());
            golden.hold("logits", logits, &of);
            golden.hold("gradient", gradient, &of);
            // Double backpropagation: the gradient of an expression that has the gradient in it.
            let tracked = x.clone().autodiff().require_grad();
            let (logits, tapes) = network.forward(&weights.tracked(), tracked.clone());
            let gradient = network.input_vjp(tapes, logit_gradient(logits, one_hot.autodiff()));
            let v: Tensor<4> = golden.tensor("v", &device);
            let mut gradients = (gradient * v.autodiff()).sum().backward();
            golden.hold("curvature", tracked.grad_remove(&mut gradients).unwrap(), &of);
        }
    }
}
