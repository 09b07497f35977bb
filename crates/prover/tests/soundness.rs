//! What a verifier must refuse, through the public interface: every changed word, every
//! non-canonical encoding, every statement that was not proven.

#![allow(clippy::unwrap_used)]

mod common;

use common::{MODEL, pair, prove, shape, srs};
use zkinfer_prover::circuit::{Committed, Saturation};
use zkinfer_prover::{
    CircuitError, EncodingError, KeyError, Level, PublicValues, SampleSecrets, Statement, Verifier, VerifyError,
    VerifyingKey,
};

/// r and q, big-endian.
const R: [u8; 32] = [
    0x30, 0x64, 0x4e, 0x72, 0xe1, 0x31, 0xa0, 0x29, 0xb8, 0x50, 0x45, 0xb6, 0x81, 0x81, 0x58, 0x5d, 0x28, 0x33, 0xe8,
    0x48, 0x79, 0xb9, 0x70, 0x91, 0x43, 0xe1, 0xf5, 0x93, 0xf0, 0x00, 0x00, 0x01,
];
const Q: [u8; 32] = [
    0x30, 0x64, 0x4e, 0x72, 0xe1, 0x31, 0xa0, 0x29, 0xb8, 0x50, 0x45, 0xb6, 0x81, 0x81, 0x58, 0x5d, 0x97, 0x81, 0x6a,
    0x91, 0x68, 0x71, 0xca, 0x8d, 0x3c, 0x20, 0x8c, 0x16, 0xd8, 0x7c, 0xfd, 0x47,
];

/// `word + modulus`, if it fits.
fn plus(word: &[u8], modulus: &[u8; 32]) -> Option<[u8; 32]> {
    let (mut out, mut carry) = ([0; 32], 0u16);
    for i in (0..32).rev() {
        let sum = u16::from(word[i]) + u16::from(modulus[i]) + carry;
        out[i] = sum as u8;
        carry = sum >> 8;
    }
    (carry == 0).then_some(out)
}

#[test]
fn every_changed_word_is_refused() {
    for (saturation, level, samples) in [(None, Level::One, 1), (Some(Saturation::Narrow), Level::Two { rho2: 1 }, 3)] {
        let (prover, verifier) = pair(&shape(&[5, 6, 3], saturation), level, samples, 4);
        let (statements, proof) = prove(&prover, samples, 4);
        verifier.verify(&statements, &proof).unwrap();
        for word in 0..proof.len() / 32 {
            let mut bad = proof.clone();
            bad[32 * word + 31] ^= 1;
            assert!(verifier.verify(&statements, &bad).is_err(), "word {word}");
            // The same number mod r or mod q in another encoding.
            for modulus in [&R, &Q] {
                if let Some(alias) = plus(&proof[32 * word..32 * word + 32], modulus) {
                    let mut bad = proof.clone();
                    bad[32 * word..32 * word + 32].copy_from_slice(&alias);
                    assert!(verifier.verify(&statements, &bad).is_err(), "alias of word {word}");
                }
            }
        }
    }
}

#[test]
fn points_and_scalars_are_replaced_by_other_valid_ones() {
    // Unlike a flipped bit, which mostly leaves the curve, these pass V1 and must fail later.
    let (prover, verifier) = pair(&shape(&[5, 6, 3], None), Level::One, 1, 4);
    let (statements, proof) = prove(&prover, 1, 4);
    let (_, other) = prove(&prover, 1, 4);
    let mut identity = 0;
    for word in 0..proof.len() / 32 {
        let range = 32 * word..32 * word + 32;
        if proof[range.clone()] == other[range.clone()] {
            continue;
        }
        let mut bad = proof.clone();
        bad[range.clone()].copy_from_slice(&other[range]);
        assert!(verifier.verify(&statements, &bad).is_err(), "word {word} of another proof");
    }
    // Points: the first 7 + 7 + 4 + 1 + 2; whole points of another proof, and the identity.
    for point in 0..21 {
        let range = 64 * point..64 * point + 64;
        for replacement in [other[range.clone()].to_vec(), vec![0; 64]] {
            let mut bad = proof.clone();
            bad[range.clone()].copy_from_slice(&replacement);
            assert!(matches!(verifier.verify(&statements, &bad), Err(VerifyError::Rejected(_))), "point {point}");
            identity += 1;
        }
    }
    assert_eq!(identity, 42);
}

