//! Constants of a file, wherever and in whatever form they are kept.

use burn::tensor::{bf16, f16};

use crate::nn::graph::{Kind, Problem, check};
use crate::nn::onnx::proto::{EXTERNAL, StringStringEntryProto, TensorProto};

/// Bytes of a file that lies beside the network's: of its name, where they begin, and how many they are.
pub type Siblings<'a> = dyn Fn(&str, usize, usize) -> Result<Vec<u8>, String> + 'a;

/// Most entries of one: 2³⁰, 4 GB.
const MOST_ENTRIES: usize = 1 << 30;

/// The entries of a constant.
#[derive(Clone, Debug, PartialEq)]
pub enum Entries {
    /// Floats of any width.
    Floats(Vec<f32>),
    /// Whole numbers of any width, and truth values as 0 and 1.
    Whole(Vec<i64>),
}

/// A constant.
#[derive(Clone, Debug, PartialEq)]
pub struct Constant {
    /// Row by row.
    pub entries: Entries,
    /// Sizes along each axis.
    pub shape: Vec<usize>,
}

impl Constant {
    /// The same numbers as others.
    pub fn cast(&self, kind: Kind) -> Self {
        let truth = |is: bool| i64::from(is);
        let entries = match (&self.entries, kind) {
            (Entries::Floats(values), Kind::Float) => Entries::Floats(values.clone()),
            (Entries::Floats(values), Kind::Whole) => {
                Entries::Whole(values.iter().map(|value| *value as i64).collect())
            }
            (Entries::Floats(values), Kind::Truth) => {
                Entries::Whole(values.iter().map(|value| truth(*value != 0.0)).collect())
            }
            (Entries::Whole(values), Kind::Float) => {
                Entries::Floats(values.iter().map(|value| *value as f32).collect())
            }
            (Entries::Whole(values), Kind::Whole) => Entries::Whole(values.clone()),
            (Entries::Whole(values), Kind::Truth) => {
                Entries::Whole(values.iter().map(|value| truth(*value != 0)).collect())
            }
        };
        Self { entries, shape: self.shape.clone() }
    }

    /// Reads one.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read(tensor: &TensorProto, siblings: &Siblings<'_>) -> Result<Self, Problem> {
        let (shape, count) = shape(tensor)?;
        let form = Form::of(tensor.data_type.unwrap_or(0))?;
        let external;
        let raw = if tensor.data_location == Some(EXTERNAL) {
            external = outside(&tensor.external_data, count * form.width(), siblings)?;
            Some(&*external)
        } else {
            tensor.raw_data.as_deref()
        };
        let entries = match raw {
            Some(bytes) => form.entries_of(bytes, count)?,
            None => form.entries_in(tensor),
        };
        let found = match &entries {
            Entries::Floats(values) => values.len(),
            Entries::Whole(values) => values.len(),
        };
        check(found == count, || format!("it has {found} entries, and its shape {shape:?} has {count}"))?;
        Ok(Self { entries, shape })
    }
}

/// The sizes of a tensor, and how many entries that are.
fn shape(tensor: &TensorProto) -> Result<(Vec<usize>, usize), Problem> {
    let shape: Option<Vec<usize>> = tensor.dims.iter().map(|size| usize::try_from(*size).ok()).collect();
    let shape = shape.filter(|shape| shape.len() <= 8);
    let shape = shape.ok_or_else(|| Problem::new(format!("{:?} is no shape", tensor.dims)))?;
    let count = shape.iter().try_fold(1usize, |count, size| count.checked_mul(*size));
    let count = count.filter(|count| *count <= MOST_ENTRIES);
    let count = count.ok_or_else(|| Problem::new(format!("{shape:?} is too large")))?;
    Ok((shape, count))
}

/// The bytes of a tensor that lie in another file.
///
/// # Errors
/// What is wrong with it, or why they cannot be read.
pub fn outside_of(tensor: &TensorProto, siblings: &Siblings<'_>) -> Result<Vec<u8>, Problem> {
    let (_, count) = shape(tensor)?;
    let form = Form::of(tensor.data_type.unwrap_or(0))?;
    outside(&tensor.external_data, count * form.width(), siblings)
}

