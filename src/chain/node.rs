//! A connection to one node.

use super::{
    ChainError, guard,
    wording::{Meaning, meaning},
};
use crate::{
    evm::Refusal,
    net::{self, root_cause},
};
use alloy::{
    eips::{BlockId, BlockNumberOrTag},
    primitives::{Address, B256, Bytes, U256},
    providers::{Provider, RootProvider},
    rpc::{
        client::RpcClient,
        types::{Block, Filter, Log, Transaction, TransactionReceipt, TransactionRequest},
    },
    sol_types::SolCall,
    transports::{RpcError, TransportError, TransportErrorKind, TransportResult},
};
use reqwest::Url;
use std::time::Duration;

/// The longest a single request may take. A verification by `eth_call` takes milliseconds.
const REQUEST_DEADLINE: Duration = Duration::from_secs(60);
const CONNECT_DEADLINE: Duration = Duration::from_secs(10);
/// How often a request is made that the node is too busy for.
const ATTEMPTS: u32 = 5;
/// The pause after the first of them; each further one is twice as long, or as long as the node asks for.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
/// The longest pause: a node that asks for more is not waited for.
const LONGEST_PAUSE: Duration = Duration::from_secs(15);

/// A node whose chain id is known. Cheap to clone.
///
/// What it is too busy for (HTTP 429, 502 to 504, a limit of its provider) it is asked again, as late as it wants to be. A
/// node that does not answer at all is not.
#[derive(Clone, Debug)]
pub struct Node {
    provider: RootProvider,
    endpoint: String,
    chain_id: u64,
}

impl Node {
    /// Connects to any chain.
    ///
    /// # Errors
    /// [`ChainError::BadEndpoint`] or [`ChainError::Unreachable`].
    pub async fn connect(endpoint: &str) -> Result<Self, ChainError> {
        let url = parse(endpoint)?;
        let shown = shown(&url);
        let unreachable = |reason: String| ChainError::Unreachable { endpoint: shown.clone(), reason };
        let client = net::client(&url, &[]).map_err(unreachable)?;
        let client = client.timeout(REQUEST_DEADLINE).connect_timeout(CONNECT_DEADLINE).build();
        let client = client.map_err(|error| unreachable(root_cause(&error)))?;
        let provider = RootProvider::new(RpcClient::new_http_with_client(client, url));
        let mut node = Self { provider, endpoint: shown, chain_id: 0 };
        node.chain_id = node.ask("its chain id", || async { node.provider.get_chain_id().await }).await?;
        Ok(node)
    }

    /// Connects to a chain that is to be written to: the one that is named, or a development chain.
    ///
    /// # Errors
    /// As [`Node::connect`], and those of [`guard::expect_chain`].
    pub async fn connect_to(endpoint: &str, chain_id: Option<u64>) -> Result<Self, ChainError> {
        let node = Self::connect(endpoint).await?;
        guard::expect_chain(node.chain_id, chain_id)?;
        Ok(node)
    }

    /// Connects to a development chain.
    ///
    /// # Errors
    /// As [`Node::connect_to`].
    pub async fn connect_dev(endpoint: &str) -> Result<Self, ChainError> {
        Self::connect_to(endpoint, None).await
    }

    /// The chain id it had when it was connected to.
    #[must_use]
    pub const fn chain_id(&self) -> u64 {
        self.chain_id
    }

