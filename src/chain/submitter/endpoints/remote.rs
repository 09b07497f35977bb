//! An endpoint on the network.

use super::{pool::Pool, quorum::majority, source::Source};
use crate::chain::{
    ChainError, Node, fees, guard,
    node::endpoint_name,
    submitter::{Block, Call, Chain, Head, Intent, NonceAt, Prices, Receipt, Reply},
    wording::{Meaning, meaning},
};
use alloy::{
    eips::{BlockId, BlockNumberOrTag},
    network::TransactionBuilder,
    primitives::{Address, B256, U256, keccak256},
    rpc::types::{Block as RpcBlock, TransactionReceipt, TransactionRequest},
};
use std::{fmt, sync::Arc, time::Duration};
use tokio::{sync::OnceCell, task::JoinSet};

/// Endpoints on the network as one chain.
pub type Endpoints = Pool<Remote>;

/// One endpoint on the network. It is connected to when it is asked, and asked for its chain first. Clones share the connection.
#[derive(Clone)]
pub struct Remote {
    /// May hold an access key: it is never shown.
    endpoint: Arc<str>,
    name: Arc<str>,
    chain_id: u64,
    node: Arc<OnceCell<Node>>,
}

impl fmt::Debug for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Remote").field("endpoint", &self.name).field("chain_id", &self.chain_id).finish()
    }
}

/// Connects to endpoints of one chain: the one that is named, or a development chain. `quorum` of them have to agree, more than
/// half of them unless it is given. One that does not answer now is asked later; at least one has to.
///
/// # Errors
/// [`ChainError::BadEndpoint`], [`ChainError::BadQuorum`], [`ChainError::WrongChain`], [`ChainError::UnnamedChain`]; that of an
/// endpoint when none answers.
pub async fn connect(
    endpoints: &[String],
    chain_id: Option<u64>,
    quorum: Option<usize>,
) -> Result<Endpoints, ChainError> {
    let quorum = quorum.unwrap_or_else(|| majority(endpoints.len()));
    let names = endpoints.iter().map(|endpoint| endpoint_name(endpoint)).collect::<Result<Vec<_>, _>>()?;
    let mut connecting = JoinSet::new();
    for (at, endpoint) in endpoints.iter().cloned().enumerate() {
        connecting.spawn(async move { (at, Node::connect_hastily(&endpoint).await) });
    }
    let (mut nodes, mut failure) = (vec![None; endpoints.len()], None);
    while let Some(connected) = connecting.join_next().await {
        match connected {
            Ok((at, Ok(node))) => nodes[at] = Some(node),
            Ok((at, Err(error))) => {
                tracing::warn!(endpoint = names[at], %error, "the endpoint does not answer; it is asked again later");
                failure = Some(error);
            }
            Err(error) => tracing::error!(%error, "connecting to an endpoint ended"),
        }
    }
    let Some(found) = nodes.iter().flatten().map(Node::chain_id).next() else {
        return Err(failure.unwrap_or(ChainError::BadQuorum { quorum, endpoints: 0 }));
    };
    // Whoever is on another chain is a mistake of the operator, not a failure of the endpoint.
    guard::expect_chain(found, chain_id)?;
    if let Some(other) = nodes.iter().flatten().map(Node::chain_id).find(|other| *other != found) {
        return Err(ChainError::WrongChain { found: other, named: found });
    }
    let remotes = endpoints.iter().zip(names).zip(nodes).map(|((endpoint, name), node)| Remote {
        endpoint: endpoint.as_str().into(),
        name: name.into(),
        chain_id: found,
        node: Arc::new(OnceCell::new_with(node)),
    });
    Pool::new(found, remotes.collect(), quorum)
}

impl Remote {
    /// A node that is connected to already.
    pub(in crate::chain) fn of(node: &Node) -> Self {
        let name: Arc<str> = node.endpoint().into();
        let connected = Arc::new(OnceCell::new_with(Some(node.clone())));
        Self { endpoint: name.clone(), name, chain_id: node.chain_id(), node: connected }
    }

    async fn node(&self) -> Result<&Node, ChainError> {
        let connect = || async {
            let node = Node::connect_hastily(&self.endpoint).await?;
            if node.chain_id() == self.chain_id {
                Ok(node)
            } else {
                Err(ChainError::WrongChain { found: node.chain_id(), named: self.chain_id })
            }
        };
        self.node.get_or_try_init(connect).await
    }
}

/// A receipt with its logs. Two say the same when block and logs are the same: what else there is, nodes word differently.
#[derive(Clone, Debug)]
struct Told(Option<Box<TransactionReceipt>>);

impl PartialEq for Told {
    fn eq(&self, other: &Self) -> bool {
        let said = |told: &Self| {
            let receipt = told.0.as_deref()?;
            let logs: Vec<_> = receipt.inner.logs().iter().map(|log| log.inner.clone()).collect();
            Some((receipt.transaction_hash, receipt.block_hash, receipt.status(), logs))
        };
        said(self) == said(other)
    }
}

