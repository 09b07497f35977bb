//! The verifier's side of accesses: the multilinear extension at a point in `O(log n)` per piece.

use ark_bn254::Fr;
use ark_ff::{AdditiveGroup, Field};

use super::{Bases, geometric};
use crate::circuit::pieces::Prefix;
use crate::encoding::signed;
use crate::mle;
use crate::network::program::bounds::{drivers, main_driver};
use crate::network::program::{Access, Tensor};

/// The point bits of an axis; axis 0 owns all high bits.
fn axis_point<'a>(t: &Tensor, axis: usize, point: &'a [Fr]) -> &'a [Fr] {
    let shift = t.shift(axis) as usize;
    if axis == 0 { &point[shift..] } else { &point[shift..shift + t.bits(axis) as usize] }
}

/// The multilinear extension of an access at `point`, the position bits.
pub(crate) fn evaluate(a: &Access, t: &Tensor, bases: &Bases, point: &[Fr]) -> Fr {
    let mut total = signed(a.coefficient) * bases.monomial(&a.monomial).0;
    let mut in_triangle = [None; 2];
    if let Some((s, w)) = a.triangle {
        let pair = [&a.vars[usize::from(s)], &a.vars[usize::from(w)]];
        let bits = pair[0].size.next_power_of_two().trailing_zeros() as usize;
        let factors = pair.map(|v| {
            let base = bases.monomial(&v.weight).0;
            let powers = core::iter::successors(Some(base), |p| Some(p.square())).take(bits);
            match v.target {
                None => powers.map(|p| [Fr::ONE, p]).collect::<Vec<_>>(),
                Some((axis, _)) => {
                    let r = axis_point(t, axis.into(), point);
                    powers.zip(r).map(|(p, r)| [Fr::ONE - r, p * r]).collect()
                }
            }
        });
        in_triangle = pair.map(|v| v.target.map(|(axis, _)| usize::from(axis)));
        total *= triangle(&factors[0], &factors[1], pair[0].size);
    }
    let free = |v: &usize| a.triangle.is_none_or(|(s, w)| *v != usize::from(s) && *v != usize::from(w));
    for v in (0..a.vars.len()).filter(free).map(|v| &a.vars[v]).filter(|v| v.target.is_none()) {
        total *= geometric(bases.monomial(&v.weight).0, v.size.into());
    }
    for axis in (0..t.dims.len()).filter(|axis| !in_triangle.contains(&Some(*axis))) {
        total *= evaluate_axis(a, t, axis, bases, axis_point(t, axis, point));
    }
    total
}

/// One axis: its main variable in closed form, the others enumerated.
fn evaluate_axis(a: &Access, t: &Tensor, axis: usize, bases: &Bases, r: &[Fr]) -> Fr {
    let dim = i64::from(t.dims[axis]);
    let start = if axis == 0 { i64::from(t.base) >> t.shift(0) } else { 0 };
    let main = main_driver(a, axis);
    let mut points = vec![(i64::from(a.offsets[axis]), Fr::ONE)];
    for v in drivers(a, axis).filter(|v| Some(*v) != main).map(|v| a.vars[v]) {
        let stride = v.target.map_or(0, |(_, stride)| i64::from(stride));
        let base = bases.monomial(&v.weight).0;
        let mut next = Vec::new();
        for (at, weight) in points {
            let mut power = weight;
            for i in 0..i64::from(v.size) {
                next.push((at + stride * i, power));
                power *= base;
            }
        }
        points = next;
    }
    let Some(main) = main.map(|v| a.vars[v]) else {
        let inside = points.into_iter().filter(|(x, _)| (0..dim).contains(x));
        // `x + start` is a position, far below 2^63.
        return inside.map(|(x, w)| w * mle::eq_index((x + start) as usize, r)).sum();
    };
    let s = main.target.map_or(0, |(_, stride)| stride.trailing_zeros());
    let (base, inverse) = bases.monomial(&main.weight);
    let (low, high) = r.split_at(r.len().min(s as usize));
    let prefix = Prefix::powers(base, high);
    let term = |(o, weight): (i64, Fr)| {
        // Indices 2^s i + o within 0..dim.
        let (lo, hi) = ((-(o >> s)).max(0), i64::from(main.size).min(((dim - 1 - o) >> s) + 1));
        if lo >= hi {
            return Fr::ZERO;
        }
        let shifted = o + start;
        let (residue, floor) = (shifted & ((1 << s) - 1), shifted >> s);
        // Beyond the bits of the axis a residue is 0: `lo..hi` is within the dimension.
        let at_low = mle::eq_index(residue as usize, low);
        let sum = prefix.up_to((hi + floor) as usize) - prefix.up_to((lo + floor) as usize);
        let shift = if floor >= 0 { inverse.pow([floor.unsigned_abs()]) } else { base.pow([floor.unsigned_abs()]) };
        weight * at_low * shift * sum
    };
    points.into_iter().map(term).sum()
}

/// `sum_{t <= s < dim} prod_i f_i[bit_i s] g_i[bit_i t]`: an automaton over the bits from the top.
/// States: `s` is equal to `dim - 1` so far; `t` is equal to `s` so far.
fn triangle(f: &[[Fr; 2]], g: &[[Fr; 2]], dim: u32) -> Fr {
    let mut state = [Fr::ZERO; 4];
    state[3] = Fr::ONE;
    for (i, (f, g)) in f.iter().zip(g).enumerate().rev() {
        let bound = (dim - 1) >> i & 1;
        let mut next = [Fr::ZERO; 4];
        for (at, value) in state.iter().enumerate() {
            let (tight, equal) = (at & 1 == 1, at & 2 == 2);
            for (s, t) in [(0u32, 0u32), (0, 1), (1, 0), (1, 1)] {
                if (equal && t > s) || (tight && s > bound) {
                    continue;
                }
                let to = usize::from(tight && s == bound) | usize::from(equal && s == t) << 1;
                next[to] += *value * f[s as usize] * g[t as usize];
            }
        }
        state = next;
    }
    state.iter().sum()
}
