//! Short forms of embeddings: scanned instead of the embeddings themselves, with a bound on the error that makes the search
//! exact all the same (`docs/decisions/0023-search-is-exact.md`).

use super::note::norm;

/// The largest integer of a sketch: the products of [`BLOCK`] of them add up in an `i32`.
const LARGEST: f64 = 2047.0;
const BLOCK: usize = 512;
/// What rounding adds at most to a similarity, relative to 1: sums of at most 4096 products in `f64`, one `f32` at the end.
const ROUNDING: f32 = 1e-6;

/// An embedding of length 1 as 12-bit integers `q` and a scale: `x ≈ scale · q`.
#[derive(Clone, Debug)]
pub(super) struct Sketch {
    integers: Vec<i16>,
    about: About,
}

#[derive(Clone, Copy, Debug)]
struct About {
    scale: f32,
    /// At least the length of `x - scale · q`.
    error: f32,
}

impl Sketch {
    /// Of finite numbers, not all of them 0.
    pub(super) fn of(values: &[f32]) -> Self {
        let length = norm(values);
        let largest = values.iter().fold(0.0f64, |largest, &x| largest.max(f64::from(x).abs()));
        // Taken as it is kept, so that the error is that of what is kept.
        let scale = (largest / length / LARGEST) as f32;
        let mut squares = 0.0;
        let integer = |&x: &f32| {
            let unit = f64::from(x) / length;
            let q = (unit / f64::from(scale)).round().clamp(-LARGEST, LARGEST);
            squares += (unit - q * f64::from(scale)).powi(2);
            q as i16
        };
        let integers = values.iter().map(integer).collect();
        Self { integers, about: About { scale, error: squares.sqrt() as f32 + f32::EPSILON } }
    }
}

/// The sketches of a space, in the order of their rows' numbers.
#[derive(Debug)]
pub(super) struct Sketches {
    dimension: usize,
    integers: Vec<i16>,
    about: Vec<About>,
}

impl Sketches {
    pub(super) const fn new(dimension: usize) -> Self {
        Self { dimension, integers: Vec::new(), about: Vec::new() }
    }

    pub(super) const fn dimension(&self) -> usize {
        self.dimension
    }

    pub(super) const fn len(&self) -> usize {
        self.about.len()
    }

    pub(super) fn push(&mut self, sketch: Sketch) {
        debug_assert_eq!(sketch.integers.len(), self.dimension);
        self.integers.extend(sketch.integers);
        self.about.push(sketch.about);
    }

    /// At least the similarity of a row.
    pub(super) fn bound(&self, row: usize, query: &Sketch) -> f32 {
        let from = row * self.dimension;
        let about = self.about[row];
        let product = product(&self.integers[from..from + self.dimension], &query.integers);
        let approximate = product as f64 * f64::from(about.scale) * f64::from(query.about.scale);
        // |xy - x'y'| = |(x - x')y + x'(y - y')| <= e(x) |y| + |x'| e(y), |y| = 1 and |x'| <= 1 + e(x).
        let error = about.error + (1.0 + about.error) * query.about.error + ROUNDING;
        approximate as f32 + error
    }

    /// [`Sketches::bound`] of every row, in order, by two threads when there are many.
    pub(super) fn bounds(&self, query: &Sketch) -> Vec<f32> {
        const MANY: usize = 8 << 20;
        let rows = self.len();
        let part = |from: usize, to: usize| (from..to).map(|row| self.bound(row, query)).collect::<Vec<f32>>();
        if self.integers.len() < MANY {
            return part(0, rows);
        }
        std::thread::scope(|scope| {
            let other = std::thread::Builder::new().spawn_scoped(scope, || part(rows / 2, rows));
            let mut bounds = part(0, rows / 2);
            // Without a thread, or if it failed, the work is done here.
            let rest = other.ok().and_then(|other| other.join().ok());
            bounds.extend(rest.unwrap_or_else(|| part(rows / 2, rows)));
            bounds
        })
    }
}

/// Written so that compilers make multiply-and-add of pairs of it, also without anything but the base instruction set.
fn product(a: &[i16], b: &[i16]) -> i64 {
    let blocks = a.chunks(BLOCK).zip(b.chunks(BLOCK));
    blocks.map(|(a, b)| i64::from(a.iter().zip(b).map(|(&x, &y)| i32::from(x) * i32::from(y)).sum::<i32>())).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::note::cosine;
    use proptest::prelude::*;

    proptest! {
        /// What makes the search exact: no similarity is above its bound. It is not far above either.
        #[test]
        fn no_similarity_is_above_its_bound(
            pair in (1usize..1100).prop_flat_map(|n| {
                let numbers = proptest::collection::vec(-1e3f32..1e3, n);
                (numbers.clone(), numbers)
            }),
            powers in (-30i32..30, -30i32..30),
        ) {
            let scaled = |values: Vec<f32>, power| values.into_iter().map(|x| x * 2f32.powi(power)).collect::<Vec<f32>>();
            let (a, b) = (scaled(pair.0, powers.0), scaled(pair.1, powers.1));
            prop_assume!(norm(&a) > 0.0 && norm(&b) > 0.0);
            let mut sketches = Sketches::new(a.len());
            sketches.push(Sketch::of(&a));
            let (bound, exact) = (f64::from(sketches.bound(0, &Sketch::of(&b))), cosine(&a, &b));
            prop_assert!(bound >= exact, "{bound} {exact}");
            prop_assert!(bound <= exact + 0.01, "{bound} {exact}");
        }
    }

    #[test]
    fn the_largest_sketches_do_not_overflow() {
        for n in [BLOCK, BLOCK + 1, 4096] {
            let mut sketches = Sketches::new(n);
            sketches.push(Sketch::of(&vec![f32::MAX; n]));
            let bound = sketches.bound(0, &Sketch::of(&vec![f32::MIN_POSITIVE; n]));
            assert!((1.0..1.01).contains(&bound), "{bound}");
        }
    }

    #[test]
    fn two_threads_find_what_one_finds() {
        let mut sketches = Sketches::new(4096);
        for row in 0..2050u32 {
            sketches.push(Sketch::of(
                &(0..4096u32).map(|i| ((i * 7919 + row * 104_729) % 997) as f32 - 498.0).collect::<Vec<_>>(),
            ));
        }
        let query = Sketch::of(&(0..4096).map(|i| i as f32).collect::<Vec<_>>());
        let one: Vec<f32> = (0..2050).map(|row| sketches.bound(row, &query)).collect();
        assert_eq!(sketches.bounds(&query), one);
    }
}
