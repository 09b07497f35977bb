//! §6 M2: `H_c = 1/(beta + L_c)` and `H_ell = m/(beta + T)`.

use ark_bn254::Fr;
use ark_ff::AdditiveGroup;
use zeroize::Zeroizing;

use crate::circuit::layout::TABLE;
use crate::columns::{LimbColumns, table_value};

/// `1/(beta + v)` for all bytes, and the columns `H` that follow from it.
pub(crate) struct Inverses {
    /// `1/(beta + v)`.
    pub(crate) of_byte: [Fr; TABLE],
    /// `H_ell` over the first `TABLE` real rows.
    pub(crate) table: Zeroizing<Vec<Fr>>,
}

impl Inverses {
    /// `None` if `-beta` is a byte.
    pub(crate) fn new(columns: &LimbColumns, beta: Fr) -> Option<Self> {
        let mut of_byte: [Fr; TABLE] = core::array::from_fn(|v| beta + Fr::from(v as u64));
        if of_byte.contains(&Fr::ZERO) {
            return None;
        }
        ark_ff::batch_inversion(&mut of_byte);
        let first = columns.size.first_real();
        let counts = columns.multiplicities.iter().enumerate();
        let table = counts.map(|(row, m)| of_byte[table_value(first + row)] * Fr::from(*m)).collect();
        Some(Self { of_byte, table: Zeroizing::new(table) })
    }
}
