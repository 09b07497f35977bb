//! Sending one transaction and waiting for it: what creates contracts and registers models.
//!
//! Both can be repeated: what is at its place is found there, and registering again changes nothing. What must be done exactly once
//! goes by a journal ([`submitter`](super::submitter)), which asks the same of a transaction before it has a nonce: it is
//! simulated, priced and agreed to.
//!
//! Before a transaction leaves it is signed and noted; an interrupt up to there sends nothing. From there on its hash is known to the
//! operator, and the only question is what becomes of it: a node that answers with an error, or not at all, may have taken it all the
//! same. A receipt counts when its block is on the chain.
//!
//! Limits: fees are estimated once and never raised; one receipt is enough, whatever happens to its block later.

use super::{
    Account, Budget, ChainError, Fork, Node, Outbox, guard,
    operator::{Operator, interrupted, unless_interrupted},
    plan::{Intent, Plan, check_size},
    submitter::{Endpoints, Journal, JournalError, Owner},
    wording::{Meaning, meaning},
};
use crate::storage::Lock;
use alloy::{
    eips::Encodable2718,
    primitives::{Address, B256, Bytes, U256},
    rpc::types::TransactionReceipt,
};
use serde::Serialize;
use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::time::{Instant, MissedTickBehavior, interval};

/// Nodes refuse larger transactions (geth: `txMaxSize`).
pub const MAX_TRANSACTION_BYTES: usize = 128 * 1024;
/// How often a transaction is made anew because its nonce was used, or the node was behind.
const NONCE_ATTEMPTS: u32 = 4;
/// The pause between two of them.
const NONCE_PAUSE: Duration = Duration::from_millis(300);

/// The pause between two looks at an account that another command holds.
const HOLD_PAUSE: Duration = Duration::from_millis(50);

/// When something that is done once counts as done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// With so many blocks, its own included; at least one.
    Blocks(u64),
    /// When its block is final: when the chain says so. On development chains, which say so of anything, with a block on top.
    Final,
}

/// How long to wait, and how much to pay.
#[derive(Clone, Copy, Debug)]
pub struct SendOptions {
    /// The longest wait for a receipt.
    pub receipt_deadline: Duration,
    /// The time between two looks.
    pub poll_interval: Duration,
    /// What may be paid.
    pub budget: Budget,
    /// The rules for gas; `None`: those of [`Fork::of_chain`].
    pub fork: Option<Fork>,
    /// How deep claims, and acts on claims, have to be.
    pub depth: Depth,
}

impl Default for SendOptions {
    fn default() -> Self {
        Self {
            receipt_deadline: Duration::from_secs(120),
            poll_interval: Duration::from_millis(100),
            budget: Budget::default(),
            fork: None,
            depth: Depth::Blocks(1),
        }
    }
}

/// A transaction in a block, successful.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Mined {
    /// Its hash.
    pub transaction_hash: B256,
    /// Its block's number.
    pub block_number: u64,
    /// What it paid for.
    pub gas_used: u64,
    /// Its receipt.
    #[serde(skip)]
    pub receipt: TransactionReceipt,
}

/// What sends: a node, an account, and what both may do. Clones share what was agreed to and spent.
#[derive(Clone, Debug)]
pub(super) struct Sender {
    pub(super) node: Node,
    /// The nodes that have to agree on what is done once; `None`: the node alone says it.
    pub(super) pool: Option<Endpoints>,
    pub(super) account: Account,
    pub(super) options: SendOptions,
    pub(super) operator: Arc<dyn Operator>,
    pub(super) outbox: Option<Outbox>,
    pub(super) ledger: Arc<Mutex<Ledger>>,
}

#[derive(Debug, Default)]
pub(super) struct Ledger {
    pub(super) is_agreed: bool,
    /// The ceilings of what was sent, in wei.
    pub(super) committed: U256,
}

/// A transaction that was signed.
#[derive(Clone, Debug)]
struct Signed {
    hash: B256,
    from: Address,
    nonce: u64,
    raw: Bytes,
}

/// What a node made of a transaction.
enum Broadcast {
    /// It has it, or may have it.
    Taken,
    /// The account's nonce is used, and not by this one.
    NonceUsed,
    /// It does not have it.
    Refused(String),
}

impl Sender {
    pub(super) fn new(node: Node, account: Account) -> Self {
        let (options, operator) = (SendOptions::default(), Arc::new(()));
        Self { node, pool: None, account, options, operator, outbox: None, ledger: Arc::default() }
    }

    pub(super) const fn address(&self) -> Address {
        self.account.address()
    }

