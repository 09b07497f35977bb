//! §6 M3: the prover's rows and the summand at one row.

use ark_bn254::Fr;
use ark_ff::AdditiveGroup;
use zeroize::Zeroizing;

use super::inverses::Inverses;
use super::phi::recompose;
use crate::circuit::layout::TABLE;
use crate::columns::LimbColumns;
use crate::rules::{Rule, Rules};

/// Public values of one row.
pub(crate) struct RowFunctions {
    pub(crate) es: Fr,
    pub(crate) s: Fr,
    pub(crate) hi: Fr,
    pub(crate) nw: Fr,
    pub(crate) t: Fr,
    /// Weight of `z`.
    pub(crate) z: Fr,
    /// Weight of `y`.
    pub(crate) y: Fr,
}

/// Weights of the constraints; a dropped one is 0.
pub(crate) struct Weights {
    ell: usize,
    beta: Fr,
    limb: Vec<Fr>,
    limb_sum: Fr,
    table: Fr,
    relu: Fr,
    saturate: Fr,
    narrow: Fr,
    sum: Fr,
}

impl Weights {
    pub(crate) fn new(lambda: &[Fr], ell: usize, beta: Fr, rules: Rules) -> Self {
        let on = |rule, value: Fr| if rules.on(rule) { value } else { Fr::ZERO };
        let limb: Vec<Fr> = lambda[..ell].iter().map(|l| on(Rule::Limb, *l)).collect();
        let saturating = |value| if ell == 9 { value } else { Fr::ZERO };
        Self {
            ell,
            beta,
            limb_sum: limb.iter().sum(),
            limb,
            table: on(Rule::Table, lambda[ell]),
            relu: on(Rule::Relu, lambda[ell + 1]),
            saturate: on(Rule::Saturate, saturating(lambda[ell + 2])),
            narrow: on(Rule::Narrow, saturating(lambda[ell + 3])),
            sum: on(Rule::LookupSum, lambda[ell + 4]),
        }
    }

    /// `Phi` without the mask term at one row.
    pub(crate) fn phi(&self, row: &[Fr], f: &RowFunctions) -> Fr {
        let ell = self.ell;
        let (l, h) = row.split_at(ell + 1);
        let [y, w, v, z] = recompose(&l[..ell]);
        let mut out = f.z * z + f.y * y;
        if f.s != Fr::ZERO {
            out += f.s * self.sum * (h[..ell].iter().sum::<Fr>() - h[ell]);
        }
        if f.es != Fr::ZERO {
            let mut bracket = self.relu * y * w - self.limb_sum;
            for c in 0..ell {
                bracket += self.limb[c] * h[c] * (self.beta + l[c]);
            }
            if h[ell] != Fr::ZERO || l[ell] != Fr::ZERO {
                bracket += self.table * (h[ell] * (self.beta + f.t) - l[ell]);
            }
            if ell == 9 {
                bracket += self.saturate * v * (f.hi - y) + self.narrow * f.nw * l[2];
            }
            out += f.es * bracket;
        }
        out
    }
}

/// The rows that are left.
pub(crate) enum Rows<'a> {
    /// Before the first round.
    Columns(&'a LimbColumns, &'a Inverses, Vec<Fr>),
    /// Row-major field elements.
    Fields(Zeroizing<Vec<Fr>>),
}

impl Rows<'_> {
    /// Writes row `row`, which exists, to `out`, which has the length of a row.
    pub(crate) fn load(&self, row: usize, out: &mut [Fr]) {
        match self {
            Rows::Fields(rows) => {
                out.copy_from_slice(&rows[row * out.len()..(row + 1) * out.len()]);
            }
            Rows::Columns(columns, inverses, bytes) => {
                let ell = columns.limbs.len();
                let first = columns.size.first_real();
                out.fill(Fr::ZERO);
                if row < 2 {
                    for c in 0..=ell {
                        out[c] = columns.l_masks[c][row];
                        out[ell + 1 + c] = columns.h_masks[c][row];
                    }
                } else if row >= first {
                    for (c, column) in columns.limbs.iter().enumerate() {
                        let byte = usize::from(column[row]);
                        out[c] = bytes[byte];
                        out[ell + 1 + c] = inverses.of_byte[byte];
                    }
                    if row < first + TABLE {
                        out[ell] = Fr::from(columns.multiplicities[row - first]);
                        out[2 * ell + 1] = inverses.table[row - first];
                    }
                }
                for (index, at, delta) in columns.deltas() {
                    if *at == row {
                        out[*index] += delta;
                    }
                }
            }
        }
    }
}
