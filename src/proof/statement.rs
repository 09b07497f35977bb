//! Statements: which model maps which public values, for whom.

use super::{PublicValues, identity};
use alloy::primitives::{Address, B256};
use serde::{Deserialize, Serialize};

/// Whom a claim is made for: what the submitter chooses when it goes on-chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Assignment {
    /// The only account that may submit the claim.
    pub submitter: Address,
    /// The contract the claim is made for; zero: anybody's.
    pub consumer: Address,
    /// Whatever 32 bytes the consumer assigned.
    pub job: B256,
    /// Unix time in seconds after which the registry refuses the claim.
    pub deadline: u64,
}

/// What a statement is bound to besides its values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase", deny_unknown_fields)]
pub enum Context {
    /// Made for no chain.
    Offchain {},
    /// Made for one registry on one chain.
    #[serde(rename_all = "camelCase")]
    Chain {
        /// EIP-155 chain id.
        chain_id: u64,
        /// The `ProofRegistry`.
        registry: Address,
        /// Whom the claim is made for.
        assignment: Assignment,
    },
}

impl Context {
    /// The context id of `docs/identities.md`.
    #[must_use]
    pub fn id(&self) -> B256 {
        match self {
            Self::Offchain {} => identity::offchain_context_id(),
            Self::Chain { chain_id, registry, assignment: a } => {
                identity::context_id(*chain_id, *registry, a.submitter, a.consumer, a.job, a.deadline)
            }
        }
    }
}

/// "This model maps these public values, for this context."
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Statement {
    /// The model's id.
    pub model_id: B256,
    /// The inputs and outputs that are not hidden, canonical bytes by the model's schema.
    pub public_values: PublicValues,
    /// What the statement is bound to.
    pub context: Context,
}

impl Statement {
    /// The statement id of `docs/identities.md`.
    #[must_use]
    pub fn id(&self) -> B256 {
        identity::statement_id(self.model_id, self.public_values.as_bytes(), self.context.id())
    }
}
