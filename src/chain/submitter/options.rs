//! How the submitter goes about it.

use crate::chain::Fork;
use std::time::Duration;

/// When a block counts as final.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finality {
    /// When the chain says so (the block tag `finalized`). Of a chain that has no such word: with [`Options::DEEP`] blocks on top.
    Tag,
    /// With so many blocks on top.
    Depth(u64),
}

/// How the submitter goes about it. Durations are of the caller's clock, deadlines of the chain's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// How many blocks, its own included, make a transaction confirmed.
    pub confirmations: u64,
    /// When a block is final.
    pub finality: Finality,
    /// How many transactions may be on their way at once.
    pub window: usize,
    /// A transaction that is not mined for so long is replaced by a dearer one.
    pub bump_after: Duration,
    /// The same where waiting costs money.
    pub bump_urgent_after: Duration,
    /// How long a transaction that the pool does not have is waited for before it is handed over again.
    pub resend_after: Duration,
    /// How often a contract has to refuse, each time at another block, before an intent fails.
    pub refusals: u32,
    /// How often a node may refuse a transaction that nothing is wrong with before it is taken back.
    pub node_refusals: u32,
    /// How often a transaction of an intent may revert before the intent fails.
    pub reverts: u32,
    /// What has less time than this left, in seconds of the chain, is not begun.
    pub deadline_margin: u64,
    /// An answer that a bond depends on, with less time than this left, in seconds of the chain, does not wait for finality when its
    /// nonce went elsewhere or its transaction reverted: it is signed anew at once. Its contract takes it once all the same.
    pub hurry: u64,
    /// The most wei for a unit of gas.
    pub max_fee: Option<u128>,
    /// The same where waiting costs money; never less than the other one.
    pub max_fee_urgent: Option<u128>,
    /// The rules for gas; `None`: those of [`Fork::of_chain`].
    pub fork: Option<Fork>,
    /// Whether nothing is signed: what would be is only said.
    pub is_dry_run: bool,
}

impl Options {
    /// How many blocks on top are final enough where the chain has no word for it.
    pub const DEEP: u64 = 64;
    /// The usual [`Options::hurry`]: an hour.
    pub const HURRY: u64 = 3600;

    /// The most wei for a unit of gas; `None`: no limit.
    #[must_use]
    pub fn fee_limit(&self, is_urgent: bool) -> Option<u128> {
        match (self.max_fee, self.max_fee_urgent) {
            (Some(usual), Some(urgent)) if is_urgent => Some(usual.max(urgent)),
            (usual, _) => usual,
        }
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            confirmations: 3,
            finality: Finality::Tag,
            window: 16,
            bump_after: Duration::from_secs(45),
            bump_urgent_after: Duration::from_secs(15),
            resend_after: Duration::from_secs(10),
            refusals: 3,
            node_refusals: 6,
            reverts: 3,
            deadline_margin: 2,
            hurry: Self::HURRY,
            max_fee: None,
            max_fee_urgent: None,
            fork: None,
            is_dry_run: false,
        }
    }
}
