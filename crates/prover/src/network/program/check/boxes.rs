//! Whether a constraint has every element of a tensor once, under a power of its own.

use super::{Access, Monomial, Tensor};

/// Exponents of a monomial that tell the indices of a box apart; `None` for a monomial that a
/// constraint of this sort cannot have.
pub(super) type Exponents = fn(&Monomial) -> Option<(u32, u32)>;

/// Relations: `theta` alone.
pub(super) fn of_relation(m: &Monomial) -> Option<(u32, u32)> {
    (m.alpha == 0 && m.chi == 0).then_some((m.theta, 0))
}

/// Products of linear operators: `alpha` and `chi`.
pub(super) fn of_product(m: &Monomial) -> Option<(u32, u32)> {
    (m.theta == 0).then_some((m.alpha, m.chi))
}

/// The axes of a triangle: where the first index is at least the second.
pub(super) fn triangle(a: &Access) -> Option<(u8, u8)> {
    let (s, t) = a.triangle?;
    let axis = |v: u8| a.vars.get(usize::from(v)).and_then(|v| v.target).map(|(axis, _)| axis);
    Some((axis(s)?, axis(t)?))
}

/// The same access over its whole box.
pub(super) fn whole(a: &Access) -> Access {
    Access { triangle: None, ..a.clone() }
}

/// Whether an access reads every element of its tensor once, each with its own power.
pub(super) fn covers(a: &Access, t: &Tensor, exponents: Exponents) -> Result<(), &'static str> {
    if a.view2.is_some() || a.triangle.is_some() {
        return Err("the defining access has a reduction");
    }
    // Per axis: (stride, size) of its variables, whose digits make up its indices.
    let mut axes = vec![Vec::new(); t.dims.len()];
    for v in a.vars.iter().filter(|v| v.size > 1) {
        let Some((axis, stride)) = v.target else {
            return Err("the defining access has a broadcast");
        };
        let digits: &mut Vec<(u32, u32)> = axes.get_mut(usize::from(axis)).ok_or("the defining access has a lane")?;
        digits.push((stride, v.size));
    }
    let tiles = |(digits, dim): (&mut Vec<(u32, u32)>, &u32)| {
        digits.sort_unstable();
        let next = digits.iter().try_fold(1u64, |next, (stride, size)| {
            (u64::from(*stride) == next).then(|| next.saturating_mul((*size).into()))
        });
        next == Some((*dim).into())
    };
    if a.offsets.iter().any(|o| *o != 0) || !axes.iter_mut().zip(&t.dims).all(tiles) {
        return Err("the defining access does not cover its tensor");
    }
    let weights = a.vars.iter().map(|v| (v.size, exponents(&v.weight)));
    apart(weights, exponents(&a.monomial).is_some())
}

/// Whether every point of a box has its own power.
pub(super) fn apart(weights: impl Iterator<Item = (u32, Option<(u32, u32)>)>, first: bool) -> Result<(), &'static str> {
    let (mut one, mut two) = (Vec::new(), Vec::new());
    for (size, exponents) in weights.filter(|w| w.0 > 1) {
        match exponents {
            Some((e, 0)) if e > 0 => one.push((e, size)),
            Some((0, e)) if e > 0 => two.push((e, size)),
            _ => return Err("an index of the defining box has no power of its own"),
        }
    }
    if first && injective(one) && injective(two) {
        Ok(())
    } else {
        Err("two indices of the defining box share a power")
    }
}

/// Whether `sum e_v i_v` tells all `(i_v)` apart, by mixed radix.
fn injective(mut vars: Vec<(u32, u32)>) -> bool {
    vars.sort_unstable();
    let mut span = 0u64;
    vars.into_iter().all(|(e, size)| {
        let apart = u64::from(e) > span;
        span = span.saturating_add(u64::from(e) * u64::from(size - 1));
        apart
    })
}
