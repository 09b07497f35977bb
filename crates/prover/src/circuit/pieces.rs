//! §7 V4: public functions of a position, `sum_j coeff_j * base_j^p * [lo_j <= p < hi_j]`.
//!
//! One list of pieces gives the prover's table and the verifier's closed form.

use ark_bn254::Fr;
use ark_ff::{AdditiveGroup, Field};

/// `coeff * base^p` on `lo <= p < hi`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Piece {
    pub(crate) lo: usize,
    pub(crate) hi: usize,
    pub(crate) coeff: Fr,
    pub(crate) base: Fr,
}

/// A sum of pieces.
#[derive(Debug, Clone, Default)]
pub(crate) struct Pieces(Vec<Piece>);

impl Pieces {
    /// Adds `coeff * base^p` on `lo..hi`.
    pub(crate) fn push(&mut self, lo: usize, hi: usize, coeff: Fr, base: Fr) {
        self.0.push(Piece { lo, hi, coeff, base });
    }

    /// The values at `0..len`.
    pub(crate) fn table(&self, len: usize) -> Vec<Fr> {
        let mut out = vec![Fr::ZERO; len];
        for piece in &self.0 {
            let mut value = piece.coeff * piece.base.pow([piece.lo as u64]);
            for slot in &mut out[piece.lo..piece.hi] {
                *slot += value;
                value *= piece.base;
            }
        }
        out
    }

    /// The multilinear extension at `point` (little-endian), in `O(pieces * variables)`.
    pub(crate) fn evaluate(&self, point: &[Fr]) -> Fr {
        let mut cache: Option<(Fr, Prefix)> = None;
        let mut sum = Fr::ZERO;
        for piece in &self.0 {
            let prefix = match &cache {
                Some((base, prefix)) if *base == piece.base => prefix,
                _ => &cache.insert((piece.base, Prefix::powers(piece.base, point))).1,
            };
            sum += piece.coeff * (prefix.up_to(piece.hi) - prefix.up_to(piece.lo));
        }
        sum
    }
}

/// `pre(f, len) = sum_{p < len} prod_i f_i[bit_i p]`.
#[derive(Debug, Clone)]
pub(crate) struct Prefix {
    factors: Vec<[Fr; 2]>,
    /// `full[i]` is the sum over all of the low `i` bits.
    full: Vec<Fr>,
}

impl Prefix {
    /// From the factors of each bit, lowest first.
    pub(crate) fn new(factors: Vec<[Fr; 2]>) -> Self {
        let mut full = vec![Fr::ONE];
        for f in &factors {
            full.push(full[full.len() - 1] * (f[0] + f[1]));
        }
        Self { factors, full }
    }

    /// Factors of `base^p * eq(p, point)`.
    pub(crate) fn powers(base: Fr, point: &[Fr]) -> Self {
        let mut power = base;
        let factors = point
            .iter()
            .map(|r| {
                let factor = [Fr::ONE - r, *r * power];
                power.square_in_place();
                factor
            })
            .collect();
        Self::new(factors)
    }

    /// Factors of `eq(xi, p) * eq(p, point)`.
    pub(crate) fn eq(xi: &[Fr], point: &[Fr]) -> Self {
        Self::new(xi.iter().zip(point).map(|(x, r)| [(Fr::ONE - x) * (Fr::ONE - r), *x * r]).collect())
    }

    /// The sum over `p < len`.
    pub(crate) fn up_to(&self, len: usize) -> Fr {
        let bits = self.factors.len();
        if len >> bits != 0 {
            return self.full[bits];
        }
        let (mut sum, mut path) = (Fr::ZERO, Fr::ONE);
        for i in (0..bits).rev() {
            let [zero, one] = self.factors[i];
            if len >> i & 1 == 1 {
                sum += path * zero * self.full[i];
                path *= one;
            } else {
                path *= zero;
            }
        }
        sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mle;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn closed_form_is_the_extension_of_the_table(
            intervals in prop::collection::vec((0usize..33, 0usize..33, any::<u64>(), 0u64..3), 0..6),
            point in prop::collection::vec(any::<u64>(), 5),
        ) {
            let mut pieces = Pieces::default();
            for (a, b, coeff, base) in intervals {
                pieces.push(a.min(b).min(32), a.max(b).min(32), Fr::from(coeff), Fr::from(7 * base + 1));
            }
            let point: Vec<Fr> = point.into_iter().map(Fr::from).collect();
            prop_assert_eq!(pieces.evaluate(&point), mle::evaluate(&pieces.table(32), &point));
        }
    }
}