    /// Scheme, host and port: no path, which may hold an access key.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    pub(crate) const fn provider(&self) -> &RootProvider {
        &self.provider
    }

    /// Calls a view function at the latest block and decodes its answer strictly.
    ///
    /// # Errors
    /// [`ChainError::Refused`] with the contract's reason; [`ChainError::BadAnswer`] when the answer is of another type.
    pub async fn view<C: SolCall>(&self, to: Address, call: &C) -> Result<C::Return, ChainError> {
        let what = format!("{} of {to}", name::<C>());
        let data = self.simulate(&what, TransactionRequest::default().to(to).input(call.abi_encode().into())).await?;
        match C::abi_decode_returns_validate(&data) {
            Ok(value) => Ok(value),
            // A call to an address without code succeeds and returns nothing.
            Err(_) if data.is_empty() && self.code(to).await?.is_empty() => {
                Err(ChainError::Refused { what, refusal: Refusal::NoCode(to) })
            }
            Err(error) => Err(ChainError::BadAnswer { what, reason: error.to_string() }),
        }
    }

    /// `eth_call` at the latest block: without saying so, some nodes take the pending one, where what is in the pool is done
    /// already.
    ///
    /// # Errors
    /// [`ChainError::Refused`] with the contract's reason; [`ChainError::OutOfGas`] when the chain gives less gas than it
    /// takes.
    pub async fn simulate(&self, what: &str, request: TransactionRequest) -> Result<Bytes, ChainError> {
        match self.ask(what, || async { self.provider.call(request.clone()).latest().await }).await {
            Err(error) => Err(self.explain(what, error).await),
            data => data,
        }
    }

    /// What a transaction would use, at the latest block.
    ///
    /// # Errors
    /// As [`Node::simulate`].
    pub async fn estimate_gas(&self, what: &str, request: TransactionRequest) -> Result<u64, ChainError> {
        match self.ask(what, || async { self.provider.estimate_gas(request.clone()).await }).await {
            Err(error) => Err(self.explain(what, error).await),
            gas => gas,
        }
    }

    /// Whoever reads "out of gas" has to know how much there is.
    async fn explain(&self, what: &str, error: ChainError) -> ChainError {
        match error {
            ChainError::Rpc { ref message, .. } if meaning(message) == Meaning::OutOfGas => {
                match self.gas_limit().await {
                    Ok(limit) => ChainError::OutOfGas { what: what.into(), limit, message: message.clone() },
                    Err(_) => error,
                }
            }
            error => error,
        }
    }

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
    pub(super) async fn nonce(&self, account: Address, pending: bool) -> Result<u64, ChainError> {
        let what = format!("the number of transactions of {account}");
        let at = if pending { BlockId::pending() } else { BlockId::latest() };
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
    pub(super) async fn base_fee(&self) -> Result<Option<u128>, ChainError> {
        Ok(self.latest().await?.header.base_fee_per_gas.map(u128::from))
    }

    pub(super) async fn gas_price(&self) -> Result<u128, ChainError> {
        self.ask("the price of gas", || async { self.provider.get_gas_price().await }).await
    }

    /// What the node advises as a tip, in wei; nothing when it advises none.
    pub(super) async fn tip(&self) -> Result<u128, ChainError> {
        match self.ask("the tip", || async { self.provider.get_max_priority_fee_per_gas().await }).await {
            Err(ChainError::Rpc { .. }) => Ok(0),
            tip => tip,
        }
    }

    /// Hands a signed transaction over, once: whoever calls looks what became of it.
    pub(super) async fn broadcast(&self, what: &str, raw: &[u8]) -> Result<(), ChainError> {
        match self.provider.send_raw_transaction(raw).await {
            Ok(_) => Ok(()),
            Err(error) => Err(self.error(what, error)),
        }
    }

    /// Once: a provider that is asked for too much says what it says when it is asked too often.
    pub(super) async fn logs(&self, what: &str, filter: &Filter) -> Result<Vec<Log>, ChainError> {
        self.provider.get_logs(filter).await.map_err(|error| self.error(what, error))
    }

    pub(super) async fn block(&self, what: &str, at: BlockId) -> Result<Option<Block>, ChainError> {
        self.ask(what, || async { self.provider.get_block(at).await }).await
    }

    async fn latest(&self) -> Result<Block, ChainError> {
        let what = "the latest block";
        let block = self.block(what, BlockId::latest()).await?;
        block.ok_or_else(|| ChainError::BadAnswer { what: what.into(), reason: "there is none".into() })
    }

    /// Asks, and asks again what the node is too busy for.
    async fn ask<T, F>(&self, what: &str, request: impl Fn() -> F) -> Result<T, ChainError>
    where
        F: Future<Output = TransportResult<T>>,
    {
        let mut pause = FIRST_PAUSE;
        for _ in 1..ATTEMPTS {
            let error = match request().await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            let wanted = match busy(&error) {
                Some(wanted) => wanted.unwrap_or(pause),
                None => return Err(self.error(what, error)),
            };
            if wanted > LONGEST_PAUSE {
                return Err(self.error(what, error));
            }
            tracing::debug!(what, pause = ?wanted, "the node is busy");
            tokio::time::sleep(wanted).await;
            pause *= 2;
        }
        request().await.map_err(|error| self.error(what, error))
    }

    /// Makes a transport's error one of ours.
    pub(crate) fn error(&self, what: &str, error: TransportError) -> ChainError {
        let what = what.to_owned();
        match error {
            RpcError::ErrorResp(payload) => {
                // Code 3 is a revert (geth, anvil and others); empty data may be left out.
                let silent = payload.code == 3 && payload.data.is_none();
                match payload.as_revert_data().or_else(|| silent.then(Bytes::new)) {
                    Some(data) => ChainError::Refused { what, refusal: Refusal::decode(&data) },
                    None => ChainError::Rpc { what, message: payload.message.into_owned() },
                }
            }
            RpcError::Transport(
                TransportErrorKind::HttpError(error) | TransportErrorKind::HttpErrorWithRetryAfter { error, .. },
            ) => {
                let hint = if error.status == 429 {
                    ": it takes no more requests for now; ask later, or another node"
                } else {
                    ""
                };
                ChainError::Rpc { what, message: format!("HTTP status {}{hint}", error.status) }
            }
            RpcError::Transport(kind) => {
                ChainError::Unreachable { endpoint: self.endpoint.clone(), reason: root_cause(&kind) }
            }
            RpcError::DeserError { err, .. } => ChainError::BadAnswer { what, reason: err.to_string() },
            RpcError::NullResp => ChainError::BadAnswer { what, reason: "it is null".into() },
            other => ChainError::Rpc { what, message: root_cause(&other) },
        }
    }
}

