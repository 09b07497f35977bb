//! §6 M3: the prover of the sumcheck.
//!
//! Columns are kept up to their last real row only, row by row: `L_0..L_ell, H_0..H_ell`. The first
//! round reads the bytes themselves; field elements exist from the second round on, when half of
//! the rows are left. Public functions are kept per position or per sample, never per row.

use ark_bn254::Fr;
use ark_ff::AdditiveGroup;
use rayon::prelude::*;
use zeroize::{Zeroize, Zeroizing};

use super::committed::CommittedRounds;
use super::functions::Functions;
use super::inverses::Inverses;
use super::masks::{MaskColumns, MaskRounds};
use super::phi::EvalOrder;
use super::rows::{RowFunctions, Rows, Weights};
use crate::circuit::layout::{Columns, TABLE};
use crate::columns::LimbColumns;
use crate::mle;
use crate::rules::{Rule, Rules};
use crate::transcript::{Challenges1, Challenges2, Transcript, stage};

/// Pairs of rows that one task handles at least.
const TASK: usize = 64;
/// Columns of a row: at most `2 (9 + 1)`.
const MAX_WIDTH: usize = 20;

/// The prover's state between rounds.
struct State<'a> {
    size: Columns,
    width: usize,
    rows: Rows<'a>,
    /// Number of rows in `rows`.
    len: usize,
    weights: Weights,
    /// Per sample, until `kappa` rounds are done: `eq(xi_k, k)` and `M`.
    eq_k: Vec<Fr>,
    m: Vec<Fr>,
    /// Per position: `eq(xi_p, p) S(p)`, then `S, HI, NW, A, B, lambda^{ell+5} E, G`.
    positions: [Zeroizing<Vec<Fr>>; 8],
    round: usize,
    /// `T~` of the variables fixed so far.
    t_offset: Fr,
}

/// What M3 and M4 leave behind.
pub(crate) struct Output {
    pub(crate) rounds: Vec<[Fr; 3]>,
    pub(crate) r: Vec<Fr>,
    /// The evaluations in the order of M4.
    pub(crate) evals: Vec<Fr>,
}

/// The public inputs of the sumcheck.
pub(crate) struct Inputs<'a> {
    pub(crate) columns: &'a LimbColumns,
    pub(crate) inverses: &'a Inverses,
    pub(crate) masks: &'a MaskColumns,
    pub(crate) functions: &'a Functions,
    /// `G` over positions `0..P`.
    pub(crate) g: &'a [Fr],
    /// The masked tensors of the committed sides, by position.
    pub(crate) committed: &'a [Zeroizing<Vec<Fr>>],
    pub(crate) c1: &'a Challenges1,
    pub(crate) c2: &'a Challenges2,
    pub(crate) rules: Rules,
}

/// Runs all rounds.
pub(crate) fn prove(inputs: &Inputs<'_>, mut transcript: Transcript<stage::M3>) -> (Transcript<stage::M3>, Output) {
    let size = inputs.columns.size;
    let order = EvalOrder { ell: inputs.columns.limbs.len() };
    let mut state = State::new(inputs);
    let mut masks = MaskRounds::new(inputs.masks, inputs.c2.zeta);
    let tables = inputs.functions.committed.iter().zip(inputs.committed);
    let tables = tables.map(|(e, x)| (e.table(size.positions.min(x.len())), x.clone()));
    let mut committed = CommittedRounds::new(tables, size.kappa);
    let (mut rounds, mut r) = (Vec::new(), Vec::new());
    for _ in 0..size.variables() {
        let mut e = state.message();
        for terms in [masks.message(), committed.message()] {
            e.iter_mut().zip(terms).for_each(|(e, m)| *e += m);
        }
        let (next, challenge) = transcript.round(&e);
        transcript = next;
        state.fix(challenge);
        masks.fix(challenge);
        committed.fix(challenge);
        rounds.push(e);
        r.push(challenge);
    }
    let [s1, s2, s3, s0] = inputs.masks.evaluate(&r);
    let mut evals = vec![Fr::ZERO; order.count(inputs.committed.len())];
    if let Rows::Fields(rows) = &state.rows {
        evals[..state.width].copy_from_slice(&rows[..state.width]);
    }
    evals[order.s(1)] = s1;
    evals[order.s(2)] = s2;
    evals[order.s(3)] = s3;
    evals[order.g()] = state.positions[7][0];
    evals[order.s0()] = s0;
    evals[order.committed(0)..].copy_from_slice(&committed.evaluations());
    (transcript, Output { rounds, r, evals })
}

