//! What every reader of a program enforces before anything is computed from it: sizes, indices, and
//! that every access has a closed form of bounded cost.

use super::{Access, Form, LANE, Mode, Monomial, Parts, Port, PublicHat, Tensor, Term};
use crate::circuit::layout::{FIRST, TABLE};
use crate::circuit::shape::{MAX_NU, MAX_VARIABLES};
use crate::error::ProgramError;

/// Fewest limb columns.
pub const MIN_LIMBS: usize = 4;
/// Most limb columns.
pub const MAX_LIMBS: usize = 32;
/// Most operand columns.
pub const MAX_OPERANDS: usize = 4;
/// Most lookups of a kind.
pub const MAX_LOOKUPS: usize = 2;
/// Most tables.
pub const MAX_TABLES: usize = 253;
/// Most terms of a form.
pub const MAX_TERMS: usize = MAX_LIMBS + MAX_OPERANDS;
/// Most row kinds.
pub const MAX_KINDS: usize = 64;
/// Most views of a kind.
pub const MAX_VIEWS: usize = 32;
/// Most gates of a kind.
pub const MAX_GATES: usize = 16;
/// Most tensors.
pub const MAX_TENSORS: usize = 1024;
/// Most axes of a tensor.
pub const MAX_AXES: usize = 6;
/// Most ports.
pub const MAX_PORTS: usize = 16;
/// Most committed ports.
pub const MAX_COMMITTED: usize = 4;
/// Most elements of a port.
pub const MAX_PORT: u32 = 1 << 16;
/// Most elements of all ports.
pub const MAX_PUBLIC: u64 = 1 << 17;
/// Most box variables.
pub const MAX_VARS: usize = 8;
/// Most constraints of one sort.
pub const MAX_CONSTRAINTS: usize = 1024;
/// Most terms, or public hats, of a constraint.
pub const MAX_CONSTRAINT_TERMS: usize = 255;
/// Most accesses.
pub const MAX_ACCESSES: usize = 1024;
/// Largest size and stride of a box variable and largest offset.
pub const MAX_STEP: u32 = 1 << 26;
/// Largest side of a triangle.
pub const MAX_TRIANGLE: u32 = 1 << 20;
/// Most enumerated points of one axis of an access.
pub const MAX_AXIS_PIECES: u64 = 64;
/// Most enumerated points in all accesses.
pub const MAX_PIECES: u64 = 16_384;
/// Most points of the boxes of terms and indexed hats, per sample.
pub const MAX_TERM_POINTS: u64 = 1 << 18;
/// Most blocks of `f`.
pub const MAX_BLOCKS: u64 = 1 << 20;
/// Largest `log2(R b)`.
pub const MAX_DEGREE: u32 = 28;
/// Largest exponent of a challenge that [`Program::check`](super::Program::check) accepts.
pub const MAX_EXPONENT: u64 = (1 << 34) - 1;
/// Smallest `nu`: `G` and `Y` are injected before folding ends.
pub const MIN_NU: usize = 4;

fn bound(what: &'static str, got: u64, max: u64) -> Result<(), ProgramError> {
    if got <= max { Ok(()) } else { Err(ProgramError::Bound { what, got, max }) }
}

fn require(holds: bool, what: &'static str, index: usize) -> Result<(), ProgramError> {
    if holds { Ok(()) } else { Err(ProgramError::Malformed { what, index }) }
}

