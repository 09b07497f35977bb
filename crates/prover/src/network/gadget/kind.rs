//! The kind of a gadget, and the gadget of a kind.

use super::{Gadget, Slope};
use crate::network::program::{Form, Gate, Kind, Lookup};

/// `sum +- limbs`, by increasing columns.
struct Cells(u8);

impl Cells {
    /// The next `count` limbs with weights `scale 2^{8i}`.
    fn take(&mut self, count: u8, scale: i64) -> Form {
        self.0 += count;
        Form::limbs(self.0 - count, count, scale)
    }
}

fn constant(mut form: Form, constant: i64) -> Form {
    form.constant += constant;
    form
}

/// The form with all coefficients times `factor`.
fn scaled(form: &Form, factor: i64) -> Form {
    Form { terms: form.terms.iter().map(|(c, v)| (*c, v * factor)).collect(), constant: form.constant * factor }
}

impl Gadget {
    /// The kind on the positions `lo..hi`, in a program with `limbs` limb columns.
    #[must_use]
    pub fn kind(self, lo: u32, hi: u32, limbs: u8) -> Kind {
        let mut cells = Cells(0);
        let zero = Form::default;
        let gate = |a: &Form, b: &Form, c: Form| Gate { a: a.clone(), b: b.clone(), c };
        // `u - 2^{s-1}`
        let remainder = |cells: &mut Cells, shift: u8| constant(cells.take(shift / 8, 1), -(1 << (shift - 1)));
        let operand = |i: u8| Form { terms: vec![(limbs + i, 1)], constant: 0 };
        let half = |signed: bool| if signed { -(1 << 15) } else { 0 };
        let mut lookups = Vec::new();
        let (views, gates) = match self {
            Self::Input => {
                let y = cells.take(2, 1);
                (vec![y.clone(), constant(y, -(1 << 15))], vec![])
            }
            Self::Requantize { shift } => {
                let u = remainder(&mut cells, shift);
                let t = constant(cells.take(2, 1), -(1 << 15));
                let z = u.plus(scaled(&t, 1 << shift));
                (vec![t, z], vec![])
            }
            Self::Relu { shift } => {
                let u = remainder(&mut cells, shift);
                let (y, w) = (cells.take(2, 1), cells.take(3, 1));
                let z = u.plus(scaled(&y, 1 << shift)).plus(scaled(&w, -(1 << shift)));
                (vec![y.clone(), z], vec![gate(&y, &w, zero())])
            }
            Self::Clamp { shift, lo, hi } => {
                let (lo, span) = (i64::from(lo), i64::from(hi) - i64::from(lo));
                let u = remainder(&mut cells, shift);
                let y = cells.take(if span == 255 { 1 } else { 2 }, 1);
                let (w, v) = (cells.take(3, 1), cells.take(3, 1));
                let t = constant(y.clone(), lo).plus(scaled(&w, -1)).plus(v.clone());
                let z = u.plus(scaled(&t, 1 << shift));
                let slack = constant(scaled(&y, -1), span);
                let mut gates = vec![gate(&w, &y, zero()), gate(&v, &slack, zero())];
                if span != 255 && span != 65535 {
                    let c = cells.take(2, 1);
                    gates.push(gate(&zero(), &zero(), constant(y.clone().plus(c), -span)));
                }
                (vec![constant(y, lo), z], gates)
            }
            Self::Max { inputs } => {
                let y = cells.take(2, 1);
                let d: Vec<Form> = (0..inputs).map(|_| cells.take(2, 1)).collect();
                let gates = match &d[..] {
                    [a, b] => vec![gate(a, b, zero())],
                    [a, b, c] => vec![gate(a, b, operand(0)), gate(&operand(0), c, zero())],
                    _ => vec![
                        gate(&d[0], &d[1], operand(0)),
                        gate(&d[2], &d[3], operand(1)),
                        gate(&operand(0), &operand(1), zero()),
                    ],
                };
                (core::iter::once(y).chain(d).collect(), gates)
            }
            Self::Divide { by } => {
                let m = i64::from(by);
                let (u, slack) = (cells.take(1, 1), cells.take(1, 1));
                let y = cells.take(2, 1);
                let z = constant(u.clone(), -(m / 2)).plus(scaled(&y, m));
                let sum = constant(u.plus(slack), 1 - m);
                (vec![y, z], vec![gate(&zero(), &zero(), sum)])
            }
            Self::Product { shift } => {
                let u = remainder(&mut cells, shift);
                let t = constant(cells.take(2, 1), -(1 << 15));
                let product = u.plus(scaled(&t, 1 << shift));
                (vec![t, operand(0), operand(1)], vec![gate(&operand(0), &operand(1), product)])
            }
            Self::Function { table, bytes } => {
                let u = remainder(&mut cells, 8);
                let (y, out) = (cells.take(1, 1), cells.take(bytes, 1));
                let (w, v) = (cells.take(3, 1), cells.take(3, 1));
                let t = constant(y.clone(), -(1 << 7)).plus(scaled(&w, -1)).plus(v.clone());
                let gates = vec![gate(&w, &y, zero()), gate(&v, &constant(scaled(&y, -1), 255), zero())];
                lookups.push(Lookup { id: table, input: y, output: out.clone() });
                (vec![constant(out, -(1 << (8 * bytes - 1))), u.plus(scaled(&t, 1 << 8))], gates)
            }
            Self::UnsignedProduct { shift } => {
                let u = remainder(&mut cells, shift);
                let y = cells.take(2, 1);
                let product = u.plus(scaled(&y, 1 << shift));
                (vec![y, operand(0), operand(1)], vec![gate(&operand(0), &operand(1), product)])
            }
            Self::Interpolate { table, slope, signed, shift } => {
                // What a division leaves.
                let left = (shift > 0).then(|| remainder(&mut cells, shift));
                let (u, lo, hi) = (cells.take(1, 1), cells.take(1, 1), cells.take(1, 1));
                let (a, b, out) = (cells.take(2, 1), cells.take(2, 1), cells.take(2, 1));
                let argument = constant(lo.clone().plus(scaled(&hi, 1 << 8)), half(signed[0]));
                let argument = left.map_or(argument.clone(), |left| left.plus(scaled(&argument, 1 << shift)));
                lookups.push(Lookup { id: table, input: hi, output: a.clone().plus(scaled(&b, 1 << 16)) });
                let rest = constant(u.plus(scaled(&a, -(1 << 8))).plus(scaled(&out, 1 << 8)), -(1 << 7));
                let interpolate = match slope {
                    Slope::Rising => gate(&b, &lo, rest),
                    Slope::Falling => gate(&b, &lo, scaled(&rest, -1)),
                    Slope::Signed => gate(&constant(b, -(1 << 15)), &lo, rest),
                };
                (vec![constant(out, half(signed[1])), argument], vec![interpolate])
            }
            Self::Falling { table } => {
                let (u, lo, hi) = (cells.take(1, 1), cells.take(1, 1), cells.take(1, 1));
                let (a, b, out) = (cells.take(2, 1), cells.take(2, 1), cells.take(2, 1));
                let beyond = cells.take(3, 1);
                let argument = lo.clone().plus(scaled(&hi, 1 << 8));
                lookups.push(Lookup { id: table, input: hi, output: a.clone().plus(scaled(&b, 1 << 16)) });
                let rest = constant(u.plus(scaled(&a, -(1 << 8))).plus(scaled(&out, 1 << 8)), -(1 << 7));
                let slack = constant(scaled(&argument, -1), 65_535);
                let gates = vec![gate(&b, &lo, scaled(&rest, -1)), gate(&beyond, &slack, zero())];
                (vec![out, argument.plus(beyond)], gates)
            }
            Self::Score { shift } => {
                let u = remainder(&mut cells, shift);
                let t = constant(cells.take(2, 1), -(1 << 15));
                let (distance, sel) = (cells.take(2, 1), cells.take(1, 1));
                let z = u.plus(scaled(&t, 1 << shift));
                (vec![t, z, distance.clone(), sel.clone()], vec![gate(&sel, &distance, zero())])
            }
            Self::Reciprocal => {
                let (r, rem, slack) = (cells.take(2, 1), cells.take(4, 1), cells.take(4, 1));
                let rest = constant(scaled(&rem, -1), 65_535 * 65_535);
                let below = constant(scaled(&rem, -1).plus(scaled(&slack, -1)).plus(operand(0)), -1);
                let gates = vec![gate(&r, &operand(0), rest), gate(&zero(), &zero(), below)];
                (vec![r, operand(0), operand(1), Form::constant(1)], gates)
            }
            Self::Variance { width, shift } => {
                let u = remainder(&mut cells, shift);
                let v = cells.take(3, 1);
                let both = u.plus(scaled(&v, 1 << shift));
                let square = scaled(&both, -1).plus(scaled(&operand(1), width.into()));
                (vec![constant(v, 1), operand(0), operand(1)], vec![gate(&operand(0), &operand(0), square)])
            }
            Self::InverseRoot { log } => {
                let (r, rem) = (cells.take(3, 1), cells.take(5, 1));
                let next = constant(scaled(&r, 2).plus(operand(1)), 1);
                let rest = constant(scaled(&rem, -1), 1 << log);
                let gates = vec![gate(&r, &r, operand(1)), gate(&operand(1), &operand(0), rest)];
                (vec![r, operand(0), next], gates)
            }
            Self::RootAbove { log } => {
                let above = constant(cells.take(5, 1), (1 << log) + 1);
                (vec![operand(0), operand(1)], vec![gate(&operand(0), &operand(1), above)])
            }
            Self::Compare => {
                let (c, pos, neg) = (cells.take(1, 1), cells.take(2, 1), cells.take(2, 1));
                let less = constant(scaled(&c, -1), 1);
                let difference = less.clone().plus(scaled(&pos, -1)).plus(neg.clone());
                let difference = difference.plus(operand(0)).plus(scaled(&operand(1), -1));
                let gates = vec![
                    gate(&c, &constant(c.clone(), -1), zero()),
                    gate(&pos, &less, zero()),
                    gate(&neg, &c, zero()),
                    gate(&zero(), &zero(), difference),
                ];
                (vec![c], gates)
            }
            Self::Choose { signed } => {
                let y = constant(cells.take(2, 1), half(signed));
                let apart = operand(1).plus(scaled(&operand(2), -1));
                let chosen = y.clone().plus(scaled(&operand(2), -1));
                (vec![y], vec![gate(&operand(0), &apart, chosen)])
            }
            Self::Constant { signed } => (vec![constant(cells.take(2, 1), half(signed))], vec![]),
            Self::Copy => {
                let t = constant(cells.take(2, 1), -(1 << 15));
                let same = t.clone().plus(scaled(&operand(0), -1));
                (vec![t], vec![gate(&zero(), &zero(), same)])
            }
        };
        // At most three.
        let reads = ((1u16 << self.reads()) - 1) as u8;
        Kind { lo, hi, views, gates, lookups, value: Some(0), reads }
    }

