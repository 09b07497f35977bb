//! What is known of an SRS.

use std::fmt;

use ark_bn254::Fr;
use ark_ff::PrimeField;
use sha3::{Digest, Keccak256};

use super::Ceremony;

/// What is known of an SRS, by its id, which is a hash of its `[tau]_1` and `[tau]_2`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SrsKind {
    /// Of a ceremony on the list: many took part in it, and one honest participant suffices.
    Listed(&'static Ceremony),
    /// The SRS of [`super::test_srs()`], whose tau is public: anybody can forge proofs.
    Test,
    /// On no list. Whoever made it may know tau.
    Unlisted,
}

impl SrsKind {
    /// The kind of the SRS with this id.
    #[must_use]
    pub fn of(srs_id: &[u8; 32]) -> Self {
        match Ceremony::listed(srs_id) {
            Some(ceremony) => Self::Listed(ceremony),
            None if *srs_id == TEST_ID => Self::Test,
            None => Self::Unlisted,
        }
    }

    /// The word for it in objects: `listed`, `TEST` or `unlisted`.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Listed(_) => "listed",
            Self::Test => "TEST",
            Self::Unlisted => "unlisted",
        }
    }

    /// The ceremony, if it is listed.
    #[must_use]
    pub const fn ceremony(self) -> Option<&'static Ceremony> {
        match self {
            Self::Listed(ceremony) => Some(ceremony),
            Self::Test | Self::Unlisted => None,
        }
    }

    /// Whether its tau is public.
    #[must_use]
    pub const fn is_test(self) -> bool {
        matches!(self, Self::Test)
    }
}

impl fmt::Display for SrsKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Listed(ceremony) => write!(f, "listed: {}", ceremony.title),
            Self::Test => f.write_str("TEST: its tau is public"),
            Self::Unlisted => f.write_str("unlisted: of no ceremony on the list"),
        }
    }
}

/// The constant from which the TEST SRS comes.
const TEST_TAU: &[u8] = b"zkinfer TEST SRS: never use in production";

/// Its id. (A test computes it.)
const TEST_ID: [u8; 32] = [
    0xda, 0x53, 0xa7, 0x27, 0x65, 0x4e, 0x0d, 0x37, 0x49, 0x8b, 0xb3, 0x68, 0x04, 0x37, 0xf0, 0xda, 0xa3, 0x65, 0x77,
    0xee, 0xd5, 0x9c, 0x01, 0x22, 0xfa, 0xd2, 0x41, 0x05, 0x4c, 0xc3, 0x8d, 0x88,
];

/// tau of the TEST SRS: keccak256 of a sentence, read big-endian, modulo r.
pub(super) fn test_tau() -> Fr {
    Fr::from_be_bytes_mod_order(&Keccak256::digest(TEST_TAU))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::srs::{HEZ_FINAL, test_srs};

    #[test]
    fn there_are_three_kinds_and_three_words() {
        let kinds = [&HEZ_FINAL.srs_id, test_srs(2).unwrap().id(), &[7; 32]].map(SrsKind::of);
        assert_eq!(kinds, [SrsKind::Listed(&HEZ_FINAL), SrsKind::Test, SrsKind::Unlisted]);
        assert_eq!(kinds.map(SrsKind::word), ["listed", "TEST", "unlisted"]);
        assert_eq!(kinds.map(SrsKind::is_test), [false, true, false], "TEST is said of a public tau only");
        for kind in kinds {
            assert!(kind.to_string().starts_with(kind.word()), "{kind}");
        }
    }
}
