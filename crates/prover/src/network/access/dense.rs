//! The prover's side of accesses.

use ark_bn254::Fr;
use ark_ff::{AdditiveGroup, Field};

use super::{Bases, geometric, lane, views};
use crate::encoding::signed;
use crate::network::program::bounds::{MAX_VARS, drivers};
use crate::network::program::{Access, LANE, Tensor};

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

/// Adds the hats of an access: `hats[q] += ` the coefficient of `theta^q`, where `values(view)` are the
/// values of a view by position from `start` on.
pub(crate) fn add_all_hats(
    hats: &mut [Fr],
    mut values: impl FnMut(usize) -> Vec<Fr>,
    start: usize,
    a: &Access,
    t: &Tensor,
    bases: &Bases,
) {
    for (view, step) in views(a) {
        let (weight, theta) = match lane(a) {
            None => (Fr::ONE, 0),
            Some((_, _, m)) => (without_theta(bases, &m).pow([u64::from(step)]), (step * m.theta) as usize),
        };
        add_hats(hats, &values(view), start, a, t, bases, (weight, theta));
    }
}

/// Adds the hats of one view of an access (with the weight of its lane and that weight's exponent of `theta`): `hats[q] += ` the coefficient of
/// `theta^q`, where `values` are the view's values by position from `start` on.
fn add_hats(
    hats: &mut [Fr],
    values: &[Fr],
    start: usize,
    a: &Access,
    t: &Tensor,
    bases: &Bases,
    (lane, shift): (Fr, usize),
) {
    let triangle = |v: usize| a.triangle.is_some_and(|(s, w)| v == usize::from(s) || v == usize::from(w));
    let axis = |v: usize| a.vars[v].target.is_some_and(|(axis, _)| axis != LANE);
    let mut bound: Vec<usize> = (0..a.vars.len()).filter(|v| axis(*v) || triangle(*v)).collect();
    // Variables with theta outermost: what they weigh is a position of the result.
    bound.sort_by_key(|v| a.vars[*v].weight.theta == 0);
    let scale = lane * signed(a.coefficient) * without_theta(bases, &a.monomial);
    let mut walk = Walk {
        a,
        t,
        weights: a.vars.iter().map(|v| without_theta(bases, &v.weight)).collect(),
        values,
        start,
        vars: &bound,
        at: [None; MAX_VARS],
        index: a.offsets.iter().map(|o| i64::from(*o)).collect(),
        out: Vec::new(),
    };
    walk.run(0, 0, scale);
    // Unbound variables repeat all of it.
    let mut copies = vec![(a.monomial.theta as usize + shift, Fr::ONE)];
    for v in (0..a.vars.len()).filter(|v| a.vars[*v].target.is_none() && !triangle(*v)) {
        let base = walk.weights[v];
        let v = a.vars[v];
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
            hats[shift + q] += if weight == Fr::ONE { *value } else { weight * value };
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
    /// Weights of the variables without `theta`.
    weights: Vec<Fr>,
    values: &'a [Fr],
    start: usize,
    vars: &'a [usize],
    /// Values of the variables that are fixed.
    at: [Option<u32>; MAX_VARS],
    /// The index that they give.
    index: Vec<i64>,
    /// `(exponent of theta, value)`.
    out: Vec<(usize, Fr)>,
}

impl Walk<'_> {
    /// What variable `v` can be, given those that are fixed.
    fn range(&self, v: usize) -> core::ops::Range<u32> {
        let size = self.a.vars[v].size;
        match self.a.triangle {
            Some((s, w)) if v == usize::from(w) => 0..self.at[usize::from(s)].map_or(size, |i| size.min(i + 1)),
            Some((s, w)) if v == usize::from(s) => self.at[usize::from(w)].unwrap_or(0)..size,
            _ => 0..size,
        }
    }

    /// Moves the index by `by` steps of variable `v`.
    fn step(&mut self, v: usize, by: i64) {
        if let Some((axis, stride)) = self.a.vars[v].target {
            self.index[usize::from(axis)] += by * i64::from(stride);
        }
    }

    fn run(&mut self, depth: usize, q: usize, weight: Fr) {
        let theta = self.vars.get(depth).is_some_and(|v| self.a.vars[*v].weight.theta > 0);
        if !theta {
            let sum = self.sum(depth);
            self.out.push((q, weight * sum));
            return;
        }
        let v = self.vars[depth];
        let (step, base) = (self.a.vars[v].weight.theta as usize, self.weights[v]);
        let range = self.range(v);
        let mut power = weight * base.pow([u64::from(range.start)]);
        for i in range {
            self.at[v] = Some(i);
            self.step(v, i.into());
            self.run(depth + 1, q + i as usize * step, power);
            self.step(v, -i64::from(i));
            power *= base;
        }
        self.at[v] = None;
    }

    /// The sum over the variables without `theta`.
    fn sum(&mut self, depth: usize) -> Fr {
        let Some(v) = self.vars.get(depth).copied() else {
            let inside = self.index.iter().zip(&self.t.dims).all(|(x, d)| (0..i64::from(*d)).contains(x));
            if !inside {
                return Fr::ZERO;
            }
            let at: usize = self.index.iter().enumerate().map(|(axis, x)| (*x as usize) << self.t.shift(axis)).sum();
            return self.values[self.t.base as usize - self.start + at];
        };
        let base = self.weights[v];
        let range = self.range(v);
        // Horner from the last index.
        let mut sum = Fr::ZERO;
        for i in range.clone().rev() {
            self.at[v] = Some(i);
            self.step(v, i.into());
            let inner = self.sum(depth + 1);
            self.step(v, -i64::from(i));
            sum = sum * base + inner;
        }
        self.at[v] = None;
        if range.start > 0 { sum * base.pow([u64::from(range.start)]) } else { sum }
    }
}
