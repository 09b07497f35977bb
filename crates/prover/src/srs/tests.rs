//! Files by snarkjs 0.7.6 and by the writer, whole and damaged.
//!
//! The fixtures were made by `snarkjs powersoftau new bn128 5`, `powersoftau contribute` and
//! `powersoftau prepare phase2`.

use ark_bn254::{Fq, Fr, G1Affine, G2Affine};
use ark_ec::{AffineRepr, CurveGroup};
use ark_ff::{BigInteger, Field, PrimeField};
use ark_std::rand::{Rng, SeedableRng, rngs::StdRng};

use super::{kind::test_tau, *};
use crate::kernels::{from_raw, to_raw};

const NEW: &[u8] = include_bytes!("fixtures/snarkjs-new-5.ptau");
const CONTRIBUTED: &[u8] = include_bytes!("fixtures/snarkjs-contributed-5.ptau");
const PREPARED: &[u8] = include_bytes!("fixtures/snarkjs-prepared-5.ptau");

/// Offsets in our writer's files and in snarkjs's, which put the same sections first.
const VERSION_AT: usize = 4;
const SECTIONS_AT: usize = 8;
const PRIME_AT: usize = 28;
const POWER_AT: usize = 60;
const G1_AT: usize = 80;

fn written(power: u32) -> Vec<u8> {
    let mut file = Vec::new();
    write_test_ptau(power, &mut file).unwrap();
    file
}

fn g2_at(power: u32) -> usize {
    G1_AT + ((2 << power) - 1) * 64 + 12
}

fn srs(bytes: &[u8], needed: usize) -> Result<Srs, SrsError> {
    Srs::from_ptau(&Ptau::from_bytes(bytes)?, needed)
}

#[test]
fn reads_what_snarkjs_writes() {
    let contributed = srs(CONTRIBUTED, 63).unwrap();
    let prepared = srs(PREPARED, 10).unwrap();
    assert_eq!(contributed.powers().len(), 63);
    assert_eq!(prepared.powers(), &contributed.powers()[..10]);
    // One ceremony has one id, whatever the file.
    assert_eq!(contributed.id(), prepared.id());
    assert_eq!(contributed.kind(), SrsKind::Unlisted);
    assert!(contributed.to_string().contains("unlisted") && !contributed.to_string().contains("TEST"));
    assert_eq!(contributed.g1().power(16), contributed.pinned().g1(4));
    assert!(matches!(srs(NEW, 10), Err(SrsError::NoContribution)));
}

#[test]
fn a_mapped_file_is_used_in_place() {
    let path = std::env::temp_dir().join(format!("zkinfer-srs-{}.ptau", std::process::id()));
    std::fs::write(&path, CONTRIBUTED).unwrap();
    let mapped = Srs::open(&path, 40).unwrap();
    std::fs::remove_file(&path).unwrap();
    assert_eq!(mapped.powers(), srs(CONTRIBUTED, 40).unwrap().powers());
    assert!(matches!(Srs::open(&path, 40), Err(SrsError::Io(_))));
}

#[test]
fn the_test_srs_is_the_same_from_memory_and_from_a_file() {
    let memory = test_srs(200).unwrap();
    let file = srs(&written(7), 200).unwrap();
    assert_eq!(memory.powers(), file.powers());
    assert_eq!(memory.id(), file.id());
    assert_eq!((memory.kind(), file.kind()), (SrsKind::Test, SrsKind::Test));
    assert!(memory.to_string().contains("TEST") && file.to_string().contains("TEST"));
    for (i, power) in memory.powers().iter().enumerate() {
        let expected = G1Affine::generator() * test_tau().pow([i as u64]);
        assert_eq!(from_raw(power), expected.into_affine());
    }
    let tau_8 = G2Affine::generator() * test_tau().pow([8u64]);
    assert_eq!(file.pinned().g2(3), Some(tau_8.into_affine()));
    assert_eq!(test_srs(0).unwrap().powers().len(), 2);
    assert!(matches!(test_srs(1 << 30), Err(SrsError::TooFewPowers { .. })));
}

#[test]
fn the_id_is_keccak_of_the_tag_and_both_points() {
    let srs = test_srs(2).unwrap();
    let (tau_g1, tau_g2) = (srs.pinned().g1(0).unwrap(), srs.pinned().g2(0).unwrap());
    let mut hash = Keccak256::new();
    hash.update(Keccak256::digest(b"zkinfer/srs/v1"));
    for c in [tau_g1.x, tau_g1.y, tau_g2.x.c1, tau_g2.x.c0, tau_g2.y.c1, tau_g2.y.c0] {
        hash.update(c.into_bigint().to_bytes_be());
    }
    assert_eq!(srs.id()[..], hash.finalize()[..]);
}

#[test]
fn too_small_files_say_which_power_is_needed() {
    let error = srs(CONTRIBUTED, 64).unwrap_err();
    assert!(matches!(error, SrsError::TooFewPowers { needed: 64, got: 63 }));
    assert!(error.to_string().contains("power 6 or more"), "{error}");
    for (needed, power) in [(0, 1), (3, 1), (4, 2), (7, 2), (8, 3), (63, 5), (64, 6)] {
        assert_eq!(ptau_power(needed), power, "{needed}");
    }
    assert_eq!(ptau_power(usize::MAX), usize::BITS);
}

