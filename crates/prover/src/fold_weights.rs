//! §6 M2: `g = sum_i alpha^i F_i + omega`, the only step of a proof that touches every weight.

use ark_bn254::Fr;
use ark_ff::{AdditiveGroup, PrimeField};
use rayon::prelude::*;
use zeroize::Zeroizing;

use crate::circuit::{Layout, Weights};
use crate::encoding::signed;
use crate::mle;

/// Columns that one task sums up.
const TASK: usize = 64;

/// The 32-bit limbs of a canonical scalar, lowest first.
pub(crate) fn limbs(scalar: &Fr) -> [u32; 8] {
    let words = scalar.into_bigint().0;
    // Truncation is the point: low and high halves.
    core::array::from_fn(|i| (words[i / 2] >> (32 * (i % 2))) as u32)
}

/// `sum_t sums[t] 2^{32 t}`.
fn join(sums: &[i64; 8]) -> Fr {
    let shift = Fr::from(1u64 << 32);
    sums.iter().rev().fold(Fr::ZERO, |value, sum| value * shift + signed(*sum))
}

/// Rows that are summed up in one go: |weight| < 2^15, limb < 2^32, so sums stay below 2^62.
const ROWS: usize = 1 << 15;

/// Adds `sum_i alpha^i w_i` to `g`, where the rows `w_i` of signed integers of at most 16 bits stand one behind the
/// other in `weights`, as long as `g` each, and `powers` are the limbs of `alpha^i`.
pub(crate) fn rows<T: Copy + Into<i64> + Sync>(g: &mut [Fr], weights: &[T], powers: &[[u32; 8]]) {
    let inputs = g.len();
    g.par_chunks_mut(TASK).enumerate().for_each(|(task, g)| {
        for (weights, powers) in weights.chunks(ROWS * inputs).zip(powers.chunks(ROWS)) {
            let mut sums = [[0i64; TASK]; 8];
            for (row, limbs) in weights.chunks_exact(inputs).zip(powers) {
                let row = &row[task * TASK..][..g.len()];
                for (sums, limb) in sums.iter_mut().zip(limbs) {
                    let limb = i64::from(*limb);
                    sums.iter_mut().zip(row).for_each(|(sum, w)| *sum += (*w).into() * limb);
                }
            }
            for (j, g) in g.iter_mut().enumerate() {
                *g += join(&core::array::from_fn(|t| sums[t][j]));
            }
        }
    });
}

/// `g` over positions `0..P`, without its masks.
pub(crate) fn fold(weights: &Weights, omega: Fr, alpha: Fr) -> Zeroizing<Vec<Fr>> {
    let shape = weights.shape();
    let layout = Layout::new(shape);
    let powers = mle::powers(alpha, layout.rows);
    let split: Vec<[u32; 8]> = powers.iter().map(limbs).collect();
    let mut g = Zeroizing::new(vec![Fr::ZERO; layout.positions]);
    g[0] = omega;
    for l in 1..=shape.layers() {
        let (start, constant) = (layout.start(l), layout.constant(l));
        rows(&mut g[start..constant], weights.layer(l), &split);
        g[constant] = weights.bias(l).iter().zip(&powers).map(|(b, p)| signed((*b).into()) * p).sum();
    }
    g
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::circuit::Shape;
    use crate::testing;

    #[test]
    fn folds_the_overlapped_rows() {
        for dims in [vec![1, 1], vec![3, 70, 2], vec![130, 5, 66, 9]] {
            let shape = Shape::new(dims, None).unwrap();
            let weights = testing::weights(&shape, 21);
            let (alpha, omega) = (testing::tau(), Fr::from(99u64));
            let mut expected = vec![Fr::ZERO; Layout::new(&shape).positions];
            expected[0] = omega;
            for (row, power) in weights.rows().rows.iter().zip(mle::powers(alpha, shape.rows())) {
                row.weights.iter().for_each(|(p, w)| expected[*p as usize] += signed((*w).into()) * power);
                row.biases.iter().for_each(|(p, b)| expected[*p as usize] += signed((*b).into()) * power);
            }
            assert_eq!(*fold(&weights, omega, alpha), expected);
        }
    }

    #[test]
    fn sums_do_not_overflow_at_the_bounds_of_the_shape() {
        // The largest weight times the largest limb.
        assert!(ROWS as i64 * i64::from(i16::MAX) * i64::from(u32::MAX) < i64::MAX);
        assert_eq!(join(&[-1, 1, 0, 0, 0, 0, 0, 0]), Fr::from((1u64 << 32) - 1));
    }
}
