//! The greatest or least numbers of rows, and where they are.
//!
//! A number's rank is how many of its row come before it: of two equal ones the first. Every pair is compared once for each of
//! the two, and ranks are sums of that. `[r >= rank]` says which numbers are among the first `r + 1`; what is among these and
//! not among the first `r` is the answer's number `r`. Long rows go in blocks, whose best are compared again.

use super::{Lowered, Lowering, refuse};
use crate::model::{
    graph::Node,
    network::plan::{Then, Work},
};
use zkinfer_prover::network::Linear;

/// Numbers that are compared at once where a row has more.
const BLOCK: usize = 32;
/// Comparisons of one node.
const MOST: usize = 1 << 18;
/// Numbers of a place's digit: weights of truth values are whole up to 127.
const DIGIT: usize = 64;
/// Places that have two digits.
const MOST_PLACES: usize = DIGIT * DIGIT;

/// Rows of numbers: `steps` have element `i` of row `r` at `i * count + r`.
struct Rows {
    values: usize,
    /// Where the numbers were before; `None` where they still are.
    places: Option<usize>,
    count: usize,
    width: usize,
}

impl<'g> Lowering<'g> {
    pub(super) fn top_k(&mut self, node: &'g Node) -> Lowered<()> {
        let wire = self.wire(node, 0)?;
        let rows = self.rows_along(node, &wire.shape)?;
        let (count, width) = (rows.len(), rows.first().map_or(1, Vec::len));
        let k = self.ints(node, 1)?.first().and_then(|k| usize::try_from(*k).ok()).unwrap_or(0);
        let wide = width.min(BLOCK.max(2 * k)) as u64;
        let compared = (count as u64).saturating_mul(width as u64).saturating_mul(wide);
        let picked = (k as u64).saturating_mul(k as u64).saturating_mul(wide);
        if width > MOST_PLACES || k == 0 || compared > MOST as u64 || picked > MOST as u64 {
            let reason = format!("takes {k} of {width} numbers, {count} times");
            return Err(refuse(node, format!("{reason}; at most {MOST_PLACES} have places, and {MOST} are compared")));
        }
        let step = self.centered(wire.step);
        let order = (0..width).flat_map(|i| rows.iter().map(move |row| row[i])).collect();
        let values = self.copy(step, vec![width as u32, 1, count as u32], order);
        let largest = node.attributes.int("largest").unwrap_or(1) != 0;
        let mut of = Rows { values, places: None, count, width };
        while of.width > BLOCK.max(2 * k) {
            of = self.best_of_blocks(of, k, largest)?;
        }
        let found = self.best(&of, k, largest)?;
        let places = found.places.unwrap_or(found.values);
        for (value, step) in node.outputs.iter().zip([found.values, places]) {
            let dims = super::dims_of(node, self.shape(*value))?;
            // Answer `r` of every row, in the result's order.
            let shape = self.shape(*value).to_vec();
            let mut order = vec![0u32; k * count];
            for (row, at) in self.rows_along(node, &shape)?.iter().enumerate() {
                at.iter().enumerate().for_each(|(r, at)| order[*at as usize] = (r * count + row) as u32);
            }
            let step = self.copy(step, dims, order);
            self.give(*value, step)?;
        }
        Ok(())
    }

    /// The best of blocks, and what is left of every row behind its last block. Equal numbers stay in their order.
    fn best_of_blocks(&mut self, of: Rows, k: usize, largest: bool) -> Lowered<Rows> {
        let Rows { values, places, count, width } = of;
        let size = BLOCK.max(2 * k);
        let blocks = width / size;
        let places = match places {
            Some(places) => places,
            None => {
                let numbers = (0..width).flat_map(|i| vec![i as f64; count]).collect();
                self.push(vec![], vec![width as u32, 1, count as u32], Work::Constant(numbers), Then::Nothing)
            }
        };
        // Row `b * count + r` is block `b` of row `r`.
        let order: Vec<u32> = (0..size)
            .flat_map(|i| (0..blocks * count).map(move |row| ((row / count * size + i) * count + row % count) as u32))
            .collect();
        let dims = vec![size as u32, 1, (blocks * count) as u32];
        let [cut_values, cut_places] = [values, places].map(|step| self.copy(step, dims.clone(), order.clone()));
        let cut = Rows { values: cut_values, places: Some(cut_places), count: blocks * count, width: size };
        let best = self.best(&cut, k, largest)?;
        let left = width - blocks * size;
        let kept = blocks * k;
        let all = kept + left;
        let order: Vec<u32> = (0..all * count)
            .map(|at| {
                let (i, row) = (at / count, at % count);
                let index = match i.checked_sub(kept) {
                    None => (i % k * blocks + i / k) * count + row,
                    Some(rest) => k * blocks * count + (blocks * size + rest) * count + row,
                };
                index as u32
            })
            .collect();
        let dims = vec![all as u32, 1, count as u32];
        let values = self.join(vec![best.values, values], dims.clone(), order.clone())?;
        let places = self.join(vec![best.places.unwrap_or(places), places], dims, order)?;
        Ok(Rows { values, places: Some(places), count, width: all })
    }