impl Eq for Told {}

impl Pool<Remote> {
    /// The receipt of a transaction whose block is on the chain, with its logs, as a quorum has it.
    ///
    /// # Errors
    /// [`ChainError::NoQuorum`]; that of the endpoint, if there is one.
    pub(in crate::chain) async fn canonical_receipt(
        &self,
        hash: B256,
    ) -> Result<Option<TransactionReceipt>, ChainError> {
        let ask = move |remote: Remote| async move {
            Ok(Told(remote.node().await?.canonical_receipt(hash).await?.map(Box::new)))
        };
        Ok(self.agree(&format!("the receipt of {hash}"), ask).await?.0.map(|receipt| *receipt))
    }
}

impl Source for Remote {
    fn name(&self) -> String {
        self.name.to_string()
    }

    async fn header(&self, number: u64) -> Result<Option<Head>, ChainError> {
        let at = BlockId::Number(BlockNumberOrTag::Number(number));
        let found = self.node().await?.block(&format!("block {number}"), at).await?;
        Ok(found.map(|found| head(&found)))
    }

    fn pause(&self) -> Option<Duration> {
        self.node.get().and_then(Node::wanted_pause)
    }
}

impl Chain for Remote {
    fn chain_id(&self) -> u64 {
        self.chain_id
    }

    async fn head(&self) -> Result<Head, ChainError> {
        let what = "the latest block";
        let found = self.node().await?.block(what, BlockId::latest()).await?;
        let found = found.ok_or_else(|| ChainError::BadAnswer { what: what.into(), reason: "there is none".into() })?;
        Ok(head(&found))
    }

    async fn block(&self, number: u64) -> Result<Option<Block>, ChainError> {
        Ok(self.header(number).await?.map(|head| head.block))
    }

