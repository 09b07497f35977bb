//! The ceremonies that this program knows, and the powers of those that it ships.
//!
//! A further ceremony is a further entry of [`LIST`]: its points, where they can be looked up, and, if
//! it is to ship, its powers (`assets/`). What is said of an SRS, in every output, policy and audit,
//! follows from this list.

use std::{
    collections::BTreeMap,
    fmt,
    hash::{Hash, Hasher},
    sync::{Mutex, PoisonError},
};

use ark_bn254::{Fq, Fq2, G1Affine, G2Affine};
use ark_ff::MontFp;

use super::{Srs, SrsError, compressed};

/// A ceremony on the list.
pub struct Ceremony {
    /// Its name, as options take it.
    pub name: &'static str,
    /// Its name, as people know it.
    pub title: &'static str,
    /// keccak256(TAG || `[tau]_1` || `[tau]_2`).
    pub srs_id: [u8; 32],
    /// `[tau]_1`.
    pub tau_g1: G1Affine,
    /// `[tau]_2`.
    pub tau_g2: G2Affine,
    /// Why its points are believed to be the ceremony's: where they were published.
    pub evidence: &'static str,
    /// Its powers, compressed, if they ship with the program.
    powers: Option<&'static [u8]>,
}

impl fmt::Debug for Ceremony {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Ceremony").field(&self.name).finish()
    }
}

impl PartialEq for Ceremony {
    fn eq(&self, other: &Self) -> bool {
        self.srs_id == other.srs_id
    }
}

impl Eq for Ceremony {}

impl Hash for Ceremony {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.srs_id.hash(state);
    }
}

/// The ceremonies, each with an id of its own.
#[cfg(not(test))]
static LIST: [&Ceremony; 1] = [&HEZ_FINAL];
/// What a further entry takes, and whether anything rests on there being one, is tested with one that does not ship.
#[cfg(test)]
static LIST: [&Ceremony; 2] = [&HEZ_FINAL, &tests::EIGENDA];

/// What was opened in this process, with as many powers as were needed so far.
static OPENED: Mutex<BTreeMap<[u8; 32], Srs>> = Mutex::new(BTreeMap::new());

impl Ceremony {
    /// Every ceremony on the list.
    #[must_use]
    pub fn list() -> &'static [&'static Self] {
        &LIST
    }

    /// The ceremony whose SRS has this id.
    #[must_use]
    pub fn listed(srs_id: &[u8; 32]) -> Option<&'static Self> {
        LIST.into_iter().find(|ceremony| ceremony.srs_id == *srs_id)
    }

    /// How many powers in G1 ship with the program.
    #[must_use]
    pub fn shipped(&self) -> usize {
        self.powers.and_then(compressed::powers).unwrap_or(0)
    }

    /// The first `needed` powers of those that ship, checked as those of a file are.
    ///
    /// They are decompressed once in a process, as far as they are needed.
    ///
    /// # Errors
    /// [`SrsError::TooFewPowers`] for more than [`Self::shipped`]; others when the program is damaged.
    pub fn open(&self, needed: usize) -> Result<Srs, SrsError> {
        let needed = needed.max(2);
        let mut opened = OPENED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(srs) = opened.get(&self.srs_id).filter(|srs| srs.powers().len() >= needed) {
            return srs.prefix(needed);
        }
        let powers = self.powers.ok_or(SrsError::TooFewPowers { needed, got: 0 })?;
        let srs = compressed::read(powers, needed)?;
        // The points of the list are those that were published: nothing else is served under this name.
        if *srs.id() != self.srs_id || srs.pinned().g2(0) != Some(self.tau_g2) {
            return Err(SrsError::Inconsistent);
        }
        opened.insert(self.srs_id, srs.clone());
        Ok(srs)
    }
}

