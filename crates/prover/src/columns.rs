//! §5: limb columns, multiplicities and their masks.

use core::fmt;

use ark_bn254::Fr;
use zeroize::{Zeroize, Zeroizing};

use crate::circuit::layout::{Columns as Size, TABLE};
use crate::circuit::{Layout, Shape};
use crate::randomness::Randomness;
use crate::statement::PublicValues;
use crate::witness::{Cell, Witness};

/// The two mask scalars of a column, rows 0 and 1.
pub(crate) type Mask = [Fr; 2];

/// The limb columns of one proof. Secret, wiped when dropped.
pub(crate) struct LimbColumns {
    pub(crate) size: Size,
    /// `L_0..L_{ell-1}` over rows `0..n_real`; rows below `2K` are 0, masks are kept apart.
    pub(crate) limbs: Vec<Vec<u8>>,
    /// `m` over the first `TABLE` real rows.
    pub(crate) multiplicities: Vec<u32>,
    /// Masks of `L_0..L_{ell-1}, m`.
    pub(crate) l_masks: Zeroizing<Vec<Mask>>,
    /// Masks of `H_0..H_ell`.
    pub(crate) h_masks: Zeroizing<Vec<Mask>>,
    #[cfg(test)]
    pub(crate) deltas: Vec<(usize, usize, Fr)>,
}

impl fmt::Debug for LimbColumns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LimbColumns").field("size", &self.size).finish_non_exhaustive()
    }
}

impl Drop for LimbColumns {
    fn drop(&mut self) {
        self.limbs.iter_mut().for_each(Zeroize::zeroize);
        self.multiplicities.zeroize();
    }
}

impl LimbColumns {
    /// What a test adds to the columns, as (index in the order of M4, row, difference): how the
    /// malicious prover commits to entries that are not bytes. Empty outside tests.
    #[cfg(not(test))]
    pub(crate) fn deltas(&self) -> &[(usize, usize, Fr)] {
        &[]
    }

    /// What a test adds to the columns.
    #[cfg(test)]
    pub(crate) fn deltas(&self) -> &[(usize, usize, Fr)] {
        &self.deltas
    }

    /// Lays out the witnesses (one per sample, in order) and draws the masks.
    pub(crate) fn new(
        shape: &Shape,
        size: Size,
        values: &[PublicValues],
        witnesses: &[Witness],
        randomness: &mut Randomness,
    ) -> Self {
        let layout = Layout::new(shape);
        let ell = shape.limbs();
        let mut limbs = vec![vec![0u8; size.real()]; ell];
        let k = size.k();
        let mut put = |p: usize, sample: usize, cell: Cell| {
            let (y, w, v) = (cell.y.to_le_bytes(), cell.w.to_le_bytes(), cell.v.to_le_bytes());
            // `u` is below 256, `y` below 2^16, `w` and `v` below 2^24 (§1).
            let bytes = [cell.u as u8, y[0], y[1], w[0], w[1], w[2], v[0], v[1], v[2]];
            for (column, byte) in limbs.iter_mut().zip(bytes) {
                column[p * k + sample] = byte;
            }
        };
        for (sample, (values, witness)) in values.iter().zip(witnesses).enumerate() {
            for (j, x) in values.inputs.iter().enumerate() {
                put(layout.start(1) + j, sample, Cell { y: (*x).into(), ..Cell::default() });
            }
            for (l, cells) in witness.hidden.iter().enumerate() {
                for (i, cell) in cells.iter().enumerate() {
                    put(layout.start(l + 2) + i, sample, *cell);
                }
            }
            for l in 1..=shape.layers() {
                put(layout.constant(l), sample, Cell { y: 1, ..Cell::default() });
            }
        }
        Self::from_limbs(size, limbs, randomness)
    }

    /// Counts the multiplicities and draws the masks.
    pub(crate) fn from_limbs(size: Size, limbs: Vec<Vec<u8>>, randomness: &mut Randomness) -> Self {
        let mut counts = [0u32; TABLE];
        for column in &limbs {
            for byte in &column[size.first_real()..] {
                counts[usize::from(*byte)] += 1;
            }
        }
        let multiplicities = (0..TABLE).map(|row| counts[table_value(size.first_real() + row)]).collect();
        let mut masks = || Zeroizing::new((0..=limbs.len()).map(|_| randomness.scalars()).collect::<Vec<Mask>>());
        let (l_masks, h_masks) = (masks(), masks());
        Self {
            size,
            limbs,
            multiplicities,
            l_masks,
            h_masks,
            #[cfg(test)]
            deltas: Vec::new(),
        }
    }
}

/// `T(a) = a mod 256`.
pub(crate) fn table_value(a: usize) -> usize {
    a % TABLE
}
