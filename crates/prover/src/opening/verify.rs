//! §7 V5 to V7: the verifier of the opening.

use ark_bn254::{Bn254, Fr, G1Affine};
use ark_ec::AffineRepr;
use ark_ec::pairing::Pairing;
use ark_ff::{AdditiveGroup, Field};

use super::x_is_excluded;
use crate::circuit::Side;
use crate::error::Check;
use crate::mle;
use crate::proof::Proof;
use crate::rules::{Rule, Rules};
use crate::sumcheck::phi::EvalOrder;

/// Challenges of M4 to M7.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Opening {
    pub(crate) rho: Fr,
    pub(crate) x: Fr,
    pub(crate) eta: Fr,
    pub(crate) z: Fr,
    pub(crate) delta: Fr,
}

/// A point of G2 with its line coefficients.
pub(crate) type G2Lines = <Bn254 as Pairing>::G2Prepared;

/// A quotient modulus `X^{2^j} - root` with the SRS points that go with it.
#[derive(Debug)]
pub(crate) struct Modulus<'a> {
    /// `alpha` or `A_2`.
    pub(crate) root: Fr,
    /// `[tau^{2^j}]_1` and `[tau^{2^j}]_2`.
    pub(crate) power: &'a Power,
}

/// An SRS power `tau^{2^j}` that a quotient modulus needs.
#[derive(Debug, Clone)]
pub(crate) struct Power {
    /// `j`.
    pub(crate) exponent: usize,
    /// `[tau^{2^j}]_1`.
    pub(crate) g1: G1Affine,
    /// `[tau^{2^j}]_2`.
    pub(crate) g2: G2Lines,
}

/// A sum of multiples of points that nobody has computed yet.
#[derive(Debug, Default)]
pub(crate) struct Terms {
    pub(crate) points: Vec<G1Affine>,
    pub(crate) scalars: Vec<Fr>,
}

impl Terms {
    pub(crate) fn push(&mut self, point: G1Affine, scalar: Fr) {
        self.points.push(point);
        self.scalars.push(scalar);
    }
}

/// V7 as it is left by V5 and V6: `e(Q, [1]_2) e(-pi_2, [tau]_2) prod_j e(C_qj, [tau^{2^j}]_2)^s_j = 1`.
#[derive(Debug)]
pub(crate) struct Equation {
    /// `Q`.
    pub(crate) q: Terms,
    /// `pi_2`.
    pub(crate) pi_2: G1Affine,
    /// `(C_qj, -cG)` per quotient modulus.
    pub(crate) quotients: Vec<(G1Affine, Fr)>,
}

/// What V5 to V7 need besides the proof.
#[derive(Debug)]
pub(crate) struct Instance<'a> {
    pub(crate) commitment: G1Affine,
    pub(crate) moduli: &'a [Modulus<'a>],
    pub(crate) tau_g1: G1Affine,
    pub(crate) c_d: Fr,
    pub(crate) mu: Fr,
    /// The points of the samples, per committed side.
    pub(crate) committed: &'a [(Side, Vec<G1Affine>)],
    pub(crate) kappa: usize,
    pub(crate) r: &'a [Fr],
}

/// V5a, V5b: the folds end in `fin`. Returns `v_1..v_{h-1}`.
fn folds(proof: &Proof, r: &[Fr], rho: &[Fr], x: Fr, rules: Rules) -> Result<Vec<Fr>, Check> {
    let half_inverse = Fr::from(2u64).inverse().unwrap_or_default();
    let slope = (x + x).inverse().ok_or(Check::V2)?;
    let values = proof
        .fold_values
        .iter()
        .zip(r)
        .map(|([plus, minus], r)| (Fr::ONE - r) * (*plus + minus) * half_inverse + *r * (*plus - minus) * slope);
    let mut v: Vec<Fr> = values.collect();
    let last = v.pop().unwrap_or_default();
    let x2 = x.square();
    let fin = proof.fin.iter().rev().fold(Fr::ZERO, |sum, c| sum * x2 + c);
    if rules.on(Rule::V5a) && last != fin {
        return Err(Check::V5a);
    }
    let batched: Fr = rho.iter().zip(&proof.evals).map(|(p, e)| *p * e).sum();
    if rules.on(Rule::V5b) && mle::evaluate(&proof.fin, &r[r.len() - 3..]) != batched {
        return Err(Check::V5b);
    }
    Ok(v)
}