    /// Sends and waits.
    pub(super) async fn send(&self, intent: &Intent) -> Result<Mined, ChainError> {
        let what = &*intent.what;
        check_size(what, intent.data.len())?;
        let operator = &*self.operator;
        unless_interrupted(operator, what, self.try_out(intent)).await?;
        let held = match &self.outbox {
            Some(outbox) => Some(self.hold(outbox, what).await?),
            None => None,
        };
        let mut attempt = 1;
        let signed = loop {
            let (signed, cost) = unless_interrupted(operator, what, self.prepare(intent)).await?;
            check_size(what, signed.raw.len())?;
            self.keep(what, &signed)?;
            if operator.is_interrupted() {
                return Err(ChainError::Interrupted(what.into()));
            }
            let message = match self.broadcast(what, &signed).await {
                Broadcast::Taken => break signed,
                Broadcast::NonceUsed if attempt < NONCE_ATTEMPTS => None,
                Broadcast::NonceUsed => Some("its nonce is used, and the node names no other".to_owned()),
                Broadcast::Refused(message) => Some(message),
            };
            self.release(cost);
            if let Some(message) = message {
                return Err(self.not_taken(what, signed.hash, &message).await);
            }
            attempt += 1;
            tokio::time::sleep(NONCE_PAUSE).await;
        };
        drop(held);
        self.wait_for(what, &signed).await
    }

    /// Simulates. An account that does not have what the transaction brings is told so in words that are the same for every node.
    pub(super) async fn try_out(&self, intent: &Intent) -> Result<(), ChainError> {
        let (account, needed) = (self.address(), intent.value);
        if !needed.is_zero() {
            let available = self.node.balance(account).await?;
            if available < needed {
                let (chain_id, what) = (self.node.chain_id(), intent.what.clone());
                return Err(ChainError::InsufficientFunds { chain_id, account, what, needed, available });
            }
        }
        self.node.simulate(&intent.what, intent.request(account)).await.map(drop)
    }

    /// Keeps other commands of this machine from taking the same nonce: waits while one sends. A submitter counts its nonces for
    /// days: nobody waits for its end.
    pub(super) async fn hold(&self, outbox: &Outbox, what: &str) -> Result<Lock, ChainError> {
        let (chain_id, account) = (self.node.chain_id(), self.address());
        let held = async {
            // Of other chains the place does not depend on it.
            let genesis = if guard::is_dev_chain(chain_id) { self.node.block_hash(0).await? } else { None };
            let owner = Owner { chain_id, genesis: genesis.unwrap_or_default(), account };
            let lock = loop {
                if let Some(lock) = outbox.try_hold(&owner)? {
                    break lock;
                }
                tokio::time::sleep(HOLD_PAUSE).await;
            };
            let path = Journal::path_of(outbox.state(), &owner);
            if Journal::is_in_use(&path) {
                return Err(JournalError::InUse { path: path.display().to_string() }.into());
            }
            Ok(lock)
        };
        unless_interrupted(&*self.operator, what, held).await
    }

    /// Prices, asks, signs. Returns the most that it can cost, too.
    async fn prepare(&self, intent: &Intent) -> Result<(Signed, U256), ChainError> {
        let plan = self.consider(intent).await?;
        let (from, nonce, cost) = (self.address(), plan.nonce, plan.ceiling());
        {
            let mut ledger = self.ledger();
            ledger.committed = ledger.committed.saturating_add(cost);
        }
        let signed = self.account.sign(&intent.what, plan.request).await?;
        Ok((Signed { hash: *signed.tx_hash(), from, nonce, raw: signed.encoded_2718().into() }, cost))
    }

    /// Prices, and asks whether it may be paid for: within the budget, and agreed to.
    pub(super) async fn consider(&self, intent: &Intent) -> Result<Plan, ChainError> {
        let (budget, from) = (&self.options.budget, self.address());
        let plan = Plan::make(&self.node, from, intent, budget, self.options.fork).await?;
        let mut ledger = self.ledger();
        let cost = plan.ceiling();
        if let Some(limit) = budget.max_cost {
            let left = limit.saturating_sub(ledger.committed);
            if cost > left {
                let (what, chain_id) = (intent.what.clone(), self.node.chain_id());
                return Err(ChainError::CostTooHigh { what, cost, left, chain_id });
            }
        }
        if !ledger.is_agreed && !guard::is_dev_chain(self.node.chain_id()) {
            self.operator.agree(&plan.offer(&self.node, from, &intent.what, budget))?;
        }
        ledger.is_agreed = true;
        drop(ledger);
        Ok(plan)
    }

    /// What was agreed to and spent.
    pub(super) fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was not sent costs nothing.
    fn release(&self, cost: U256) {
        let mut ledger = self.ledger();
        ledger.committed = ledger.committed.saturating_sub(cost);
    }

    /// On the disk first, then to the operator, then to the node.
    fn keep(&self, what: &str, signed: &Signed) -> Result<(), ChainError> {
        let hash = signed.hash;
        if let Some(outbox) = &self.outbox {
            outbox.note(self.node.chain_id(), what, (signed.from, Some(signed.nonce), hash))?;
        }
        tracing::debug!(%hash, what, "broadcasting");
        self.operator.sending(what, hash);
        Ok(())
    }

