//! Batch circuits: N inferences in one circuit and one proof.
//!
//! A batch circuit is the model with N in place of the 1 of its first dimension: another model, with another key, schema and
//! id. Its public values hold the items one after the other in every tensor. A batch that is not full is padded with inputs of
//! zeros; the proof covers the padding like any other item, and its public values show it: see [`BatchItem::padding`].

use super::{samples::whole, worker::NAME};
use crate::{
    backend::BackendError,
    model::{Input, Model, TensorInfo},
    proof::{PublicValues, Schema, TensorSchema, schema::Direction},
};
use alloy::primitives::I256;
use prost::Message;
use std::num::NonZeroU32;
use tract_onnx::pb;

/// Greatest difference between an item computed alone and in a batch, of the greatest output: floats are added in another
/// order.
const TOLERANCE: f64 = 1e-4;

/// One inference of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BatchItem {
    /// Its public values, by [`item_schema`].
    pub public_values: PublicValues,
    /// Whether all of its inputs are zero, as those that fill up a batch are. An inference on zeros looks the same, and is
    /// proven the same.
    pub padding: bool,
}

/// The schema of one item of a batch: the first dimension of every tensor is 1.
///
/// # Errors
/// [`BackendError::Unsupported`] when this is no schema of a batch of `batch`.
pub fn item_schema(schema: &Schema, batch: NonZeroU32) -> Result<Schema, BackendError> {
    let tensors = schema.tensors().iter().map(|tensor| match tensor.shape.split_first() {
        Some((&first, rest)) if first == u64::from(batch.get()) => {
            let shape = std::iter::once(1).chain(rest.iter().copied()).collect();
            Ok(TensorSchema { shape, ..tensor.clone() })
        }
        _ => Err(unsupported(format!("tensor `{}` holds no batch of {batch}", tensor.name))),
    });
    Ok(Schema::new(tensors.collect::<Result<_, _>>()?)?)
}

/// Splits a batch's public values into its items', in order.
///
/// # Errors
/// [`BackendError::Schema`] when the values do not fit; as [`item_schema`].
pub fn split(schema: &Schema, batch: NonZeroU32, values: &PublicValues) -> Result<Vec<BatchItem>, BackendError> {
    let item_schema = item_schema(schema, batch)?;
    let tensors = schema.decode(values)?;
    (0..batch.get() as usize)
        .map(|item| {
            let of_item: Vec<Vec<I256>> = tensors
                .iter()
                .zip(item_schema.tensors())
                .map(|(values, tensor)| {
                    values.iter().skip(item * tensor.elements()).take(tensor.elements()).copied().collect()
                })
                .collect();
            let inputs =
                of_item.iter().zip(schema.tensors()).filter(|(_, tensor)| tensor.direction == Direction::Input);
            let padding = inputs.flat_map(|(values, _)| values).all(|value| value.is_zero());
            Ok(BatchItem { public_values: item_schema.encode(&of_item)?, padding })
        })
        .collect()
}

/// Puts inputs of single inferences together, and fills up with zeros.
///
/// # Errors
/// [`BackendError::BatchSize`] when there are none or too many; [`BackendError::Model`] when one does not fit.
pub fn assemble(schema: &Schema, batch: NonZeroU32, items: &[Input]) -> Result<Input, BackendError> {
    let max = batch.get() as usize;
    if items.is_empty() || items.len() > max {
        return Err(BackendError::BatchSize { items: items.len(), max });
    }
    let tensors = crate::backend::input_tensors(&item_schema(schema, batch)?);
    for item in items {
        item.check(&tensors)?;
    }
    let larger = crate::backend::input_tensors(schema);
    fill(&larger, items)
}

/// Puts inputs one after the other into tensors that may hold more, and fills up with zeros.
pub(super) fn fill(tensors: &[TensorInfo], items: &[Input]) -> Result<Input, BackendError> {
    let lists = tensors.iter().enumerate().map(|(at, tensor)| {
        let mut list: Vec<f64> =
            items.iter().filter_map(|item| item.tensors().get(at)).flat_map(|list| list.iter().copied()).collect();
        list.resize(tensor.elements(), 0.0);
        list
    });
    Ok(Input::new(lists.collect())?)
}