/// The power of `delta` of the Schnorr proof of a committed side.
fn schnorr_weight(side: Side, delta: Fr, rules: Rules) -> Fr {
    let (rule, weight) = match side {
        Side::Inputs => (Rule::SchnorrInputs, delta.square()),
        Side::Outputs => (Rule::SchnorrOutputs, delta.square() * delta),
    };
    if rules.on(rule) { weight } else { Fr::ZERO }
}

/// V2 for `x`, V5 and V6.
pub(crate) fn reduce(proof: &Proof, instance: &Instance<'_>, c: Opening, rules: Rules) -> Result<Equation, Check> {
    if x_is_excluded(c.x) {
        return Err(Check::V2);
    }
    let ell = proof.c_l.len() - 1;
    let order = EvalOrder { ell };
    let rho = mle::powers(c.rho, order.count(instance.committed.len()));
    let v = folds(proof, instance.r, &rho, c.x, rules)?;
    let h = proof.fold_values.len();
    let eta = mle::powers(c.eta, 2 * h);
    let x2 = c.x.square();
    let (za, zb) = (c.z - x2, c.z.square() - x2);

    // R_A(z) and v_B.
    let sum = |side: usize| proof.fold_values.iter().zip(&eta).map(|(p, e)| p[side] * e).sum::<Fr>();
    let (vp, vm) = (sum(0), sum(1));
    let inverse = |x: Fr| x.inverse().ok_or(Check::V2);
    let r_a = (vp + vm) * inverse(Fr::from(2u64))? + c.z * (vp - vm) * inverse(c.x + c.x)?;
    let eta_b = |i: usize| {
        if rules.on(Rule::FoldOpening) { eta[h + i - 1] } else { Fr::ZERO }
    };
    let v_b: Fr = (1..h).map(|i| eta_b(i) * v[i - 1]).sum();

    let mut terms = Terms::default();
    let mut term = |point: G1Affine, scalar: Fr| terms.push(point, scalar);
    for j in 0..=ell {
        term(proof.c_l[j], za * rho[j]);
        term(proof.c_h[j], za * rho[order.h(j)]);
    }
    for (point, j) in proof.c_s.iter().zip([order.s(1), order.s(2), order.s(3), order.s0()]) {
        term(*point, za * rho[j]);
    }
    let at_kappa = za * eta[instance.kappa];
    let c_g = at_kappa * rho[order.g()];
    let delta = if rules.on(Rule::Schnorr) { c.delta } else { Fr::ZERO };
    term(instance.commitment, c_g);
    term(proof.d, c_g - delta * instance.c_d);
    term(proof.a_d, -delta);
    let mut generator = delta * proof.zr[0] - za * r_a - zb * v_b;
    let mut tau = delta * proof.zr[1];
    let (zr, responses) = proof.zr[2..].split_at(instance.moduli.len());
    for ((modulus, c_q), zr) in instance.moduli.iter().zip(&proof.c_q).zip(zr) {
        term(*c_q, c_g * modulus.root);
        term(modulus.power.g1, delta * zr);
        generator -= delta * zr * modulus.root;
    }
    for (i, ((side, points), [d, a_d])) in instance.committed.iter().zip(&proof.d_committed).enumerate() {
        let mut weight = at_kappa * rho[order.committed(i)];
        let delta = schnorr_weight(*side, c.delta, rules);
        term(*d, weight - delta * instance.c_d);
        term(*a_d, -delta);
        for point in points {
            term(*point, weight);
            weight *= instance.mu;
        }
        generator += delta * responses[2 * i];
        tau += delta * responses[2 * i + 1];
    }
    term(instance.tau_g1, tau);
    term(G1Affine::generator(), generator);
    for (i, point) in (1..h).zip(&proof.c_f) {
        term(*point, za * eta[i] + zb * eta_b(i));
    }
    term(proof.pi_1, -za * zb);
    term(proof.pi_2, c.z);
    Ok(Equation { q: terms, pi_2: proof.pi_2, quotients: proof.c_q.iter().map(|c_q| (*c_q, -c_g)).collect() })
}
