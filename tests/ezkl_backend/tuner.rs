//! The tuner's circuits against EZKL's own.

use crate::world::{TINY, WORLD, backend_with, build, digits, fresh_cache, prove, seven, tiny_input, tiny_model};
use zkinfer::{
    backend::{
        Artifacts, BackendError, Control, ProvingBackend,
        ezkl::{EzklBackend, EzklOptions, Forecast, Objective, Tuning},
    },
    model::{
        Input, Model,
        synthetic::{Graph, random_mlp, to_onnx},
    },
    pipeline::{EZKLIntegration, PipelineError, ProofVerifier, integration::IntegrationConfig},
};

const SAMPLES: &[u8] = include_bytes!("../../models/digits/calibration.json");

/// What EZKL chooses by itself is a circuit of this backend, and answers the same, at another size.
#[test]
fn ezkls_own_choice_is_larger_and_right() {
    let (_dir, cache) = fresh_cache();
    let samples = Input::from_json(SAMPLES).unwrap();
    let options = EzklOptions::new().tuning(Tuning::EzklDefault).calibration(samples);
    let theirs = backend_with(&cache, options);
    let control = Control::default();
    let dir = tempfile::tempdir().unwrap();
    let circuit = theirs.compile(&digits(), dir.path(), &control).unwrap();
    let k = |details: &serde_json::Value| details["k"].as_u64().unwrap();
    assert_eq!(k(&circuit.details), 15);
    assert!(k(&WORLD.prepared.artifacts.identity().details) < 15);
    assert_ne!(theirs.recipe(&digits()), WORLD.backend.recipe(&digits()));
    let float = digits().run(&seven()).unwrap();
    assert_eq!(circuit.schema.tensors()[1].elements(), float[0].len());
}

fn samples(scale: f64) -> Input {
    let lists = (0..8).flat_map(|i| tiny_input(i).tensors()[0].clone()).map(|x| x * scale);
    Input::new(vec![lists.collect()]).unwrap()
}

fn near(predicted: u64, real: u64, percent: u64) {
    assert!(predicted.abs_diff(real) * 100 <= real * percent, "{predicted} predicted, {real} in reality");
}

/// What was predicted before the circuit was compiled, beside what came true.
#[test]
fn forecasts_come_true() {
    let (artifacts, bundle) = (&WORLD.prepared.artifacts, &WORLD.bundle);
    let Forecast { k, rows, proof_bytes, verifier_bytes, gas, .. } = EzklBackend::forecast(artifacts).unwrap().unwrap();
    let identity = artifacts.identity();
    assert_eq!(
        (u64::from(k), rows),
        (identity.details["k"].as_u64().unwrap(), identity.details["rows"].as_u64().unwrap())
    );
    assert_eq!(proof_bytes, identity.proof_bytes);
    near(verifier_bytes, WORLD.prepared.verifier.as_ref().unwrap().runtime_code.len() as u64, 3);
    let verifier = ProofVerifier::new(&*WORLD.backend, &WORLD.prepared);
    let real = verifier.embedded(bundle.statements(), bundle.proof()).unwrap().unwrap().gas.transaction;
    // The adapter around the verifier, which the forecast leaves out, is the rest.
    near(gas, real, 15);
    let parity = EzklBackend::parity_of(artifacts).unwrap().unwrap();
    assert!(parity.relative_error() < 0.02 && !parity.given, "{parity:?}");
}

/// With samples the digits model gets a smaller circuit than without, and keeps within the accuracy that is aimed at.
#[test]
fn samples_buy_a_smaller_circuit() {
    let options =
        EzklOptions::new().tuning(Tuning::Ours(Objective::Latency)).calibration(Input::from_json(SAMPLES).unwrap());
    let built = build(&digits(), options).unwrap();
    let cells = |details: &serde_json::Value| {
        details["run_args"]["num_inner_cols"].as_u64().unwrap() << details["k"].as_u64().unwrap()
    };
    assert!(cells(&built.artifacts.identity().details) < cells(&WORLD.prepared.artifacts.identity().details));
    let parity = EzklBackend::parity_of(&built.artifacts).unwrap().unwrap();
    assert!(parity.given && parity.relative_error() <= 0.01 && parity.out_of_domain() == 0, "{parity:?}");
    built.proves(&seven());
}

