//! Claims on a chain: development nodes, deployment, submission and audit.
//!
//! This is the thin version: one transaction at a time, waited for, on development chains only. It keeps no journal,
//! replaces no stuck transaction, follows no reorganisation and knows one endpoint. A receipt means "in a block", not
//! "final". Reading and auditing work on any chain.

pub mod auditor;
pub mod bindings;
pub mod client;
pub mod devnet;
mod error;
pub mod node;
pub mod sender;
mod submission;

pub use auditor::{
    AuditReport, AuditVerdict, OffChainAnswer, OffChainRequest, OffChainVerifier, audit, audit_statement,
};
pub use client::{Client, Contracts, Deployment, Registration};
pub use devnet::Devnet;
pub use error::ChainError;
pub use node::Node;
pub use sender::{Account, Mined, SendOptions};
pub use submission::{BatchSubmission, Claim, Submission};
