//! Embeddings as pgvector can compare them: it adds up squares in single precision, which overflow or vanish for huge or tiny
//! numbers. Scaled by a power of two no cosine changes.

/// Numbers of which the largest is at least 1/2 and below 1, and the power of two that was taken out.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Scaled {
    pub(super) values: Vec<f32>,
    pub(super) exponent: i64,
    /// Whether scaling back gives the very same bits.
    pub(super) is_exact: bool,
}

impl Scaled {
    /// Of finite numbers, not all of them 0.
    pub(super) fn of(values: &[f32]) -> Self {
        let largest = values.iter().fold(0.0f64, |largest, &x| largest.max(f64::from(x).abs()));
        // Of a double the exponent stands in its bits: every f32 but 0 is normal as one.
        let exponent = (largest.to_bits() >> 52) as i64 - 1022;
        let scaled: Vec<f32> = values.iter().map(|&x| scale(x, -exponent)).collect();
        let is_exact = back(&scaled, exponent).iter().zip(values).all(|(a, b)| a.to_bits() == b.to_bits());
        Self { values: scaled, exponent, is_exact }
    }
}

/// What [`Scaled`] was made of, if it is exact.
pub(super) fn back(scaled: &[f32], exponent: i64) -> Vec<f32> {
    scaled.iter().map(|&x| scale(x, exponent)).collect()
}

fn scale(x: f32, exponent: i64) -> f32 {
    // Exponents of f32 are far within those of f64; others are a damaged database's.
    let power = 2f64.powi(exponent.clamp(-1000, 1000) as i32);
    (f64::from(x) * power) as f32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::note::cosine;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_largest_is_about_one_and_no_cosine_changes(
            bits in proptest::collection::vec(any::<u32>(), 1..20),
            other in proptest::collection::vec(-1f32..1.0, 20),
        ) {
            let values: Vec<f32> = bits.into_iter().map(f32::from_bits).filter(|x| x.is_finite()).collect();
            prop_assume!(values.iter().any(|&x| x != 0.0));
            let scaled = Scaled::of(&values);
            let largest = scaled.values.iter().fold(0f32, |largest, x| largest.max(x.abs()));
            prop_assert!((0.5..1.0).contains(&largest), "{largest}");
            if scaled.is_exact {
                prop_assert_eq!(back(&scaled.values, scaled.exponent), values.clone());
            }
            let other = &other[..values.len()];
            prop_assume!(other.iter().any(|&x| x != 0.0));
            prop_assert!((cosine(&values, other) - cosine(&scaled.values, other)).abs() < 1e-6);
        }
    }

    #[test]
    fn the_smallest_and_the_largest_numbers_are_exact_alone() {
        for x in [f32::from_bits(1), f32::MIN_POSITIVE, f32::MAX, -1.0, 0.75] {
            assert!(Scaled::of(&[x, 0.0, -x]).is_exact, "{x}");
        }
        assert!(!Scaled::of(&[f32::MAX, f32::from_bits(0x0080_0001)]).is_exact);
    }
}
