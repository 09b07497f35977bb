//! N12: masks with polynomials at several levels. Everything linear that a proof reveals is hidden:
//! the masks have the largest possible rank over the whole view, and secret coefficients add nothing.

use ark_bn254::Fr;
use ark_ff::{AdditiveGroup, Field};

use super::graph::samples::graphs;
use super::layout::Size;
use super::phi::Order;
use super::program::Parts;
use crate::circuit::layout::{Columns, FIRST};
use crate::keys::Level;
use crate::mask_rank::{Instance, Matrix, SIDE, model_rows, model_width, rank, side_rows};
use crate::mle;
use crate::randomness::Randomness;
use crate::sumcheck::masks::support_below;

/// A committed polynomial: level, coefficients in use (from 2 on they are secret).
#[derive(Debug, Clone, Copy)]
struct Committed {
    level: usize,
    used: usize,
}

/// What a proof with these polynomials reveals of every mask and secret scalar.
struct View {
    instance: Instance,
    size: Columns,
    /// Columns and `Y`: two masks each, commitment and value.
    columns: Vec<Committed>,
    /// `G`, its `nu`, and the levels of the key.
    model: (Committed, usize, usize),
    /// Committed ports.
    tensors: Vec<Committed>,
}

/// Blocks of the matrix: opening, rounds with `sigma`; then those of `S_1..S_3, S_0`, of the columns, the model, the ports.
const OPENING: usize = 0;
const ROUNDS: usize = 1;

impl View {
    fn new(size: Columns, columns: Vec<Committed>, model: (Committed, usize, usize), tensors: Vec<Committed>) -> Self {
        // As many powers of `rho` as there are polynomials.
        let count = columns.len() + tensors.len() + 5;
        Self { instance: Instance::new(size, count, size.variables() as u8), size, columns, model, tensors }
    }

    /// One past the last row that a coefficient in use is folded to.
    fn reach(&self) -> usize {
        let all = self.columns.iter().chain([&self.model.0]).chain(&self.tensors);
        all.map(|c| c.used << c.level).max().unwrap_or(0)
    }

    /// The rows of all masks, with sparse columns on `U` below `end`, and one random combination of the secret
    /// coefficients of every polynomial: if any of them adds to the rank, so does that.
    fn rows(&self, end: usize) -> [Vec<Vec<Fr>>; 2] {
        let t = &self.instance;
        let (l, h) = (self.size.variables(), self.size.folds());
        let mut random = Randomness::from_seed([99; 32]);
        let mut matrix = Matrix { rows: Vec::new(), widths: vec![3 * h + 7, 3 * l + 1] };
        let mut secrets = Vec::new();
        let own = |position: usize, level: usize| vec![t.commitment(position), mle::eq_index(position, &t.r[level..])];
        for k in 0..4 {
            let block = matrix.block(2);
            for a in support_below(l, end) {
                let mut row = vec![(block, own(a, 0)), (OPENING, t.opening(a, t.rho[k], 0))];
                row.extend((k > 0).then(|| (ROUNDS, t.rounds(a, k))));
                matrix.rows.push(row);
            }
        }
        // Per polynomial with the same place: the commitment, the value and the opening of such a combination.
        let mut known: Vec<(usize, usize, [Fr; 2], Vec<Fr>)> = Vec::new();
        let mut combined = |c: &Committed| {
            if let Some((.., own, opening)) = known.iter().find(|k| (k.0, k.1) == (c.level, c.used)) {
                return (*own, opening.clone());
            }
            let (mut sum, mut opening) = ([Fr::ZERO; 2], vec![Fr::ZERO; 3 * h + 7]);
            for position in FIRST..c.used {
                let weight = random.scalar();
                sum.iter_mut().zip(own(position, c.level)).for_each(|(s, v)| *s += weight * v);
                opening.iter_mut().zip(t.opening(position, weight, c.level)).for_each(|(s, v)| *s += v);
            }
            known.push((c.level, c.used, sum, opening.clone()));
            (sum, opening)
        };
        let scaled = |opening: &[Fr], by: Fr| (OPENING, opening.iter().map(|v| *v * by).collect::<Vec<_>>());
        for (j, c) in self.columns.iter().enumerate() {
            let (block, rho) = (matrix.block(2), t.rho[4 + j]);
            for position in 0..2 {
                let opening = t.opening(position, rho, c.level);
                matrix.rows.push(vec![(block, own(position, c.level)), (OPENING, opening)]);
            }
            let (of_secrets, opening) = combined(c);
            secrets.push(vec![(block, of_secrets.to_vec()), scaled(&opening, rho)]);
        }
        let (c, nu, levels) = self.model;
        let (block, rho) = (matrix.block(model_width(levels)), t.rho[4 + self.columns.len()]);
        let challenges: [Fr; 2] = Randomness::from_seed([98; 32]).scalars();
        for (position, own) in model_rows(t, challenges, levels, nu, c.level) {
            let opening = position.map(|j| (OPENING, t.opening(j, rho, c.level)));
            matrix.rows.push(opening.into_iter().chain([(block, own)]).collect());
        }
        // `D` does not depend on `f`; its quotients do, in whatever way.
        let (of_secrets, opening) = combined(&c);
        let mut own = vec![Fr::ZERO; model_width(levels)];
        own[..levels].fill(of_secrets[0]);
        own[2 * levels + 4] = of_secrets[1];
        secrets.push(vec![(block, own), scaled(&opening, rho)]);
        for (s, c) in self.tensors.iter().enumerate() {
            let (block, rho) = (matrix.block(self.size.samples + SIDE), t.rho[5 + self.columns.len() + s]);
            for (position, own) in side_rows(t, challenges[0], c.level) {
                let opening = position.map(|(p, weight)| (OPENING, t.opening(p, weight * rho, c.level)));
                matrix.rows.push(opening.into_iter().chain([(block, own)]).collect());
            }
            // The elements of each sample, with its point.
            let (of_secrets, opening) = combined(c);
            for k in 0..self.size.samples {
                let weight = t.mu.pow([k as u64]);
                let mut own = vec![Fr::ZERO; self.size.samples + SIDE];
                (own[k], own[self.size.samples + 4]) = (of_secrets[0], weight * of_secrets[1]);
                secrets.push(vec![(block, own), scaled(&opening, weight * rho)]);
            }
        }
        let masks = matrix.dense(|_| true);
        matrix.rows = secrets;
        [masks, matrix.dense(|_| true)]
    }

