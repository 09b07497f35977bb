//! N3: sizes that follow from a program and the number of samples.

use super::program::bounds::{MAX_COMMITTED, MIN_NU};
use super::program::{Parts, Port};
use crate::circuit::layout::{Columns, FIRST};
use crate::circuit::shape::{MAX_SAMPLES, MAX_VARIABLES, bound};
use crate::error::CircuitError;

/// First position of the tables: entry `v` of the bytes is at `TABLE_START + v`, sample 0; the entries
/// of table `f` follow at `TABLE_START + 256 f`.
pub(crate) const TABLE_START: usize = 256;

fn log2(n: usize) -> usize {
    n.next_power_of_two().trailing_zeros() as usize
}

/// `nu`: `G` and `Y` have `2^nu` coefficients.
pub(crate) fn nu(p: &Parts) -> usize {
    log2(p.hat_end as usize).max(MIN_NU)
}

/// `nu_s`: a committed port has `2^{nu_s}` coefficients.
fn port_nu(port: &Port) -> usize {
    log2(FIRST + port.count as usize).max(MIN_NU)
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
    /// `qend`.
    hat_end: usize,
    /// `nu_s` and the number of elements of the committed ports, in order.
    tensors: [(usize, usize); MAX_COMMITTED],
    /// How many ports are committed.
    pub(crate) committed: usize,
}

impl Size {
    /// The sizes for `samples` samples.
    pub(crate) fn new(p: &Parts, samples: usize) -> Result<Self, CircuitError> {
        bound("number of samples", samples, 1, MAX_SAMPLES)?;
        let kappa = log2(samples);
        let positions = p.positions as usize;
        let (mut tensors, mut committed) = ([(0, 0); MAX_COMMITTED], 0);
        for (tensor, (_, port)) in tensors.iter_mut().zip(p.committed_ports()) {
            *tensor = (port_nu(port), port.count as usize);
            committed += 1;
        }
        let l = tensors.iter().fold(log2(positions << kappa).max(nu(p)), |l, (nu, _)| l.max(*nu));
        bound("number of variables", l, 1, MAX_VARIABLES)?;
        let rows = Columns { samples, kappa, nu: l - kappa, positions };
        Ok(Self { rows, nu: nu(p), hat_end: p.hat_end as usize, tensors, committed })
    }

    /// `lo = l - nu`, the level of `G` and `Y`.
    pub(crate) fn lo(self) -> usize {
        self.rows.variables() - self.nu
    }

    /// `lo_s`, the level of the committed port `s`, counted among the committed ones.
    pub(crate) fn tensor_level(self, s: usize) -> usize {
        self.rows.variables() - self.tensors[s].0
    }

    /// One past the last row that anything of a proof has a coefficient on: the real rows, and the blocks of rows that a
    /// coefficient of `G`, `Y` or a committed tensor is folded to. Masks reach as far (N4); it is more than `n / 2`.
    pub(crate) fn reach(self) -> usize {
        let tensors = (0..self.committed).map(|s| (FIRST + self.tensors[s].1) << self.tensor_level(s));
        tensors.fold(self.rows.real().max(self.hat_end << self.lo()), usize::max)
    }

    /// Row of position `p`, sample 0.
    pub(crate) fn row(self, p: usize) -> usize {
        p << self.rows.kappa
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
