//! Claims at three prices (`ClaimRegistry`): reading a registry, acting on it, and knowing its whole state from its events.
//!
//! * [`ClaimRegistry`] is a registry of this release on a chain, and its terms.
//! * [`Claims`] acts for an account: claims, challenges, answers, ends. Each act is done once, however often it is asked for,
//!   and brings a bond or a fee only when the registry's own terms say so.
//! * [`Indexer`] replays a registry's events into a [`State`], which is what the contract's views say of every claim, batch
//!   and credit. What follows from other words of an event is derived, not read.
//! * [`ClaimBatch`] is what a batch of claims is about: the leaves, which no chain holds.

mod act;
mod batch;
mod fold;
mod indexer;
mod registry;
mod state;

pub use act::{Claims, Done};
pub use batch::{ClaimBatch, ClaimBatchError, LeafClaim, MAX_LEAVES, batch_id};
pub use fold::State;
pub use indexer::{Happened, Indexer, Synced};
pub use registry::ClaimRegistry;
pub use state::{BatchState, ClaimState, LeafStage, LeafState, Level, ModelState, Stage, Terms};
