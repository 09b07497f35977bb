//! What is in the tables.

use super::JournalError;
use crate::chain::{
    Fees,
    submitter::{
        Intent, Kind,
        state::{Block, By, End, Inclusion, Phase, Reason, State},
    },
};
use alloy::primitives::{B256, Bytes, U256};
use serde::{Deserialize, Serialize};

/// A transaction that was signed. Whatever became of it, it stays in the journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// Its hash.
    pub hash: B256,
    /// What it is for.
    pub intent: B256,
    /// Whether it does that, or takes its place.
    pub purpose: Purpose,
    /// Its nonce.
    pub nonce: u64,
    /// Its gas limit.
    pub gas: u64,
    /// What it pays for gas.
    pub fees: Fees,
    /// The most that it can cost, in wei, with what it brings and L1 data.
    pub ceiling: U256,
    /// When it was signed, in Unix milliseconds.
    pub at: u64,
    /// Its bytes, as a node takes them. Kept beside the rest.
    #[serde(skip)]
    pub raw: Bytes,
}

/// What a transaction is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// It does what the intent says.
    Do,
    /// It sends nothing to the account itself with the nonce of the others, so that none of them is mined.
    Undo,
}

/// Something that happened to an intent, or to the journal as a whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Event {
    /// It was added.
    Planned,
    /// A transaction was signed and kept.
    Signed {
        /// The transaction.
        hash: B256,
        /// Its nonce.
        nonce: u64,
        /// What it is for.
        purpose: Purpose,
    },
    /// A transaction was handed over, and the node has it or may have it.
    Broadcast {
        /// The transaction.
        hash: B256,
    },
    /// The node did not take a transaction, in its words.
    Told {
        /// The transaction.
        hash: B256,
        /// What the node said.
        words: String,
    },
    /// A transaction is in a block.
    Mined(Inclusion),
    /// The block has as many on top as the operator wants.
    Confirmed(Inclusion),
    /// The block is final.
    Finalized(Inclusion),
    /// The block is not on the chain any more.
    Reorged {
        /// The block.
        block: Block,
    },
    /// What was signed can never be mined, finally: it is to be done anew, if it is to be done.
    Released {
        /// The nonce that it had.
        nonce: u64,
        /// Why.
        why: String,
    },
    /// Its transaction is being taken back, or came to nothing in a block; when that is final, it ends like this.
    Ending(End),
    /// It is done otherwise.
    Replaced(By),
    /// It is not wanted any more.
    Cancelled,
    /// It cannot be done.
    Failed(Reason),
    /// The operator wants it after all.
    Revived,
    /// Something that a reader wants to know.
    Noted(String),
}

/// Where an intent is, and what matters for its next step. It follows from the events.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// The intent's.
    pub id: B256,
    /// Its number in the journal: intents are taken in this order.
    pub seq: i64,
    /// What kind of intent it is.
    pub kind: Kind,
    /// Where it is.
    pub state: State,
    /// The nonce of the transactions of it that may still be mined, or are.
    pub nonce: Option<u64>,
    /// How it ends when its transaction has come to nothing.
    pub ending: Option<End>,
    /// How many transactions were signed for it.
    pub attempts: u32,
    /// How many of them reverted in a block.
    pub reverts: u32,
    /// How often a block with it left the chain.
    pub reorgs: u32,
    /// Its last second, in Unix time of the chain's blocks.
    pub deadline: Option<u64>,
    /// Whether waiting costs money.
    pub is_urgent: bool,
    /// When it was added, in Unix milliseconds.
    pub planned_at: u64,
    /// When a transaction of the present nonce was first handed over.
    pub broadcast_at: Option<u64>,
    /// When the state changed last.
    pub since: u64,
}

/// A line of the event table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Logged {
    /// Its number.
    pub seq: i64,
    /// When, in Unix milliseconds.
    pub at: u64,
    /// Of which intent; `None`: of the journal.
    pub intent: Option<B256>,
    /// What.
    pub event: Event,
}

/// One thing to be written: an event, with the transaction that it is about when that is new.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The intent.
    pub intent: B256,
    /// What happened.
    pub event: Event,
    /// A transaction that was just signed.
    pub attempt: Option<Attempt>,
}

impl Change {
    /// An event.
    #[must_use]
    pub const fn of(intent: B256, event: Event) -> Self {
        Self { intent, event, attempt: None }
    }

    /// A transaction that was just signed.
    #[must_use]
    pub fn signed(attempt: Attempt) -> Self {
        let event = Event::Signed { hash: attempt.hash, nonce: attempt.nonce, purpose: attempt.purpose };
        Self { intent: attempt.intent, event, attempt: Some(attempt) }
    }
}

