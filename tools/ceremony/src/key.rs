//! Groth16 proving keys of snarkjs (`.zkey`, version 1), as far as they are needed here.
//!
//! Section 2 has the size of the domain, section 4 the entries (matrix, row, wire, coefficient) of the matrices A and B,
//! sections 5, 6 and 7 for every wire `sum_j A[j][wire] [L_j(tau)]_1` and the same of B in both groups.

use crate::powers::{Raw, sections, word};
use ark_bn254::{Fr, G1Affine, G2Affine};
use ark_ff::{AdditiveGroup, BigInt, Field, PrimeField};
use std::collections::BTreeMap;

/// A known linear combination of the Lagrange points of a domain, by their places.
pub type Row = BTreeMap<u32, Fr>;

/// What a key says of its domain's Lagrange points: `sum row[j] L_j = point`.
pub struct Key {
    pub domain: usize,
    pub g1: Vec<(Row, G1Affine)>,
    pub g2: Vec<(Row, G2Affine)>,
}

const G1: usize = 64;
const G2: usize = 128;
/// Bytes of an entry of section 4.
const ENTRY: usize = 44;

pub fn read(bytes: &[u8]) -> Result<Key, String> {
    let sections = sections(bytes, b"zkey")?;
    let section = |kind: u32| sections.get(&kind).copied().ok_or(format!("no section {kind}"));
    if word(section(1)?, 0)? != 1 {
        return Err("it is no Groth16 key".into());
    }
    // Both primes with their lengths come first.
    let head = section(2)?;
    let (wires, domain) = (word(head, 72)? as usize, word(head, 80)? as usize);
    let [a, b] = matrices(section(4)?, wires, domain)?;
    let points = [section(5)?, section(6)?].map(|points| points.chunks_exact(G1).map(G1Affine::read));
    let [a1, b1] = points.map(Iterator::collect::<Result<Vec<_>, _>>);
    let b2 = section(7)?.chunks_exact(G2).map(G2Affine::read).collect::<Result<Vec<_>, _>>()?;
    let (a1, b1) = (a1?, b1?);
    if [a1.len(), b1.len(), b2.len()] != [wires; 3] {
        return Err("its sections are of different lengths".into());
    }
    let g2 = b.iter().cloned().zip(b2).collect();
    Ok(Key { domain, g1: a.into_iter().zip(a1).chain(b.into_iter().zip(b1)).collect(), g2 })
}

/// The columns of A and B: of every wire, its row numbers with their coefficients.
fn matrices(section: &[u8], wires: usize, domain: usize) -> Result<[Vec<Row>; 2], String> {
    let entries = section.get(4..).ok_or("section 4 is cut off")?;
    if entries.len() != word(section, 0)? as usize * ENTRY {
        return Err("section 4 has another length than it says".into());
    }
    let mut matrices = [vec![Row::new(); wires], vec![Row::new(); wires]];
    // Coefficients are stored times 2^512: twice the Montgomery factor.
    let factor = Fr::from(2u64).pow([512]).inverse().ok_or("2 has an inverse")?;
    for entry in entries.chunks_exact(ENTRY) {
        let (matrix, row, wire) = (word(entry, 0)? as usize, word(entry, 4)?, word(entry, 8)? as usize);
        let mut limbs = [0; 4];
        for (limb, bytes) in limbs.iter_mut().zip(entry[12..].as_chunks().0) {
            *limb = u64::from_le_bytes(*bytes);
        }
        let value = Fr::from_bigint(BigInt(limbs)).ok_or("a coefficient is not reduced")? * factor;
        let column = matrices.get_mut(matrix).and_then(|matrix| matrix.get_mut(wire));
        let column = column.filter(|_| (row as usize) < domain).ok_or("an entry is outside of its matrix")?;
        *column.entry(row).or_insert(Fr::ZERO) += value;
    }
    matrices.iter_mut().flatten().for_each(|column| column.retain(|_, value| *value != Fr::ZERO));
    Ok(matrices)
}
