//! Every honest proof verifies, with the outputs of an independent reference.

#![allow(clippy::unwrap_used)]

mod common;

use common::{MODEL, Xorshift, needed, requests, srs, weights};
use proptest::prelude::*;
use zkinfer_prover::circuit::{Saturation, Shape};
use zkinfer_prover::{Level, ModelSecret, ProveError, Prover, RangeKind, Request, Verifier, setup};

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
    fn honest_proofs_verify(shape in arbitrary_shape(), samples in 1usize..6, rho2 in 0u8..5, seed in any::<u64>()) {
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
        match prover.prove(MODEL, &requests(&shape, samples, limit, seed)) {
            Ok((statements, proof)) => {
                for statement in &statements {
                    let values = &statement.values;
                    prop_assert_eq!(&values.outputs, &reference(&shape, &bytes, &values.inputs));
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
