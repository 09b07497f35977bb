//! EZKL's SRS files: read, checked, written, made smaller.
//!
//! Format (halo2 `.srs`): k as u32 LE | 2^k powers `[tau^i]_1` | 2^k Lagrange points `[L_i(tau)]_1` | `[1]_2` | `[tau]_2`.
//! Points are raw affine, coordinates as 32-byte LE limbs in Montgomery form; of an Fq2, c0 comes first.

use crate::proof::identity::{SrsPoints, srs_id};
use alloy::primitives::{B256, U256};
use ark_bn254::{Bn254, Fq, Fq2, Fr, G1Affine, G1Projective, G2Affine};
use ark_ec::{AffineRepr, CurveGroup, VariableBaseMSM, pairing::Pairing};
use ark_ff::{BigInt, BigInteger, Field, One, PrimeField};
use std::{
    io::{Read, Write},
    ops::{AddAssign, MulAssign, SubAssign},
};

/// The largest circuit that there is an SRS for.
pub(super) const MAX_K: u32 = 26;
/// Bytes beside the points of G1.
const FIXED_BYTES: u64 = 4 + 256;

/// Why a file is no SRS.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SrsFileError {
    /// It cannot be read.
    #[error("cannot read the SRS file: {0}")]
    Io(#[from] std::io::Error),
    /// Its size is not that of a file for its k.
    #[error("this is no SRS file of EZKL: {0}")]
    Format(String),
    /// A point is not on its curve, or not of the right group.
    #[error("point {index} of the SRS is not on the curve")]
    NotAPoint {
        /// Counted over the whole file, the powers first.
        index: usize,
    },
    /// The points are not powers of one tau.
    #[error("the SRS contradicts itself: {0}")]
    Inconsistent(&'static str),
}

/// A file's content.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Points {
    pub(super) k: u32,
    pub(super) powers: Vec<G1Affine>,
    pub(super) lagrange: Vec<G1Affine>,
    pub(super) g2: G2Affine,
    pub(super) tau_g2: G2Affine,
}

/// The length of the file for circuits of 2^k rows.
pub(super) const fn file_bytes(k: u32) -> u64 {
    (128 << k) + FIXED_BYTES
}

impl Points {
    /// Reads a file of `bytes` bytes. Every point is on its curve afterwards; [`Points::check`] tells whether they are an SRS.
    pub(super) fn read(input: &mut impl Read, bytes: u64) -> Result<Self, SrsFileError> {
        let mut k = [0; 4];
        input.read_exact(&mut k)?;
        let k = u32::from_le_bytes(k);
        if k == 0 || k > MAX_K || file_bytes(k) != bytes {
            return Err(SrsFileError::Format(format!("its header says k = {k}, and it has {bytes} bytes")));
        }
        let powers = (0..1 << k).map(|index| read_g1(input, index)).collect::<Result<_, _>>()?;
        let lagrange = (1 << k..2 << k).map(|index| read_g1(input, index)).collect::<Result<_, _>>()?;
        let g2 = read_g2(input, 2 << k)?;
        let tau_g2 = read_g2(input, (2 << k) + 1)?;
        Ok(Self { k, powers, lagrange, g2, tau_g2 })
    }

    /// Checks by pairings that these are the powers of one tau, the same in both groups, and their Lagrange points.
    pub(super) fn check(&self, randomness: &mut impl FnMut() -> Fr) -> Result<(), SrsFileError> {
        let (g1, tau_g1) = match self.powers[..] {
            [g1, tau_g1, ..] => (g1, tau_g1),
            _ => return Err(SrsFileError::Inconsistent("it has one power only")),
        };
        if g1 != G1Affine::generator() || self.g2 != G2Affine::generator() {
            return Err(SrsFileError::Inconsistent("it does not begin with the groups' generators"));
        }
        if self.tau_g2 == self.g2 || Bn254::pairing(tau_g1, self.g2) != Bn254::pairing(g1, self.tau_g2) {
            return Err(SrsFileError::Inconsistent("the powers in both groups are of different numbers"));
        }
        // All powers at once, by a random combination.
        let random: Vec<Fr> = (1..self.powers.len()).map(|_| randomness()).collect();
        let combine = |points: &[G1Affine]| G1Projective::msm_unchecked(points, &random);
        let (low, high) = (combine(&self.powers[..random.len()]), combine(&self.powers[1..]));
        if Bn254::pairing(high, self.g2) != Bn254::pairing(low, self.tau_g2) {
            return Err(SrsFileError::Inconsistent("a power does not follow from the one before it"));
        }
        // A random polynomial, once by its values and once by its coefficients.
        let values: Vec<Fr> = (0..self.powers.len()).map(|_| randomness()).collect();
        let coefficients = inverse_transform(values.clone(), self.k);
        let by_values = G1Projective::msm_unchecked(&self.lagrange, &values);
        if by_values != G1Projective::msm_unchecked(&self.powers, &coefficients) {
            return Err(SrsFileError::Inconsistent("the Lagrange points are not those of its powers"));
        }
        Ok(())
    }

