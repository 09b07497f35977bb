//! What is left of rows and public functions while variables are being fixed.

use ark_bn254::Fr;
use ark_ff::{AdditiveGroup, Field};
use rayon::prelude::*;
use zeroize::Zeroizing;

use super::Inputs;
use super::first::ByteTables;
use super::interval::{Interval, Line};
use super::kinds::KindState;
use crate::circuit::layout::FIRST;
use crate::encoding::signed;
use crate::mle;
use crate::network::columns::NetworkColumns;
use crate::network::functions::Samples;
use crate::network::helpers::Helpers;
use crate::network::phi::Order;

/// Pairs of rows that one task handles at least.
pub(super) const TASK: usize = 64;
/// Columns of a row: at most `2 (32 + 1) + 4`, two lookups, four reads and a write, two hats, and one more.
pub(super) const MAX_WIDTH: usize = 81;

/// The prover's rows. `H_c` is kept times the weight of its constraint, and one more column is what the sum of lookups
/// has of bytes: `sum_c H_c - H_T`.
pub(super) enum Rows<'a> {
    Columns(&'a NetworkColumns, &'a Helpers),
    /// Row-major field elements.
    Fields(Zeroizing<Vec<Fr>>),
}

/// Functions of the sample.
#[derive(Clone, Copy)]
pub(super) enum OfSample {
    /// `eq(xi_k, k)`, and the same for `k < N`.
    Eq,
    Own,
    /// `mu^k`, `psi^k`, 1 for `k < N`.
    Mu,
    Psi,
    Inside,
}

impl From<Samples> for OfSample {
    fn from(samples: Samples) -> Self {
        match samples {
            Samples::Mu => Self::Mu,
            Samples::Psi => Self::Psi,
        }
    }
}

/// What copies need besides their rows.
pub(super) struct Copies {
    /// `eq(xi_p, p)` on the real positions, for rows of samples.
    pub(super) eq: Interval,
    /// Minus the weight of the sum of copies, there.
    pub(super) sums: Interval,
    /// `addr_1.., mult`.
    pub(super) columns: Vec<Interval>,
    /// The weights of `H_V` and of the sum.
    pub(super) write: Fr,
    pub(super) sum: Fr,
    /// The weight of the sample in a tuple.
    pub(super) sample: Fr,
}

/// What products need besides their rows.
pub(super) struct Products {
    /// `MC`, `TL`.
    pub(super) weights: Interval,
    pub(super) link: Interval,
    /// `l_L`, `l_R`.
    pub(super) links: [Fr; 2],
}

pub(super) struct State<'a> {
    pub(super) order: Order,
    kappa: usize,
    pub(super) rows: Rows<'a>,
    /// Rows that are left.
    pub(super) len: usize,
    pub(super) bytes: ByteTables,
    pub(super) beta: Fr,
    pub(super) gamma: Fr,
    /// The weights of `H_c = 1 / (beta + L_c)`; none if tests drop them.
    pub(super) limb: Vec<Fr>,
    pub(super) limb_sum: Fr,
    pub(super) table: Fr,
    pub(super) sum: Fr,
    pub(super) kinds: Vec<KindState<'a>>,
    /// `eq(xi_p, p)`, and the weight of the sum of lookups, on the real positions.
    pub(super) eq: Interval,
    pub(super) sums: Interval,
    /// `T_out`.
    pub(super) outputs: Option<Interval>,
    pub(super) copies: Option<Copies>,
    pub(super) products: Option<Products>,
    /// By [`OfSample`].
    samples: [Vec<Fr>; 5],
    round: usize,
    /// `SMP`, `POS` and `Tin + gamma^2 Tid` of the variables fixed so far.
    sample: Fr,
    position: Fr,
    table_offset: Fr,
}

