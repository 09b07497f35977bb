//! Claims on a chain: development nodes, deployment, submission and audit.
//!
//! [`Client`] sends one transaction at a time and waits for it, on any chain; [`guard`] says what may go where. What is sent is
//! kept first ([`outbox`]), so that the same submission made twice is one. A client replaces nothing that is stuck and follows no
//! reorganisation; its receipt means "in a block that the chain has", not "final". The [`submitter`] does all of that.

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
mod settle;
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
pub use outbox::{Entry, Outbox};
pub use place::{Contracts, Placed};
pub use sender::{Mined, SendOptions};
pub use submission::{BatchSubmission, Claim, Settled, Submission};