#[test]
fn lengths_are_exact() {
    let (prover, verifier) = pair(&shape(&[5, 6, 3], None), Level::One, 2, 4);
    let (statements, proof) = prove(&prover, 1, 4);
    let is = |error: EncodingError, proof: &[u8]| matches!(verifier.verify(&statements, proof), Err(VerifyError::Encoding(e)) if e == error);
    assert!(is(EncodingError::Trailing, &[&proof[..], &[0]].concat()));
    assert!(is(EncodingError::Trailing, &[&proof[..], &[0; 32]].concat()));
    assert!(is(EncodingError::Short, &proof[..proof.len() - 1]));
    assert!(is(EncodingError::Short, &proof[..proof.len() - 32]));
    assert!(is(EncodingError::Short, &[]));
    // A1: the proof of one sample for two or three statements, and of two for three.
    let (two, proof_two) = prove(&prover, 2, 4);
    assert!(verifier.verify(&two, &proof).is_err());
    let three = [&two[..], &statements].concat();
    assert!(verifier.verify(&three, &proof_two).is_err());
    assert!(verifier.verify(&[], &proof).is_err());
}

#[test]
fn a1_the_number_of_samples_is_bound() {
    // Three statements round up to the same number of rows as four.
    let (prover, verifier) = pair(&shape(&[5, 6, 3], None), Level::One, 4, 4);
    let (four, proof) = prove(&prover, 4, 4);
    verifier.verify(&four, &proof).unwrap();
    assert!(verifier.verify(&four[..3], &proof).is_err());
    let (three, proof) = prove(&prover, 3, 4);
    verifier.verify(&three, &proof).unwrap();
    let zero = Statement {
        values: PublicValues { inputs: vec![0; 5], outputs: vec![0; 3], ..PublicValues::default() },
        ..three[2].clone()
    };
    assert!(verifier.verify(&[&three[..], &[zero]].concat(), &proof).is_err());
}

#[test]
fn statements_are_bound() {
    let (prover, verifier) = pair(&shape(&[5, 6, 3], None), Level::One, 2, 4);
    let (statements, proof) = prove(&prover, 2, 4);
    let refused = |change: &dyn Fn(&mut Vec<Statement>)| {
        let mut changed = statements.clone();
        change(&mut changed);
        verifier.verify(&changed, &proof).unwrap_err()
    };
    refused(&|s| s[0].values.inputs[0] ^= 1);
    refused(&|s| s[1].values.inputs[4] ^= 0x8000);
    refused(&|s| s[0].values.outputs[2] += 1);
    refused(&|s| s[1].values.outputs[0] = -s[1].values.outputs[0] - 1);
    refused(&|s| s[1].context_id[0] ^= 1);
    refused(&|s| s.iter_mut().for_each(|s| s.model_id[5] ^= 1));
    refused(&|s| s.swap(0, 1));
    assert!(matches!(refused(&|s| s[1].model_id[0] ^= 1), VerifyError::MixedModels));
    // A3: vectors of another length.
    let length = |error| matches!(error, VerifyError::Circuit(CircuitError::Length { .. }));
    assert!(length(refused(&|s| s[0].values.outputs.push(777))));
    assert!(length(refused(&|s| s[0].values.inputs.push(0))));
    assert!(length(refused(&|s| {
        s[1].values.inputs.pop();
    })));
    // A proof for one sample is no proof for a batch of the same sample twice.
    let (single, proof) = prove(&prover, 1, 4);
    assert!(verifier.verify(&[single[0].clone(), single[0].clone()], &proof).is_err());
}

#[test]
fn the_same_statement_may_occur_twice_in_a_batch() {
    let (prover, verifier) = pair(&shape(&[5, 6, 3], None), Level::One, 2, 4);
    let request = common::requests(prover.key().verifying_key().shape(), 1, 256, 1).remove(0);
    let (statements, proof) = prover.prove(MODEL, &[request.clone(), request]).unwrap();
    assert_eq!(statements[0].id(), statements[1].id());
    verifier.verify(&statements, &proof.to_bytes()).unwrap();
}

