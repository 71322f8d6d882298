//! What has weights: convolutions, products of matrices, norms.

use super::given::Given;
use crate::nn::graph::{Curve, Einsum, Fold, Move, Op, Pair, Problem, Size, Slot, check};
use crate::nn::onnx::read::builder::{Builder, Origin};
use crate::nn::onnx::read::windows::window;

/// What a batch normalisation adds to the variance where it does not say it.
pub const BATCH_NORM_EPSILON: f64 = 1e-5;

/// The inputs of an operator that are weights where they are constants.
pub fn learned_inputs(kind: &str) -> std::ops::Range<usize> {
    match kind {
        "Conv"
        | "InstanceNormalization"
        | "GroupNormalization"
        | "LayerNormalization"
        | "RMSNormalization" => 1..3,
        "Gemm" => 0..3,
        "MatMul" => 0..2,
        "PRelu" => 1..2,
        "Einsum" => 0..usize::MAX,
        _ => 0..0,
    }
}

/// Where what such an operator makes is, if it is one.
///
/// # Errors
/// What is wrong with it.
pub fn learned(builder: &mut Builder, given: Given<'_>, kind: &str) -> Result<Option<Slot>, Problem> {
    let attributes = given.attributes();
    Ok(Some(match kind {
        "Conv" => {
            let (x, weight) = (given.slot(builder, 0)?, builder.slot(given.needed(1)?)?);
            let shape = match weight {
                Slot::Weight(at) => builder.specs[at].shape.clone(),
                Slot::Image | Slot::Array(_) | Slot::Made(_) => Vec::new(),
            };
            let kernel: Vec<i64> = match (attributes.ints("kernel_shape"), shape.get(2..)) {
                (Some(kernel), _) if !kernel.is_empty() => kernel.to_vec(),
                (_, Some(sizes)) => sizes.iter().map(|size| *size as i64).collect(),
                _ => return Err(Problem::new("the size of its window is not said")),
            };
            let window = window(attributes, &kernel)?;
            check(shape.is_empty() || shape.get(2..) == Some(&window.kernel[..]), || {
                format!("kernel_shape {kernel:?} is not that of its weight, {shape:?}")
            })?;
            let y = builder.op(Op::Convolution(window), [x, weight]);
            match given.input(2) {
                None => y,
                Some(name) => {
                    let bias = builder.slot(name)?;
                    let bias = builder.reshaped(bias, &[1, -1, 1, 1]);
                    builder.pair(Pair::Add, y, bias)
                }
            }
        }
        "Gemm" => gemm(builder, given)?,
        "MatMul" => {
            let (a, b) = (builder.slot(given.needed(0)?)?, builder.slot(given.needed(1)?)?);
            builder.op(Op::Product, [a, b])
        }
        "Einsum" => einsum(builder, given)?,
        "BatchNormalization" => batch_norm(builder, given)?,
        "InstanceNormalization" => {
            let x = given.slot(builder, 0)?;
            let normal = by_channel(builder, x, attributes.float("epsilon", 1e-5), None);
            affine(builder, given, normal, true)?
        }
        "GroupNormalization" => {
            let x = given.slot(builder, 0)?;
            let groups = attributes.int("num_groups", 1);
            // Before version 21 a scale is one of a group.
            check(given.opset >= 21, || "GroupNormalization is read from opset 21 on".into())?;
            let normal = by_channel(builder, x, attributes.float("epsilon", 1e-5), Some(groups));
            affine(builder, given, normal, true)?
        }
        "LayerNormalization" | "RMSNormalization" => {
            let x = given.slot(builder, 0)?;
            let axes = from_axis(builder, x, attributes.int("axis", -1))?;
            let is_centred = kind == "LayerNormalization";
            let normal = normal(builder, x, (axes, is_centred), attributes.float("epsilon", 1e-5));
            affine(builder, given, normal, false)?
        }
        _ => return Ok(None),
    }))
}

