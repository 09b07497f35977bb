//! The other side: HyperKZG of nova-snark, under the same powers of tau.

use std::io::Cursor;

use ark_bn254::Fr;
use ark_ff::{BigInteger, PrimeField as _};
use ff::PrimeField;
use nova_snark::provider::Bn256EngineKZG as E;
use nova_snark::provider::hyperkzg::{Commitment, CommitmentEngine, CommitmentKey, EvaluationArgument};
use nova_snark::provider::hyperkzg::{EvaluationEngine, ProverKey, VerifierKey};
use nova_snark::spartan::polys::multilinear::MultilinearPolynomial;
use nova_snark::traits::commitment::{CommitmentEngineTrait, CommitmentTrait};
use nova_snark::traits::evaluation::EvaluationEngineTrait;
use nova_snark::traits::{Engine, TranscriptEngineTrait};
use zkinfer_prover::srs::write_test_ptau;

use crate::cases::Case;

type Scalar = <E as Engine>::Scalar;

/// A commitment, and a proof of a claim about it.
pub struct Proof(EvaluationArgument<E>);

/// Prover and verifier of nova-snark.
pub struct Nova {
    ck: CommitmentKey<E>,
    pk: ProverKey<E>,
    vk: VerifierKey<E>,
}

fn scalar(x: &Fr) -> Scalar {
    let mut repr = <Scalar as PrimeField>::Repr::default();
    repr.as_mut().copy_from_slice(&x.into_bigint().to_bytes_le());
    Scalar::from_repr(repr).expect("both fields are the same")
}

fn scalars(xs: &[Fr]) -> Vec<Scalar> {
    xs.iter().map(scalar).collect()
}

/// Their first variable is the highest bit, ours the lowest.
fn point(xs: &[Fr]) -> Vec<Scalar> {
    xs.iter().rev().map(scalar).collect()
}

impl Nova {
    /// Reads the TEST powers of tau with the reader of nova-snark.
    pub fn new(variables: usize) -> Self {
        let mut file = Vec::new();
        write_test_ptau(variables as u32 + 1, &mut file).expect("memory can be written");
        let ck = CommitmentEngine::<E>::load_setup(&mut Cursor::new(&file), b"compare", 2 << variables)
            .expect("nova-snark reads our file");
        let (pk, vk) = EvaluationEngine::setup(&ck).expect("the key has a tau in G2");
        Self { ck, pk, vk }
    }

    fn commitment(&self, polynomial: &[Fr]) -> Commitment<E> {
        CommitmentEngine::commit(&self.ck, &scalars(polynomial), &Scalar::from(0))
    }

    /// The commitment as 64 bytes, `x || y` big-endian; the identity is 64 zeros.
    pub fn commit(&self, polynomial: &[Fr]) -> Vec<u8> {
        let (x, y, identity) = self.commitment(polynomial).to_coordinates();
        if identity {
            return vec![0; 64];
        }
        let (mut x, mut y) = (x.to_repr().as_ref().to_vec(), y.to_repr().as_ref().to_vec());
        x.reverse();
        y.reverse();
        [x, y].concat()
    }

    /// The value of a multilinear polynomial, big-endian.
    pub fn evaluate(polynomial: &[Fr], at: &[Fr]) -> Vec<u8> {
        let value = MultilinearPolynomial::new(scalars(polynomial)).evaluate(&point(at));
        let mut bytes = value.to_repr().as_ref().to_vec();
        bytes.reverse();
        bytes
    }

    /// The transcript that has absorbed the claim, as their callers have to.
    fn transcript(case: &Case, commitment: &Commitment<E>) -> <E as Engine>::TE {
        let mut transcript = <E as Engine>::TE::new(b"compare");
        transcript.absorb(b"C", commitment);
        transcript.absorb(b"p", &point(&case.point).as_slice());
        transcript.absorb(b"e", &scalar(&case.value));
        transcript
    }

    pub fn prove(&self, case: &Case) -> Proof {
        let c = self.commitment(&case.committed);
        let (polynomial, at) = (scalars(&case.folded), point(&case.folded_at));
        let mut transcript = Self::transcript(case, &c);
        let proof =
            EvaluationEngine::prove(&self.ck, &self.pk, &mut transcript, &c, &polynomial, &at, &scalar(&case.value));
        Proof(proof.expect("their prover does not look at the claim"))
    }

    pub fn verify(&self, case: &Case, proof: &Proof) -> bool {
        let c = self.commitment(&case.committed);
        let mut transcript = Self::transcript(case, &c);
        EvaluationEngine::verify(&self.vk, &mut transcript, &c, &point(&case.point), &scalar(&case.value), &proof.0)
            .is_ok()
    }
}

impl Proof {
    /// The proof with one element changed, once for each.
    pub fn changed(&self) -> Vec<Self> {
        let (com, v) = (self.0.com(), self.0.v());
        let w: [Commitment<E>; 3] = self.0.w().try_into().expect("three, says the constructor");
        let twice = |c: &mut Commitment<E>| *c = *c + *c;
        let mut out = Vec::new();
        for i in 0..com.len() {
            let mut com = com.to_vec();
            twice(&mut com[i]);
            out.push(Self(EvaluationArgument::new(com, w, v.to_vec())));
        }
        for i in 0..3 {
            let mut w = w;
            twice(&mut w[i]);
            out.push(Self(EvaluationArgument::new(com.to_vec(), w, v.to_vec())));
        }
        for (i, j) in (0..v.len()).flat_map(|i| (0..3).map(move |j| (i, j))) {
            let mut v = v.to_vec();
            v[i][j] += Scalar::from(1);
            out.push(Self(EvaluationArgument::new(com.to_vec(), w, v)));
        }
        out
    }
}
