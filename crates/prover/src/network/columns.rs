//! N4: the columns of one proof, their masks and commitments.

use core::fmt;

use ark_bn254::{Fr, G1Affine, G1Projective};
use ark_ec::CurveGroup;
use ark_ff::AdditiveGroup;
use zeroize::{Zeroize, Zeroizing};

use super::gadget::Row;
use super::layout::{Size, TABLE_START};
use super::phi::Order;
use crate::circuit::layout::TABLE;
use crate::columns::Mask;
use crate::commit::Powers;
use crate::kernels::{self, ByteBuckets};
use crate::randomness::Randomness;
use crate::sumcheck::masks::MaskColumns;

/// The columns of M1 and the masks of those of M2. Secret, wiped when dropped.
pub(crate) struct NetworkColumns {
    pub(crate) size: Size,
    pub(crate) order: Order,
    /// `L_0..` over rows `0..n_real`; mask rows are kept apart.
    pub(crate) limbs: Vec<Vec<u8>>,
    /// `X_1..`, likewise.
    pub(crate) operands: Vec<Vec<i64>>,
    /// `m` by value of the byte.
    pub(crate) counts: Vec<u32>,
    /// Rows 0 and 1 of `L, X, m, H, H_T`, in the order of M4.
    pub(crate) masks: Zeroizing<Vec<Mask>>,
    /// `(column in the order of M4, row, difference)`, for tests: a malicious prover's entries.
    #[cfg(test)]
    pub(crate) deltas: Vec<(usize, usize, Fr)>,
}

impl fmt::Debug for NetworkColumns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NetworkColumns").field("size", &self.size).finish_non_exhaustive()
    }
}

impl Drop for NetworkColumns {
    fn drop(&mut self) {
        self.limbs.iter_mut().for_each(Zeroize::zeroize);
        self.operands.iter_mut().for_each(Zeroize::zeroize);
        self.counts.zeroize();
    }
}

fn sum(a: G1Affine, b: G1Affine) -> G1Affine {
    (G1Projective::from(a) + b).into_affine()
}

impl NetworkColumns {
    /// From the rows of every position with an element or a default, per sample.
    pub(crate) fn new(
        size: Size,
        order: Order,
        samples: &[Zeroizing<Vec<(usize, Row)>>],
        random: &mut Randomness,
    ) -> Self {
        let n = size.rows.real();
        let mut limbs = vec![vec![0u8; n]; order.limbs];
        let mut operands = vec![vec![0i64; n]; order.operands];
        for (k, rows) in samples.iter().enumerate() {
            for (position, row) in rows.iter() {
                let a = (position << size.rows.kappa) + k;
                limbs.iter_mut().zip(row.limbs).for_each(|(column, v)| column[a] = v);
                operands.iter_mut().zip(row.operands).for_each(|(column, v)| column[a] = v);
            }
        }
        let mut counts = vec![0u32; TABLE];
        for column in &limbs {
            column[size.rows.first_real()..].iter().for_each(|v| counts[usize::from(*v)] += 1);
        }
        let masks = Zeroizing::new((0..order.width()).map(|_| random.scalars()).collect());
        Self {
            size,
            order,
            limbs,
            operands,
            counts,
            masks,
            #[cfg(test)]
            deltas: Vec::new(),
        }
    }

    /// What a test adds to the columns; nothing outside tests.
    #[cfg(not(test))]
    pub(crate) fn deltas(&self) -> &[(usize, usize, Fr)] {
        &[]
    }

    /// What a test adds to the columns.
    #[cfg(test)]
    pub(crate) fn deltas(&self) -> &[(usize, usize, Fr)] {
        &self.deltas
    }

    /// The masks and changes of the columns `from..to`, as sparse polynomials.
    fn sparse(&self, from: usize, to: usize) -> Zeroizing<Vec<Vec<(usize, Fr)>>> {
        let masks = self.masks[from..to].iter().map(|[m0, m1]| vec![(0, *m0), (1, *m1)]);
        let mut out = Zeroizing::new(masks.collect::<Vec<_>>());
        for (column, row, delta) in self.deltas() {
            if (from..to).contains(column) {
                out[column - from].push((*row, *delta));
            }
        }
        out
    }

    /// M1: `C_L, C_X, C_m`, and the sums of SRS points per byte. Secret: they determine the columns.
    pub(crate) fn m1(&self, powers: &Powers, total: &G1Affine) -> (Vec<G1Affine>, Vec<ByteBuckets>) {
        let rows = self.size.rows.first_real()..self.size.rows.real();
        let bytes: Vec<&[u8]> = self.limbs.iter().map(|c| &c[rows.clone()]).collect();
        let buckets = ByteBuckets::new(&powers.raw()[rows.clone()], &bytes, Some(total));
        let mut out = ByteBuckets::commit(&buckets);
        out.extend(self.operands.iter().map(|x| kernels::msm_small(&powers.raw()[rows.clone()], &x[rows.clone()])));
        let table: Vec<_> = (0..TABLE).map(|v| powers.raw()[self.size.table_row(v)]).collect();
        let counts: Zeroizing<Vec<i64>> = Zeroizing::new(self.counts.iter().map(|m| i64::from(*m)).collect());
        out.push(kernels::msm_small(&table, &counts));
        let masks = powers.commit_sparse(&self.sparse(0, self.order.h(0)));
        (out.into_iter().zip(masks).map(|(a, b)| sum(a, b)).collect(), buckets)
    }

