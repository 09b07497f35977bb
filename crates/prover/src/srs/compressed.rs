//! A checked SRS in half the space, as it ships with the program (`assets/`).
//!
//! `"zkinfer SRS c1\0\0"`, k and n (4 bytes each, little-endian), then k points `[tau^(2^j)]_2` of 64
//! bytes and n points `[tau^i]_1` of 32 bytes. `[tau^(2^j)]_1` is among the powers, so `2^(k-1) < n`.
//! Coordinates x (c1, then c0) are big-endian, below q; the highest bit of a point says whether its y
//! is odd (of y in Fq2: its c0, or c1 where c0 is 0). Reading repeats every check of §3.

use std::io::{self, Write};

use ark_bn254::{Fq, Fq2, G1Affine, G2Affine};
use ark_ec::{AffineRepr, short_weierstrass::SWCurveConfig};
use ark_ff::{AdditiveGroup, BigInt, BigInteger, Field, PrimeField};
use rayon::prelude::*;

use super::{
    PINNED, Srs, SrsError, check_consecutive,
    error::Section,
    g1::{Bytes, SrsG1},
    pin,
};
use crate::kernels::{RawPoint, from_raw, to_raw};

const MAGIC: [u8; 16] = *b"zkinfer SRS c1\0\0";
/// Bytes before the points.
const HEAD: usize = MAGIC.len() + 8;
/// Bytes of a G1 and of a G2 point.
const G1: usize = 32;
const G2: usize = 64;
/// Where the sign is, in the first byte of a point: q has 254 bits.
const ODD: u8 = 0x80;

impl Srs {
    /// Writes the first `powers` powers, or as many as there are, and `[tau^(2^j)]_2` for j below `exponents`, as far as
    /// they are pinned and `[tau^(2^j)]_1` is among the powers. Compressed.
    ///
    /// # Errors
    /// What `out` reports.
    pub fn write_compressed(&self, powers: usize, exponents: usize, mut out: impl Write) -> io::Result<()> {
        let powers = &self.powers()[..powers.min(self.powers().len())];
        let exponents = 0..exponents.min(PINNED);
        let pinned: Vec<G2Affine> =
            exponents.take_while(|j| 1 << j < powers.len()).map_while(|j| self.pinned.g2(j)).collect();
        out.write_all(&MAGIC)?;
        // At most 29 points, and at most 2^29 powers.
        out.write_all(&(pinned.len() as u32).to_le_bytes())?;
        out.write_all(&(powers.len() as u32).to_le_bytes())?;
        for point in &pinned {
            out.write_all(&of_g2(point))?;
        }
        for power in powers {
            out.write_all(&of_g1(&from_raw(power)))?;
        }
        out.flush()
    }
}

/// How many powers there are, if the bytes have the length that their head leads to.
pub(super) fn powers(bytes: &[u8]) -> Option<usize> {
    head(bytes).map(|(_, n)| n)
}

/// Decompresses and checks the pinned points and the first `needed` powers.
pub(super) fn read(bytes: &[u8], needed: usize) -> Result<Srs, SrsError> {
    let (k, n) = head(bytes).ok_or(SrsError::NotExcerpt)?;
    let needed = needed.max(2);
    if n < needed {
        return Err(SrsError::TooFewPowers { needed, got: n });
    }
    let (pinned, powers) = bytes[HEAD..].split_at(k * G2);
    let g1_at = |i: usize| {
        let point = powers[i * G1..].first_chunk().and_then(to_g1);
        point.ok_or(SrsError::Point { section: Section::TauG1, index: i })
    };
    let g2_at = |j: usize| {
        let point = pinned[j * G2..].first_chunk().and_then(to_g2);
        point.ok_or(SrsError::Point { section: Section::TauG2, index: 1 << j })
    };
    let pinned_g1 = (0..k).map(|j| g1_at(1 << j)).collect::<Result<_, _>>()?;
    let pinned_g2 = (0..k).map(g2_at).collect::<Result<_, _>>()?;
    let pinned = pin(pinned_g1, pinned_g2)?;
    // Of several bad points, which one is named is not fixed.
    let raw: Vec<RawPoint> =
        (0..needed).into_par_iter().map(|i| g1_at(i).map(|point| to_raw(&point))).collect::<Result<_, _>>()?;
    let last = raw.len() * size_of::<RawPoint>();
    let g1 = SrsG1::checked(Bytes::Owned(raw.into()), 0..last)?;
    let (tau_g1, tau_g2) = pinned.g1(0).zip(pinned.g2(0)).ok_or(SrsError::Inconsistent)?;
    if tau_g1 == G1Affine::generator() {
        return Err(SrsError::NoContribution);
    }
    if g1.power(0) != Some(G1Affine::generator()) {
        return Err(SrsError::Inconsistent);
    }
    check_consecutive(g1.powers(), &tau_g2)?;
    Ok(Srs::new(g1, pinned))
}

/// k and n, if the bytes have the length that they lead to.
fn head(bytes: &[u8]) -> Option<(usize, usize)> {
    let (magic, rest) = bytes.split_first_chunk::<16>()?;
    let (k, rest) = rest.split_first_chunk::<4>()?;
    let (n, rest) = rest.split_first_chunk::<4>()?;
    let (k, n) = (u32::from_le_bytes(*k) as usize, u32::from_le_bytes(*n) as usize);
    let expected = n.checked_mul(G1)?.checked_add(k.min(PINNED) * G2)?;
    let fits = (1..=PINNED).contains(&k) && 1 << (k - 1) < n;
    (*magic == MAGIC && fits && rest.len() == expected).then_some((k, n))
}

