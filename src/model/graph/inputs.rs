//! The tensors that enter a graph, and the sizes of their symbolic axes.

use super::{
    GraphError, Input, Options,
    build::Builder,
    proto::{Dim, Kind, ValueInfo},
    small::SmallFloat,
    tensor::{Element, TensorType, checked_elements},
};
use std::collections::{BTreeMap, BTreeSet};

/// Gives every input a fixed shape. An unnamed axis goes by `input[axis]`.
pub(super) fn bind(
    builder: &mut Builder,
    inputs: &[&ValueInfo<'_>],
    options: &Options,
) -> Result<Vec<(String, usize)>, GraphError> {
    let mut known = BTreeSet::new();
    let mut sizes: BTreeMap<String, usize> = BTreeMap::new();
    for info in inputs {
        for (axis, dim) in dims(info)?.1.iter().enumerate() {
            let Some(symbol) = symbol(info.name, axis, *dim) else { continue };
            if let Some(&size) = options.dims.get(&symbol) {
                sizes.insert(symbol.clone(), size);
            } else if axis == 0 {
                sizes.insert(symbol.clone(), 1);
            }
            known.insert(symbol);
        }
    }
    if let Some(unknown) = options.dims.keys().find(|name| !known.contains(*name)) {
        let known = if known.is_empty() { "none".into() } else { known.into_iter().collect::<Vec<_>>().join(", ") };
        return Err(GraphError::UnknownSymbol { symbol: unknown.clone(), known });
    }
    let batch: Vec<&str> =
        sizes.keys().filter(|symbol| !options.dims.contains_key(*symbol)).map(String::as_str).collect();
    if !batch.is_empty() {
        builder.remarks.push(format!(
            "the first axis `{}` is the batch and is 1; --dim {}=N gives it another size",
            batch.join("`, `"),
            batch[0]
        ));
    }
    for info in inputs.iter().filter(|info| matches!(info.kind, Kind::Optional { .. })) {
        builder.remarks.push(format!("the input `{}` is optional; here it is there", info.name));
    }
    for info in inputs {
        let (declared, dims) = dims(info)?;
        let shape: Result<Vec<usize>, GraphError> =
            dims.iter().enumerate().map(|(axis, dim)| size(info.name, axis, *dim, &sizes)).collect();
        let shape = shape?;
        if checked_elements(&shape).is_none() {
            return Err(GraphError::tensor(info.name, format!("has the shape {shape:?}, which is too large")));
        }
        let batch = shape.first() == Some(&1) && dims.first().is_some_and(|dim| symbol(info.name, 0, *dim).is_some());
        let value = builder.value(info.name, TensorType::new(declared, shape));
        builder.inputs.push(Input { value, declared, batch });
    }
    Ok(sizes.into_iter().collect())
}

/// What an input holds where that are floats of 8 or 4 bits: they enter as 32-bit floats.
pub(super) fn small(info: &ValueInfo<'_>) -> Option<SmallFloat> {
    match info.kind {
        Kind::Tensor { element, .. } | Kind::Optional { element, .. } => SmallFloat::from_onnx(element),
        _ => None,
    }
}

fn dims<'i, 'a>(info: &'i ValueInfo<'a>) -> Result<(Element, &'i [Dim<'a>]), GraphError> {
    let refuse = |reason: &str| GraphError::tensor(info.name, reason);
    match &info.kind {
        Kind::Tensor { element, dims } | Kind::Optional { element, dims } => {
            let element = Element::from_onnx(*element)
                .map_err(|what| refuse(&format!("is an input of {what}, which cannot be proven")))?;
            let dims = dims.as_deref().ok_or_else(|| {
                refuse(
                    "is an input without a shape; export the model with one (onnx.shape_inference does not help here)",
                )
            })?;
            Ok((element, dims))
        }
        Kind::Other(what) => Err(refuse(&format!("is an input that is {what}; only tensors can be proven"))),
        Kind::Missing => Err(refuse("is an input without a type")),
    }
}

/// The name that an axis without a size goes by.
fn symbol(tensor: &str, axis: usize, dim: Dim<'_>) -> Option<String> {
    match dim {
        Dim::Symbol(name) => Some(name.to_owned()),
        // Some exporters write -1 for "unknown".
        Dim::Unknown | Dim::Size(-1) => Some(format!("{tensor}[{axis}]")),
        Dim::Size(_) => None,
    }
}

fn size(tensor: &str, axis: usize, dim: Dim<'_>, sizes: &BTreeMap<String, usize>) -> Result<usize, GraphError> {
    let refuse = |reason: String| Err(GraphError::tensor(tensor, reason));
    let size = match symbol(tensor, axis, dim) {
        Some(symbol) => match sizes.get(&symbol) {
            Some(&size) => size,
            None => return Err(GraphError::Symbol { tensor: tensor.to_owned(), axis, symbol }),
        },
        None => {
            let Dim::Size(size) = dim else { return refuse("has an axis without a size".into()) };
            match usize::try_from(size) {
                Ok(size) => size,
                Err(_) => return refuse(format!("has the impossible size {size} on axis {axis}")),
            }
        }
    };
    if size == 0 {
        return refuse(format!("is empty: its axis {axis} has the size 0; export the model with a sample that is not"));
    }
    Ok(size)
}
