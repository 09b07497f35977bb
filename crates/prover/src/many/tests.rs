//! Verdicts, numbers of products, and the attack that the weights prevent.

use ark_ec::{AffineRepr, CurveGroup};
use ark_ff::AdditiveGroup;

use super::*;
use crate::circuit::Shape;
use crate::encoding::point_bytes;
use crate::keys::Level;
use crate::testing::{Fixture, MODEL};

type Proven = (Vec<Statement>, Vec<u8>);

/// Four models; the first two share `nu`, the third has two levels, the fourth another `nu`.
fn fixtures() -> Vec<Fixture> {
    [
        (vec![5, 7, 3], Level::One),
        (vec![4, 2], Level::One),
        (vec![5, 9, 3], Level::Two { rho2: 2 }),
        (vec![520, 2], Level::One),
    ]
    .into_iter()
    .enumerate()
    .map(|(seed, (dims, level))| Fixture::new(Shape::new(dims, None).unwrap(), level, seed as u64 + 3, 3))
    .collect()
}

fn proven(fixture: &Fixture, samples: usize, seed: u64) -> Proven {
    let (statements, proof) = fixture.prover.prove(MODEL, &fixture.requests(samples, seed)).unwrap();
    (statements, proof.to_bytes())
}

fn claims<'a>(fixtures: &[&'a Fixture], proven: &'a [Proven]) -> Vec<Claim<'a>> {
    let pairs = fixtures.iter().zip(proven);
    pairs.map(|(f, (statements, proof))| Claim { verifier: &f.verifier, statements, proof }).collect()
}

/// Where `pi_2` is: before the responses, of which there are `t + 2`.
fn pi_2(fixture: &Fixture, proof: &[u8]) -> core::ops::Range<usize> {
    let end = proof.len() - 32 * (fixture.verifier.key().level().count() + 2);
    end - 64..end
}

/// Adds `by` to `pi_2`: everything up to V6 still holds.
fn shift(fixture: &Fixture, proof: &mut [u8], by: G1Affine) {
    let range = pi_2(fixture, proof);
    let point = crate::encoding::Reader::new(&proof[range.clone()]).point().unwrap();
    proof[range].copy_from_slice(&point_bytes(&(point + by).into_affine()));
}

#[test]
fn valid_proofs_take_one_product() {
    let fixtures = fixtures();
    let order: Vec<&Fixture> = [0, 1, 0, 0, 1].map(|i| &fixtures[i]).into();
    let proofs: Vec<Proven> = order.iter().enumerate().map(|(i, f)| proven(f, 1 + i % 3, i as u64 + 1)).collect();
    let found = verify_many(&claims(&order, &proofs));
    assert!(found.all_valid(), "{found:?}");
    assert_eq!((found.verdicts.len(), found.products, found.pairs), (5, 1, 3), "as one proof");
    // Other powers of tau are pairs of their own; still one product.
    let order: Vec<&Fixture> = fixtures.iter().collect();
    let proofs: Vec<Proven> = order.iter().map(|f| proven(f, 2, 8)).collect();
    let found = verify_many(&claims(&order, &proofs));
    assert!(found.all_valid(), "{found:?}");
    assert_eq!((found.products, found.pairs), (1, 2 + 3));
}

#[test]
fn nothing_is_verified_without_pairings() {
    let found = verify_many(&[]);
    assert!(found.all_valid() && found.verdicts.is_empty());
    assert_eq!((found.products, found.pairs), (0, 0));
}

/// The verdicts of a list with bad proofs at the places in `bad`, and the number of products.
fn with_bad(f: &Fixture, good: &[Proven], bad: &[usize]) -> (Vec<bool>, usize) {
    let mut proofs = good.to_vec();
    for (i, j) in bad.iter().enumerate() {
        let by = G1Affine::generator() * Fr::from(i as u64 + 1);
        shift(f, &mut proofs[*j].1, by.into_affine());
    }
    let found = verify_many(&claims(&vec![f; proofs.len()], &proofs));
    for (j, verdict) in found.verdicts.iter().enumerate() {
        let alone = f.verifier.verify(&proofs[j].0, &proofs[j].1);
        assert_eq!(format!("{verdict:?}"), format!("{alone:?}"));
    }
    assert_eq!(found.pairs, 3 * found.products);
    (found.verdicts.iter().map(Result::is_ok).collect(), found.products)
}

#[test]
fn bad_proofs_are_found_wherever_they_are() {
    let f = &fixtures()[1];
    let good: Vec<Proven> = (0..5).map(|seed| proven(f, 1, seed + 1)).collect();
    for j in 0..5 {
        let (valid, products) = with_bad(f, &good, &[j]);
        assert_eq!(valid, (0..5).map(|i| i != j).collect::<Vec<_>>());
        assert!(products <= 1 + 2 * 3, "{products}");
    }
    assert_eq!(with_bad(f, &good, &[0, 3]).0, [false, true, true, false, true]);
    let (valid, products) = with_bad(f, &good, &[0, 1, 2, 3, 4]);
    assert_eq!(valid, [false; 5]);
    assert!(products <= 2 * 5, "{products}");
    assert_eq!(with_bad(f, &good[..1], &[0]), (vec![false], 1));
}

#[test]
fn malformed_proofs_keep_their_own_errors() {
    let fixtures = fixtures();
    let order: Vec<&Fixture> = [1, 0, 1].map(|i| &fixtures[i]).into();
    let mut proofs: Vec<Proven> = order.iter().map(|f| proven(f, 1, 4)).collect();
    proofs[0].1.pop();
    proofs[1].0[0].values.outputs[0] += 1;
    let found = verify_many(&claims(&order, &proofs));
    assert!(matches!(found.verdicts[0], Err(VerifyError::Encoding(_))));
    assert!(matches!(found.verdicts[1], Err(VerifyError::Rejected(Check::V4))));
    assert!(found.verdicts[2].is_ok());
    assert_eq!(found.products, 1);
}

/// Two proofs of one statement with `pi_2 + P` and `pi_2 - P`: `z` is drawn before `pi_2`, so
/// what is wrong in one equation is the inverse of what is wrong in the other.
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
    let found = verify_many_rules(&claims, Rules { dropped: Some(Rule::Weights) });
    assert!(found.all_valid(), "the attack works without weights");
    let found = verify_many(&claims);
    assert!(matches!(found.verdicts[..], [Err(_), Ok(()), Err(_)]), "{found:?}");
}

#[test]
fn weights_are_fresh_and_have_128_bits() {
    let f = &fixtures()[1];
    let (statements, proof) = proven(f, 1, 7);
    let open = || {
        let (_, equation) = f.verifier.reduce(&statements, &proof, Rules::default()).unwrap();
        Open { index: 0, srs_id: f.verifier.key().srs_id(), points: &f.verifier.points, equation, weight: Fr::ZERO }
    };
    let mut set = [open(), open(), open(), open()];
    assert!(draw(&mut set));
    let weights: Vec<_> = set.iter().map(|o| o.weight.into_bigint().0).collect();
    for (i, w) in weights.iter().enumerate() {
        assert!(w[1] >> 32 != 0, "all 64 high bits being small has probability 2^-30");
        assert!(w[2] == 0 && w[3] == 0);
        assert!(weights[..i].iter().all(|other| other != w));
    }
}
