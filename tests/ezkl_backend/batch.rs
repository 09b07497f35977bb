//! Many inferences in one circuit and one proof.

use crate::world::{Built, TINY, build, tiny_input, tiny_model};
use std::{num::NonZeroU32, sync::LazyLock};
use zkinfer::{
    backend::{
        BackendError, Control, ProvingBackend,
        ezkl::{EzklBackend, EzklOptions, batch},
    },
    model::{
        Input, Model,
        synthetic::{Graph, random_mlp, to_onnx},
    },
};

const FOUR: NonZeroU32 = NonZeroU32::new(4).unwrap();

static BATCH: LazyLock<Built> = LazyLock::new(|| build(&tiny_model(), EzklOptions::new().batch(FOUR)).unwrap());

/// A batch of four says, item by item, what four single proofs say.
#[test]
fn a_batch_is_proven_at_once_and_splits_into_its_items() {
    let schema = BATCH.artifacts.schema().unwrap();
    assert_eq!(schema.tensors()[0].shape, [4, 4]);
    assert_ne!(BATCH.artifacts.model_id(), TINY.prepared.artifacts.model_id(), "it is another model");
    assert_eq!(EzklBackend::batch_of(&BATCH.artifacts).unwrap(), FOUR);
    let inputs: Vec<Input> = (0..4).map(tiny_input).collect();
    let statement = BATCH.proves(&batch::assemble(&schema, FOUR, &inputs).unwrap());
    let items = batch::split(&schema, FOUR, &statement.public_values).unwrap();
    assert_eq!(items.len(), 4);
    let (single, item_schema) = (TINY.prepared.artifacts.schema().unwrap(), batch::item_schema(&schema, FOUR).unwrap());
    for (item, input) in items.iter().zip(&inputs) {
        let alone = BATCH.backend.witness(&TINY.prepared.artifacts, input, &Control::default()).unwrap();
        let values = item_schema.decode(&item.public_values).unwrap();
        assert_eq!(values, single.decode(&alone.public_values).unwrap());
        assert!(!item.padding);
    }
}

#[test]
fn a_batch_that_is_not_full_is_padded_and_says_so() {
    let schema = BATCH.artifacts.schema().unwrap();
    let inputs = [tiny_input(1), tiny_input(2)];
    let statement = BATCH.proves(&batch::assemble(&schema, FOUR, &inputs).unwrap());
    let items = batch::split(&schema, FOUR, &statement.public_values).unwrap();
    assert_eq!(items.iter().map(|item| item.padding).collect::<Vec<_>>(), [false, false, true, true]);
    assert_eq!(items[2], items[3]);
}

#[test]
fn batches_of_another_size_are_refused() {
    let schema = BATCH.artifacts.schema().unwrap();
    let many: Vec<Input> = (0..5).map(tiny_input).collect();
    for inputs in [&[][..], &many] {
        assert!(matches!(batch::assemble(&schema, FOUR, inputs), Err(BackendError::BatchSize { max: 4, .. })));
    }
    let short = Input::new(vec![vec![0.0; 3]]).unwrap();
    assert!(matches!(batch::assemble(&schema, FOUR, &[short]), Err(BackendError::Model(_))));
    let single = TINY.prepared.artifacts.schema().unwrap();
    assert!(matches!(batch::item_schema(&single, FOUR), Err(BackendError::Unsupported { .. })));
    let other = TINY.prepared.artifacts.schema().unwrap().encode(&[vec![], vec![]]);
    assert!(other.is_err());
}

/// A model without a dimension for a batch, and one whose items would influence each other, are refused.
#[test]
fn models_that_cannot_take_a_batch_are_refused() {
    let mut graph = Graph::new(13, &[2, 4]);
    let y = graph.node("Relu", &["x"], vec![]);
    let two = Model::from_onnx(graph.finish(&y, &[2, 4])).unwrap();
    let mut graph = Graph::new(13, &[1, 4]);
    let y = graph.node("Softmax", &["x"], vec![zkinfer::model::synthetic::int("axis", 0)]);
    let mixing = Model::from_onnx(graph.finish(&y, &[1, 4])).unwrap();
    // Integers are tried out with some that differ.
    let mut graph = Graph::new(13, &[1, 4]);
    let greatest = graph.node("ReduceMax", &["x"], vec![crate::onnx::ints("axes", &[0])]);
    let y = graph.node("Sub", &["x", &greatest], vec![]);
    let whole = crate::onnx::typed(&graph.finish(&y, &[1, 4]), &[("x", 7), (&y, 7)]);
    for (model, words) in [(two, "first dimension"), (mixing, "influence"), (whole, "influence")] {
        let error = build(&model, EzklOptions::new().batch(FOUR)).map(|_| ()).unwrap_err();
        assert!(matches!(error, BackendError::Unsupported { .. }) && error.to_string().contains(words), "{error}");
    }
    // A network that is enlarged differs from the one that is not in nothing but its batch.
    assert!(Model::from_onnx(to_onnx(&random_mlp(&[4, 8, 3], 1).unwrap())).is_ok());
}
