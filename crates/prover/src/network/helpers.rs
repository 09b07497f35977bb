//! N4: the columns of M2: inverses of lookups and copies, and the hats of products.

use core::fmt;

use ark_bn254::Fr;
use ark_ff::{AdditiveGroup, Field};
use rayon::prelude::*;
use zeroize::{Zeroize, Zeroizing};

use super::columns::NetworkColumns;
use super::functions::Functions;
use super::layout::TABLE_START;
use super::program::Parts;
use crate::circuit::layout::{FIRST, TABLE};
use crate::encoding::signed;
use crate::rules::{Rule, Rules};
use crate::transcript::NetworkChallenges1;

/// A column that is 0 outside of an interval of rows.
pub(crate) struct Rows {
    pub(crate) start: usize,
    pub(crate) values: Zeroizing<Vec<Fr>>,
}

impl Rows {
    pub(crate) fn at(&self, row: usize) -> Fr {
        row.checked_sub(self.start).and_then(|i| self.values.get(i)).copied().unwrap_or_default()
    }
}

/// The columns of M2 without their masks. Secret.
pub(crate) struct Helpers {
    /// The bytes as scalars.
    pub(crate) bytes: [Fr; TABLE],
    /// `H_c` by byte: `1 / (beta + v)`.
    pub(crate) inverses: [Fr; TABLE],
    /// `H_T` by entry of the tables.
    pub(crate) table: Zeroizing<Vec<Fr>>,
    /// `J_1.., H_X.., H_V, Y_L, Y_R`, those that exist.
    pub(crate) rows: Vec<Rows>,
}

impl fmt::Debug for Helpers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Helpers")
    }
}

impl Drop for Helpers {
    fn drop(&mut self) {
        self.inverses.zeroize();
    }
}

/// `(beta + v)^{-1}` of bytes, and `beta + Tin + gamma Tout + gamma^2 Tid` of all entries, inverted.
fn tables(p: &Parts, fixed: &[Vec<i64>], c1: &NetworkChallenges1) -> Option<Vec<Fr>> {
    let gamma2 = c1.gamma.square();
    let entry = |v: usize| {
        let out = if p.tables > 0 { fixed[0][TABLE_START + v] } else { 0 };
        c1.beta + Fr::from((v % TABLE) as u64) + c1.gamma * signed(out) + gamma2 * Fr::from((v / TABLE) as u64)
    };
    inverses((0..TABLE * (usize::from(p.tables) + 1)).map(entry).collect())
}

/// Rows that a task computes denominators of, at least.
const TASK: usize = 1 << 10;

/// `None` if one of them is 0.
fn inverses(mut values: Vec<Fr>) -> Option<Vec<Fr>> {
    if values.contains(&Fr::ZERO) {
        return None;
    }
    ark_ff::batch_inversion(&mut values);
    Some(values)
}

impl Helpers {
    /// Everything but the hats; `fixed` are the fixed columns. `None` if a denominator is 0.
    pub(crate) fn new(
        p: &Parts,
        columns: &NetworkColumns,
        fixed: &[Vec<i64>],
        c1: &NetworkChallenges1,
        rules: Rules,
    ) -> Option<Self> {
        let sample = if rules.on(Rule::CopySample) { c1.gamma.square() } else { Fr::ZERO };
        let entries = tables(p, fixed, c1)?;
        let table = columns.counts.iter().zip(&entries).map(|(m, inverse)| Fr::from(*m) * inverse).collect();
        let mut rows = Vec::new();
        for i in 0..usize::from(p.lookups) {
            rows.push(lookup(p, columns, c1, i)?);
        }
        let addresses = &fixed[usize::from(p.tables > 0)..];
        for j in 1..=usize::from(p.reads) {
            rows.push(read(p, columns, &addresses[j - 1], c1, (j, sample))?);
        }
        if p.reads > 0 {
            rows.push(write(p, columns, &addresses[usize::from(p.reads)], c1, sample)?);
        }
        Some(Self {
            bytes: core::array::from_fn(|v| Fr::from(v as u64)),
            inverses: core::array::from_fn(|v| entries[v]),
            table: Zeroizing::new(table),
            rows,
        })
    }

