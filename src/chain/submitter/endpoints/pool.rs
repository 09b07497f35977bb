//! The chain as a quorum of endpoints tells it.

use super::{
    gather::{Answers, Manners, Members},
    health::EndpointStatus,
    quorum::{agreed, at_least, at_most},
    source::Source,
};
use crate::chain::{
    ChainError,
    submitter::{Block, Call, Chain, Head, Intent, NonceAt, Prices, Receipt, Reply},
};
use alloy::primitives::{Address, B256, U256};

/// How far below the highest block that a quorum has a block is looked for that a quorum has alike.
const HEAD_LOOKS: u64 = 3;

/// How many times as much gas one endpoint may estimate as another one, where nobody outvotes either.
const GAS_SPREAD: u64 = 2;
/// The same of prices: nodes advise different tips, and are some blocks apart.
const PRICE_SPREAD: u64 = 8;

/// Several endpoints as one chain. Clones share their health.
#[derive(Debug)]
pub struct Pool<S> {
    members: Members<S>,
    chain_id: u64,
}

impl<S> Clone for Pool<S> {
    fn clone(&self) -> Self {
        Self { members: self.members.clone(), chain_id: self.chain_id }
    }
}

impl<S: Source> Pool<S> {
    /// Endpoints of one chain, of which `quorum` have to agree: more than none, and no more than there are.
    ///
    /// # Errors
    /// [`ChainError::BadQuorum`].
    pub fn new(chain_id: u64, sources: Vec<S>, quorum: usize) -> Result<Self, ChainError> {
        if quorum == 0 || quorum > sources.len() {
            return Err(ChainError::BadQuorum { quorum, endpoints: sources.len() });
        }
        Ok(Self { members: Members::new(sources, quorum), chain_id })
    }

    /// Waits for endpoints, and leaves them alone, as told instead of the default.
    #[must_use]
    pub const fn with_manners(mut self, manners: Manners) -> Self {
        self.members.set_manners(manners);
        self
    }

    /// How the endpoints do, in the order they were given in.
    #[must_use]
    pub fn status(&self) -> Vec<EndpointStatus> {
        self.members.status()
    }

    /// How many have to agree.
    #[must_use]
    pub const fn quorum(&self) -> usize {
        self.members.quorum()
    }

    /// What a quorum says, to the letter.
    pub(super) async fn agree<T, F>(&self, what: &str, request: impl Fn(S) -> F) -> Result<T, ChainError>
    where
        T: Eq + Clone + Send + 'static,
        F: Future<Output = Result<T, ChainError>> + Send + 'static,
    {
        let is_enough = |good: &[(usize, T)]| agreed(good, self.quorum()).is_some();
        let answers = self.members.gather(what, request, is_enough).await;
        match self.pick(what, &answers.good) {
            Some(answer) => Ok(answer),
            None => Err(self.undecided(what, answers)),
        }
    }

    fn pick<T: Eq + Clone>(&self, what: &str, answers: &[(usize, T)]) -> Option<T> {
        let (answer, others) = agreed(answers, self.quorum())?;
        self.members.contradicted(what, &others);
        Some(answer)
    }

    /// A number that one liar cannot move.
    async fn number<T, F>(
        &self,
        what: &str,
        request: impl Fn(S) -> F,
        choose: impl Fn(&[(usize, T)]) -> Option<T>,
    ) -> Result<T, ChainError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, ChainError>> + Send + 'static,
    {
        let answers = self.members.gather(what, request, |good| choose(good).is_some()).await;
        match choose(&answers.good) {
            Some(number) => Ok(number),
            None => Err(self.undecided(what, answers)),
        }
    }

