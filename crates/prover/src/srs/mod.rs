//! §3: structured reference strings (powers of tau) for BN254.
//!
//! An SRS is of a [`Ceremony`] that ships with the program, comes from a [`Ptau`] file, or is the TEST
//! SRS ([`test_srs()`]). Whatever it is, it is checked before it becomes a [`Srs`]: points in their
//! groups, consecutive powers of one tau, the same tau in both groups. What a verifier needs of it is
//! its [`PinnedSrs`]; what is known of it, its [`SrsKind`], follows from its id.

mod ceremonies;
mod compressed;
mod error;
mod excerpt;
mod g1;
mod kind;
mod ptau;
mod test_srs;
#[cfg(test)]
mod tests;

use std::{fmt, path::Path};

use ark_bn254::{Bn254, Fr, G1Affine, G1Projective, G2Affine};
use ark_ec::{AffineRepr, CurveGroup, pairing::Pairing};
use ark_ff::{AdditiveGroup, PrimeField};
use sha3::{Digest, Keccak256};

pub use ceremonies::{Ceremony, HEZ_FINAL};
pub use error::{Section, SrsError, ptau_power};
pub use g1::SrsG1;
pub use kind::SrsKind;
pub use ptau::Ptau;
pub use test_srs::{test_srs, write_test_ptau};

use crate::{
    kernels::{RawPoint, msm_u128},
    pinned::{PinnedSrs, PinnedSrsError},
};

/// How many points `[tau^(2^j)]` an SRS pins at most: j = 0..=28.
const PINNED: usize = 29;
/// Consecutive powers that share their random weights' first factor.
const CHUNK: usize = 1 << 15;

/// A checked SRS: powers of one tau in G1, and the points a verifier uses.
#[derive(Clone, Debug)]
pub struct Srs {
    g1: SrsG1,
    pinned: PinnedSrs,
    kind: SrsKind,
}

impl fmt::Display for Srs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SRS 0x")?;
        self.id().iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
        write!(f, " ({}), {} powers", self.kind, self.g1.len())
    }
}

impl Srs {
    fn new(g1: SrsG1, pinned: PinnedSrs) -> Self {
        let kind = SrsKind::of(pinned.id());
        Self { g1, pinned, kind }
    }

    /// The same with the first `needed` powers only.
    fn prefix(&self, needed: usize) -> Result<Self, SrsError> {
        Ok(Self { g1: self.g1.prefix(needed)?, pinned: self.pinned.clone(), kind: self.kind })
    }

    /// Maps the first `needed` powers of a `.ptau` file and checks them.
    ///
    /// The file must not change while the value exists.
    ///
    /// # Errors
    /// The file cannot be read, is too small, or fails a check.
    pub fn open(path: impl AsRef<Path>, needed: usize) -> Result<Self, SrsError> {
        Self::from_ptau(&Ptau::open(path)?, needed)
    }

    /// Checks the first `needed` powers of a `.ptau` file, and `[tau^(2^j)]` in both groups.
    ///
    /// # Errors
    /// The file is too small or fails a check.
    pub fn from_ptau(ptau: &Ptau, needed: usize) -> Result<Self, SrsError> {
        let g1 = ptau.g1(needed.max(2))?;
        if g1.power(0) != Some(G1Affine::generator()) || ptau.power_g2(0)? != G2Affine::generator() {
            return Err(SrsError::Inconsistent);
        }
        if g1.power(1) == Some(G1Affine::generator()) {
            return Err(SrsError::NoContribution);
        }
        let exponents = (0..ptau.power()).map(|j| 1 << j);
        let pinned_g1 = exponents.clone().map(|i| ptau.power_g1(i)).collect::<Result<_, _>>()?;
        let pinned_g2 = exponents.map(|i| ptau.power_g2(i)).collect::<Result<_, _>>()?;
        let pinned = pin(pinned_g1, pinned_g2)?;
        let tau = pinned.g2(0).ok_or(SrsError::Inconsistent)?;
        check_consecutive(g1.powers(), &tau)?;
        Ok(Self::new(g1, pinned))
    }

    /// `[tau^i]_1`, in the form that [`crate::kernels`] reads.
    #[must_use]
    pub fn powers(&self) -> &[RawPoint] {
        self.g1.powers()
    }

    /// `[tau^i]_1`.
    #[must_use]
    pub fn g1(&self) -> &SrsG1 {
        &self.g1
    }

    /// The points that verifiers use.
    #[must_use]
    pub fn pinned(&self) -> &PinnedSrs {
        &self.pinned
    }

    /// keccak256(TAG || `[tau]_1` || `[tau]_2`): of the ceremony, whatever the file's size.
    #[must_use]
    pub fn id(&self) -> &[u8; 32] {
        self.pinned.id()
    }

    /// What is known of it.
    #[must_use]
    pub fn kind(&self) -> SrsKind {
        self.kind
    }
}

/// Checks and pins points `[tau^(2^j)]` that are known to be on their curves.
fn pin(g1: Vec<G1Affine>, g2: Vec<G2Affine>) -> Result<PinnedSrs, SrsError> {
    PinnedSrs::new(g1, g2).map_err(|error| match error {
        PinnedSrsError::Point(j) => SrsError::OutsideSubgroup(1 << j),
        _ => SrsError::Inconsistent,
    })
}

/// Checks `P_(i+1) = tau P_i` for all i by one pairing equation:
/// `e(sum_i w_i P_(i+1), [1]_2) = e(sum_i w_i P_i, [tau]_2)` with random weights w.
///
/// `w_(k m + i) = c_k a_i` for chunks of m powers, `a_i < 2^128` and `c_k` uniform. If some
/// `P_(i+1) - tau P_i` is not the identity, the sum over its chunk is the identity with
/// probability at most 2^-128, and else the whole sum with about 1/r.
fn check_consecutive(powers: &[RawPoint], tau_g2: &G2Affine) -> Result<(), SrsError> {
    let Some(last) = powers.len().checked_sub(1) else {
        return Ok(());
    };
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(|_| SrsError::Randomness)?;
    let block = |kind: u8, i: usize| {
        let hash = Keccak256::new().chain_update(seed).chain_update([kind]);
        hash.chain_update((i as u64).to_be_bytes()).finalize()
    };
    let weights: Vec<u128> =
        (0..CHUNK.min(last)).map(|i| block(0, i)[..16].iter().fold(0, |w, byte| w << 8 | u128::from(*byte))).collect();
    let (mut low, mut high) = (G1Projective::ZERO, G1Projective::ZERO);
    for (k, from) in (0..last).step_by(CHUNK).enumerate() {
        let to = (from + CHUNK).min(last);
        let factor = Fr::from_be_bytes_mod_order(&block(1, k));
        low += msm_u128(&powers[from..to], &weights) * factor;
        high += msm_u128(&powers[from + 1..=to], &weights) * factor;
    }
    let points = [high.into_affine(), (-low).into_affine()];
    let product = Bn254::multi_pairing(points, [G2Affine::generator(), *tau_g2]);
    if product == ark_ec::pairing::PairingOutput::ZERO { Ok(()) } else { Err(SrsError::Inconsistent) }
}
