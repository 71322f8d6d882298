//! What moves entries and changes none, and what is of sizes.

use super::given::Given;
use crate::nn::graph::{
    Between, Curve, Fold, Host, Kind, Move, Nearest, Op, Pair, Place, Problem, Resize, Size, Slot, check,
};
use crate::nn::onnx::read::builder::Builder;
use crate::nn::onnx::read::constants::{Constant, Entries};
use crate::nn::onnx::read::windows::Attributes;

/// Where what such an operator makes is, if it is one.
///
/// # Errors
/// What is wrong with it.
pub fn moved(builder: &mut Builder, given: Given<'_>, kind: &str) -> Result<Option<Vec<Slot>>, Problem> {
    if let Some(made) = composed(builder, given, kind)? {
        return Ok(Some(made));
    }
    let attributes = given.attributes();
    let op = match kind {
        "Reshape" => Op::Move(Move::Reshape { keeps_zero: attributes.int("allowzero", 0) != 0 }),
        "Squeeze" => Op::Move(Move::Squeeze),
        "Unsqueeze" => Op::Move(Move::Unsqueeze),
        "Flatten" => Op::Move(Move::Flatten(attributes.int("axis", 1))),
        "Transpose" => Op::Move(Move::Transpose(order(attributes)?)),
        "Slice" => Op::Move(Move::Slice),
        "Gather" => Op::Move(Move::Select(attributes.int("axis", 0))),
        "Expand" => Op::Move(Move::Spread),
        "Pad" => {
            let mode = attributes.text("mode", "constant");
            check(mode == "constant", || format!("its mode {mode:?} is not supported, only constant"))?;
            Op::Move(Move::Pad)
        }
        "Resize" => Op::Move(Move::Resize(resize(attributes)?)),
        "Shape" => Op::Size(Size::Of([attributes.maybe_int("start"), attributes.maybe_int("end")])),
        "Cast" => Op::Size(Size::Convert(to_kind(attributes))),
        "ConstantOfShape" => Op::Size(Size::Filled(filling(given)?)),
        "Range" => Op::Size(Size::Range),
        _ => return Ok(None),
    };
    let first = Some(given.slot(builder, 0)?);
    let rest = match kind {
        "Squeeze" | "Unsqueeze" => vec![given.sizes(builder, 1, "axes")?],
        _ => (1..given.node.input.len()).map(|at| given.maybe(builder, at)).collect::<Result<_, _>>()?,
    };
    Ok(Some(vec![builder.op_with(op, std::iter::once(first).chain(rest).collect())]))
}

/// What is no single node of ours.
fn composed(builder: &mut Builder, given: Given<'_>, kind: &str) -> Result<Option<Vec<Slot>>, Problem> {
    let all = |builder: &mut Builder| -> Result<Vec<Slot>, Problem> {
        (0..given.node.input.len()).map(|at| given.slot(builder, at)).collect()
    };
    Ok(Some(match kind {
        // A constant stays one under its other name.
        "Identity" => match (given.needed(0)?, given.node.output.first()) {
            (name, Some(output)) if builder.is_constant(name) => {
                builder.alias(output, name);
                Vec::new()
            }
            _ => vec![given.slot(builder, 0)?],
        },
        // Floats of any width are the same numbers here.
        "Cast" if builder.floats(given.needed(0)?).is_ok() && to_kind(given.attributes()) == Kind::Float => {
            if let Some(output) = given.node.output.first() {
                builder.alias(output, given.needed(0)?);
            }
            Vec::new()
        }
        "Cast" if builder.is_constant(given.needed(0)?) => {
            let found = builder.cast(given.needed(0)?, to_kind(given.attributes()));
            if let (Some(found), Some(output)) = (found, given.node.output.first()) {
                builder.keep_as(output, found, given.needed(0)?);
            }
            Vec::new()
        }
        "Dropout" => {
            let trains = given.maybe(builder, 2)?.is_some_and(|slot| match slot {
                Slot::Array(at) => builder.arrays[at].single() != Some(0.0),
                Slot::Image | Slot::Weight(_) | Slot::Made(_) => true,
            });
            check(!trains, || {
                "it is written in training mode: write it in its evaluation mode (model.eval())".into()
            })?;
            vec![given.slot(builder, 0)?]
        }
        "Constant" => constant(builder, given)?,
        "Split" => split(builder, given)?,
        "Concat" => {
            let all = all(builder)?;
            vec![builder.moved(Move::Join(given.attributes().int("axis", 0)), all)]
        }
        "Size" => {
            let value = given.slot(builder, 0)?;
            let sizes = builder.sized(Size::Of([None, None]), [value]);
            vec![builder.op(Op::Fold { by: Fold::Product, keeps: false }, [sizes])]
        }
        "Where" => {
            let all = all(builder)?;
            vec![builder.op(Op::Choose, all)]
        }
        _ => return Ok(None),
    }))
}

fn to_kind(attributes: Attributes<'_>) -> Kind {
    match attributes.int("to", 1) {
        1 | 10 | 11 | 16 => Kind::Float,
        9 => Kind::Truth,
        _ => Kind::Whole,
    }
}

fn order(attributes: Attributes<'_>) -> Result<Option<Vec<usize>>, Problem> {
    let Some(order) = attributes.ints("perm") else { return Ok(None) };
    let found: Option<Vec<usize>> = order.iter().map(|axis| usize::try_from(*axis).ok()).collect();
    found.map(Some).ok_or_else(|| Problem::new(format!("{order:?} is no order of axes")))
}