    /// Why nothing is decided: a refusal that a quorum shares, the error of those who all failed, or no quorum.
    fn undecided<T>(&self, what: &str, answers: Answers<T>) -> ChainError {
        let Answers { good, mut refusals, mut failures } = answers;
        let (needed, refused) = (self.quorum(), refusals.len());
        // Contracts that refuse weigh as much as those that accept: one endpoint alone does not end an intent.
        let is_shared = |error: &ChainError| matches!(error, ChainError::Refused { .. });
        let shared = refusals.iter().filter(|(_, error)| is_shared(error)).count();
        if shared >= needed || (good.is_empty() && refused >= needed) {
            let place = refusals.iter().position(|(_, error)| shared < needed || is_shared(error)).unwrap_or_default();
            return refusals.swap_remove(place).1;
        }
        let endpoints = self.members.len();
        if endpoints == 1
            && let Some(error) = failures.pop()
        {
            return error;
        }
        let reason = match (refusals.first(), failures.first()) {
            (Some((_, error)), _) | (None, Some(error)) => error.to_string(),
            (None, None) if good.len() >= needed => "they contradict each other".into(),
            (None, None) => "the others are resting after failures".into(),
        };
        ChainError::NoQuorum { what: what.into(), answered: good.len() + refused, endpoints, needed, reason }
    }

    /// Whether what a quorum stays within is no more than somebody honest says: enough answered that those who may lie are
    /// outvoted, or all that answered say about the same.
    fn is_bounded(&self, sizes: impl Iterator<Item = U256> + Clone, spread: u64) -> bool {
        let liars = self.members.len() - self.quorum();
        let is_outvoted = liars > 0 && sizes.clone().count() > 2 * liars;
        let least = sizes.clone().min().unwrap_or_default();
        is_outvoted || sizes.max().unwrap_or_default() <= least.saturating_mul(U256::from(spread))
    }

    async fn header(&self, number: u64) -> Result<Option<Head>, ChainError> {
        let what = format!("block {number}");
        self.agree(&what, move |source| async move { source.header(number).await }).await
    }

    async fn looks_like_head(&self, heads: &[(usize, Head)]) -> Result<Option<Head>, ChainError> {
        let numbers: Vec<(usize, u64)> = heads.iter().map(|(at, head)| (*at, head.block.number)).collect();
        let Some(top) = at_least(&numbers, self.quorum()) else { return Ok(None) };
        // Often all have the same.
        if let Some((head, _)) = agreed(heads, self.quorum()) {
            return Ok(Some(head));
        }
        let mut last = None;
        for number in (0..HEAD_LOOKS).map_while(|below| top.checked_sub(below)) {
            match self.header(number).await {
                Ok(Some(head)) => return Ok(Some(head)),
                Ok(None) => {}
                Err(error) => last = Some(error),
            }
        }
        last.map_or(Ok(None), Err)
    }
}

impl<S: Source> Chain for Pool<S> {
    fn chain_id(&self) -> u64 {
        self.chain_id
    }

    /// The highest block that a quorum has alike.
    async fn head(&self) -> Result<Head, ChainError> {
        let what = "the latest block";
        // A quorum may have no block alike yet: whoever is ahead has the one below, too.
        let is_enough = |good: &[(usize, Head)]| good.len() >= self.quorum();
        let answers = self.members.gather(what, |source| async move { source.head().await }, is_enough).await;
        self.members.saw(answers.good.iter().map(|(at, head)| (*at, head.block.number)));
        match self.looks_like_head(&answers.good).await? {
            Some(head) => Ok(head),
            None => Err(self.undecided(what, answers)),
        }
    }

    async fn block(&self, number: u64) -> Result<Option<Block>, ChainError> {
        let what = format!("block {number}");
        self.agree(&what, move |source| async move { source.block(number).await }).await
    }

    /// The highest block that a quorum calls final, with the hash that a quorum has for it.
    async fn finalized(&self) -> Result<Option<Block>, ChainError> {
        let what = "the finalized block";
        let is_enough = |good: &[(usize, Option<Block>)]| good.len() >= self.quorum();
        let answers = self.members.gather(what, |source| async move { source.finalized().await }, is_enough).await;
        let silent = answers.good.iter().filter(|(_, block)| block.is_none()).count();
        if silent >= self.quorum() {
            return Ok(None);
        }
        let blocks: Vec<(usize, Block)> =
            answers.good.iter().filter_map(|(at, block)| Some((*at, (*block)?))).collect();
        if let Some((block, _)) = agreed(&blocks, self.quorum()) {
            return Ok(Some(block));
        }
        let numbers: Vec<(usize, u64)> = blocks.iter().map(|(at, block)| (*at, block.number)).collect();
        match at_least(&numbers, self.quorum()) {
            Some(number) => self.block(number).await,
            None => Err(self.undecided(what, answers)),
        }
    }