/// All bounds.
pub(super) fn check(p: &Parts) -> Result<(), ProgramError> {
    sizes(p)?;
    kinds(p)?;
    tensors(p)?;
    ports(p)?;
    bound("accesses", p.accesses().count() as u64, MAX_ACCESSES as u64)?;
    let mut pieces = 0u64;
    for (index, access) in p.accesses().enumerate() {
        pieces += check_access(p, access, index)?;
    }
    let terms = p.relations.iter().flat_map(|r| &r.terms).chain(p.linear_ops.iter().flat_map(|o| &o.terms));
    let mut points = 0u64;
    for (index, term) in terms.enumerate() {
        let count = check_term(p, term, index)?;
        let total = if p.is_committed(term.port) { &mut pieces } else { &mut points };
        *total = total.saturating_add(count);
    }
    let hats = p.linear_ops.iter().flat_map(|o| &o.public_hats);
    for (index, hat) in hats.enumerate() {
        points = points.saturating_add(check_public_hat(p, hat, index)?);
    }
    bound("pieces of accesses", pieces, MAX_PIECES)?;
    bound("points of terms", points, MAX_TERM_POINTS)?;
    hat_positions(p)?;
    product_positions(p)
}

fn sizes(p: &Parts) -> Result<(), ProgramError> {
    bound("limb columns", p.limbs.into(), MAX_LIMBS as u64)?;
    bound("operand columns", p.operands.into(), MAX_OPERANDS as u64)?;
    bound("lookups", p.lookups.into(), MAX_LOOKUPS as u64)?;
    bound("read columns", p.reads.into(), p.operands.into())?;
    bound("tables", p.tables.into(), MAX_TABLES as u64)?;
    bound("blocks", p.blocks.into(), MAX_BLOCKS)?;
    bound("positions of G", p.hat_end.into(), 1 << MAX_NU)?;
    bound("positions", p.positions.into(), 1 << MAX_VARIABLES)?;
    bound("positions of products", p.product_end.into(), p.positions.into())?;
    bound("kinds", p.kinds.len() as u64, MAX_KINDS as u64)?;
    bound("tensors", p.tensors.len() as u64, MAX_TENSORS as u64)?;
    for count in [p.relations.len(), p.linear_ops.len(), p.product_ops.len()] {
        bound("constraints", count as u64, MAX_CONSTRAINTS as u64)?;
    }
    require(usize::from(p.limbs) >= MIN_LIMBS && p.blocks > 0, "limb columns or blocks", 0)?;
    require((p.lookups == 0) == (p.tables == 0), "lookups without tables", 0)?;
    require(p.positions as usize >= TABLE * (usize::from(p.tables) + 2), "positions of the tables", 0)?;
    require(p.hat_end as usize >= FIRST, "positions of G", 0)?;
    require(p.product_end as usize >= FIRST, "positions of products", 0)?;
    require((p.product_end as usize == FIRST) == p.product_ops.is_empty(), "positions of products", 0)?;
    let b = (u64::from(p.hat_end)).next_power_of_two().max(1 << MIN_NU);
    bound("degree of f", u64::from(p.blocks) * b, 1 << MAX_DEGREE)
}

fn kinds(p: &Parts) -> Result<(), ProgramError> {
    let mut next = FIRST as u32;
    for (index, kind) in p.kinds.iter().enumerate() {
        require(next <= kind.lo && kind.lo < kind.hi && kind.hi <= p.positions, "positions of kind", index)?;
        next = kind.hi;
        require((1..=MAX_VIEWS).contains(&kind.views.len()), "views of kind", index)?;
        bound("gates", kind.gates.len() as u64, MAX_GATES as u64)?;
        bound("lookups of a kind", kind.lookups.len() as u64, p.lookups.into())?;
        require(kind.lookups.iter().all(|l| (1..=p.tables).contains(&l.id)), "lookups of kind", index)?;
        require(kind.value.is_none_or(|v| usize::from(v) < kind.views.len()), "copied view of kind", index)?;
        require(u32::from(kind.reads) >> p.reads == 0, "reads of kind", index)?;
        let gates = kind.gates.iter().flat_map(|g| [&g.a, &g.b, &g.c]);
        let lookups = kind.lookups.iter().flat_map(|l| [&l.input, &l.output]);
        for form in kind.views.iter().chain(gates).chain(lookups) {
            require(is_canonical(form, p.limbs + p.operands), "form of kind", index)?;
        }
    }
    Ok(())
}

