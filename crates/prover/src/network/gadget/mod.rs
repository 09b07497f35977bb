//! The row kinds that are known to compute a function: each is a set of views and gates together
//! with the argument that its cells are unique.
//!
//! Columns and views are those of N10: cells from `L_0` on without gaps; view 0 is the value, which copies
//! read too. A *linear* gadget has view 1 = `z`, and `z` determines the row; a maximum has view `1 + i` =
//! `y - x_i`, a product its factors.

mod rows;
#[cfg(test)]
mod tests;

use super::program::{Form, Gate, Kind, Lookup};

/// Limbs of the widest gadget.
pub(crate) const MAX_CELLS: usize = 12;
/// Operands of the widest gadget.
pub(crate) const MAX_OPERANDS: usize = 3;

/// The cells of one row: limbs and operands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) limbs: [u8; MAX_CELLS],
    pub(crate) operands: [i64; MAX_OPERANDS],
}

impl zeroize::Zeroize for Row {
    fn zeroize(&mut self) {
        self.limbs.zeroize();
        self.operands.zeroize();
    }
}

/// A gadget with its parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Gadget {
    /// `y` in `[0, 2^16)`, given from outside; view 1 is `t = y - 2^15`.
    Input,
    /// `t = floor((z + 2^{s-1}) / 2^s)` in `[-2^15, 2^15)`: division with remainder `u < 2^s`.
    Requantize {
        /// `s`, 8 or 16.
        shift: u8,
    },
    /// `y = max(t, 0)`: `t = y - w`, `y w = 0`; the sign of `t` decides.
    Relu {
        /// `s`, 8 or 16.
        shift: u8,
    },
    /// `y = min(max(t, lo), hi)`: `t = y + v - w` with `w (y - lo) = 0`, `v (hi - y) = 0` and
    /// `y` in `[lo, hi]`; `v > 0` forces `hi`, `w > 0` forces `lo`.
    Clamp {
        /// `s`, 8 or 16.
        shift: u8,
        /// Lower bound.
        lo: i32,
        /// Upper bound, at most `lo + 65535`.
        hi: i32,
    },
    /// `y = max(x_1, .., x_m)`: every `y - x_i` is in `[0, 2^16)` and their product is 0.
    Max {
        /// `m`, 2 to 4.
        inputs: u8,
    },
    /// `y = floor((z + floor(m/2)) / m)`: the remainder `u` and `m - 1 - u` are bytes.
    Divide {
        /// `m`, 2 to 256.
        by: u16,
    },
    /// `t = floor((X_1 X_2 + 2^{s-1}) / 2^s)` in `[-2^15, 2^15)`; relations determine `X_1` and `X_2`.
    Product {
        /// `s`, 8 or 16.
        shift: u8,
    },
    /// A table of 256 values: `o = table[min(max(t, -2^7), 2^7 - 1)]`, `t` as of a shift by 8. What is looked up are
    /// bytes, `t + 2^7` and `o + 2^7` or `o + 2^15`.
    Function {
        /// Table, from 1.
        table: u8,
        /// Bytes of `o`, 1 or 2.
        bytes: u8,
    },
    /// `t` in `[-2^15, 2^15)` is the value of another row, which a copy reads into `X_1`.
    Copy,
    /// A table of 256 values of 16 bits and their slopes: `o = floor((2^8 A + s B lo + 2^7) / 2^8)`, where `(A, B)` is
    /// the entry of the high byte of an argument of 16 bits and `lo` its low byte. The slope says what `s B` is.
    Interpolate {
        /// Table, from 1.
        table: u8,
        /// What slopes its entries have.
        slope: Slope,
        /// Whether argument and value are in `[-2^15, 2^15)`; in `[0, 2^16)` otherwise.
        signed: [bool; 2],
    },
    /// `c = [X_1 >= X_2]`, which copies read: 1 or 0. `X_1 - X_2 = pos - neg - (1 - c)`, and `c` decides which is 0.
    Compare,
    /// `X_2` if `X_1` is 1, `X_3` if it is 0; copies read all three, `X_1` the value of a comparison.
    Choose {
        /// Whether the value is in `[-2^15, 2^15)`; in `[0, 2^16)` otherwise.
        signed: bool,
    },
    /// A constant that belongs to the model: an operator whose only hats are public ones ties it.
    Constant {
        /// Whether it is in `[-2^15, 2^15)`; in `[0, 2^16)` otherwise.
        signed: bool,
    },
    /// A score `t` as [`Self::Requantize`] by 8, its distance `D` to the maximum of its row, and `sel`: 1 for one score
    /// whose distance is 0. Relations with a [`Self::Reciprocal`] tie `D` and `sel`.
    Score,
    /// `r = floor(65535^2 / X_1)`: `r X_1 = 65535^2 - rem`, `X_1 - 1 - rem >= 0`. `X_2` is the maximum of a row of scores.
    Reciprocal,
    /// `V = floor((d X_2 - X_1^2 + 2^{s-1}) / 2^s)`, below `2^24`: `X_1` is a sum of `d` values, `X_2` the sum of their
    /// squares. The value is `V + 1`.
    Variance {
        /// `d`.
        width: u32,
        /// `s`, 8 or 16.
        shift: u8,
    },
    /// `r <= sqrt(2^log / X_1)`: `r^2 = X_2`, `X_2 X_1 <= 2^log`. With [`Self::RootAbove`] it is the greatest such number.
    InverseRoot {
        /// The numerator's exponent, 16 to 39.
        log: u8,
    },
    /// `X_1 X_2 > 2^log`, where `X_1 = (r + 1)^2` of a row of [`Self::InverseRoot`] with the same `X_2`.
    RootAbove {
        /// The numerator's exponent, 16 to 39.
        log: u8,
    },
    /// `y = floor((X_1 X_2 + 2^{s-1}) / 2^s)` in `[0, 2^16)`; relations determine `X_1` and `X_2`.
    UnsignedProduct {
        /// `s`, 8 or 16.
        shift: u8,
    },
}

