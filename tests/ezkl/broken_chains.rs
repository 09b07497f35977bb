//! Chains whose steps cannot follow each other, whatever their numbers.

use super::world::{WIDTH, World, input, native, reason};
use zkinfer::{
    backend::Control,
    model::{
        Input, Mlp, Model,
        mlp::{Dense, Hidden},
        synthetic::to_onnx,
    },
    pipeline::{ProofGenerator, ProofVerifier, verification::Mode},
    proof::{Aggregated, Bundle, Context, Structure, schema::Direction},
};

fn chain(bundles: [&Bundle; 2]) -> Structure {
    Structure::Aggregated(Aggregated::chain(bundles.map(Bundle::clone).to_vec()).unwrap())
}

#[test]
fn a_batch_is_no_step() {
    let world: &World = native();
    let (generator, control) = (world.generator(), Control::default());
    let witnesses = [0, 1].map(|number| generator.witness(&input(number), &control).unwrap());
    let runs = [0, 1].map(|at| (&witnesses[at], Context::Offchain {}));
    let batch = generator.prove_batch(&runs, &control).unwrap();
    assert!(world.check(&batch.clone().into(), Mode::Fast).status.is_valid());
    for bundles in [[&batch, &world.bundle], [&world.bundle, &batch]] {
        let found = world.check(&chain(bundles), Mode::Fast);
        assert!(reason(&found).contains("one statement"), "{found:?}");
    }
}

/// Half of the inputs are the outputs of the step before: the other half came from nowhere.
#[test]
fn a_step_takes_all_that_it_is_run_on_from_the_one_before() {
    const OUTPUTS: usize = WIDTH / 2;
    let world = native();
    let layer = |inputs: usize, outputs: usize| Dense {
        inputs,
        outputs,
        weights: (0..inputs * outputs).map(|i| (i % 5) as f64 / 5.0 / inputs as f64).collect(),
        bias: vec![0.1; outputs],
    };
    let hidden = vec![Hidden { dense: layer(WIDTH, 6), upper: None }];
    let model = Model::from_onnx(to_onnx(&Mlp { hidden, last: layer(6, OUTPUTS) })).unwrap();
    let control = Control::default();
    let prepared = world.counted().prepare(&model, &control).unwrap();
    let generator = ProofGenerator::new(world.integration.backend(), &prepared);
    let prove = |numbers: Vec<f64>| {
        let witness = generator.witness(&Input::new(vec![numbers]).unwrap(), &control).unwrap();
        generator.prove(&witness, Context::Offchain {}, &control).unwrap()
    };
    let first = prove(vec![0.25; WIDTH]);
    let schema = first.schema().unwrap();
    let values = schema.decode(&first.statement().public_values).unwrap();
    let (tensor, outputs) =
        schema.tensors().iter().zip(values).find(|(tensor, _)| tensor.direction == Direction::Output).unwrap();
    let mut numbers: Vec<f64> = outputs.iter().enumerate().map(|(i, &q)| tensor.dequantize(i, q)).collect();
    numbers.resize(WIDTH, 0.5);
    let second = prove(numbers);
    let verifier = ProofVerifier::new(world.integration.backend(), &prepared);
    let found = verifier.check(&chain([&first, &second]), &super::world::policy(Mode::Fast), &control).unwrap();
    assert!(reason(&found).contains("sizes"), "{found:?}");
}
