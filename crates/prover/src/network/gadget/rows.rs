//! The rows that an honest prover fills.

use super::{Gadget, Row, Slope, Tables};
use crate::error::RangeKind;

impl Gadget {
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
            Self::Interpolate { table, slope, signed, shift } => {
                let half = |signed: bool| if signed { 1i64 << 15 } else { 0 };
                let z = if shift > 0 { cells.divide(z, shift)? } else { z };
                let argument = z.checked_add(half(signed[0])).filter(|a| (0..1 << 16).contains(a));
                let argument = argument.ok_or(RangeKind::Activation)?;
                cells.interpolate(argument, tables.get(usize::from(table) - 1), slope)?;
            }
            Self::Falling { table } => {
                let argument = z.clamp(0, 65_535);
                cells.interpolate(argument, tables.get(usize::from(table) - 1), Slope::Falling)?;
                cells.put(z - argument, 3, if z < 0 { RangeKind::Under } else { RangeKind::Over })?;
            }
            Self::Constant { signed } => {
                let value = if signed { z.checked_add(1 << 15).ok_or(RangeKind::Activation)? } else { z };
                cells.put(value, 2, RangeKind::Activation)?;
            }
            Self::Max { .. } | Self::Product { .. } | Self::UnsignedProduct { .. } => {
                return Err(RangeKind::Activation);
            }
            Self::Compare | Self::Choose { .. } | Self::Score { .. } | Self::Reciprocal => {
                return Err(RangeKind::Activation);
            }
            Self::Variance { .. } | Self::InverseRoot { .. } | Self::RootAbove { .. } => {
                return Err(RangeKind::Activation);
            }
        }
        Ok(cells.row)
    }

    /// The row of a gadget for all of its operands: products, and what reads by copy.
    pub(crate) fn operand_row(self, x: &[i64]) -> Result<Row, RangeKind> {
        let mut cells = Writer::default();
        match (self, x) {
            (Self::Product { shift }, [a, b]) => return Self::product_row(shift, [*a, *b]),
            (Self::UnsignedProduct { shift }, [a, b]) => {
                let y = cells.divide(a.checked_mul(*b).ok_or(RangeKind::Over)?, shift)?;
                cells.put(y, 2, RangeKind::Activation)?;
            }
            (Self::Copy, [x]) => return self.row(*x, &[]),
            (Self::Compare, [a, b]) => {
                let (c, by) = (a >= b, a.checked_sub(*b).ok_or(RangeKind::Over)?);
                cells.put(c.into(), 1, RangeKind::Activation)?;
                cells.put(if c { by } else { 0 }, 2, RangeKind::Over)?;
                cells.put(if c { 0 } else { -by - 1 }, 2, RangeKind::Under)?;
            }
            (Self::Reciprocal, [sum, _]) => {
                let square = 65_535i64 * 65_535;
                let r = square.checked_div(*sum).filter(|_| *sum > 0).ok_or(RangeKind::Under)?;
                let rem = square - r * sum;
                cells.put(r, 2, RangeKind::Under)?;
                cells.put(rem, 4, RangeKind::Over)?;
                cells.put(sum - 1 - rem, 4, RangeKind::Over)?;
            }
            (Self::Variance { width, shift }, [sum, squares]) => {
                let squares = squares.checked_mul(width.into()).ok_or(RangeKind::Over)?;
                let square = sum.checked_mul(*sum).ok_or(RangeKind::Over)?;
                let v = cells.divide(squares.checked_sub(square).ok_or(RangeKind::Over)?, shift)?;
                cells.put(v, 3, RangeKind::Over)?;
            }
            (Self::InverseRoot { log }, [v]) => {
                let r = inverse_root(log, *v).ok_or(RangeKind::Under)?;
                cells.put(r, 3, RangeKind::Over)?;
                cells.put((1 << log) - r * r * v, 5, RangeKind::Over)?;
                cells.row.operands[..2].copy_from_slice(&[*v, r * r]);
                return Ok(cells.row);
            }
            (Self::RootAbove { log }, [v]) => {
                let next = inverse_root(log, *v).ok_or(RangeKind::Under)? + 1;
                cells.put(next * next * v - (1 << log) - 1, 5, RangeKind::Over)?;
                cells.row.operands[..2].copy_from_slice(&[next * next, *v]);
                return Ok(cells.row);
            }
            (Self::Choose { signed }, [c, a, b]) => {
                let value = if *c == 1 { *a } else { *b };
                cells.put(if signed { value + (1 << 15) } else { value }, 2, RangeKind::Activation)?;
            }
            _ => return Err(RangeKind::Activation),
        }
        cells.row.operands[..x.len()].copy_from_slice(x);
        Ok(cells.row)
    }

    /// The row of a product with this shift.
    pub(crate) fn product_row(shift: u8, factors: [i64; 2]) -> Result<Row, RangeKind> {
        let mut cells = Writer::default();
        let t = cells.divide(factors[0].checked_mul(factors[1]).ok_or(RangeKind::Over)?, shift)?;
        cells.put(t + (1 << 15), 2, RangeKind::Activation)?;
        let mut row = cells.row;
        row.operands[..2].copy_from_slice(&factors);
        Ok(row)
    }

    /// The value of a score.
    pub(crate) fn score(shift: u8, z: i64) -> i64 {
        z.saturating_add(1 << (shift - 1)) >> shift
    }

    /// The row of a score: its value, its distance to the maximum, whether it is the one that is selected.
    pub(crate) fn score_row(shift: u8, z: i64, distance: i64, selected: bool) -> Result<Row, RangeKind> {
        let mut cells = Writer::default();
        let t = cells.divide(z, shift)?;
        cells.put(t + (1 << 15), 2, RangeKind::Activation)?;
        cells.put(distance, 2, RangeKind::Over)?;
        cells.put(selected.into(), 1, RangeKind::Activation)?;
        Ok(cells.row)
    }

    /// The distance in the row of a score.
    pub(crate) fn distance(shift: u8, row: &Row) -> i64 {
        let at = usize::from(shift / 8) + 2;
        i64::from(row.limbs[at]) + (i64::from(row.limbs[at + 1]) << 8)
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
            [a, b, c, d] => cells.row.operands[..2].copy_from_slice(&[a * b, c * d]),
            _ => {}
        }
        Ok(cells.row)
    }

    /// A row that meets the gates, for positions that hold no element.
    pub(crate) fn default_row(self, tables: Tables<'_>) -> Row {
        let mut row = Row::default();
        match self {
            // 0 is in their range.
            Self::Copy | Self::Interpolate { .. } | Self::Falling { .. } | Self::Constant { .. } => {
                row = self.row(0, tables).unwrap_or_default()
            }
            Self::UnsignedProduct { .. } => row = self.operand_row(&[0; 2]).unwrap_or_default(),
            Self::Reciprocal => row = self.operand_row(&[65_535, 0]).unwrap_or_default(),
            Self::Variance { .. } => row = self.operand_row(&[0, 0]).unwrap_or_default(),
            Self::InverseRoot { .. } | Self::RootAbove { .. } => row = self.operand_row(&[1 << 8]).unwrap_or_default(),
            // Such a row reads itself.
            Self::Compare => row = self.operand_row(&[1; 2]).unwrap_or_default(),
            Self::Choose { .. } => row = self.operand_row(&[0; 3]).unwrap_or_default(),
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

/// The greatest `r` with `r^2 v <= 2^log`, for `v` in `1..=2^24`.
fn inverse_root(log: u8, v: i64) -> Option<i64> {
    let most = (1i64 << log).checked_div(v).filter(|_| (1..=1 << 24).contains(&v))?;
    Some(most.isqrt())
}

/// Cells in the order of `Cells` in `kind.rs`.
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

    /// A function at an argument of two bytes, between two entries of its table.
    fn interpolate(&mut self, argument: i64, table: Option<&[i64; 256]>, slope: Slope) -> Result<(), RangeKind> {
        let (lo, hi) = (argument & 255, argument >> 8);
        let entry = table.map_or(0, |outputs| outputs[hi as usize]);
        let (a, b) = (entry & 0xffff, entry >> 16);
        let step = match slope {
            Slope::Rising => b,
            Slope::Falling => -b,
            Slope::Signed => b - (1 << 15),
        };
        let value = (a << 8) + step * lo + (1 << 7);
        for (value, bytes) in [(value & 255, 1), (lo, 1), (hi, 1), (a, 2), (b, 2), (value >> 8, 2)] {
            self.put(value, bytes, RangeKind::Activation)?;
        }
        Ok(())
    }

    /// Writes the remainder of the rounded division by `2^shift`; returns the quotient.
    fn divide(&mut self, z: i64, shift: u8) -> Result<i64, RangeKind> {
        let shifted = z.checked_add(1 << (shift - 1)).ok_or(RangeKind::Over)?;
        self.put(shifted & ((1 << shift) - 1), usize::from(shift / 8), RangeKind::Activation)?;
        Ok(shifted >> shift)
    }
}