impl<'a> State<'a> {
    fn new(inputs: &Inputs<'a>) -> Self {
        let (size, f, rules) = (inputs.columns.size, inputs.functions, inputs.rules);
        let ell = inputs.columns.limbs.len();
        let (xi_k, xi_p) = inputs.c2.xi.split_at(size.kappa);
        let table = |pieces: &crate::circuit::pieces::Pieces| pieces.table(size.positions);
        let gated = |rule, pieces| {
            if rules.on(rule) { table(pieces) } else { vec![Fr::ZERO; size.positions] }
        };
        let s = table(&f.s);
        let mut eq_p = mle::eq_table(xi_p);
        eq_p.truncate(size.positions);
        eq_p.iter_mut().zip(&s).for_each(|(e, s)| *e *= s);
        let mut e = gated(Rule::Wires, &f.e);
        e.iter_mut().for_each(|e| *e *= f.lambda[ell + 5]);
        let positions = [
            eq_p,
            s,
            table(&f.hi),
            table(&f.nw),
            gated(Rule::Layer, &f.a),
            gated(Rule::Layer, &f.b),
            e,
            inputs.g.to_vec(),
        ]
        .map(Zeroizing::new);
        let mut state = Self {
            size,
            width: 2 * (ell + 1),
            rows: Rows::Columns(inputs.columns, inputs.inverses, (0..TABLE as u64).map(Fr::from).collect()),
            len: size.real(),
            weights: Weights::new(&f.lambda, ell, inputs.c1.beta, rules),
            eq_k: mle::eq_table(xi_k),
            m: f.m.table(size.k()),
            positions,
            round: 0,
            t_offset: Fr::ZERO,
        };
        state.absorb_samples();
        state
    }

    /// Once all sample variables are fixed, what is left of `eq_k` and `M` moves into the positions.
    fn absorb_samples(&mut self) {
        if self.round == self.size.kappa {
            let (eq, m) = (self.eq_k[0], self.m[0]);
            self.positions[0].iter_mut().for_each(|v| *v *= eq);
            for j in [4, 5, 6] {
                self.positions[j].iter_mut().for_each(|v| *v *= m);
            }
        }
    }

    /// `e(0), e(2), e(3)` without the mask term.
    fn message(&self) -> [Fr; 3] {
        let add = |a: [Fr; 3], b: [Fr; 3]| [a[0] + b[0], a[1] + b[1], a[2] + b[2]];
        let pairs = self.len.div_ceil(2);
        (0..pairs)
            .into_par_iter()
            .with_min_len(TASK)
            .fold(|| [Fr::ZERO; 3], |sum, pair| add(sum, self.pair(pair)))
            .reduce(|| [Fr::ZERO; 3], add)
    }

    /// Writes row `row` to `out`; rows beyond the last are 0.
    fn load(&self, row: usize, out: &mut [Fr]) {
        if row < self.len { self.rows.load(row, out) } else { out.fill(Fr::ZERO) }
    }

    /// `T` of row `2 pair`, and its slope.
    fn table_line(&self, pair: usize) -> (Fr, Fr) {
        if self.round >= 8 {
            return (self.t_offset, Fr::ZERO);
        }
        let low = ((2 * pair) % (TABLE >> self.round)) << self.round;
        (self.t_offset + Fr::from(low as u64), Fr::from(1u64 << self.round))
    }