    async fn broadcast(&self, what: &str, signed: &Signed) -> Broadcast {
        let (begun, hash) = (Instant::now(), signed.hash);
        loop {
            let message = match self.node.broadcast(what, &signed.raw).await {
                Ok(()) => return Broadcast::Taken,
                Err(ChainError::Rpc { message, .. }) => message,
                // The node may have taken it before the connection broke: the receipt tells.
                Err(error) => {
                    tracing::warn!(%hash, %error, "no answer to the transaction");
                    return Broadcast::Taken;
                }
            };
            match meaning(&message) {
                Meaning::Known => return Broadcast::Taken,
                // Whatever its words: a node that knows the hash has taken it.
                _ if self.is_known(hash).await => return Broadcast::Taken,
                Meaning::NonceTooLow => return Broadcast::NonceUsed,
                Meaning::InFlight
                    if begun.elapsed() < self.options.receipt_deadline && !self.operator.is_interrupted() =>
                {
                    tracing::debug!(%hash, "an earlier transaction of the account is not mined yet");
                    tokio::time::sleep(self.options.poll_interval.max(Duration::from_millis(100))).await;
                }
                _ => return Broadcast::Refused(message),
            }
        }
    }

    async fn is_known(&self, hash: B256) -> bool {
        matches!(self.node.transaction(hash).await, Ok(Some(_)))
    }

    /// Why a node did not take a transaction, and what that is likely to mean.
    pub(super) async fn not_taken(&self, what: &str, hash: B256, message: &str) -> ChainError {
        let hint = match meaning(message) {
            Meaning::NoFunds => {
                "; besides gas, an L2 takes a fee for L1 data (and some an operator fee): send the account more".into()
            }
            Meaning::Underpriced | Meaning::Replacement => "; gas became dearer: run the command again".into(),
            Meaning::InFlight => match self.node.code(self.address()).await {
                Ok(code) if code.starts_with(&[0xef, 0x01, 0x00]) => format!(
                    "; {} delegates to other code (EIP-7702), and nodes take one transaction at a time of such accounts: \
                     use a plain account",
                    self.address()
                ),
                _ => "; wait for the account's earlier transactions".into(),
            },
            _ => String::new(),
        };
        ChainError::NotTaken { what: what.into(), hash, message: message.into(), hint }
    }

    /// Waits for a transaction that was handed over, unless the operator interrupts.
    async fn wait_for(&self, what: &str, signed: &Signed) -> Result<Mined, ChainError> {
        let hash = signed.hash;
        let receipt = tokio::select! {
            biased;
            () = interrupted(&*self.operator) => return Err(ChainError::InterruptedAfter { what: what.into(), hash }),
            receipt = wait(&self.node, &self.options, what, hash) => receipt,
        };
        let receipt = match receipt {
            Err(error @ ChainError::NoReceipt { .. }) => return Err(self.explain(what, signed, error).await),
            receipt => receipt?,
        };
        mined(what, receipt)
    }

    /// Of a transaction without a receipt: whether there can still be one. A nonce that is used, and a node that does not know
    /// the transaction: another one has taken its place.
    async fn explain(&self, what: &str, signed: &Signed, error: ChainError) -> ChainError {
        let (hash, nonce) = (signed.hash, signed.nonce);
        if !self.is_lost(hash, nonce).await {
            return error;
        }
        ChainError::Replaced { what: what.into(), hash, account: signed.from, nonce }
    }

    /// Whether a transaction can never be mined, as far as the node tells.
    pub(super) async fn is_lost(&self, hash: B256, nonce: u64) -> bool {
        let unknown = matches!(self.node.transaction(hash).await, Ok(None));
        unknown && matches!(self.node.nonce(self.address(), false).await, Ok(next) if next > nonce)
    }
}

/// What a receipt says.
pub(super) fn mined(what: &str, receipt: TransactionReceipt) -> Result<Mined, ChainError> {
    let (hash, block_number) = (receipt.transaction_hash, receipt.block_number.unwrap_or_default());
    if !receipt.status() {
        return Err(ChainError::TransactionFailed { what: what.into(), hash, block: block_number });
    }
    Ok(Mined { transaction_hash: hash, block_number, gas_used: receipt.gas_used, receipt })
}

/// Looks for a transaction's receipt until the deadline, whether the transaction succeeded or failed. A node that fails
/// to answer is asked again. The receipt is of a block that the chain has.
///
/// # Errors
/// [`ChainError::NoReceipt`].
pub async fn wait(
    node: &Node,
    options: &SendOptions,
    what: &str,
    hash: B256,
) -> Result<TransactionReceipt, ChainError> {
    let begun = Instant::now();
    let mut ticks = interval(options.poll_interval.max(Duration::from_millis(1)));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let search = async {
        let mut is_told = false;
        loop {
            ticks.tick().await;
            match node.canonical_receipt(hash).await {
                Ok(Some(receipt)) => return receipt,
                Ok(None) => {}
                Err(error) if is_told => tracing::debug!(%hash, %error, "no answer about the receipt"),
                Err(error) => {
                    is_told = true;
                    tracing::warn!(%hash, %error, "no answer about the receipt; asking again");
                }
            }
        }
    };
    tokio::time::timeout(options.receipt_deadline, search).await.map_err(|_| ChainError::NoReceipt {
        what: what.into(),
        hash,
        waited: begun.elapsed(),
    })
}