    async fn nonce(&self, account: Address, at: NonceAt) -> Result<u64, ChainError> {
        let what = format!("the number of transactions of {account}");
        let request = move |source: S| async move { source.nonce(account, at).await };
        match at {
            // Of a block that all have, all count the same.
            NonceAt::Block(_) => self.agree(&what, request).await,
            NonceAt::Latest | NonceAt::Pending => self.number(&what, request, |all| at_least(all, self.quorum())).await,
        }
    }

    async fn balance(&self, account: Address) -> Result<U256, ChainError> {
        let what = format!("the balance of {account}");
        let request = move |source: S| async move { source.balance(account).await };
        self.number(&what, request, |all| at_least(all, self.quorum())).await
    }

    /// The receipt of which a quorum has block and outcome alike; what was paid is what a quorum stays within. When they do not
    /// agree: none, which proves nothing.
    async fn receipt(&self, hash: B256) -> Result<Option<Receipt>, ChainError> {
        let what = format!("the receipt of {hash}");
        let essence = |receipt: &Receipt| (receipt.block, receipt.succeeded);
        let essences = |good: &[(usize, Option<Receipt>)]| -> Vec<_> {
            good.iter().map(|(at, answer)| (*at, answer.as_ref().map(essence))).collect()
        };
        let is_enough = |good: &[(usize, Option<Receipt>)]| agreed(&essences(good), self.quorum()).is_some();
        let request = move |source: S| async move { source.receipt(hash).await };
        let answers = self.members.gather(&what, request, is_enough).await;
        let essences = essences(&answers.good);
        let Some((found, others)) = agreed(&essences, self.quorum()) else {
            return if answers.good.len() >= self.quorum() { Ok(None) } else { Err(self.undecided(&what, answers)) };
        };
        // Who has none, or another one while they have none, may be behind or ahead: only two receipts contradict each other.
        let lies = |at: &usize| essences.iter().any(|(other, essence)| other == at && essence.is_some());
        let others: Vec<usize> = others.into_iter().filter(|at| found.is_some() && lies(at)).collect();
        self.members.contradicted(&what, &others);
        let Some((block, succeeded)) = found else { return Ok(None) };
        let alike = || answers.good.iter().filter_map(|(at, answer)| Some((*at, answer.as_ref()?)));
        let alike = || alike().filter(|(_, receipt)| essence(receipt) == (block, succeeded));
        let gas: Vec<_> = alike().map(|(at, receipt)| (at, receipt.gas_used)).collect();
        let paid: Vec<_> = alike().map(|(at, receipt)| (at, receipt.paid)).collect();
        let (gas_used, paid) = (at_most(&gas, self.quorum()), at_most(&paid, self.quorum()));
        Ok(Some(Receipt { block, succeeded, gas_used: gas_used.unwrap_or_default(), paid: paid.unwrap_or_default() }))
    }

    async fn knows(&self, hash: B256) -> Result<bool, ChainError> {
        let what = format!("transaction {hash}");
        let request = move |source: S| async move { source.knows(hash).await };
        let is_enough = |good: &[(usize, bool)]| agreed(good, self.quorum()).is_some();
        let answers = self.members.gather(&what, request, is_enough).await;
        match agreed(&answers.good, self.quorum()) {
            Some((knows, _)) => Ok(knows),
            None => Err(self.undecided(&what, answers)),
        }
    }