fn einsum(builder: &mut Builder, given: Given<'_>) -> Result<Slot, Problem> {
    let einsum = Einsum::read(given.attributes().text("equation", ""))?;
    let all = (0..given.node.input.len()).map(|at| builder.slot(given.needed(at)?));
    let all: Vec<Slot> = all.collect::<Result<_, _>>()?;
    Ok(builder.op(Op::Einsum(einsum), all))
}

fn gemm(builder: &mut Builder, given: Given<'_>) -> Result<Slot, Problem> {
    let attributes = given.attributes();
    let turned = |builder: &mut Builder, x: Slot, is: bool| {
        if is { builder.moved(Move::Transpose(Some(vec![1, 0])), [x]) } else { x }
    };
    let (a, b) = (builder.slot(given.needed(0)?)?, builder.slot(given.needed(1)?)?);
    let a = turned(builder, a, attributes.int("transA", 0) != 0);
    let b = turned(builder, b, attributes.int("transB", 0) != 0);
    let scaled = |builder: &mut Builder, x: Slot, factor: f64| {
        if (factor - 1.0).abs() < f64::EPSILON { x } else { builder.with_number(Pair::Mul, x, factor) }
    };
    let product = builder.op(Op::Product, [a, b]);
    let product = scaled(builder, product, attributes.float("alpha", 1.0));
    let Some(name) = given.input(2) else { return Ok(product) };
    let bias = builder.slot(name)?;
    let bias = scaled(builder, bias, attributes.float("beta", 1.0));
    Ok(builder.pair(Pair::Add, product, bias))
}

/// Batch normalisation as it is in evaluation: a scale and a shift for each channel, which are the weights from now on.
fn batch_norm(builder: &mut Builder, given: Given<'_>) -> Result<Slot, Problem> {
    let attributes = given.attributes();
    check(
        attributes.int("training_mode", 0) == 0 && given.node.output.iter().skip(1).all(String::is_empty),
        || "it is written in training mode: write it in its evaluation mode (model.eval())".into(),
    )?;
    let epsilon = attributes.float("epsilon", BATCH_NORM_EPSILON);
    let [scale, shift, mean, variance] = [1, 2, 3, 4].map(|at| -> Result<Vec<f32>, Problem> {
        let found = builder.floats(given.needed(at)?).map_err(|problem| {
            Problem::new(format!(
                "{problem}: a norm that goes by the batch has none (track_running_stats=False)"
            ))
        });
        Ok(found?.to_vec())
    });
    let (scale, shift, mean, variance) = (scale?, shift?, mean?, variance?);
    let count = scale.len();
    check([&shift, &mean, &variance].iter().all(|other| other.len() == count), || {
        "scale, shift, mean and variance are not as many as each other".into()
    })?;
    let deviation = |at: usize| (f64::from(variance[at]) + epsilon).sqrt();
    let factors: Vec<f32> = (0..count).map(|at| (f64::from(scale[at]) / deviation(at)) as f32).collect();
    let terms = (0..count)
        .map(|at| (f64::from(shift[at]) - f64::from(mean[at]) * f64::from(scale[at]) / deviation(at)) as f32)
        .collect();
    let x = given.slot(builder, 0)?;
    let output = given.node.output.first().cloned().unwrap_or_default();
    let origin = |is_shift| Origin::Norm { output: output.clone(), is_shift };
    let factor = builder.weight(given.needed(1)?, (vec![count], factors), origin(false));
    let term = builder.weight(given.needed(2)?, (vec![count], terms), origin(true));
    Ok(by_each(builder, x, [factor, term]))
}

/// `x` times a scale, plus a shift, of each channel: behind the channels there may be rows and columns, places in a row, or
/// nothing.
fn by_each(builder: &mut Builder, x: Slot, both: [Slot; 2]) -> Slot {
    let sizes = builder.sized(Size::Of([None, None]), [x]);
    let [scale, shift] = both.map(|slot| channels_of(builder, slot, sizes));
    let scaled = builder.pair(Pair::Mul, x, scale);
    builder.pair(Pair::Add, scaled, shift)
}

