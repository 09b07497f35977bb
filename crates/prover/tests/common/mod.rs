//! What the integration tests share: one TEST SRS, deterministic networks and inputs.

#![allow(dead_code, unreachable_pub, missing_debug_implementations, clippy::expect_used)]

use std::sync::OnceLock;

use zkinfer_prover::circuit::{Layout, Saturation, Shape, Weights};
use zkinfer_prover::srs::{Srs, test_srs};
use zkinfer_prover::{Level, ModelSecret, Prover, Request, Statement, Verifier, setup};

pub const MODEL: [u8; 32] = [7; 32];

/// Large enough for every network of these tests.
pub fn srs() -> &'static Srs {
    static SRS: OnceLock<Srs> = OnceLock::new();
    SRS.get_or_init(|| test_srs(1 << 16).expect("the TEST SRS exists"))
}

/// A small deterministic generator.
pub struct Xorshift(u64);

impl Xorshift {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % n
    }
}

pub fn shape(dims: &[usize], saturation: Option<Saturation>) -> Shape {
    Shape::new(dims.to_vec(), saturation.map(|s| vec![s; dims.len() - 2])).expect("the shape is within bounds")
}

pub fn weights(shape: &Shape, seed: u64) -> Weights {
    let mut rng = Xorshift::new(seed);
    let (mut weights, mut biases) = (Vec::new(), Vec::new());
    for d in shape.dims().windows(2) {
        weights.push((0..d[0] * d[1]).map(|_| (rng.below(255) as i64 - 127) as i8).collect());
        biases.push((0..d[1]).map(|_| rng.below(200_001) as i32 - 100_000).collect());
    }
    Weights::new(shape.clone(), weights, biases).expect("the weights fit the shape")
}

pub fn requests(shape: &Shape, samples: usize, limit: u64, seed: u64) -> Vec<Request> {
    let mut rng = Xorshift::new(seed ^ 0xabcd);
    (0..samples)
        .map(|k| Request {
            inputs: (0..shape.inputs()).map(|_| rng.below(limit) as u16).collect(),
            context_id: [k as u8; 32],
        })
        .collect()
}

pub fn pair(shape: &Shape, level: Level, max_samples: usize, seed: u64) -> (Prover, Verifier) {
    let secret = ModelSecret::from_bytes([3; 32]);
    let key = setup::generate(weights(shape, seed), &secret, Some(level), srs()).expect("the SRS is large enough");
    let verifier = Verifier::new(key.verifying_key().clone(), srs().pinned()).expect("the same SRS");
    (Prover::new(key, srs(), max_samples).expect("the same SRS"), verifier)
}

pub fn prove(prover: &Prover, samples: usize, seed: u64) -> (Vec<Statement>, Vec<u8>) {
    let requests = requests(prover.key().verifying_key().shape(), samples, 256, seed);
    let (statements, proof) = prover.prove(MODEL, &requests).expect("the inputs are in range");
    (statements, proof.to_bytes())
}

/// Powers of tau that a shape needs for `samples` samples.
pub fn needed(shape: &Shape, samples: usize) -> usize {
    let layout = Layout::new(shape);
    layout.degree_bound().max(layout.columns(samples).expect("within bounds").real())
}