#[test]
fn every_damage_is_named() {
    let file = written(4);
    assert!(srs(&file, 31).is_ok());
    let damaged = |at: usize, bytes: &[u8]| {
        let mut file = file.clone();
        file[at..at + bytes.len()].copy_from_slice(bytes);
        srs(&file, 31).unwrap_err()
    };
    assert!(matches!(damaged(0, b"zkey"), SrsError::NotPtau));
    assert!(matches!(damaged(VERSION_AT, &[2]), SrsError::Version(2)));
    assert!(matches!(damaged(SECTIONS_AT, &[255; 4]), SrsError::TooManySections(_)));
    assert!(matches!(damaged(SECTIONS_AT, &[4]), SrsError::Truncated { .. }));
    assert!(matches!(damaged(SECTIONS_AT, &[2]), SrsError::Missing(Section::TauG2)));
    assert!(matches!(damaged(12, &[9]), SrsError::Missing(Section::Header)));
    assert!(matches!(damaged(G1_AT - 12, &[1]), SrsError::Duplicate(Section::Header)));
    assert!(matches!(damaged(16, &[255; 8]), SrsError::Truncated { .. }));
    assert!(matches!(damaged(PRIME_AT, &Fr::MODULUS.to_bytes_le()), SrsError::WrongField));
    assert!(matches!(damaged(24, &[48]), SrsError::WrongField));
    assert!(matches!(damaged(POWER_AT, &[0]), SrsError::Power(0)));
    assert!(matches!(damaged(POWER_AT, &[29]), SrsError::Power(29)));
    let section = SrsError::SectionLength { section: Section::TauG1, expected: 63 * 64, got: 31 * 64 };
    assert_eq!(damaged(POWER_AT, &[5]).to_string(), section.to_string());
    // Off the curve, not reduced, the identity.
    let point = |index| move |e| matches!(e, SrsError::Point { section: Section::TauG1, index: i } if i == index);
    assert!(point(7)(damaged(G1_AT + 7 * 64, &[1])));
    assert!(point(0)(damaged(G1_AT, &[255; 32])));
    assert!(point(30)(damaged(G1_AT + 30 * 64, &[0; 64])));
    let mut unreduced = from_raw(file[G1_AT + 64..][..64].try_into().unwrap()).x.0;
    unreduced.add_with_carry(&Fq::MODULUS);
    assert!(point(1)(damaged(G1_AT + 64, &unreduced.to_bytes_le())));
    // Valid points, but not the powers of one tau.
    let other = to_raw(&(G1Affine::generator() * Fr::from(5u64)).into_affine());
    for i in [0, 1, 2, 3, 8, 17, 30] {
        assert!(matches!(damaged(G1_AT + i * 64, &other), SrsError::Inconsistent), "{i}");
    }
    let at = g2_at(4);
    for i in [0, 1, 2, 8] {
        let three = file[at + 3 * 128..at + 4 * 128].to_vec();
        assert!(matches!(damaged(at + i * 128, &three), SrsError::Inconsistent), "{i}");
        assert!(matches!(damaged(at + i * 128, &[0; 128]), SrsError::Point { .. }), "{i}");
    }
    // Powers of another tau from index 20 on keep every [tau^(2^j)]_1.
    let mut spliced = file.clone();
    for i in 20..31 {
        let power = (G1Affine::generator() * Fr::from(9u64).pow([i as u64])).into_affine();
        spliced[G1_AT + i * 64..][..64].copy_from_slice(&to_raw(&power));
    }
    assert!(matches!(srs(&spliced, 31), Err(SrsError::Inconsistent)));
    assert!(srs(&spliced, 20).is_ok(), "unused powers are not read");
}

#[test]
fn points_outside_the_subgroup_are_refused() {
    // A point of the twist: x from a counter until x^3 + b is a square. Its order divides r only
    // if the cofactor kills it, so the first one found is outside.
    let point = (1u64..).find_map(|x| G2Affine::get_point_from_x_unchecked(ark_bn254::Fq2::from(x), false)).unwrap();
    assert!(point.is_on_curve() && !point.is_in_correct_subgroup_assuming_on_curve());
    let mut file = written(3);
    let at = g2_at(3) + 128;
    let coordinates = [point.x.c0, point.x.c1, point.y.c0, point.y.c1];
    for (k, coordinate) in coordinates.iter().enumerate() {
        file[at + 32 * k..][..32].copy_from_slice(&coordinate.0.to_bytes_le());
    }
    assert!(matches!(srs(&file, 15), Err(SrsError::OutsideSubgroup(1))));
}

#[test]
fn truncated_and_random_bytes_never_panic() {
    let file = written(2);
    for end in 0..file.len() {
        assert!(srs(&file[..end], 7).is_err(), "{end}");
    }
    const SEED: u64 = 0x7074_6175;
    println!("seed {SEED:#x}");
    let mut rng = StdRng::seed_from_u64(SEED);
    for _ in 0..300 {
        let mut damaged = file.clone();
        for _ in 0..rng.gen_range(1..4) {
            // Mostly in the tables, where lengths are.
            let end = if rng.gen_bool(0.8) { 92 } else { damaged.len() };
            let at = rng.gen_range(0..end);
            damaged[at] = rng.r#gen();
        }
        let unchanged = damaged == file;
        // Bytes that are not read (the ceremony's power) may change; points may not.
        if let Ok(srs) = srs(&damaged, 7) {
            assert!(unchanged || srs.powers() == test_srs(7).unwrap().powers());
        }
    }
}

#[test]
fn prefixes() {
    let srs = test_srs(50).unwrap();
    let g1 = srs.g1();
    assert_eq!(g1.prefix(20).unwrap().powers(), &g1.powers()[..20]);
    assert!(g1.prefix(0).unwrap().is_empty());
    assert!(matches!(g1.prefix(51), Err(SrsError::TooFewPowers { needed: 51, got: 50 })));
    assert_eq!(g1.power(50), None);
}