    /// The same SRS for circuits of 2^k rows.
    pub(super) fn down_size(&self, k: u32) -> Result<Self, SrsFileError> {
        let powers = self.powers.get(..1 << k).filter(|_| k > 0).map(<[G1Affine]>::to_vec);
        let powers = powers.ok_or_else(|| SrsFileError::Format(format!("it has no 2^{k} powers")))?;
        let points = powers.iter().map(|point| point.into_group()).collect();
        let lagrange = G1Projective::normalize_batch(&inverse_transform::<G1Projective>(points, k));
        Ok(Self { k, powers, lagrange, g2: self.g2, tau_g2: self.tau_g2 })
    }

    pub(super) fn write(&self, out: &mut impl Write) -> std::io::Result<()> {
        out.write_all(&self.k.to_le_bytes())?;
        for point in self.powers.iter().chain(&self.lagrange) {
            write_g1(out, point)?;
        }
        write_g2(out, &self.g2)?;
        write_g2(out, &self.tau_g2)
    }

    pub(super) fn id(&self) -> B256 {
        self.powers.get(1).map_or(B256::ZERO, |tau_g1| id_of(tau_g1, &self.tau_g2))
    }
}

/// The id of the ceremony with these points.
pub(super) fn id_of(tau_g1: &G1Affine, tau_g2: &G2Affine) -> B256 {
    srs_id(&SrsPoints {
        tau_g1: [word(tau_g1.x), word(tau_g1.y)],
        tau_g2: [word(tau_g2.x.c1), word(tau_g2.x.c0), word(tau_g2.y.c1), word(tau_g2.y.c0)],
    })
}

/// halo2's root of unity of order 2^k: a power of the generator 7. arkworks takes the generator 5, whose powers order the points
/// differently.
pub(super) fn root_of_unity(k: u32) -> Fr {
    Fr::from(7u64).pow(Fr::MODULUS_MINUS_ONE_DIV_TWO >> (k - 1))
}

/// From values over the subgroup of order 2^k to coefficients; of points, from powers to Lagrange points: both are
/// `1/n sum_j w^(-ij) x_j`.
fn inverse_transform<T: Copy + AddAssign + SubAssign + MulAssign<Fr>>(mut x: Vec<T>, k: u32) -> Vec<T> {
    let n = 1usize << k;
    for i in 0..n {
        let j = i.reverse_bits() >> (usize::BITS - k);
        if i < j {
            x.swap(i, j);
        }
    }
    // The root is not zero, nor is n in the field.
    let root = root_of_unity(k).inverse().unwrap_or_default();
    for level in 0..k {
        let half = 1usize << level;
        let step = root.pow([(n / (2 * half)) as u64]);
        let twiddles: Vec<Fr> = std::iter::successors(Some(Fr::one()), |w| Some(*w * step)).take(half).collect();
        for block in x.chunks_exact_mut(2 * half) {
            let (low, high) = block.split_at_mut(half);
            for ((low, high), &twiddle) in low.iter_mut().zip(high).zip(&twiddles) {
                if !twiddle.is_one() {
                    *high *= twiddle;
                }
                let product = *high;
                *high = *low;
                *high -= product;
                *low += product;
            }
        }
    }
    let scale = Fr::from(n as u64).inverse().unwrap_or_default();
    for value in &mut x {
        *value *= scale;
    }
    x
}

fn read_g1(input: &mut impl Read, index: usize) -> Result<G1Affine, SrsFileError> {
    let bad = SrsFileError::NotAPoint { index };
    let (Some(x), Some(y)) = (read_fq(input)?, read_fq(input)?) else { return Err(bad) };
    // G1 has no cofactor: a point of the curve is one of the group.
    let point = G1Affine::new_unchecked(x, y);
    if point.is_on_curve() { Ok(point) } else { Err(bad) }
}

fn read_g2(input: &mut impl Read, index: usize) -> Result<G2Affine, SrsFileError> {
    let coordinates = [read_fq(input)?, read_fq(input)?, read_fq(input)?, read_fq(input)?];
    let [Some(x0), Some(x1), Some(y0), Some(y1)] = coordinates else {
        return Err(SrsFileError::NotAPoint { index });
    };
    let point = G2Affine::new_unchecked(Fq2::new(x0, x1), Fq2::new(y0, y1));
    if point.is_on_curve() && point.is_in_correct_subgroup_assuming_on_curve() {
        Ok(point)
    } else {
        Err(SrsFileError::NotAPoint { index })
    }
}