impl<'a> State<'a> {
    pub(super) fn new(inputs: &Inputs<'a>) -> Self {
        let (p, f, rows, order) = (inputs.p, inputs.functions, inputs.columns.size.rows, inputs.columns.order);
        let (xi_k, xi_p) = inputs.c2.xi.split_at(rows.kappa);
        let mut eq_p = mle::eq_table(xi_p);
        eq_p.truncate(rows.positions);
        let kinds = (0..p.kinds.len()).into_par_iter().map(|i| KindState::new(p, i, f, &eq_p)).collect();
        let real = |values: Vec<Fr>| Interval { start: FIRST, values };
        let constant = |value: Fr| real(vec![value; rows.positions - FIRST]);
        let column = |c: &Vec<i64>| Interval { start: 0, values: c.iter().map(|v| signed(*v)).collect() };
        let copies = (order.reads > 0).then(|| Copies {
            eq: real(eq_p[FIRST..].to_vec()),
            sums: constant(-f.copy_weight()),
            columns: inputs.fixed[usize::from(order.tables)..].iter().map(column).collect(),
            write: f.write_weight(),
            sum: f.copy_weight(),
            sample: f.copy_sample(),
        });
        let products = order.products.then(|| {
            let [weights, link] = f.product_tables();
            let all = |values| Interval { start: 0, values };
            Products { weights: all(weights), link: all(link), links: f.product_links() }
        });
        let eq_k = mle::eq_table(xi_k);
        let own = |mut values: Vec<Fr>| {
            values.resize(rows.k(), Fr::ZERO);
            values[rows.samples..].fill(Fr::ZERO);
            values
        };
        let powers = |base| own(mle::powers(base, rows.samples));
        let limb: Vec<Fr> = (0..order.limbs).map(|c| f.limb_weight(c)).filter(|w| *w != Fr::ZERO).collect();
        let mut state = Self {
            order,
            kappa: rows.kappa,
            rows: Rows::Columns(inputs.columns, inputs.helpers),
            len: rows.real(),
            bytes: ByteTables::new(inputs.helpers, &limb),
            beta: inputs.c1.beta,
            gamma: inputs.c1.gamma,
            limb_sum: limb.iter().sum(),
            limb,
            table: f.table_weight(),
            sum: f.sum_weight(),
            kinds,
            eq: real(eq_p[FIRST..].to_vec()),
            sums: constant(f.sum_weight()),
            outputs: order.tables.then(|| column(&inputs.fixed[0])),
            copies,
            products,
            samples: [eq_k.clone(), own(eq_k), powers(inputs.c1.mu), powers(f.psi), powers(Fr::ONE)],
            round: 0,
            sample: Fr::ZERO,
            position: Fr::ZERO,
            table_offset: -inputs.c1.gamma.square(),
        };
        state.absorb_samples();
        state
    }

    /// The rows as field elements, before the first round: what a test has changed does not fit into bytes.
    pub(super) fn expand(&mut self) {
        if let Rows::Columns(columns, helpers) = &self.rows {
            let stride = self.stride();
            let mut rows = Zeroizing::new(vec![Fr::ZERO; self.len * stride]);
            let loaded = rows.chunks_exact_mut(stride).enumerate();
            loaded.for_each(|(row, out)| self.load(columns, helpers, row, out));
            self.rows = Rows::Fields(rows);
        }
    }

    /// Elements of a row.
    pub(super) fn stride(&self) -> usize {
        self.order.row_width() + 1
    }

    /// Writes a row of the columns.
    pub(super) fn load(&self, columns: &NetworkColumns, helpers: &Helpers, row: usize, out: &mut [Fr]) {
        let (own, sum) = out.split_at_mut(self.order.row_width());
        if row >= self.len {
            return out.fill(Fr::ZERO);
        }
        columns.load(row, helpers, own);
        let h = self.order.h(0)..self.order.table();
        sum[0] = own[h.clone()].iter().sum::<Fr>() - own[self.order.table()];
        own[h].iter_mut().zip(&self.limb).for_each(|(h, weight)| *h *= weight);
    }

    /// The columns at the point, once all variables are fixed.
    pub(super) fn last_row(&self) -> Vec<Fr> {
        let Rows::Fields(rows) = &self.rows else { return Vec::new() };
        let mut row: Vec<Fr> = rows.iter().take(self.order.row_width()).copied().collect();
        let mut inverses = self.limb.clone();
        ark_ff::batch_inversion(&mut inverses);
        row.iter_mut().skip(self.order.h(0)).zip(inverses).for_each(|(h, inverse)| *h *= inverse);
        row
    }

    /// `T_out, addr_1.., mult` at the point.
    pub(super) fn fixed(&self) -> impl Iterator<Item = Fr> {
        self.outputs.iter().chain(self.copies.iter().flat_map(|c| &c.columns)).map(|column| column.at(0))
    }

    /// Once all sample variables are fixed, what is left of their functions moves into the positions.
    fn absorb_samples(&mut self) {
        if self.round != self.kappa {
            return;
        }
        let [eq, own, mu, psi, inside] = core::array::from_fn(|i| self.samples[i][0]);
        self.eq.scale(eq);
        for kind in &mut self.kinds {
            kind.eq.scale(own);
            for v in &mut kind.views {
                v.om.scale(if v.samples == Samples::Mu { mu } else { psi });
            }
            if let Some(ones) = &mut kind.ones {
                ones.scale(inside);
            }
        }
        if let Some(copies) = &mut self.copies {
            copies.eq.scale(own);
            copies.sums.scale(inside);
        }
        if let Some(products) = &mut self.products {
            products.weights.scale(mu);
            products.link.scale(psi);
        }
    }

