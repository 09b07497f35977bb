//! §6 M3: the summand `Phi` at one point.

use ark_bn254::Fr;
use ark_ff::{AdditiveGroup, Field};

use super::functions::FunctionValues;
use crate::rules::{Rule, Rules};

/// The order of the evaluations in M4: `L_0..L_ell, H_0..H_ell, S_1, S_2, S_3, G, S_0`, then one per
/// committed side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct EvalOrder {
    /// `ell`.
    pub(crate) ell: usize,
}

impl EvalOrder {
    /// `H_c`.
    pub(crate) fn h(self, c: usize) -> usize {
        self.ell + 1 + c
    }

    /// `S_k`, `k = 1..=3`.
    pub(crate) fn s(self, k: usize) -> usize {
        2 * self.ell + 1 + k
    }

    /// `jG`.
    pub(crate) fn g(self) -> usize {
        2 * self.ell + 5
    }

    /// `S_0`.
    pub(crate) fn s0(self) -> usize {
        2 * self.ell + 6
    }

    /// The masked tensors of the committed side `index`.
    pub(crate) fn committed(self, index: usize) -> usize {
        2 * self.ell + 7 + index
    }

    /// `NE`, with `sides` committed sides.
    pub(crate) fn count(self, sides: usize) -> usize {
        self.committed(sides)
    }
}

/// `2^k`.
pub(crate) fn pow2(k: u32) -> Fr {
    Fr::from(1u64 << k)
}

/// `y, w, v` and `z` of §5 from the limbs `L_0..L_{ell-1}`.
pub(crate) fn recompose(limbs: &[Fr]) -> [Fr; 4] {
    let join = |limbs: &[Fr]| limbs.iter().rev().fold(Fr::ZERO, |sum, l| sum * pow2(8) + l);
    let (y, w, v) = (join(&limbs[1..3]), join(&limbs[3..6]), join(&limbs[6..]));
    [y, w, v, pow2(8) * (y + v - w) + limbs[0] - pow2(7)]
}

/// `Phi` from the M4 evaluations and the public functions at the same point.
pub(crate) fn phi(evals: &[Fr], f: &FunctionValues, ell: usize, beta: Fr, zeta: Fr, lambda: &[Fr], rules: Rules) -> Fr {
    let order = EvalOrder { ell };
    let (l, h) = (&evals[..=ell], &evals[order.h(0)..=order.h(ell)]);
    let [y, w, v, z] = recompose(&l[..ell]);
    let on = |rule, value: Fr| if rules.on(rule) { value } else { Fr::ZERO };

    let mut bracket = Fr::ZERO;
    for c in 0..ell {
        bracket += on(Rule::Limb, lambda[c] * (h[c] * (beta + l[c]) - Fr::ONE));
    }
    bracket += on(Rule::Table, lambda[ell] * (h[ell] * (beta + f.t) - l[ell]));
    bracket += on(Rule::Relu, lambda[ell + 1] * y * w);
    if ell == 9 {
        bracket += on(Rule::Saturate, lambda[ell + 2] * v * (f.hi - y));
        bracket += on(Rule::Narrow, lambda[ell + 3] * f.nw * l[2]);
    }
    let sum = lambda[ell + 4] * f.s * (h[..ell].iter().sum::<Fr>() - h[ell]);
    let layer = f.a * z - f.b * evals[order.g()] * y;
    let wires = lambda[ell + 5] * f.e * y;
    let committed: Fr = f.committed.iter().enumerate().map(|(i, weight)| *weight * evals[order.committed(i)]).sum();
    let mask = evals[order.s(1)] + f.i * (evals[order.s(2)] + f.i * evals[order.s(3)]);
    f.es * bracket
        + on(Rule::LookupSum, sum)
        + f.m * (on(Rule::Layer, layer) + on(Rule::Wires, wires))
        + committed
        + zeta * mask
}
