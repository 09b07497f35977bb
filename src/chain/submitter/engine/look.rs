//! What the chain is like now, and whether it is the one that was written to.

use super::{Engine, Step, StepError};
use crate::chain::submitter::{
    Chain, Head, NonceAt, Options, Prices, Sequence,
    options::Finality,
    state::{Block, Phase},
};
use std::collections::BTreeMap;

/// After so many blocks the last final one is kept, whether or not anything became final.
const KEEP_EVERY: u64 = 32;

/// What one step sees.
#[derive(Debug)]
pub(super) struct View {
    pub(super) now: u64,
    pub(super) head: Head,
    /// The last block that is final, if one is.
    pub(super) final_block: Option<Block>,
    /// Whether blocks that were seen before may be others now.
    pub(super) has_changed: bool,
    pub(super) latest_nonce: u64,
    pub(super) pending_nonce: u64,
    pub(super) is_paused: bool,
    pub(super) is_draining: bool,
    prices: Option<Prices>,
    blocks: BTreeMap<u64, Option<Block>>,
}

impl View {
    /// The block of this number on the chain, asked for once.
    pub(super) async fn block<C: Chain>(&mut self, chain: &C, number: u64) -> Result<Option<Block>, StepError> {
        if let Some(known) = self.blocks.get(&number) {
            return Ok(*known);
        }
        let found = chain.block(number).await?;
        self.blocks.insert(number, found);
        Ok(found)
    }

    /// Today's prices, asked for once.
    pub(super) async fn prices<C: Chain>(&mut self, chain: &C) -> Result<Prices, StepError> {
        match self.prices {
            Some(prices) => Ok(prices),
            None => Ok(*self.prices.insert(chain.prices().await?)),
        }
    }

    /// Whether a block of this number is final.
    pub(super) fn is_final(&self, number: u64) -> bool {
        self.final_block.is_some_and(|block| number <= block.number)
    }
}

impl<C: Chain> Engine<C> {
    /// `None`: nothing may be sent, and the step says why.
    pub(super) async fn look(&mut self, now: u64, step: &mut Step) -> Result<Option<View>, StepError> {
        let head = self.chain.head().await?;
        let controls = self.journal.controls()?;
        let has_changed = !self.is_successor(&head).await?;
        let final_block = match self.final_block_of(&head, controls.final_block, has_changed).await? {
            Ok(block) => block,
            Err(why) => {
                tracing::error!(why, "nothing is sent");
                if controls.hold.as_ref() != Some(&why) {
                    self.journal.set_hold(Some(&why))?;
                }
                // Whatever comes next is looked at from the beginning.
                self.seen = None;
                step.hold = Some(why);
                return Ok(None);
            }
        };
        if controls.hold.is_some() {
            self.journal.set_hold(None)?;
        }
        let account = self.address();
        let latest_nonce = self.chain.nonce(account, NonceAt::Latest).await?;
        let waits =
            self.rows.values().any(|row| matches!(row.phase(), Phase::Planned | Phase::Signed | Phase::Broadcast));
        // Only who sends wants to know what is in the pool.
        let pending_nonce =
            if waits { self.chain.nonce(account, NonceAt::Pending).await?.max(latest_nonce) } else { latest_nonce };
        let (is_paused, is_draining) = (controls.is_paused, controls.is_draining);
        let (prices, blocks) = (None, BTreeMap::from([(head.block.number, Some(head.block))]));
        Ok(Some(View {
            now,
            head,
            final_block,
            has_changed,
            latest_nonce,
            pending_nonce,
            is_paused,
            is_draining,
            prices,
            blocks,
        }))
    }

    /// Whether all that was seen before is still on the chain.
    async fn is_successor(&self, head: &Head) -> Result<bool, StepError> {
        let Some(seen) = self.seen else { return Ok(false) };
        if head.block == seen.block || head.parent == seen.block.hash {
            return Ok(true);
        }
        Ok(self.chain.block(seen.block.number).await? == Some(seen.block))
    }

    /// The last final block; else why nobody may go on.
    async fn final_block_of(
        &mut self,
        head: &Head,
        kept: Option<Block>,
        has_changed: bool,
    ) -> Result<Result<Option<Block>, String>, StepError> {
        let known = self.final_block.or(kept);
        let named = match self.options.finality {
            Finality::Tag => self.chain.finalized().await?.map(|block| block.number),
            Finality::Depth(_) => None,
        };
        let depth = match self.options.finality {
            Finality::Tag => Options::DEEP,
            Finality::Depth(depth) => depth,
        };
        let number = named.or_else(|| head.block.number.checked_sub(depth));
        let is_later = number > known.map(|block| block.number);
        if let Some(known) = known.filter(|_| is_later || has_changed) {
            match self.chain.block(known.number).await? {
                Some(block) if block == known => {}
                Some(block) => return Ok(Err(went_back(known, block))),
                None => {
                    return Ok(Err(format!(
                        "block {} was final, and this node has it no more or not yet (its latest block is {}): nothing is sent \
                         until it has",
                        known.number, head.block.number
                    )));
                }
            }
        }
        let Some(number) = number.filter(|_| is_later) else { return Ok(Ok(known)) };
        // A node may name a block that it has not; then nothing new is final.
        let Some(block) = self.chain.block(number).await? else { return Ok(Ok(known)) };
        self.final_block = Some(block);
        if kept.is_none_or(|kept| block.number >= kept.number + KEEP_EVERY) {
            self.journal.set_final_block(block)?;
        }
        Ok(Ok(Some(block)))
    }

    /// What nonces are used, by whom.
    pub(super) fn sequence(&self, view: &View) -> Sequence {
        let ours = self.rows.values().filter_map(|row| row.nonce).collect();
        Sequence { latest: view.latest_nonce, pending: view.pending_nonce, ours }
    }
}

fn went_back(known: Block, found: Block) -> String {
    format!(
        "the chain went back beyond what was final: block {} was {} and is {} now. Nothing is sent. If the node is wrong, use \
         another one; if the chain was made anew, what this journal says of it is history: move the journal away and begin another",
        known.number, known.hash, found.hash
    )
}
