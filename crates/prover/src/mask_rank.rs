//! §9: the masks hide everything. The map from all mask scalars to everything linear that a proof
//! reveals has the largest rank possible, for the shapes below; one full-rank instance proves it
//! for random challenges up to a negligible probability.

use ark_bn254::Fr;
use ark_ff::{AdditiveGroup, Field};

use crate::circuit::layout::{Columns, Layout};
use crate::circuit::{Saturation, Shape};
use crate::mle;
use crate::randomness::Randomness;
use crate::sumcheck::masks::support;
use crate::sumcheck::phi::EvalOrder;

/// Rank by elimination.
pub(crate) fn rank(mut rows: Vec<Vec<Fr>>) -> usize {
    let width = rows.first().map_or(0, Vec::len);
    let mut rank = 0;
    for column in 0..width {
        let Some(pivot) = (rank..rows.len()).find(|i| rows[*i][column] != Fr::ZERO) else {
            continue;
        };
        rows.swap(rank, pivot);
        let (head, tail) = rows.split_at_mut(rank + 1);
        let pivot = &head[rank];
        let inverse = pivot[column].inverse().unwrap();
        for row in tail.iter_mut().filter(|row| row[column] != Fr::ZERO) {
            let factor = row[column] * inverse;
            row[column..].iter_mut().zip(&pivot[column..]).for_each(|(r, p)| *r -= factor * p);
        }
        rank += 1;
    }
    rank
}

/// Challenges of one random instance.
#[derive(Debug)]
pub(crate) struct Instance {
    size: Columns,
    order: EvalOrder,
    tau: Fr,
    pub(crate) r: Vec<Fr>,
    pub(crate) rho: Vec<Fr>,
    x: Fr,
    zeta: Fr,
    pub(crate) mu: Fr,
}

impl Instance {
    pub(crate) fn new(size: Columns, ell: usize, seed: u8) -> Self {
        let mut random = Randomness::from_seed([seed; 32]);
        let order = EvalOrder { ell };
        Self {
            size,
            order,
            tau: random.scalar(),
            r: (0..size.variables()).map(|_| random.scalar()).collect(),
            rho: mle::powers(random.scalar(), order.count(2)),
            x: random.scalar(),
            zeta: random.scalar(),
            mu: random.scalar(),
        }
    }

    /// What entry 1 at `row` of a column with the weight `weight` adds to the opening, when the
    /// column enters at level `from`: `C_F1.., P_i(x), P_i(-x), fin`.
    pub(crate) fn opening(&self, row: usize, weight: Fr, from: usize) -> Vec<Fr> {
        let h = self.size.folds();
        let mut out = Vec::new();
        let mut scale = weight;
        for i in from..=h {
            let e = row >> (i - from);
            if i == h {
                let mut fin = vec![Fr::ZERO; 8];
                fin[e] = scale;
                out.extend(fin);
                break;
            }
            if i > from {
                out.push(scale * self.tau.pow([e as u64]));
            } else if i > 0 {
                out.push(Fr::ZERO);
            }
            out.push(scale * self.x.pow([e as u64]));
            out.push(scale * (-self.x).pow([e as u64]));
            scale *= if e & 1 == 1 { self.r[i] } else { Fr::ONE - self.r[i] };
        }
        let full = 3 * h - 1 + 8;
        let mut padded = vec![Fr::ZERO; full - out.len()];
        padded.extend(out);
        padded
    }

    /// What entry 1 at `row` of `S_k` adds to `sigma` and to the rounds.
    pub(crate) fn rounds(&self, row: usize, k: usize) -> Vec<Fr> {
        let power = |i: Fr| i.pow([k as u64 - 1]);
        let mut out = vec![power(Fr::from(row as u64))];
        let (mut prefix, mut index) = (Fr::ONE, Fr::ZERO);
        for (i, r) in self.r.iter().enumerate() {
            let high = Fr::from((row >> (i + 1) << (i + 1)) as u64);
            let bit = row >> i & 1 == 1;
            let step = Fr::from(1u64 << i);
            for x in [0u64, 2, 3].map(Fr::from) {
                let line = if bit { x } else { Fr::ONE - x };
                out.push(self.zeta * prefix * line * power(index + step * x + high));
            }
            index += step * r;
            prefix *= if bit { *r } else { Fr::ONE - r };
        }
        out
    }

