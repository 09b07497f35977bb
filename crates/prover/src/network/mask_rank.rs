//! N12: masks with polynomials at several levels. Everything linear that a proof reveals is hidden:
//! the masks have the largest possible rank over the whole view, and secret coefficients add nothing.

use ark_bn254::Fr;
use ark_ff::AdditiveGroup;

use crate::circuit::layout::Columns;
use crate::mask_rank::{Instance, rank};
use crate::mle;
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
    l: usize,
    columns: Vec<Committed>,
}

impl View {
    /// `(C, value)` per polynomial, the opening, the rounds with `sigma`; `S_1..S_3, S_0` come last.
    fn row(&self, j: usize, position: usize, level: usize, mask: Option<usize>) -> Vec<Fr> {
        let t = &self.instance;
        let count = self.columns.len() + 4;
        let mut out = vec![Fr::ZERO; 2 * count];
        out[2 * j] = t.commitment(position);
        out[2 * j + 1] = mle::eq_index(position, &t.r[level..]);
        // Any powers of one challenge do.
        out.extend(t.opening(position, t.rho[j], level));
        out.extend(match mask {
            Some(k @ 1..=3) => t.rounds(position, k),
            _ => vec![Fr::ZERO; 3 * self.l + 1],
        });
        out
    }

    /// The rows of all masks, with sparse columns on `U` below `end`.
    fn masks(&self, end: usize) -> Vec<Vec<Fr>> {
        let mut rows = Vec::new();
        for (j, c) in self.columns.iter().enumerate() {
            rows.extend((0..2).map(|position| self.row(j, position, c.level, None)));
        }
        for k in 0..4 {
            let support = support_below(self.l, end);
            rows.extend(support.iter().map(|a| self.row(self.columns.len() + k, *a, 0, Some(k + 1))));
        }
        rows
    }

    fn secrets(&self) -> Vec<Vec<Fr>> {
        let of = |(j, c): (usize, &Committed)| {
            (2..c.used).map(|position| self.row(j, position, c.level, None)).collect::<Vec<_>>()
        };
        self.columns.iter().enumerate().flat_map(of).collect()
    }
}

/// Rows, among them inverses of lookups and copies, a hat of products that ends early, `G`, `Y` and two committed
/// tensors with the levels `0, lo, lo, lo_s, lo`; all of them full.
fn view(l: usize, real: usize, lo: usize, lo_s: usize) -> View {
    let size = Columns { samples: 1, kappa: 0, nu: l, positions: real };
    let n = 1usize << l;
    let row = Committed { level: 0, used: real };
    let (hat, tensor) = (Committed { level: lo, used: n >> lo }, Committed { level: lo_s, used: n >> lo_s });
    let product = Committed { level: 0, used: real / 3 };
    let columns = vec![row, row, row, product, hat, hat, tensor, hat];
    View { instance: Instance::new(size, 8, l as u8), l, columns }
}

#[test]
fn masks_have_full_rank_with_several_levels() {
    for l in [7usize, 9] {
        let n = 1usize << l;
        for real in [n / 4, n / 2, 5 * n / 8] {
            for (lo, lo_s) in [(1, 3), (2, 0), (0, 2), (l - 4, 1)] {
                let view = view(l, real, lo, lo_s);
                let masks = view.masks(n);
                let h = l - 3;
                // Z3, Z4 with all eight coefficients, Z1 per polynomial.
                let expected = (3 * l + 6) + (3 * h + 7) + 2 * view.columns.len();
                let got = rank(masks.clone());
                assert_eq!(got, expected, "l = {l}, n_real = {real}, levels 0, {lo}, {lo_s}");
                let all = rank([masks, view.secrets()].concat());
                assert_eq!(all, got, "a secret is revealed: l = {l}, n_real = {real}, levels 0, {lo}, {lo_s}");
            }
        }
    }
}

/// Masks that end with the last real row leave functionals of what reaches further.
#[test]
fn masks_that_end_early_are_noticed() {
    for (real, lo) in [(32, 0), (66, 2)] {
        let view = view(7, real, lo, 1);
        let masks = view.masks(real);
        let got = rank(masks.clone());
        assert!(rank([masks, view.secrets()].concat()) > got, "n_real = {real}");
    }
}
