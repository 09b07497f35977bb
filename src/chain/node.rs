//! A connection to one node.

use super::ChainError;
use crate::{
    evm::Refusal,
    net::{self, root_cause},
};
use alloy::{
    primitives::{Address, B256, Bytes, U256},
    providers::{Provider, RootProvider},
    rpc::{
        client::RpcClient,
        types::{Transaction, TransactionReceipt, TransactionRequest},
    },
    sol_types::SolCall,
    transports::{RpcError, TransportError, TransportErrorKind},
};
use reqwest::Url;
use std::time::Duration;

/// The chains whose keys and SRS are public anyway.
pub const DEV_CHAINS: [u64; 2] = [31337, 1337];
/// The longest a single request may take. A verification by `eth_call` takes milliseconds.
const REQUEST_DEADLINE: Duration = Duration::from_secs(60);
const CONNECT_DEADLINE: Duration = Duration::from_secs(10);

/// A node whose chain id is known. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Node {
    provider: RootProvider,
    endpoint: String,
    chain_id: u64,
}

impl Node {
    /// Connects to any chain, for reading.
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
        node.chain_id = node.provider.get_chain_id().await.map_err(|error| node.error("its chain id", error))?;
        Ok(node)
    }

    /// Connects to a development chain.
    ///
    /// # Errors
    /// As [`Node::connect`], and [`ChainError::WrongChain`].
    pub async fn connect_dev(endpoint: &str) -> Result<Self, ChainError> {
        let node = Self::connect(endpoint).await?;
        node.require_dev_chain()?;
        Ok(node)
    }

    /// Refuses every chain but the development ones.
    ///
    /// # Errors
    /// [`ChainError::WrongChain`].
    pub fn require_dev_chain(&self) -> Result<(), ChainError> {
        if DEV_CHAINS.contains(&self.chain_id) { Ok(()) } else { Err(ChainError::WrongChain { found: self.chain_id }) }
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

    /// `eth_call` at the latest block.
    ///
    /// # Errors
    /// [`ChainError::Refused`] with the contract's reason.
    pub async fn simulate(&self, what: &str, request: TransactionRequest) -> Result<Bytes, ChainError> {
        self.provider.call(request).await.map_err(|error| self.error(what, error))
    }

    /// What a transaction would use, at the latest block.
    ///
    /// # Errors
    /// [`ChainError::Refused`] with the contract's reason.
    pub async fn estimate_gas(&self, what: &str, request: TransactionRequest) -> Result<u64, ChainError> {
        self.provider.estimate_gas(request).await.map_err(|error| self.error(what, error))
    }

    /// The number of the latest block.
    ///
    /// # Errors
    /// [`ChainError`].
    pub async fn latest_block(&self) -> Result<u64, ChainError> {
        self.provider.get_block_number().await.map_err(|error| self.error("the latest block's number", error))
    }

    /// The runtime code at an address, empty when there is none.
    ///
    /// # Errors
    /// [`ChainError`].
    pub async fn code(&self, address: Address) -> Result<Bytes, ChainError> {
        let what = format!("the code of {address}");
        self.provider.get_code_at(address).await.map_err(|error| self.error(&what, error))
    }

    /// An account's balance in wei.
    ///
    /// # Errors
    /// [`ChainError`].
    pub async fn balance(&self, account: Address) -> Result<U256, ChainError> {
        let what = format!("the balance of {account}");
        self.provider.get_balance(account).await.map_err(|error| self.error(&what, error))
    }

    /// A transaction, if the node knows it.
    ///
    /// # Errors
    /// [`ChainError`].
    pub async fn transaction(&self, hash: B256) -> Result<Option<Transaction>, ChainError> {
        let what = format!("transaction {hash}");
        self.provider.get_transaction_by_hash(hash).await.map_err(|error| self.error(&what, error))
    }

    /// A transaction's receipt, if it is in a block.
    ///
    /// # Errors
    /// [`ChainError`].
    pub async fn receipt(&self, hash: B256) -> Result<Option<TransactionReceipt>, ChainError> {
        let what = format!("the receipt of {hash}");
        self.provider.get_transaction_receipt(hash).await.map_err(|error| self.error(&what, error))
    }

    /// The timestamp of the latest block.
    ///
    /// # Errors
    /// [`ChainError`].
    pub async fn latest_timestamp(&self) -> Result<u64, ChainError> {
        let what = "the latest block";
        let block = self.provider.get_block(alloy::eips::BlockId::latest()).await.map_err(|e| self.error(what, e))?;
        block
            .map(|block| block.header.timestamp)
            .ok_or_else(|| ChainError::BadAnswer { what: what.into(), reason: "there is none".into() })
    }

    /// Makes a transport's error one of ours.
    pub(crate) fn error(&self, what: &str, error: TransportError) -> ChainError {
        match error {
            RpcError::ErrorResp(payload) => {
                // Code 3 is a revert (geth, anvil and others); empty data may be left out.
                let silent = payload.code == 3 && payload.data.is_none();
                match payload.as_revert_data().or_else(|| silent.then(Bytes::new)) {
                    Some(data) => ChainError::Refused { what: what.into(), refusal: Refusal::decode(&data) },
                    None => ChainError::Rpc { what: what.into(), message: payload.message.into_owned() },
                }
            }
            RpcError::Transport(TransportErrorKind::HttpError(error)) => {
                ChainError::Rpc { what: what.into(), message: format!("HTTP status {}", error.status) }
            }
            RpcError::Transport(kind) => {
                ChainError::Unreachable { endpoint: self.endpoint.clone(), reason: root_cause(&kind) }
            }
            RpcError::DeserError { err, .. } => ChainError::BadAnswer { what: what.into(), reason: err.to_string() },
            RpcError::NullResp => ChainError::BadAnswer { what: what.into(), reason: "it is null".into() },
            other => ChainError::Rpc { what: what.into(), message: root_cause(&other) },
        }
    }
}

fn parse(endpoint: &str) -> Result<Url, ChainError> {
    let bad = |endpoint: String, reason: &str| ChainError::BadEndpoint { endpoint, reason: reason.into() };
    // What does not parse may still hold a password: it is not repeated.
    let url = Url::parse(endpoint).map_err(|error| bad("the given endpoint".into(), &error.to_string()))?;
    match url.scheme() {
        "http" | "https" => Ok(url),
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
        for endpoint in ["", "127.0.0.1:8545", "ws://127.0.0.1:8545", "file:///etc/passwd"] {
            let error = parse(endpoint).unwrap_err();
            assert!(matches!(error, ChainError::BadEndpoint { .. }), "{endpoint}");
        }
        assert!(!parse("http://user:secret@:99999").unwrap_err().to_string().contains("secret"));
    }
}
