//! The native proof system of zkinfer: a committed, quantized neural network is proven, in zero
//! knowledge, to map public inputs to public outputs.
//!
//! The specification is `docs/protocol.md`; modules and symbols follow it and comments cite its
//! sections. In short: [`circuit`] describes a network, [`setup`] commits to its weights under a
//! powers-of-tau SRS, [`Prover`] makes proofs for one or many samples, [`Verifier`] checks them.

pub mod circuit;
mod columns;
mod commit;
mod encoding;
mod error;
mod fold_weights;
pub mod kernels;
mod keys;
mod mle;
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
#[cfg(test)]
mod attacks;
#[cfg(test)]
mod mask_rank;
#[cfg(test)]
mod testing;
mod transcript;
mod verify;
mod witness;

pub use error::{CircuitError, Check, EncodingError, KeyError, ProveError, RangeKind, VerifyError};
pub use keys::{Level, ModelSecret, ProvingKey, VerifyingKey};
pub use pinned::{PinnedSrs, PinnedSrsError, srs_id};
pub use proof::Proof;
pub use prove::{Prover, Request};
pub use statement::{PublicValues, Statement, session_id};
pub use transcript::{Challenges1, Challenges2};
pub use verify::{Challenges, Verifier};
