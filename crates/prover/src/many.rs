//! §7.1: many proofs checked with one product of pairings.
//!
//! Everything but V7 is done per proof. The equations V7 of all proofs are then raised to random
//! powers and multiplied: the SRS points on the other side of the pairings are the same, so the
//! product has as many pairs as a single proof. It is 1 when every equation holds, and with
//! probability at most `2^-128` when one does not.

use ark_bn254::{Bn254, Fr, G1Affine};
use ark_ec::pairing::Pairing;
use ark_ff::{Field, PrimeField, Zero};
use rayon::prelude::*;

use crate::error::{Check, VerifyError};
use crate::kernels;
use crate::opening::verify::{Equation, G2Lines, SrsPoints, Terms};
use crate::randomness::Randomness;
use crate::rules::{Rule, Rules};
use crate::statement::Statement;
use crate::verify::Verifier;

/// One proof to verify together with others.
#[derive(Debug, Clone, Copy)]
pub struct Claim<'a> {
    /// The verifier of its model.
    pub verifier: &'a Verifier,
    /// Its statements, in order.
    pub statements: &'a [Statement],
    /// Its canonical bytes.
    pub proof: &'a [u8],
}

/// What [`verify_many`] found.
#[derive(Debug)]
#[non_exhaustive]
pub struct Verdicts {
    /// The verdict of every claim, in order; what [`Verifier::verify`] says of it alone.
    pub verdicts: Vec<Result<(), VerifyError>>,
    /// Products of pairings that were computed.
    pub products: usize,
    /// Pairs of points in all of these products.
    pub pairs: usize,
}

impl Verdicts {
    /// Whether every claim is to be believed. True for none.
    #[must_use]
    pub fn all_valid(&self) -> bool {
        self.verdicts.iter().all(Result::is_ok)
    }
}

/// Verifies many independent proofs, of one or of several models, with one product of pairings per
/// SRS. If that fails, halves are checked until the proofs that are to blame are found; a proof
/// that is alone to blame costs about `2 log2(n)` products, and no set of bad proofs more than two
/// products per proof.
///
/// The weights are fresh from the operating system; should it have none, every proof is checked by
/// itself. A proof that [`Verifier::verify`] refuses is accepted with probability at most `2^-128`.
#[must_use]
pub fn verify_many(claims: &[Claim<'_>]) -> Verdicts {
    verify_many_rules(claims, Rules::default())
}

pub(crate) fn verify_many_rules(claims: &[Claim<'_>], rules: Rules) -> Verdicts {
    let reduce = |c: &Claim<'_>| c.verifier.reduce(c.statements, c.proof, rules).map(|(_, e)| e);
    let reduced: Vec<Result<Equation, VerifyError>> = claims.par_iter().map(reduce).collect();
    let points = claims.iter().map(|c| (c.verifier.key().srs_id(), &c.verifier.points));
    settle(points.zip(reduced), rules)
}

/// V7 of all equations that V1 to V6 left behind, each with the id of its SRS and the points under it.
pub(crate) fn settle<'a>(
    reduced: impl Iterator<Item = ((&'a [u8; 32], &'a SrsPoints), Result<Equation, VerifyError>)>,
    rules: Rules,
) -> Verdicts {
    let mut out = Verdicts { verdicts: Vec::new(), products: 0, pairs: 0 };
    let mut open = Vec::new();
    for (index, ((srs_id, points), result)) in reduced.enumerate() {
        out.verdicts.push(result.map(|equation| {
            open.push(Open { index, srs_id, points, equation, weight: Fr::ONE });
        }));
    }
    // One SRS has one table of points (§3): the equations under it share their second arguments.
    open.sort_by_key(|o| *o.srs_id);
    let weighted = rules.on(Rule::Weights).then(|| draw(&mut open));
    for group in open.chunk_by(|a, b| a.srs_id == b.srs_id) {
        match weighted {
            Some(false) => group.iter().for_each(|alone| search(core::slice::from_ref(alone), false, &mut out)),
            _ => search(group, false, &mut out),
        }
    }
    out
}

/// An equation V7 that has not been checked.
struct Open<'a> {
    /// Position of its claim.
    index: usize,
    srs_id: &'a [u8; 32],
    points: &'a SrsPoints,
    equation: Equation,
    weight: Fr,
}