impl Event {
    /// A word for it.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Planned => "planned",
            Self::Signed { .. } => "signed",
            Self::Broadcast { .. } => "broadcast",
            Self::Told { .. } => "told",
            Self::Mined(_) => "mined",
            Self::Confirmed(_) => "confirmed",
            Self::Finalized(_) => "finalized",
            Self::Reorged { .. } => "reorged",
            Self::Released { .. } => "released",
            Self::Ending(_) => "ending",
            Self::Replaced(_) => "replaced",
            Self::Cancelled => "cancelled",
            Self::Failed(_) => "failed",
            Self::Revived => "revived",
            Self::Noted(_) => "noted",
        }
    }

    /// The state that it leads to; `None` when it leads to none.
    fn leads_to(&self) -> Option<State> {
        Some(match self {
            Self::Planned | Self::Released { .. } | Self::Revived => State::Planned,
            Self::Signed { .. } => State::Signed,
            Self::Broadcast { .. } | Self::Reorged { .. } => State::Broadcast,
            Self::Mined(inclusion) => State::Mined(*inclusion),
            Self::Confirmed(inclusion) => State::Confirmed(*inclusion),
            Self::Finalized(inclusion) => State::Finalized(*inclusion),
            Self::Replaced(by) => State::Replaced(*by),
            Self::Cancelled => State::Cancelled,
            Self::Failed(reason) => State::Failed(reason.clone()),
            Self::Told { .. } | Self::Ending(_) | Self::Noted(_) => return None,
        })
    }
}

impl Row {
    /// An intent that was just added.
    pub(super) const fn new(intent: &Intent, seq: i64, at: u64) -> Self {
        Self {
            id: intent.id,
            seq,
            kind: intent.kind,
            state: State::Planned,
            nonce: None,
            ending: None,
            attempts: 0,
            reverts: 0,
            reorgs: 0,
            deadline: intent.deadline,
            is_urgent: intent.is_urgent,
            planned_at: at,
            broadcast_at: None,
            since: at,
        }
    }

    /// Where it is.
    #[must_use]
    pub const fn phase(&self) -> Phase {
        self.state.phase()
    }

    /// Makes an event happen. The same function serves whoever writes and whoever replays.
    ///
    /// # Errors
    /// [`JournalError::WrongMove`]; the row is as it was.
    pub fn apply(&mut self, event: &Event, at: u64) -> Result<(), JournalError> {
        if self.refuses(event) {
            let event = event.name().to_owned();
            return Err(JournalError::WrongMove { intent: self.id, from: self.phase().name(), event });
        }
        match event {
            Event::Signed { nonce, .. } => {
                self.nonce = Some(*nonce);
                self.attempts += 1;
            }
            Event::Broadcast { .. } => self.broadcast_at = self.broadcast_at.or(Some(at)),
            Event::Mined(inclusion) if !inclusion.succeeded => self.reverts += 1,
            Event::Reorged { .. } => self.reorgs += 1,
            Event::Ending(end) => self.ending = Some(end.clone()),
            Event::Released { .. } | Event::Revived => {
                (self.nonce, self.broadcast_at) = (None, None);
                if matches!(event, Event::Revived) || self.ending == Some(End::Replaced) {
                    self.ending = None;
                }
                if matches!(event, Event::Revived) {
                    self.reverts = 0;
                }
            }
            _ => {}
        }
        if let Some(state) = event.leads_to() {
            self.state = state;
            self.since = at;
        }
        Ok(())
    }

    fn refuses(&self, event: &Event) -> bool {
        let wrong_state = match event {
            // What is handed over again, or replaced by a dearer one, stays where it is.
            Event::Planned => true,
            Event::Ending(_) => match self.state.inclusion() {
                Some(found) => !self.state.is_open() || !found.came_to_nothing(),
                None => !matches!(self.phase(), Phase::Signed | Phase::Broadcast),
            },
            Event::Reorged { block } => self.state.inclusion().is_none_or(|inclusion| inclusion.block != *block),
            Event::Revived => self.state.is_open(),
            Event::Released { .. } => self.phase() == Phase::Planned || !self.state.is_open(),
            _ => false,
        };
        // Two transactions that could both be mined have the same nonce.
        let wrong_nonce = match event {
            Event::Signed { nonce, .. } => self.nonce.is_some_and(|kept| kept != *nonce),
            Event::Released { nonce, .. } => self.nonce != Some(*nonce),
            _ => false,
        };
        wrong_state || wrong_nonce || event.leads_to().is_some_and(|next| !self.state.may_become(&next))
    }
}
