//! An SRS that is not secret, for tests and demonstrations.

use std::io::{self, Write};

use ark_bn254::{Fq, Fr, G1Affine, G2Affine, G2Projective};
use ark_ec::{AffineRepr, CurveGroup, PrimeGroup, ScalarMul};
use ark_ff::{BigInteger, Field, PrimeField};

use super::{
    PINNED, Srs, SrsError,
    g1::SrsG1,
    kind::test_tau,
    ptau::{COORDINATE, HEADER, MAGIC, VERSION},
};
use crate::{
    kernels::{Multiples, RawPoint},
    pinned::PinnedSrs,
};

/// Powers computed in one go.
const CHUNK: usize = 1 << 16;

/// The TEST SRS with `needed` powers in G1, and at least two.
///
/// Its tau is keccak256("zkinfer TEST SRS: never use in production") modulo r: ANYBODY CAN FORGE
/// PROOFS UNDER IT. The same everywhere, so that tests and demonstrations need no download.
///
/// # Errors
/// [`SrsError::TooFewPowers`] for more powers than any ceremony for BN254 has.
pub fn test_srs(needed: usize) -> Result<Srs, SrsError> {
    let most = (2 << (PINNED - 1)) - 1;
    if needed > most {
        return Err(SrsError::TooFewPowers { needed, got: most });
    }
    let tau = test_tau();
    let doubling: Vec<Fr> = std::iter::successors(Some(tau), |t| Some(t.square())).take(PINNED).collect();
    let g1 = doubling.iter().map(|t| (G1Affine::generator() * t).into_affine()).collect();
    let g2 = doubling.iter().map(|t| (G2Affine::generator() * t).into_affine()).collect();
    let pinned = PinnedSrs::new(g1, g2).map_err(|_| SrsError::Inconsistent)?;
    Ok(Srs::new(SrsG1::owned(powers_g1(tau, needed.max(2))), pinned))
}

/// Writes the TEST SRS as a `.ptau` file of the given power, with the sections that are read.
///
/// For tests of readers: slow beyond powers of about 16.
///
/// # Errors
/// What `out` reports, and a power that is not in 1..=28.
pub fn write_test_ptau(power: u32, mut out: impl Write) -> io::Result<()> {
    if !(1..=PINNED as u32).contains(&power) {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "power out of 1..=28"));
    }
    let (n1, n2) = ((2usize << power) - 1, 1usize << power);
    out.write_all(&MAGIC)?;
    out.write_all(&VERSION.to_le_bytes())?;
    out.write_all(&3u32.to_le_bytes())?;
    section(&mut out, 1, HEADER)?;
    out.write_all(&COORDINATE.to_le_bytes())?;
    out.write_all(&Fq::MODULUS.to_bytes_le())?;
    out.write_all(&power.to_le_bytes())?;
    out.write_all(&power.to_le_bytes())?;
    section(&mut out, 2, n1 as u64 * 64)?;
    out.write_all(powers_g1(test_tau(), n1).as_flattened())?;
    section(&mut out, 3, n2 as u64 * 128)?;
    let powers: Vec<Fr> = successive(test_tau(), 0, n2);
    for point in G2Projective::generator().batch_mul(&powers) {
        for coordinate in [point.x.c0, point.x.c1, point.y.c0, point.y.c1] {
            // The representation in memory is the Montgomery form.
            out.write_all(&coordinate.0.to_bytes_le())?;
        }
    }
    out.flush()
}

fn section(out: &mut impl Write, kind: u32, length: u64) -> io::Result<()> {
    out.write_all(&kind.to_le_bytes())?;
    out.write_all(&length.to_le_bytes())
}

/// `tau^i` for `from <= i < from + n`.
fn successive(tau: Fr, from: usize, n: usize) -> Vec<Fr> {
    std::iter::successors(Some(tau.pow([from as u64])), |p| Some(*p * tau)).take(n).collect()
}

/// `[tau^i]_1` for `i < n`.
fn powers_g1(tau: Fr, n: usize) -> Vec<RawPoint> {
    let table = Multiples::new(&G1Affine::generator());
    let mut powers = Vec::with_capacity(n);
    for from in (0..n).step_by(CHUNK) {
        powers.extend(table.of(&successive(tau, from, CHUNK.min(n - from))));
    }
    powers
}