#[test]
fn proofs_of_one_witness_share_no_word() {
    let (prover, _) = pair(&shape(&[5, 6, 3], Some(Saturation::Narrow)), Level::Two { rho2: 1 }, 2, 4);
    let (_, a) = prove(&prover, 2, 4);
    let (_, b) = prove(&prover, 2, 4);
    // Coefficients of `fin` beyond the last real row are 0 for every witness (§9, Z4): with 258 of
    // 512 positions in use, the last three of eight.
    let same: Vec<&[u8]> = a.chunks(32).zip(b.chunks(32)).filter(|(a, b)| a == b).map(|(a, _)| a).collect();
    assert_eq!(same, [[0; 32]; 3]);
}

/// The same with committed sides: the statement is the same, nothing else is.
#[test]
fn proofs_about_the_same_points_share_no_word() {
    let both = Committed { inputs: true, outputs: true };
    let (prover, verifier) = pair(&shape(&[5, 6, 3], None).with_committed(both).unwrap(), Level::One, 2, 4);
    let requests = common::requests(verifier.key().shape(), 2, 256, 4);
    let secrets: Vec<SampleSecrets> = (0..2).map(|_| SampleSecrets::generate(both).unwrap()).collect();
    let prove = || prover.prove_committed(MODEL, &requests, &secrets).unwrap();
    let ((statements, a), (again, b)) = (prove(), prove());
    assert_eq!(statements, again);
    let (a, b) = (a.to_bytes(), b.to_bytes());
    verifier.verify(&statements, &a).unwrap();
    verifier.verify(&statements, &b).unwrap();
    let same: Vec<&[u8]> = a.chunks(32).zip(b.chunks(32)).filter(|(a, b)| a == b).map(|(a, _)| a).collect();
    assert_eq!(same, [[0; 32]; 3]);
}

#[test]
fn another_model_or_another_srs_is_refused() {
    let (prover, _) = pair(&shape(&[5, 6, 3], None), Level::One, 1, 4);
    let (_, other) = pair(&shape(&[5, 6, 3], None), Level::One, 1, 5);
    let (statements, proof) = prove(&prover, 1, 4);
    assert!(other.verify(&statements, &proof).is_err());
    // The key names its SRS; a verifier that has pinned another one refuses the key.
    let mut bytes = prover.key().verifying_key().to_bytes();
    let at = bytes.len() - 96;
    bytes[at] ^= 1;
    let key = VerifyingKey::from_bytes(&bytes).unwrap();
    assert!(matches!(Verifier::new(key, srs().pinned()), Err(KeyError::SrsMismatch)));
}

#[test]
fn verifying_keys_are_canonical() {
    let (prover, _) = pair(&shape(&[5, 6, 4, 3], Some(Saturation::Narrow)), Level::Two { rho2: 1 }, 1, 4);
    let key = prover.key().verifying_key();
    let bytes = key.to_bytes();
    assert_eq!(&VerifyingKey::from_bytes(&bytes).unwrap(), key);
    for n in 0..bytes.len() {
        assert!(VerifyingKey::from_bytes(&bytes[..n]).is_err());
    }
    assert!(VerifyingKey::from_bytes(&[&bytes[..], &[0]].concat()).is_err());
    let with = |at: usize, value: u8| {
        let mut bytes = bytes.clone();
        bytes[at] = value;
        VerifyingKey::from_bytes(&bytes)
    };
    assert!(matches!(with(1, 2), Err(KeyError::Encoding(EncodingError::Version(2)))));
    for bit in 3..8 {
        let flags = 1 | 1 << bit;
        assert!(matches!(with(2, flags), Err(KeyError::Encoding(EncodingError::Flags(f))) if f == flags));
    }
    for flags in [3, 5, 7] {
        let committed = with(2, flags).unwrap();
        assert_eq!(committed.to_bytes()[2], flags);
        assert_ne!(committed.digest(), key.digest());
    }
    assert!(matches!(with(3, 3), Err(KeyError::Level(3))), "R2 = 8 is not below R = 6");
    assert!(matches!(with(5, 33), Err(KeyError::Circuit(_))));
    assert!(matches!(with(5, 0), Err(KeyError::Circuit(_))));
    assert!(with(9, 0).is_err(), "a layer without inputs");
    assert!(with(23, 254).is_err(), "a bound that is neither 255 nor 65535");
    // Any single byte: never a panic, and never the same key.
    for (at, byte) in bytes.iter().enumerate() {
        if let Ok(other) = with(at, byte ^ 0x11) {
            assert_ne!(&other, key);
            assert_ne!(other.digest(), key.digest());
        }
    }
}