    /// The best `k` of every row, in order.
    fn best(&mut self, of: &Rows, k: usize, largest: bool) -> Lowered<Rows> {
        let &Rows { values, places, count, width } = of;
        let ranks = self.ranks(of, largest);
        let bounds = (0..k).map(|r| r as f64).collect();
        let bounds = self.push(vec![], vec![1, 1, k as u32], Work::Constant(bounds), Then::Nothing);
        let slots = (0..k).flat_map(|r| vec![r as u32; width * count]).collect();
        let each: Vec<u32> = (0..k).flat_map(|_| 0..(width * count) as u32).collect();
        let dims = vec![(k * width) as u32, 1, count as u32];
        let picks = Some(Box::new([slots, each.clone()]));
        let within = self.push(vec![bounds, ranks], dims.clone(), Work::Compare(picks), Then::Nothing);
        let chosen = |this: &mut Self, of: usize| -> usize {
            let zero = this.numbers(vec![0.0]);
            let all = (0..(k * width * count) as u32).collect();
            let picks = Some(Box::new([all, each.clone(), vec![0; k * width * count]]));
            let kept = this.push(vec![within, of, zero], dims.clone(), Work::Choose(picks), Then::Nothing);
            this.differences(kept, k, width, count, |_| 1.0)
        };
        let made = chosen(self, values);
        let places = match places {
            Some(places) => chosen(self, places),
            None => {
                let low = self.differences(within, k, width, count, |i| (i % DIGIT) as f64);
                if width <= DIGIT {
                    low
                } else {
                    let high = self.differences(within, k, width, count, |i| (i / DIGIT) as f64);
                    let high = self.line_of(high, (DIGIT as f64, 0.0))?;
                    self.sum(low, high)?
                }
            }
        };
        Ok(Rows { values: made, places: Some(places), count, width: k })
    }

    /// How many numbers of a row come before each of it.
    fn ranks(&mut self, of: &Rows, largest: bool) -> usize {
        let &Rows { values, count, width, .. } = of;
        let (mut greater, mut less) = (Vec::new(), Vec::new());
        let mut weights = Vec::new();
        let mut bias = vec![0.0; width];
        for (i, bias) in bias.iter_mut().enumerate() {
            for j in (0..width).filter(|j| width == 1 || *j != i) {
                // Whether `j` comes before `i`: of equal ones the first. `[first >= second]` for the greatest.
                let (first, second) = if j < i { (j, i) } else { (i, j) };
                weights.push(if j < i { 1.0 } else { -1.0 });
                *bias += if j < i { 0.0 } else { 1.0 };
                let (a, b) = if largest { (first, second) } else { (second, first) };
                greater.extend((0..count).map(|row| (a * count + row) as u32));
                less.extend((0..count).map(|row| (b * count + row) as u32));
            }
        }
        let dims = vec![weights.len() as u32, 1, count as u32];
        let picks = Some(Box::new([greater, less]));
        let before = self.push(vec![values, values], dims, Work::Compare(picks), Then::Nothing);
        let width = width as u32;
        let op = Linear::Conv { channels: width, kernel: 1, stride: 1, padding: 0, groups: width };
        let ranks = self.linear(before, vec![width, 1, count as u32], op, weights, bias);
        self.activated(ranks, Then::Relu)
    }

    /// `[k, 1, count]`: what number `r` of every row has and number `r - 1` has not, weighted by its place.
    fn differences(
        &mut self,
        step: usize,
        k: usize,
        width: usize,
        count: usize,
        weight: impl Fn(usize) -> f64,
    ) -> usize {
        let mut weights = vec![0.0; k * k * width];
        for r in 0..k {
            for i in 0..width {
                weights[(r * k + r) * width + i] = weight(i);
                if r > 0 {
                    weights[(r * k + r - 1) * width + i] = -weight(i);
                }
            }
        }
        let op = Linear::Conv { channels: k as u32, kernel: 1, stride: 1, padding: 0, groups: 1 };
        self.linear(step, vec![k as u32, 1, count as u32], op, weights, vec![0.0; k])
    }
}