    /// A function of position and sample; `None`: of the position alone.
    pub(super) fn line(&self, f: &Interval, samples: Option<OfSample>, pair: usize) -> Line {
        if self.round >= self.kappa {
            return Line::new(f.at(2 * pair), f.at(2 * pair + 1));
        }
        let left = 1 << (self.kappa - self.round);
        let (p, k) = (2 * pair / left, 2 * pair % left);
        let value = f.at(p);
        match samples {
            _ if value == Fr::ZERO => Line::default(),
            None => Line::new(value, value),
            Some(of) => {
                let table = &self.samples[of as usize];
                Line::new(table[k] * value, table[k + 1] * value)
            }
        }
    }

    /// The positions of a pair: first and one past the last.
    pub(super) fn positions(&self, pair: usize) -> (usize, usize) {
        if self.round >= self.kappa {
            return (2 * pair, 2 * pair + 2);
        }
        let p = (2 * pair) >> (self.kappa - self.round);
        (p, p + 1)
    }

    /// A linear function of the position, given by its values at positions.
    fn of_position(&self, offset: Fr, value: impl Fn(usize) -> Fr, pair: usize) -> Line {
        let Some(fixed) = self.round.checked_sub(self.kappa) else {
            let p = (2 * pair) >> (self.kappa - self.round);
            let value = offset + value(p);
            return Line::new(value, value);
        };
        let low = offset + value((2 * pair) << fixed);
        Line::new(low, low + value(1 << fixed))
    }

    /// `Tin + gamma^2 Tid`.
    pub(super) fn table_line(&self, pair: usize) -> Line {
        let gamma2 = self.gamma.square();
        let value = |p: usize| Fr::from((p % 256) as u64) + gamma2 * Fr::from((p >> 8) as u64);
        self.of_position(self.table_offset, value, pair)
    }

    /// `POS`.
    pub(super) fn position_line(&self, pair: usize) -> Line {
        self.of_position(self.position, |p| Fr::from(p as u64), pair)
    }

    /// `SMP`.
    pub(super) fn sample_line(&self, pair: usize) -> Line {
        if self.round >= self.kappa {
            return Line::new(self.sample, self.sample);
        }
        let k = 2 * pair % (1 << (self.kappa - self.round));
        let low = self.sample + Fr::from((k << self.round) as u64);
        Line::new(low, low + Fr::from(1u64 << self.round))
    }

    /// Fixes the next variable to `r`.
    pub(super) fn fix(&mut self, r: Fr) {
        let (half, stride) = (self.len.div_ceil(2), self.stride());
        let mut next = Zeroizing::new(vec![Fr::ZERO; half * stride]);
        match &self.rows {
            Rows::Columns(columns, helpers) => self.fix_bytes(columns, helpers, r, &mut next),
            Rows::Fields(rows) => next.par_chunks_mut(stride * TASK).enumerate().for_each(|(task, chunk)| {
                let first = &rows[2 * task * TASK * stride..];
                for (row, pair) in chunk.chunks_exact_mut(stride).zip(first.chunks(2 * stride)) {
                    let (low, high) = pair.split_at(stride);
                    let values = low.iter().zip(high.iter().chain(core::iter::repeat(&Fr::ZERO)));
                    let between = |(l, h): (&Fr, &Fr)| if l == h { *l } else { *l + r * (*h - l) };
                    row.iter_mut().zip(values).for_each(|(out, pair)| *out = between(pair));
                }
            }),
        }
        self.rows = Rows::Fields(next);
        self.len = half;
        if let Some(fixed) = self.round.checked_sub(self.kappa) {
            let bit = |i: usize| Fr::from(1u64 << i);
            let weight = if fixed < 8 { bit(fixed) } else { self.gamma.square() * bit(fixed - 8) };
            self.table_offset += r * weight;
            self.position += r * bit(fixed);
            let mut intervals = self.intervals();
            // Below some hundred entries another thread costs more than it saves.
            let total: usize = intervals.iter().map(|i| i.values.len()).sum();
            intervals
                .par_iter_mut()
                .with_min_len(if total < 1 << 11 { total.max(1) } else { 1 })
                .for_each(|i| i.fix(r));
        } else {
            self.sample += r * Fr::from(1u64 << self.round);
            self.samples.iter_mut().for_each(|table| mle::fold(table, r));
        }
        self.round += 1;
        self.absorb_samples();
    }

    /// Every function of the position.
    fn intervals(&mut self) -> Vec<&mut Interval> {
        let mut out = vec![&mut self.eq, &mut self.sums];
        out.extend(self.kinds.iter_mut().flat_map(KindState::intervals));
        out.extend(&mut self.outputs);
        if let Some(copies) = &mut self.copies {
            out.extend([&mut copies.eq, &mut copies.sums]);
            out.extend(&mut copies.columns);
        }
        if let Some(products) = &mut self.products {
            out.extend([&mut products.weights, &mut products.link]);
        }
        out
    }
}

impl Drop for State<'_> {
    fn drop(&mut self) {
        self.bytes.zeroize();
    }
}
