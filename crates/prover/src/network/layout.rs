//! N3: sizes that follow from a program and the number of samples.

use super::program::Parts;
use super::program::bounds::MIN_NU;
use crate::circuit::layout::Columns;
use crate::circuit::shape::{MAX_SAMPLES, MAX_VARIABLES, bound};
use crate::error::CircuitError;

/// First position of the byte table: entry `v` is at `TABLE_START + v`, sample 0.
pub(crate) const TABLE_START: usize = 256;

/// `nu`: `G` and `Y` have `2^nu` coefficients.
pub(crate) fn nu(p: &Parts) -> usize {
    ((p.hat_end as usize).next_power_of_two().trailing_zeros() as usize).max(MIN_NU)
}

/// `b = 2^nu`.
pub(crate) fn block(p: &Parts) -> usize {
    1 << nu(p)
}

/// The sizes of one proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Size {
    /// Rows; its `nu` is `l - kappa`, whatever `b` is.
    pub(crate) rows: Columns,
    /// `nu` of `G` and `Y`.
    pub(crate) nu: usize,
}

impl Size {
    /// The sizes for `samples` samples.
    pub(crate) fn new(p: &Parts, samples: usize) -> Result<Self, CircuitError> {
        bound("number of samples", samples, 1, MAX_SAMPLES)?;
        let kappa = samples.next_power_of_two().trailing_zeros() as usize;
        let positions = p.positions as usize;
        let l = ((positions << kappa).next_power_of_two().trailing_zeros() as usize).max(nu(p));
        bound("number of variables", l, 1, MAX_VARIABLES)?;
        Ok(Self { rows: Columns { samples, kappa, nu: l - kappa, positions }, nu: nu(p) })
    }

    /// `lo = l - nu`, the level of `G` and `Y`.
    pub(crate) fn lo(self) -> usize {
        self.rows.variables() - self.nu
    }

    /// Row of entry `v` of the byte table.
    pub(crate) fn table_row(self, v: usize) -> usize {
        (TABLE_START + v) << self.rows.kappa
    }
}

/// Powers of tau that a program needs for `samples` samples: `max(n, b(R-1) + qend)`.
pub(crate) fn srs_size(p: &Parts, samples: usize) -> Result<usize, CircuitError> {
    let columns = Size::new(p, samples)?.rows.n();
    Ok(columns.max(degree_bound(p)))
}

/// Powers of tau that `f` needs.
pub(crate) fn degree_bound(p: &Parts) -> usize {
    block(p) * (p.blocks as usize - 1) + p.hat_end as usize
}
