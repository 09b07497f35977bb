//! §6 M5 to M7: the prover of the opening.

use ark_bn254::{Fr, G1Affine};
use ark_ff::{AdditiveGroup, Field};
use rayon::prelude::*;
use zeroize::{Zeroize, Zeroizing};

use super::x_is_excluded;
use crate::circuit::layout::TABLE;
use crate::columns::LimbColumns;
use crate::commit::Powers;
use crate::error::ProveError;
use crate::mle;
use crate::proof::FINAL;
use crate::rules::{Rule, Rules};
use crate::sumcheck::inverses::Inverses;
use crate::sumcheck::masks::MaskColumns;
use crate::sumcheck::phi::EvalOrder;
use crate::transcript::{Transcript, stage};

/// Secret coefficients, wiped when dropped.
type Coefficients = Zeroizing<Vec<Fr>>;

/// `P_0 = sum_{j != jG} rho^j col_j` up to the last real row.
pub(crate) fn batch(columns: &LimbColumns, inverses: &Inverses, masks: &MaskColumns, rho: &[Fr]) -> Coefficients {
    let (size, ell) = (columns.size, columns.limbs.len());
    let order = EvalOrder { ell };
    // A limb column and its `H` depend on one byte: one table per column adds up both.
    let combined: Vec<Vec<Fr>> = (0..ell)
        .map(|c| {
            let byte = |v: usize| rho[c] * Fr::from(v as u64) + rho[order.h(c)] * inverses.of_byte[v];
            (0..TABLE).map(byte).collect()
        })
        .collect();
    let first = size.first_real();
    let mut p_0 = Zeroizing::new(vec![Fr::ZERO; size.real()]);
    p_0[first..].par_iter_mut().with_min_len(1024).enumerate().for_each(|(row, p)| {
        for (column, table) in columns.limbs.iter().zip(&combined) {
            *p += table[usize::from(column[first + row])];
        }
    });
    for row in 0..TABLE {
        p_0[first + row] += rho[ell] * Fr::from(columns.multiplicities[row]) + rho[order.h(ell)] * inverses.table[row];
    }
    for c in 0..=ell {
        for row in 0..2 {
            p_0[row] += rho[c] * columns.l_masks[c][row] + rho[order.h(c)] * columns.h_masks[c][row];
        }
    }
    for (index, row, delta) in columns.deltas() {
        p_0[*row] += rho[*index] * delta;
    }
    masks.add_to(&mut p_0, [rho[order.s(1)], rho[order.s(2)], rho[order.s(3)], rho[order.s0()]]);
    p_0
}

/// `P_0..P_{h-1}`, `F_1..F_{h-1}` and `fin`.
pub(crate) struct Folds {
    p_0: Coefficients,
    /// `F_1..F_{h-1}`.
    f: Vec<Coefficients>,
    /// `I_i`: what is injected, by level; ascending, each level once.
    injected: Vec<(usize, Coefficients)>,
    pub(crate) fin: [Fr; FINAL],
    rules: Rules,
}

impl Folds {
    /// M5: folds `p_0`, with each of `injected` added at its level.
    pub(crate) fn new(
        mut p_0: Coefficients,
        injected: impl IntoIterator<Item = (usize, Coefficients)>,
        r: &[Fr],
        rules: Rules,
    ) -> Self {
        let folds = r.len() - 3;
        let mut levels: Vec<(usize, Coefficients)> = Vec::new();
        for (level, polynomial) in injected {
            if level == 0 {
                add(&mut p_0, &polynomial, Fr::ONE);
                continue;
            }
            match levels.iter_mut().find(|(at, _)| *at == level) {
                Some((_, sum)) => add(sum, &polynomial, Fr::ONE),
                None => levels.push((level, polynomial)),
            }
        }
        let mut f: Vec<Coefficients> = Vec::with_capacity(folds);
        for (i, r) in r[..folds].iter().enumerate() {
            let mut next = match f.last() {
                None => p_0.clone(),
                Some(last) => last.clone(),
            };
            if let Some((_, polynomial)) = levels.iter().find(|(at, _)| *at == i) {
                add(&mut next, polynomial, Fr::ONE);
            }
            fold(&mut next, *r);
            f.push(next);
        }
        let mut fin = [Fr::ZERO; FINAL];
        if let Some(mut last) = f.pop() {
            fin.iter_mut().zip(last.iter()).for_each(|(c, l)| *c = *l);
            last.zeroize();
        }
        Self { p_0, f, injected: levels, fin, rules }
    }

    /// Adds `delta` to coefficient 0 of `F_{h-1}`, for tests.
    #[cfg(test)]
    pub(crate) fn shift_last(&mut self, delta: Fr) {
        if let Some(last) = self.f.last_mut() {
            last[0] += delta;
        }
    }

    /// `C_F1..C_F{h-1}`.
    pub(crate) fn commit(&self, powers: &Powers) -> Vec<G1Affine> {
        let f: Vec<&[Fr]> = self.f.iter().map(|f| f.as_slice()).collect();
        powers.commit(&f)
    }

