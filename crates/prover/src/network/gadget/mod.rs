//! The row kinds that are known to compute a function: each is a set of views and gates together
//! with the argument that its cells are unique.
//!
//! Columns and views are those of N10: cells from `L_0` on without gaps; view 0 is the value, which copies
//! read too. A *linear* gadget has view 1 = `z`, and `z` determines the row; a maximum has view `1 + i` =
//! `y - x_i`, a product its factors.

mod kind;
mod rows;
#[cfg(test)]
mod tests;

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
    /// `t = floor((X_1 X_2 + 2^{s-1}) / 2^s)` in `[-2^15, 2^15)`; relations determine `X_1` and `X_2`, or an operator `X_1`.
    Product {
        /// `s`, 8, 16, 24 or 32.
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
        /// `s`, 8 or 16, if the argument is `floor((z + 2^{s-1}) / 2^s)`; 0 if it is `z`.
        shift: u8,
    },
    /// A falling function of a distance `d` from 0 on, which is the last of its table from `2^16 - 1` on: `d = a + w`, `w` of
    /// three bytes, `w (2^16 - 1 - a) = 0`, and `a` and the value are those of [`Self::Interpolate`], both without a sign.
    Falling {
        /// Table, from 1.
        table: u8,
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
    /// A score `t` as [`Self::Requantize`], its distance `D` to the maximum of its row, and `sel`: 1 for one score
    /// whose distance is 0. Relations with a [`Self::Reciprocal`] tie `D` and `sel`.
    Score {
        /// `s`, 8 or 16.
        shift: u8,
    },
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
            Self::Product { shift } => matches!(shift, 8 | 16 | 24 | 32),
            Self::Function { table, bytes } => table > 0 && (1..=2).contains(&bytes),
            Self::Copy | Self::Compare | Self::Choose { .. } | Self::Constant { .. } => true,
            Self::UnsignedProduct { shift } => shift_ok(shift),
            Self::Score { shift } => shift_ok(shift),
            Self::Reciprocal => true,
            Self::Variance { width, shift } => shift_ok(shift) && (1..=1 << 16).contains(&width),
            Self::InverseRoot { log } | Self::RootAbove { log } => (16..=39).contains(&log),
            Self::Falling { table } => table > 0,
            Self::Interpolate { table, shift, .. } => table > 0 && (shift == 0 || shift_ok(shift)),
        }
    }

    /// Whether view 1 is `z` and determines the row.
    #[must_use]
    pub fn is_linear(self) -> bool {
        match self {
            Self::Input | Self::Max { .. } | Self::Product { .. } | Self::UnsignedProduct { .. } => false,
            Self::Copy | Self::Compare | Self::Choose { .. } | Self::Constant { .. } => false,
            Self::Requantize { .. } | Self::Relu { .. } | Self::Clamp { .. } | Self::Divide { .. } => true,
            Self::Function { .. } | Self::Interpolate { .. } | Self::Falling { .. } => true,
            // Its other cells are tied by relations among rows.
            Self::Score { .. } | Self::Reciprocal => false,
            Self::Variance { .. } | Self::InverseRoot { .. } | Self::RootAbove { .. } => false,
        }
    }

    /// The view whose values make the value of the row: a constraint that has every element once defines it.
    pub(crate) fn defining_view(self) -> Option<u8> {
        match self {
            Self::Constant { .. } => Some(0),
            Self::Score { .. } | Self::Reciprocal => Some(1),
            linear => linear.is_linear().then_some(1),
        }
    }

    /// `s`, if the gadget divides by `2^s`.
    #[must_use]
    pub fn shift(self) -> Option<u8> {
        match self {
            Self::Requantize { shift } | Self::Relu { shift } | Self::Clamp { shift, .. } => Some(shift),
            Self::Function { .. } => Some(8),
            Self::Interpolate { shift, .. } | Self::Score { shift } => Some(shift),
            Self::Falling { .. } => Some(0),
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
            Self::Interpolate { shift, .. } => shift / 8 + 9,
            Self::Falling { .. } => 12,
            Self::Compare => 5,
            Self::Score { shift } => shift / 8 + 5,
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
            Self::Function { table, .. } | Self::Interpolate { table, .. } | Self::Falling { table } => Some(table),
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
}
