//! Handing a transaction over: what a node makes of it, in whatever words.

use super::Sender;
use crate::chain::{
    ChainError, Mined,
    outbox::Signed,
    wording::{Meaning, meaning},
};
use alloy::primitives::B256;
use std::time::Duration;
use tokio::time::Instant;

/// What a node made of a transaction.
pub(super) enum Broadcast {
    /// It has it, or may have it.
    Taken,
    /// The account's nonce is used, and not by this one.
    NonceUsed,
    /// It does not have it.
    Refused(String),
}

impl Sender {
    /// Hands a kept transaction over once more and waits for it. `None`: the node does not take it any more.
    pub(in crate::chain) async fn resend(&self, what: &str, kept: &Signed) -> Result<Option<Mined>, ChainError> {
        if self.operator.is_interrupted() {
            return Err(ChainError::Interrupted(what.into()));
        }
        self.operator.sending(what, kept.hash);
        match self.broadcast(what, kept).await {
            Broadcast::Taken => self.wait_for(what, kept).await.map(Some),
            Broadcast::NonceUsed | Broadcast::Refused(_) => Ok(None),
        }
    }

    pub(super) async fn broadcast(&self, what: &str, signed: &Signed) -> Broadcast {
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

    pub(super) async fn not_taken(&self, what: &str, hash: B256, message: &str) -> ChainError {
        let hint = match meaning(message) {
            Meaning::NoFunds => {
                "; besides gas, an L2 takes a fee for L1 data (and some an operator fee): send the account more".into()
            }
            Meaning::Underpriced => "; gas became dearer: run the command again".into(),
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
}