    /// The public functions of a pair of rows as lines: values at row `2 pair` and slopes.
    fn lines(&self, pair: usize) -> [(Fr, Fr); 8] {
        let at = |j: usize, p: usize| self.positions[j].get(p).copied().unwrap_or_default();
        let constant = |v| (v, Fr::ZERO);
        if self.round >= self.size.kappa {
            return core::array::from_fn(|j| {
                let low = at(j, 2 * pair);
                (low, at(j, 2 * pair + 1) - low)
            });
        }
        let samples = self.size.k() >> self.round;
        let (p, k) = (2 * pair / samples, 2 * pair % samples);
        let line = |table: &[Fr], weight: Fr| {
            let low = table[k] * weight;
            (low, table[k + 1] * weight - low)
        };
        let mut lines: [(Fr, Fr); 8] = core::array::from_fn(|j| constant(at(j, p)));
        lines[0] = line(&self.eq_k, lines[0].0);
        for j in [4, 5, 6] {
            lines[j] = line(&self.m, lines[j].0);
        }
        lines
    }

    /// The contribution of one pair of rows.
    fn pair(&self, pair: usize) -> [Fr; 3] {
        let lines = self.lines(pair);
        // `G` (the last line) only matters together with `B`.
        if lines[..7].iter().all(|(v, d)| *v == Fr::ZERO && *d == Fr::ZERO) {
            return [Fr::ZERO; 3];
        }
        let mut low = [Fr::ZERO; MAX_WIDTH];
        let mut step = [Fr::ZERO; MAX_WIDTH];
        let (low, step) = (&mut low[..self.width], &mut step[..self.width]);
        self.load(2 * pair, low);
        self.load(2 * pair + 1, step);
        step.iter_mut().zip(low.iter()).for_each(|(s, l)| *s -= l);
        let table = self.table_line(pair);
        let mut out = [Fr::ZERO; 3];
        for (slot, (x, advance)) in out.iter_mut().zip([(0u64, 0), (2, 2), (3, 1)]) {
            for _ in 0..advance {
                low.iter_mut().zip(step.iter()).for_each(|(l, s)| *l += s);
            }
            let x = Fr::from(x);
            let [es, s, hi, nw, a, b, e, g] = lines.map(|(v, d)| if d == Fr::ZERO { v } else { v + x * d });
            let f = RowFunctions { es, s, hi, nw, t: table.0 + x * table.1, z: a, y: e - b * g };
            *slot = self.weights.phi(low, &f);
        }
        out
    }

    /// Fixes the next variable to `r`.
    fn fix(&mut self, r: Fr) {
        let half = self.len.div_ceil(2);
        let width = self.width;
        let mut next = Zeroizing::new(vec![Fr::ZERO; half * width]);
        next.par_chunks_mut(width * TASK).enumerate().for_each(|(task, chunk)| {
            let mut high = [Fr::ZERO; MAX_WIDTH];
            for (j, row) in chunk.chunks_exact_mut(width).enumerate() {
                let pair = task * TASK + j;
                let high = &mut high[..width];
                self.load(2 * pair, row);
                self.load(2 * pair + 1, high);
                row.iter_mut().zip(high.iter()).filter(|(l, h)| l != h).for_each(|(l, h)| *l += r * (*h - *l));
            }
            high.zeroize();
        });
        self.rows = Rows::Fields(next);
        self.len = half;
        if self.round < self.size.kappa {
            mle::fold(&mut self.eq_k, r);
            mle::fold(&mut self.m, r);
        } else {
            self.positions.iter_mut().for_each(|table| mle::fold(table, r));
        }
        if self.round < 8 {
            self.t_offset += r * Fr::from(1u64 << self.round);
        }
        self.round += 1;
        self.absorb_samples();
    }
}