    pub(crate) fn commitment(&self, row: usize) -> Fr {
        self.tau.pow([row as u64])
    }
}

/// One row of the matrix per mask scalar: blocks of revealed functionals, 0 where not touched.
#[derive(Debug)]
pub(crate) struct Matrix {
    pub(crate) rows: Vec<Vec<(usize, Vec<Fr>)>>,
    pub(crate) widths: Vec<usize>,
}

impl Matrix {
    /// One more block.
    pub(crate) fn block(&mut self, width: usize) -> usize {
        self.widths.push(width);
        self.widths.len() - 1
    }

    /// The rows on the blocks that `keep` accepts.
    pub(crate) fn dense(&self, keep: impl Fn(usize) -> bool) -> Vec<Vec<Fr>> {
        let mut offsets = vec![None; self.widths.len()];
        let mut width = 0;
        for (block, w) in self.widths.iter().enumerate() {
            if keep(block) {
                offsets[block] = Some(width);
                width += w;
            }
        }
        let fill = |blocks: &Vec<(usize, Vec<Fr>)>| {
            let mut row = vec![Fr::ZERO; width];
            for (block, values) in blocks {
                if let Some(offset) = offsets[*block] {
                    row[offset..offset + values.len()].copy_from_slice(values);
                }
            }
            row
        };
        self.rows.iter().map(fill).collect()
    }
}

/// What is revealed of the model besides the opening: `C_q` (`levels`), `D, A_D, zr` (`levels + 2`), `G~`.
pub(crate) fn model_width(levels: usize) -> usize {
    2 * levels + 5
}

/// What `g_0, g_1, s_j` and the nonces `a_j` reveal, and the position of `G` that they are at, if at any; `G` has
/// `2^nu` coefficients and enters at `level`.
pub(crate) fn model_rows(
    t: &Instance,
    [c_d, alpha]: [Fr; 2],
    levels: usize,
    nu: usize,
    level: usize,
) -> Vec<(Option<usize>, Vec<Fr>)> {
    let row = |nonce: bool, j: usize| {
        let in_d = match j {
            0 => Fr::ONE,
            1 => t.tau,
            _ => t.tau.pow([1u64 << (nu + 3 * (j - 2))]) - alpha.pow([j as u64]),
        };
        let mut own = vec![Fr::ZERO; model_width(levels)];
        own[levels + usize::from(nonce)] = in_d;
        own[levels + 2 + j] = if nonce { Fr::ONE } else { c_d };
        if !nonce && j >= 2 {
            own[j - 2] = Fr::ONE;
        }
        let position = (!nonce && j < 2).then_some(j);
        if let Some(j) = position {
            own[2 * levels + 4] = mle::eq_index(j, &t.r[level..]);
        }
        (position, own)
    };
    [false, true].into_iter().flat_map(|nonce| (0..levels + 2).map(move |j| row(nonce, j))).collect()
}

/// The columns of one committed side: its points (one per sample), then `D, A_D, ze_0, ze_1, X~`.
pub(crate) const SIDE: usize = 5;

/// What a scalar behind a committed side reveals, `samples + SIDE` columns, and its position and
/// weight in the masked tensor, if it is in there.
pub(crate) type SideRow = (Option<(usize, Fr)>, Vec<Fr>);

/// The blindings `b_k`, then `e_0, e_1`, then `a_0, a_1`.
pub(crate) fn side_rows(t: &Instance, c_d: Fr, level: usize) -> Vec<SideRow> {
    let samples = t.size.samples;
    let r_p = &t.r[level..];
    let mut rows = Vec::new();
    for k in 0..samples {
        let mut own = vec![Fr::ZERO; samples + SIDE];
        let weight = t.mu.pow([k as u64]);
        own[k] = Fr::ONE;
        own[samples + 4] = weight * mle::eq_index(0, r_p);
        rows.push((Some((0, weight)), own));
    }
    for (nonce, j) in [(false, 0), (false, 1), (true, 0), (true, 1)] {
        let mut own = vec![Fr::ZERO; samples + SIDE];
        own[samples + usize::from(nonce)] = t.tau.pow([j as u64]);
        own[samples + 2 + j] = if nonce { Fr::ONE } else { c_d };
        if !nonce {
            own[samples + 4] = mle::eq_index(j, r_p);
        }
        rows.push(((!nonce).then_some((j, Fr::ONE)), own));
    }
    rows
}