fn is_canonical(form: &Form, columns: u8) -> bool {
    form.terms.iter().all(|(column, coefficient)| *column < columns && *coefficient != 0)
        && form.terms.is_sorted_by(|a, b| a.0 < b.0)
}

fn tensors(p: &Parts) -> Result<(), ProgramError> {
    let mut spans = Vec::new();
    for (index, t) in p.tensors.iter().enumerate() {
        let kind = p.kinds.get(usize::from(t.kind)).ok_or(ProgramError::Malformed { what: "kind of tensor", index })?;
        require((1..=MAX_AXES).contains(&t.dims.len()), "axes of tensor", index)?;
        let dims = t.dims.iter().all(|d| (1..=1 << MAX_VARIABLES).contains(d));
        require(dims, "dimensions of tensor", index)?;
        let bits: u32 = (1..t.dims.len()).map(|axis| t.bits(axis)).sum();
        require(bits <= MAX_VARIABLES as u32, "dimensions of tensor", index)?;
        require(u64::from(t.base).is_multiple_of(t.unit()), "base of tensor", index)?;
        require(kind.lo <= t.base && t.end() <= u64::from(kind.hi), "positions of tensor", index)?;
        spans.push((u64::from(t.base), t.end(), index));
    }
    disjoint(spans, "positions of tensor")
}

fn disjoint(mut spans: Vec<(u64, u64, usize)>, what: &'static str) -> Result<(), ProgramError> {
    spans.sort_unstable();
    match spans.windows(2).find(|s| s[0].1 > s[1].0) {
        Some(s) => Err(ProgramError::Malformed { what, index: s[1].2 }),
        None => Ok(()),
    }
}

/// The smallest and largest number of `width` bytes, as far as `i64` reaches.
fn representable(port: &Port) -> Option<(i64, i64)> {
    let bits = match port.width {
        1 | 2 | 4 | 8 => u32::from(port.width) * 8,
        _ => return None,
    };
    Some(match (port.has(Port::SIGNED), bits) {
        (true, _) => (i64::MIN >> (64 - bits), i64::MAX >> (64 - bits)),
        (false, 64) => (0, i64::MAX),
        (false, _) => (0, (1 << bits) - 1),
    })
}

fn ports(p: &Parts) -> Result<(), ProgramError> {
    bound("ports", p.ports.len() as u64, MAX_PORTS as u64)?;
    let (mut total, mut committed) = (0, 0);
    for (index, port) in p.ports.iter().enumerate() {
        let all = Port::OUTPUT | Port::COMMITTED | Port::SIGNED | Port::INDEX;
        require(port.flags & !all == 0, "flags of port", index)?;
        let inside = representable(port).is_some_and(|(lo, hi)| lo <= port.min && port.max <= hi);
        require(inside && port.min <= port.max, "bounds of port", index)?;
        require((1..=MAX_PORT).contains(&port.count), "elements of port", index)?;
        if port.has(Port::INDEX) {
            let plain = port.flags & (Port::COMMITTED | Port::SIGNED) == 0;
            require(plain && port.min == 0 && port.max < 1 << MAX_NU, "index port", index)?;
        }
        total += u64::from(port.count);
        committed += usize::from(port.has(Port::COMMITTED));
    }
    bound("public values", total, MAX_PUBLIC)?;
    bound("committed ports", committed as u64, MAX_COMMITTED as u64)?;
    require(p.ports.is_sorted_by_key(|port| port.has(Port::OUTPUT)), "order of ports", 0)
}

/// Points of a box of elements of a port; all of them must exist.
fn check_elements(port: &Port, first: u32, vars: &[(u32, Monomial, u32)], index: usize) -> Result<u64, ProgramError> {
    let (mut last, mut points) = (u64::from(first), 1u64);
    for (size, _, stride) in vars {
        require(*size > 0 && (1..=MAX_PORT).contains(stride), "box of a term", index)?;
        last = last.saturating_add(u64::from(size - 1) * u64::from(*stride));
        points = points.saturating_mul(u64::from(*size));
    }
    require(last < port.count.into(), "elements of a term", index)?;
    Ok(points)
}

