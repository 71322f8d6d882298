//! A file that needs no other beside it.

use prost::Message as _;
use prost::bytes::Bytes;

use super::constants::{Siblings, outside_of};
use super::error::ReadError;
use crate::nn::onnx::proto::{EXTERNAL, ModelProto};

/// The same file with all entries of its constants in it that lie in others; as it is where none do.
///
/// # Errors
/// [`ReadError`] of such a constant, or of what is no ONNX file.
pub fn whole(file: Bytes, siblings: &Siblings<'_>) -> Result<Bytes, ReadError> {
    let decoded = ModelProto::decode(file.clone());
    let mut model = decoded.map_err(|error| ReadError::Format(error.to_string()))?;
    let mut changed = false;
    let tensors = model.graph.iter_mut().flat_map(|graph| {
        let of_nodes = graph.node.iter_mut().flat_map(|node| &mut node.attribute);
        graph.initializer.iter_mut().chain(of_nodes.filter_map(|attribute| attribute.t.as_mut()))
    });
    for tensor in tensors.filter(|tensor| tensor.data_location == Some(EXTERNAL)) {
        let name = tensor.name.clone().unwrap_or_default();
        let bytes = outside_of(tensor, siblings).map_err(|problem| ReadError::Constant { name, problem })?;
        tensor.raw_data = Some(bytes.into());
        (tensor.data_location, tensor.external_data) = (None, Vec::new());
        changed = true;
    }
    Ok(if changed { model.encode_to_vec().into() } else { file })
}