    /// M2: `C_H, C_HT` and `C_S1, C_S2, C_S3, C_S0`.
    pub(crate) fn m2(
        &self,
        powers: &Powers,
        buckets: &[ByteBuckets],
        inverses: &[Fr; TABLE],
        masks: &MaskColumns,
    ) -> (Vec<G1Affine>, [G1Affine; 4]) {
        let mut sparse = self.sparse(self.order.h(0), self.order.width());
        let last = sparse.len() - 1;
        sparse[last].extend((0..TABLE).map(|v| (self.size.table_row(v), self.table_entry(inverses, v))));
        for k in 0..4 {
            sparse.push(masks.support.iter().zip(masks.values.iter()).map(|(a, v)| (*a, v[k])).collect());
        }
        let (dense, mut out) =
            rayon::join(|| ByteBuckets::combine(buckets, inverses), || powers.commit_sparse(&sparse));
        let c_s = core::array::from_fn(|k| out[last + 1 + k]);
        out.truncate(last + 1);
        out.iter_mut().zip(dense).for_each(|(s, d)| *s = sum(*s, d));
        (out, c_s)
    }

    /// `H_T` at entry `v` of the table: `id` and `out` of a byte are 0.
    fn table_entry(&self, inverses: &[Fr; TABLE], v: usize) -> Fr {
        Fr::from(self.counts[v]) * inverses[v]
    }

    /// The entries of `L, X, m, H, H_T` on one row.
    pub(crate) fn load(&self, row: usize, tables: &Inverses, out: &mut [Fr]) {
        let order = self.order;
        out.fill(Fr::ZERO);
        if row < 2 {
            out.iter_mut().zip(self.masks.iter()).for_each(|(o, m)| *o = m[row]);
        } else if row >= self.size.rows.first_real() {
            for (c, column) in self.limbs.iter().enumerate() {
                let byte = usize::from(column[row]);
                out[c] = tables.bytes[byte];
                out[order.h(c)] = tables.inverses[byte];
            }
            for (j, column) in self.operands.iter().enumerate() {
                if column[row] != 0 {
                    out[order.limbs + j] = crate::encoding::signed(column[row]);
                }
            }
            let (p, k) = (row >> self.size.rows.kappa, row & (self.size.rows.k() - 1));
            if k == 0 && (TABLE_START..TABLE_START + TABLE).contains(&p) {
                out[order.m()] = Fr::from(self.counts[p - TABLE_START]);
                out[order.h(order.limbs)] = self.table_entry(&tables.inverses, p - TABLE_START);
            }
        }
        for (column, at, delta) in self.deltas() {
            if *at == row {
                out[*column] += delta;
            }
        }
    }

    /// `P_0` without `S` columns: `sum rho_j col_j` over the real rows.
    pub(crate) fn batch(&self, rho: &[Fr], tables: &Inverses) -> Zeroizing<Vec<Fr>> {
        use rayon::prelude::*;
        let order = self.order;
        // A limb column and its `H` depend on one byte: one table per column adds up both.
        let combined: Vec<Vec<Fr>> = (0..order.limbs)
            .map(|c| (0..TABLE).map(|v| rho[c] * tables.bytes[v] + rho[order.h(c)] * tables.inverses[v]).collect())
            .collect();
        let first = self.size.rows.first_real();
        let mut out = Zeroizing::new(vec![Fr::ZERO; self.size.rows.real()]);
        out[first..].par_iter_mut().with_min_len(1024).enumerate().for_each(|(i, p)| {
            for (column, table) in self.limbs.iter().zip(&combined) {
                *p += table[usize::from(column[first + i])];
            }
            for (column, weight) in self.operands.iter().zip(&rho[order.limbs..]) {
                if column[first + i] != 0 {
                    *p += *weight * crate::encoding::signed(column[first + i]);
                }
            }
        });
        for v in 0..TABLE {
            out[self.size.table_row(v)] += rho[order.m()] * Fr::from(self.counts[v])
                + rho[order.h(order.limbs)] * self.table_entry(&tables.inverses, v);
        }
        for (weight, [m0, m1]) in rho.iter().zip(self.masks.iter()) {
            out[0] += *weight * m0;
            out[1] += *weight * m1;
        }
        for (column, row, delta) in self.deltas() {
            out[*row] += rho[*column] * delta;
        }
        out
    }
}

/// The bytes as scalars, and `1/(beta + v)`.
#[derive(Debug)]
pub(crate) struct Inverses {
    bytes: [Fr; TABLE],
    pub(crate) inverses: [Fr; TABLE],
}

impl Inverses {
    /// `None` if `-beta` is a byte.
    pub(crate) fn new(beta: Fr) -> Option<Self> {
        let bytes: [Fr; TABLE] = core::array::from_fn(|v| Fr::from(v as u64));
        let mut inverses = bytes.map(|v| beta + v);
        if inverses.contains(&Fr::ZERO) {
            return None;
        }
        ark_ff::batch_inversion(&mut inverses);
        Some(Self { bytes, inverses })
    }
}