/// Checks a term and counts its points; those of a committed port are the pieces of its closed form.
fn check_term(p: &Parts, t: &Term, index: usize) -> Result<u64, ProgramError> {
    let port = p.ports.get(usize::from(t.port)).ok_or(ProgramError::Malformed { what: "port of a term", index })?;
    require(t.coefficient != 0, "coefficient of a term", index)?;
    let value = t.mode == Mode::Value;
    require(!value || t.base == Monomial::default(), "base of a term", index)?;
    require(value || port.has(Port::INDEX), "mode of a term", index)?;
    bound("box variables", t.vars.len() as u64, MAX_VARS as u64)?;
    let points = check_elements(port, t.first, &t.vars, index)?;
    if !port.has(Port::COMMITTED) {
        return Ok(points);
    }
    require(value && t.vars.iter().all(|v| v.2.is_power_of_two()), "term of a committed port", index)?;
    // The longest variable is summed in closed form.
    let longest = t.vars.iter().map(|v| u64::from(v.0)).max().unwrap_or(1);
    bound("pieces of an axis", points / longest, MAX_AXIS_PIECES)?;
    Ok(points / longest)
}

/// Checks an access and counts the points that its closed form enumerates.
fn check_access(p: &Parts, a: &Access, index: usize) -> Result<u64, ProgramError> {
    let malformed = |what| ProgramError::Malformed { what, index };
    let t = p.tensors.get(usize::from(a.tensor)).ok_or(malformed("tensor of access"))?;
    let views = p.kinds[usize::from(t.kind)].views.len();
    require(usize::from(a.view) < views, "view of access", index)?;
    require(a.view2.is_none_or(|v| usize::from(v) < views), "second view of access", index)?;
    require(a.coefficient != 0, "coefficient of access", index)?;
    require(a.offsets.len() == t.dims.len(), "offsets of access", index)?;
    bound("box variables", a.vars.len() as u64, MAX_VARS as u64)?;
    let limit = i64::from(MAX_STEP);
    require(a.offsets.iter().all(|o| i64::from(*o).abs() <= limit), "offsets of access", index)?;
    let mut lanes = 0;
    for v in &a.vars {
        let in_bounds = (1..=limit).contains(&i64::from(v.size));
        let target = match v.target {
            None => true,
            Some((LANE, stride)) => {
                lanes += 1;
                let last = u64::from(a.view) + u64::from(v.size.max(1) - 1) * u64::from(stride);
                last < views as u64 && a.view2.is_none() && (1..=limit).contains(&i64::from(stride))
            }
            Some((axis, stride)) => usize::from(axis) < t.dims.len() && (1..=limit).contains(&i64::from(stride)),
        };
        require(in_bounds && target && lanes <= 1, "box variable of access", index)?;
    }
    triangle(a, t, index)?;
    let mut pieces = if a.triangle.is_some() { 8 } else { 0 };
    for axis in 0..t.dims.len() {
        let main = main_driver(a, axis);
        let drivers = drivers(a, axis).filter(|v| Some(*v) != main);
        let points = drivers.fold(1u64, |n, v| n.saturating_mul(a.vars[v].size.into()));
        bound("pieces of an axis", points, MAX_AXIS_PIECES)?;
        pieces += points;
    }
    Ok(pieces)
}

/// The variables that move an axis, those of a triangle left out.
pub(crate) fn drivers(a: &Access, axis: usize) -> impl Iterator<Item = usize> + '_ {
    let free = move |v: &usize| a.triangle.is_none_or(|(s, t)| *v != usize::from(s) && *v != usize::from(t));
    (0..a.vars.len())
        .filter(free)
        .filter(move |v| a.vars[*v].target.is_some_and(|(at, _)| at != LANE && usize::from(at) == axis))
}