/// The Perpetual Powers of Tau after 54 contributions and a beacon, as prepared for snarkjs.
pub static HEZ_FINAL: Ceremony = Ceremony {
    name: "hez-final",
    title: "Perpetual Powers of Tau (hez final)",
    srs_id: [
        0xed, 0x74, 0xe3, 0x29, 0xaa, 0xc9, 0x38, 0xfb, 0x49, 0x21, 0x89, 0x00, 0x3d, 0xdb, 0x8e, 0xeb, 0x22, 0x08,
        0x8b, 0x71, 0x8d, 0x15, 0x41, 0xd2, 0xd9, 0x85, 0xeb, 0x86, 0x4a, 0x4f, 0xbc, 0x3c,
    ],
    tau_g1: G1Affine::new_unchecked(HEZ_G1_X, HEZ_G1_Y),
    tau_g2: G2Affine::new_unchecked(Fq2::new(HEZ_X0, HEZ_X1), Fq2::new(HEZ_Y0, HEZ_Y1)),
    evidence: "[tau]_2 stands in verifying keys that snarkjs users published; 8.ptau of the crate ppot-rs 0.1.1 has \
               the BLAKE2b hash that snarkjs publishes for powersOfTau28_hez_final_08.ptau",
    powers: Some(include_bytes!("../../assets/hez-final.srs")),
};
const HEZ_G1_X: Fq = MontFp!("20728631459180945195599883126918614737332401693345742211369865915898638258639");
const HEZ_G1_Y: Fq = MontFp!("16919411746124220790029666305490600509628907081923656367900435673631503372016");
const HEZ_X0: Fq = MontFp!("21831381940315734285607113342023901060522397560371972897001948545212302161822");
const HEZ_X1: Fq = MontFp!("17231025384763736816414546592865244497437017442647097510447326538965263639101");
const HEZ_Y0: Fq = MontFp!("2388026358213174446665280700919698872609886601280537296205114254867301080648");
const HEZ_Y1: Fq = MontFp!("11507326595632554467052522095592665270651932854513688777769618397986436103170");

#[cfg(test)]
mod tests {
    use ark_bn254::Bn254;
    use ark_ec::{AffineRepr, pairing::Pairing};
    use sha3::{Digest, Keccak256};

    use super::*;
    use crate::{
        pinned::srs_id,
        srs::{SrsKind, error::ptau_power},
    };

    /// The Perpetual Powers of Tau after 85 contributions, without a beacon: another tau of the same series.
    pub(super) static EIGENDA: Ceremony = Ceremony {
        name: "eigenda",
        title: "Perpetual Powers of Tau (challenge 85, as EigenDA uses it)",
        srs_id: [
            0xd6, 0x1e, 0xa2, 0x3a, 0xd9, 0xe5, 0x4a, 0xe9, 0x1d, 0x27, 0x77, 0x70, 0x86, 0x78, 0xfd, 0x73, 0x0a, 0xb5,
            0x35, 0x26, 0x2e, 0xd6, 0xf6, 0xe1, 0xf7, 0xbc, 0xc5, 0xf6, 0xd3, 0x13, 0xfe, 0x58,
        ],
        tau_g1: G1Affine::new_unchecked(
            MontFp!("5421624913032980671919055010798735843841011930764711817607050648427876929258"),
            MontFp!("12995821280260994872112541311010834261076556242291585164372488699033268245381"),
        ),
        tau_g2: G2Affine::new_unchecked(
            Fq2::new(
                MontFp!("19394299006376106554626551996044114846855237028623244664226757033024550999552"),
                MontFp!("10478571113809844268398751534081669357808742555529167819607714577862447855483"),
            ),
            Fq2::new(
                MontFp!("9205262336805673656533560220225620941045451042642528799409071118332922267006"),
                MontFp!("10552783866161062341197740743287753408530108186218052255509661543860392060676"),
            ),
        ),
        evidence: "its [tau]_2 is a constant of programs that verify EigenDA's blobs",
        powers: None,
    };

    /// keccak256 of the asset, as `assets/README.md` has it.
    const HEZ_FINAL_ASSET: &str = "5a39d895c1b91f04f154f330155ac86e4becc4843d79e232ed3c82b88c45dbc1";

