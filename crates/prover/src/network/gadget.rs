//! The row kinds that are known to compute a function: each is a set of views and gates together
//! with the argument that its cells are unique.
//!
//! Columns and views are those of N10: cells from `L_0` on without gaps; view 0 is the value, which copies
//! read too. A *linear* gadget has view 1 = `z`, and `z` determines the row; a maximum has view `1 + i` =
//! `y - x_i`, a product its factors.

use super::program::{Form, Gate, Kind, Lookup};
use crate::error::RangeKind;

/// Limbs of the widest gadget.
pub(crate) const MAX_CELLS: usize = 12;
/// Operands of the widest gadget.
pub(crate) const MAX_OPERANDS: usize = 2;

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
            Self::Copy => true,
        }
    }

    /// Whether view 1 is `z` and determines the row.
    #[must_use]
    pub fn is_linear(self) -> bool {
        !matches!(self, Self::Input | Self::Max { .. } | Self::Product { .. } | Self::Copy)
    }

    /// `s`, if the gadget divides by `2^s`.
    #[must_use]
    pub fn shift(self) -> Option<u8> {
        match self {
            Self::Requantize { shift } | Self::Relu { shift } | Self::Clamp { shift, .. } => Some(shift),
            Self::Function { .. } => Some(8),
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
            Self::Product { shift } => shift / 8 + 2,
            Self::Function { bytes, .. } => 8 + bytes,
            Self::Copy => 2,
        }
    }

    /// Whether the row reads by copy.
    pub(crate) fn is_copy(self) -> bool {
        self == Self::Copy
    }

    /// Operand columns.
    #[must_use]
    pub fn operands(self) -> u8 {
        match self {
            Self::Max { inputs } => inputs - 2,
            Self::Product { .. } => 2,
            Self::Copy => 1,
            _ => 0,
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
        let (mut lookups, mut reads) = (Vec::new(), 0);
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
            Self::Copy => {
                reads = 1;
                let t = constant(cells.take(2, 1), -(1 << 15));
                let same = t.clone().plus(scaled(&operand(0), -1));
                (vec![t], vec![gate(&zero(), &zero(), same)])
            }
        };
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
        candidates.push(Self::Copy);
        if let [Lookup { id, .. }] = kind.lookups[..] {
            candidates.extend([1, 2].map(|bytes| Self::Function { table: id, bytes }));
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

    /// The row of a linear gadget for `z`, and of an input or a copy for its value.
    pub(crate) fn row(self, z: i64, tables: Tables<'_>) -> Result<Row, RangeKind> {
        let mut cells = Writer::default();
        match self {
            Self::Input => cells.put(z, 2, RangeKind::Activation)?,
            Self::Requantize { shift } => {
                let t = cells.divide(z, shift)?;
                cells.put(t + (1 << 15), 2, RangeKind::Activation)?;
            }
            Self::Relu { shift } => {
                let t = cells.divide(z, shift)?;
                cells.put(t.max(0), 2, RangeKind::Activation)?;
                cells.put((-t).max(0), 3, RangeKind::Under)?;
            }
            Self::Clamp { shift, lo, hi } => {
                let (lo, hi) = (i64::from(lo), i64::from(hi));
                let t = cells.divide(z, shift)?;
                let y = t.clamp(lo, hi) - lo;
                cells.put(y, if hi - lo == 255 { 1 } else { 2 }, RangeKind::Activation)?;
                cells.put((lo - t).max(0), 3, RangeKind::Under)?;
                cells.put((t - hi).max(0), 3, RangeKind::Over)?;
                if hi - lo != 255 && hi - lo != 65535 {
                    cells.put(hi - lo - y, 2, RangeKind::Activation)?;
                }
            }
            Self::Divide { by } => {
                let m = i64::from(by);
                let shifted = z.checked_add(m / 2).ok_or(RangeKind::Activation)?;
                let u = shifted.rem_euclid(m);
                cells.put(u, 1, RangeKind::Activation)?;
                cells.put(m - 1 - u, 1, RangeKind::Activation)?;
                cells.put(shifted.div_euclid(m), 2, RangeKind::Activation)?;
            }
            Self::Function { table, bytes } => {
                let t = cells.divide(z, 8)?;
                let y = t.clamp(-128, 127) + 128;
                let out = tables.get(usize::from(table) - 1).map_or(0, |outputs| outputs[y as usize]);
                cells.put(y, 1, RangeKind::Activation)?;
                cells.put(out, bytes.into(), RangeKind::Activation)?;
                cells.put((-128 - t).max(0), 3, RangeKind::Under)?;
                cells.put((t - 127).max(0), 3, RangeKind::Over)?;
            }
            Self::Copy => {
                cells.put(z + (1 << 15), 2, RangeKind::Activation)?;
                cells.row.operands[0] = z;
            }
            Self::Max { .. } | Self::Product { .. } => return Err(RangeKind::Activation),
        }
        Ok(cells.row)
    }

    /// The row of a product with this shift.
    pub(crate) fn product_row(shift: u8, factors: [i64; 2]) -> Result<Row, RangeKind> {
        let product = factors[0].checked_mul(factors[1]).ok_or(RangeKind::Over)?;
        let mut row = Self::Requantize { shift }.row(product, &[])?;
        row.operands = factors;
        Ok(row)
    }

    /// The row of a maximum.
    pub(crate) fn max_row(values: &[i64]) -> Result<Row, RangeKind> {
        let mut cells = Writer::default();
        let y = values.iter().copied().max().unwrap_or_default();
        cells.put(y, 2, RangeKind::Activation)?;
        let d: Vec<i64> = values.iter().map(|x| y - x).collect();
        for d in &d {
            cells.put(*d, 2, RangeKind::Activation)?;
        }
        match d[..] {
            [a, b, _] => cells.row.operands[0] = a * b,
            [a, b, c, d] => cells.row.operands = [a * b, c * d],
            _ => {}
        }
        Ok(cells.row)
    }

    /// A row that meets the gates, for positions that hold no element.
    pub(crate) fn default_row(self, tables: Tables<'_>) -> Row {
        let mut row = Row::default();
        match self {
            // 0 is in their range.
            Self::Copy => row = self.row(0, tables).unwrap_or_default(),
            Self::Product { shift } => row = Self::product_row(shift, [0, 0]).unwrap_or_default(),
            Self::Function { table, .. } => {
                let out = tables.get(usize::from(table) - 1).map_or(0, |outputs| outputs[0]).to_le_bytes();
                row.limbs[2..4].copy_from_slice(&out[..2]);
            }
            // `u + (m - 1 - u) = m - 1`
            Self::Divide { by } => row.limbs[0] = (by - 1) as u8,
            Self::Clamp { shift, lo, hi } if hi - lo != 255 && hi - lo != 65535 => {
                let slack = (hi - lo).to_le_bytes();
                let at = usize::from(shift / 8) + 8;
                row.limbs[at..at + 2].copy_from_slice(&slack[..2]);
            }
            _ => {}
        }
        row
    }
}

/// Cells in the order of [`Cells`].
#[derive(Default)]
struct Writer {
    row: Row,
    at: usize,
}

impl Writer {
    fn put(&mut self, value: i64, bytes: usize, kind: RangeKind) -> Result<(), RangeKind> {
        if value < 0 || value >> (8 * bytes) != 0 {
            return Err(kind);
        }
        self.row.limbs[self.at..self.at + bytes].copy_from_slice(&value.to_le_bytes()[..bytes]);
        self.at += bytes;
        Ok(())
    }

    /// Writes the remainder of the rounded division by `2^shift`; returns the quotient.
    fn divide(&mut self, z: i64, shift: u8) -> Result<i64, RangeKind> {
        let shifted = z.checked_add(1 << (shift - 1)).ok_or(RangeKind::Over)?;
        self.put(shifted & ((1 << shift) - 1), usize::from(shift / 8), RangeKind::Activation)?;
        Ok(shifted >> shift)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> Vec<Gadget> {
        let mut out = vec![Gadget::Input];
        for shift in [8, 16] {
            out.extend([Gadget::Requantize { shift }, Gadget::Relu { shift }]);
            for (lo, hi) in [(0, 255), (0, 65535), (-128, 127), (-7, 900)] {
                out.push(Gadget::Clamp { shift, lo, hi });
            }
        }
        out.extend([2, 3, 4].map(|inputs| Gadget::Max { inputs }));
        out.extend([2, 9, 255, 256].map(|by| Gadget::Divide { by }));
        out.extend([8, 16].map(|shift| Gadget::Product { shift }));
        out.extend([(1, 1), (2, 2)].map(|(table, bytes)| Gadget::Function { table, bytes }));
        out.push(Gadget::Copy);
        out
    }

    /// One of bytes, one of 16-bit numbers.
    fn tables() -> [[i64; 256]; 2] {
        [core::array::from_fn(|i| (i as i64 * 37) % 256), core::array::from_fn(|i| (i as i64 * 997 + 5) % 65_536)]
    }

    fn value(form: &Form, row: &Row, limbs: u8) -> i64 {
        let column = |c: u8| match c.checked_sub(limbs) {
            Some(x) => row.operands[usize::from(x)],
            None => row.limbs[usize::from(c)].into(),
        };
        form.terms.iter().map(|(c, v)| v * column(*c)).sum::<i64>() + form.constant
    }

    fn gates_hold(kind: &Kind, row: &Row, limbs: u8) -> bool {
        let at = |f: &Form| i128::from(value(f, row, limbs));
        let looked_up = kind.lookups.iter().all(|l| {
            tables()[usize::from(l.id) - 1].get(at(&l.input) as usize).map(|v| i128::from(*v)) == Some(at(&l.output))
        });
        looked_up && kind.gates.iter().all(|g| at(&g.a) * at(&g.b) == at(&g.c))
    }

    #[test]
    fn kinds_are_recognised() {
        for gadget in all() {
            assert!(gadget.is_valid());
            let limbs = 12;
            let kind = gadget.kind(5, 9, limbs);
            assert_eq!(Gadget::recognise(&kind, limbs), Some(gadget));
            let used = kind.views.iter().flat_map(|v| &v.terms).map(|t| t.0).filter(|c| *c < limbs).max();
            assert!(used < Some(gadget.limbs()), "{gadget:?}");
            assert!(gates_hold(&kind, &gadget.default_row(&tables()), limbs), "{gadget:?}");
            for gate in 0..kind.gates.len() {
                let mut without = kind.clone();
                without.gates.remove(gate);
                assert_eq!(Gadget::recognise(&without, limbs), None, "{gadget:?} without gate {gate}");
            }
        }
    }

    /// The rows compute what the gadget says, and meet their own gates.
    #[test]
    fn rows_compute_the_function() {
        for gadget in all() {
            let kind = gadget.kind(2, 3, 12);
            for z in [-9_000_000i64, -40_000, -300, -129, -128, -1, 0, 1, 127, 128, 300, 40_000, 9_000_000] {
                let expected = |shift: u8| (z as f64 / f64::from(1u32 << shift) + 0.5).floor() as i64;
                let y = match gadget {
                    Gadget::Input => z,
                    Gadget::Requantize { shift } => expected(shift),
                    Gadget::Relu { shift } => expected(shift).max(0),
                    Gadget::Clamp { shift, lo, hi } => expected(shift).clamp(lo.into(), hi.into()),
                    Gadget::Divide { by } => (z + i64::from(by) / 2).div_euclid(by.into()),
                    Gadget::Function { table, bytes } => {
                        let at = (expected(8).clamp(-128, 127) + 128) as usize;
                        tables()[usize::from(table) - 1][at] - (1 << (8 * bytes - 1))
                    }
                    Gadget::Copy => z,
                    Gadget::Max { .. } | Gadget::Product { .. } => continue,
                };
                let range = match gadget {
                    Gadget::Requantize { .. } | Gadget::Copy => -(1 << 15)..1 << 15,
                    Gadget::Clamp { .. } | Gadget::Function { .. } => i64::MIN..i64::MAX,
                    _ => 0..1 << 16,
                };
                match gadget.row(z, &tables()) {
                    Ok(row) => {
                        assert_eq!(value(&kind.views[0], &row, 12), y, "{gadget:?} {z}");
                        if gadget.is_linear() {
                            assert_eq!(value(&kind.views[1], &row, 12), z, "{gadget:?} {z}");
                        }
                        assert!(gates_hold(&kind, &row, 12));
                    }
                    Err(_) => assert!(!range.contains(&y), "{gadget:?} {z}"),
                }
            }
        }
        for values in [&[3i64, 9][..], &[0, 0, 7], &[5, 5, 5, 5], &[1, 2, 40_000, 3]] {
            let kind = Gadget::Max { inputs: values.len() as u8 }.kind(2, 3, 12);
            let row = Gadget::max_row(values).unwrap();
            assert!(gates_hold(&kind, &row, 12));
            assert_eq!(value(&kind.views[0], &row, 12), *values.iter().max().unwrap());
            for (i, x) in values.iter().enumerate() {
                assert_eq!(value(&kind.views[1 + i], &row, 12), values.iter().max().unwrap() - x);
            }
        }
    }

    /// Uniqueness by enumeration, for all rows with small cells: two rows with one `z` and met
    /// gates have one value.
    #[test]
    fn rows_are_unique() {
        use std::collections::HashMap;
        // (gadget, cells that are enumerated: column and values)
        let narrow = Gadget::Clamp { shift: 8, lo: 0, hi: 255 };
        let shifted = Gadget::Clamp { shift: 8, lo: -2, hi: 3 };
        for (gadget, columns) in [
            (Gadget::Relu { shift: 8 }, vec![(0, 256), (1, 3), (3, 3)]),
            (narrow, vec![(0, 256), (1, 256), (2, 3), (5, 3)]),
            (shifted, vec![(0, 256), (1, 8), (3, 3), (6, 3), (9, 8)]),
            (Gadget::Divide { by: 7 }, vec![(0, 256), (1, 256), (2, 4)]),
        ] {
            let kind = gadget.kind(2, 3, 12);
            let mut seen: HashMap<i64, Row> = HashMap::new();
            let total: usize = columns.iter().map(|c| c.1).product();
            for code in 0..total {
                let (mut rest, mut row) = (code, Row::default());
                for (column, size) in &columns {
                    row.limbs[*column] = (rest % size) as u8;
                    rest /= size;
                }
                if gates_hold(&kind, &row, 12) {
                    let z = value(&kind.views[1], &row, 12);
                    let old = seen.insert(z, row);
                    assert!(old.is_none_or(|old| old == row), "{gadget:?} {z}");
                }
            }
            assert!(seen.len() > 20);
        }
    }
}