/// The scale and the shift of a norm, of each channel or of each entry. Constants that change nothing are left out: they
/// stand for a norm that has neither, and training would give it some.
fn affine(builder: &mut Builder, given: Given<'_>, x: Slot, of_channels: bool) -> Result<Slot, Problem> {
    let is_all = |at: usize, number: f32| {
        let constant = given.input(at).map(|name| builder.floats(name));
        constant.is_none_or(|floats| floats.is_ok_and(|floats| floats.iter().all(|entry| *entry == number)))
    };
    if given.input(1).is_some() && is_all(1, 1.0) && is_all(2, 0.0) {
        return Ok(x);
    }
    let scale = builder.slot(given.needed(1)?)?;
    let shift = given.input(2).map(|name| builder.slot(name)).transpose()?;
    if let (true, Some(shift)) = (of_channels, shift) {
        return Ok(by_each(builder, x, [scale, shift]));
    }
    let scaled = builder.pair(Pair::Mul, x, scale);
    Ok(shift.map_or(scaled, |shift| builder.pair(Pair::Add, scaled, shift)))
}

/// `[C]` as `[C, 1, …]`, with as many axes behind as a tensor of these sizes has.
fn channels_of(builder: &mut Builder, of: Slot, sizes: Slot) -> Slot {
    let [from, to] = [2, i64::MAX].map(|at| builder.integers(&[at]));
    let behind = builder.moved(Move::Slice, [sizes, from, to]);
    let zeros = builder.with_number(Pair::Mul, behind, 0.0);
    let ones = builder.with_number(Pair::Add, zeros, 1.0);
    let first = builder.integers(&[-1]);
    let shape = builder.moved(Move::Join(0), [first, ones]);
    builder.moved(Move::Reshape { keeps_zero: false }, [of, shape])
}

/// Each channel of each image, or each group of them, with mean 0 and variance 1.
fn by_channel(builder: &mut Builder, x: Slot, epsilon: f64, groups: Option<i64>) -> Slot {
    let sizes = builder.sized(Size::Of([None, None]), [x]);
    // As [N, groups, the rest]; or as [N, C, the rest], which 0 keeps.
    let flat = builder.reshaped(x, &[0, groups.unwrap_or(0), -1]);
    let axes = builder.integers(&[2]);
    let normal = normal(builder, flat, (axes, true), epsilon);
    builder.moved(Move::Reshape { keeps_zero: false }, [normal, sizes])
}

/// All axes from this one on, which may be counted from the end.
fn from_axis(builder: &mut Builder, x: Slot, first: i64) -> Result<Slot, Problem> {
    check((-8..8).contains(&first), || format!("there is no axis {first}"))?;
    if first < 0 {
        let axes: Vec<i64> = (first..0).collect();
        return Ok(builder.integers(&axes));
    }
    let sizes = builder.sized(Size::Of([None, None]), [x]);
    let count = builder.sized(Size::Of([None, None]), [sizes]);
    let [start, step] = [first, 1].map(|number| builder.integers(&[number]));
    Ok(builder.sized(Size::Range, [start, count, step]))
}

/// With mean 0, if that is wanted, and mean square 1 along these axes.
fn normal(builder: &mut Builder, x: Slot, (axes, is_centred): (Slot, bool), epsilon: f64) -> Slot {
    let mean_of =
        |builder: &mut Builder, x: Slot| builder.op(Op::Fold { by: Fold::Mean, keeps: true }, [x, axes]);
    let centred = if is_centred {
        let mean = mean_of(builder, x);
        builder.pair(Pair::Sub, x, mean)
    } else {
        x
    };
    let square = builder.curve(Curve::Power(2.0), centred);
    let variance = mean_of(builder, square);
    let more = builder.with_number(Pair::Add, variance, epsilon);
    let deviation = builder.curve(Curve::Sqrt, more);
    builder.pair(Pair::Div, centred, deviation)
}