/// The driver of an axis that is summed in closed form: the first longest one whose stride is a power of two.
pub(crate) fn main_driver(a: &Access, axis: usize) -> Option<usize> {
    let stride = |v: usize| a.vars[v].target.map_or(0, |(_, stride)| stride);
    let closed = drivers(a, axis).filter(|v| stride(*v).is_power_of_two());
    closed.min_by_key(|v| (u32::MAX - a.vars[*v].size, *v))
}

/// A triangle stands on two whole axes other than 0, or on one and a broadcast.
fn triangle(a: &Access, t: &Tensor, index: usize) -> Result<(), ProgramError> {
    let Some((s, u)) = a.triangle else {
        return Ok(());
    };
    let (Some(v), Some(w)) = (a.vars.get(usize::from(s)), a.vars.get(usize::from(u))) else {
        return Err(ProgramError::Malformed { what: "triangle of access", index });
    };
    let whole = |size: u32, target: Option<(u8, u32)>| match target {
        None => true,
        Some((axis, stride)) => {
            let at = usize::from(axis);
            (1..t.dims.len()).contains(&at)
                && stride == 1
                && a.offsets[at] == 0
                && t.dims[at] == size
                && drivers(a, at).next().is_none()
        }
    };
    let apart = s != u && v.target.map(|x| x.0) != w.target.map(|x| x.0);
    let closed = v.size == w.size && v.size <= MAX_TRIANGLE && whole(v.size, v.target) && whole(w.size, w.target);
    require(apart && closed, "triangle of access", index)
}

/// Smallest and largest exponent of `theta`.
pub(crate) fn theta_span(a: &Access) -> (u64, u64) {
    let first = u64::from(a.monomial.theta);
    let steps = a.vars.iter().map(|v| u64::from(v.size - 1).saturating_mul(v.weight.theta.into()));
    (first, steps.fold(first, u64::saturating_add))
}

/// Hats read one view at a time.
fn check_hats(hats: &[Access], index: usize) -> Result<(), ProgramError> {
    require(hats.iter().all(|hat| hat.view2.is_none()), "hat of operator", index)
}

/// Hats of every operator stay within its segment, and so within `Y, Y_L, Y_R`. Not a rule of the encoding: it is
/// what the prover relies on, and a step of N11.
pub(super) fn hats_in_segments(p: &Parts) -> Result<(), ProgramError> {
    let linear = p.linear_ops.iter().enumerate().map(|(i, op)| (i, op.segment, [&op.hats[..], &[]]));
    let products = p.product_ops.iter().enumerate().map(|(i, op)| (i, op.segment, [&op.left[..], &op.right[..]]));
    for (index, (lo, hi), sides) in linear.chain(products) {
        for hat in sides.into_iter().flatten() {
            let (first, last) = theta_span(hat);
            let inside = first >= lo.into() && last < hi.into();
            require(inside, "hat outside of its segment: operator", index)?;
        }
    }
    Ok(())
}

/// Exponents of `alpha, chi, theta` are below `2^34`: N13's bound on what is accepted by chance. Not a rule of the encoding.
pub(super) fn exponents(p: &Parts) -> Result<(), ProgramError> {
    for a in p.accesses() {
        greatest(&a.monomial, a.vars.iter().map(|v| (u64::from(v.size - 1), &v.weight)))?;
    }
    for t in p.relations.iter().flat_map(|r| &r.terms).chain(p.linear_ops.iter().flat_map(|o| &o.terms)) {
        let most = p.ports[usize::from(t.port)].max.unsigned_abs();
        let base = core::iter::once((if t.mode == Mode::Value { 0 } else { most }, &t.base));
        greatest(&t.monomial, t.vars.iter().map(|(size, weight, _)| (u64::from(size - 1), weight)).chain(base))?;
    }
    for hat in p.linear_ops.iter().flat_map(|o| &o.public_hats) {
        match hat {
            PublicHat::Geometric { count, step, monomial, sums, .. } => {
                let sums = sums.iter().map(|(size, weight)| (u64::from(size - 1), weight));
                greatest(monomial, sums.chain([(u64::from(count - 1), step)]))?;
            }
            PublicHat::Indexed { monomial, vars, .. } => {
                greatest(monomial, vars.iter().map(|(size, weight, _)| (u64::from(size - 1), weight)))?;
            }
        }
    }
    Ok(())
}

