//! How far a tensor's numbers go: what errors of them are measured by.

use serde::{Deserialize, Serialize};

/// What hardly changes over samples is measured by this part of its magnitude: finer than that, fixed-point numbers of a few bits
/// tell nothing apart.
const LEAST_SPAN: f64 = 0.1;

/// The least and the greatest of some numbers.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Extent(Option<(f64, f64)>);

impl Extent {
    /// Of no numbers.
    pub const EMPTY: Self = Self(None);

    /// Of these numbers too. What is infinite or none is no measure of anything.
    #[must_use]
    pub fn with(self, numbers: impl IntoIterator<Item = f64>) -> Self {
        numbers.into_iter().filter(|x| x.is_finite()).fold(self, |Self(extent), x| {
            let (least, greatest) = extent.unwrap_or((x, x));
            Self(Some((least.min(x), greatest.max(x))))
        })
    }

    /// The greatest magnitude.
    #[must_use]
    pub fn magnitude(&self) -> f64 {
        self.0.map_or(0.0, |(least, greatest)| least.abs().max(greatest.abs()))
    }

    /// What an error is measured by. Where the numbers are answers to samples that somebody chose, the distance between the least
    /// and the greatest, but no less than a tenth of the magnitude: a thermometer that shows 290 to 300 may not be off by 2 % of 300.
    /// Answers to samples that were made up show less of what there is than that: then it is the magnitude.
    #[must_use]
    pub fn measure(&self, of_given_samples: bool) -> f64 {
        match self.0 {
            Some((least, greatest)) if of_given_samples => (greatest - least).max(LEAST_SPAN * self.magnitude()),
            _ => self.magnitude(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extents_measure_by_span_or_magnitude() {
        let of = |numbers: &[f64]| Extent::EMPTY.with(numbers.iter().copied());
        assert_eq!((of(&[-1.0, 3.0]).measure(true), of(&[-1.0, 3.0]).measure(false)), (4.0, 3.0));
        assert_eq!((of(&[290.0, 300.0]).measure(true), of(&[290.0, 300.0]).measure(false)), (30.0, 300.0));
        assert_eq!(of(&[f64::NAN, f64::INFINITY, 2.0]), of(&[2.0]));
        assert_eq!((of(&[]).measure(true), of(&[]).measure(false)), (0.0, 0.0));
    }
}
