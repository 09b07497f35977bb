//! Which ceremony an SRS is from.

use std::fmt;

use ark_bn254::{Fq, Fq2, Fr, G2Affine};
use ark_ec::{AffineRepr, CurveGroup};
use ark_ff::{MontFp, PrimeField};
use sha3::{Digest, Keccak256};

/// Which ceremony an SRS is from, by its `[tau]_2`. Everything but a known ceremony is TEST.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SrsKind {
    /// The Perpetual Powers of Tau, as prepared for snarkjs.
    PerpetualPowersOfTau,
    /// The SRS of [`super::test_srs()`], whose tau is public: anybody can forge proofs.
    Test,
    /// Not on the list of known ceremonies: whoever made it may know tau.
    Unlisted,
}

impl SrsKind {
    /// The kind of the SRS with this `[tau]_2`.
    #[must_use]
    pub fn of(tau_g2: &G2Affine) -> Self {
        if *tau_g2 == PERPETUAL_POWERS_OF_TAU {
            Self::PerpetualPowersOfTau
        } else if *tau_g2 == (G2Affine::generator() * test_tau()).into_affine() {
            Self::Test
        } else {
            Self::Unlisted
        }
    }

    /// Whether proofs under the SRS mean anything only to those who trust its maker.
    #[must_use]
    pub fn is_test(self) -> bool {
        !matches!(self, Self::PerpetualPowersOfTau)
    }
}

impl fmt::Display for SrsKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::PerpetualPowersOfTau => "Perpetual Powers of Tau",
            Self::Test => "TEST, tau is public",
            Self::Unlisted => "TEST, not a known ceremony",
        })
    }
}

/// The constant from which the TEST SRS comes.
const TEST_TAU: &[u8] = b"zkinfer TEST SRS: never use in production";

/// tau of the TEST SRS: keccak256 of a sentence, read big-endian, modulo r.
pub(super) fn test_tau() -> Fr {
    Fr::from_be_bytes_mod_order(&Keccak256::digest(TEST_TAU))
}

/// `[tau]_2` of the ceremony, as in the verifying keys that snarkjs users have published.
const PERPETUAL_POWERS_OF_TAU: G2Affine =
    G2Affine::new_unchecked(Fq2::new(PPOT_X0, PPOT_X1), Fq2::new(PPOT_Y0, PPOT_Y1));
const PPOT_X0: Fq = MontFp!("21831381940315734285607113342023901060522397560371972897001948545212302161822");
const PPOT_X1: Fq = MontFp!("17231025384763736816414546592865244497437017442647097510447326538965263639101");
const PPOT_Y0: Fq = MontFp!("2388026358213174446665280700919698872609886601280537296205114254867301080648");
const PPOT_Y1: Fq = MontFp!("11507326595632554467052522095592665270651932854513688777769618397986436103170");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_known_ceremony_is_a_point_of_the_group() {
        assert!(PERPETUAL_POWERS_OF_TAU.is_on_curve());
        assert!(PERPETUAL_POWERS_OF_TAU.is_in_correct_subgroup_assuming_on_curve());
        let kind = SrsKind::of(&PERPETUAL_POWERS_OF_TAU);
        assert_eq!((kind, kind.is_test()), (SrsKind::PerpetualPowersOfTau, false));
    }

    #[test]
    fn everything_else_is_test() {
        for (tau, kind) in [(test_tau(), SrsKind::Test), (Fr::from(3u64), SrsKind::Unlisted)] {
            let found = SrsKind::of(&(G2Affine::generator() * tau).into_affine());
            assert_eq!(found, kind);
            assert!(found.is_test() && found.to_string().starts_with("TEST"));
        }
    }
}
