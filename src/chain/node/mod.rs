//! A connection to one node.

mod endpoint;
mod patience;
mod reads;

use super::{
    ChainError, guard,
    wording::{Meaning, meaning},
};
use crate::{
    evm::Refusal,
    net::{self, root_cause},
};
use alloy::{
    eips::BlockId,
    primitives::{Address, Bytes},
    providers::{Provider, RootProvider},
    rpc::{client::RpcClient, types::TransactionRequest},
    sol_types::SolCall,
};
pub(in crate::chain) use endpoint::{name as endpoint_name, parse, shown};
use patience::Patience;
use std::time::Duration;

/// The longest a single request may take. A verification by `eth_call` takes milliseconds.
const REQUEST_DEADLINE: Duration = Duration::from_secs(60);
const CONNECT_DEADLINE: Duration = Duration::from_secs(10);

/// A node whose chain id is known. Cheap to clone.
///
/// What it is too busy for (HTTP 429, 502 to 504, a limit of its provider) it is asked again, as late as it wants to be. A
/// node that does not answer at all is not.
#[derive(Clone, Debug)]
pub struct Node {
    provider: RootProvider,
    endpoint: String,
    chain_id: u64,
    patience: Patience,
}

impl Node {
    /// Connects to any chain.
    ///
    /// # Errors
    /// [`ChainError::BadEndpoint`] or [`ChainError::Unreachable`].
    pub async fn connect(endpoint: &str) -> Result<Self, ChainError> {
        Self::connect_with(endpoint, Patience::default()).await
    }

    /// As [`Node::connect`], for somebody who asks others meanwhile: it is asked once, and says how long to leave it alone
    /// ([`Node::wanted_pause`]).
    pub(in crate::chain) async fn connect_hastily(endpoint: &str) -> Result<Self, ChainError> {
        Self::connect_with(endpoint, Patience::none()).await
    }

    async fn connect_with(endpoint: &str, patience: Patience) -> Result<Self, ChainError> {
        let url = parse(endpoint)?;
        let shown = shown(&url);
        let unreachable = |reason: String| ChainError::Unreachable { endpoint: shown.clone(), reason };
        let client = net::client(&url, &[]).map_err(unreachable)?;
        let client = client.timeout(REQUEST_DEADLINE).connect_timeout(CONNECT_DEADLINE).build();
        let client = client.map_err(|error| unreachable(root_cause(&error)))?;
        let provider = RootProvider::new(RpcClient::new_http_with_client(client, url));
        let mut node = Self { provider, endpoint: shown, chain_id: 0, patience };
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

    /// `eth_call` at a block, or on the pending state.
    ///
    /// # Errors
    /// As [`Node::simulate`].
    pub(in crate::chain) async fn call_at(
        &self,
        what: &str,
        request: TransactionRequest,
        at: BlockId,
    ) -> Result<Bytes, ChainError> {
        match self.ask(what, || async { self.provider.call(request.clone()).block(at).await }).await {
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
}

fn name<C: SolCall>() -> &'static str {
    C::SIGNATURE.split('(').next().unwrap_or(C::SIGNATURE)
}
