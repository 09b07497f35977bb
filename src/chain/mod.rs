//! Claims on a chain: development nodes, deployment, submission and audit.
//!
//! [`Client`] acts for an account on any chain; [`guard`] says what may go where. What must be there exactly once (claims, and acts on
//! them) it sees through by the account's journal, one thing at a time ([`Client::settle`]); the [`submitter`] does the same for as long
//! as it is let. What can be repeated (contracts, registrations) it sends and waits for ([`sender`]): nothing of that is replaced when it
//! is stuck, no reorganisation is followed, and its receipt means "in a block that the chain has", not "final".

mod account;
pub mod auditor;
pub mod bindings;
pub mod claims;
pub mod client;
pub mod deployment;
pub mod devnet;
mod error;
pub mod fees;
pub mod fork;
pub mod guard;
mod logs;
pub mod money;
pub mod node;
pub mod operator;
pub mod outbox;
mod place;
mod plan;
pub mod release;
pub mod sender;
mod submission;
pub mod submitter;
mod wording;

pub use account::{Account, RemoteSigner, Signer, SignerError, Signing, parse_address};
pub use auditor::{
    AuditReport, AuditVerdict, OffChainAnswer, OffChainRequest, OffChainVerifier, audit, audit_statement,
};
pub use client::{Client, Deployment, Registration};
pub use devnet::Devnet;
pub use error::ChainError;
pub use fees::{Budget, Fees};
pub use fork::Fork;
pub use node::Node;
pub use operator::{Offer, Operator};
pub use outbox::Outbox;
pub use place::{Contracts, Placed};
pub use sender::{Depth, Mined, SendOptions};
pub use submission::{BatchSubmission, Claim, Settled, Submission};
