//! General networks: convolutions, pools and residual connections beside dense layers
//! (`docs/protocol-networks.md`).
//!
//! The verifier takes every canonical program (N1 to N9). The prover, and [`Program::check`] before it:
//! the gadgets requantize, ReLU, clamp, maximum, division, product, function of 8 and of 16 bits, copy,
//! comparison, choice, constant, score, reciprocal, variance and inverse root, relations, linear and product operators, public and committed ports,
//! batches. What is specified and refused by the check with a typed error: index ports, lanes, kinds of other
//! gadgets. A contract verifies these proofs on Ethereum: `contracts/verifiers/NetworkVerifier.sol`.
//!
//! ```
//! use zkinfer_prover::network::{Gadget, Graph, Layer, Linear, NetworkProver, NetworkVerifier, Parameters, generate};
//! use zkinfer_prover::{ModelSecret, Request, srs::test_srs};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // 4 x 4 pixels, two 3 x 3 kernels with ReLU, a 2 x 2 maximum, two outputs.
//! let conv = Linear::Conv { channels: 2, kernel: 3, stride: 1, padding: 1, groups: 1 };
//! let kernels = Parameters { weights: (0..18).map(|i| i * 5 - 40).collect(), biases: vec![300, 0] };
//! let dense = Parameters { weights: (0..16).map(|i| 7 - i).collect(), biases: vec![1, 2] };
//! let graph = Graph::new(vec![
//!     Layer::Input { dims: vec![1, 4, 4] },
//!     Layer::Linear { from: 0, op: conv, parameters: kernels, activation: Some(Gadget::Relu { shift: 8 }), plus: None },
//!     Layer::MaxPool { from: 1, window: 2 },
//!     Layer::Linear { from: 2, op: Linear::Dense { outputs: 2 }, parameters: dense, activation: None, plus: None },
//! ])?;
//! // Proofs under the TEST SRS convince nobody: its tau is public.
//! let srs = test_srs(1 << 11)?;
//! let key = generate(graph.clone(), &ModelSecret::generate()?, None, &srs)?;
//! let verifier = NetworkVerifier::new(key.verifying_key().clone(), srs.pinned())?;
//! let request = Request { inputs: (0..16).map(|i| i * 16).collect(), context_id: [0; 32] };
//!
//! let prover = NetworkProver::new(key, &srs, 1)?;
//! let (statements, proof) = prover.prove([1; 32], &[request.clone()])?;
//! verifier.verify(&statements, &proof.to_bytes())?;
//! assert_eq!(statements[0].ports[1].elements(), graph.infer(&request.inputs)?);
//! # Ok(())
//! # }
//! ```

mod access;
#[cfg(test)]
mod attacks;
mod columns;
mod fixed;
mod functions;
mod gadget;
pub mod graph;
mod helpers;
mod keys;
mod lambda;
mod layout;
#[cfg(test)]
mod mask_rank;
mod messages;
mod phi;
mod ports;
pub mod program;
mod proof;
mod prove;
mod statement;
mod sumcheck;
mod tensors;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod together;
mod verify;
mod weights;

pub use crate::transcript::{NetworkChallenges1, NetworkChallenges2};
pub use fixed::{Copied, Fixed};
pub use gadget::{Gadget, Slope};
pub use graph::{Elements, Graph, Layer, Linear, Parameters, Products, Stack, Table};
pub use keys::{NetworkProvingKey, NetworkSize, NetworkVerifyingKey, check_key, check_opening, generate};
pub use program::Program;
pub use proof::NetworkProof;
pub use prove::NetworkProver;
pub use statement::{NetworkStatement, PortValue};
pub use verify::{NetworkChallenges, NetworkClaim, NetworkVerifier, verify_many};
pub use weights::NetworkWeights;