    /// The gadget that a kind is, if it is one.
    #[must_use]
    pub fn recognise(kind: &Kind, limbs: u8) -> Option<Self> {
        let shifts = [8, 16].into_iter();
        let mut candidates = vec![Self::Input];
        candidates.extend(shifts.clone().flat_map(|shift| [Self::Requantize { shift }, Self::Relu { shift }]));
        candidates.extend((2..=4).map(|inputs| Self::Max { inputs }));
        candidates.extend([8, 16, 24, 32].map(|shift| Self::Product { shift }));
        candidates.extend(shifts.clone().map(|shift| Self::Score { shift }));
        candidates.extend(shifts.clone().map(|shift| Self::UnsignedProduct { shift }));
        candidates.extend([Self::Copy, Self::Compare, Self::Reciprocal]);
        for signed in [false, true] {
            candidates.extend([Self::Choose { signed }, Self::Constant { signed }]);
        }
        if let [Lookup { id: table, .. }] = kind.lookups[..] {
            candidates.extend([1, 2].map(|bytes| Self::Function { table, bytes }));
            candidates.push(Self::Falling { table });
            for slope in [Slope::Rising, Slope::Falling, Slope::Signed] {
                for signed in [[false, false], [false, true], [true, false], [true, true]] {
                    candidates.extend([0, 8, 16].map(|shift| Self::Interpolate { table, slope, signed, shift }));
                }
            }
        }
        candidates.extend((16..=39).flat_map(|log| [Self::InverseRoot { log }, Self::RootAbove { log }]));
        let square = kind.gates.first().and_then(|gate| gate.c.terms.last());
        if let Some(width) = square.and_then(|(_, d)| u32::try_from(*d).ok()) {
            candidates.extend(shifts.clone().map(|shift| Self::Variance { width, shift }));
        }
        let view = |i: usize| kind.views.get(i);
        if let (Some(value), Some(gate)) = (view(0), kind.gates.get(1)) {
            let bounds = (i32::try_from(value.constant), i32::try_from(gate.b.constant));
            if let (Ok(lo), Ok(span)) = bounds
                && let Some(hi) = lo.checked_add(span)
            {
                candidates.extend(shifts.map(|shift| Self::Clamp { shift, lo, hi }));
            }
        }
        if let Some(by) = view(1).and_then(|z| z.terms.get(1)).and_then(|(_, m)| u16::try_from(*m).ok()) {
            candidates.push(Self::Divide { by });
        }
        let fits = |g: &Self| {
            g.is_valid() && g.limbs() <= limbs && {
                let own = g.kind(kind.lo, kind.hi, limbs);
                own == *kind
            }
        };
        candidates.into_iter().find(fits)
    }
}
