//! Models other than the shipped one, from ONNX to a verified proof.

use crate::world::{World, fresh_cache};
use std::sync::Arc;
use zkinfer::{
    backend::{
        BackendError, Control, ProvingBackend,
        native::{Committed, NativeBackend},
    },
    model::{
        Input, Model,
        synthetic::{Graph, int, random_mlp, to_onnx},
    },
    pipeline::{EZKLIntegration, PipelineError},
    proof::Context,
};

pub(crate) fn random_input(width: usize, low: f64, high: f64) -> Vec<f64> {
    (0..width).map(|i| low + (high - low) * ((i * 37 + 11) % 101) as f64 / 100.0).collect()
}

/// Proves one input and compares the answer with tract's.
fn proves(model: &Model, backend: NativeBackend, input: Vec<f64>) {
    proves_lists(model, backend, vec![input]);
}

/// Proves the model; or, where an operator is given, refuses it and names that one.
pub(crate) fn proves_or_names(model: &Model, lists: Vec<Vec<f64>>, operator: Option<&str>) {
    let (_dir, cache) = fresh_cache();
    let integration = EZKLIntegration::new(Arc::new(NativeBackend::new()), cache);
    match (integration.prepare(model, &Control::default()), operator) {
        (Err(refused), Some(operator)) => assert!(refused.to_string().contains(operator), "{refused}"),
        (prepared, _) => {
            prepared.unwrap();
            proves_lists(model, NativeBackend::new(), lists);
        }
    }
}

/// The same with a list per input tensor. The statement has all tensors, in the graph's order.
fn proves_lists(model: &Model, backend: NativeBackend, lists: Vec<Vec<f64>>) {
    let world = World::of(model, backend);
    let input = Input::new(lists.clone()).unwrap();
    let bundle = world.prove(&input, Context::Offchain {});
    let verdict =
        world.backend.verify(&world.prepared.artifacts, bundle.statements(), bundle.proof(), &Control::default());
    assert!(verdict.unwrap().is_valid());
    let expected: Vec<Vec<f64>> =
        model.run(&input).unwrap().iter().map(|list| list.iter().map(|&x| x.into()).collect()).collect();
    let greatest = expected.iter().flatten().fold(0.0f64, |most, x| most.max(x.abs()));
    let found = world.real(&bundle);
    assert_eq!(found.len(), lists.len() + expected.len());
    for (at, (found, expected)) in found.iter().zip(lists.iter().chain(&expected)).enumerate() {
        let bound = if at < lists.len() { 0.02 } else { 0.04 * greatest };
        assert_eq!(found.len(), expected.len());
        for (quantized, float) in found.iter().zip(expected) {
            assert!((quantized - float).abs() < bound, "{quantized} against {float}");
        }
    }
}

#[test]
fn one_to_four_layers_are_proven() {
    for widths in [&[5, 3][..], &[16, 24, 4], &[16, 20, 24, 6], &[8, 12, 12, 12, 5]] {
        let model = Model::from_onnx(to_onnx(&random_mlp(widths, 4).unwrap())).unwrap();
        proves(&model, NativeBackend::new(), random_input(widths[0], 0.0, 1.0));
    }
}

#[test]
fn negative_inputs_need_samples_and_are_proven_with_them() {
    let model = Model::from_onnx(to_onnx(&random_mlp(&[10, 16, 4], 8).unwrap())).unwrap();
    let input = random_input(10, -3.0, 3.0);
    let samples = Input::new(vec![[input.clone(), random_input(10, -3.0, 3.0)].concat()]).unwrap();
    proves(&model, NativeBackend::with_calibration(samples), input);
}

#[test]
fn clipped_networks_are_proven() {
    let mut mlp = random_mlp(&[10, 16, 12, 4], 8).unwrap();
    mlp.hidden[0].upper = Some(1.0);
    let model = Model::from_onnx(to_onnx(&mlp)).unwrap();
    let input = random_input(10, 0.0, 1.0);
    let samples = Input::new(vec![input.clone()]).unwrap();
    proves(&model, NativeBackend::with_calibration(samples), input);
}

/// Two towers put together, and two heads: four tensors in one statement. A side of two tensors cannot be hidden.
#[test]
fn several_inputs_and_outputs_are_in_the_statement() {
    let mut graph = Graph::new(13, &[1, 3]);
    graph.input("right", &[1, 2]);
    let draw = |count: usize| random_input(count, -0.5, 0.5).iter().map(|&x| x as f32).collect::<Vec<f32>>();
    let both = graph.node("Concat", &["right", "x"], vec![int("axis", 1)]);
    let (v, w, u) =
        (graph.constant(&[5, 6], &draw(30)), graph.constant(&[6, 2], &draw(12)), graph.constant(&[6, 1], &draw(6)));
    let z = graph.node("MatMul", &[&both, &v], vec![]);
    let hidden = graph.node("Relu", &[&z], vec![]);
    let [value, scores] = [&u, &w].map(|weights| graph.node("MatMul", &[&hidden, weights], vec![]));
    let model = Model::from_onnx(graph.finish_with(&[(&scores, &[1, 2]), (&value, &[1, 1])])).unwrap();
    let lists = vec![random_input(3, -2.0, 2.0), random_input(2, 0.0, 1.0)];
    let samples = Input::new(vec![random_input(9, -3.0, 3.0), random_input(6, -1.0, 1.0)]).unwrap();
    proves_lists(&model, NativeBackend::with_calibration(samples), lists);
    let hidden = Committed { inputs: true, outputs: false };
    let backend = NativeBackend::new().with_hidden(hidden);
    let (_dir, cache) = fresh_cache();
    let integration = EZKLIntegration::new(Arc::new(backend), cache);
    let error = integration.prepare(&model, &Control::default()).unwrap_err().to_string();
    assert!(error.contains("2 input tensors, and only one can be hidden"), "{error}");
}

#[test]
fn what_is_not_proven_is_named_and_another_backend_is_advised() {
    let mut graph = Graph::new(9, &[1, 70]);
    let name = graph.node("TopK", &["x"], vec![int("k", 70)]);
    let model = Model::from_onnx(graph.finish(&name, &[1, 70])).unwrap();
    let (_dir, cache) = fresh_cache();
    let integration = EZKLIntegration::new(Arc::new(NativeBackend::new()), cache);
    let error = integration.prepare(&model, &Control::default()).unwrap_err();
    assert!(matches!(error, PipelineError::Backend(BackendError::Unsupported { .. })), "{error}");
    let text = error.to_string();
    assert!(text.contains("TopK (node `TopK_n0`)") && text.contains("--backend ezkl"), "{text}");
}