/// Draws weights of 128 bits, none 0; false if there is no randomness.
fn draw(open: &mut [Open<'_>]) -> bool {
    let Ok(mut randomness) = Randomness::from_os() else {
        return false;
    };
    for o in open {
        let [low, high, ..] = randomness.scalar().into_bigint().0;
        let weight = u128::from(low) | u128::from(high) << 64;
        o.weight = Fr::from(weight.max(1));
    }
    true
}

/// Finds the bad ones in `set`; `guilty` if the product of its equations is known not to be 1.
///
/// The weights stay the same: the product of a set is that of its halves, so if the set is bad and
/// one half is good, the other is bad.
fn search(set: &[Open<'_>], guilty: bool, out: &mut Verdicts) {
    if set.is_empty() || (!guilty && product(set, out)) {
        return;
    }
    if let [one] = set {
        out.verdicts[one.index] = Err(VerifyError::Rejected(Check::V7));
        return;
    }
    let (left, right) = set.split_at(set.len() / 2);
    if product(left, out) {
        search(right, true, out);
    } else {
        search(left, true, out);
        search(right, false, out);
    }
}

/// Whether the product of the equations of a set, which is not empty and under one SRS, is 1.
fn product(set: &[Open<'_>], out: &mut Verdicts) -> bool {
    let Some(first) = set.first() else {
        return true;
    };
    let mut sum = Sum::new(first.points);
    set.iter().for_each(|o| sum.add(o.points, &o.equation, o.weight));
    let (pairs, holds) = sum.evaluate();
    out.products += 1;
    out.pairs += pairs;
    holds
}

/// V7 of one proof.
pub(crate) fn holds(points: &SrsPoints, equation: &Equation) -> bool {
    let mut sum = Sum::new(points);
    sum.add(points, equation, Fr::ONE);
    sum.evaluate().1
}

/// Sums of multiples of points, one for each SRS point they are paired with.
struct Sum<'a> {
    /// Paired with `[1]_2`, `[tau]_2`.
    one: (Terms, &'a G2Lines),
    tau: (Terms, &'a G2Lines),
    /// Paired with `[tau^{2^j}]_2`, for each `j` that occurs.
    powers: Vec<(usize, Terms, &'a G2Lines)>,
}

impl<'a> Sum<'a> {
    fn new(points: &'a SrsPoints) -> Self {
        Self { one: (Terms::default(), &points.one), tau: (Terms::default(), &points.tau.1), powers: Vec::new() }
    }

    fn add(&mut self, points: &'a SrsPoints, equation: &Equation, weight: Fr) {
        for (point, scalar) in equation.q.points.iter().zip(&equation.q.scalars) {
            self.one.0.push(*point, weight * scalar);
        }
        self.tau.0.push(equation.pi_2, -weight);
        for (power, (point, scalar)) in points.powers.iter().zip(&equation.quotients) {
            let known = self.powers.iter().position(|(exponent, ..)| *exponent == power.exponent);
            let at = known.unwrap_or_else(|| {
                self.powers.push((power.exponent, Terms::default(), &power.g2));
                self.powers.len() - 1
            });
            self.powers[at].1.push(*point, weight * scalar);
        }
    }

    /// The number of pairs, and whether their product is 1.
    fn evaluate(self) -> (usize, bool) {
        let powers = self.powers.into_iter().map(|(_, terms, lines)| (terms, lines));
        let pairs: Vec<(Terms, &G2Lines)> = [self.one, self.tau].into_iter().chain(powers).collect();
        let jobs: Vec<(&[G1Affine], &[Fr])> = pairs.iter().map(|(t, _)| (&t.points[..], &t.scalars[..])).collect();
        let g1 = kernels::msm_many(&jobs);
        let g2: Vec<G2Lines> = pairs.iter().map(|(_, lines)| (*lines).clone()).collect();
        (pairs.len(), Bn254::multi_pairing(g1, g2).is_zero())
    }
}

#[cfg(test)]
mod tests;
