//! Every honest proof verifies, with the outputs of an independent reference.

#![allow(clippy::unwrap_used)]

mod common;

use common::{MODEL, Xorshift, needed, requests, srs, weights};
use proptest::prelude::*;
use zkinfer_prover::circuit::{Committed, Saturation, Shape};
use zkinfer_prover::srs::test_srs;
use zkinfer_prover::{
    CommittedTensor, Level, ModelSecret, ProveError, Prover, RangeKind, Request, SampleSecrets, Verifier, setup,
};

/// Plain integer inference, written without looking at the crate's own.
fn reference(shape: &Shape, weights: &[u8], inputs: &[u16]) -> Vec<i64> {
    let mut wires: Vec<i64> = inputs.iter().map(|x| i64::from(*x)).collect();
    let mut bytes = weights.iter();
    for l in 1..=shape.layers() {
        let mut next = Vec::new();
        for _ in 0..shape.dims()[l] {
            let mut z = 0i64;
            for wire in &wires {
                z += i64::from(*bytes.next().unwrap() as i8) * wire;
            }
            let bias: Vec<u8> = (0..4).map(|_| *bytes.next().unwrap()).collect();
            z += i64::from(i32::from_be_bytes(bias.try_into().unwrap()));
            next.push(z);
        }
        if l < shape.layers() {
            let hi = shape.saturation().map_or(i64::MAX, |s| i64::from(s[l - 1].bound()));
            // Round half up, then clamp.
            next.iter_mut().for_each(|z| *z = (*z + 128).div_euclid(256).clamp(0, hi));
        }
        wires = next;
    }
    wires
}

/// No side, one, or both.
fn committed(choice: u8) -> Committed {
    Committed { inputs: choice & 1 != 0, outputs: choice & 2 != 0 }
}

fn arbitrary_shape() -> impl Strategy<Value = Shape> {
    (prop::collection::vec(1usize..40, 2..6), 0usize..3, any::<u64>()).prop_map(|(dims, saturating, seed)| {
        let mut rng = Xorshift::new(seed);
        let hidden = dims.len() - 2;
        let bound = |rng: &mut Xorshift| {
            if rng.below(2) == 0 { Saturation::Narrow } else { Saturation::Wide }
        };
        let saturation = (saturating > 0).then(|| (0..hidden).map(|_| bound(&mut rng)).collect());
        Shape::new(dims, saturation).unwrap()
    })
}