/// Whether the node may answer the same request later, and when it wants to be asked again.
fn busy(error: &TransportError) -> Option<Option<Duration>> {
    match error {
        RpcError::Transport(TransportErrorKind::HttpErrorWithRetryAfter { error, retry_after }) => {
            matches!(error.status, 429 | 502..=504).then_some(Some(*retry_after))
        }
        RpcError::Transport(TransportErrorKind::HttpError(error)) => {
            matches!(error.status, 429 | 502..=504).then_some(None)
        }
        RpcError::ErrorResp(payload) if payload.as_revert_data().is_none() => {
            (payload.is_retry_err() || meaning(&payload.message) == Meaning::Pruned).then_some(None)
        }
        _ => None,
    }
}

fn parse(endpoint: &str) -> Result<Url, ChainError> {
    let bad = |endpoint: String, reason: &str| ChainError::BadEndpoint { endpoint, reason: reason.into() };
    // What does not parse may still hold a password: it is not repeated.
    let url = Url::parse(endpoint).map_err(|error| bad("the given endpoint".into(), &error.to_string()))?;
    match url.scheme() {
        "http" | "https" => Ok(url),
        // `localhost:8545` is an URL with the scheme `localhost`.
        _ if !url.has_host() => Err(bad("the given endpoint".into(), "it does not begin with http:// or https://")),
        _ => Err(bad(shown(&url), "only http and https are supported")),
    }
}

fn shown(url: &Url) -> String {
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    format!("{}://{}{port}", url.scheme(), url.host_str().unwrap_or("?"))
}

fn name<C: SolCall>() -> &'static str {
    C::SIGNATURE.split('(').next().unwrap_or(C::SIGNATURE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_are_shown_without_secrets() {
        let url = parse("http://user:secret@node.example:8545/v3/key?token=x").unwrap();
        assert_eq!(shown(&url), "http://node.example:8545");
    }

    #[test]
    fn refuses_what_is_no_http_endpoint() {
        for endpoint in ["", "127.0.0.1:8545", "ws://127.0.0.1:8545", "file:///etc/passwd", "localhost:8545"] {
            let error = parse(endpoint).unwrap_err();
            assert!(matches!(error, ChainError::BadEndpoint { .. }), "{endpoint}");
            assert!(!error.to_string().contains('?'), "{error}");
        }
        assert!(!parse("http://user:secret@:99999").unwrap_err().to_string().contains("secret"));
    }

    #[test]
    fn what_a_node_is_too_busy_for_is_asked_again() {
        let http = |status| TransportErrorKind::http_error(status, "no JSON".into());
        for status in [429, 502, 503, 504] {
            assert_eq!(busy(&http(status)), Some(None));
        }
        assert_eq!((busy(&http(401)), busy(&http(500))), (None, None));
        let wanted = Duration::from_secs(7);
        let error = TransportErrorKind::http_error_with_retry_after(429, "wait".into(), Some(wanted));
        assert_eq!(busy(&error), Some(Some(wanted)));
    }
}