#[test]
fn gas_and_memory_buy_one_column() {
    for objective in [Objective::Gas, Objective::Memory] {
        let built = build(&tiny_model(), EzklOptions::new().tuning(Tuning::Ours(objective))).unwrap();
        let forecast = EzklBackend::forecast(&built.artifacts).unwrap().unwrap();
        let balanced = EzklBackend::forecast(&TINY.prepared.artifacts).unwrap().unwrap();
        match objective {
            Objective::Gas => {
                assert_eq!(built.artifacts.identity().proof_bytes, 1_952);
                assert!(forecast.gas < balanced.gas);
            }
            _ => assert!(forecast.peak_rss_kb <= balanced.peak_rss_kb),
        }
        assert_eq!(forecast.proof_bytes, built.artifacts.identity().proof_bytes);
        built.proves(&tiny_input(4));
    }
}

/// Values that the samples show are admitted, with room, and the choice is proven on them.
#[test]
fn samples_widen_the_range() {
    let wide = samples(1_000.0);
    let tuning = EzklOptions::new().tuning(Tuning::Ours(Objective::Latency));
    let built = build(&tiny_model(), tuning.clone().calibration(wide.clone())).unwrap();
    let parity = EzklBackend::parity_of(&built.artifacts).unwrap().unwrap();
    assert!(parity.out_of_domain() == 0 && parity.given, "{parity:?}");
    let twice = Input::new(vec![wide.tensors()[0][..4].iter().map(|x| 2.0 * x).collect()]).unwrap();
    built.backend.witness(&built.artifacts, &twice, &Control::default()).unwrap();
}

/// A network on raw pixels, whose first weights are hundreds of times smaller than seven fraction bits tell apart: nothing is left
/// of it at those. With samples its weights are finer, also where nothing was asked for.
#[test]
fn samples_make_weights_finer() {
    let mut mlp = random_mlp(&[4, 8, 3], 1).unwrap();
    mlp.hidden[0].dense.weights.iter_mut().for_each(|weight| *weight /= 255.0);
    let model = Model::from_onnx(to_onnx(&mlp)).unwrap();
    let pixels: Vec<f64> = samples(255.0).tensors()[0].iter().map(|x| x.round()).collect();
    let built = build(&model, EzklOptions::new().calibration(Input::new(vec![pixels]).unwrap())).unwrap();
    let parity = EzklBackend::parity_of(&built.artifacts).unwrap().unwrap();
    assert!(parity.given && parity.relative_error() <= 0.01, "{parity:?}");
    let args = &built.artifacts.identity().details["run_args"];
    assert_eq!(args["input_scale"], 2, "whole numbers need no fine inputs");
    assert!(args["param_scale"].as_i64().unwrap() > 9, "{args}");
}

#[test]
fn accuracy_that_cannot_be_kept_is_an_error() {
    let options =
        EzklOptions::new().tuning(Tuning::Ours(Objective::Latency)).calibration(samples(0.37)).max_error(1e-12);
    let error = build(&tiny_model(), options).map(|_| ()).unwrap_err();
    assert!(matches!(error, BackendError::Unsupported { .. }) && error.to_string().contains('%'), "{error}");
    let short = Input::new(vec![vec![0.5; 7]]).unwrap();
    let error = build(&tiny_model(), EzklOptions::new().calibration(short)).map(|_| ()).unwrap_err();
    assert!(matches!(error, BackendError::Model(_)), "{error}");
}