/// The slopes of a table of [`Gadget::Interpolate`]. An entry is `A + 2^16 B`, both of 16 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Slope {
    /// `B`, from 0 on: the function never falls.
    Rising,
    /// `-B`: it never rises.
    Falling,
    /// `B - 2^15`.
    Signed,
}

/// The tables of a program, by number from 1: what is looked up for each byte.
pub(crate) type Tables<'a> = &'a [[i64; 256]];

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
    /// Whether the parameters are within their bounds.
    #[must_use]
    pub fn is_valid(self) -> bool {
        let shift_ok = |s| s == 8 || s == 16;
        match self {
            Self::Input => true,
            Self::Requantize { shift } | Self::Relu { shift } => shift_ok(shift),
            Self::Clamp { shift, lo, hi } => {
                shift_ok(shift) && lo < hi && lo >= -(1 << 16) && hi <= 1 << 16 && hi - lo <= 65535
            }
            Self::Max { inputs } => (2..=4).contains(&inputs),
            Self::Divide { by } => (2..=256).contains(&by),
            Self::Product { shift } => shift_ok(shift),
            Self::Function { table, bytes } => table > 0 && (1..=2).contains(&bytes),
            Self::Copy | Self::Compare | Self::Choose { .. } | Self::Constant { .. } => true,
            Self::UnsignedProduct { shift } => shift_ok(shift),
            Self::Score | Self::Reciprocal => true,
            Self::Variance { width, shift } => shift_ok(shift) && (1..=1 << 16).contains(&width),
            Self::InverseRoot { log } | Self::RootAbove { log } => (16..=39).contains(&log),
            Self::Interpolate { table, .. } => table > 0,
        }
    }

    /// Whether view 1 is `z` and determines the row.
    #[must_use]
    pub fn is_linear(self) -> bool {
        match self {
            Self::Input | Self::Max { .. } | Self::Product { .. } | Self::UnsignedProduct { .. } => false,
            Self::Copy | Self::Compare | Self::Choose { .. } | Self::Constant { .. } => false,
            Self::Requantize { .. } | Self::Relu { .. } | Self::Clamp { .. } | Self::Divide { .. } => true,
            Self::Function { .. } | Self::Interpolate { .. } => true,
            // Its other cells are tied by relations among rows.
            Self::Score | Self::Reciprocal => false,
            Self::Variance { .. } | Self::InverseRoot { .. } | Self::RootAbove { .. } => false,
        }
    }

    /// The view whose values make the value of the row: a constraint that has every element once defines it.
    pub(crate) fn defining_view(self) -> Option<u8> {
        match self {
            Self::Constant { .. } => Some(0),
            Self::Score | Self::Reciprocal => Some(1),
            linear => linear.is_linear().then_some(1),
        }
    }

    /// `s`, if the gadget divides by `2^s`.
    #[must_use]
    pub fn shift(self) -> Option<u8> {
        match self {
            Self::Requantize { shift } | Self::Relu { shift } | Self::Clamp { shift, .. } => Some(shift),
            Self::Function { .. } => Some(8),
            Self::Interpolate { .. } => Some(0),
            _ => None,
        }
    }

    /// Limb columns.
    #[must_use]
    pub fn limbs(self) -> u8 {
        match self {
            Self::Input => 2,
            Self::Requantize { shift } => shift / 8 + 2,
            Self::Relu { shift } => shift / 8 + 5,
            Self::Clamp { shift, lo, hi } => {
                shift / 8
                    + 6
                    + match hi - lo {
                        255 => 1,
                        65535 => 2,
                        _ => 4,
                    }
            }
            Self::Max { inputs } => 2 + 2 * inputs,
            Self::Divide { .. } => 4,
            Self::Product { shift } | Self::UnsignedProduct { shift } => shift / 8 + 2,
            Self::Function { bytes, .. } => 8 + bytes,
            Self::Copy | Self::Choose { .. } | Self::Constant { .. } => 2,
            Self::Interpolate { .. } => 9,
            Self::Compare => 5,
            Self::Score => 6,
            Self::Reciprocal => 10,
            Self::Variance { shift, .. } => shift / 8 + 3,
            Self::InverseRoot { .. } => 8,
            Self::RootAbove { .. } => 5,
        }
    }

    /// Operands that the row reads by copy: `X_1..`.
    pub(crate) fn reads(self) -> u8 {
        match self {
            Self::Copy => 1,
            Self::Compare => 2,
            Self::Choose { .. } => 3,
            _ => 0,
        }
    }

    /// The table that the row looks something up in.
    pub(crate) fn table(self) -> Option<u8> {
        match self {
            Self::Function { table, .. } | Self::Interpolate { table, .. } => Some(table),
            _ => None,
        }
    }

    /// Operand columns.
    #[must_use]
    pub fn operands(self) -> u8 {
        match self {
            Self::Max { inputs } => inputs - 2,
            Self::Product { .. } | Self::UnsignedProduct { .. } | Self::Reciprocal => 2,
            Self::Variance { .. } | Self::InverseRoot { .. } | Self::RootAbove { .. } => 2,
            _ => self.reads(),
        }
    }

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
            Self::Interpolate { table, slope, signed } => {
                let (u, lo, hi) = (cells.take(1, 1), cells.take(1, 1), cells.take(1, 1));
                let (a, b, out) = (cells.take(2, 1), cells.take(2, 1), cells.take(2, 1));
                let argument = constant(lo.clone().plus(scaled(&hi, 1 << 8)), half(signed[0]));
                lookups.push(Lookup { id: table, input: hi, output: a.clone().plus(scaled(&b, 1 << 16)) });
                let rest = constant(u.plus(scaled(&a, -(1 << 8))).plus(scaled(&out, 1 << 8)), -(1 << 7));
                let interpolate = match slope {
                    Slope::Rising => gate(&b, &lo, rest),
                    Slope::Falling => gate(&b, &lo, scaled(&rest, -1)),
                    Slope::Signed => gate(&constant(b, -(1 << 15)), &lo, rest),
                };
                (vec![constant(out, half(signed[1])), argument], vec![interpolate])
            }
            Self::Score => {
                let u = remainder(&mut cells, 8);
                let t = constant(cells.take(2, 1), -(1 << 15));
                let (distance, sel) = (cells.take(2, 1), cells.take(1, 1));
                let z = u.plus(scaled(&t, 1 << 8));
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
        candidates.extend(shifts.clone().map(|shift| Self::Product { shift }));
        candidates.extend(shifts.clone().map(|shift| Self::UnsignedProduct { shift }));
        candidates.extend([Self::Copy, Self::Compare, Self::Score, Self::Reciprocal]);
        for signed in [false, true] {
            candidates.extend([Self::Choose { signed }, Self::Constant { signed }]);
        }
        if let [Lookup { id: table, .. }] = kind.lookups[..] {
            candidates.extend([1, 2].map(|bytes| Self::Function { table, bytes }));
            for slope in [Slope::Rising, Slope::Falling, Slope::Signed] {
                for signed in [[false, false], [false, true], [true, false], [true, true]] {
                    candidates.push(Self::Interpolate { table, slope, signed });
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
