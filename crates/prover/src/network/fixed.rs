//! N3: what a key fixes besides its program: the outputs of tables, and what copies read.

use ark_bn254::G1Affine;

use super::layout::TABLE_START;
use super::program::Parts;
use crate::circuit::layout::{FIRST, TABLE};
use crate::encoding::{Reader, keccak};
use crate::error::{EncodingError, KeyError, ProgramError};
use crate::kernels;
use crate::srs::Srs;

/// Outputs are below this in absolute value (N3).
const MAX_OUTPUT: u64 = 1 << 48;

/// `X_column` of the row at `position` is the value of the row at `address`, in every sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Copied {
    /// The position that reads.
    pub position: u32,
    /// `j` of `X_j`, from 1.
    pub column: u8,
    /// The position that is read.
    pub address: u32,
}

/// Tables and copies of a program. They are public, and the key commits to them without blinding.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fixed {
    tables: Vec<[i64; TABLE]>,
    /// Ascending by position and column, each once.
    copies: Vec<Copied>,
}

impl Fixed {
    /// From the outputs of the tables `1, 2, ..` and the copies in any order.
    ///
    /// # Errors
    /// An output is not below `2^48` in absolute value, or an `X_j` has two copies.
    pub fn new(tables: Vec<[i64; TABLE]>, mut copies: Vec<Copied>) -> Result<Self, ProgramError> {
        copies.sort_unstable();
        let large = |t: &[i64; TABLE]| t.iter().any(|v| v.unsigned_abs() >= MAX_OUTPUT);
        if let Some(index) = tables.iter().position(large) {
            return Err(ProgramError::Malformed { what: "outputs of table", index });
        }
        let same = |c: &[Copied]| (c[0].position, c[0].column) == (c[1].position, c[1].column);
        match copies.windows(2).position(same) {
            Some(index) => Err(ProgramError::Malformed { what: "copy", index }),
            None => Ok(Self { tables, copies }),
        }
    }

    /// The outputs of the tables `1, 2, ..`.
    #[must_use]
    pub fn tables(&self) -> &[[i64; TABLE]] {
        &self.tables
    }

    /// The copies, ascending by position and column.
    #[must_use]
    pub fn copies(&self) -> &[Copied] {
        &self.copies
    }

