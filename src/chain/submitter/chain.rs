//! What the submitter asks of the world. A pool of endpoints answers in earnest, a simulation in tests.

use super::{Intent, state::Block};
use crate::chain::ChainError;
use alloy::primitives::{Address, B256, Bytes, U256};

/// The latest block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Which it is.
    pub block: Block,
    /// The hash of the one before.
    pub parent: B256,
    /// In Unix seconds.
    pub timestamp: u64,
    /// The gas that all its transactions have together.
    pub gas_limit: u64,
    /// In wei for a unit of gas; `None` on a chain without EIP-1559.
    pub base_fee: Option<u128>,
}

/// Which transactions of an account are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NonceAt {
    /// Those in blocks.
    Latest,
    /// Those in the pool, too.
    Pending,
    /// Those in blocks up to this number.
    Block(u64),
}

/// What a transaction does, before it has a nonce.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// Who pays.
    pub from: Address,
    /// Who is called.
    pub to: Address,
    /// The calldata.
    pub data: Bytes,
    /// What it brings, in wei.
    pub value: U256,
}

/// What gas costs now, in wei for a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prices {
    /// The base fee of the latest block; `None` on a chain without EIP-1559.
    pub base: Option<u128>,
    /// The tip that is advised; without a base fee the whole price.
    pub tip: u128,
}

/// A transaction in a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The block, as the receipt has it: whether the chain has that block, [`Chain::block`] tells.
    pub block: Block,
    /// Whether it did not revert.
    pub succeeded: bool,
    /// In units of gas.
    pub gas_used: u64,
    /// What was paid in all, in wei, L1 data included where the receipt says it.
    pub paid: U256,
}

/// What became of a transaction that was handed over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// The node has it, now or from before.
    Taken,
    /// Its nonce is used, as far as the node tells.
    NonceTooLow(String),
    /// It pays too little, for the pool or to replace another one.
    Underpriced(String),
    /// The account cannot pay.
    NoFunds(String),
    /// The node takes no further transaction of the account for now.
    Full(String),
    /// Refused for another reason.
    Refused(String),
    /// No answer: the node may have it or not.
    Unanswered(String),
}

/// A chain, as seen by the submitter. An error says that nobody knows, and changes nothing; a refusal of a contract is
/// [`ChainError::Refused`]. Answers that decide about money (receipts, nonces, finality, what is recorded) are those of as many
/// endpoints as the operator asks for.
pub trait Chain: Send + Sync {
    /// The chain's id, known since it was connected to.
    fn chain_id(&self) -> u64;

    /// The latest block.
    fn head(&self) -> impl Future<Output = Result<Head, ChainError>> + Send;

    /// The block of this number on the chain as it is now; `None` when it has none.
    fn block(&self, number: u64) -> impl Future<Output = Result<Option<Block>, ChainError>> + Send;

    /// The block that the chain calls finalized; `None` when it has no such word.
    fn finalized(&self) -> impl Future<Output = Result<Option<Block>, ChainError>> + Send;

    /// How many transactions an account has sent: the next nonce.
    fn nonce(&self, account: Address, at: NonceAt) -> impl Future<Output = Result<u64, ChainError>> + Send;

    /// An account's balance in wei, at the latest block.
    fn balance(&self, account: Address) -> impl Future<Output = Result<U256, ChainError>> + Send;

    /// The receipt of a transaction. `None`: it is in no block that this endpoint has, which is no proof of anything.
    fn receipt(&self, hash: B256) -> impl Future<Output = Result<Option<Receipt>, ChainError>> + Send;

    /// Whether the node knows a transaction, in its pool or in a block.
    fn knows(&self, hash: B256) -> impl Future<Output = Result<bool, ChainError>> + Send;

    /// Hands a signed transaction over, once. Whatever comes of it is a reply, not an error.
    fn broadcast(&self, raw: &[u8]) -> impl Future<Output = Reply> + Send;

    /// Tries a call out: on the pending state, where the node has one, or on that of the latest block.
    ///
    /// # Errors
    /// [`ChainError::Refused`] when the contract refuses; others say nothing about the call.
    fn simulate(
        &self,
        what: &str,
        call: &Call,
        on_pending: bool,
    ) -> impl Future<Output = Result<(), ChainError>> + Send;

    /// The gas that a call takes, in units.
    ///
    /// # Errors
    /// As [`Chain::simulate`].
    fn estimate(&self, what: &str, call: &Call) -> impl Future<Output = Result<u64, ChainError>> + Send;

    /// Today's prices.
    fn prices(&self) -> impl Future<Output = Result<Prices, ChainError>> + Send;

    /// What an L2 takes besides gas for a transaction of these bytes and so much gas, in wei.
    fn l1_fee(&self, raw: &[u8], gas: u64) -> impl Future<Output = Result<U256, ChainError>> + Send;

    /// Whether the chain has what an intent is for, whoever put it there: at the block of this number, else at the latest.
    fn is_done(&self, intent: &Intent, at: Option<u64>) -> impl Future<Output = Result<bool, ChainError>> + Send;
}
