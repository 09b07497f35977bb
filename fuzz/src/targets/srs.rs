//! Powers of tau: files of ceremonies, and the excerpts that artifacts keep.

use ark_bn254::{Bn254, G1Affine, G2Affine};
use ark_ec::{AffineRepr, pairing::Pairing};
use zkinfer_prover::srs::{Ptau, Srs};

/// A `.ptau` file. What passes the checks is a list of powers of one tau, by pairings that were not batched.
pub(super) fn ptau(bytes: &[u8]) -> bool {
    let Ok(ptau) = Ptau::from_bytes(bytes) else { return false };
    assert!(bytes.len() >= (2 << ptau.power()) * 64, "the power that it claims is there");
    let Ok(srs) = Srs::from_ptau(&ptau, 3) else { return false };
    powers_of_one_tau(&srs);
    true
}

/// An excerpt.
pub(super) fn excerpt(bytes: &[u8]) -> bool {
    let Ok(srs) = Srs::from_excerpt(bytes, 3) else { return false };
    powers_of_one_tau(&srs);
    let mut again = Vec::new();
    srs.write_excerpt(3, &mut again).expect("memory");
    // Those that were not asked for are missing, and so their number differs.
    assert_eq!(again[..20], bytes[..20], "one encoding");
    assert_eq!(again[24..], bytes[24..again.len()], "one encoding");
    true
}

fn powers_of_one_tau(srs: &Srs) {
    let (one, two) = (G1Affine::generator(), G2Affine::generator());
    let tau = srs.pinned().g2(0).expect("[tau]_2 is pinned");
    assert_eq!(srs.g1().power(0), Some(one));
    for i in 0..2 {
        let (this, next) = (srs.g1().power(i), srs.g1().power(i + 1));
        let (this, next) = this.zip(next).expect("three powers were asked for");
        assert_eq!(Bn254::pairing(this, tau), Bn254::pairing(next, two), "power {i} times tau");
        assert_ne!(this, next, "tau is not 1");
    }
}
