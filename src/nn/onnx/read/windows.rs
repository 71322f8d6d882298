//! Attributes of a node, and those that say how a window moves.

use crate::nn::graph::{Padding, Problem, Window, check};
use crate::nn::onnx::proto::{AttributeProto, NodeProto, TensorProto};

/// The attributes of a node.
#[derive(Clone, Copy, Debug)]
pub struct Attributes<'a>(pub &'a NodeProto);

impl<'a> Attributes<'a> {
    fn get(self, name: &str) -> Option<&'a AttributeProto> {
        self.0.attribute.iter().find(|attribute| attribute.name.as_deref() == Some(name))
    }

    /// A whole number, or what it is where it is left out.
    pub fn int(self, name: &str, otherwise: i64) -> i64 {
        self.get(name).and_then(|attribute| attribute.i).unwrap_or(otherwise)
    }

    /// The same where it may be left out.
    pub fn maybe_int(self, name: &str) -> Option<i64> {
        self.get(name)?.i
    }

    /// A float.
    pub fn float(self, name: &str, otherwise: f64) -> f64 {
        self.get(name).and_then(|attribute| attribute.f).map_or(otherwise, f64::from)
    }

    /// A float that may be left out.
    pub fn maybe_float(self, name: &str) -> Option<f32> {
        self.get(name)?.f
    }

    /// Whole numbers.
    pub fn ints(self, name: &str) -> Option<&'a [i64]> {
        self.get(name).map(|attribute| &*attribute.ints)
    }

    /// Floats.
    pub fn floats(self, name: &str) -> Option<&'a [f32]> {
        self.get(name).map(|attribute| &*attribute.floats)
    }

    /// A word.
    pub fn text(self, name: &str, otherwise: &'a str) -> &'a str {
        let found = self.get(name).and_then(|attribute| attribute.s.as_deref());
        found.and_then(|bytes| std::str::from_utf8(bytes).ok()).unwrap_or(otherwise)
    }

    /// A constant.
    pub fn tensor(self, name: &str) -> Option<&'a TensorProto> {
        self.get(name)?.t.as_ref()
    }
}

/// How the window of a node moves whose size is `kernel`.
///
/// # Errors
/// Where it does not move over rows and columns, or not as ONNX allows.
pub fn window(attributes: Attributes<'_>, kernel: &[i64]) -> Result<Window, Problem> {
    let two = |name: &str, otherwise: i64| -> Result<[usize; 2], Problem> {
        let found = attributes.ints(name).unwrap_or(&[]);
        let found = if found.is_empty() { &[otherwise; 2][..] } else { found };
        pair(found, name)
    };
    let kernel = pair(kernel, "kernel_shape")?;
    let pads = attributes.ints("pads").filter(|pads| !pads.is_empty()).unwrap_or(&[0; 4]);
    let padding = match attributes.text("auto_pad", "NOTSET") {
        "NOTSET" => {
            let sizes: Option<Vec<usize>> = pads.iter().map(|size| usize::try_from(*size).ok()).collect();
            let [top, left, bottom, right] =
                sizes.and_then(|sizes| sizes.try_into().ok()).ok_or_else(|| {
                    Problem::new(format!(
                        "pads {pads:?} are not two for rows and two for columns, none below 0"
                    ))
                })?;
            Padding::Explicit([[top, bottom], [left, right]])
        }
        "VALID" => Padding::Explicit([[0; 2]; 2]),
        "SAME_UPPER" => Padding::Same { behind: true },
        "SAME_LOWER" => Padding::Same { behind: false },
        other => return Err(Problem::new(format!("auto_pad is {other:?}"))),
    };
    let groups = usize::try_from(attributes.int("group", 1)).unwrap_or(0);
    let window = Window {
        kernel,
        stride: two("strides", 1)?,
        padding,
        dilation: two("dilations", 1)?,
        groups,
        is_ceil: attributes.int("ceil_mode", 0) != 0,
    };
    let positive = [window.kernel, window.stride, window.dilation].concat();
    check(groups > 0 && positive.iter().all(|size| (1..=4096).contains(size)), || {
        format!("its window {positive:?} in {groups} groups is none")
    })?;
    if let Padding::Explicit(pads) = padding {
        check(pads.concat().iter().all(|pad| *pad <= 4096), || format!("pads {pads:?} are too large"))?;
    }
    Ok(window)
}

fn pair(numbers: &[i64], name: &str) -> Result<[usize; 2], Problem> {
    let sizes: Option<Vec<usize>> = numbers.iter().map(|size| usize::try_from(*size).ok()).collect();
    sizes
        .and_then(|sizes| <[usize; 2]>::try_from(sizes).ok())
        .ok_or_else(|| Problem::new(format!("{name} {numbers:?} is not one of rows and columns")))
}