/// Ranks of: sumcheck masks, opening mask, everything; and the expected values.
fn ranks(size: Columns, ell: usize, levels: usize, sides: usize, shared: bool) -> ([usize; 3], [usize; 3]) {
    let t = Instance::new(size, ell, size.real() as u8);
    let (l, h, order) = (size.variables(), size.folds(), t.order);
    let support = support(size);
    // Blocks: 0 opening, 1 sumcheck, 2.. one per column.
    let mut matrix = Matrix { rows: Vec::new(), widths: vec![3 * h + 7, 3 * l + 1] };
    // S_1..S_3 and S_0; with `shared`, S_1 is the opening mask as well.
    let mut mask_blocks = Vec::new();
    for k in 1..=3 {
        let block = matrix.block(2);
        mask_blocks.push(block);
        for a in &support {
            let own = vec![t.commitment(*a), mle::eq_index(*a, &t.r)];
            let opening = t.opening(*a, t.rho[order.s(k)], 0);
            matrix.rows.push(vec![(block, own), (1, t.rounds(*a, k)), (0, opening)]);
        }
    }
    let sumcheck_rows = matrix.rows.len();
    let opening_block = matrix.block(2);
    if !shared {
        for a in &support {
            let own = vec![t.commitment(*a), mle::eq_index(*a, &t.r)];
            matrix.rows.push(vec![(opening_block, own), (0, t.opening(*a, t.rho[order.s0()], 0))]);
        }
    }
    let opening_rows = matrix.rows.len();
    // The two masks of every L and H.
    for j in 0..2 * (ell + 1) {
        let block = matrix.block(2);
        for a in 0..2 {
            let own = vec![t.commitment(a), mle::eq_index(a, &t.r)];
            matrix.rows.push(vec![(block, own), (0, t.opening(a, t.rho[j], 0))]);
        }
    }
    let mut random = Randomness::from_seed([99; 32]);
    let (c_d, alpha) = (random.scalar(), random.scalar());
    let block = matrix.block(model_width(levels));
    for (position, own) in model_rows(&t, [c_d, alpha], levels, size.nu, size.kappa) {
        let opening = position.map(|j| (0, t.opening(j, t.rho[order.g()], size.kappa)));
        matrix.rows.push(opening.into_iter().chain([(block, own)]).collect());
    }

    for side in 0..sides {
        let block = matrix.block(size.samples + SIDE);
        for (position, own) in side_rows(&t, c_d, size.kappa) {
            let mut blocks = vec![(block, own)];
            if let Some((p, weight)) = position {
                blocks.push((0, t.opening(p, weight * t.rho[order.committed(side)], size.kappa)));
            }
            matrix.rows.push(blocks);
        }
    }

    let z3 = 3 * l + 6;
    let z4 = 3 * h + 9 - 2 - (8 - size.real().div_ceil(1 << h).min(8));
    let sumcheck = matrix.dense(|b| b == 1 || mask_blocks.contains(&b));
    let opening = matrix.dense(|b| b == 0 || b == opening_block);
    let got = [
        rank(sumcheck[..sumcheck_rows].to_vec()),
        rank(opening[sumcheck_rows..opening_rows].to_vec()),
        rank(matrix.dense(|_| true)),
    ];
    (got, [z3, z4, z3 + z4 + 4 * (ell + 1) + 2 * levels + 4 + sides * (size.samples + SIDE - 1)])
}

fn size(dims: &[usize], samples: usize, saturating: bool) -> Columns {
    let saturation = saturating.then(|| vec![Saturation::Wide; dims.len() - 2]);
    let shape = Shape::new(dims.to_vec(), saturation).unwrap();
    Layout::new(&shape).columns(samples).unwrap()
}