/// A few cases by default; `PROPTEST_CASES` asks for more.
fn config() -> ProptestConfig {
    let cases = if std::env::var_os("PROPTEST_CASES").is_some() { ProptestConfig::default().cases } else { 24 };
    ProptestConfig { cases, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn honest_proofs_verify(shape in arbitrary_shape(), samples in 1usize..6, rho2 in 0u8..5, choice in 0u8..4, seed in any::<u64>()) {
        let committed = committed(choice);
        let shape = shape.with_committed(committed).unwrap();
        let level = Level::Two { rho2 };
        let level = if rho2 > 0 && level.is_valid(&shape) { level } else { Level::One };
        prop_assert!(needed(&shape, samples) <= srs().powers().len());
        let weights = weights(&shape, seed);
        let bytes = weights.to_bytes();
        let secret = ModelSecret::from_bytes([9; 32]);
        let key = setup::generate(weights, &secret, Some(level), srs()).unwrap();
        setup::check_key(&key, srs()).unwrap();
        setup::check_opening(key.verifying_key(), key.weights(), &secret, srs()).unwrap();
        let verifier = Verifier::new(key.verifying_key().clone(), srs().pinned()).unwrap();
        let prover = Prover::new(key, srs(), samples).unwrap();
        // Saturating shapes take any input; plain ones overflow on large activations.
        let limit = if shape.saturation().is_some() { 65536 } else { 256 };
        let requests = requests(&shape, samples, limit, seed);
        let secrets: Vec<SampleSecrets> = (0..samples).map(|_| SampleSecrets::generate(committed).unwrap()).collect();
        match prover.prove_committed(MODEL, &requests, &secrets) {
            Ok((statements, proof)) => {
                for ((statement, request), secrets) in statements.iter().zip(&requests).zip(&secrets) {
                    let values = &statement.values;
                    let outputs = reference(&shape, &bytes, &request.inputs);
                    match &secrets.inputs {
                        None => prop_assert_eq!(&values.inputs, &request.inputs),
                        Some(secret) => {
                            let inputs: Vec<u32> = request.inputs.iter().map(|x| u32::from(*x)).collect();
                            prop_assert_eq!(values.input_point, CommittedTensor::new(srs(), &inputs, secret).ok());
                        }
                    }
                    match &secrets.outputs {
                        None => prop_assert_eq!(&values.outputs, &outputs),
                        Some(secret) => {
                            prop_assert_eq!(values.output_point, CommittedTensor::new(srs(), &outputs, secret).ok());
                        }
                    }
                    let read = zkinfer_prover::PublicValues::from_bytes(&shape, &values.to_bytes()).unwrap();
                    prop_assert_eq!(&read, values);
                }
                let proof = proof.to_bytes();
                prop_assert_eq!(proof.len(), verifier.proof_len(samples).unwrap());
                verifier.verify(&statements, &proof).unwrap();
            }
            Err(ProveError::Range { what, .. }) => {
                prop_assert!(shape.saturation().is_none() && what == RangeKind::Activation, "{}", what);
            }
            Err(error) => prop_assert!(false, "{error}"),
        }
    }
}

#[test]
fn bounds_of_the_shapes_are_reached() {
    // Wider than the table, exactly a power of two, one above it; one layer; the largest batch here.
    for (dims, samples) in
        [(vec![509, 1, 1], 1), (vec![508, 2, 1], 2), (vec![510, 1, 1], 1), (vec![1, 1], 64), (vec![300, 3], 3)]
    {
        let shape = common::shape(&dims, None);
        let (prover, verifier) = common::pair(&shape, Level::One, samples, 1);
        let (statements, proof) = common::prove(&prover, samples, 2);
        verifier.verify(&statements, &proof).unwrap();
    }
}

/// More outputs than there are other positions: only their commitment makes the columns longer.
#[test]
fn wide_committed_outputs_verify() {
    let shape = common::shape(&[2, 300], None).with_committed(committed(2)).unwrap();
    let srs = test_srs(needed(&shape, 1)).unwrap();
    let key = setup::generate(weights(&shape, 6), &ModelSecret::from_bytes([1; 32]), None, &srs).unwrap();
    let verifier = Verifier::new(key.verifying_key().clone(), srs.pinned()).unwrap();
    let prover = Prover::new(key, &srs, 1).unwrap();
    let secrets = [SampleSecrets::generate(committed(2)).unwrap()];
    let (statements, proof) = prover.prove_committed(MODEL, &requests(&shape, 1, 256, 2), &secrets).unwrap();
    verifier.verify(&statements, &proof.to_bytes()).unwrap();
}

#[test]
fn out_of_range_values_name_the_layer_and_saturation_removes_them() {
    let dims = [2usize, 3, 2];
    let weights = |shape: &Shape, bias| {
        zkinfer_prover::circuit::Weights::new(
            shape.clone(),
            vec![vec![1; 6], vec![1; 6]],
            vec![vec![0, bias, 0], vec![0; 2]],
        )
        .unwrap()
    };
    let run = |saturation, bias| {
        let shape = common::shape(&dims, saturation);
        let key = setup::generate(weights(&shape, bias), &ModelSecret::from_bytes([1; 32]), None, srs()).unwrap();
        let verifier = Verifier::new(key.verifying_key().clone(), srs().pinned()).unwrap();
        let prover = Prover::new(key, srs(), 1).unwrap();
        let request = Request { inputs: vec![3, 4], context_id: [0; 32] };
        let (statements, proof) = prover.prove(MODEL, &[request])?;
        verifier.verify(&statements, &proof.to_bytes()).unwrap();
        Ok::<_, ProveError>(statements[0].values.outputs.clone())
    };
    let error = run(None, 65536 * 256).unwrap_err();
    assert!(matches!(error, ProveError::Range { layer: 1, neuron: 1, what: RangeKind::Activation, .. }), "{error}");
    assert_eq!(run(Some(Saturation::Wide), 65536 * 256).unwrap(), [65535, 65535]);
    assert_eq!(run(Some(Saturation::Narrow), i32::MAX).unwrap(), [255, 255]);
    assert_eq!(run(None, i32::MIN).unwrap(), [0, 0]);
}

#[test]
fn zero_weights_and_zero_inputs_prove() {
    let shape = common::shape(&[4, 3, 2], None);
    let weights = zkinfer_prover::circuit::Weights::new(
        shape.clone(),
        vec![vec![0; 12], vec![0; 6]],
        vec![vec![0; 3], vec![0; 2]],
    )
    .unwrap();
    let key = setup::generate(weights, &ModelSecret::from_bytes([0; 32]), None, srs()).unwrap();
    let verifier = Verifier::new(key.verifying_key().clone(), srs().pinned()).unwrap();
    let prover = Prover::new(key, srs(), 2).unwrap();
    let requests = vec![Request { inputs: vec![0; 4], context_id: [0; 32] }; 2];
    let (statements, proof) = prover.prove(MODEL, &requests).unwrap();
    verifier.verify(&statements, &proof.to_bytes()).unwrap();
}