    /// Adds the hats of products, `Y_L` and `Y_R`.
    pub(crate) fn add_products(&mut self, columns: &NetworkColumns, p: &Parts, functions: &Functions<'_>) {
        if p.product_ops.is_empty() {
            return;
        }
        let (size, start) = (columns.size, columns.size.rows.first_real());
        let mut sides = [0, 1]
            .map(|_| Rows { start, values: Zeroizing::new(vec![Fr::ZERO; size.row(p.product_end as usize) - start]) });
        for k in 0..size.rows.samples {
            let hats = functions.product_hats(|access, view| {
                let t = &p.tensors[usize::from(access.tensor)];
                let form = &p.kinds[usize::from(t.kind)].views[view];
                let positions = t.base as usize..t.end() as usize;
                positions.map(|position| columns.field_value(form, size.row(position) + k)).collect()
            });
            for (side, hats) in sides.iter_mut().zip(hats) {
                let entries = hats.iter().enumerate().skip(FIRST);
                entries.for_each(|(position, v)| side.values[size.row(position) + k - start] = *v);
            }
        }
        self.rows.extend(sides);
    }

    /// The columns over rows as polynomials: first exponent, coefficients.
    pub(crate) fn ranges(&self) -> Vec<(usize, &[Fr])> {
        self.rows.iter().map(|r| (r.start, &r.values[..])).collect()
    }
}

/// The interval of rows of the kinds that `on` accepts, and their denominators inverted.
fn over(
    p: &Parts,
    columns: &NetworkColumns,
    on: impl Fn(&super::program::Kind) -> bool,
    denominator: impl Fn(&super::program::Kind, usize) -> Fr + Sync,
) -> Option<Rows> {
    let kinds: Vec<_> = p.kinds.iter().filter(|k| on(k)).collect();
    let start = kinds.first().map_or(0, |k| columns.size.row(k.lo as usize));
    let end = kinds.last().map_or(0, |k| columns.size.row(k.hi as usize));
    let mut values = Zeroizing::new(vec![Fr::ZERO; end - start]);
    for kind in kinds {
        let rows: Vec<usize> = columns.rows_of_samples(kind.lo, kind.hi).collect();
        let denominators = rows.par_iter().with_min_len(TASK).map(|row| denominator(kind, *row));
        let inverted = Zeroizing::new(inverses(denominators.collect())?);
        rows.iter().zip(inverted.iter()).for_each(|(row, v)| values[row - start] = *v);
    }
    Some(Rows { start, values })
}

/// `J_{i+1}`.
fn lookup(p: &Parts, columns: &NetworkColumns, c1: &NetworkChallenges1, i: usize) -> Option<Rows> {
    let gamma2 = c1.gamma.square();
    over(
        p,
        columns,
        |k| k.lookups.len() > i,
        |kind, row| {
            let l = &kind.lookups[i];
            let [input, output] = [&l.input, &l.output].map(|form| signed(columns.value(form, row)));
            c1.beta + input + c1.gamma * output + gamma2 * Fr::from(l.id)
        },
    )
}

fn position(columns: &NetworkColumns, row: usize) -> (usize, Fr) {
    let rows = columns.size.rows;
    (row >> rows.kappa, Fr::from((row & (rows.k() - 1)) as u64))
}

/// `H_X` of `X_j`.
fn read(
    p: &Parts,
    columns: &NetworkColumns,
    addr: &[i64],
    c1: &NetworkChallenges1,
    (j, weight): (usize, Fr),
) -> Option<Rows> {
    over(
        p,
        columns,
        |k| k.reads_column(j),
        |_, row| {
            let (position, sample) = position(columns, row);
            c1.beta + signed(columns.operands[j - 1][row]) + c1.gamma * signed(addr[position]) + weight * sample
        },
    )
}

/// `H_V`.
fn write(p: &Parts, columns: &NetworkColumns, mult: &[i64], c1: &NetworkChallenges1, weight: Fr) -> Option<Rows> {
    let size = columns.size;
    let start = size.rows.first_real();
    let mut values = Zeroizing::new(vec![Fr::ZERO; size.rows.real() - start]);
    let read: Vec<usize> = (FIRST..size.rows.positions).filter(|at| mult[*at] != 0).collect();
    let mut rows = Vec::new();
    for at in read {
        let kind = p.kinds.iter().find(|k| (k.lo as usize..k.hi as usize).contains(&at));
        let form = kind.and_then(|k| k.value.map(|v| &k.views[usize::from(v)]));
        for k in 0..size.rows.samples {
            let row = size.row(at) + k;
            let value = form.map_or(Fr::ZERO, |form| signed(columns.value(form, row)));
            let tuple = c1.beta + value + c1.gamma * Fr::from(at as u64) + weight * Fr::from(k as u64);
            rows.push((row, mult[at], tuple));
        }
    }
    let inverted = Zeroizing::new(inverses(rows.iter().map(|r| r.2).collect())?);
    rows.iter().zip(inverted.iter()).for_each(|((row, m, _), v)| values[row - start] = signed(*m) * v);
    Some(Rows { start, values })
}