/// `None` for what is not below the field's order.
fn read_fq(input: &mut impl Read) -> Result<Option<Fq>, SrsFileError> {
    let mut bytes = [0; 32];
    input.read_exact(&mut bytes)?;
    let limbs = U256::from_le_bytes(bytes).into_limbs();
    let montgomery = BigInt::new(limbs);
    Ok((montgomery < Fq::MODULUS).then(|| Fq::new_unchecked(montgomery)))
}

pub(super) fn write_g1(out: &mut impl Write, point: &G1Affine) -> std::io::Result<()> {
    debug_assert!(!point.is_zero());
    write_fq(out, point.x)?;
    write_fq(out, point.y)
}

pub(super) fn write_g2(out: &mut impl Write, point: &G2Affine) -> std::io::Result<()> {
    for coordinate in [point.x.c0, point.x.c1, point.y.c0, point.y.c1] {
        write_fq(out, coordinate)?;
    }
    Ok(())
}

fn write_fq(out: &mut impl Write, x: Fq) -> std::io::Result<()> {
    // `.0` is the Montgomery form that the format asks for.
    out.write_all(&x.0.to_bytes_le())
}

fn word(x: Fq) -> U256 {
    U256::from_limbs(x.into_bigint().0)
}

#[cfg(test)]
mod tests {
    use super::{super::test_srs::write_test_srs, *};

    fn file(k: u32) -> Vec<u8> {
        let mut bytes = Vec::new();
        write_test_srs(&mut bytes, k).unwrap();
        bytes
    }

    fn read(bytes: &[u8]) -> Result<Points, SrsFileError> {
        Points::read(&mut &*bytes, bytes.len() as u64)
    }

    fn check(points: &Points) -> Result<(), SrsFileError> {
        let mut next = 5u64;
        points.check(&mut || {
            next = next.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            Fr::from(next)
        })
    }

    #[test]
    fn files_round_trip_and_shrink_to_what_is_made_small() {
        let large = read(&file(6)).unwrap();
        check(&large).unwrap();
        for k in 1..=6 {
            let mut bytes = Vec::new();
            large.down_size(k).unwrap().write(&mut bytes).unwrap();
            assert_eq!(bytes, file(k), "k = {k}");
        }
        for k in [0, 7, 40] {
            assert!(matches!(large.down_size(k), Err(SrsFileError::Format(_))), "k = {k}");
        }
    }

    #[test]
    fn what_is_no_file_is_refused() {
        let whole = file(4);
        let with = |at: usize, byte: u8| {
            let mut bytes = whole.clone();
            bytes[at] ^= byte;
            read(&bytes)
        };
        assert!(matches!(read(&[]), Err(SrsFileError::Io(_))));
        assert!(matches!(read(&whole[..whole.len() - 1]), Err(SrsFileError::Format(_))));
        assert!(matches!(with(0, 1), Err(SrsFileError::Format(_))));
        assert!(matches!(with(3, 0x80), Err(SrsFileError::Format(_))));
        assert!(matches!(with(4 + 64 * 3, 1), Err(SrsFileError::NotAPoint { index: 3 })));
        assert!(matches!(with(4 + 64 * 3 + 31, 0xc0), Err(SrsFileError::NotAPoint { index: 3 })), "not below q");
        assert!(matches!(with(whole.len() - 1, 1), Err(SrsFileError::NotAPoint { index: 33 })));
    }

    /// Points of the curve that are no SRS: each contradiction is found by its own check.
    #[test]
    fn what_is_no_srs_is_refused() {
        let whole = read(&file(4)).unwrap();
        let refused = |change: &dyn Fn(&mut Points)| {
            let mut points = whole.clone();
            change(&mut points);
            match check(&points).unwrap_err() {
                SrsFileError::Inconsistent(why) => why,
                other => panic!("{other}"),
            }
        };
        assert!(refused(&|points| points.powers.swap(0, 1)).contains("generators"));
        assert!(refused(&|points| points.tau_g2 = points.g2).contains("different numbers"));
        assert!(refused(&|points| points.powers[1] = points.powers[2]).contains("different numbers"));
        assert!(refused(&|points| points.powers.swap(3, 4)).contains("follow"));
        assert!(refused(&|points| points.powers[15] = points.powers[14]).contains("follow"));
        assert!(refused(&|points| points.lagrange.swap(1, 2)).contains("Lagrange"));
    }
}
