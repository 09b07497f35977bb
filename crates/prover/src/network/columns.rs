//! N4: the columns of one proof, their masks and commitments.

use core::fmt;

use ark_bn254::{Fr, G1Affine, G1Projective};
use ark_ec::CurveGroup;
use ark_ff::AdditiveGroup;
use rayon::prelude::*;
use zeroize::{Zeroize, Zeroizing};

use super::fixed::Fixed;
use super::gadget::Row;
use super::helpers::Helpers;
use super::layout::{Size, TABLE_START};
use super::phi::Order;
use super::program::{Form, Parts};
use crate::circuit::layout::TABLE;
use crate::columns::Mask;
use crate::commit::{Inverted, Powers};
use crate::kernels::{self, ByteBuckets};
use crate::randomness::Randomness;
use crate::sumcheck::masks::MaskColumns;

/// The columns of M1 and the masks of all columns. Secret, wiped when dropped.
pub(crate) struct NetworkColumns {
    pub(crate) size: Size,
    pub(crate) order: Order,
    /// `L_0..` over rows `0..n_real`; mask rows are kept apart.
    pub(crate) limbs: Vec<Vec<u8>>,
    /// `X_1..`, likewise.
    pub(crate) operands: Vec<Vec<i64>>,
    /// `m` by entry of the tables.
    pub(crate) counts: Vec<u32>,
    /// Rows 0 and 1 of every column that has a value on every row ([`Order::of_row`]).
    pub(crate) masks: Zeroizing<Vec<Mask>>,
    /// `(column, row, difference)`, for tests: a malicious prover's entries.
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
        p: &Parts,
        fixed: &Fixed,
        size: Size,
        samples: &[Zeroizing<Vec<(usize, Row)>>],
        random: &mut Randomness,
    ) -> Self {
        let (n, order) = (size.rows.real(), Order::new(p));
        let mut limbs = vec![vec![0u8; n]; order.limbs];
        let mut operands = vec![vec![0i64; n]; order.operands];
        for (k, rows) in samples.iter().enumerate() {
            for (position, row) in rows.iter() {
                let a = size.row(*position) + k;
                limbs.iter_mut().zip(row.limbs).for_each(|(column, v)| column[a] = v);
                operands.iter_mut().zip(row.operands).for_each(|(column, v)| column[a] = v);
            }
        }
        let masks = Zeroizing::new((0..order.row_width()).map(|_| random.scalars()).collect());
        let mut this = Self {
            size,
            order,
            limbs,
            operands,
            counts: vec![0; TABLE * (fixed.tables().len() + 1)],
            masks,
            #[cfg(test)]
            deltas: Vec::new(),
        };
        this.count(p, fixed);
        this
    }

    /// `m`: bytes of all real rows, and lookups of the rows of samples.
    pub(crate) fn count(&mut self, p: &Parts, fixed: &Fixed) {
        let mut counts = vec![0u32; self.counts.len()];
        for column in &self.limbs {
            column[self.size.rows.first_real()..].iter().for_each(|v| counts[usize::from(*v)] += 1);
        }
        for kind in &p.kinds {
            for lookup in &kind.lookups {
                let table = &fixed.tables()[usize::from(lookup.id) - 1];
                for row in self.rows_of_samples(kind.lo, kind.hi) {
                    let [input, output] = [&lookup.input, &lookup.output].map(|form| self.value(form, row));
                    let entry = usize::try_from(input).ok().filter(|v| table.get(*v) == Some(&output));
                    // What is in no table is counted nowhere, and the sum of lookups is then not 0.
                    if let Some(entry) = entry {
                        counts[TABLE * usize::from(lookup.id) + entry] += 1;
                    }
                }
            }
        }
        self.counts = counts;
    }

    /// The rows of the samples `0..N` at the positions `lo..hi`.
    pub(crate) fn rows_of_samples(&self, lo: u32, hi: u32) -> impl Iterator<Item = usize> + use<> {
        let rows = self.size.rows;
        (lo as usize..hi as usize).flat_map(move |p| (0..rows.samples).map(move |k| (p << rows.kappa) + k))
    }

    /// The value of a form on a row, without what a test adds.
    pub(crate) fn value(&self, form: &Form, row: usize) -> i64 {
        let column = |c: usize| match c.checked_sub(self.order.limbs) {
            Some(x) => self.operands[x][row],
            None => self.limbs[c][row].into(),
        };
        // Forms of gadgets are far below 2^63.
        form.terms.iter().map(|(c, v)| v * column(usize::from(*c))).sum::<i64>() + form.constant
    }

    /// The value of a form on a row.
    pub(crate) fn field_value(&self, form: &Form, row: usize) -> Fr {
        let mut value = crate::encoding::signed(self.value(form, row));
        for (column, at, delta) in self.deltas() {
            let coefficient = form.terms.iter().find(|(c, _)| usize::from(*c) == *column);
            if let Some((_, v)) = coefficient.filter(|_| *at == row) {
                value += crate::encoding::signed(*v) * delta;
            }
        }
        value
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
        let table: Vec<_> = (0..self.counts.len()).map(|v| powers.raw()[self.table_row(v)]).collect();
        let counts: Zeroizing<Vec<i64>> = Zeroizing::new(self.counts.iter().map(|m| i64::from(*m)).collect());
        out.push(kernels::msm_small(&table, &counts));
        let masks = powers.commit_sparse(&self.sparse(0, self.order.h(0)));
        (out.into_iter().zip(masks).map(|(a, b)| sum(a, b)).collect(), buckets)
    }

    /// The row of an entry of the tables.
    fn table_row(&self, entry: usize) -> usize {
        self.size.row(TABLE_START + entry)
    }

    /// The entry of the tables on a row, if it has one.
    pub(crate) fn entry(&self, row: usize) -> Option<usize> {
        let (p, k) = (row >> self.size.rows.kappa, row & (self.size.rows.k() - 1));
        p.checked_sub(TABLE_START).filter(|entry| k == 0 && *entry < self.counts.len())
    }

    /// M2: `C_H, C_HT, C_J, C_HX, C_HV`, then `C_YL, C_YR`, then `C_S1, C_S2, C_S3, C_S0`.
    pub(crate) fn m2(
        &self,
        powers: &Powers,
        (buckets, total): (&[ByteBuckets], &G1Affine),
        helpers: &Helpers,
        masks: &MaskColumns,
    ) -> (Vec<G1Affine>, Vec<G1Affine>, [G1Affine; 4]) {
        let first = self.order.h(0);
        let mut sparse = self.sparse(first, self.order.row_width());
        let table = &mut sparse[self.order.table() - first];
        table.extend(helpers.table.iter().enumerate().map(|(v, h)| (self.table_row(v), *h)));
        for k in 0..4 {
            sparse.push(masks.support.iter().zip(masks.values.iter()).map(|(a, v)| (*a, v[k])).collect());
        }
        let rows = self.size.rows.first_real()..self.size.rows.real();
        let inverted = Inverted::new(powers, rows, &self.limbs, buckets, &helpers.inverses, &mut sparse);
        let ((mut dense, rows), mut out) = rayon::join(
            || (inverted.commit(&helpers.inverses, total), powers.commit_ranges(&helpers.ranges())),
            || powers.commit_sparse(&sparse),
        );
        let c_s = core::array::from_fn(|k| out[out.len() - 4 + k]);
        out.truncate(out.len() - 4);
        // `H_T` is sparse alone.
        dense.push(G1Affine::identity());
        dense.extend(rows);
        out.iter_mut().zip(dense).for_each(|(s, d)| *s = sum(*s, d));
        let products = out.split_off(self.order.width() - first);
        (out, products, c_s)
    }

    /// The entries of the columns on one row, in the order of [`Order::of_row`].
    pub(crate) fn load(&self, row: usize, helpers: &Helpers, out: &mut [Fr]) {
        let order = self.order;
        out.fill(Fr::ZERO);
        if row < 2 {
            out.iter_mut().zip(self.masks.iter()).for_each(|(o, m)| *o = m[row]);
        } else if row >= self.size.rows.first_real() {
            for (c, column) in self.limbs.iter().enumerate() {
                let byte = usize::from(column[row]);
                out[c] = helpers.bytes[byte];
                out[order.h(c)] = helpers.inverses[byte];
            }
            for (j, column) in self.operands.iter().enumerate() {
                if column[row] != 0 {
                    out[order.limbs + j] = crate::encoding::signed(column[row]);
                }
            }
            if let Some(entry) = self.entry(row) {
                out[order.m()] = Fr::from(self.counts[entry]);
                out[order.table()] = helpers.table[entry];
            }
            for (slot, column) in out[order.j(0)..].iter_mut().zip(&helpers.rows) {
                *slot = column.at(row);
            }
        }
        for (column, at, delta) in self.deltas() {
            if *at == row {
                out[*column] += delta;
            }
        }
    }

    /// `P_0` without `S` columns: `sum rho_j col_j` over the real rows; `rho` in the order of M4.
    pub(crate) fn batch(&self, rho: &[Fr], helpers: &Helpers) -> Zeroizing<Vec<Fr>> {
        let order = self.order;
        // A limb column and its `H` depend on one byte: one table per column adds up both.
        let combined: Vec<Vec<Fr>> = (0..order.limbs)
            .map(|c| (0..TABLE).map(|v| rho[c] * helpers.bytes[v] + rho[order.h(c)] * helpers.inverses[v]).collect())
            .collect();
        let weights: Vec<Fr> = (0..order.row_width()).map(|i| rho[order.of_row(i)]).collect();
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
            for (column, weight) in helpers.rows.iter().zip(&weights[order.j(0)..]) {
                let value = column.at(first + i);
                if value != Fr::ZERO {
                    *p += *weight * value;
                }
            }
        });
        for (v, (count, h)) in self.counts.iter().zip(helpers.table.iter()).enumerate() {
            out[self.table_row(v)] += rho[order.m()] * Fr::from(*count) + rho[order.table()] * h;
        }
        for (weight, [m0, m1]) in weights.iter().zip(self.masks.iter()) {
            out[0] += *weight * m0;
            out[1] += *weight * m1;
        }
        for (column, row, delta) in self.deltas() {
            out[*row] += weights[*column] * delta;
        }
        out
    }
}