fn of_g1(point: &G1Affine) -> [u8; G1] {
    let mut bytes = [0; G1];
    bytes.copy_from_slice(&point.x.into_bigint().to_bytes_be());
    bytes[0] |= if is_odd(&point.y) { ODD } else { 0 };
    bytes
}

fn of_g2(point: &G2Affine) -> [u8; G2] {
    let mut bytes = [0; G2];
    bytes[..32].copy_from_slice(&point.x.c1.into_bigint().to_bytes_be());
    bytes[32..].copy_from_slice(&point.x.c0.into_bigint().to_bytes_be());
    bytes[0] |= if is_odd_2(&point.y) { ODD } else { 0 };
    bytes
}

fn to_g1(bytes: &[u8; G1]) -> Option<G1Affine> {
    let (x, odd) = unsigned(bytes)?;
    let y = (x.square() * x + ark_bn254::g1::Config::COEFF_B).sqrt()?;
    // No y is 0: the group's order is odd.
    Some(G1Affine::new_unchecked(x, if is_odd(&y) == odd { y } else { -y }))
}

fn to_g2(bytes: &[u8; G2]) -> Option<G2Affine> {
    let (c1, c0) = bytes.split_first_chunk::<32>()?;
    let (c1, odd) = unsigned(c1)?;
    let x = Fq2::new(coordinate(c0.first_chunk()?)?, c1);
    let y = (x.square() * x + ark_bn254::g2::Config::COEFF_B).sqrt()?;
    Some(G2Affine::new_unchecked(x, if is_odd_2(&y) == odd { y } else { -y }))
}

/// A coordinate whose highest bit is the sign.
fn unsigned(bytes: &[u8; 32]) -> Option<(Fq, bool)> {
    let mut bytes = *bytes;
    let odd = bytes[0] & ODD != 0;
    bytes[0] &= !ODD;
    Some((coordinate(&bytes)?, odd))
}

/// A coordinate from 32 big-endian bytes, if below q.
fn coordinate(bytes: &[u8; 32]) -> Option<Fq> {
    let mut limbs = [0; 4];
    for (limb, bytes) in limbs.iter_mut().rev().zip(bytes.as_chunks().0) {
        *limb = u64::from_be_bytes(*bytes);
    }
    Fq::from_bigint(BigInt(limbs))
}

fn is_odd(y: &Fq) -> bool {
    y.into_bigint().is_odd()
}

fn is_odd_2(y: &Fq2) -> bool {
    is_odd(if y.c0 == Fq::ZERO { &y.c1 } else { &y.c0 })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::srs::{HEZ_FINAL, test_srs};

    fn compressed(srs: &Srs, powers: usize) -> Vec<u8> {
        let mut out = Vec::new();
        srs.write_compressed(powers, PINNED, &mut out).unwrap();
        out
    }

    #[test]
    fn what_is_read_is_what_was_written() {
        for srs in [test_srs(40).unwrap(), HEZ_FINAL.open(40).unwrap()] {
            let bytes = compressed(&srs, 33);
            // 2^5 < 33: [tau^(2^j)]_2 for j = 0..=5.
            assert_eq!(bytes.len(), HEAD + 6 * G2 + 33 * G1);
            assert_eq!(powers(&bytes), Some(33));
            for needed in [0, 2, 20, 33] {
                let read = read(&bytes, needed).unwrap();
                assert_eq!((read.id(), read.kind()), (srs.id(), srs.kind()));
                assert_eq!(read.powers(), &srs.powers()[..needed.max(2)]);
                assert_eq!((read.pinned().g1(5), read.pinned().g2(5)), (srs.pinned().g1(5), srs.pinned().g2(5)));
                assert_eq!(read.pinned().g2(6), None);
            }
            assert!(matches!(read(&bytes, 34), Err(SrsError::TooFewPowers { needed: 34, got: 33 })));
            assert_eq!(compressed(&read(&bytes, 33).unwrap(), 33), bytes);
        }
    }

    #[test]
    fn every_damage_is_found() {
        let good = compressed(&test_srs(12).unwrap(), 12);
        assert!(matches!(read(&good[..good.len() - 1], 2), Err(SrsError::NotExcerpt)));
        assert!(matches!(read(&[&good[..], &[0]].concat(), 2), Err(SrsError::NotExcerpt)));
        for at in (0..good.len()).step_by(11).chain(0..HEAD) {
            for bit in [1, ODD] {
                let mut bad = good.clone();
                bad[at] ^= bit;
                assert!(read(&bad, 12).is_err(), "bit {bit} of byte {at}");
            }
        }
        // Points of the curve in the wrong place.
        let power = |i: usize| HEAD + 4 * G2 + i * G1;
        for (a, b) in [(0, 1), (1, 2), (5, 6), (2, 4), (10, 11)] {
            let mut bad = good.clone();
            bad[power(a)..power(a + 1)].copy_from_slice(&good[power(b)..power(b + 1)]);
            assert!(matches!(read(&bad, 12), Err(SrsError::Inconsistent | SrsError::NoContribution)), "{a}");
        }
        // Coordinates that are not reduced.
        let mut bad = good.clone();
        bad[power(3)..power(4)].fill(0x7f);
        assert!(matches!(read(&bad, 12), Err(SrsError::Point { section: Section::TauG1, index: 3 })));
    }
}
