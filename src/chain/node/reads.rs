//! What is asked of a node, and what is handed over to it.

use super::Node;
use crate::chain::ChainError;
use alloy::{
    eips::{BlockId, BlockNumberOrTag},
    primitives::{Address, B256, Bytes, U256},
    providers::Provider,
    rpc::types::{Block, Filter, Log, Transaction, TransactionReceipt},
};

impl Node {
    /// The number of the latest block.
    ///
    /// # Errors
    /// [`ChainError`].
    pub async fn latest_block(&self) -> Result<u64, ChainError> {
        self.ask("the latest block's number", || async { self.provider.get_block_number().await }).await
    }

    /// The runtime code at an address, empty when there is none.
    ///
    /// # Errors
    /// [`ChainError`].
    pub async fn code(&self, address: Address) -> Result<Bytes, ChainError> {
        let what = format!("the code of {address}");
        self.ask(&what, || async { self.provider.get_code_at(address).await }).await
    }

    /// An account's balance in wei.
    ///
    /// # Errors
    /// [`ChainError`].
    pub async fn balance(&self, account: Address) -> Result<U256, ChainError> {
        let what = format!("the balance of {account}");
        self.ask(&what, || async { self.provider.get_balance(account).await }).await
    }

    /// How many transactions of an account are in blocks; with `pending`, in the pool, too.
    pub(in crate::chain) async fn nonce(&self, account: Address, pending: bool) -> Result<u64, ChainError> {
        let at = if pending { BlockId::pending() } else { BlockId::latest() };
        self.nonce_at(account, at).await
    }

    /// How many transactions of an account are in blocks up to this one.
    pub(in crate::chain) async fn nonce_at(&self, account: Address, at: BlockId) -> Result<u64, ChainError> {
        let what = format!("the number of transactions of {account}");
        self.ask(&what, || async { self.provider.get_transaction_count(account).block_id(at).await }).await
    }

    /// A transaction, if the node knows it.
    ///
    /// # Errors
    /// [`ChainError`].
    pub async fn transaction(&self, hash: B256) -> Result<Option<Transaction>, ChainError> {
        let what = format!("transaction {hash}");
        self.ask(&what, || async { self.provider.get_transaction_by_hash(hash).await }).await
    }

    /// A transaction's receipt, if it is in a block.
    ///
    /// # Errors
    /// [`ChainError`].
    pub async fn receipt(&self, hash: B256) -> Result<Option<TransactionReceipt>, ChainError> {
        let what = format!("the receipt of {hash}");
        self.ask(&what, || async { self.provider.get_transaction_receipt(hash).await }).await
    }

    /// A transaction's receipt, with what an L2 took for L1 data where the receipt says it.
    pub(in crate::chain) async fn receipt_and_l1_fee(
        &self,
        hash: B256,
    ) -> Result<Option<(TransactionReceipt, U256)>, ChainError> {
        let what = format!("the receipt of {hash}");
        let request = || async { self.provider.raw_request("eth_getTransactionReceipt".into(), (hash,)).await };
        let Some(json): Option<serde_json::Value> = self.ask(&what, request).await? else { return Ok(None) };
        let l1_fee = json.get("l1Fee").and_then(|fee| serde_json::from_value(fee.clone()).ok()).unwrap_or_default();
        match serde_json::from_value(json) {
            Ok(receipt) => Ok(Some((receipt, l1_fee))),
            Err(error) => Err(ChainError::BadAnswer { what, reason: error.to_string() }),
        }
    }

    /// A transaction's receipt, if it is in a block that the chain has now. Some nodes give receipts of blocks that are being
    /// made, or that a reorganisation took away.
    ///
    /// # Errors
    /// [`ChainError`].
    pub async fn canonical_receipt(&self, hash: B256) -> Result<Option<TransactionReceipt>, ChainError> {
        let Some(receipt) = self.receipt(hash).await? else { return Ok(None) };
        let (Some(number), Some(block)) = (receipt.block_number, receipt.block_hash) else { return Ok(None) };
        Ok((self.block_hash(number).await? == Some(block)).then_some(receipt))
    }

    /// The hash of the block of this number, if the chain has one.
    ///
    /// # Errors
    /// [`ChainError`].
    pub async fn block_hash(&self, number: u64) -> Result<Option<B256>, ChainError> {
        let what = format!("block {number}");
        let block = self.block(&what, BlockId::Number(BlockNumberOrTag::Number(number))).await?;
        Ok(block.map(|block| block.header.hash))
    }

    /// The timestamp of the latest block.
    ///
    /// # Errors
    /// [`ChainError`].
    pub async fn latest_timestamp(&self) -> Result<u64, ChainError> {
        Ok(self.latest().await?.header.timestamp)
    }

    /// The gas that all transactions of a block have together.
    ///
    /// # Errors
    /// [`ChainError`].
    pub async fn gas_limit(&self) -> Result<u64, ChainError> {
        Ok(self.latest().await?.header.gas_limit)
    }

    /// The base fee of the latest block, in wei; `None` on a chain without EIP-1559.
    pub(in crate::chain) async fn base_fee(&self) -> Result<Option<u128>, ChainError> {
        Ok(self.latest().await?.header.base_fee_per_gas.map(u128::from))
    }

    pub(in crate::chain) async fn gas_price(&self) -> Result<u128, ChainError> {
        self.ask("the price of gas", || async { self.provider.get_gas_price().await }).await
    }

    /// What the node advises as a tip, in wei; nothing when it advises none.
    pub(in crate::chain) async fn tip(&self) -> Result<u128, ChainError> {
        match self.ask("the tip", || async { self.provider.get_max_priority_fee_per_gas().await }).await {
            Err(ChainError::Rpc { .. }) => Ok(0),
            tip => tip,
        }
    }

    /// Hands a signed transaction over, once: whoever calls looks what became of it.
    pub(in crate::chain) async fn broadcast(&self, what: &str, raw: &[u8]) -> Result<(), ChainError> {
        match self.provider.send_raw_transaction(raw).await {
            Ok(_) => Ok(()),
            Err(error) => {
                self.patience.note(&error);
                Err(self.error(what, error))
            }
        }
    }

    /// Once: a provider that is asked for too much says what it says when it is asked too often.
    pub(in crate::chain) async fn logs(&self, what: &str, filter: &Filter) -> Result<Vec<Log>, ChainError> {
        self.provider.get_logs(filter).await.map_err(|error| self.error(what, error))
    }

    pub(in crate::chain) async fn block(&self, what: &str, at: BlockId) -> Result<Option<Block>, ChainError> {
        self.ask(what, || async { self.provider.get_block(at).await }).await
    }

    async fn latest(&self) -> Result<Block, ChainError> {
        let what = "the latest block";
        let block = self.block(what, BlockId::latest()).await?;
        block.ok_or_else(|| ChainError::BadAnswer { what: what.into(), reason: "there is none".into() })
    }
}