/// The greatest exponents of `first prod_v weight_v^{steps_v}`.
fn greatest<'a>(first: &Monomial, steps: impl Iterator<Item = (u64, &'a Monomial)>) -> Result<(), ProgramError> {
    let parts = |m: &Monomial| [m.alpha, m.chi, m.theta].map(u64::from);
    let sum = steps.fold(parts(first), |sum, (steps, weight)| {
        let weight = parts(weight);
        core::array::from_fn(|i| sum[i].saturating_add(steps.saturating_mul(weight[i])))
    });
    sum.into_iter().try_for_each(|e| bound("exponent", e, MAX_EXPONENT))
}

/// Points that an indexed hat enumerates.
fn check_public_hat(p: &Parts, hat: &PublicHat, index: usize) -> Result<u64, ProgramError> {
    match hat {
        PublicHat::Geometric { count, sums, .. } => {
            require(*count > 0 && sums.iter().all(|(size, _)| *size > 0), "public hat", index)?;
            Ok(0)
        }
        PublicHat::Indexed { stride, port, first, vars, .. } => {
            let port = p.ports.get(usize::from(*port)).filter(|port| port.has(Port::INDEX));
            let port = port.ok_or(ProgramError::Malformed { what: "port of public hat", index })?;
            require(*stride > 0, "public hat", index)?;
            check_elements(port, *first, vars, index)
        }
    }
}

/// Segments and public hats are pairwise disjoint: no position of `G` has two meanings.
fn hat_positions(p: &Parts) -> Result<(), ProgramError> {
    let mut spans = Vec::new();
    for (index, op) in p.linear_ops.iter().enumerate() {
        let (lo, hi) = op.segment;
        require(FIRST as u32 <= lo && lo <= hi && hi <= p.hat_end, "segment of operator", index)?;
        require((lo == hi) == op.hats.is_empty(), "hats of operator", index)?;
        check_hats(&op.hats, index)?;
        spans.push((u64::from(lo), u64::from(hi), index));
        for hat in &op.public_hats {
            let (start, count) = match hat {
                PublicHat::Geometric { start, count, .. } => (u64::from(*start), u64::from(*count)),
                PublicHat::Indexed { start, stride, port, .. } => {
                    // Checked to be an index port: bounds are from 0 to below 2^20.
                    let max = p.ports[usize::from(*port)].max.unsigned_abs();
                    (u64::from(*start), u64::from(*stride).saturating_mul(max) + 1)
                }
            };
            let end = start.saturating_add(count);
            require(start >= FIRST as u64 && end <= p.hat_end.into(), "public hat of operator", index)?;
            spans.push((start, end, index));
        }
    }
    spans.retain(|s| s.0 < s.1);
    disjoint(spans, "positions of G of operator")
}

fn product_positions(p: &Parts) -> Result<(), ProgramError> {
    let mut spans = Vec::new();
    for (index, op) in p.product_ops.iter().enumerate() {
        let (lo, hi) = op.segment;
        require(FIRST as u32 <= lo && lo < hi && hi <= p.product_end, "segment of product", index)?;
        check_hats(&op.left, index)?;
        check_hats(&op.right, index)?;
        spans.push((u64::from(lo), u64::from(hi), index));
    }
    disjoint(spans, "segment of product")
}