    /// The fixed bytes of N3.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.tables.as_flattened().iter().for_each(|v| out.extend(v.to_be_bytes()));
        // At most four columns of 2^26 positions.
        out.extend((self.copies.len() as u32).to_be_bytes());
        for c in &self.copies {
            out.push(c.column);
            out.extend(c.position.to_be_bytes());
            out.extend(c.address.to_be_bytes());
        }
        out
    }

    /// Reads the fixed bytes of a program with `tables` tables. They have to be canonical.
    ///
    /// # Errors
    /// The bytes are not those of tables and copies in order.
    pub fn from_bytes(tables: u8, bytes: &[u8]) -> Result<Self, ProgramError> {
        let mut reader = Reader::new(bytes);
        let mut read = Vec::new();
        for _ in 0..tables {
            let mut table = [0; TABLE];
            for v in &mut table {
                *v = i64::from_be_bytes(reader.bytes()?);
            }
            read.push(table);
        }
        let count = reader.u32()?;
        let mut copies = Vec::new();
        // Entries are read one by one: no allocation beyond the bytes that are there.
        for _ in 0..count {
            copies.push(Copied { column: reader.u8()?, position: reader.u32()?, address: reader.u32()? });
        }
        reader.end()?;
        let sorted = copies.is_sorted();
        let this = Self::new(read, copies)?;
        if sorted { Ok(this) } else { Err(EncodingError::Bound.into()) }
    }

    /// `keccak(fixed bytes)`.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        keccak(&[&self.to_bytes()])
    }

    /// N11 (a): there are as many tables as the program says; every `X_j` of every row that reads it has one copy, and
    /// there are no others; addresses are positions.
    pub(crate) fn check(&self, p: &Parts) -> Result<(), ProgramError> {
        let malformed = |what, index| Err(ProgramError::Malformed { what, index });
        if self.tables.len() != usize::from(p.tables) {
            return malformed("number of tables: program", self.tables.len());
        }
        let reads = p.kinds.iter().flat_map(|kind| {
            (kind.lo..kind.hi).flat_map(|position| kind.read_columns().map(move |j| (position, j as u8)))
        });
        let mut copies = self.copies.iter().enumerate();
        for (position, column) in reads {
            match copies.next() {
                Some((_, c)) if (c.position, c.column) == (position, column) => {}
                _ => return malformed("no copy for the row at position", position as usize),
            }
        }
        if let Some((index, _)) = copies.next() {
            return malformed("copy that no row reads:", index);
        }
        match self.copies.iter().position(|c| !(FIRST as u32..p.positions).contains(&c.address)) {
            Some(index) => malformed("address of copy", index),
            None => Ok(()),
        }
    }

    /// `T_out, addr_1.., mult` by position, those that exist.
    pub(crate) fn columns(&self, p: &Parts) -> Vec<Vec<i64>> {
        let n = p.positions as usize;
        let mut out = Vec::new();
        if p.tables > 0 {
            let mut column = vec![0; n];
            for (f, table) in self.tables.iter().enumerate() {
                let at = TABLE_START + TABLE * (f + 1);
                column[at..at + TABLE].copy_from_slice(table);
            }
            out.push(column);
        }
        if p.reads > 0 {
            let mut columns = vec![vec![0i64; n]; usize::from(p.reads) + 1];
            for c in &self.copies {
                columns[usize::from(c.column) - 1][c.position as usize] = c.address.into();
                columns[usize::from(p.reads)][c.address as usize] += 1;
            }
            out.extend(columns);
        }
        out
    }

    /// The fixed commitments of a program that [`Self::check`] accepts.
    pub(crate) fn commit(&self, p: &Parts, srs: &Srs) -> Result<Vec<G1Affine>, KeyError> {
        let (needed, got) = (p.positions as usize, srs.powers().len());
        let columns = self.columns(p);
        if !columns.is_empty() && got < needed {
            return Err(KeyError::SrsTooSmall { needed, got });
        }
        Ok(columns.iter().map(|c| kernels::msm_small(&srs.powers()[..needed], c)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn fixed_bytes_are_canonical(
            values in prop::collection::vec(-(1i64 << 47)..1 << 47, 0..3),
            copies in prop::collection::btree_map((0u32..40, 1u8..4), any::<u32>(), 0..20),
            change in (any::<prop::sample::Index>(), any::<u8>()),
        ) {
            let tables: Vec<_> = values.iter().map(|v| core::array::from_fn(|i| v >> (i % 40))).collect();
            let copies = copies.into_iter().map(|((position, column), address)| Copied { position, column, address });
            let fixed = Fixed::new(tables, copies.collect()).unwrap();
            let bytes = fixed.to_bytes();
            let read = |bytes: &[u8]| Fixed::from_bytes(values.len() as u8, bytes);
            prop_assert_eq!(&read(&bytes).unwrap(), &fixed);
            prop_assert!(read(&[&bytes[..], &[0]].concat()).is_err());
            prop_assert!(read(&bytes[..bytes.len() - 1]).is_err());
            let mut changed = bytes.clone();
            changed[change.0.index(bytes.len())] = change.1;
            if let Ok(other) = read(&changed) {
                prop_assert_eq!(other.to_bytes(), changed);
            }
        }
    }

    #[test]
    fn outputs_and_copies_are_bounded() {
        let table = |v| vec![core::array::from_fn(|i| if i == 7 { v } else { 0 })];
        assert!(Fixed::new(table((1 << 48) - 1), vec![]).is_ok());
        assert!(Fixed::new(table(-(1 << 48)), vec![]).is_err());
        let copy = |address| Copied { position: 5, column: 1, address };
        assert!(Fixed::new(vec![], vec![copy(2), copy(3)]).is_err());
    }
}
