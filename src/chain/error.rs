use crate::{
    FailureClass,
    evm::{EvmError, Refusal},
};
use alloy::primitives::{Address, B256, U256};
use std::time::Duration;

/// Why something on a chain failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ChainError {
    /// The endpoint is no URL that can be used.
    #[error("`{endpoint}` is no HTTP endpoint: {reason}; give one such as http://127.0.0.1:8545")]
    BadEndpoint {
        /// What was given, without any password.
        endpoint: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The node does not answer.
    #[error("the node at {endpoint} does not answer ({reason}); start it, or check the address")]
    Unreachable {
        /// Scheme, host and port.
        endpoint: String,
        /// The root cause.
        reason: String,
    },
    /// The node answered with an error that is not about the contracts.
    #[error("the node refused {what}: {message}")]
    Rpc {
        /// What was asked of it.
        what: String,
        /// Its words.
        message: String,
    },
    /// The node answered something that cannot be.
    #[error(
        "the node's answer about {what} makes no sense: {reason}; it is no Ethereum node, or the contract is another one"
    )]
    BadAnswer {
        /// What was asked.
        what: String,
        /// Why it cannot be.
        reason: String,
    },
    /// Not a development chain.
    #[error(
        "chain {found} is no development chain: the SRS and the key used here are public test ones, with which anybody \
         can forge and spend; only chain ids 31337 and 1337 are accepted"
    )]
    WrongChain {
        /// Its chain id.
        found: u64,
    },
    /// The account cannot pay.
    #[error(
        "account {account} has {available} wei, but {what} may cost {needed}; send it ether first (a fresh development \
         node funds the default account)"
    )]
    InsufficientFunds {
        /// Who would pay.
        account: Address,
        /// For what.
        what: String,
        /// The most it may cost, in wei.
        needed: U256,
        /// What is there, in wei.
        available: U256,
    },
    /// A contract refused: in a simulation, so that nothing was paid.
    #[error("{what} was refused before anything was sent: {refusal}")]
    Refused {
        /// What was simulated.
        what: String,
        /// The contract's reason.
        refusal: Refusal,
    },
    /// The transaction is in a block and failed, although its simulation did not.
    #[error(
        "transaction {hash} ({what}) failed in block {block} after its simulation had succeeded; the state changed in \
         between, so look at it and try again"
    )]
    TransactionFailed {
        /// What it did.
        what: String,
        /// Its hash.
        hash: B256,
        /// Its block.
        block: u64,
    },
    /// No receipt within the deadline. This is not success, and not failure either.
    #[error(
        "transaction {hash} ({what}) has no receipt after {} s; it may still be mined, so look it up before sending \
         another one", waited.as_secs()
    )]
    NoReceipt {
        /// What it does.
        what: String,
        /// Its hash.
        hash: B256,
        /// How long the receipt was waited for.
        waited: Duration,
    },
    /// Larger than nodes accept.
    #[error(
        "{what} takes a transaction of {size} bytes, over the {limit} that nodes accept; split the batch, with a proof \
         for each part, or make the proof smaller"
    )]
    TransactionTooLarge {
        /// What it does.
        what: String,
        /// Its size in bytes.
        size: usize,
        /// [`super::sender::MAX_TRANSACTION_BYTES`].
        limit: usize,
    },
    /// Dearer than a transaction may be.
    #[error(
        "{what} takes {gas} gas, over the {limit} that a transaction may use; split the batch, with a proof for each part"
    )]
    TooMuchGas {
        /// What it does.
        what: String,
        /// As the node estimates it.
        gas: u64,
        /// The limit of EIP-7825.
        limit: u64,
    },
    /// The statement is made for somebody or something else.
    #[error("the statement cannot be submitted here: {0}")]
    WrongContext(String),
    /// What is on the chain afterwards is not what was to be put there.
    #[error("{what} left something else on the chain than it should have: {reason}")]
    Unexpected {
        /// What was done.
        what: String,
        /// What is different.
        reason: String,
    },
    /// The transaction is nothing that can be audited. No verdict.
    #[error("cannot audit {hash}: {reason}")]
    CannotAudit {
        /// The transaction.
        hash: B256,
        /// Why.
        reason: String,
    },
    /// The development node did not start.
    #[error("anvil did not start: {reason}")]
    Devnet {
        /// Its last words.
        reason: String,
    },
    /// A failure that has nothing to do with the chain.
    #[error(transparent)]
    Evm(#[from] EvmError),
}

impl ChainError {
    /// Whose fault it is.
    #[must_use]
    pub const fn class(&self) -> FailureClass {
        match self {
            Self::Unreachable { .. }
            | Self::Rpc { .. }
            | Self::BadAnswer { .. }
            | Self::InsufficientFunds { .. }
            | Self::TransactionFailed { .. }
            | Self::NoReceipt { .. }
            | Self::Unexpected { .. }
            | Self::Devnet { .. } => FailureClass::Environment,
            Self::BadEndpoint { .. }
            | Self::WrongChain { .. }
            | Self::TransactionTooLarge { .. }
            | Self::TooMuchGas { .. }
            | Self::WrongContext(_)
            | Self::CannotAudit { .. } => FailureClass::BadInput,
            Self::Refused { refusal, .. } => refusal.class(),
            Self::Evm(error) => error.class(),
        }
    }
}