/// So many bytes, which lie in another file.
fn outside(
    words: &[StringStringEntryProto],
    expected: usize,
    siblings: &Siblings<'_>,
) -> Result<Vec<u8>, Problem> {
    let word = |key: &str| {
        let found = words.iter().find(|word| word.key.as_deref() == Some(key));
        found.and_then(|word| word.value.as_deref())
    };
    let name = word("location").ok_or_else(|| Problem::new("it lies in another file that is not named"))?;
    // Never anywhere else than beside the file.
    check(!name.is_empty() && !name.contains(['/', '\\', ':', '\0']) && name != ".." && name != ".", || {
        format!("it lies in {name:?}, and only files beside the network are read")
    })?;
    let number = |key: &str| match word(key).map(str::parse::<usize>) {
        None => Ok(None),
        Some(Ok(number)) => Ok(Some(number)),
        Some(Err(_)) => Err(Problem::new(format!("the {key} of its part of {name} is no number"))),
    };
    let (offset, length) = (number("offset")?.unwrap_or(0), number("length")?.unwrap_or(expected));
    check(length == expected, || {
        format!("{length} bytes of {name} are named for it, and it has {expected}")
    })?;
    let bytes = siblings(name, offset, expected);
    bytes.map_err(|problem| {
        Problem::new(format!("its entries are in {name}, which must lie beside the network: {problem}"))
    })
}

/// How an entry is kept.
#[derive(Clone, Copy, Debug)]
enum Form {
    F32,
    F64,
    F16,
    Bf16,
    I64,
    I32,
    I16,
    U16,
    I8,
    U8,
    Bool,
}

impl Form {
    fn of(number: i32) -> Result<Self, Problem> {
        Ok(match number {
            1 => Self::F32,
            2 => Self::U8,
            3 => Self::I8,
            4 => Self::U16,
            5 => Self::I16,
            6 => Self::I32,
            7 => Self::I64,
            9 => Self::Bool,
            10 => Self::F16,
            11 => Self::F64,
            16 => Self::Bf16,
            other => {
                return Err(Problem::new(format!("its entries are of kind {other} (TensorProto.DataType)")));
            }
        })
    }

    fn width(self) -> usize {
        match self {
            Self::F64 | Self::I64 => 8,
            Self::F32 | Self::I32 => 4,
            Self::F16 | Self::Bf16 | Self::I16 | Self::U16 => 2,
            Self::I8 | Self::U8 | Self::Bool => 1,
        }
    }

    fn entries_of(self, bytes: &[u8], count: usize) -> Result<Entries, Problem> {
        let expected = count * self.width();
        check(bytes.len() == expected, || format!("it has {} bytes in place of {expected}", bytes.len()))?;
        let (two, four, eight) = (bytes.as_chunks().0, bytes.as_chunks().0, bytes.as_chunks().0);
        Ok(match self {
            Self::F32 => Entries::Floats(four.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()),
            Self::F64 => {
                Entries::Floats(eight.iter().map(|bytes| f64::from_le_bytes(*bytes) as f32).collect())
            }
            Self::F16 => {
                Entries::Floats(two.iter().map(|bytes| f16::from_le_bytes(*bytes).to_f32()).collect())
            }
            Self::Bf16 => {
                Entries::Floats(two.iter().map(|bytes| bf16::from_le_bytes(*bytes).to_f32()).collect())
            }
            Self::I64 => Entries::Whole(eight.iter().map(|bytes| i64::from_le_bytes(*bytes)).collect()),
            Self::I32 => Entries::Whole(four.iter().map(|bytes| i32::from_le_bytes(*bytes).into()).collect()),
            Self::I16 => Entries::Whole(two.iter().map(|bytes| i16::from_le_bytes(*bytes).into()).collect()),
            Self::U16 => Entries::Whole(two.iter().map(|bytes| u16::from_le_bytes(*bytes).into()).collect()),
            Self::I8 => Entries::Whole(bytes.iter().map(|byte| i64::from(byte.cast_signed())).collect()),
            Self::U8 | Self::Bool => Entries::Whole(bytes.iter().map(|byte| i64::from(*byte)).collect()),
        })
    }

    /// From the field that `onnx.proto` names for it.
    fn entries_in(self, tensor: &TensorProto) -> Entries {
        match self {
            Self::F32 => Entries::Floats(tensor.float_data.clone()),
            Self::F64 => Entries::Floats(tensor.double_data.iter().map(|value| *value as f32).collect()),
            Self::F16 => {
                let bits = tensor.int32_data.iter();
                Entries::Floats(bits.map(|bits| f16::from_bits(*bits as u16).to_f32()).collect())
            }
            Self::Bf16 => {
                let bits = tensor.int32_data.iter();
                Entries::Floats(bits.map(|bits| bf16::from_bits(*bits as u16).to_f32()).collect())
            }
            Self::I64 => Entries::Whole(tensor.int64_data.clone()),
            Self::I32 | Self::I16 | Self::U16 | Self::I8 | Self::U8 | Self::Bool => {
                Entries::Whole(tensor.int32_data.iter().map(|value| i64::from(*value)).collect())
            }
        }
    }
}
