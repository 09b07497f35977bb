//! Batches of affine additions on AVX512-IFMA: eight pairs at a time, one inversion per batch.
//!
//! Points stay in arkworks' Montgomery form (factor 2^256) although [`Fe8::mul`] divides by
//! 2^260. Write D = (x2 - x1) 2^256 for a stored difference, and a * b for `mul`. The inverse of
//! D under `mul` is 2^520 / D; scaled by 2^-2 it gives a slope s = lambda 2^258, and then
//! s * s = lambda^2 2^256 is in point form again, while s * (4 (x1 - x3) 2^256) =
//! lambda (x1 - x3) 2^256 needs the factor 4, a shift. So no conversion is needed anywhere.
//!
//! Bounds, q being the field's order: stored coordinates are below 2.2 q, negated ones at most
//! 3 q, differences below 7 q, products below 1.4 q, sums to fold below 6.2 q.

use ark_bn254::Fq;
use ark_ff::{AdditiveGroup, Field};

use super::{
    fe8::Fe8,
    point::{self, RawPoint, Ref},
};

/// Pairs that share an inversion: the prefix products (40 bytes each) and operands stay in the
/// second-level cache.
const BATCH: usize = 2048;

/// As [`super::scalar::add_pairs`], on a machine that has the instructions.
#[target_feature(enable = "avx512f,avx512ifma")]
pub(super) fn add_pairs(src: &[RawPoint], pairs: &[[Ref; 2]], out: &mut [RawPoint]) -> bool {
    let mut identity = false;
    let mut prefix = Vec::with_capacity(pairs.len().min(BATCH).div_ceil(8));
    for (pairs, out) in pairs.chunks(BATCH).zip(out.chunks_mut(BATCH)) {
        if !add_batch(src, pairs, out, &mut prefix) {
            // Some pair is a doubling or a cancellation. The portable code knows them.
            identity |= super::scalar::add_pairs(src, pairs, out);
        }
    }
    identity
}

/// The eight pairs of a group; a short last group repeats its first pair.
fn group(pairs: &[[Ref; 2]]) -> ([Ref; 8], [Ref; 8]) {
    let at = |lane: usize| pairs.get(lane).unwrap_or(&pairs[0]);
    (std::array::from_fn(|lane| at(lane)[0]), std::array::from_fn(|lane| at(lane)[1]))
}

/// Adds the pairs, or returns false and writes nothing if two operands have the same x.
#[target_feature(enable = "avx512f,avx512ifma")]
fn add_batch(src: &[RawPoint], pairs: &[[Ref; 2]], out: &mut [RawPoint], prefix: &mut Vec<Fe8>) -> bool {
    prefix.clear();
    // Two chains of products, because one multiplication waits for the last one's result.
    let mut product = [Fe8::one(), Fe8::one()];
    for (g, group_pairs) in pairs.chunks(8).enumerate() {
        // Operands are scattered over the SRS: ask for them four groups ahead.
        for &[a, b] in pairs.iter().skip(8 * g + 32).take(8) {
            point::prefetch(src, a);
            point::prefetch(src, b);
        }
        let (a, b) = group(group_pairs);
        let difference = Fe8::load_x(src, &b).sub(&Fe8::load_x(src, &a));
        let product = &mut product[g & 1];
        prefix.push(*product);
        *product = product.mul(&difference);
    }
    let Some(all) = invert_lanes(&product[0].mul(&product[1])) else {
        return false;
    };
    let mut inverse = [all.mul(&product[1]), all.mul(&product[0])];
    let groups = pairs.chunks(8).zip(out.chunks_mut(8)).zip(prefix.iter());
    for (g, ((pairs, out), prefix)) in groups.enumerate().rev() {
        let (a, b) = group(pairs);
        let (x1, y1) = Fe8::load(src, &a);
        let (x2, y2) = Fe8::load(src, &b);
        let inverse = &mut inverse[g & 1];
        let slope = inverse.mul(prefix).mul(&y2.sub(&y1));
        *inverse = inverse.mul(&x2.sub(&x1));
        let x3 = slope.mul(&slope).sub2_fold(&x1, &x2);
        let y3 = slope.mul(&x1.sub(&x3).times4()).sub_fold(&y1);
        Fe8::store(&x3, &y3, out);
    }
    true
}

/// 2^518 / a in every lane, or nothing if a lane is zero modulo q.
#[target_feature(enable = "avx512f,avx512ifma")]
fn invert_lanes(a: &Fe8) -> Option<Fe8> {
    let lanes = a.to_lanes();
    let mut prefix = [Fq::ONE; 8];
    let mut product = Fq::ONE;
    for (prefix, lane) in prefix.iter_mut().zip(&lanes) {
        *prefix = product;
        product *= lane;
    }
    // A lane holds v 2^256 for v = lanes[i]; its inverse as a field element holds 2^256 / v =
    // 2^512 / (v 2^256), and six doublings make that 2^518 / (v 2^256).
    let mut inverse = super::invert::invert(&product)?;
    for _ in 0..6 {
        inverse.double_in_place();
    }
    let mut inverses = [Fq::ONE; 8];
    for i in (0..8).rev() {
        inverses[i] = inverse * prefix[i];
        inverse *= lanes[i];
    }
    Some(Fe8::from_lanes(&inverses))
}