/// The model that takes `batch` inputs at once. That it computes the same item by item is tried out.
pub(super) fn enlarge(model: &Model, batch: NonZeroU32) -> Result<Model, BackendError> {
    if batch.get() == 1 {
        return Ok(model.clone());
    }
    if let Some(tensor) =
        [model.inputs(), model.outputs()].concat().iter().find(|tensor| tensor.shape.first() != Some(&1))
    {
        return Err(unsupported(format!(
            "the first dimension of `{}` is not 1, so there is none for a batch",
            tensor.name
        )));
    }
    let mut proto = pb::ModelProto::decode(model.canonical_onnx()).map_err(|error| unsupported(error.to_string()))?;
    if let Some(graph) = &mut proto.graph {
        rewrite(graph, i64::from(batch.get()));
    }
    let why = |error: &dyn std::fmt::Display| unsupported(format!("it cannot take {batch} inputs at once ({error})"));
    let larger = Model::from_onnx(proto.encode_to_vec()).map_err(|error| why(&error))?;
    let fits = |single: &[TensorInfo], many: &[TensorInfo]| {
        single.len() == many.len()
            && single.iter().zip(many).all(|(single, many)| {
                many.shape.first() == Some(&u64::from(batch.get())) && single.shape[1..] == many.shape[1..]
            })
    };
    if !fits(model.inputs(), larger.inputs()) || !fits(model.outputs(), larger.outputs()) {
        return Err(why(&"the shapes do not follow the batch"));
    }
    if !computes_the_same(model, &larger, batch.get() as usize)? {
        return Err(why(&"items of a batch influence each other"));
    }
    Ok(larger)
}

/// Puts `batch` in place of the first dimension's 1, in inputs, outputs and the shapes that `Reshape` takes.
fn rewrite(graph: &mut pb::GraphProto, batch: i64) {
    use pb::{tensor_shape_proto::dimension::Value as Dim, type_proto::Value};
    let constants: Vec<String> = graph.initializer.iter().map(|tensor| tensor.name.clone()).collect();
    let infos = graph.input.iter_mut().filter(|input| !constants.contains(&input.name)).chain(&mut graph.output);
    for info in infos {
        if let Some(Value::TensorType(tensor)) = info.r#type.as_mut().and_then(|kind| kind.value.as_mut())
            && let Some(first) = tensor.shape.as_mut().and_then(|shape| shape.dim.first_mut())
        {
            first.value = Some(Dim::DimValue(batch));
        }
    }
    // Shapes of intermediate tensors: a reader infers them.
    graph.value_info.clear();
    let shapes: Vec<String> = graph
        .node
        .iter()
        .filter(|node| node.op_type == "Reshape")
        .filter_map(|node| node.input.get(1).cloned())
        .collect();
    for tensor in graph.initializer.iter_mut().filter(|tensor| shapes.contains(&tensor.name)) {
        if tensor.int64_data.first() == Some(&1) {
            tensor.int64_data[0] = batch;
        } else if tensor.raw_data.get(..8) == Some(&1i64.to_le_bytes()) {
            tensor.raw_data.splice(..8, batch.to_le_bytes());
        }
    }
}

/// Runs different inputs alone and together.
fn computes_the_same(single: &Model, larger: &Model, batch: usize) -> Result<bool, BackendError> {
    let mut uniform = crate::model::quantize::uniform(7);
    let mut draw = |elements: usize| (0..elements).map(|_| uniform()).collect::<Vec<f64>>();
    let mut item = || whole(single, single.inputs().iter().map(|tensor| draw(tensor.elements())).collect());
    let items: Vec<Vec<Vec<f64>>> = (0..batch).map(|_| item()).collect();
    let lists = (0..single.inputs().len()).map(|at| items.iter().flat_map(|item| item[at].iter().copied()).collect());
    let together = larger.run(&Input::new(lists.collect())?)?;
    for (at, item) in items.into_iter().enumerate() {
        for (alone, together) in single.run(&Input::new(item)?)?.iter().zip(&together) {
            let mine = together.chunks_exact(alone.len().max(1)).nth(at).unwrap_or_default();
            let greatest = alone.iter().fold(1.0f64, |most, x| most.max(f64::from(x.abs())));
            let close = |(a, b): (&f32, &f32)| f64::from((a - b).abs()) <= TOLERANCE * greatest;
            if mine.len() != alone.len() || !alone.iter().zip(mine).all(close) {
                return Ok(false);
            }
        }
    }
    Ok(true)
}

fn unsupported(reason: String) -> BackendError {
    BackendError::Unsupported { backend: NAME, reason }
}