    async fn finalized(&self) -> Result<Option<Block>, ChainError> {
        match self.node().await?.block("the finalized block", BlockId::finalized()).await {
            Ok(found) => Ok(found.map(|found| head(&found).block)),
            // Chains without the word say so in many ways, and so do those that have finalized nothing yet.
            Err(ChainError::Rpc { message, .. })
                if matches!(meaning(&message), Meaning::Other | Meaning::Behind)
                    && !message.starts_with("HTTP status") =>
            {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    async fn nonce(&self, account: Address, at: NonceAt) -> Result<u64, ChainError> {
        let at = match at {
            NonceAt::Latest => BlockId::latest(),
            NonceAt::Pending => BlockId::pending(),
            NonceAt::Block(number) => BlockId::Number(BlockNumberOrTag::Number(number)),
        };
        self.node().await?.nonce_at(account, at).await
    }

    async fn balance(&self, account: Address) -> Result<U256, ChainError> {
        self.node().await?.balance(account).await
    }

    async fn receipt(&self, hash: B256) -> Result<Option<Receipt>, ChainError> {
        let Some((receipt, l1_fee)) = self.node().await?.receipt_and_l1_fee(hash).await? else { return Ok(None) };
        // Some nodes give receipts of blocks that are being made: those are in no block yet.
        let (Some(number), Some(block)) = (receipt.block_number, receipt.block_hash) else { return Ok(None) };
        if receipt.transaction_hash != hash {
            let (what, reason) = (format!("the receipt of {hash}"), "it is another one's".into());
            return Err(ChainError::BadAnswer { what, reason });
        }
        let gas = U256::from(receipt.gas_used).saturating_mul(U256::from(receipt.effective_gas_price));
        Ok(Some(Receipt {
            block: Block { number, hash: block },
            succeeded: receipt.status(),
            gas_used: receipt.gas_used,
            paid: gas.saturating_add(l1_fee),
        }))
    }

    async fn knows(&self, hash: B256) -> Result<bool, ChainError> {
        Ok(self.node().await?.transaction(hash).await?.is_some())
    }

    async fn broadcast(&self, raw: &[u8]) -> Reply {
        let hash = keccak256(raw);
        let refused = match self.node().await {
            Ok(node) => match node.broadcast("the transaction", raw).await {
                Ok(()) => return Reply::Taken,
                Err(error) => error,
            },
            Err(error) => error,
        };
        let reply = reply(&refused);
        // Whatever its words: a node that knows the hash has taken it.
        let is_settled = matches!(reply, Reply::Taken | Reply::Unanswered(_));
        if !is_settled && matches!(self.knows(hash).await, Ok(true)) { Reply::Taken } else { reply }
    }

    async fn simulate(&self, what: &str, call: &Call, on_pending: bool) -> Result<(), ChainError> {
        let at = if on_pending { BlockId::pending() } else { BlockId::latest() };
        self.node().await?.call_at(what, request(call), at).await.map(drop)
    }

    async fn estimate(&self, what: &str, call: &Call) -> Result<u64, ChainError> {
        self.node().await?.estimate_gas(what, request(call)).await
    }

    async fn prices(&self) -> Result<Prices, ChainError> {
        let node = self.node().await?;
        match node.base_fee().await? {
            Some(base) => Ok(Prices { base: Some(base), tip: node.tip().await? }),
            None => Ok(Prices { base: None, tip: node.gas_price().await? }),
        }
    }

    async fn l1_fee(&self, raw: &[u8], gas: u64) -> Result<U256, ChainError> {
        fees::l1_fee(self.node().await?, raw.to_vec().into(), gas).await
    }

    async fn is_done(&self, intent: &Intent, at: Option<u64>) -> Result<bool, ChainError> {
        let node = self.node().await?;
        let at = at.map_or_else(BlockId::latest, |number| BlockId::Number(BlockNumberOrTag::Number(number)));
        for look in &intent.done {
            let what = format!("the record of {}", intent.what);
            let call = TransactionRequest::default().with_to(look.to).with_input(look.data.clone());
            let answer = match node.call_at(&what, call, at).await {
                Ok(answer) => answer,
                // What a contract does not show, it does not have.
                Err(ChainError::Refused { .. }) => return Ok(false),
                Err(error) => return Err(error),
            };
            match look.holds(&answer) {
                Some(true) => {}
                Some(false) => return Ok(false),
                None => {
                    let reason = format!("{} bytes are no answer of {}", answer.len(), look.to);
                    return Err(ChainError::BadAnswer { what, reason });
                }
            }
        }
        Ok(!intent.done.is_empty())
    }
}

/// What an error means for a transaction that was handed over.
fn reply(error: &ChainError) -> Reply {
    let words = error.to_string();
    let ChainError::Rpc { message, .. } = error else {
        // A sequencer tries a transaction before it takes it.
        let is_refusal = matches!(error, ChainError::Refused { .. } | ChainError::WrongChain { .. });
        return if is_refusal { Reply::Refused(words) } else { Reply::Unanswered(words) };
    };
    match meaning(message) {
        Meaning::Known => Reply::Taken,
        Meaning::NonceTooLow => Reply::NonceTooLow(message.clone()),
        Meaning::Underpriced | Meaning::Replacement => Reply::Underpriced(message.clone()),
        Meaning::NoFunds => Reply::NoFunds(message.clone()),
        Meaning::InFlight | Meaning::PoolFull | Meaning::NonceGap => Reply::Full(message.clone()),
        Meaning::Busy => Reply::Unanswered(words),
        _ if message.starts_with("HTTP status") => Reply::Unanswered(words),
        _ => Reply::Refused(message.clone()),
    }
}

fn request(call: &Call) -> TransactionRequest {
    let request = TransactionRequest::default().with_from(call.from).with_to(call.to);
    request.with_input(call.data.clone()).with_value(call.value)
}

fn head(found: &RpcBlock) -> Head {
    let header = &found.header;
    Head {
        block: Block { number: header.number, hash: header.hash },
        parent: header.parent_hash,
        timestamp: header.timestamp,
        gas_limit: header.gas_limit,
        base_fee: header.base_fee_per_gas.map(u128::from),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_are_sorted_by_what_helps() {
        let rpc = |message: &str| reply(&ChainError::Rpc { what: "it".into(), message: message.into() });
        assert_eq!(rpc("AlreadyKnown"), Reply::Taken);
        assert!(matches!(rpc("nonce too low: next nonce 7, tx nonce 6"), Reply::NonceTooLow(_)));
        for words in ["replacement transaction underpriced", "INTERNAL_ERROR: could not replace existing tx"] {
            assert!(matches!(rpc(words), Reply::Underpriced(_)), "{words}");
        }
        for words in
            ["txpool is full", "NonceGap, Future nonce. Expected nonce: 62", "in-flight transaction limit reached"]
        {
            assert!(matches!(rpc(words), Reply::Full(_)), "{words}");
        }
        for words in ["HTTP status 502", "request timed out", "over rate limit"] {
            assert!(matches!(rpc(words), Reply::Unanswered(_)), "{words}");
        }
        assert!(matches!(rpc("invalid sender"), Reply::Refused(_)));
        let gone = ChainError::Unreachable { endpoint: "e".into(), reason: "reset".into() };
        assert!(matches!(reply(&gone), Reply::Unanswered(_)));
    }

    #[test]
    fn an_endpoints_secret_is_not_shown() {
        let remote = Remote {
            endpoint: "http://user:secret@node.example/v3/key".into(),
            name: "http://node.example".into(),
            chain_id: 1,
            node: Arc::default(),
        };
        let text = format!("{remote:?} {}", remote.name());
        assert!(!text.contains("secret") && !text.contains("key"), "{text}");
    }
}