    /// The rank that there is if only the relations of what is revealed are missing.
    fn largest(&self) -> usize {
        let (l, h) = (self.size.variables(), self.size.folds());
        // Z3; Z4 with the coefficients of `fin` that anything reaches; Z1, Z2, Z5.
        let blocks = self.reach().div_ceil(1 << h).min(8);
        let opening = 3 * h + 7 - (8 - blocks);
        let ports = self.tensors.len() * (self.size.samples + SIDE - 1);
        (3 * l + 6) + opening + 2 * self.columns.len() + (2 * self.model.2 + 4) + ports
    }

    fn check(&self, what: &str) {
        let [masks, secrets] = self.rows(self.reach());
        let got = rank(masks.clone());
        assert_eq!(got, self.largest(), "{what}");
        assert_eq!(rank([masks, secrets].concat()), got, "a secret is revealed: {what}");
    }
}

/// Rows, among them inverses of lookups and copies, a hat of products that ends early, `Y`, `G` and two committed
/// tensors with the levels `lo, lo, lo_s, lo`, which use `share` 16ths of what they have there.
fn view(l: usize, real: usize, (lo, lo_s): (usize, usize), share: usize) -> View {
    let size = Columns { samples: 1, kappa: 0, nu: l, positions: real };
    let n = 1usize << l;
    let row = Committed { level: 0, used: real };
    let at = |level: usize| Committed { level, used: ((n >> level) * share / 16).max(FIRST + 1) };
    let product = Committed { level: 0, used: real / 3 };
    View::new(size, vec![row, row, row, product, at(lo)], (at(lo), l - lo, 1), vec![at(lo_s), at(lo)])
}

#[test]
fn masks_have_full_rank_with_several_levels() {
    for l in [7usize, 9] {
        let n = 1usize << l;
        for real in [n / 4, n / 2, n / 2 + 1, 5 * n / 8, 5 * n / 8 + 3] {
            for levels in [(1, 3), (2, 0), (0, 2), (l - 4, 1)] {
                for share in [1, 5, 9, 11, 16] {
                    let view = view(l, real, levels, share);
                    if view.reach() > n / 2 {
                        view.check(&format!("l = {l}, n_real = {real}, levels 0, {levels:?}, {share} / 16"));
                    }
                }
            }
        }
    }
}

/// Masks that end with the last real row leave functionals of what reaches further.
#[test]
fn masks_that_end_early_are_noticed() {
    for (real, lo) in [(32, 0), (66, 2)] {
        let [masks, secrets] = view(7, real, (lo, 1), 16).rows(real);
        let got = rank(masks.clone());
        assert!(rank([masks, secrets].concat()) > got, "n_real = {real}");
    }
}

/// The view of a proof of a program.
fn of_program(p: &Parts, samples: usize, levels: usize) -> View {
    let (size, order) = (Size::new(p, samples).unwrap(), Order::new(p));
    let mut columns = vec![Committed { level: 0, used: size.rows.real() }; order.width()];
    let product = Committed { level: 0, used: size.row(p.product_end as usize) };
    columns.extend(vec![product; order.row_width() - order.width()]);
    let hat = Committed { level: size.lo(), used: p.hat_end as usize };
    columns.push(hat);
    let tensor = |(s, (_, port)): (usize, (u8, &super::program::Port))| Committed {
        level: size.tensor_level(s),
        used: FIRST + port.count as usize,
    };
    let view =
        View::new(size.rows, columns, (hat, size.nu, levels), p.committed_ports().enumerate().map(tensor).collect());
    assert_eq!(view.reach(), size.reach());
    view
}

#[test]
fn masks_have_full_rank_for_every_kind_of_circuit() {
    for (at, graph) in graphs().iter().enumerate() {
        let compiled = graph.compile().unwrap();
        for (samples, level) in [(1, Level::One), (3, Level::Two { rho2: 1 })] {
            let what = format!("graph {at}, N = {samples}");
            of_program(compiled.program.parts(), samples, level.count()).check(&what);
        }
    }
}
