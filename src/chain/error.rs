use super::{money, submitter::JournalError};
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
    /// Not enough endpoints say the same. Nobody knows, and nothing is done.
    #[error(
        "{what}: {needed} of {endpoints} endpoints have to agree, {answered} answered, and they do not ({reason}); wait, or \
         replace the endpoint that is wrong"
    )]
    NoQuorum {
        /// What they were asked.
        what: String,
        /// How many answered.
        answered: usize,
        /// How many there are.
        endpoints: usize,
        /// How many have to agree.
        needed: usize,
        /// What is wrong with the others.
        reason: String,
    },
    /// A quorum that no answer could have.
    #[error("{quorum} of {endpoints} endpoints cannot agree; ask for at least one, and for no more than there are")]
    BadQuorum {
        /// How many were to agree.
        quorum: usize,
        /// How many there are.
        endpoints: usize,
    },
    /// The node is on another chain than the one that was named.
    #[error("the node is on chain {found}, not on chain {named}; check --rpc, --chain-id and the deployment file")]
    WrongChain {
        /// Its chain id.
        found: u64,
        /// The one that was asked for.
        named: u64,
    },
    /// A chain that is worth something is to be named before it is written to.
    #[error(
        "the node is on chain {found}, which is no development chain: name it with --chain-id {found}, or give its deployment file"
    )]
    UnnamedChain {
        /// Its chain id.
        found: u64,
    },
    /// An account whose key is public, on a chain that is worth something.
    #[error(
        "everybody knows the key of {account}: it signs on development chains (31337 and 1337) only, and this is chain \
         {chain_id}; use a key of your own"
    )]
    PublicKey {
        /// The chain.
        chain_id: u64,
        /// The account.
        account: Address,
    },
    /// A model that anybody can prove anything of, on a chain that is worth something.
    #[error(
        "the model is set up with a TEST SRS, with which anybody can make a proof of anything: it goes to development \
         chains (31337 and 1337) only, and this is chain {chain_id}; set it up with the powers of tau of a ceremony"
    )]
    TestSrs {
        /// The chain.
        chain_id: u64,
    },
    /// Other contracts than those of this release.
    #[error(
        "the code at {address} is not this release's {contract}: it is of another release, or something else; nothing is \
         said of what it records, and nothing was sent{}", if *is_era { "; contracts on this chain are not EVM code" } else { "" }
    )]
    OtherRelease {
        /// Where it was expected.
        address: Address,
        /// What was expected.
        contract: &'static str,
        /// Whether the chain runs code of another kind.
        is_era: bool,
    },
    /// Gas is dearer than the user allows.
    #[error(
        "the chain asks for {} now, over the {} of --max-fee; wait, or allow more", money::price(*asked), money::price(*limit)
    )]
    FeeTooHigh {
        /// Base fee and tip, in wei for a unit of gas.
        asked: u128,
        /// The most that is allowed.
        limit: u128,
    },
    /// A transaction may cost more than is left of what the user allows.
    #[error("{what} may cost {} and {} is left of --max-cost; wait, or allow more", money::amount(*cost, *chain_id), money::amount(*left, *chain_id))]
    CostTooHigh {
        /// For what.
        what: String,
        /// The most it may cost, in wei.
        cost: U256,
        /// What is left, in wei.
        left: U256,
        /// The chain.
        chain_id: u64,
    },
    /// Whoever holds the key did not sign. Nothing was sent.
    #[error("{what} is not signed: the signer of {account} {reason}")]
    Signer {
        /// The account.
        account: Address,
        /// What was to be signed.
        what: String,
        /// What the signer did, without any secret.
        reason: String,
    },
    /// The user did not agree.
    #[error("{0}")]
    NotAgreed(String),
    /// Stopped before anything was sent.
    #[error("stopped before {0} was sent; nothing was paid")]
    Interrupted(String),
    /// Stopped while waiting for a receipt.
    #[error(
        "stopped while transaction {hash} ({what}) was on its way: it may still be mined; look it up, or run the same \
         command again, which goes on where this one stopped"
    )]
    InterruptedAfter {
        /// What it does.
        what: String,
        /// Its hash.
        hash: B256,
    },
    /// Another transaction of the account has taken this one's place.
    #[error(
        "transaction {hash} ({what}) will never be mined: another transaction of {account} has its nonce {nonce}; look at \
         what that one did, then run the command again; what is claimed is signed anew when that is final"
    )]
    Replaced {
        /// What it would have done.
        what: String,
        /// Its hash.
        hash: B256,
        /// The sender.
        account: Address,
        /// The nonce.
        nonce: u64,
    },
    /// The node refused a signed transaction.
    #[error("the node did not take transaction {hash} ({what}): {message}{hint}")]
    NotTaken {
        /// What it would have done.
        what: String,
        /// Its hash.
        hash: B256,
        /// The node's words.
        message: String,
        /// What that is likely to mean.
        hint: String,
    },
    /// The chain gives less gas than is needed.
    #[error(
        "{what} ran out of gas ({message}): a block of this chain has {limit}, which has to be enough; use another chain or node"
    )]
    OutOfGas {
        /// What it was.
        what: String,
        /// A block's gas.
        limit: u64,
        /// The node's words.
        message: String,
    },
    /// The outbox cannot be used. Nothing was sent.
    #[error(
        "{path}: {reason}; transactions are kept there before they are sent, so set ZKINFER_STATE_DIR to a directory that can be written to"
    )]
    Outbox {
        /// The file.
        path: String,
        /// Why.
        reason: String,
    },
    /// The journal of the account says that nothing is to be sent.
    #[error("{what} is not sent: {reason}")]
    Held {
        /// What is to be done.
        what: String,
        /// Why.
        reason: String,
    },
    /// What was to be done has ended otherwise, as the journal of the account has it.
    #[error("{what} is not done: {reason}")]
    Ended {
        /// What was to be done.
        what: String,
        /// Why.
        reason: String,
    },
    /// In a block, and not as deep as was asked for within the deadline.
    #[error(
        "transaction {hash} ({what}) is in block {block}, and not as deep as was asked for after {} s; run the same command again, \
         which waits on", waited.as_secs()
    )]
    Shallow {
        /// What it does.
        what: String,
        /// Its hash.
        hash: B256,
        /// Its block.
        block: u64,
        /// How long it was waited for.
        waited: Duration,
    },
    /// The submitter's journal cannot be used. Nothing was sent.
    #[error(transparent)]
    Journal(Box<JournalError>),
    /// The account cannot pay.
    #[error(
        "account {account} has {}, but {what} may cost {}; send it some first",
        money::amount(*available, *chain_id), money::amount(*needed, *chain_id)
    )]
    InsufficientFunds {
        /// The chain.
        chain_id: u64,
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
        "transaction {hash} ({what}) has no receipt after {} s; it may still be mined. Look it up, or run the same command \
         again, which waits for this one", waited.as_secs()
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
    /// The factory that contracts are created with is not on the chain.
    #[error(
        "chain {chain_id} lacks the deterministic deployment proxy at 0x4e59b44847b379578588920cA78FbF26c0B4956C, which puts \
         contracts at the same addresses everywhere: send its creation transaction \
         (github.com/Arachnid/deterministic-deployment-proxy) first"
    )]
    NoFactory {
        /// The chain.
        chain_id: u64,
    },
    /// Dearer than a transaction may be.
    #[error("{what} takes {gas} gas, over the {limit} that a transaction may use; {advice}")]
    TooMuchGas {
        /// What it does.
        what: String,
        /// As the node estimates it.
        gas: u64,
        /// The cap of the chain's fork (EIP-7825).
        limit: u64,
        /// What to do.
        advice: &'static str,
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
    /// What is to be audited is not on the chain, as far as this node tells. No verdict.
    #[error("cannot audit {hash}: {reason}")]
    NotThere {
        /// The transaction.
        hash: B256,
        /// Why.
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
            | Self::NoQuorum { .. }
            | Self::InsufficientFunds { .. }
            | Self::FeeTooHigh { .. }
            | Self::CostTooHigh { .. }
            | Self::Interrupted(_)
            | Self::InterruptedAfter { .. }
            | Self::Signer { .. }
            | Self::Replaced { .. }
            | Self::Held { .. }
            | Self::Ended { .. }
            | Self::Shallow { .. }
            | Self::NotTaken { .. }
            | Self::OutOfGas { .. }
            | Self::Outbox { .. }
            | Self::NotThere { .. }
            | Self::TransactionFailed { .. }
            | Self::NoReceipt { .. }
            | Self::Unexpected { .. }
            | Self::NoFactory { .. }
            | Self::Devnet { .. } => FailureClass::Environment,
            Self::BadEndpoint { .. }
            | Self::BadQuorum { .. }
            | Self::WrongChain { .. }
            | Self::UnnamedChain { .. }
            | Self::PublicKey { .. }
            | Self::TestSrs { .. }
            | Self::OtherRelease { .. }
            | Self::NotAgreed(_)
            | Self::TransactionTooLarge { .. }
            | Self::TooMuchGas { .. }
            | Self::WrongContext(_)
            | Self::CannotAudit { .. } => FailureClass::BadInput,
            Self::Refused { refusal, .. } => refusal.class(),
            Self::Journal(error) => error.class(),
            Self::Evm(error) => error.class(),
        }
    }
}
