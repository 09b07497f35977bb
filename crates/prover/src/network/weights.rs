//! N3: the coefficients of `f`.

use core::fmt;

use ark_bn254::Fr;
use ark_ff::AdditiveGroup;
use zeroize::{Zeroize, Zeroizing};

use super::layout::block;
use super::program::Parts;
use crate::circuit::{WeightRow, WeightRows};
use crate::encoding::{keccak, signed};
use crate::fold_weights;
use crate::mle;

/// The rows of one unit of an operator: blocks `0..rows` of `f`.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Unit {
    /// First position of the weights of a row.
    pub(crate) start: usize,
    /// Position of its bias.
    pub(crate) bias: usize,
    /// Number of inputs of a row.
    pub(crate) inputs: usize,
    /// Row by row, `|w| <= 32767`.
    pub(crate) weights: Vec<i16>,
    /// One per row.
    pub(crate) biases: Vec<i32>,
}

/// The secret parameters of a network. No `Debug` of the values, wiped when dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct NetworkWeights {
    pub(crate) units: Vec<Unit>,
}

impl fmt::Debug for NetworkWeights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NetworkWeights").field("units", &self.units.len()).finish_non_exhaustive()
    }
}

impl Drop for NetworkWeights {
    fn drop(&mut self) {
        for unit in &mut self.units {
            unit.weights.zeroize();
            unit.biases.zeroize();
        }
    }
}

impl NetworkWeights {
    /// The overlapped rows of `f`.
    pub(crate) fn rows(&self, p: &Parts) -> WeightRows {
        let row = |i: usize| {
            let mut row = WeightRow { weights: Vec::new(), biases: Vec::new() };
            for unit in &self.units {
                let Some(bias) = unit.biases.get(i) else { continue };
                let weights = &unit.weights[i * unit.inputs..(i + 1) * unit.inputs];
                let nonzero = weights.iter().enumerate().filter(|(_, w)| **w != 0);
                for (j, w) in nonzero {
                    // Positions are below 2^20. A weight of two bytes is committed to as biases are, digit by digit.
                    let at = (unit.start + j) as u32;
                    match i8::try_from(*w) {
                        Ok(small @ -127..=127) => row.weights.push((at, small)),
                        _ => row.biases.push((at, (*w).into())),
                    }
                }
                if *bias != 0 {
                    row.biases.push((unit.bias as u32, *bias));
                }
            }
            row.weights.sort_unstable();
            row.biases.sort_unstable();
            row
        };
        WeightRows { block: block(p), rows: (0..p.blocks as usize).map(row).collect() }
    }

    /// Additions of a setup with one quotient level.
    pub(crate) fn one_level_additions(&self) -> u64 {
        let of = |u: &Unit| {
            let rows = u.biases.len() as u64;
            (u.inputs as u64 + 1) * (rows * (rows + 1) / 2)
        };
        self.units.iter().map(of).sum()
    }

    /// `keccak` of `f_{i,q}` as 8 bytes two's complement, for `i < R`, for `2 <= q < qend`.
    pub(crate) fn digest(&self, p: &Parts) -> Zeroizing<[u8; 32]> {
        let width = p.hat_end as usize - 2;
        let mut bytes = Zeroizing::new(vec![0u8; 8 * width * p.blocks as usize]);
        for (i, row) in self.rows(p).rows.iter().enumerate() {
            let weights = row.weights.iter().map(|(q, w)| (*q, i64::from(*w)));
            for (q, v) in weights.chain(row.biases.iter().map(|(q, b)| (*q, i64::from(*b)))) {
                let at = 8 * (i * width + q as usize - 2);
                bytes[at..at + 8].copy_from_slice(&v.to_be_bytes());
            }
        }
        Zeroizing::new(keccak(&[&bytes]))
    }

    /// `g = sum_i alpha^i F_i + omega` over positions `0..qend`, without its masks.
    pub(crate) fn fold(&self, p: &Parts, omega: Fr, alpha: Fr) -> Zeroizing<Vec<Fr>> {
        let powers = mle::powers(alpha, p.blocks as usize);
        let limbs: Vec<[u32; 8]> = powers.iter().map(fold_weights::limbs).collect();
        let mut g = Zeroizing::new(vec![Fr::ZERO; p.hat_end as usize]);
        g[0] = omega;
        for unit in &self.units {
            fold_weights::rows(&mut g[unit.start..unit.start + unit.inputs], &unit.weights, &limbs);
            g[unit.bias] += unit.biases.iter().zip(&powers).map(|(b, p)| signed((*b).into()) * p).sum::<Fr>();
        }
        g
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::graph::samples::mlp;

    /// Weights of one and of two bytes have the places and values that the fold gives them.
    #[test]
    fn the_fold_is_that_of_the_rows() {
        let compiled = mlp(&[4, 3], &[], 1).compile().unwrap();
        let (p, weights) = (compiled.program.parts(), &compiled.weights);
        assert!(weights.units.iter().flat_map(|u| &u.weights).any(|w| w.unsigned_abs() > 127));
        let (alpha, omega) = (Fr::from(0x1234_5678_9abc_def1u64), Fr::from(7u64));
        let mut expected = vec![Fr::ZERO; p.hat_end as usize];
        expected[0] = omega;
        let rows = weights.rows(p);
        for (row, power) in rows.rows.iter().zip(mle::powers(alpha, rows.rows.len())) {
            row.weights.iter().for_each(|(q, w)| expected[*q as usize] += signed((*w).into()) * power);
            row.biases.iter().for_each(|(q, b)| expected[*q as usize] += signed((*b).into()) * power);
        }
        assert_eq!(*weights.fold(p, omega, alpha), expected);
    }
}
