//! Models other than the shipped one, from ONNX to a verified proof.

use crate::world::{World, fresh_cache};
use std::sync::Arc;
use zkinfer::{
    backend::{Control, ProvingBackend, native::NativeBackend},
    model::{
        Input, Model,
        synthetic::{Graph, random_mlp, to_onnx},
    },
    pipeline::{EZKLIntegration, PipelineError},
    proof::Context,
};

fn random_input(width: usize, low: f64, high: f64) -> Vec<f64> {
    (0..width).map(|i| low + (high - low) * ((i * 37 + 11) % 101) as f64 / 100.0).collect()
}

/// Proves one input and compares the answer with tract's.
fn proves(model: &Model, backend: NativeBackend, input: Vec<f64>) {
    let world = World::of(model, backend);
    let input = Input::new(vec![input]).unwrap();
    let bundle = world.prove(&input, Context::Offchain {});
    let verdict =
        world.backend.verify(&world.prepared.artifacts, bundle.statements(), bundle.proof(), &Control::default());
    assert!(verdict.unwrap().is_valid());
    let float = model.run(&input).unwrap();
    let greatest = float[0].iter().fold(0.0f64, |most, x| most.max(f64::from(x.abs())));
    for (quantized, float) in world.real(&bundle)[1].iter().zip(&float[0]) {
        assert!((quantized - f64::from(*float)).abs() < 0.04 * greatest, "{quantized} against {float}");
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

#[test]
fn unsupported_operators_are_named_and_another_backend_is_advised() {
    let mut graph = Graph::new(13, &[1, 4]);
    let name = graph.node("Acosh", &["x"], vec![]);
    let model = Model::from_onnx(graph.finish(&name, &[1, 4])).unwrap();
    let (_dir, cache) = fresh_cache();
    let integration = EZKLIntegration::new(Arc::new(NativeBackend::new()), cache);
    let error = integration.prepare(&model, &Control::default()).unwrap_err();
    assert!(matches!(error, PipelineError::UnsupportedOperators { .. }), "{error}");
    let text = error.to_string();
    assert!(text.contains("Acosh") && text.contains("Acosh_n0") && text.contains("--backend ezkl"), "{text}");
}
