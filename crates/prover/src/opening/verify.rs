//! §7 V5 to V7: the verifier of the opening.

use ark_bn254::{Bn254, Fr, G1Affine, G2Affine};
use ark_ec::AffineRepr;
use ark_ec::pairing::Pairing;
use ark_ff::{AdditiveGroup, Field};

use super::x_is_excluded;
use crate::error::{Check, KeyError};
use crate::mle;
use crate::pinned::PinnedSrs;
use crate::rules::{Rule, Rules};

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

/// The SRS points that the verifier of a model uses, all from a pinned table.
#[derive(Debug, Clone)]
pub(crate) struct SrsPoints {
    /// `[1]_2`.
    pub(crate) one: G2Lines,
    /// `[tau]_1, [tau]_2`.
    pub(crate) tau: (G1Affine, G2Lines),
    /// The powers of the quotient moduli.
    pub(crate) powers: Vec<Power>,
}

impl SrsPoints {
    /// The points for quotient moduli with these exponents.
    ///
    /// # Errors
    /// The table does not reach them.
    pub(crate) fn new(pinned: &PinnedSrs, exponents: &[usize]) -> Result<Self, KeyError> {
        let point = |j: usize| pinned.g1(j).zip(pinned.g2(j).map(G2Lines::from));
        let power = |j: &usize| point(*j).map(|(g1, g2)| Power { exponent: *j, g1, g2 });
        let powers: Option<Vec<_>> = exponents.iter().map(power).collect();
        let (Some(tau), Some(powers)) = (point(0), powers) else {
            let needed = exponents.iter().copied().max().unwrap_or(0);
            return Err(KeyError::SrsTooSmall { needed: 1 << needed, got: 0 });
        };
        Ok(Self { one: G2Affine::generator().into(), tau, powers })
    }

    /// The moduli of one proof from their roots.
    pub(crate) fn moduli(&self, roots: Vec<Fr>) -> Vec<Modulus<'_>> {
        roots.into_iter().zip(&self.powers).map(|(root, power)| Modulus { root, power }).collect()
    }
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

/// The parts of a proof that V5 to V7 read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Messages<'a> {
    /// M4; `rho^j` weighs evaluation `j` and its polynomial.
    pub(crate) evals: &'a [Fr],
    /// `C_F1..C_F{h-1}`.
    pub(crate) c_f: &'a [G1Affine],
    /// Coefficients of `F_h`.
    pub(crate) fin: &'a [Fr],
    /// `P_i(x), P_i(-x)`.
    pub(crate) fold_values: &'a [[Fr; 2]],
    /// `C_q1 (, C_q2)`, `D`, `A_D`.
    pub(crate) c_q: &'a [G1Affine],
    pub(crate) d: G1Affine,
    pub(crate) a_d: G1Affine,
    /// `D_s, A_Ds` per committed side.
    pub(crate) d_committed: &'a [[G1Affine; 2]],
    pub(crate) pi: [G1Affine; 2],
    /// `zr`, then two responses per committed side.
    pub(crate) zr: &'a [Fr],
}

/// One committed side or port.
#[derive(Debug)]
pub(crate) struct CommittedInstance {
    /// The check of its Schnorr proof.
    pub(crate) rule: Rule,
    /// The power of `delta` that weighs its Schnorr proof.
    pub(crate) power: u64,
    /// Its level.
    pub(crate) level: usize,
    /// The points of the samples.
    pub(crate) points: Vec<G1Affine>,
}

/// What V5 to V7 need besides the proof.
#[derive(Debug)]
pub(crate) struct Instance<'a> {
    /// `(C_j, j, level)` of every committed polynomial but `G` and the tensors.
    pub(crate) columns: Vec<(G1Affine, usize, usize)>,
    /// `jG` and the level of `G`.
    pub(crate) g: (usize, usize),
    pub(crate) commitment: G1Affine,
    pub(crate) moduli: &'a [Modulus<'a>],
    pub(crate) tau_g1: G1Affine,
    pub(crate) c_d: Fr,
    pub(crate) mu: Fr,
    /// The committed tensors; their evaluations are the last of M4.
    pub(crate) committed: &'a [CommittedInstance],
    pub(crate) r: &'a [Fr],
}

/// V5a, V5b: the folds end in `fin`. Returns `v_1..v_{h-1}`.
fn folds(proof: Messages<'_>, r: &[Fr], rho: &[Fr], x: Fr, rules: Rules) -> Result<Vec<Fr>, Check> {
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
    let batched: Fr = rho.iter().zip(proof.evals).map(|(p, e)| *p * e).sum();
    if rules.on(Rule::V5b) && mle::evaluate(proof.fin, &r[r.len() - 3..]) != batched {
        return Err(Check::V5b);
    }
    Ok(v)
}

/// V2 for `x`, V5 and V6.
pub(crate) fn reduce(
    proof: Messages<'_>,
    instance: &Instance<'_>,
    c: Opening,
    rules: Rules,
) -> Result<Equation, Check> {
    if x_is_excluded(c.x) {
        return Err(Check::V2);
    }
    let rho = mle::powers(c.rho, proof.evals.len());
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
    for (point, j, level) in &instance.columns {
        term(*point, za * eta[*level] * rho[*j]);
    }
    let (g, level) = instance.g;
    let c_g = za * eta[level] * rho[g];
    let delta = if rules.on(Rule::Schnorr) { c.delta } else { Fr::ZERO };
    term(instance.commitment, c_g);
    term(proof.d, c_g - delta * instance.c_d);
    term(proof.a_d, -delta);
    let mut generator = delta * proof.zr[0] - za * r_a - zb * v_b;
    let mut tau = delta * proof.zr[1];
    let (zr, responses) = proof.zr[2..].split_at(instance.moduli.len());
    for ((modulus, c_q), zr) in instance.moduli.iter().zip(proof.c_q).zip(zr) {
        term(*c_q, c_g * modulus.root);
        term(modulus.power.g1, delta * zr);
        generator -= delta * zr * modulus.root;
    }
    for (i, (tensor, [d, a_d])) in instance.committed.iter().zip(proof.d_committed).enumerate() {
        let mut weight = za * eta[tensor.level] * rho[rho.len() - instance.committed.len() + i];
        let delta = if rules.on(tensor.rule) { c.delta.pow([tensor.power]) } else { Fr::ZERO };
        term(*d, weight - delta * instance.c_d);
        term(*a_d, -delta);
        for point in &tensor.points {
            term(*point, weight);
            weight *= instance.mu;
        }
        generator += delta * responses[2 * i];
        tau += delta * responses[2 * i + 1];
    }
    term(instance.tau_g1, tau);
    term(G1Affine::generator(), generator);
    for (i, point) in (1..h).zip(proof.c_f) {
        term(*point, za * eta[i] + zb * eta_b(i));
    }
    term(proof.pi[0], -za * zb);
    term(proof.pi[1], c.z);
    Ok(Equation { q: terms, pi_2: proof.pi[1], quotients: proof.c_q.iter().map(|c_q| (*c_q, -c_g)).collect() })
}
