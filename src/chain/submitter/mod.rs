//! The submitter: what has to be on a chain gets there exactly once, whatever happens to the process, the node or the chain.
//!
//! An [`Intent`] is something that is to be on the chain: its id is the statement's, the batch's, or that of an act. An
//! [`Attempt`] is a transaction that was signed for it. Both, and everything that became of them, are in a [`Journal`], one
//! SQLite file for a chain and an account. What is signed is on the disk before a node hears of it, and every hash stays.
//!
//! ```text
//! Planned -> Signed -> Broadcast -> Mined -> Confirmed -> Finalized
//! ends besides: Replaced (the chain has it otherwise), Cancelled, Failed (with its reason)
//! back: a reorganisation leads from Mined and Confirmed to Broadcast, a nonce that was used elsewhere to Planned
//! ```
//!
//! Two transactions of one intent that could both be mined have the same nonce. An intent is signed anew with another nonce only
//! when the old one is used by something that is final. There is one exception: an answer that a bond depends on, whose time is
//! nearly over ([`Options::hurry`]), and which its contract takes once, does not wait for that. Whichever of its transactions
//! succeeds is found.

pub mod acts;
pub mod batcher;
pub mod house;
pub mod http;
pub mod intake;
pub mod keeping;
pub mod metrics;
pub mod observer;
pub mod policy;
pub mod prover;
pub mod status;
pub mod tally;
pub mod treasury;
pub mod watchtower;

mod chain;
mod endpoints;
mod engine;
mod intent;
mod join;
mod journal;
mod once;
mod options;
mod purse;
pub mod replace;
mod sequencer;
mod source;
mod state;

pub use chain::{Call, Chain, Head, NonceAt, Prices, Receipt, Reply};
pub use endpoints::{
    Counts as EndpointCounts, EndpointStatus, Endpoints, Manners, Pool, Remote, Source, connect, majority,
};
pub use engine::{Alarm, Engine, Point, Probe, Step, StepError, Until, Would, run};
pub use intent::{Intent, Kind, Look, Test};
pub use journal::{
    Added, Attempt, Change, Controls, Counts, Event, Held, Journal, JournalError, Logged, Owner, Purpose, Row, Wish,
};
pub use options::{Finality, Options};
pub use purse::{Limit, Purse, Spend};
pub use sequencer::Sequence;
pub use source::{admit_bundle, of_bundle};
pub(in crate::chain) use source::{of_call, recorded};
pub use state::{Block, By, End, Inclusion, Phase, Reason, State};