#[test]
fn proving_keys_round_trip_and_are_checked() {
    let (prover, _) = pair(&shape(&[5, 6, 3], None), Level::Two { rho2: 1 }, 1, 4);
    let bytes = prover.key().to_bytes();
    let key = zkinfer_prover::ProvingKey::from_bytes(&bytes).unwrap();
    assert_eq!(*key.to_bytes(), *bytes);
    zkinfer_prover::setup::check_key(&key, srs()).unwrap();
    assert!(!format!("{key:?}").contains("omega"));
    for n in [0, 3, 50, bytes.len() - 1] {
        assert!(zkinfer_prover::ProvingKey::from_bytes(&bytes[..n]).is_err());
    }
    // A changed weight, and two quotient points swapped: valid encodings, wrong keys.
    let vk_len = key.verifying_key().to_bytes().len();
    let mut bad = bytes.to_vec();
    bad[4 + vk_len] ^= 2;
    let bad = zkinfer_prover::ProvingKey::from_bytes(&bad).unwrap();
    assert!(matches!(zkinfer_prover::setup::check_key(&bad, srs()), Err(KeyError::QuotientMismatch)));
    let mut bad = bytes.to_vec();
    let end = bad.len();
    let (a, b) = bad[end - 128..].split_at_mut(64);
    a.swap_with_slice(b);
    let bad = zkinfer_prover::ProvingKey::from_bytes(&bad).unwrap();
    assert!(matches!(zkinfer_prover::setup::check_key(&bad, srs()), Err(KeyError::QuotientMismatch)));
}

#[test]
fn random_bytes_never_panic() {
    let (prover, verifier) = pair(&shape(&[5, 6, 3], None), Level::One, 1, 4);
    let (statements, proof) = prove(&prover, 1, 4);
    let mut rng = common::Xorshift::new(77);
    for _ in 0..200 {
        let mut bytes: Vec<u8> = (0..proof.len()).map(|_| rng.below(256) as u8).collect();
        // Half of the time a proof with a random stretch.
        if rng.below(2) == 0 {
            let at = rng.below(proof.len() as u64 - 40) as usize;
            bytes[..at].copy_from_slice(&proof[..at]);
            bytes[at + 40..].copy_from_slice(&proof[at + 40..]);
        }
        assert!(verifier.verify(&statements, &bytes).is_err());
        let cut = rng.below(200) as usize;
        let _ = VerifyingKey::from_bytes(&bytes[..cut]);
        let _ = zkinfer_prover::ProvingKey::from_bytes(&bytes[..cut]);
    }
}

/// A model with both sides committed, and an honest proof of `samples` samples.
fn committed(samples: usize) -> (Verifier, Vec<Statement>, Vec<u8>) {
    let committed = Committed { inputs: true, outputs: true };
    let (prover, verifier) = pair(&shape(&[5, 6, 3], None).with_committed(committed).unwrap(), Level::One, samples, 4);
    let requests = common::requests(verifier.key().shape(), samples, 256, 4);
    let secrets: Vec<SampleSecrets> = (0..samples).map(|_| SampleSecrets::generate(committed).unwrap()).collect();
    let (statements, proof) = prover.prove_committed(MODEL, &requests, &secrets).unwrap();
    (verifier, statements, proof.to_bytes())
}

