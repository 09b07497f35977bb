//! The native proof system of zkinfer: a committed, quantized neural network is proven, in zero
//! knowledge, to map inputs to outputs, which are public or hiding commitments.
//!
//! The specification is `docs/protocol.md`; modules and symbols follow it and comments cite its
//! sections. In short: [`circuit`] describes a network, [`setup`] commits to its weights under a
//! powers-of-tau SRS, [`Prover`] makes proofs for one or many samples, [`Verifier`] checks them.
//!
//! ```
//! use zkinfer_prover::circuit::{Shape, Weights};
//! use zkinfer_prover::{ModelSecret, Prover, Request, Verifier, setup, srs::test_srs};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // A network 2-2-1 with ReLU; weights have 8 bits, activations are requantized by 2^8.
//! let shape = Shape::new(vec![2, 2, 1], None)?;
//! let weights = Weights::new(shape, vec![vec![100, -20, 7, 90], vec![1, -1]], vec![vec![0, 128], vec![5]])?;
//! // Proofs under the TEST SRS convince nobody: its tau is public.
//! let srs = test_srs(1 << 10)?;
//! let key = setup::generate(weights, &ModelSecret::generate()?, None, &srs)?;
//! let verifier = Verifier::new(key.verifying_key().clone(), srs.pinned())?;
//! let prover = Prover::new(key, &srs, 1)?;
//!
//! let request = Request { inputs: vec![10, 200], context_id: [0; 32] };
//! let (statements, proof) = prover.prove([1; 32], &[request])?;
//! verifier.verify(&statements, &proof.to_bytes())?;
//! # Ok(())
//! # }
//! ```
//!
//! # Committed inputs and outputs
//!
//! A key can commit to a side instead of making it public ([`circuit::Shape::with_committed`], §10).
//! Statements then hold a hiding point per sample, and [`TensorSecret`] with the tensor opens it:
//!
//! ```
//! # use zkinfer_prover::circuit::{Committed, Shape, Weights};
//! # use zkinfer_prover::{ModelSecret, Prover, Request, Verifier, setup, srs::test_srs};
//! use zkinfer_prover::{CommittedTensor, SampleSecrets};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let committed = Committed { inputs: true, outputs: false };
//! let shape = Shape::new(vec![2, 1], None)?.with_committed(committed)?;
//! # let srs = test_srs(1 << 9)?;
//! # let weights = Weights::new(shape, vec![vec![1, -1]], vec![vec![5]])?;
//! # let key = setup::generate(weights, &ModelSecret::generate()?, None, &srs)?;
//! # let verifier = Verifier::new(key.verifying_key().clone(), srs.pinned())?;
//! # let prover = Prover::new(key, &srs, 1)?;
//! let request = Request { inputs: vec![10, 200], context_id: [0; 32] };
//! let secrets = SampleSecrets::generate(committed)?;
//! let (statements, proof) = prover.prove_committed([1; 32], &[request], &[secrets.clone()])?;
//! verifier.verify(&statements, &proof.to_bytes())?;
//!
//! // The statement says nothing about the inputs; who knows them and the secret can open it.
//! let secret = secrets.inputs.ok_or("inputs are committed")?;
//! let opened = CommittedTensor::new(&srs, &[10u16, 200], &secret)?;
//! assert_eq!(statements[0].values.input_point, Some(opened));
//! # Ok(())
//! # }
//! ```
//!
//! # Limits
//!
//! The prover does not run in constant time. Secrets that it keeps (weights, witness, masks) are
//! wiped when dropped; copies on the stack and inside the multiplication kernels are not. What the
//! security argument leaves to outside review is listed in the specification, sections 8 and 9.

pub mod circuit;
mod columns;
mod commit;
#[doc(hidden)]
pub mod comparison;
mod encoding;
mod error;
mod fold_weights;
pub mod kernels;
mod keys;
mod many;
mod mle;
pub mod network;
mod opening;
mod pinned;
mod proof;
mod prove;
mod randomness;
mod rules;
pub mod setup;
pub mod srs;
mod statement;
mod sumcheck;
mod tensor;
mod transcript;
mod verify;
mod wide;
mod witness;

#[cfg(test)]
mod attacks;
#[cfg(test)]
mod mask_rank;
#[cfg(test)]
mod testing;

pub use error::{Check, CircuitError, EncodingError, KeyError, ProgramError, ProveError, RangeKind, VerifyError};
pub use keys::{Level, ModelSecret, ProvingKey, VerifyingKey};
pub use many::{Claim, Verdicts, verify_many};
pub use pinned::{PinnedSrs, PinnedSrsError, srs_id};
pub use proof::Proof;
pub use prove::{Prover, Request};
pub use statement::{PublicValues, Statement, session_id};
pub use tensor::{CommittedTensor, SampleSecrets, TensorSecret};
pub use transcript::{Challenges1, Challenges2};
pub use verify::{Challenges, Verifier};