    /// Hands it to all of them. One that takes it is enough; who refuses it is believed when nobody may have it.
    async fn broadcast(&self, raw: &[u8]) -> Reply {
        let bytes: alloy::primitives::Bytes = raw.to_vec().into();
        let request = move |source: S| {
            let bytes = bytes.clone();
            async move {
                let reply = source.broadcast(&bytes).await;
                // Silence is a failure of the endpoint, and is counted as one.
                match reply {
                    Reply::Unanswered(reason) => Err(ChainError::Unreachable { endpoint: source.name(), reason }),
                    reply => Ok(reply),
                }
            }
        };
        let answers = self.members.race("the transaction", request, |reply| *reply == Reply::Taken).await;
        let asked = answers.len();
        let (replies, silent): (Vec<_>, Vec<_>) = answers.into_iter().partition(|(_, answer)| answer.is_ok());
        let mut replies: Vec<Reply> = replies.into_iter().filter_map(|(_, answer)| answer.ok()).collect();
        if let Some(at) = replies.iter().position(|reply| *reply == Reply::Taken) {
            return replies.swap_remove(at);
        }
        if let Some((_, Err(error))) = silent.into_iter().next() {
            return Reply::Unanswered(error.to_string());
        }
        if asked == 0 {
            return Reply::Unanswered("every endpoint is resting after failures".into());
        }
        // What most of them say, and of those what says the most.
        let count = |kind: u8| replies.iter().filter(|reply| severity(reply) == kind).count();
        let kind = replies.iter().map(severity).max_by_key(|kind| (count(*kind), *kind)).unwrap_or_default();
        let at = replies.iter().position(|reply| severity(reply) == kind).unwrap_or_default();
        replies.swap_remove(at)
    }

    async fn simulate(&self, what: &str, call: &Call, on_pending: bool) -> Result<(), ChainError> {
        let (name, call) = (what.to_owned(), call.clone());
        let request = move |source: S| {
            let (name, call) = (name.clone(), call.clone());
            async move { source.simulate(&name, &call, on_pending).await }
        };
        self.agree(what, request).await
    }

    async fn estimate(&self, what: &str, call: &Call) -> Result<u64, ChainError> {
        let (name, call) = (what.to_owned(), call.clone());
        let request = move |source: S| {
            let (name, call) = (name.clone(), call.clone());
            async move { source.estimate(&name, &call).await }
        };
        let choose = |all: &[(usize, u64)]| {
            let sizes = all.iter().map(|(_, gas)| U256::from(*gas));
            at_most(all, self.quorum()).filter(|_| self.is_bounded(sizes, GAS_SPREAD))
        };
        self.number(what, request, choose).await
    }

    async fn prices(&self) -> Result<Prices, ChainError> {
        let what = "the price of gas";
        let offer =
            |prices: &Prices| U256::from(prices.base.unwrap_or_default()) * U256::from(2) + U256::from(prices.tip);
        let choose = |all: &[(usize, Prices)]| {
            if !self.is_bounded(all.iter().map(|(_, prices)| offer(prices)), PRICE_SPREAD) {
                return None;
            }
            let bases: Vec<_> = all.iter().map(|(at, prices)| (*at, prices.base)).collect();
            let tips: Vec<_> = all.iter().map(|(at, prices)| (*at, prices.tip)).collect();
            Some(Prices { base: at_most(&bases, self.quorum())?, tip: at_most(&tips, self.quorum())? })
        };
        self.number(what, |source| async move { source.prices().await }, choose).await
    }

    async fn l1_fee(&self, raw: &[u8], gas: u64) -> Result<U256, ChainError> {
        let bytes: alloy::primitives::Bytes = raw.to_vec().into();
        let request = move |source: S| {
            let bytes = bytes.clone();
            async move { source.l1_fee(&bytes, gas).await }
        };
        let choose = |all: &[(usize, U256)]| {
            at_most(all, self.quorum()).filter(|_| self.is_bounded(all.iter().map(|(_, fee)| *fee), PRICE_SPREAD))
        };
        self.number("the fee for L1 data", request, choose).await
    }

    async fn is_done(&self, intent: &Intent, at: Option<u64>) -> Result<bool, ChainError> {
        let intent = intent.clone();
        let what = format!("whether {} is done", intent.what);
        let request = move |source: S| {
            let intent = intent.clone();
            async move { source.is_done(&intent, at).await }
        };
        self.agree(&what, request).await
    }
}

/// Which refusal says more, when as many endpoints say the one as the other.
const fn severity(reply: &Reply) -> u8 {
    match reply {
        Reply::Taken => 6,
        Reply::NonceTooLow(_) => 5,
        Reply::NoFunds(_) => 4,
        Reply::Underpriced(_) => 3,
        Reply::Full(_) => 2,
        Reply::Refused(_) => 1,
        Reply::Unanswered(_) => 0,
    }
}
