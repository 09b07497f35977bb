//! The TEST SRS in EZKL's file format.
//!
//! tau is known to everybody: whoever uses this SRS can be lied to. It is the same on every machine, so that the ids of
//! models that were set up with it are too. A ceremony's file takes its place outside tests.

use super::format::{id_of, root_of_unity, write_g1, write_g2};
use alloy::primitives::{B256, keccak256};
use ark_bn254::{Fr, G1Projective, G2Projective};
use ark_ec::{CurveGroup, PrimeGroup, ScalarMul};
use ark_ff::{Field, One, PrimeField, batch_inversion};
use std::io::Write;

/// Whoever reads this string knows tau.
const TAU_SEED: &str = "zkinfer TEST SRS: never use in production";

fn tau() -> Fr {
    Fr::from_be_bytes_mod_order(keccak256(TAU_SEED).as_slice())
}

/// The id of the TEST SRS.
pub(in crate::backend::ezkl) fn test_srs_id() -> B256 {
    let g1 = (G1Projective::generator() * tau()).into_affine();
    let g2 = (G2Projective::generator() * tau()).into_affine();
    id_of(&g1, &g2)
}

/// Writes the TEST SRS of 2^k points.
pub(super) fn write_test_srs(out: &mut impl Write, k: u32) -> std::io::Result<()> {
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
    let root = root_of_unity(k);
    let domain: Vec<Fr> = std::iter::successors(Some(Fr::one()), |w| Some(*w * root)).take(1 << k).collect();
    let mut denominators: Vec<Fr> = domain.iter().map(|w| (tau() - w) * Fr::from(n)).collect();
    batch_inversion(&mut denominators);
    let vanishing = tau().pow([n]) - Fr::one();
    domain.iter().zip(denominators).map(|(w, inverse)| vanishing * w * inverse).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use sha2::{Digest, Sha256};

    /// The bytes are those of an independent implementation with which EZKL itself proved and verified.
    #[test]
    fn the_test_srs_is_the_fixture() {
        let fixture: serde_json::Value =
            serde_json::from_str(include_str!("../../../../tests/fixtures/test-srs.json")).unwrap();
        assert_eq!(fixture["srs_id"].as_str().unwrap(), test_srs_id().to_string());
        let files = fixture["files"].as_array().unwrap();
        assert_eq!(files.len(), 2);
        for file in files {
            let k = u32::try_from(file["k"].as_u64().unwrap()).unwrap();
            let mut bytes = Vec::new();
            write_test_srs(&mut bytes, k).unwrap();
            assert_eq!(bytes.len() as u64, file["bytes"].as_u64().unwrap());
            assert_eq!(alloy::hex::encode(Sha256::digest(&bytes)), file["sha256"].as_str().unwrap(), "k = {k}");
        }
    }
}
