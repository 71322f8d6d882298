//! Operations that move entries and change none: shapes, orders of axes, parts, and what is put together.

use crate::nn::graph::dense::{Dense, MOST_AXES};
use crate::nn::graph::host::{Host, fitting};
use crate::nn::graph::problem::{Problem, check};
use crate::nn::graph::room::Room;
use crate::nn::graph::value::Value;

/// Entries up to which an array stays on the host when it is spread.
const LARGEST_SIZES: usize = 4096;

/// The number of an axis, which may be counted from the end.
///
/// # Errors
/// Where there is no such axis.
pub fn axis(number: i64, axes: usize) -> Result<usize, Problem> {
    let counted = if number < 0 { number + axes as i64 } else { number };
    usize::try_from(counted)
        .ok()
        .filter(|axis| *axis < axes)
        .ok_or_else(|| Problem::new(format!("there is no axis {number} of {axes}")))
}

/// The numbers of several axes, in ascending order and each once.
///
/// # Errors
/// Where there is one that is not there.
pub fn several(numbers: &[i64], axes: usize) -> Result<Vec<usize>, Problem> {
    let mut found: Vec<usize> = numbers.iter().map(|number| axis(*number, axes)).collect::<Result<_, _>>()?;
    found.sort_unstable();
    found.dedup();
    Ok(found)
}

/// That each axis is there once.
fn once(numbers: &[i64], axes: usize) -> Result<(), Problem> {
    let found = several(numbers, axes)?;
    check(found.len() == numbers.len(), || format!("axes {numbers:?} are not all different"))
}

/// The same entries in another shape.
///
/// # Errors
/// Where they do not fill it.
pub fn reshape(x: &Value, shape: Vec<usize>) -> Result<Value, Problem> {
    let count = |shape: &[usize]| shape.iter().try_fold(1usize, |count, size| count.checked_mul(*size));
    check(shape.len() <= MOST_AXES, || format!("{} axes are too many", shape.len()))?;
    check(count(&shape) == count(x.shape()), || format!("{:?} cannot become {shape:?}", x.shape()))?;
    Ok(match x {
        Value::Dense(dense) => dense.reshaped(shape).into(),
        Value::Host(host) => Host::new(host.values.clone(), shape, host.is_float)?.into(),
    })
}

/// The shape that is asked for: −1 stands for what is left over and, unless zeros are `kept`, 0 for what it is already.
///
/// # Errors
/// Where that cannot be told.
pub fn asked_shape(asked: &[i64], own: &[usize], keeps_zero: bool) -> Result<Vec<usize>, Problem> {
    let mut shape = Vec::new();
    let mut open = None;
    for (at, size) in asked.iter().enumerate() {
        shape.push(match *size {
            -1 if open.is_none() => {
                open = Some(at);
                1
            }
            0 if !keeps_zero => *own
                .get(at)
                .ok_or_else(|| Problem::new(format!("{own:?} has no axis {at} whose size could be kept")))?,
            size => usize::try_from(size).map_err(|_| Problem::new(format!("{asked:?} is no shape")))?,
        });
    }
    let count: usize = own.iter().product();
    let known = shape.iter().try_fold(1usize, |known, size| known.checked_mul(*size));
    let known = known.ok_or_else(|| Problem::new(format!("{asked:?} is too large")))?;
    if let Some(open) = open {
        check(known > 0 && count.is_multiple_of(known), || format!("{own:?} cannot become {asked:?}"))?;
        shape[open] = count / known;
    }
    Ok(shape)
}

/// Without axes of one entry: these, or all such.
///
/// # Errors
/// Where one of them has more.
pub fn squeeze(x: &Value, axes: Option<&[i64]>) -> Result<Value, Problem> {
    let own = x.shape();
    let gone = match axes {
        Some(axes) => several(axes, own.len())?,
        None => (0..own.len()).filter(|axis| own[*axis] == 1).collect(),
    };
    check(gone.iter().all(|axis| own[*axis] == 1), || {
        format!("axes {gone:?} of {own:?} are not all of size 1")
    })?;
    let shape = (0..own.len()).filter(|axis| !gone.contains(axis)).map(|axis| own[axis]).collect();
    reshape(x, shape)
}

/// With axes of one entry more, which have these numbers then.
///
/// # Errors
/// Where a number is too large.
pub fn unsqueeze(x: &Value, axes: &[i64]) -> Result<Value, Problem> {
    let own = x.shape();
    let total = own.len() + axes.len();
    check(total <= MOST_AXES, || format!("{total} axes are too many"))?;
    let new = several(axes, total)?;
    check(new.len() == axes.len(), || format!("axes {axes:?} are not all different"))?;
    let mut rest = own.iter().copied();
    let shape =
        (0..total).map(|axis| if new.contains(&axis) { 1 } else { rest.next().unwrap_or(1) }).collect();
    reshape(x, shape)
}

