//! Several endpoints that are one chain.
//!
//! An endpoint may be down, behind, too busy, of another chain, or lie. What decides money (receipts, nonces, finality, what is
//! recorded, whether a call would succeed) is asked of all of them and believed when a quorum says it ([`majority`], unless
//! told otherwise); prices are those that a quorum stays within. What no quorum says is an error, and whoever asked waits. A
//! transaction is handed to all.
//!
//! Limits: with one endpoint there is nobody to contradict it, and with two each can stop everything, but not lie. A quorum of
//! endpoints of one provider is one opinion.

mod gather;
mod health;
mod pool;
mod quorum;
mod remote;
mod source;
#[cfg(test)]
mod tests;

pub use gather::Manners;
pub use health::{Counts, EndpointStatus};
pub use pool::Pool;
pub use quorum::majority;
pub use remote::{Endpoints, Remote, connect};
pub use source::Source;