#[test]
fn masks_have_full_rank_over_the_whole_view() {
    for (dims, samples, ell, levels) in [
        (vec![1, 1], 1, 6, 1),
        (vec![4, 3, 2], 2, 9, 1),
        (vec![64, 128, 64, 10], 1, 6, 1),
        (vec![64, 128, 64, 10], 1, 9, 2),
        (vec![64, 128, 64, 10], 3, 6, 2),
        (vec![256, 512, 256, 10], 1, 6, 1),
        (vec![256, 512, 256, 10], 16, 6, 1),
        (vec![509, 1, 1], 1, 6, 1),
        (vec![508, 1, 1], 1, 6, 1),
        (vec![1024, 1024, 1024, 10], 1, 6, 2),
        (vec![1, 1], 4096, 6, 1),
    ] {
        let (got, expected) = ranks(size(&dims, samples, ell == 9), ell, levels, 0, false);
        assert_eq!(got, expected, "{dims:?} N={samples}");
    }
}

/// Z5: the same with committed sides. Nothing but the Schnorr relation is lost, and there is no
/// relation with the rest of the view.
#[test]
fn masks_have_full_rank_with_committed_tensors() {
    for (dims, samples, ell, levels, sides) in [
        (vec![1, 1], 1, 6, 1, 1),
        (vec![4, 3, 2], 2, 9, 1, 2),
        (vec![64, 128, 64, 10], 1, 6, 1, 2),
        (vec![64, 128, 64, 10], 3, 9, 2, 2),
        (vec![256, 512, 256, 10], 16, 6, 1, 2),
        (vec![509, 1, 1], 1, 6, 1, 1),
        (vec![1024, 1024, 1024, 10], 1, 6, 2, 2),
        (vec![1, 1], 64, 6, 1, 2),
    ] {
        let (got, expected) = ranks(size(&dims, samples, ell == 9), ell, levels, sides, false);
        assert_eq!(got, expected, "{dims:?} N={samples} sides={sides}");
    }
}

/// The rank of what two proofs of the same points reveal of `b_k` and of their masks; with `reused`
/// both have the same `e_0, e_1`.
fn rank_of_two_proofs(samples: usize, reused: bool) -> usize {
    let size = size(&[64, 128, 64, 10], samples, false);
    let mut random = Randomness::from_seed([7; 32]);
    let mut rows: Vec<Vec<Fr>> = Vec::new();
    for proof in 0..2u8 {
        // One tau, other challenges.
        let t = Instance { tau: Instance::new(size, 6, 1).tau, ..Instance::new(size, 6, 50 + proof) };
        let c_d = random.scalar();
        for (i, (_, own)) in side_rows(&t, c_d, size.kappa).into_iter().enumerate() {
            let (points, rest) = own.split_at(samples);
            let mut row = vec![Fr::ZERO; samples + 2 * SIDE];
            row[..samples].copy_from_slice(points);
            let at = samples + usize::from(proof) * SIDE;
            row[at..at + SIDE].copy_from_slice(rest);
            // The blindings are those of the points: the same scalars in both proofs.
            let same = i < samples || (reused && i < samples + 2);
            if proof == 1 && same {
                rows[i][samples..].iter_mut().zip(&row[samples..]).for_each(|(a, b)| *a += b);
            } else {
                rows.push(row);
            }
        }
    }
    rank(rows)
}

/// A point outlives its proofs: every further proof adds four values that its fresh masks hide.
/// (With the same `e_0, e_1` a second proof would reveal a linear form of the tensor.)
#[test]
fn persistent_points_stay_hidden_over_several_proofs() {
    for samples in [1, 3] {
        assert_eq!(rank_of_two_proofs(samples, false), samples + 2 * (SIDE - 1));
        assert!(rank_of_two_proofs(samples, true) < samples + 2 * (SIDE - 1));
    }
}

/// One column for both masks leaks: the joint rank is too small. The test above would notice.
#[test]
fn a_shared_mask_column_is_noticed() {
    let (got, expected) = ranks(size(&[64, 128, 64, 10], 1, false), 6, 1, 0, true);
    // Without the column S_0 two of its functionals (C_S0, S_0~) are gone as well.
    assert!(got[2] < expected[2] - 2, "{got:?} {expected:?}");
}