fn constant(builder: &mut Builder, given: Given<'_>) -> Result<Vec<Slot>, Problem> {
    let attributes = given.attributes();
    let name = given.node.output.first().map_or("", String::as_str);
    let whole =
        |values: &[i64], shape: Vec<usize>| Constant { entries: Entries::Whole(values.to_vec()), shape };
    let floats = |values: Vec<f32>, shape: Vec<usize>| Constant { entries: Entries::Floats(values), shape };
    let found = if let Some(tensor) = attributes.tensor("value") {
        Constant::read(tensor, given.siblings)?
    } else if let Some(number) = attributes.maybe_int("value_int") {
        whole(&[number], Vec::new())
    } else if let Some(numbers) = attributes.ints("value_ints") {
        whole(numbers, vec![numbers.len()])
    } else if let Some(numbers) = attributes.floats("value_floats") {
        floats(numbers.to_vec(), vec![numbers.len()])
    } else if let Some(number) = attributes.maybe_float("value_float") {
        floats(vec![number], Vec::new())
    } else {
        return Err(Problem::new("it is neither a tensor nor a number"));
    };
    builder.keep_fixed(name, found);
    Ok(Vec::new())
}

fn filling(given: Given<'_>) -> Result<Host, Problem> {
    let Some(tensor) = given.attributes().tensor("value") else { return Ok(Host::number(0.0)) };
    let Constant { entries, .. } = Constant::read(tensor, given.siblings)?;
    let (value, is_float) = match entries {
        Entries::Floats(values) => (values.first().copied().map(f64::from), true),
        Entries::Whole(values) => (values.first().map(|value| *value as f64), false),
    };
    Host::new(vec![value.unwrap_or(0.0)], Vec::new(), is_float)
}

/// Each part by itself.
fn split(builder: &mut Builder, given: Given<'_>) -> Result<Vec<Slot>, Problem> {
    let x = given.slot(builder, 0)?;
    let axis = given.attributes().int("axis", 0);
    let count = given.node.output.len();
    let sizes = match given.sizes(builder, 1, "split")? {
        None => None,
        Some(Slot::Array(at)) => Some(builder.arrays[at].whole()),
        Some(Slot::Image | Slot::Weight(_) | Slot::Made(_)) => {
            return Err(Problem::new("its sizes are computed, which is not supported"));
        }
    };
    let axes = builder.integers(&[axis]);
    let Some(sizes) = sizes else {
        // Equal parts: of how many entries follows from the size along the axis.
        let all = builder.sized(Size::Of([None, None]), [x]);
        let size = builder.moved(Move::Select(0), [all, axes]);
        let more = builder.with_number(Pair::Add, size, count as f64 - 1.0);
        let each = builder.with_number(Pair::Div, more, count as f64);
        let each = builder.curve(Curve::Floor, each);
        let place = |builder: &mut Builder, at: usize| builder.with_number(Pair::Mul, each, at as f64);
        return Ok((0..count)
            .map(|at| {
                let (start, end) = (place(builder, at), place(builder, at + 1));
                builder.moved(Move::Slice, [x, start, end, axes])
            })
            .collect());
    };
    check(sizes.len() == count, || format!("{} sizes are given for {count} parts", sizes.len()))?;
    check(sizes.iter().all(|size| (0..1 << 32).contains(size)), || format!("{sizes:?} are no sizes"))?;
    let mut start = 0;
    Ok(sizes
        .iter()
        .map(|size| {
            let [from, to] = [start, start + size].map(|at| builder.integers(&[at]));
            start += size;
            builder.moved(Move::Slice, [x, from, to, axes])
        })
        .collect())
}

fn resize(attributes: Attributes<'_>) -> Result<Resize, Problem> {
    let place = match attributes.text("coordinate_transformation_mode", "half_pixel") {
        "half_pixel" => Place::HalfPixel,
        "pytorch_half_pixel" => Place::PytorchHalfPixel,
        "asymmetric" => Place::Asymmetric,
        "align_corners" => Place::AlignCorners,
        other => {
            return Err(Problem::new(format!("coordinate_transformation_mode {other:?} is not supported")));
        }
    };
    let nearest = match attributes.text("nearest_mode", "round_prefer_floor") {
        "round_prefer_floor" => Nearest::PreferFloor,
        "round_prefer_ceil" => Nearest::PreferCeil,
        "floor" => Nearest::Floor,
        "ceil" => Nearest::Ceil,
        other => return Err(Problem::new(format!("nearest_mode {other:?} is none of ONNX's"))),
    };
    let between = match attributes.text("mode", "nearest") {
        "nearest" => Between::Nearest(nearest),
        "linear" => Between::Linear,
        other => {
            return Err(Problem::new(format!(
                "its mode {other:?} is not supported, only nearest and linear"
            )));
        }
    };
    check(attributes.int("antialias", 0) == 0, || "antialias is not supported".into())?;
    let policy = attributes.text("keep_aspect_ratio_policy", "stretch");
    check(policy == "stretch" && attributes.ints("axes").is_none(), || {
        "axes and keep_aspect_ratio_policy are not supported".into()
    })?;
    Ok(Resize { between, place })
}
