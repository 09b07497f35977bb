//! `verify_many`: verdicts, numbers of products, and the attack that the weights prevent.

use ark_bn254::{Fr, G1Affine};
use ark_ec::{AffineRepr, CurveGroup};

use super::gadget::Gadget;
use super::graph::samples::{mixed, mlp};
use super::statement::{NetworkStatement, PortValue};
use super::testing::Fixture;
use super::verify::{NetworkClaim, verify_many, verify_many_rules};
use crate::circuit::Committed;
use crate::encoding::{Reader, point_bytes};
use crate::error::{Check, VerifyError};
use crate::keys::Level;
use crate::rules::{Rule, Rules};
use crate::testing::MODEL;

type Proven = (Vec<NetworkStatement>, Vec<u8>);

/// Two networks with the same `nu`, one of them with committed ports, and one with two levels.
fn fixtures() -> Vec<Fixture> {
    let relu = Gadget::Relu { shift: 8 };
    let hidden = Committed { inputs: true, outputs: false };
    vec![
        Fixture::new(mlp(&[4, 2], &[], 3), Level::One, 2),
        Fixture::new(mlp(&[4, 3], &[], 4).with_committed(hidden), Level::One, 2),
        Fixture::new(mlp(&[5, 9, 3], &[relu], 5), Level::Two { rho2: 1 }, 2),
        Fixture::new(mixed(6), Level::One, 1),
    ]
}

fn proven(f: &Fixture, samples: usize, seed: u64) -> Proven {
    let secrets = f.secrets(samples);
    let (statements, proof) = f.prover.prove_committed(MODEL, &f.requests(samples, seed), &secrets).unwrap();
    (statements, proof.to_bytes())
}

fn claims<'a>(fixtures: &[&'a Fixture], proven: &'a [Proven]) -> Vec<NetworkClaim<'a>> {
    let pairs = fixtures.iter().zip(proven);
    pairs.map(|(f, (statements, proof))| NetworkClaim { verifier: &f.verifier, statements, proof }).collect()
}

/// Adds `by` to `pi_2`, which stands before the responses: everything up to V6 still holds.
fn shift(f: &Fixture, proof: &mut [u8], by: G1Affine) {
    let committed = f.verifier.key().program().parts().committed_ports().count();
    let end = proof.len() - 32 * (f.verifier.key().level().count() + 2 + 2 * committed);
    let point = Reader::new(&proof[end - 64..end]).point().unwrap();
    proof[end - 64..end].copy_from_slice(&point_bytes(&(point + by).into_affine()));
}

#[test]
fn valid_proofs_take_one_product() {
    let fixtures = fixtures();
    let order: Vec<&Fixture> = [0, 1, 0].map(|i| &fixtures[i]).into();
    let proofs: Vec<Proven> = order.iter().enumerate().map(|(i, f)| proven(f, 1 + i % 2, i as u64 + 1)).collect();
    let found = verify_many(&claims(&order, &proofs));
    assert!(found.all_valid(), "{found:?}");
    assert_eq!((found.products, found.pairs), (1, 3), "as one proof");
    // Other moduli are pairs of their own; still one product.
    let order: Vec<&Fixture> = fixtures.iter().collect();
    let proofs: Vec<Proven> = order.iter().map(|f| proven(f, 1, 8)).collect();
    let found = verify_many(&claims(&order, &proofs));
    assert!(found.all_valid(), "{found:?}");
    let mut exponents: Vec<usize> = order.iter().flat_map(|f| f.verifier.key().exponents()).collect();
    exponents.sort_unstable();
    exponents.dedup();
    assert_eq!((found.products, found.pairs), (1, 2 + exponents.len()));
    assert!(verify_many(&[]).all_valid());
}

#[test]
fn bad_proofs_are_found_and_fail_alone() {
    let fixtures = fixtures();
    let order: Vec<&Fixture> = [1, 0, 2, 1, 0].map(|i| &fixtures[i]).into();
    let mut proofs: Vec<Proven> = order.iter().map(|f| proven(f, 1, 4)).collect();
    shift(order[0], &mut proofs[0].1, G1Affine::generator());
    proofs[2].1.pop();
    if let PortValue::Elements(outputs) = &mut proofs[4].0[0].ports[1] {
        outputs[0] += 1;
    }
    let found = verify_many(&claims(&order, &proofs));
    for (verdict, claim) in found.verdicts.iter().zip(claims(&order, &proofs)) {
        let alone = claim.verifier.verify(claim.statements, claim.proof);
        assert_eq!(format!("{verdict:?}"), format!("{alone:?}"));
    }
    assert!(matches!(found.verdicts[0], Err(VerifyError::Rejected(Check::V7))));
    assert!(matches!(found.verdicts[2], Err(VerifyError::Encoding(_))));
    assert!(matches!(found.verdicts[4], Err(VerifyError::Rejected(Check::V4))));
    assert!(found.verdicts[1].is_ok() && found.verdicts[3].is_ok());
}

/// Two proofs of one statement with `pi_2 + P` and `pi_2 - P`.
#[test]
fn errors_cancel_only_without_weights() {
    let f = &fixtures()[1];
    let honest = proven(f, 1, 7);
    let (mut plus, mut minus) = (honest.clone(), honest.clone());
    let by = (G1Affine::generator() * Fr::from(77u64)).into_affine();
    shift(f, &mut plus.1, by);
    shift(f, &mut minus.1, -by);
    let proofs = [plus, honest, minus];
    let claims = claims(&[f, f, f], &proofs);
    assert!(verify_many_rules(&claims, Rules { dropped: Some(Rule::Weights) }).all_valid(), "the attack works");
    let found = verify_many(&claims);
    assert!(matches!(found.verdicts[..], [Err(_), Ok(()), Err(_)]), "{found:?}");
}