/// Eight tables to look into: with two columns, which every model has by default, the forecast is a verifier that no chain would
/// take. With one it is deployable, and so is what EZKL generates and the compiler makes of it.
#[test]
fn many_lookups_leave_a_verifier_that_a_chain_takes() {
    let mut graph = Graph::new(17, &[1, 4]);
    let w = graph.constant(&[4, 4], &crate::onnx::weights(16));
    let inner = graph.node("MatMul", &["x", &w], vec![]);
    let mut sum = graph.node("Sigmoid", &[&inner], vec![]);
    for operator in ["Tanh", "Erf", "Sin", "Cos", "Atan", "Asinh", "Cosh"] {
        let more = graph.node(operator, &[&inner], vec![]);
        sum = graph.node("Add", &[&sum, &more], vec![]);
    }
    let model = Model::from_onnx(graph.finish(&sum, &[1, 4])).unwrap();
    let (_dir, cache) = fresh_cache();
    let integration = EZKLIntegration::new(backend_with(&cache, EzklOptions::new()), cache);
    let prepared = integration.prepare(&model, &Control::default()).unwrap();
    let columns = |artifacts: &Artifacts| artifacts.identity().details["run_args"]["num_inner_cols"].clone();
    assert_eq!((columns(&WORLD.prepared.artifacts), columns(&prepared.artifacts)), (2.into(), 1.into()));
    let code = prepared.verifier.as_ref().unwrap().runtime_code.len();
    assert!(code <= 24_576, "{code} bytes");
    let bundle = prove(&integration, &prepared, &tiny_input(1));
    let report = ProofVerifier::new(integration.backend(), &prepared).verify(&bundle, &Control::default()).unwrap();
    assert!(report.verdict().is_valid() && report.embedded_evm.is_some(), "{report:?}");
}

fn limited(most: usize, tuning: Tuning) -> (tempfile::TempDir, EZKLIntegration) {
    let (dir, cache) = fresh_cache();
    let config = IntegrationConfig { max_code_bytes: Some(most), ..IntegrationConfig::default() };
    let backend = backend_with(&cache, EzklOptions::new().tuning(tuning));
    (dir, EZKLIntegration::with_config(backend, cache, config).unwrap())
}

/// The forecast lets two columns pass, and the compiler's contract is larger than the chain takes: another circuit is made, whose
/// contract is not, and it proves.
#[test]
fn a_verifier_that_comes_out_too_large_is_made_again_with_other_parameters() {
    let ours = Tuning::Ours(Objective::Balanced);
    let code = TINY.prepared.verifier.as_ref().unwrap().runtime_code.len();
    let (_dir, integration) = limited(code - 1, ours);
    let prepared = integration.prepare(&tiny_model(), &Control::default()).unwrap();
    let smaller = prepared.verifier.as_ref().unwrap().runtime_code.len();
    assert!(smaller < code, "{smaller} bytes, after {code}");
    let columns = |artifacts: &Artifacts| artifacts.identity().details["run_args"]["num_inner_cols"].clone();
    assert_eq!((columns(&TINY.prepared.artifacts), columns(&prepared.artifacts)), (2.into(), 1.into()));
    assert_ne!(TINY.prepared.artifacts.model_id(), prepared.artifacts.model_id());
    let bundle = prove(&integration, &prepared, &tiny_input(1));
    let report = ProofVerifier::new(integration.backend(), &prepared).verify(&bundle, &Control::default()).unwrap();
    assert!(report.verdict().is_valid() && report.embedded_evm.is_some(), "{report:?}");
    // What fits is what it was.
    let (_dir, integration) = limited(code, ours);
    let same = integration.prepare(&tiny_model(), &Control::default()).unwrap();
    assert_eq!(same.artifacts.model_id(), TINY.prepared.artifacts.model_id());
}

/// Where nothing smaller exists, every attempt's size is in the error, and nothing is left in the cache.
#[test]
fn a_verifier_that_fits_nowhere_is_an_error_with_its_sizes() {
    let (_dir, integration) = limited(10_000, Tuning::Ours(Objective::Balanced));
    let error = integration.prepare(&tiny_model(), &Control::default()).unwrap_err();
    let PipelineError::VerifierTooLarge { sizes, limit: 10_000, .. } = &error else { panic!("{error}") };
    assert!(sizes.len() > 1 && sizes.windows(2).all(|pair| pair[1] < pair[0]), "{sizes:?}");
    let text = error.to_string();
    assert!(sizes.iter().all(|size| text.contains(&size.to_string())), "{text}");
    assert!(text.contains("10000") && text.contains("--optimize gas") && text.contains("--backend native"), "{text}");
    assert_eq!(integration.status().cached_circuits, 0);
}
