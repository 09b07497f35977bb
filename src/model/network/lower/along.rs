//! Operators along an axis that are not sums: places of maxima, normalizations.

use super::{Lowered, Lowering, Wire, elementwise::by_channel, reduce::side_of, refuse};
use crate::model::{
    graph::{Node, Operator},
    network::plan::{Function, Then, Work},
};
use zkinfer_prover::network::Linear;

/// Numbers of a row whose greatest has a place: places are weights of 16 bits, divided by 2^8.
const MOST_PLACES: usize = 127;

impl<'g> Lowering<'g> {
    /// `ArgMax`, `ArgMin` and `Hardmax`.
    ///
    /// What is at least the maximum of its row is marked, each mark is weighted by its place so that the one that counts is the
    /// greatest, and the greatest of these is the answer.
    pub(super) fn greatest_of(&mut self, node: &'g Node) -> Lowered<usize> {
        let wire = self.wire(node, 0)?;
        let rows = self.rows_along(node, &wire.shape)?;
        let (count, width) = (rows.len(), rows.first().map_or(1, Vec::len));
        if width > MOST_PLACES {
            return Err(refuse(node, format!("has rows of {width} numbers; at most {MOST_PLACES} have places")));
        }
        let mut step = self.centered(wire.step);
        if node.operator == Operator::ArgMin {
            step = self.line_of(step, (-1.0, 0.0))?;
        }
        let (step, _) = self.shifted(step)?;
        let side = side_of(width);
        let greatest = self.maxima_above(step, &rows, side);
        // Place `i` of every row is channel `i`.
        let dims = vec![width as u32, 1, count as u32];
        let order: Vec<u32> = (0..width).flat_map(|i| rows.iter().map(move |row| row[i])).collect();
        let of_rows: Vec<u32> = (0..width).flat_map(|_| 0..count as u32).collect();
        let picks = Some(Box::new([order, of_rows.clone()]));
        let marks = self.push(vec![step, greatest], dims.clone(), Work::Compare(picks), Then::Nothing);
        let last = node.attributes.int("select_last_index").unwrap_or(0) != 0;
        let weight = |i: usize| if last { (i + 1) as f64 } else { (width - i) as f64 };
        let op = Linear::Conv { channels: width as u32, kernel: 1, stride: 1, padding: 0, groups: width as u32 };
        let weights = (0..width).map(weight).collect();
        let weighted = self.linear(marks, dims.clone(), op, weights, vec![0.0; width]);
        let weighted = self.activated(weighted, Then::Relu);
        let columns: Vec<Vec<u32>> =
            (0..count).map(|row| (0..width).map(|i| (i * count + row) as u32).collect()).collect();
        let found = self.maxima_above(weighted, &columns, side);
        if node.operator != Operator::Hardmax {
            return if last { self.line_of(found, (1.0, -1.0)) } else { self.line_of(found, (-1.0, width as f64)) };
        }
        let all = (0..(width * count) as u32).collect();
        let picks = Some(Box::new([all, of_rows]));
        let one = self.push(vec![weighted, found], dims, Work::Compare(picks), Then::Nothing);
        let mut back = vec![0u32; width * count];
        for (row, places) in rows.iter().enumerate() {
            places.iter().enumerate().for_each(|(i, at)| back[*at as usize] = (i * count + row) as u32);
        }
        let dims = super::dims_of(node, &wire.shape)?;
        Ok(self.copy(one, dims, back))
    }

    /// `(x - mean) / sqrt(variance + epsilon)` of every channel of every image, scaled and shifted.
    pub(super) fn instance_normalization(&mut self, node: &'g Node) -> Lowered<usize> {
        let Wire { step, shape, .. } = self.wire(node, 0)?;
        let (scale, bias) = (self.floats(node, 1)?, self.floats(node, 2)?);
        let epsilon = f64::from(node.attributes.float("epsilon").unwrap_or(1e-5));
        let each: usize = shape.iter().skip(2).product();
        if shape.len() < 3 || scale.len() != shape[1] || bias.len() != shape[1] {
            return Err(refuse(node, format!("normalizes a tensor of shape {shape:?}, which has other channels")));
        }
        let rows = shape[0] * shape[1];
        let groups: Vec<Vec<u32>> =
            (0..rows).map(|row| (row * each..(row + 1) * each).map(|i| i as u32).collect()).collect();
        let spread: Vec<u32> = (0..rows * each).map(|i| (i / each) as u32).collect();
        let dims = super::dims_of(node, &shape)?;
        let means = self.sum_of(node, step, groups.clone(), -1.0 / each as f64)?;
        let means = self.copy(means, dims.clone(), spread.clone());
        let centred = self.sum(step, means)?;
        let squares = self.product(centred, centred);
        let variances = self.sum_of(node, squares, groups, 1.0 / each as f64)?;
        let inverse = Function::new(move |x| 1.0 / (x.max(0.0) + epsilon).sqrt());
        let inverses = self.tabled(variances, &inverse, 0)?;
        let inverses = self.copy(inverses, dims, spread);
        let unit = self.product(centred, inverses);
        self.affine(unit, &by_channel(&shape, |c| scale[c]), &by_channel(&shape, |c| bias[c]))
    }

    /// `x / (bias + alpha / size * sum of squares of neighbouring channels)^beta`.
    pub(super) fn local_response(&mut self, node: &'g Node) -> Lowered<usize> {
        let Wire { step, shape, .. } = self.wire(node, 0)?;
        let float = |name, default: f32| f64::from(node.attributes.float(name).unwrap_or(default));
        let size = node.attributes.int("size").and_then(|size| usize::try_from(size).ok()).unwrap_or(1).max(1);
        let (alpha, beta, bias) = (float("alpha", 1e-4) / size as f64, float("beta", 0.75), float("bias", 1.0));
        let &[samples, channels, ref space @ ..] = &shape[..] else { return Err(refuse(node, "has no channels")) };
        let (before, behind) = ((size - 1) / 2, (size - 1).div_ceil(2));
        let near = |c: usize, other: usize| other + before >= c && other <= c + behind;
        let row = |c: usize| (0..channels).map(move |other| if near(c, other) { 1.0 } else { 0.0 });
        let weights = (0..samples).flat_map(|_| (0..channels).flat_map(row)).collect();
        let squares = self.product(step, step);
        let all = (samples * channels) as u32;
        let dims = vec![all, 1, space.iter().product::<usize>() as u32];
        let squares = self.shaped(squares, &dims);
        let op = Linear::Conv { channels: all, kernel: 1, stride: 1, padding: 0, groups: samples as u32 };
        let sums = self.linear(squares, dims, op, weights, vec![0.0; all as usize]);
        let sums = self.activated(sums, Then::Relu);
        let factors = self.tabled(sums, &Function::new(move |x| (bias + alpha * x).powf(-beta)), 0)?;
        Ok(self.product(step, factors))
    }
}
