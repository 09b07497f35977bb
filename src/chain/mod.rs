//! Claims on a chain: development nodes, deployment, submission and audit.
//!
//! One transaction at a time, waited for, on any chain; [`guard`] says what may go where. What is sent is kept first
//! ([`outbox`]), so that the same submission made twice is one. Nothing replaces a stuck transaction or follows a
//! reorganisation, and one endpoint is known. A receipt means "in a block that the chain has", not "final".

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
mod wording;

pub use account::Account;
pub use auditor::{
    AuditReport, AuditVerdict, OffChainAnswer, OffChainRequest, OffChainVerifier, audit, audit_statement,
};
pub use client::{Client, Deployment, Registration};
pub use devnet::Devnet;
pub use error::ChainError;
pub use fees::Budget;
pub use fork::Fork;
pub use node::Node;
pub use operator::{Offer, Operator};
pub use outbox::{Entry, Outbox};
pub use place::{Contracts, Placed};
pub use sender::{Mined, SendOptions};
pub use submission::{BatchSubmission, Claim, Settled, Submission};
