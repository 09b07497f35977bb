//! The evaluation opening gives the verdicts that nova-snark's HyperKZG gave for the same powers of
//! tau, polynomial, point and value. `make compare` runs both on many more cases; the recorded ones
//! are made by `tests/nova`.

#![allow(clippy::unwrap_used)]

use ark_bn254::{Fr, G1Affine};
use ark_ff::{AdditiveGroup, Field, PrimeField};
use serde_json::Value;
use zkinfer_prover::comparison::{Evaluation, Opener, Place};
use zkinfer_prover::srs::test_srs;

const PLACES: [Place; 3] = [Place::Column, Place::Model { kappa: 0 }, Place::Model { kappa: 2 }];

fn bytes(value: &Value) -> Vec<u8> {
    let text = value.as_str().unwrap().strip_prefix("0x").unwrap().as_bytes();
    text.chunks(2).map(|c| u8::from_str_radix(std::str::from_utf8(c).unwrap(), 16).unwrap()).collect()
}

fn scalar(value: &Value) -> Fr {
    Fr::from_be_bytes_mod_order(&bytes(value))
}

fn scalars(value: &Value) -> Vec<Fr> {
    value.as_array().unwrap().iter().map(scalar).collect()
}

/// The multilinear extension by its definition.
fn extension(polynomial: &[Fr], point: &[Fr]) -> Fr {
    let eq = |a: usize| -> Fr {
        point.iter().enumerate().map(|(i, r)| if a >> i & 1 == 1 { *r } else { Fr::ONE - r }).product()
    };
    polynomial.iter().enumerate().map(|(a, c)| *c * eq(a)).sum()
}

fn opener(variables: usize) -> Opener {
    Opener::new(&test_srs(1 << variables).unwrap(), variables).unwrap()
}

#[test]
fn recorded_verdicts_of_nova_are_ours() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/native-openings.json");
    let file: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let polynomials: Vec<Vec<Fr>> = file["polynomials"].as_array().unwrap().iter().map(scalars).collect();
    let polynomial = |index: &Value| &polynomials[index.as_u64().unwrap() as usize];
    // One more than the largest point: some commitments are too long.
    let opener = opener(7);
    let mut verdicts = [0, 0];
    for case in file["cases"].as_array().unwrap() {
        let name = &case["name"];
        let (folded, folded_at) = (polynomial(&case["folded"]), scalars(&case["folded_at"]));
        let claim = Evaluation {
            commitment: opener.commit(polynomial(&case["committed"])),
            point: scalars(&case["point"]),
            value: scalar(&case["value"]),
        };
        assert_eq!(claim.commitment_bytes().to_vec(), bytes(&case["commitment"]), "{name}");
        assert_eq!(extension(folded, &folded_at), scalar(&case["evaluates_to"]), "{name}");
        let accepted = case["accepted"].as_bool().unwrap();
        for place in PLACES {
            let proof = opener.prove(&claim, folded, &folded_at, place).unwrap();
            assert_eq!(opener.verify(&claim, place, &proof).is_ok(), accepted, "{name}, {place:?}");
        }
        verdicts[usize::from(accepted)] += 1;
    }
    assert!(verdicts.iter().all(|n| *n >= 8), "refused and accepted: {verdicts:?}");
}

#[test]
fn every_changed_word_of_an_opening_is_refused() {
    let opener = opener(5);
    let polynomial: Vec<Fr> = (0..32u64).map(|a| Fr::from(a * a + 3)).collect();
    let point: Vec<Fr> = (0..5u64).map(|i| Fr::from(1000 + 77 * i)).collect();
    let value = extension(&polynomial, &point);
    let claim = Evaluation { commitment: opener.commit(&polynomial), point: point.clone(), value };
    for place in PLACES {
        let proof = opener.prove(&claim, &polynomial, &point, place).unwrap();
        opener.verify(&claim, place, &proof).unwrap();
        for word in 0..proof.len() / 32 {
            let mut bad = proof.clone();
            bad[32 * word + 31] ^= 1;
            assert!(opener.verify(&claim, place, &bad).is_err(), "word {word}, {place:?}");
        }
        for other in PLACES.iter().filter(|other| **other != place) {
            assert!(opener.verify(&claim, *other, &proof).is_err(), "{place:?} as {other:?}");
        }
        // A commitment that is not the identity, and the claim of another one.
        let other = Evaluation { commitment: G1Affine::identity(), value: Fr::ZERO, ..claim.clone() };
        assert!(opener.verify(&other, place, &proof).is_err());
    }
}
