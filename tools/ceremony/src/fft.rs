//! Fast Fourier transforms over the scalars and over points: `out[i] = sum_j w^(ij) in[j]`.

use ark_bn254::Fr;
use ark_ff::{FftField, Field};
use rayon::prelude::*;
use std::ops::{AddAssign, Mul, SubAssign};

/// The root of unity of a domain, as snarkjs has it.
pub fn root(size: usize) -> Result<Fr, String> {
    Fr::get_root_of_unity(size as u64).ok_or(format!("{size} is no size of a domain"))
}

/// In place; the length is a power of two, and `root` a root of unity of that order.
pub fn transform<T>(values: &mut [T], root: Fr)
where
    T: Copy + Send + Sync + AddAssign + SubAssign + Mul<Fr, Output = T>,
{
    let size = values.len();
    let bits = size.trailing_zeros();
    for i in 0..size {
        let j = i.reverse_bits() >> (usize::BITS - bits).min(usize::BITS - 1);
        if bits > 0 && i < j {
            values.swap(i, j);
        }
    }
    let twiddles: Vec<Fr> = std::iter::successors(Some(Fr::ONE), |x| Some(*x * root)).take(size / 2).collect();
    for level in 0..bits {
        let half = 1 << level;
        let step = size / (2 * half);
        values.par_chunks_mut(2 * half).for_each(|chunk| {
            let (low, high) = chunk.split_at_mut(half);
            let butterfly = |(i, (x, y)): (usize, (&mut T, &mut T))| {
                let turned = if i == 0 { *y } else { *y * twiddles[i * step] };
                *y = *x;
                *y -= turned;
                *x += turned;
            };
            low.par_iter_mut().zip(high).enumerate().with_min_len(64).for_each(butterfly);
        });
    }
}
