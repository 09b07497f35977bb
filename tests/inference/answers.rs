//! Answers: right, near the floating-point model, refused when they are not.

use crate::world::{DIGITS, OFFCHAIN, assert_proves, digits, seven, small, small_input, world};
use std::sync::Arc;
use zkinfer::{
    FailureClass,
    backend::{
        Control, Openings,
        mock::MockBackend,
        native::{Committed, NativeBackend},
    },
    inference::{EngineOptions, InferenceEngine, InferenceError},
    model::{
        Input, Model,
        synthetic::{Graph, int},
    },
    pipeline::{EZKLIntegration, PipelineError},
};

fn largest(values: &[f64]) -> usize {
    (0..values.len()).max_by(|&a, &b| values[a].total_cmp(&values[b])).unwrap()
}

#[test]
fn what_is_proven_is_what_was_answered() {
    let control = Control::default();
    let (answer, bundle) = DIGITS.engine.run_with_proof(&seven(), OFFCHAIN, &control).unwrap();
    assert_eq!(largest(&answer.outputs[0].values), 7);
    assert_eq!((answer.outputs[0].name.as_str(), answer.outputs[0].shape.as_slice()), ("logits", &[1, 10][..]));
    assert_proves(&DIGITS.engine, &answer, &bundle);
    let again = DIGITS.engine.run(&seven(), &control).unwrap();
    assert_eq!((again.outputs, again.public_values), (answer.outputs.clone(), answer.public_values.clone()));
    assert_eq!(again.distance, answer.distance);
    assert_eq!(answer.outputs[0].float, DIGITS.engine.model().run(&seven()).unwrap()[0]);
}

/// Whoever runs the model knows its answer; the statement has a commitment to it, which the answer's opening opens.
#[test]
fn a_hidden_output_is_answered_with_what_opens_it() {
    let control = Control::default();
    let hidden = NativeBackend::new().with_hidden(Committed { inputs: false, outputs: true });
    let [hidden, public] =
        [hidden, NativeBackend::new()].map(|backend| world(small(), Arc::new(backend), EngineOptions::default()));
    let (answer, bundle) = hidden.engine.run_with_proof(&small_input(), OFFCHAIN, &control).unwrap();
    assert_eq!(answer.outputs, public.engine.run(&small_input(), &control).unwrap().outputs);
    assert_eq!(bundle.statement().public_values, answer.public_values);
    assert_eq!(answer.public_values.as_bytes().len(), 8 * 2 + 64);
    let openings = Openings::new(bundle.model_id(), vec![answer.opening.unwrap()]);
    assert!(NativeBackend::new().check_openings(&bundle, None, &openings).unwrap().is_valid());
    assert!(public.engine.run(&small_input(), &control).unwrap().opening.is_none());
}

#[test]
fn the_distance_from_the_floating_point_model_is_measured() {
    let answer = DIGITS.engine.run(&seven(), &Control::default()).unwrap();
    let output = &answer.outputs[0];
    let differences: Vec<f64> =
        output.values.iter().zip(&output.float).map(|(a, &b)| (a - f64::from(b)).abs()).collect();
    assert_eq!(answer.distance.largest, differences[largest(&differences)]);
    assert_eq!(answer.distance.index, largest(&differences));
    // Quantized to 8 bits: not the same numbers, but near.
    assert!(answer.distance.largest > 0.0 && answer.distance.largest < 1.0, "{:?}", answer.distance);
}

#[test]
fn an_answer_too_far_away_is_refused_before_it_is_proven() {
    let measured = DIGITS.engine.run(&seven(), &Control::default()).unwrap().distance;
    let engine = |limit| {
        let integration = DIGITS.engine.integration().clone();
        let options = EngineOptions { max_distance: Some(limit), ..EngineOptions::default() };
        InferenceEngine::new(digits(), integration, options, &Control::default())
    };
    let control = Control::default();
    assert!(engine(measured.largest).unwrap().run(&seven(), &control).is_ok());
    let strict = engine(measured.largest * 0.99).unwrap();
    let errors = [
        strict.run(&seven(), &control).unwrap_err(),
        strict.run_with_proof(&seven(), OFFCHAIN, &control).unwrap_err(),
        strict.run_then_prove(&seven(), OFFCHAIN, &control).unwrap_err(),
    ];
    for error in errors {
        let InferenceError::TooFar { tensor, index, .. } = &error else { panic!("{error}") };
        assert_eq!((tensor, *index), (&measured.tensor, measured.index));
        assert_eq!(error.class(), FailureClass::BadInput);
    }
    assert_eq!(strict.background(), 0);
    for bad in [-1.0, f64::NAN] {
        assert!(matches!(engine(bad), Err(InferenceError::Options(_))));
    }
    assert_eq!(DIGITS.engine.integration().builds(), 1, "the artifacts were built once for all engines");
}

#[test]
fn inputs_that_do_not_fit_are_refused() {
    let control = Control::default();
    for tensors in [vec![vec![0.0; 63]], vec![vec![0.0; 65]], vec![], vec![vec![0.0; 64]; 2]] {
        let error = DIGITS.engine.run_then_prove(&Input::new(tensors).unwrap(), OFFCHAIN, &control).unwrap_err();
        assert!(matches!(error, InferenceError::Pipeline(PipelineError::Model(_))), "{error}");
        assert_eq!(error.class(), FailureClass::BadInput);
    }
    let far = Input::new(vec![vec![1e9; 64]]).unwrap();
    let error = DIGITS.engine.run(&far, &control).unwrap_err();
    assert_eq!(error.class(), FailureClass::BadInput, "{error}");
    assert_eq!(DIGITS.engine.background(), 0, "their slots are free again");
}

#[test]
fn a_model_that_the_backend_cannot_prove_is_refused_at_the_start() {
    let mut graph = Graph::new(9, &[1, 70]);
    let output = graph.node("TopK", &["x"], vec![int("k", 70)]);
    let model = Model::from_onnx(graph.finish(&output, &[1, 70])).unwrap();
    let integration = EZKLIntegration::new(Arc::new(NativeBackend::new()), DIGITS.cache.clone());
    let error = InferenceEngine::new(model, integration, EngineOptions::default(), &Control::default()).unwrap_err();
    assert!(error.class() == FailureClass::BadInput && error.to_string().contains("TopK"), "{error}");
}

#[test]
fn a_caller_that_cancelled_gets_no_answer() {
    let control = Control::default();
    control.cancel.cancel();
    assert!(matches!(DIGITS.engine.run(&seven(), &control), Err(InferenceError::Cancelled)));
    assert!(matches!(DIGITS.engine.run_with_proof(&seven(), OFFCHAIN, &control), Err(InferenceError::Cancelled)));
}

/// (mock) The engine knows no backend: one that proves nothing answers, and its bundle does not verify.
#[test]
fn a_mock_answers_and_proves_nothing() {
    let world = world(small(), Arc::new(MockBackend::default()), EngineOptions::default());
    let (answer, handle) = world.engine.run_then_prove(&small_input(), OFFCHAIN, &Control::default()).unwrap();
    assert!(answer.distance.largest <= 2f64.powi(-16), "{:?}", answer.distance);
    let bundle = handle.wait().unwrap();
    assert_eq!(bundle.manifest().backend.as_str(), "mock");
}