#[test]
fn every_changed_word_of_a_committed_proof_is_refused() {
    let (verifier, statements, proof) = committed(2);
    verifier.verify(&statements, &proof).unwrap();
    assert_eq!(proof.len(), verifier.proof_len(2).unwrap());
    for word in 0..proof.len() / 32 {
        let mut bad = proof.clone();
        bad[32 * word + 31] ^= 1;
        assert!(verifier.verify(&statements, &bad).is_err(), "word {word}");
    }
    for len in [proof.len() - 64, proof.len() - 32, proof.len() + 32, proof.len() + 64] {
        let mut bad = proof.clone();
        bad.resize(len, 0);
        assert!(matches!(verifier.verify(&statements, &bad), Err(VerifyError::Encoding(_))));
    }
}

#[test]
fn committed_statements_are_bound() {
    let (verifier, statements, proof) = committed(2);
    let other = committed(2).1;
    let refused = |change: &dyn Fn(&mut Vec<Statement>)| {
        let mut bad = statements.clone();
        change(&mut bad);
        verifier.verify(&bad, &proof).unwrap_err()
    };
    // Another point of the same tensor, the points of the other sample, of the other side.
    assert!(matches!(refused(&|s| s[0].values.input_point = other[0].values.input_point), VerifyError::Rejected(_)));
    refused(&|s| s[1].values.output_point = other[1].values.output_point);
    refused(&|s| s.swap(0, 1));
    refused(&|s| {
        let values = &mut s[0].values;
        core::mem::swap(&mut values.input_point, &mut values.output_point);
    });
    refused(&|s| s[1].context_id[0] ^= 1);
    // V1: a point or elements, as the key says, and never both.
    let commitment =
        |e: VerifyError| matches!(e, VerifyError::Circuit(CircuitError::Commitment { committed: true, .. }));
    assert!(commitment(refused(&|s| s[0].values.input_point = None)));
    assert!(commitment(refused(&|s| s[1].values.output_point = None)));
    let length = |e: VerifyError| matches!(e, VerifyError::Circuit(CircuitError::Length { .. }));
    assert!(length(refused(&|s| s[0].values.inputs = vec![0; 5])));
    assert!(length(refused(&|s| s[0].values.outputs = vec![0; 3])));
}

/// The same commitment to weights with other flags is another key: statements cannot be reread.
#[test]
fn public_and_committed_statements_do_not_mix() {
    let (hidden, statements, proof) = committed(1);
    let (prover, public) = pair(&shape(&[5, 6, 3], None), Level::One, 1, 4);
    let (clear, clear_proof) = prove(&prover, 1, 4);
    assert_eq!(hidden.key().commitment(), public.key().commitment());
    assert_ne!(hidden.key().digest(), public.key().digest());
    assert!(public.verify(&statements, &proof).is_err());
    assert!(hidden.verify(&clear, &clear_proof).is_err());
    let both = Statement {
        values: PublicValues { input_point: statements[0].values.input_point, ..clear[0].values.clone() },
        ..clear[0].clone()
    };
    assert!(matches!(
        public.verify(&[both], &clear_proof),
        Err(VerifyError::Circuit(CircuitError::Commitment { committed: false, .. }))
    ));
}

#[test]
fn public_values_of_committed_sides_are_read_strictly() {
    let (verifier, statements, _) = committed(1);
    let shape = verifier.key().shape();
    let bytes = statements[0].values.to_bytes();
    assert_eq!(bytes.len(), 128);
    assert_eq!(PublicValues::from_bytes(shape, &bytes).unwrap(), statements[0].values);
    for len in [0, 64, 127, 129] {
        let mut bad = bytes.clone();
        bad.resize(len, 0);
        assert!(matches!(PublicValues::from_bytes(shape, &bad), Err(CircuitError::Length { .. })));
    }
    for side in [0, 64] {
        let mut bad = bytes.clone();
        bad[side + 63] ^= 1;
        let error = PublicValues::from_bytes(shape, &bad).unwrap_err();
        assert!(matches!(error, CircuitError::Point { reason: EncodingError::OffCurve, .. }));
        let mut bad = bytes.clone();
        bad[side..side + 32].copy_from_slice(&Q);
        let error = PublicValues::from_bytes(shape, &bad).unwrap_err();
        assert!(matches!(error, CircuitError::Point { reason: EncodingError::Coordinate, .. }));
    }
}
