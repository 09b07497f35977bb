//! The TEST SRS in EZKL's file format.
//!
//! tau is known to everybody: whoever uses this SRS can be lied to. It is the same on every machine, so that the ids of
//! models that were set up with it are too. A ceremony's file takes its place outside tests.
//!
//! Format (halo2 `.srs`): k as u32 LE | 2^k powers `[tau^i]_1` | 2^k Lagrange points `[L_i(tau)]_1` | `[1]_2` | `[tau]_2`.
//! Points are raw affine, coordinates as 32-byte LE limbs in Montgomery form; of an Fq2, c0 comes first.

use crate::{
    backend::BackendError,
    proof::identity::{SrsPoints, srs_id},
};
use alloy::primitives::{B256, U256, keccak256};
use ark_bn254::{Fq, Fr, G1Affine, G1Projective, G2Affine, G2Projective};
use ark_ec::{AffineRepr, CurveGroup, PrimeGroup, ScalarMul};
use ark_ff::{BigInteger, Field, One, PrimeField, batch_inversion};
use std::{io::Write, path::Path};

/// Whoever reads this string knows tau.
const TAU_SEED: &str = "zkinfer TEST SRS: never use in production";

fn tau() -> Fr {
    Fr::from_be_bytes_mod_order(keccak256(TAU_SEED).as_slice())
}

/// The id of the TEST SRS.
pub(super) fn test_srs_id() -> B256 {
    let g1 = (G1Projective::generator() * tau()).into_affine();
    let g2 = (G2Projective::generator() * tau()).into_affine();
    srs_id(&SrsPoints {
        tau_g1: [word(g1.x), word(g1.y)],
        tau_g2: [word(g2.x.c1), word(g2.x.c0), word(g2.y.c1), word(g2.y.c0)],
    })
}

/// Writes the TEST SRS of 2^k points to `path`, whole or not at all.
pub(super) fn write_test_srs(path: &Path, k: u32) -> Result<(), BackendError> {
    let io = || BackendError::io(path);
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(io())?;
    {
        let mut writer = std::io::BufWriter::new(&mut file);
        write_srs(&mut writer, k).and_then(|()| writer.flush()).map_err(io())?;
    }
    file.as_file().sync_all().map_err(io())?;
    file.persist(path).map_err(|error| error.error).map_err(io())?;
    Ok(())
}

fn write_srs(out: &mut impl Write, k: u32) -> std::io::Result<()> {
    out.write_all(&k.to_le_bytes())?;
    let generator = G1Projective::generator();
    for scalars in [powers(1 << k), lagrange(k)] {
        for point in generator.batch_mul(&scalars) {
            write_g1(out, &point)?;
        }
    }
    let g2 = G2Projective::generator();
    write_g2(out, &g2.into_affine())?;
    write_g2(out, &(g2 * tau()).into_affine())
}

/// 1, tau, tau^2, …
fn powers(n: usize) -> Vec<Fr> {
    std::iter::successors(Some(Fr::one()), |power| Some(*power * tau())).take(n).collect()
}

/// L_i(tau) = w^i (tau^n - 1) / (n (tau - w^i)) over the subgroup of order n = 2^k with generator w.
fn lagrange(k: u32) -> Vec<Fr> {
    let n = 1u64 << k;
    // halo2's root of unity: a power of the generator 7. arkworks takes the generator 5, whose powers order the points
    // differently.
    let root = Fr::from(7u64).pow(Fr::MODULUS_MINUS_ONE_DIV_TWO >> (k - 1));
    let domain: Vec<Fr> = std::iter::successors(Some(Fr::one()), |w| Some(*w * root)).take(1 << k).collect();
    let mut denominators: Vec<Fr> = domain.iter().map(|w| (tau() - w) * Fr::from(n)).collect();
    batch_inversion(&mut denominators);
    let vanishing = tau().pow([n]) - Fr::one();
    domain.iter().zip(denominators).map(|(w, inverse)| vanishing * w * inverse).collect()
}

fn write_g1(out: &mut impl Write, point: &G1Affine) -> std::io::Result<()> {
    debug_assert!(!point.is_zero());
    write_fq(out, point.x)?;
    write_fq(out, point.y)
}

fn write_g2(out: &mut impl Write, point: &G2Affine) -> std::io::Result<()> {
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
    use super::*;
    use sha2::{Digest, Sha256};

    /// The bytes are those of an independent implementation with which EZKL itself proved and verified.
    #[test]
    fn the_test_srs_is_the_fixture() {
        let fixture: serde_json::Value =
            serde_json::from_str(include_str!("../../../tests/fixtures/test-srs.json")).unwrap();
        assert_eq!(fixture["srs_id"].as_str().unwrap(), test_srs_id().to_string());
        let dir = tempfile::tempdir().unwrap();
        let files = fixture["files"].as_array().unwrap();
        assert_eq!(files.len(), 2);
        for file in files {
            let k = u32::try_from(file["k"].as_u64().unwrap()).unwrap();
            let path = dir.path().join(k.to_string());
            write_test_srs(&path, k).unwrap();
            let bytes = std::fs::read(&path).unwrap();
            assert_eq!(bytes.len() as u64, file["bytes"].as_u64().unwrap());
            assert_eq!(alloy::hex::encode(Sha256::digest(&bytes)), file["sha256"].as_str().unwrap(), "k = {k}");
        }
    }

    #[test]
    fn a_failed_write_leaves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        assert!(write_test_srs(&dir.path().join("missing/kzg1.srs"), 1).is_err());
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}