/// The axes in another order; none: the other way round.
///
/// # Errors
/// Where it is no order of these axes.
pub fn transpose(x: &Value, order: Option<&[usize]>) -> Result<Value, Problem> {
    let axes = x.shape().len();
    let order = order.map_or_else(|| (0..axes).rev().collect(), <[usize]>::to_vec);
    let is_order = order.len() == axes && (0..axes).all(|axis| order.contains(&axis));
    check(is_order, || format!("{order:?} is no order of {axes} axes"))?;
    match x {
        Value::Dense(dense) => Ok(dense.transposed(&order).into()),
        Value::Host(host) => Ok(host.transposed(&order)?.into()),
    }
}

/// The order that takes [`transpose`] back.
pub fn inverse(order: Option<&[usize]>, axes: usize) -> Vec<usize> {
    let order = order.map_or_else(|| (0..axes).rev().collect(), <[usize]>::to_vec);
    let mut inverse = vec![0; axes];
    order.iter().enumerate().for_each(|(at, axis)| inverse[*axis] = at);
    inverse
}

/// A part along an axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    axis: usize,
    start: usize,
    /// Negative where it goes backwards.
    step: isize,
    count: usize,
}

impl Part {
    /// Of an axis of so many entries, from `start` to before `end`, which may be counted from the end.
    fn of(axis: usize, size: usize, [start, end, step]: [i64; 3]) -> Result<Self, Problem> {
        check(step != 0 && step.unsigned_abs() < 1 << 32, || format!("it steps by {step}"))?;
        let size = size as i64;
        let counted = |place: i64| if place < 0 { place.saturating_add(size) } else { place };
        let (start, reach) = if step > 0 {
            let (start, end) = (counted(start).clamp(0, size), counted(end).clamp(0, size));
            (start, end - start)
        } else {
            let (start, end) = (counted(start).clamp(-1, size - 1), counted(end).clamp(-1, size - 1));
            (start, start - end)
        };
        let count = reach.max(0).unsigned_abs().div_ceil(step.unsigned_abs()) as usize;
        // Of no entries it is the same where they would begin.
        let start = if count == 0 { 0 } else { start };
        Ok(Self { axis, start: start.max(0) as usize, step: step as isize, count })
    }

    /// Which entries they are, one by one.
    fn places(&self) -> Vec<usize> {
        (0..self.count).map(|at| self.start.wrapping_add_signed(at as isize * self.step)).collect()
    }

    /// Where it goes forwards: its begin, step and count.
    fn forwards(&self) -> Option<(usize, usize, usize)> {
        usize::try_from(self.step).ok().map(|step| (self.start, step, self.count))
    }
}

/// Which parts of a shape are asked for by their begins, ends, axes and steps.
///
/// # Errors
/// Where these are not as many as each other, an axis is not there, or a step is 0.
pub fn parts(
    own: &[usize],
    [starts, ends]: [&[i64]; 2],
    axes: Option<&[i64]>,
    steps: Option<&[i64]>,
) -> Result<Vec<Part>, Problem> {
    let count = starts.len();
    let all: Vec<i64> = (0..count as i64).collect();
    let (axes, ones) = (axes.unwrap_or(&all), vec![1; count]);
    let steps = steps.unwrap_or(&ones);
    check(ends.len() == count && axes.len() == count && steps.len() == count, || {
        "begins, ends, axes and steps are not as many as each other".into()
    })?;
    once(axes, own.len())?;
    (0..count)
        .map(|at| {
            let axis = axis(axes[at], own.len())?;
            Part::of(axis, own[axis], [starts[at], ends[at], steps[at]])
        })
        .collect()
}

/// These parts.
///
/// # Errors
/// Where nothing is left of a tensor.
pub fn slice(x: &Value, parts: &[Part]) -> Result<Value, Problem> {
    parts.iter().try_fold(x.clone(), |x, part| {
        Ok(match x {
            Value::Dense(dense) => {
                check(part.count > 0, || format!("nothing is left of {:?}", dense.shape()))?;
                match part.forwards() {
                    Some(forwards) => dense.sliced(part.axis, forwards).into(),
                    None => dense.selected(part.axis, &part.places(), &[part.count]).into(),
                }
            }
            Value::Host(host) => host.selected(part.axis, &part.places(), &[part.count])?.into(),
        })
    })
}

/// The cotangent of what was sliced, of that shape.
pub fn slice_vjp(gy: &Dense, parts: &[Part], own: &[usize]) -> Dense {
    parts.iter().rev().fold(gy.clone(), |gy, part| match part.forwards() {
        Some((start, step, _)) => gy.unsliced(part.axis, (start, step, own[part.axis])),
        None => {
            let mut shape = gy.shape().to_vec();
            shape[part.axis] = own[part.axis];
            gy.unselected(part.axis, &part.places(), &shape)
        }
    })
}

