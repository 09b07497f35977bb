//! The prover's side of accesses.

use ark_bn254::Fr;
use ark_ff::{AdditiveGroup, Field};

use super::{Bases, geometric};
use crate::encoding::signed;
use crate::network::program::bounds::drivers;
use crate::network::program::{Access, Tensor};

/// The weights of one axis without triangle: entry `x` is the sum over the axis' variables.
fn axis_weights(a: &Access, t: &Tensor, axis: usize, bases: &Bases) -> Vec<Fr> {
    let dim = i64::from(t.dims[axis]);
    // (index, weight) of every point of the axis' box.
    let mut points = vec![(i64::from(a.offsets[axis]), Fr::ONE)];
    for v in drivers(a, axis).map(|v| a.vars[v]) {
        let stride = v.target.map_or(0, |(_, stride)| i64::from(stride));
        let (base, _) = bases.monomial(&v.weight);
        let mut next = Vec::with_capacity(points.len() * v.size as usize);
        for (at, weight) in points {
            let mut power = weight;
            for i in 0..i64::from(v.size) {
                next.push((at + stride * i, power));
                power *= base;
            }
        }
        points = next;
    }
    let mut out = vec![Fr::ZERO; dim as usize];
    for (at, weight) in points {
        if (0..dim).contains(&at) {
            out[at as usize] += weight;
        }
    }
    out
}

/// Adds `scale` times the access to `table`, whose entry 0 is position `start`.
pub(crate) fn add(table: &mut [Fr], start: usize, a: &Access, t: &Tensor, bases: &Bases, scale: Fr) {
    let mut scale = scale * signed(a.coefficient) * bases.monomial(&a.monomial).0;
    if let Some((s, w)) = a.triangle {
        return add_triangle(table, start, a, t, bases, scale, (usize::from(s), usize::from(w)));
    }
    for v in a.vars.iter().filter(|v| v.target.is_none()) {
        scale *= geometric(bases.monomial(&v.weight).0, v.size.into());
    }
    // The weights of an index are the product of those of its axes.
    let mut rows = vec![(0usize, scale)];
    for axis in 0..t.dims.len() {
        let weights = axis_weights(a, t, axis, bases);
        let shift = t.shift(axis);
        let next = rows.iter().flat_map(|(at, scale)| {
            let entries = weights.iter().enumerate().filter(|(_, w)| **w != Fr::ZERO);
            entries.map(move |(x, w)| (at + (x << shift), *scale * w))
        });
        rows = next.collect();
    }
    for (at, weight) in rows {
        table[t.base as usize - start + at] += weight;
    }
}

/// With a triangle: the second variable's range depends on the first.
fn add_triangle(
    table: &mut [Fr],
    start: usize,
    a: &Access,
    t: &Tensor,
    bases: &Bases,
    scale: Fr,
    (s, w): (usize, usize),
) {
    for i in 0..a.vars[s].size {
        // The access with `i_s` fixed and `i_t <= i`.
        let mut fixed = a.clone();
        fixed.triangle = None;
        fixed.coefficient = 1;
        fixed.monomial = Default::default();
        fixed.vars[s].size = 1;
        if let Some((axis, stride)) = a.vars[s].target {
            fixed.offsets[usize::from(axis)] += (i * stride).cast_signed();
        }
        fixed.vars[w].size = i + 1;
        let weight = bases.monomial(&a.vars[s].weight).0.pow([u64::from(i)]);
        add(table, start, &fixed, t, bases, scale * weight);
    }
}

/// Adds the hats of an access: `hats[q] += ` the coefficient of `theta^q`, where `values` are the
/// view's values by position from `start` on (summed over the samples with their weights).
pub(crate) fn add_hats(hats: &mut [Fr], values: &[Fr], start: usize, a: &Access, t: &Tensor, bases: &Bases) {
    let mut bound: Vec<usize> = (0..a.vars.len()).filter(|v| a.vars[*v].target.is_some()).collect();
    // Variables with theta outermost: what they weigh is a position of the result.
    bound.sort_by_key(|v| a.vars[*v].weight.theta == 0);
    let scale = signed(a.coefficient);
    let first = without_theta(bases, &a.monomial);
    let mut walk = Walk { a, t, bases, values, start, vars: &bound, out: Vec::new() };
    walk.run(0, &mut a.offsets.iter().map(|o| i64::from(*o)).collect::<Vec<_>>(), 0, scale * first);
    // Unbound variables repeat all of it.
    let mut copies = vec![(a.monomial.theta as usize, Fr::ONE)];
    for v in a.vars.iter().filter(|v| v.target.is_none()) {
        let base = without_theta(bases, &v.weight);
        let mut next = Vec::with_capacity(copies.len() * v.size as usize);
        for (at, weight) in copies {
            let mut power = weight;
            for i in 0..v.size as usize {
                next.push((at + i * v.weight.theta as usize, power));
                power *= base;
            }
        }
        copies = next;
    }
    for (shift, weight) in copies {
        for (q, value) in &walk.out {
            hats[shift + q] += weight * value;
        }
    }
}

fn without_theta(bases: &Bases, m: &super::Monomial) -> Fr {
    bases.monomial(&super::Monomial { theta: 0, ..*m }).0
}

/// The walk through the box of an access.
struct Walk<'a> {
    a: &'a Access,
    t: &'a Tensor,
    bases: &'a Bases,
    values: &'a [Fr],
    start: usize,
    vars: &'a [usize],
    /// `(exponent of theta, value)`.
    out: Vec<(usize, Fr)>,
}

impl Walk<'_> {
    fn run(&mut self, depth: usize, index: &mut [i64], q: usize, weight: Fr) {
        let theta = self.vars.get(depth).is_some_and(|v| self.a.vars[*v].weight.theta > 0);
        if !theta {
            let sum = self.sum(depth, index);
            self.out.push((q, weight * sum));
            return;
        }
        let v = self.a.vars[self.vars[depth]];
        let (axis, stride) = v.target.unwrap_or_default();
        let base = without_theta(self.bases, &v.weight);
        let mut power = weight;
        for i in 0..v.size as usize {
            self.run(depth + 1, index, q + i * v.weight.theta as usize, power);
            index[usize::from(axis)] += i64::from(stride);
            power *= base;
        }
        index[usize::from(axis)] -= i64::from(stride) * i64::from(v.size);
    }

    /// The sum over the variables without `theta`.
    fn sum(&self, depth: usize, index: &mut [i64]) -> Fr {
        let Some(v) = self.vars.get(depth).map(|v| self.a.vars[*v]) else {
            let inside = index.iter().zip(&self.t.dims).all(|(x, d)| (0..i64::from(*d)).contains(x));
            if !inside {
                return Fr::ZERO;
            }
            let at: usize = index.iter().enumerate().map(|(axis, x)| (*x as usize) << self.t.shift(axis)).sum();
            return self.values[self.t.base as usize - self.start + at];
        };
        let (axis, stride) = v.target.unwrap_or_default();
        let (axis, stride) = (usize::from(axis), i64::from(stride));
        let base = self.bases.monomial(&v.weight).0;
        // Horner from the last index.
        let mut sum = Fr::ZERO;
        index[axis] += stride * i64::from(v.size);
        for _ in 0..v.size {
            index[axis] -= stride;
            sum = sum * base + self.sum(depth + 1, index);
        }
        sum
    }
}