    #[test]
    fn every_entry_is_whole() {
        let mut ids: Vec<_> = LIST.iter().map(|ceremony| ceremony.srs_id).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), LIST.len());
        for ceremony in LIST {
            let Ceremony { tau_g1, tau_g2, .. } = ceremony;
            assert!(tau_g1.is_on_curve() && tau_g2.is_on_curve(), "{ceremony:?}");
            assert!(tau_g2.is_in_correct_subgroup_assuming_on_curve(), "{ceremony:?}");
            assert_eq!(srs_id(tau_g1, tau_g2), ceremony.srs_id, "{ceremony:?}");
            let (one, two) = (G1Affine::generator(), G2Affine::generator());
            assert_eq!(Bn254::pairing(tau_g1, two), Bn254::pairing(one, tau_g2), "{ceremony:?}");
            assert!(*tau_g1 != one && !ceremony.evidence.is_empty(), "{ceremony:?}");
            assert_eq!(Ceremony::listed(&ceremony.srs_id), Some(ceremony));
        }
        assert_eq!(Ceremony::listed(&[0; 32]), None);
    }

    #[test]
    fn the_shipped_powers_are_the_ceremonys() {
        let powers = HEZ_FINAL.powers.unwrap();
        let hash: String = Keccak256::digest(powers).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hash, HEZ_FINAL_ASSET, "assets/README.md says which bytes these are");
        assert_eq!(HEZ_FINAL.shipped(), 1 << 17);
        // All of them, by pairings.
        let all = HEZ_FINAL.open(1 << 17).unwrap();
        assert_eq!((all.kind(), all.powers().len()), (SrsKind::Listed(&HEZ_FINAL), 1 << 17));
        assert_eq!((all.pinned().g1(0), all.pinned().g2(0)), (Some(HEZ_FINAL.tau_g1), Some(HEZ_FINAL.tau_g2)));
        assert!(all.pinned().g2(14).is_some() && all.pinned().g2(15).is_none());
        for j in 0..=14 {
            assert_eq!(all.g1().power(1 << j), all.pinned().g1(j), "{j}");
        }
        let mut packed = Vec::new();
        all.write_compressed(1 << 17, 15, &mut packed).unwrap();
        assert!(packed == powers, "the asset is what the packer writes");
        let few = HEZ_FINAL.open(0).unwrap();
        assert_eq!((few.powers(), few.pinned()), (&all.powers()[..2], all.pinned()));
    }

    /// Points, evidence, id: then it is listed, under its own name, whether its powers ship or not.
    #[test]
    fn a_further_ceremony_is_one_entry() {
        let kind = SrsKind::of(&EIGENDA.srs_id);
        assert_eq!((kind, kind.word()), (SrsKind::Listed(&EIGENDA), "listed"));
        assert!(kind.to_string().contains("EigenDA") && kind != SrsKind::of(&HEZ_FINAL.srs_id), "{kind}");
        assert_eq!(Ceremony::list().iter().map(|ceremony| ceremony.name).collect::<Vec<_>>(), ["hez-final", "eigenda"]);
        assert_eq!(EIGENDA.shipped(), 0);
        assert!(matches!(EIGENDA.open(9), Err(SrsError::TooFewPowers { needed: 9, got: 0 })));
        // The powers of another ceremony, or the TEST SRS's, under its name are refused.
        let shipped = [HEZ_FINAL.powers.unwrap().to_vec(), {
            let mut bytes = Vec::new();
            crate::srs::test_srs(12).unwrap().write_compressed(12, 3, &mut bytes).unwrap();
            bytes
        }];
        for bytes in shipped {
            let lying = Ceremony { name: "lying", powers: Some(bytes.leak()), ..EIGENDA };
            assert!(matches!(lying.open(9), Err(SrsError::Inconsistent)));
        }
    }

    #[test]
    fn more_than_ships_is_an_error_that_names_a_file() {
        let error = HEZ_FINAL.open((1 << 17) + 1).unwrap_err();
        assert!(matches!(error, SrsError::TooFewPowers { needed: 131_073, got: 131_072 }), "{error}");
        assert_eq!(ptau_power(131_073), 17);
    }
}