    /// `P_i` for `i = 0..h-1`, as `F_i` and what is added to it.
    fn levels(&self) -> impl Iterator<Item = (&[Fr], Option<&[Fr]>)> {
        let injected = |i: usize| self.injected.iter().find(|(at, _)| *at == i).map(|(_, p)| p.as_slice());
        let rest = self.f.iter().enumerate().map(move |(i, f)| (f.as_slice(), injected(i + 1)));
        core::iter::once((self.p_0.as_slice(), None)).chain(rest)
    }

    /// M6: `P_i(x), P_i(-x)`.
    pub(crate) fn values(&self, x: Fr) -> Vec<[Fr; 2]> {
        let at = |p: &[Fr]| {
            let x2 = x.square();
            let (mut even, mut odd) = (Fr::ZERO, Fr::ZERO);
            for pair in p.chunks(2).rev() {
                even = even * x2 + pair[0];
                odd = odd * x2 + pair.get(1).copied().unwrap_or_default();
            }
            [even + x * odd, even - x * odd]
        };
        let levels: Vec<_> = self.levels().collect();
        levels
            .into_par_iter()
            .map(|(p, injected)| {
                let [plus, minus] = at(p);
                let inj = injected.map_or([Fr::ZERO; 2], at);
                [plus + inj[0], minus + inj[1]]
            })
            .collect()
    }

    /// M7: `pi_1` and `pi_2`.
    pub(crate) fn open(
        &self,
        powers: &Powers,
        x: Fr,
        eta: Fr,
        transcript: Transcript<stage::M7>,
    ) -> Result<(Transcript<stage::M7Last>, G1Affine, G1Affine), ProveError> {
        if x_is_excluded(x) {
            return Err(ProveError::Challenge);
        }
        let h = self.f.len() + 1;
        let eta = mle::powers(eta, 2 * h);
        let mut a = Zeroizing::new(vec![Fr::ZERO; self.p_0.len()]);
        for (i, (p, injected)) in self.levels().enumerate() {
            add(&mut a, p, eta[i]);
            if let Some(polynomial) = injected {
                add(&mut a, polynomial, eta[i]);
            }
        }
        let mut b = Zeroizing::new(vec![Fr::ZERO; self.f.first().map_or(0, |f| f.len())]);
        for (i, f) in self.f.iter().enumerate() {
            if self.rules.on(Rule::FoldOpening) {
                add(&mut b, f, eta[h + i]);
            }
        }
        let x2 = x.square();
        // Abar = (X^2 - x^2) q_a + R_A, Bbar = (X - x^2) q_b + v_B.
        let mut q = a.clone();
        for i in (2..q.len()).rev() {
            let carry = q[i] * x2;
            q[i - 2] += carry;
        }
        let r_a = [q[0], q[1]];
        let mut q = Zeroizing::new(q[2..].to_vec());
        let mut q_b = b.clone();
        divide(&mut q_b, x2);
        let v_b = q_b.first().copied().unwrap_or_default();
        add(&mut q, q_b.get(1..).unwrap_or_default(), Fr::ONE);
        let pi_1 = powers.commit(&[&q])[0];
        let (transcript, z) = transcript.pi_1(&pi_1);

        let (za, zb) = (z - x2, z.square() - x2);
        let mut p = a;
        p.iter_mut().for_each(|c| *c *= za);
        add(&mut p, &b, zb);
        p[0] -= za * (r_a[0] + r_a[1] * z) + zb * v_b;
        add(&mut p, &q, -za * zb);
        divide(&mut p, z);
        let pi_2 = powers.commit(&[&p[1..]])[0];
        Ok((transcript, pi_1, pi_2))
    }
}

/// `to += weight * from`, on the common length at least.
pub(crate) fn add(to: &mut Vec<Fr>, from: &[Fr], weight: Fr) {
    if to.len() < from.len() {
        to.resize(from.len(), Fr::ZERO);
    }
    if weight == Fr::ONE {
        to.iter_mut().zip(from).for_each(|(t, f)| *t += f);
    } else {
        to.par_iter_mut().with_min_len(1024).zip(from).for_each(|(t, f)| *t += weight * f);
    }
}

/// Folds coefficients: `(1-r) even + r odd`.
fn fold(p: &mut Vec<Fr>, r: Fr) {
    if p.len() <= 4096 {
        return mle::fold(p, r);
    }
    let next = p.par_chunks(2).with_min_len(1024).map(|pair| match pair {
        [low, high] => *low + r * (*high - low),
        _ => pair[0] - r * pair[0],
    });
    let next: Vec<Fr> = next.collect();
    p.zeroize();
    *p = next;
}

/// Horner's rule: afterwards `p[0]` is the value at `at` and `p[1..]` the quotient by `X - at`.
fn divide(p: &mut [Fr], at: Fr) {
    for i in (1..p.len()).rev() {
        let carry = p[i] * at;
        p[i - 1] += carry;
    }
}