/// Values one behind the other along an axis.
///
/// # Errors
/// Where they differ along another.
pub fn join(values: &[&Value], number: i64) -> Result<Value, Problem> {
    let [first, ..] = values else { return Err(Problem::new("nothing is put together")) };
    let axis = axis(number, first.shape().len())?;
    let fits = |value: &&Value| {
        let (own, other) = (value.shape(), first.shape());
        own.len() == other.len() && (0..own.len()).all(|at| at == axis || own[at] == other[at])
    };
    check(values.iter().all(fits), || {
        let shapes: Vec<_> = values.iter().map(|value| value.shape()).collect();
        format!("shapes {shapes:?} cannot be put together along axis {axis}")
    })?;
    let hosts: Option<Vec<&Host>> = values.iter().map(|value| value.host().ok()).collect();
    if let Some(hosts) = hosts {
        return Ok(Host::joined(&hosts)?.into());
    }
    let device = values.iter().find_map(|value| match value {
        Value::Dense(dense) => Some(dense.device()),
        Value::Host(_) => None,
    });
    let device = device.ok_or_else(|| Problem::new("nothing is put together"))?;
    let parts: Vec<Dense> = values.iter().map(|value| value.dense(&device)).collect();
    Ok(Dense::joined(&parts, axis).into())
}

/// The cotangent of one of the values that were joined.
///
/// # Errors
/// None after [`join`].
pub fn join_vjp(which: usize, values: &[&Value], gy: &Dense, number: i64) -> Result<Dense, Problem> {
    let axis = axis(number, gy.axes())?;
    let start = values[..which].iter().map(|value| value.shape()[axis]).sum();
    Ok(gy.sliced(axis, (start, 1, values[which].shape()[axis])))
}

/// Which entries along an axis are asked for.
///
/// # Errors
/// Where there is no such entry.
pub fn places(indices: &Host, size: usize) -> Result<Vec<usize>, Problem> {
    indices.whole().iter().map(|index| axis(*index, size)).collect::<Result<_, _>>().map_err(|_: Problem| {
        let far = indices.whole().into_iter().find(|index| axis(*index, size).is_err()).unwrap_or(0);
        Problem::new(format!("of {size} entries it takes the one at {far}"))
    })
}

/// The entries at these places along an axis.
///
/// # Errors
/// Where axis or entries are not there.
pub fn select(x: &Value, indices: &Host, number: i64, room: &Room) -> Result<Value, Problem> {
    let axis = axis(number, x.shape().len())?;
    let places = places(indices, x.shape()[axis])?;
    let around: usize =
        x.shape().iter().enumerate().filter(|(at, _)| *at != axis).map(|(_, size)| *size).product();
    room.takes(&[around, places.len()])?;
    check(x.shape().len() + indices.shape.len() <= MOST_AXES + 1, || "it makes too many axes".into())?;
    Ok(match x {
        Value::Dense(dense) => {
            check(!places.is_empty(), || "it takes no entries".into())?;
            dense.selected(axis, &places, &indices.shape).into()
        }
        Value::Host(host) => host.selected(axis, &places, &indices.shape)?.into(),
    })
}

/// Spread over the axes along which `asked` has more.
///
/// # Errors
/// Where the shapes do not fit.
pub fn spread(x: &Value, asked: &[i64], room: &Room) -> Result<Value, Problem> {
    let asked: Option<Vec<usize>> = asked.iter().map(|size| usize::try_from(*size).ok()).collect();
    let asked = asked.ok_or_else(|| Problem::new("it is spread to a negative size"))?;
    let shape = fitting(x.shape(), &asked)?;
    room.takes(&shape)?;
    check(shape.len() <= MOST_AXES, || format!("{} axes are too many", shape.len()))?;
    Ok(match x {
        Value::Dense(dense) => dense.spread(&shape).into(),
        // What is as large as maps is none of the host's.
        Value::Host(host) if shape.iter().product::<usize>() > LARGEST_SIZES => {
            host.upload(&room.device).spread(&shape).into()
        }
        Value::Host(host) => host.spread(&shape)?.into(),
    })
}

/// What is put before and behind each axis: entries `[before …, behind …]` of `axes`, or of all.
///
/// # Errors
/// Where they are not two for each axis, or something is to be cut off.
pub fn margins(pads: &[i64], axes: Option<&[i64]>, own: usize) -> Result<Vec<(usize, [usize; 2])>, Problem> {
    let all: Vec<i64> = (0..own as i64).collect();
    let axes = axes.unwrap_or(&all);
    check(pads.len() == 2 * axes.len(), || format!("{pads:?} are not two for each of {} axes", axes.len()))?;
    let margin = |at: usize| {
        let both = [pads[at], pads[at + axes.len()]].map(usize::try_from);
        let [Ok(before), Ok(behind)] = both else {
            return Err(Problem::new("it cuts off instead of adding, which is not supported"));
        };
        Ok((axis(axes[at], own)?, [before, behind]))
    };
    (0..axes.len()).map(margin).collect()
}
